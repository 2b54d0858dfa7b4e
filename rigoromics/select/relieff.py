"""ReliefF: features that tell a patient from near ones of another class, and not from its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.errors import DataError
from rigoromics.select.columns import Array

NEIGHBOURS = 10


def relieff_weights(values: Array, y: npt.NDArray[Any], neighbours: int = NEIGHBOURS) -> Array:
    """Return ReliefF's weight of each feature, from -1 to 1.

    Every patient is looked at once. Of a feature, each of its nearest patients of the same class
    takes off the difference, each of the nearest of another class adds it, weighted by how common
    that class is. Differences are shares of a feature's range, distances their sum.

    Source: Kononenko, Lect Notes Comput Sci 1994;784:171-182; Robnik-Sikonja and Kononenko, Mach
    Learn 2003;53:23-69, equations 1 to 3.

    Parameters
    ----------
    values
        Shape (patients, features), without missing values.
    y
        Binary outcome (0, 1), or a structured array with the field `level` or `class`.
    neighbours
        Nearest patients of each class that are asked; fewer where a class has fewer.

    Raises
    ------
    DataError
        If the outcome has no classes.
    """
    kind = (y.dtype.names or [""])[0]
    if kind not in ("", "level", "class"):
        raise DataError(
            "ReliefF needs classes, and the endpoint has none",
            "choose another `selection: method:`, such as mrmr or lasso",
        )
    classes, codes = np.unique(y[kind] if kind else y, return_inverse=True)
    spread = np.ptp(values, axis=0)
    scaled = values / np.where(spread > 0, spread, 1.0)
    distance = np.array([np.abs(scaled - row).sum(axis=1) for row in scaled])
    np.fill_diagonal(distance, np.inf)
    share = np.bincount(codes) / len(codes)
    weights = np.zeros(values.shape[1])
    for code in range(len(classes)):
        members = np.flatnonzero(codes == code)
        for own in range(len(classes)):
            near = _nearest(distance[np.ix_(codes == own, members)], neighbours)
            if not near.shape[1]:
                continue
            mine = scaled[codes == own]
            difference = np.abs(mine[:, None, :] - scaled[members[near]]).mean(axis=1).sum(axis=0)
            factor = -1.0 if own == code else share[code] / (1 - share[own])
            weights += factor * difference / len(codes)
    return weights


def _nearest(distance: Array, neighbours: int) -> npt.NDArray[np.intp]:
    """Return columns of the smallest distances of each row; ties go by order, itself is none."""
    count = min(neighbours, int(np.isfinite(distance).sum(axis=1).min(initial=neighbours)))
    return np.argsort(distance, axis=1, kind="stable")[:, :count]


def relieff_order(values: Array, y: npt.NDArray[Any], k: int) -> npt.NDArray[np.intp]:
    """Return the positions of the k features of the largest weight, the best first."""
    return np.argsort(-np.round(relieff_weights(values, y), 12), kind="stable")[:k]
