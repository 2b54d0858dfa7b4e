"""Stacking: the radiomics risk as one column beside the clinical predictors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit
from sklearn.base import BaseEstimator, clone

from rigoromics.model.folds import patient_folds
from rigoromics.model.outcome import Outcome, events
from rigoromics.select.choose import ChooseFeatures
from rigoromics.select.columns import feature_columns

Array = npt.NDArray[np.float64]

# A forest's probabilities reach 0 and 1, whose log odds are infinite.
EDGE = 1e-3


class Stacked(BaseEstimator):  # type: ignore[misc]
    """A radiomics model, and a regression on its risk and the clinical predictors.

    The regression learns from risks that the radiomics model gives patients it was not fitted to:
    on its own training patients it looks better than it is, and the clinical predictors would get
    too little weight (Wolpert, Neural Netw 1992;5:241-259). Choice of features and model are so
    redone in each of the folds; ComBat and the filters before them never see an outcome.

    Parameters
    ----------
    base
        Radiomics model, unfitted.
    top
        Regression, unfitted: logistic or Cox.
    k, method, choosing
        The features chosen for the radiomics model, as for `ChooseFeatures`, and what that is
        given.
    folds, seed
        Inner folds for the risks of training patients.

    Attributes
    ----------
    choose_, base_, top_
        What was fitted: the first two on all training patients.
    centre_, scale_
        Mean and standard deviation of the out-of-fold risks.
    weights_
        One per column of the design matrix: zero where a column plays no part; otherwise the
        regression's weight of a clinical column, and that of the risk times the radiomics model's
        own for a feature (a forest has none: one).
    """

    def __init__(
        self,
        base: BaseEstimator,
        top: BaseEstimator,
        k: int = 4,
        method: str = "mrmr",
        folds: int = 4,
        seed: int = 0,
        choosing: Mapping[str, float] | None = None,
    ) -> None:
        self.base = base
        self.top = top
        self.k = k
        self.method = method
        self.folds = folds
        self.seed = seed
        self.choosing = choosing

    def fit(self, X: pd.DataFrame, y: Outcome) -> Stacked:
        """Fit to a design matrix (clinical columns and features, index patient) and outcomes."""
        names = feature_columns(X)
        binary = not y.dtype.names
        self.log_odds_ = binary
        risk = np.zeros(len(y))
        for fold in patient_folds(X.index, y, self.folds, self.seed):
            happened = events(y[fold.train])
            # Permuted outcomes may leave a fold one class: nothing is learned, nothing told.
            if happened.any() and not (binary and happened.all()):
                choose, base = self._radiomics(X.iloc[fold.train], y[fold.train])
                risk[fold.test] = self._score(choose, base, X.iloc[fold.test])
        self.centre_, spread = float(risk.mean()), float(risk.std())
        self.scale_ = spread if spread > 0 else 1.0
        self.choose_, self.base_ = self._radiomics(X, y)
        self.top_ = clone(self.top).fit(self._columns(X, risk), y)
        own = getattr(self.base_, "weights_", np.ones(len(self.choose_.features_)))
        of = dict(zip(map(str, self.choose_.features_), own * self.top_.weights_[-1], strict=True))
        of |= dict(zip(self._clinical(X), self.top_.weights_[:-1], strict=True))
        self.weights_: Array = np.array([float(of.get(str(name), 0.0)) for name in X.columns])
        self.n_features_ = len(names)
        return self

    def risk(self, X: pd.DataFrame) -> Array:
        """Return the regression's risk, shape (patients,)."""
        found: Array = self.top_.risk(self._stack(X))
        return found

    def probability(self, X: pd.DataFrame) -> Array:
        """Return the regression's probability, shape (patients,)."""
        found: Array = self.top_.probability(self._stack(X))
        return found

    def survival(self, X: pd.DataFrame) -> Array:
        """Return the regression's survival curves, shape (patients, times)."""
        found: Array = self.top_.survival(self._stack(X))
        return found

    def _stack(self, X: pd.DataFrame) -> Array:
        return self._columns(X, self._score(self.choose_, self.base_, X))

    def _columns(self, X: pd.DataFrame, risk: Array) -> Array:
        clinical = X[self._clinical(X)].to_numpy(dtype=np.float64)
        return np.column_stack([clinical, (risk - self.centre_) / self.scale_])

    def _clinical(self, X: pd.DataFrame) -> list[str]:
        features = set(feature_columns(X))
        return [str(name) for name in X.columns if name not in features]

    def _radiomics(self, X: pd.DataFrame, y: Outcome) -> tuple[Any, Any]:
        features = X[feature_columns(X)]
        choose = ChooseFeatures(self.k, self.method, seed=self.seed, **(self.choosing or {}))
        choose.fit(features, y)
        return choose, clone(self.base).fit(choose.transform(features), y)

    def _score(self, choose: Any, base: Any, X: pd.DataFrame) -> Array:
        risk: Array = base.risk(choose.transform(X[feature_columns(X)]))
        return np.asarray(logit(np.clip(risk, EDGE, 1 - EDGE))) if self.log_odds_ else risk
