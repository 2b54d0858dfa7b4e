"""ComBat as a step of the pipeline, and what becomes of batches that training never saw."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.errors import DataError
from rigoromics.harmonise.combat import UnseenPolicy
from rigoromics.harmonise.sequential import METHODS, Harmoniser, harmoniser
from rigoromics.select.columns import BATCH, Names, feature_columns

POLICIES = ("none", "align", "refuse")


class Harmonise(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """ComBat by batch. A single training batch leaves training as it is.

    Parameters
    ----------
    method
        `combat`, `covbat`, or `none` for features as they are.
    covariates
        Clinical predictors (names without prefix) whose effect is preserved.
    parametric
        Parametric or non-parametric empirical Bayes priors.
    unseen
        What becomes of a batch that training never saw: `none`, `align` or `refuse`.
    mean_only
        Adjust shifts and leave scales.
    reference
        Batch that all others are brought to; empty: the overall mean.
    order
        `joined`: all batch variables make one batch; `sequential`: one variable after the other.
    variables
        The batch variables, for `sequential`; each has a column `study.batch.<variable>`.

    Attributes
    ----------
    combat_
        The fitted ComBat, CovBat or sequence of them; None if the study wants none, or the table
        names no batches. With one training batch it changes nothing but, under `align`, the
        batches met later.
    skipped_
        Why training features stay as they are; empty if they do not.
    batches_
        Batches of the training patients, sorted.
    """

    def __init__(
        self,
        method: str = "combat",
        covariates: Sequence[str] = (),
        parametric: bool = True,
        unseen: UnseenPolicy = "none",
        mean_only: bool = False,
        reference: str = "",
        order: str = "joined",
        variables: Sequence[str] = (),
    ) -> None:
        self.method = method
        self.covariates = covariates
        self.parametric = parametric
        self.unseen = unseen
        self.mean_only = mean_only
        self.reference = reference
        self.order = order
        self.variables = variables

    def fit(self, X: pd.DataFrame, y: Any = None) -> Harmonise:
        """Learn the batch effects of the training patients, without their outcomes."""
        if self.method not in (*METHODS, "none"):
            raise DataError(
                f"there is no harmonisation method {self.method!r}",
                "choose `combat`, `covbat` or `none`",
            )
        batches = X[BATCH].astype(str) if BATCH in X.columns else pd.Series(dtype=str)
        self.batches_: Names = np.unique(batches.to_numpy(dtype=np.str_))
        self.skipped_ = self._reason_to_skip()
        self.combat_: Harmoniser | None = None
        if self.method != "none" and len(self.batches_):
            settings = {**self.get_params(deep=False), "batch": self.variables}
            self.combat_ = harmoniser(settings, X, feature_columns(X)).fit(X)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table with harmonised features."""
        if self.combat_ is None:
            return X
        combat = copy.copy(self.combat_).set_params(unseen=self.unseen)
        harmonised: pd.DataFrame = combat.transform(X)
        return harmonised

    def with_policy(self, unseen: str) -> Harmonise:
        """Return the same fitted step with another policy for unseen batches."""
        if unseen not in POLICIES:
            raise DataError(
                f"there is no policy {unseen!r} for unseen batches",
                f"choose among: {', '.join(POLICIES)}",
            )
        other: Harmonise = copy.copy(self).set_params(unseen=unseen)
        return other

    def _reason_to_skip(self) -> str:
        if self.method == "none":
            return "the study asks for none"
        if len(self.batches_) < 2:
            return "the training patients are of one batch"
        return ""
