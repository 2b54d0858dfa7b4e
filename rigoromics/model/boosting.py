"""Gradient boosting, kept as plain arrays: the trees can be locked and read without a library."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import GradientBoostingClassifier
from sksurv.ensemble import GradientBoostingSurvivalAnalysis

from rigoromics.model.classes import case_weights, prior_shift
from rigoromics.model.curve import breslow_hazards, curve_times, proportional_survival
from rigoromics.model.outcome import Outcome, survival_outcome

Array = npt.NDArray[np.float64]
Table = pd.DataFrame | Array

# Half of the patients per tree (Friedman, Comput Stat Data Anal 2002;38:367-378).
SUBSAMPLE = 0.5
FEWEST_IN_LEAF = 3


class _Boosting(BaseEstimator):  # type: ignore[misc]
    """Trees added up; `shift_` is what they are added to."""

    def _keep(self, trees: Iterable[Any], rate: float, shift: float) -> None:
        """Keep fitted trees as arrays: of each node its feature, threshold, children and value."""
        parts: list[list[Array]] = [[], [], [], [], []]
        roots, start = [], 0
        for tree in trees:
            roots.append(start)
            children = (tree.children_left, tree.children_right)
            nodes = (tree.feature, tree.threshold, *children, tree.value[:, 0, 0] * rate)
            for part, values in zip(parts, nodes, strict=True):
                part.append(np.asarray(values))
            for part in parts[2:4]:
                part[-1] = np.where(part[-1] < 0, -1, part[-1] + start)
            start += tree.node_count
        self.feature_, self.threshold_, self.left_, self.right_, self.value_ = (
            np.concatenate(part) for part in parts
        )
        self.roots_ = np.array(roots)
        self.shift_ = shift

    def _sum(self, X: Table) -> Array:
        # The trees were grown on values of single precision.
        values = np.asarray(X, dtype=np.float32)
        node = np.tile(self.roots_, (len(values), 1))
        rows = np.arange(len(values))[:, None]
        while (inner := self.left_[node] >= 0).any():
            below = values[rows, np.maximum(self.feature_[node], 0)] <= self.threshold_[node]
            after = np.where(below, self.left_[node], self.right_[node])
            node = np.where(inner, after, node)
        return np.asarray(self.value_[node].sum(axis=1) + self.shift_)


class GradientBoosting(_Boosting):
    """Stochastic gradient boosting of trees for a binary outcome.

    Source: Friedman, Ann Stat 2001;29:1189-1232, with log loss, on half of the patients per tree.

    Parameters
    ----------
    trees, depth, learning_rate
        Number of trees, levels of splits in each, and how much of each is added.
    class_weight
        As for `ElasticNetLogistic`; the log odds are set back.
    seed
        Which patients each tree sees.
    """

    def __init__(
        self,
        trees: int = 100,
        depth: int = 1,
        learning_rate: float = 0.1,
        class_weight: str = "none",
        seed: int = 0,
    ) -> None:
        self.trees = trees
        self.depth = depth
        self.learning_rate = learning_rate
        self.class_weight = class_weight
        self.seed = seed

    def fit(self, X: Table, y: Outcome) -> GradientBoosting:
        """Fit to rows of X and outcomes 0 or 1."""
        positive = y == 1
        weight = case_weights(y, self.class_weight)
        grown = GradientBoostingClassifier(
            n_estimators=self.trees,
            max_depth=int(self.depth),
            learning_rate=self.learning_rate,
            subsample=SUBSAMPLE,
            min_samples_leaf=FEWEST_IN_LEAF,
            random_state=self.seed,
        ).fit(np.asarray(X), y, sample_weight=weight)
        share = float(weight[positive].sum() / weight.sum())
        shift = float(np.log(share / (1 - share))) - prior_shift(y, self.class_weight)
        self._keep((tree.tree_ for tree in grown.estimators_[:, 0]), self.learning_rate, shift)
        return self

    def risk(self, X: Table) -> Array:
        """Return the probability of the event, shape (patients,)."""
        return np.asarray(1 / (1 + np.exp(-self._sum(X))))

    def probability(self, X: Table) -> Array:
        """Return the probability of the event, shape (patients,)."""
        return self.risk(X)


class GradientBoostingSurvival(_Boosting):
    """Stochastic gradient boosting of trees on Cox's partial likelihood.

    Source: Ridgeway, Comput Sci Stat 1999;31:172-181, on half of the patients per tree.

    Parameters
    ----------
    trees, depth, learning_rate, seed
        As for `GradientBoosting`.
    horizon
        As for `CoxElasticNet`.
    """

    def __init__(
        self,
        trees: int = 100,
        depth: int = 1,
        learning_rate: float = 0.1,
        horizon: float | None = None,
        seed: int = 0,
    ) -> None:
        self.trees = trees
        self.depth = depth
        self.learning_rate = learning_rate
        self.horizon = horizon
        self.seed = seed

    def fit(self, X: Table, y: Outcome) -> GradientBoostingSurvival:
        """Fit to rows of X and outcomes with fields `event` and `time`."""
        grown = GradientBoostingSurvivalAnalysis(
            n_estimators=self.trees,
            max_depth=int(self.depth),
            learning_rate=self.learning_rate,
            subsample=SUBSAMPLE,
            min_samples_leaf=FEWEST_IN_LEAF,
            random_state=self.seed,
        ).fit(np.asarray(X), survival_outcome(y["event"], y["time"]))
        self._keep((tree.tree_ for tree in grown.estimators_[:, 0]), self.learning_rate, 0.0)
        # Log hazards have no level of their own: that of the training patients is zero.
        self.shift_ = -float(np.mean(self._sum(X)))
        if self.horizon is not None:
            hazards = breslow_hazards(self.risk(X), y, curve_times(self.horizon))
            self.baseline_hazards_, self.baseline_hazard_ = hazards, float(hazards[-1])
        return self

    def risk(self, X: Table) -> Array:
        """Return the log hazard ratio to the mean of the training patients, shape (patients,)."""
        return self._sum(X)

    def probability(self, X: Table) -> Array:
        """Return the probability of no event until the horizon, shape (patients,)."""
        return np.asarray(np.exp(-self.baseline_hazard_ * np.exp(self.risk(X))))

    def survival(self, X: Table) -> Array:
        """Return curves on the grid of `curve_times`, shape (patients, times)."""
        return proportional_survival(self.baseline_hazards_, self.risk(X))
