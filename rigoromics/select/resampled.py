"""Stability selection: features that are chosen again and again in halves of the patients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.select.columns import Array

Order = Callable[[Array, npt.NDArray[Any], int], npt.NDArray[np.intp]]
PAIRS = 50


def stability_selection(
    values: Array,
    y: npt.NDArray[Any],
    order: Order,
    threshold: float,
    false_features: float,
    seed: int,
    pairs: int = PAIRS,
) -> tuple[Array, int]:
    """Return how often each feature is among the first q in halves of the patients, and q.

    Patients are cut into halves at random, again and again, and both halves count (Shah and
    Samworth, J R Stat Soc B 2013;75:55-80). The number q of features that each half may choose
    follows from the number of false ones that is accepted, by the bound of Meinshausen and
    Bühlmann (J R Stat Soc B 2010;72:417-473, theorem 1): of the features chosen in at least
    `threshold` of the halves, no more than q^2 / ((2 threshold - 1) features) are expected to be
    false, if the chooser is no worse than guessing and false features are exchangeable.

    Parameters
    ----------
    values
        Shape (patients, features), without missing values.
    y
        Outcomes; each half gets its share of those with and without the event or of each class.
    order
        Ranks features: values, outcomes and their number to positions, the best first.
    threshold
        Share of halves, above one half and up to one.
    false_features
        Expected number of false features that is accepted.
    seed
        Of the halves.
    pairs
        How many times patients are halved.
    """
    features = values.shape[1]
    q = most_per_half(features, threshold, false_features)
    rng = np.random.default_rng(seed)
    strata = _strata(y)
    hits = np.zeros(features)
    for _ in range(pairs):
        first = _half(strata, rng)
        for rows in (first, ~first):
            hits[order(values[rows], y[rows], q)] += 1
    return hits / (2 * pairs), q


def most_per_half(features: int, threshold: float, false_features: float) -> int:
    """Return the largest q that keeps the bound; at least one.

    Examples
    --------
    >>> most_per_half(1000, 0.75, 1.0)
    22
    """
    return max(1, int(np.sqrt(false_features * (2 * threshold - 1) * features) + 1e-9))


def stability_order(
    values: Array,
    y: npt.NDArray[Any],
    k: int,
    order: Order,
    threshold: float,
    false_features: float,
    seed: int,
) -> npt.NDArray[np.intp]:
    """Return up to k features chosen in at least `threshold` of the halves, best first.

    If there is none, the most frequent one alone: a signature has at least one feature.
    """
    frequency, _ = stability_selection(values, y, order, threshold, false_features, seed)
    found = np.argsort(-frequency, kind="stable")
    count = int(np.sum(frequency >= threshold - 1e-12))
    return found[: min(max(count, 1), k)]


def _strata(y: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    kind = (y.dtype.names or [""])[0]
    if kind == "count":
        return np.zeros(len(y), dtype=np.intp)
    return np.unique(y[kind] if kind else y, return_inverse=True)[1]


def _half(strata: npt.NDArray[np.intp], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    half = np.zeros(len(strata), dtype=np.bool_)
    for stratum in range(int(strata.max()) + 1):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        # Of an odd number, now this half has one more, now the other.
        half[members[: (len(members) + int(rng.integers(2))) // 2]] = True
    return half
