"""Several batch variables, harmonised one after the other.

Joining scanner, kernel and thickness into one batch makes many batches of few patients. Harmonising
by one variable after the other needs patients per level of each only. The idea is that of Nested
ComBat (Horng, Singh, Yousefi et al., Sci Rep 2022;12:4493); its successor OPNested ComBat (Horng
et al., Sci Rep 2022;12:19009) also searches for the best order. Here the order is the one that the
study declares: no data choose it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.errors import DataError
from rigoromics.harmonise.combat import ComBat, UnseenPolicy
from rigoromics.harmonise.covbat import CovBat

BATCH = "study.batch"
# One column per variable stands beside the joined batch: `study.batch.manufacturer`.
VARIABLE = f"{BATCH}."
METHODS: dict[str, type[ComBat]] = {"combat": ComBat, "covbat": CovBat}


class SequentialComBat(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """ComBat (or CovBat) by one batch variable after the other.

    Parameters
    ----------
    variables
        Columns that name each patient's level of each variable, in the order of harmonising.
    method
        `combat` or `covbat`.
    batch
        Column of all variables together, by which a batch effect is measured.
    covariates, features, parametric, mean_only, unseen, extremes
        As in :class:`~rigoromics.harmonise.combat.ComBat`, for every variable.

    Attributes
    ----------
    steps_
        The fitted ComBat of each variable, each learned from what the one before it returned.
    """

    def __init__(
        self,
        variables: Sequence[str],
        method: str = "combat",
        batch: str = BATCH,
        covariates: Sequence[str] = (),
        features: Sequence[str] | None = None,
        parametric: bool = True,
        mean_only: bool = False,
        unseen: UnseenPolicy = "none",
        extremes: float | None = 10.0,
    ) -> None:
        self.variables = variables
        self.method = method
        self.batch = batch
        self.covariates = covariates
        self.features = features
        self.parametric = parametric
        self.mean_only = mean_only
        self.unseen = unseen
        self.extremes = extremes

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Learn every variable's shifts and scales; raises as ComBat does."""
        if not self.variables:
            raise DataError(
                "no batch variable is named", "name at least one in `harmonisation: batch:`"
            )
        self.steps_: list[ComBat] = []
        for variable in self.variables:
            step = self._step(variable).fit(X)
            # What one variable's model has left, the next one's learns from.
            X = step.transform(X)
            self.steps_.append(step)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table harmonised by each variable in turn; raises as ComBat does."""
        for step in self.steps_:
            X = copy.copy(step).set_params(unseen=self.unseen).transform(X)
        return X

    def feature_columns(self, X: pd.DataFrame) -> list[str]:
        """Return the columns of a table that count as features, harmonisable or not."""
        return self._step(self.batch).feature_columns(X)

    def _step(self, variable: str) -> ComBat:
        return METHODS[self.method](
            batch=variable,
            covariates=self.covariates,
            features=self.features,
            parametric=self.parametric,
            mean_only=self.mean_only,
            unseen=self.unseen,
            extremes=self.extremes,
        )


Harmoniser = ComBat | SequentialComBat


def harmoniser(
    settings: Mapping[str, Any],
    table: pd.DataFrame,
    features: Sequence[str] | None = None,
) -> Harmoniser:
    """Return the unfitted harmoniser that a study's settings ask for.

    Parameters
    ----------
    settings
        `method` (`combat` or `covbat`), `covariates` (clinical predictors), `parametric`,
        `mean_only`, `reference`, `order` (`joined` or `sequential`), `batch` (the variables, for
        `sequential`), `unseen`; what is left out takes ComBat's default.
    table
        A table to be harmonised: it must hold the batch, or one column per variable.
    features
        Columns to harmonise; None: all that are features.

    Raises
    ------
    DataError
        If the method is not known, or a variable has no column.
    """
    method = settings.get("method", "combat")
    if method not in METHODS:
        raise DataError(
            f"there is no harmonisation method {method!r}", "choose `combat`, `covbat` or `none`"
        )
    common = {
        "covariates": tuple(f"clinical.{name}" for name in settings.get("covariates", ())),
        "features": features,
        "parametric": settings.get("parametric", True),
        "mean_only": settings.get("mean_only", False),
        "unseen": settings.get("unseen", "none"),
    }
    variables = [f"{VARIABLE}{name}" for name in settings.get("batch", ())]
    if settings.get("order", "joined") == "joined" or len(variables) < 2:
        return METHODS[method](batch=BATCH, reference=settings.get("reference") or None, **common)
    absent = [name for name in variables if name not in table.columns]
    if absent:
        raise DataError(
            f"the table has no column {absent[0]!r} to harmonise by",
            "make the analysis table anew, with this order of harmonisation",
        )
    return SequentialComBat(tuple(variables), method, BATCH, **common)
