"""The first models: four learners with one face, made of arrays that can be locked and read.

Every learner has `fit(X, y)`, `risk(X)` (higher is worse) and `probability(X)`; `X` is a
standardised design matrix. `weights_` holds the coefficients of linear learners.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sksurv.ensemble import RandomSurvivalForest
from sksurv.linear_model import CoxnetSurvivalAnalysis

from rigoromics.errors import DataError
from rigoromics.model.classes import prior_shift
from rigoromics.model.curve import breslow_hazards, curve_times, proportional_survival
from rigoromics.model.logistic import solve_logistic
from rigoromics.model.outcome import Outcome, survival_outcome

Array = npt.NDArray[np.float64]
Table = pd.DataFrame | Array

# Risk of a forest whose trees saw no event beside a patient: the logarithm needs a floor.
LEAST_HAZARD = 1e-6
# Doublings of a penalty at which Cox regression diverges: a thousandfold is enough for any table.
MOST_DOUBLINGS = 11


class ElasticNetLogistic(BaseEstimator):  # type: ignore[misc]
    """Logistic regression with an elastic-net penalty.

    Minimises mean log loss + alpha (l1_ratio |b|_1 + (1 - l1_ratio) / 2 |b|_2^2), the intercept
    unpenalised (Friedman et al., J Stat Softw 2010;33:1-22).

    Parameters
    ----------
    alpha, l1_ratio
        Penalty per patient, and the share of it that is lasso.
    class_weight
        `balanced`: both classes weigh the same in the fit. The weights' shift is then taken
        back from the intercept, so that probabilities keep their meaning (King and Zeng, Polit
        Anal 2001;9:137-163).
    """

    def __init__(
        self, alpha: float = 0.05, l1_ratio: float = 0.5, class_weight: str = "none"
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.class_weight = class_weight

    def fit(self, X: Table, y: Outcome) -> ElasticNetLogistic:
        """Fit to rows of X and outcomes 0 or 1."""
        intercept, self.weights_ = solve_logistic(
            np.asarray(X, dtype=np.float64), y, self.alpha, self.l1_ratio, self.class_weight
        )
        self.intercept_ = intercept - prior_shift(y, self.class_weight)
        return self

    def risk(self, X: Table) -> Array:
        """Return the probability of the event, shape (patients,)."""
        linear = np.asarray(X) @ self.weights_ + self.intercept_
        return np.asarray(1 / (1 + np.exp(-linear)))

    def probability(self, X: Table) -> Array:
        """Return the probability of the event, shape (patients,)."""
        return self.risk(X)


class ForestClassifier(BaseEstimator):  # type: ignore[misc]
    """Random forest for a binary outcome (Breiman, Mach Learn 2001;45:5-32).

    Parameters
    ----------
    trees, min_samples_leaf
        Number of trees; fewest patients in a leaf.
    class_weight
        As for `ElasticNetLogistic`; here the odds are set back.
    seed
        Bootstrap samples and candidate features.
    """

    def __init__(
        self,
        trees: int = 100,
        min_samples_leaf: int = 3,
        class_weight: str = "none",
        seed: int = 0,
    ) -> None:
        self.trees = trees
        self.min_samples_leaf = min_samples_leaf
        self.class_weight = class_weight
        self.seed = seed

    def fit(self, X: Table, y: Outcome) -> ForestClassifier:
        """Fit to rows of X and outcomes 0 or 1."""
        self.forest_ = RandomForestClassifier(
            n_estimators=self.trees,
            min_samples_leaf=int(self.min_samples_leaf),
            class_weight="balanced" if self.class_weight == "balanced" else None,
            random_state=self.seed,
        ).fit(np.asarray(X), y)
        self.shift_ = prior_shift(y, self.class_weight)
        return self

    def risk(self, X: Table) -> Array:
        """Return the probability of the event, shape (patients,)."""
        raw = self.forest_.predict_proba(np.asarray(X))[:, 1]
        other = (1 - raw) * np.exp(self.shift_)
        return np.asarray(raw / (raw + other))

    def probability(self, X: Table) -> Array:
        """Return the probability of the event, shape (patients,)."""
        return self.risk(X)


class CoxElasticNet(BaseEstimator):  # type: ignore[misc]
    """Cox regression with an elastic-net penalty (Simon et al., J Stat Softw 2011;39:1-13).

    Parameters
    ----------
    alpha, l1_ratio
        As for `ElasticNetLogistic`.
    horizon
        Time at which `probability` is wanted; None where only the order of risks matters.
    """

    def __init__(
        self, alpha: float = 0.05, l1_ratio: float = 0.5, horizon: float | None = None
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.horizon = horizon

    def fit(self, X: Table, y: Outcome) -> CoxElasticNet:
        """Fit to rows of X and outcomes with fields `event` and `time`."""
        self.alpha_, self.weights_ = self._solve(np.asarray(X), y)
        if self.horizon is not None:
            hazards = breslow_hazards(self.risk(X), y, curve_times(self.horizon))
            self.baseline_hazards_, self.baseline_hazard_ = hazards, float(hazards[-1])
        return self

    def _solve(self, X: Array, y: Outcome) -> tuple[float, Array]:
        """Return the penalty used and the weights.

        Where few events stand in order of a feature the solver diverges; the penalty is then
        doubled until it does not, as its own message advises.
        """
        outcome = survival_outcome(y["event"], y["time"])
        for doubling in range(MOST_DOUBLINGS):
            alpha = self.alpha * 2.0**doubling
            solver = CoxnetSurvivalAnalysis(alphas=[alpha], l1_ratio=self.l1_ratio)
            try:
                with warnings.catch_warnings():
                    # A penalty that leaves nothing predicts no difference: a valid answer.
                    warnings.filterwarnings("ignore", message="all coefficients are zero")
                    solver.fit(X, outcome)
            except ArithmeticError:
                continue
            return alpha, solver.coef_[:, 0]
        raise DataError(
            f"Cox regression does not converge at any penalty up to {alpha:g}",
            "look for features or times of extreme size in the analysis table",
        )

    def risk(self, X: Table) -> Array:
        """Return the log hazard ratio to an average training patient, shape (patients,)."""
        return np.asarray(np.asarray(X) @ self.weights_)

    def probability(self, X: Table) -> Array:
        """Return the probability of no event until the horizon, shape (patients,)."""
        return np.asarray(np.exp(-self.baseline_hazard_ * np.exp(self.risk(X))))

    def survival(self, X: Table) -> Array:
        """Return curves on the grid of `curve_times`, shape (patients, times)."""
        return proportional_survival(self.baseline_hazards_, self.risk(X))


class SurvivalForest(BaseEstimator):  # type: ignore[misc]
    """Random survival forest (Ishwaran et al., Ann Appl Stat 2008;2:841-860).

    Parameters
    ----------
    trees, min_samples_leaf
        Number of trees; fewest patients in a leaf.
    horizon
        As for `CoxElasticNet`.
    seed
        Bootstrap samples and candidate features.
    """

    def __init__(
        self,
        trees: int = 100,
        min_samples_leaf: int = 3,
        horizon: float | None = None,
        seed: int = 0,
    ) -> None:
        self.trees = trees
        self.min_samples_leaf = min_samples_leaf
        self.horizon = horizon
        self.seed = seed

    def fit(self, X: Table, y: Outcome) -> SurvivalForest:
        """Fit to rows of X and outcomes with fields `event` and `time`."""
        self.forest_ = RandomSurvivalForest(
            n_estimators=self.trees,
            min_samples_leaf=int(self.min_samples_leaf),
            # Splits are limited by the leaf alone, as in the classifier.
            min_samples_split=2 * int(self.min_samples_leaf),
            low_memory=self.horizon is None,
            random_state=self.seed,
        ).fit(np.asarray(X), survival_outcome(y["event"], y["time"]))
        self.event_times_ = len(self.forest_.unique_times_)
        return self

    def risk(self, X: Table) -> Array:
        """Return the log of the cumulative hazard, averaged over times and trees.

        It orders patients as the ensemble mortality does, but its level does not grow with the
        number of training patients, so that a cut-off carries over.
        """
        mortality = self.forest_.predict(np.asarray(X))
        return np.asarray(np.log(np.maximum(mortality / self.event_times_, LEAST_HAZARD)))

    def probability(self, X: Table) -> Array:
        """Return the probability of no event until the horizon, shape (patients,)."""
        return self._at(X, np.array([self.horizon]))[:, 0]

    def survival(self, X: Table) -> Array:
        """Return curves on the grid of `curve_times`, shape (patients, times)."""
        return self._at(X, curve_times(float(self.horizon or 0.0)))

    def _at(self, X: Table, times: Array) -> Array:
        curves = self.forest_.predict_survival_function(np.asarray(X), return_array=True)
        steps = np.searchsorted(self.forest_.unique_times_, times, side="right")
        return np.hstack([np.ones((len(curves), 1)), curves])[:, steps]
