"""Fill missing values with what the training patients show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.errors import DataError
from rigoromics.select.columns import (
    CLINICAL,
    Array,
    Names,
    feature_columns,
    feature_values,
    replace_features,
)

MISSING = "missing"


class Imputer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Medians for numbers, a level of its own for categories.

    Parameters
    ----------
    clinical
        Clinical predictor (name without its prefix) to its kind, `numeric` or `categorical`.
        A clinical column not named here counts as categorical if it is not a number.
    max_missing
        Features missing in more than this share of the training patients are dropped.

    Attributes
    ----------
    features_, medians_
        Features kept, and the value that fills each, shape (features,).
    n_dropped_
        Features that were missing too often.
    """

    def __init__(self, clinical: Mapping[str, str], max_missing: float = 0.5) -> None:
        self.clinical = clinical
        self.max_missing = max_missing

    def fit(self, X: pd.DataFrame, y: Any = None) -> Imputer:
        """Learn the medians; raises DataError if every feature is missing too often."""
        names = feature_columns(X)
        values = feature_values(X, names)
        missing = np.isnan(values).mean(axis=0) if names else np.zeros(0)
        kept = (missing <= self.max_missing) & (missing < 1)
        if names and not kept.any():
            raise DataError(
                f"no feature is left: all {len(names)} are missing in more than "
                f"{self.max_missing:.0%} of the {len(X)} training patients",
                "look at the problems table of the extraction",
            )
        self.features_: Names = np.array(names, dtype=np.str_)[kept]
        self.medians_ = column_medians(values[:, kept])
        self.n_dropped_ = int((~kept).sum())
        numeric = [name for name in _clinical(X) if self._is_numeric(X, name)]
        self.numeric_: Names = np.array(numeric, dtype=np.str_)
        self.numeric_medians_ = column_medians(_numbers(X, numeric))
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table without missing values."""
        values = feature_values(X, list(self.features_))
        filled = replace_features(
            X, list(self.features_), np.where(np.isnan(values), self.medians_, values)
        )
        numeric = list(self.numeric_)
        numbers = _numbers(X, numeric)
        filled[numeric] = np.where(np.isnan(numbers), self.numeric_medians_, numbers)
        for name in _clinical(X):
            if name not in numeric:
                filled[name] = X[name].astype(object).where(X[name].notna(), MISSING).astype(str)
        return filled

    def _is_numeric(self, X: pd.DataFrame, column: str) -> bool:
        kind = self.clinical.get(column.removeprefix(CLINICAL))
        if kind not in (None, "numeric", "categorical"):
            raise DataError(
                f"clinical predictor {column.removeprefix(CLINICAL)!r} has the unknown kind "
                f"{kind!r}",
                "choose `numeric` or `categorical`",
            )
        return kind == "numeric" if kind else pd.api.types.is_numeric_dtype(X[column])


def column_medians(values: Array) -> Array:
    """Return the median of each column's numbers, shape (columns,); 0 where there is none.

    One sort for all columns: numpy's own nanmedian goes column by column on short tables.
    """
    count = np.isfinite(values).sum(axis=0)
    ordered = np.sort(values, axis=0)  # NaN goes last
    columns = np.arange(values.shape[1])
    middle = (
        ordered[np.maximum(count - 1, 0) // 2, columns]
        + ordered[np.minimum(count // 2, len(values) - 1), columns]
    ) / 2
    return np.where(count > 0, middle, 0.0)


def _clinical(X: pd.DataFrame) -> list[str]:
    return [name for name in map(str, X.columns) if name.startswith(CLINICAL)]


def _numbers(X: pd.DataFrame, names: list[str]) -> Array:
    if not names:
        return np.zeros((len(X), 0))
    columns = [pd.to_numeric(X[name], errors="coerce").to_numpy(dtype=np.float64) for name in names]
    numbers = np.column_stack(columns)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers
