"""The design matrix: clinical predictors as numbers, everything on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.select.columns import CLINICAL, Array, Names, feature_columns, feature_values


class DesignMatrix(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Clinical predictors and features, standardised by the training patients.

    Categorical predictors become one indicator per level seen in training, but for the most
    frequent level, which is the reference. A level that training never saw counts as the
    reference: nothing is known about it. Batch and ComBat covariates that are no predictors
    leave here.

    Parameters
    ----------
    clinical
        Clinical predictors that enter the model (name without prefix) to their kind; empty for
        a signature of features alone.

    Attributes
    ----------
    columns_, means_, scales_
        Name, mean and standard deviation (divisor n) of each column, shape (columns,).
    """

    def __init__(self, clinical: Mapping[str, str]) -> None:
        self.clinical = clinical

    def fit(self, X: pd.DataFrame, y: Any = None) -> DesignMatrix:
        """Learn levels, means and standard deviations."""
        self.levels_: dict[str, Names] = {
            name: _levels(X[f"{CLINICAL}{name}"])
            for name, kind in self.clinical.items()
            if kind == "categorical"
        }
        self.features_: Names = np.array(feature_columns(X), dtype=np.str_)
        names, values = self._columns(X)
        self.columns_: Names = np.array(names, dtype=np.str_)
        self.means_: Array = values.mean(axis=0)
        spread = values.std(axis=0)
        self.scales_: Array = np.where(spread > 0, spread, 1.0)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the standardised design matrix, shape (patients, columns)."""
        _, values = self._columns(X)
        standard = (values - self.means_) / self.scales_
        return pd.DataFrame(standard, index=X.index, columns=list(self.columns_))

    def _columns(self, X: pd.DataFrame) -> tuple[list[str], Array]:
        names: list[str] = []
        parts: list[Array] = []
        for name in self.clinical:
            column = X[f"{CLINICAL}{name}"]
            if name not in self.levels_:
                names.append(f"{CLINICAL}{name}")
                parts.append(column.to_numpy(dtype=np.float64)[:, None])
                continue
            levels = self.levels_[name]
            names += [f"{CLINICAL}{name}={level}" for level in levels]
            indicators = column.astype(str).to_numpy()[:, None] == levels[None, :]
            parts.append(indicators.astype(np.float64))
        parts.append(feature_values(X, list(self.features_)))
        return names + list(map(str, self.features_)), np.column_stack(parts)


def _levels(column: pd.Series[Any]) -> Names:
    """Return the levels but for the most frequent, sorted; ties go to the first in the alphabet."""
    found, counts = np.unique(column.astype(str).to_numpy(dtype=np.str_), return_counts=True)
    reference = int(np.argmax(counts))
    return np.delete(found, reference)
