"""Drop features that hardly vary between the training patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.errors import DataError
from rigoromics.select.columns import (
    Array,
    Names,
    feature_columns,
    feature_values,
    keep_features,
)

# A range below this share of the largest value is rounding, not variation.
ROUNDING = 1e-12


class VarianceFilter(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keep features that vary.

    Parameters
    ----------
    dominance
        A feature goes when one single value is held by at least this share of the patients.

    Attributes
    ----------
    features_
        Features kept.
    n_dropped_
        Features that hardly vary.
    """

    def __init__(self, dominance: float = 0.95) -> None:
        self.dominance = dominance

    def fit(self, X: pd.DataFrame, y: Any = None) -> VarianceFilter:
        """Find the features that vary; raises DataError if none does."""
        names = feature_columns(X)
        kept = ~hardly_varies(feature_values(X, names), self.dominance)
        if names and not kept.any():
            raise DataError(
                f"no feature is left: all {len(names)} have (nearly) one and the same value in "
                f"the {len(X)} training patients",
                "check that each patient's own image was extracted",
            )
        self.features_: Names = np.array(names, dtype=np.str_)[kept]
        self.n_dropped_ = int((~kept).sum())
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table with the varying features only."""
        return keep_features(X, list(self.features_))


def hardly_varies(values: Array, dominance: float) -> npt.NDArray[np.bool_]:
    """Return for each column whether one value is held by a share `dominance` of the rows.

    Parameters
    ----------
    values
        Shape (rows, columns), without missing values.
    dominance
        Between 0 and 1.

    Returns
    -------
    numpy.ndarray
        Shape (columns,).

    Examples
    --------
    >>> hardly_varies(np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]), 0.95)
    array([ True, False])
    """
    rows = len(values)
    if rows == 0 or values.shape[1] == 0:
        return np.ones(values.shape[1], dtype=np.bool_)
    ordered = np.sort(values, axis=0)
    # In sorted order, a run of m equal values shows as equality m - 1 places apart.
    run = max(2, int(np.ceil(dominance * rows - 1e-9)))
    alike = ordered[run - 1 :] == ordered[: rows - run + 1]
    flat = np.ptp(values, axis=0) <= ROUNDING * np.abs(values).max(axis=0)
    return np.asarray(alike.any(axis=0) | flat)
