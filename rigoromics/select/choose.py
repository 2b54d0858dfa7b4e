"""Choose the k features that the model may use."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.errors import DataError
from rigoromics.select.columns import Array, Names, feature_columns, feature_values
from rigoromics.select.lasso import lasso_order
from rigoromics.select.rank import mrmr_order, univariate_order
from rigoromics.select.relieff import relieff_order
from rigoromics.select.resampled import stability_order
from rigoromics.select.significance import fdr_order

METHODS = (
    "univariate",
    "mrmr",
    "univariate_fdr",
    "relieff",
    "lasso",
    "boruta",
    "stability_selection",
)


class ChooseFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The k best features; clinical predictors always stay.

    Parameters
    ----------
    k
        Number of features; all, where there are no more. Methods that judge may keep fewer.
    method
        `univariate`: each by its own relevance. `mrmr`: relevant and not redundant.
        `univariate_fdr`: within a false discovery rate. `relieff`: by nearest neighbours. `lasso`:
        by entry into the lasso path. `boruta`: better than shuffled copies.
        `stability_selection`: again and again among the first of the lasso path in halves.
        `random`: any, for a control.
    fdr
        False discovery rate of `univariate_fdr`.
    threshold, false_features
        Share of halves, and expected number of false features, of `stability_selection`.
    seed
        Of methods that resample.

    Attributes
    ----------
    features_
        Features chosen, the best first.
    """

    def __init__(
        self,
        k: int = 4,
        method: str = "mrmr",
        fdr: float = 0.05,
        threshold: float = 0.75,
        false_features: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.k = k
        self.method = method
        self.fdr = fdr
        self.threshold = threshold
        self.false_features = false_features
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> ChooseFeatures:
        """Rank the features of the training patients against their outcomes."""
        names = feature_columns(X)
        order = self._order(feature_values(X, names), y)
        self.features_: Names = np.array(names, dtype=np.str_)[order]
        return self

    def _order(self, values: Array, y: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
        if self.method == "univariate_fdr":
            return fdr_order(values, y, self.k, self.fdr)
        if self.method == "boruta":
            # Forests are loaded for those who ask for one.
            from rigoromics.select.boruta import boruta_order

            return boruta_order(values, y, self.k, self.seed)
        if self.method == "stability_selection":
            return stability_order(
                values, y, self.k, lasso_order, self.threshold, self.false_features, self.seed
            )
        if self.method == "random":
            # The control that a study may ask for; no method for a signature.
            rng = np.random.default_rng(self.seed)
            return rng.permutation(values.shape[1])[: self.k].astype(np.intp)
        rankings = {
            "univariate": univariate_order,
            "mrmr": mrmr_order,
            "relieff": relieff_order,
            "lasso": lasso_order,
        }
        if self.method not in rankings:
            raise DataError(
                f"there is no selection method {self.method!r}",
                f"choose among: {', '.join(METHODS)}",
            )
        return rankings[self.method](values, y, self.k)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the clinical predictors and the chosen features."""
        features = set(feature_columns(X))
        clinical = [name for name in X.columns if name not in features]
        return X[[*clinical, *self.features_]]


def feature_cap(
    y: npt.NDArray[Any], limit: int | Literal["auto", "riley"], explained: float = 0.15
) -> int:
    """Return the largest number of features that the training outcomes can carry.

    Parameters
    ----------
    y
        Outcomes of the training patients.
    limit
        `auto`: one feature per ten events (of the rarer class), at least one. `riley`: see
        :func:`riley_cap`. A number is taken as it is.
    explained
        Of `riley`: Nagelkerke's R2 that the model is expected to reach.
    """
    if limit == "riley":
        return riley_cap(y, explained)
    return events_cap(y) if limit == "auto" else int(limit)


def check_limit(
    y: npt.NDArray[Any], limit: int | Literal["auto", "riley"], explained: float, exceed: bool
) -> None:
    """Refuse a number of features that the outcomes cannot carry, unless that is declared.

    Parameters
    ----------
    y
        Outcomes of all development patients.
    limit, explained
        As for :func:`feature_cap`.
    exceed
        Whether the study declares that it goes beyond.

    Raises
    ------
    DataError
        If the number is above both one per ten events and, where it is there, Riley's criterion.
    """
    if exceed or not isinstance(limit, int):
        return
    rileys = (y.dtype.names or ["event"])[0] == "event"
    carried = max(events_cap(y), riley_cap(y, explained) if rileys else 1)
    if limit > carried:
        raise DataError(
            f"`selection: max_features:` is {limit}, but the development outcomes carry {carried}",
            f"lower it to {carried}, or declare it with `selection: exceed_cap: true`",
        )


def riley_cap(y: npt.NDArray[Any], explained: float, shrinkage: float = 0.9) -> int:
    """Return the most parameters whose model is expected to need no more shrinkage, at least one.

    Criterion 1 of Riley et al., Stat Med 2019;38:1276-1296, solved for the number of parameters:
    n (S - 1) ln(1 - R2 / S), with Cox and Snell's R2 as the expected share of its largest value
    for this proportion of events (binary) or this number of events (survival).

    Parameters
    ----------
    y
        Outcomes of the training patients, binary or survival.
    explained
        Share of the largest R2, which is Nagelkerke's R2; where nothing is known, 0.15 (Riley et
        al., BMJ 2020;368:m441).
    shrinkage
        Expected uniform shrinkage.

    Raises
    ------
    DataError
        If the endpoint is of another type.
    """
    kind = (y.dtype.names or [""])[0]
    if kind not in ("", "event"):
        raise DataError(
            "Riley's criterion is there for binary and survival endpoints alone",
            "set `selection: max_features:` to auto or to a number",
        )
    happened = int(np.sum(y["event"] if kind else y == 1))
    r2 = explained * largest_r2(len(y), happened, timed=bool(kind))
    return max(1, int(len(y) * (shrinkage - 1) * np.log(1 - r2 / shrinkage) + 1e-9))


def largest_r2(patients: int, happened: int, timed: bool) -> float:
    """Return the largest R2 of Cox and Snell that outcomes allow.

    Examples
    --------
    >>> [round(largest_r2(100, events, False), 2) for events in (50, 10, 5)]
    [0.75, 0.48, 0.33]
    """
    share = happened / patients
    if share == 0 or (share == 1 and not timed):
        return 0.0
    if timed:
        log_likelihood = share * np.log(share) - share
    else:
        log_likelihood = share * np.log(share) + (1 - share) * np.log(1 - share)
    return float(1 - np.exp(2 * log_likelihood))


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
