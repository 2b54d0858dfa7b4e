"""Choose the k features that the model may use."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.errors import DataError
from rigoromics.select.columns import Names, feature_columns, feature_values
from rigoromics.select.rank import mrmr_order, univariate_order


class ChooseFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The k best features; clinical predictors always stay.

    Parameters
    ----------
    k
        Number of features; all, where there are no more.
    method
        `univariate`: each by its own relevance. `mrmr`: relevant and not redundant.

    Attributes
    ----------
    features_
        Features chosen, the best first.
    """

    def __init__(self, k: int = 4, method: Literal["univariate", "mrmr"] = "mrmr") -> None:
        self.k = k
        self.method = method

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> ChooseFeatures:
        """Rank the features of the training patients against their outcomes."""
        rankings = {"univariate": univariate_order, "mrmr": mrmr_order}
        if self.method not in rankings:
            raise DataError(
                f"there is no selection method {self.method!r}",
                f"choose among: {', '.join(rankings)}",
            )
        names = feature_columns(X)
        order = rankings[self.method](feature_values(X, names), y, self.k)
        self.features_: Names = np.array(names, dtype=np.str_)[order]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the clinical predictors and the chosen features."""
        features = set(feature_columns(X))
        clinical = [name for name in X.columns if name not in features]
        return X[[*clinical, *self.features_]]


def feature_cap(y: npt.NDArray[Any], limit: int | Literal["auto"]) -> int:
    """Return the largest number of features that the training outcomes can carry.

    Parameters
    ----------
    y
        Outcomes of the training patients.
    limit
        `auto`: one feature per ten events (of the rarer class), at least one. A number is taken
        as it is.
    """
    return events_cap(y) if limit == "auto" else int(limit)


def events_cap(y: npt.NDArray[Any]) -> int:
    """Return one tenth of the events (of the rarer class, if binary), at least one.

    Ten events per candidate parameter: Peduzzi et al., J Clin Epidemiol 1996;49:1373-1379. What
    counts as events: of ordinal levels, the rarer side of the step that divides patients most
    evenly (a model of all steps knows no less than one of that step); of classes, the smallest
    (de Jong et al., Stat Med 2019;38:1601-1619); of counts, their sum, but no more than patients.
    """
    return max(1, int(_limiting(y)) // 10)


def _limiting(y: npt.NDArray[Any]) -> int:
    """Return how many patients or events limit the number of parameters."""
    kind = (y.dtype.names or [""])[0]
    if kind == "level":
        below = np.cumsum(np.bincount(y[kind]))
        return int(np.max(np.minimum(below, len(y) - below)))
    if kind == "class":
        sizes = np.bincount(y[kind])
        return int(sizes[sizes > 0].min())
    if kind == "count":
        return int(min(y[kind].sum(), len(y)))
    counts = [np.sum(y["event"])] if y.dtype.names else [np.sum(y == 1), np.sum(y == 0)]
    return int(min(counts))
