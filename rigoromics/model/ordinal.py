"""Models of ordered levels: proportional odds, and forests for each step of the scale.

`y` has a field `level` with codes from 0; `risk(X)` is a number that rises with the level,
`probability(X)` holds one column per level, `called(X)` the level that a patient is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from scipy.stats import chi2
from sklearn.base import BaseEstimator

from rigoromics.model.classes import most_likely, shares, spread
from rigoromics.model.learners import ForestClassifier
from rigoromics.model.outcome import Outcome
from rigoromics.model.penalised import elastic_net

Array = npt.NDArray[np.float64]
Table = pd.DataFrame | Array

LEAST_PROBABILITY = 1e-300


class ProportionalOdds(BaseEstimator):  # type: ignore[misc]
    """Cumulative logit model with an elastic-net penalty.

    The log odds of a level above step j are x b - threshold j: one set of coefficients for all
    steps (McCullagh, J R Stat Soc B 1980;42:109-142). The thresholds are not penalised.

    Parameters
    ----------
    alpha, l1_ratio
        As for `ElasticNetLogistic`; 0: maximum likelihood.
    classes
        Number of levels of the scale.
    class_weight
        `balanced`: a patient is given the level whose probability most exceeds its share among
        the training patients; `none`: the most probable level. The fit weighs nobody.
    final
        Whether to test proportional odds too; tuning has no need of it.
    """

    def __init__(
        self,
        alpha: float = 0.05,
        l1_ratio: float = 0.5,
        classes: int = 3,
        class_weight: str = "none",
        final: bool = False,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.classes = classes
        self.class_weight = class_weight
        self.final = final

    def fit(self, X: Table, y: Outcome) -> ProportionalOdds:
        """Fit to rows of X and levels; levels that no row has get a probability of zero."""
        design = np.asarray(X, dtype=np.float64)
        self.present_, codes = np.unique(y["level"], return_inverse=True)
        self.shares_ = shares(y["level"], self.classes)
        steps, columns = len(self.present_) - 1, design.shape[1]
        above = np.array([np.mean(codes > j) for j in range(steps)])
        start = np.concatenate([np.log((1 - above) / above), np.zeros(columns)])
        penalised = np.concatenate([np.zeros(steps), np.ones(columns)])
        found = elastic_net(
            lambda at: _proportional_loss(at, design, codes, steps),
            start,
            penalised,
            self.alpha,
            self.l1_ratio,
        )
        self.thresholds_, self.weights_ = found[:steps], found[steps:]
        self.proportional_odds_: list[float] | None = None
        if self.final:
            test = proportional_odds_test(design, y, self.thresholds_, self.weights_)
            if test is not None:
                self.proportional_odds_ = [test.statistic, test.df, test.p]
        return self

    def risk(self, X: Table) -> Array:
        """Return the linear predictor, shape (patients,)."""
        return np.asarray(np.asarray(X, dtype=np.float64) @ self.weights_)

    def probability(self, X: Table) -> Array:
        """Return the probability of each level, shape (patients, levels)."""
        above = expit(self.risk(X)[:, None] - self.thresholds_)
        return spread(from_cumulative(above), self.present_, self.classes)

    def called(self, X: Table) -> npt.NDArray[np.int64]:
        """Return the level that each patient is given, shape (patients,)."""
        return most_likely(self.probability(X), self.shares_, self.class_weight)

    def constants(self) -> dict[str, Any]:
        """Return what, beside the coefficients, is needed to apply the model by hand."""
        test = self.proportional_odds_
        return {
            "thresholds": [float(value) for value in self.thresholds_],
            "proportional_odds_test": None
            if test is None
            else {"statistic": float(test[0]), "df": int(test[1]), "p": float(test[2])},
        }


class ThresholdForest(BaseEstimator):  # type: ignore[misc]
    """A random forest for each step of the scale, put together to levels.

    The forest of step j gives the probability of a level above j (Frank and Hall, ECML
    2001;145-156). Each forest is fitted without the others, so their probabilities may rise
    along the scale; they are drawn to the nearest ones that do not (isotonic means). It is not
    the ordinal forest of Hornung (J Classif 2020;37:4-17), which optimises scores of the levels.

    Parameters
    ----------
    trees, min_samples_leaf, seed
        Of each forest, as for `ForestClassifier`.
    classes
        Number of levels of the scale.
    class_weight
        `balanced`: both sides of a step weigh the same in its forest, and probabilities are set
        back; and as for `ProportionalOdds`.
    """

    def __init__(
        self,
        trees: int = 100,
        min_samples_leaf: int = 3,
        classes: int = 3,
        class_weight: str = "none",
        seed: int = 0,
    ) -> None:
        self.trees = trees
        self.min_samples_leaf = min_samples_leaf
        self.classes = classes
        self.class_weight = class_weight
        self.seed = seed

    def fit(self, X: Table, y: Outcome) -> ThresholdForest:
        """Fit to rows of X and levels; levels that no row has get a probability of zero."""
        self.present_, codes = np.unique(y["level"], return_inverse=True)
        self.shares_ = shares(y["level"], self.classes)
        self.forests_ = [
            ForestClassifier(
                self.trees, int(self.min_samples_leaf), self.class_weight, self.seed
            ).fit(X, (codes > step).astype(np.int64))
            for step in range(len(self.present_) - 1)
        ]
        return self

    def _above(self, X: Table) -> Array:
        return falling(np.column_stack([forest.risk(X) for forest in self.forests_]))

    def risk(self, X: Table) -> Array:
        """Return the mean level, shape (patients,)."""
        gaps = np.diff(self.present_).astype(np.float64)
        return np.asarray(self._above(X) @ gaps + self.present_[0])

    def probability(self, X: Table) -> Array:
        """Return the probability of each level, shape (patients, levels)."""
        return spread(from_cumulative(self._above(X)), self.present_, self.classes)

    def called(self, X: Table) -> npt.NDArray[np.int64]:
        """Return the level that each patient is given, shape (patients,)."""
        return most_likely(self.probability(X), self.shares_, self.class_weight)


def from_cumulative(above: Array) -> Array:
    """Return probabilities of levels from those of exceeding each step, shape (n, steps + 1)."""
    ends = np.ones((len(above), 1)), np.zeros((len(above), 1))
    return np.asarray(-np.diff(np.hstack([ends[0], above, ends[1]]), axis=1))


def falling(above: Array) -> Array:
    """Return the nearest rows that never rise, by the max-min formula of isotonic regression.

    Source: Robertson, Wright and Dykstra, Order Restricted Statistical Inference, Wiley 1988.
    """
    steps = above.shape[1]
    sums = np.hstack([np.zeros((len(above), 1)), np.cumsum(above, axis=1)])
    fitted = np.empty_like(above)
    for j in range(steps):
        candidates = [
            np.max([(sums[:, end + 1] - sums[:, s]) / (end + 1 - s) for end in range(j, steps)], 0)
            for s in range(j + 1)
        ]
        fitted[:, j] = np.min(candidates, axis=0)
    return fitted


def _proportional_loss(
    at: Array, X: Array, codes: npt.NDArray[Any], steps: int
) -> tuple[float, Array, Array]:
    """Return mean negative log likelihood, gradient and Hessian of the proportional-odds model."""
    thresholds, weights = at[:steps], at[steps:]
    size = len(X)
    if (np.diff(thresholds) <= 0).any():
        return np.inf, np.zeros(at.size), np.eye(at.size)
    eta = (X @ weights)[:, None] - thresholds
    value, first, diagonal, beside = cumulative_terms(eta, codes)
    gradient = np.concatenate([-first.sum(axis=0), X.T @ first.sum(axis=1)])
    hessian = np.zeros((at.size, at.size))
    inner = np.diag(diagonal.sum(axis=0))
    rows = np.arange(steps - 1)
    inner[rows, rows + 1] = inner[rows + 1, rows] = beside.sum(axis=0)
    total = diagonal.copy()
    total[:, :-1] += beside
    total[:, 1:] += beside
    hessian[:steps, :steps] = inner
    hessian[:steps, steps:] = -(total.T @ X)
    hessian[steps:, :steps] = hessian[:steps, steps:].T
    hessian[steps:, steps:] = (X * total.sum(axis=1)[:, None]).T @ X
    return -value / size, -gradient / size, -hessian / size


def cumulative_terms(eta: Array, codes: npt.NDArray[Any]) -> tuple[float, Array, Array, Array]:
    """Return the log likelihood of a cumulative logit model, and its derivatives by eta.

    Parameters
    ----------
    eta
        Log odds of exceeding each step, shape (patients, steps); any, not only proportional ones.
    codes
        Levels from 0, shape (patients,).

    Returns
    -------
    float, three arrays
        Log likelihood (minus infinity where a probability is negative); first derivatives, shape
        (patients, steps); second derivatives by the same step, and by a step and the next.
    """
    size, steps = eta.shape
    above, rows = expit(eta), np.arange(size)
    p = np.hstack([np.ones((size, 1)), above, np.zeros((size, 1))])
    own = p[rows, codes] - p[rows, codes + 1]
    if (own <= LEAST_PROBABILITY).any():
        zero = np.zeros((size, steps))
        return -np.inf, zero, zero, zero[:, 1:]
    slope = above * (1 - above)
    bend = slope * (1 - 2 * above)
    level = np.arange(steps)
    # A level k lies above step k - 1 and not above step k.
    sign = (codes[:, None] == level + 1).astype(np.float64) - (codes[:, None] == level)
    part = slope / own[:, None]
    first = sign * part
    diagonal = sign * bend / own[:, None] - first**2
    beside = -first[:, :-1] * first[:, 1:]
    return float(np.log(own).sum()), first, diagonal, beside


@dataclass(frozen=True)
class OddsTest:
    """A score test: statistic, degrees of freedom, p-value."""

    statistic: float
    df: int
    p: float


def proportional_odds_test(
    X: Array, y: Outcome, thresholds: Array, weights: Array
) -> OddsTest | None:
    """Return the score test of proportional odds, for the predictors in the model.

    The alternative gives every step coefficients of its own (Peterson and Harrell, J R Stat Soc C
    1990;39:205-217). Score and observed information are taken at maximum likelihood for the
    predictors whose weights are not zero. A small p speaks against one coefficient for all
    steps; features that were chosen on the same patients make it a description, not a proof.

    Returns
    -------
    OddsTest or None
        None with two levels, no predictor, or where the information has no inverse.
    """
    inside = np.flatnonzero(weights)
    _, codes = np.unique(y["level"], return_inverse=True)
    steps, columns = len(thresholds), len(inside)
    if steps < 2 or not columns:
        return None
    design = X[:, inside]
    start = np.concatenate([thresholds, weights[inside]])
    try:
        best = elastic_net(
            lambda at: _proportional_loss(at, design, codes, steps), start, np.zeros(len(start)),
            0.0, 0.0,
        )  # fmt: skip
    except (ArithmeticError, ValueError, np.linalg.LinAlgError):
        return None
    eta = (design @ best[steps:])[:, None] - best[:steps]
    _, first, diagonal, beside = cumulative_terms(eta, codes)
    rows = np.hstack([np.ones((len(design), 1)), design])
    score = (rows.T @ first).T.ravel()
    width = columns + 1
    information = np.zeros((steps * width, steps * width))
    for j in range(steps):
        here = slice(j * width, (j + 1) * width)
        information[here, here] = -(rows * diagonal[:, [j]]).T @ rows
        if j + 1 < steps:
            after = slice((j + 1) * width, (j + 2) * width)
            information[here, after] = -(rows * beside[:, [j]]).T @ rows
            information[after, here] = information[here, after].T
    if np.linalg.cond(information) > 1e12:
        return None
    statistic = float(score @ np.linalg.solve(information, score))
    df = (steps - 1) * columns
    return OddsTest(statistic, df, float(chi2.sf(statistic, df))) if statistic >= 0 else None
