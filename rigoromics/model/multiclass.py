"""Models of classes without an order.

`y` has a field `class` with codes from 0; `risk(X)` and `probability(X)` hold one column per
class, `called(X)` the class that a patient is given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logsumexp, softmax
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier

from rigoromics.model.classes import most_likely, shares, spread
from rigoromics.model.outcome import Outcome
from rigoromics.model.penalised import elastic_net

Array = npt.NDArray[np.float64]
Table = pd.DataFrame | Array


class MultinomialElasticNet(BaseEstimator):  # type: ignore[misc]
    """Multinomial logistic regression with an elastic-net penalty.

    Every class has coefficients of its own, all penalised (Friedman et al., J Stat Softw
    2010;33:1-22), so that no class is a reference.

    Parameters
    ----------
    alpha, l1_ratio
        As for `ElasticNetLogistic`.
    classes
        Number of classes.
    class_weight
        `balanced`: all classes weigh the same in the fit. The weights' shift is then taken back
        from the intercepts, so that probabilities keep their meaning, and a patient is given the
        class whose probability most exceeds its share in training.
    """

    def __init__(
        self,
        alpha: float = 0.05,
        l1_ratio: float = 0.5,
        classes: int = 3,
        class_weight: str = "none",
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.classes = classes
        self.class_weight = class_weight

    def fit(self, X: Table, y: Outcome) -> MultinomialElasticNet:
        """Fit to rows of X and classes; classes that no row has get a probability of zero."""
        design = np.asarray(X, dtype=np.float64)
        self.present_, codes = np.unique(y["class"], return_inverse=True)
        self.shares_ = shares(y["class"], self.classes)
        many, columns = len(self.present_), design.shape[1]
        own = self.shares_[self.present_]
        balanced = self.class_weight == "balanced"
        weight = 1 / (many * own[codes]) if balanced else np.ones(len(codes))
        rows = np.hstack([np.ones((len(design), 1)), design])
        found = elastic_net(
            lambda at: _softmax_loss(at, rows, codes, weight, many),
            np.zeros(many - 1 + many * columns),
            np.concatenate([np.zeros(many - 1), np.ones(many * columns)]),
            self.alpha,
            self.l1_ratio,
        )
        intercepts = np.concatenate([[0.0], found[: many - 1]])
        if balanced:
            intercepts = intercepts + np.log(own)
        self.intercepts_ = intercepts - intercepts.mean()
        self.coefficients_ = found[many - 1 :].reshape(many, columns)
        # What a predictor weighs over all classes: zero where it is in none.
        self.weights_ = np.sqrt(np.sum(self.coefficients_**2, axis=0))
        return self

    def risk(self, X: Table) -> Array:
        """Return the probability of each class, shape (patients, classes)."""
        linear = np.asarray(X, dtype=np.float64) @ self.coefficients_.T + self.intercepts_
        return spread(softmax(linear, axis=1), self.present_, self.classes)

    def probability(self, X: Table) -> Array:
        """Return the probability of each class, shape (patients, classes)."""
        return self.risk(X)

    def called(self, X: Table) -> npt.NDArray[np.int64]:
        """Return the class that each patient is given, shape (patients,)."""
        return most_likely(self.risk(X), self.shares_, self.class_weight)

    def constants(self) -> dict[str, Any]:
        """Return what is needed to apply the model by hand."""
        return {
            "classes_in_training": [int(code) for code in self.present_],
            "intercepts": [float(value) for value in self.intercepts_],
            "coefficients_by_class": [[float(v) for v in row] for row in self.coefficients_],
        }


class MulticlassForest(BaseEstimator):  # type: ignore[misc]
    """Random forest for several classes (Breiman, Mach Learn 2001;45:5-32).

    Parameters
    ----------
    trees, min_samples_leaf, seed
        As for `ForestClassifier`.
    classes, class_weight
        As for `MultinomialElasticNet`; here the odds are set back.
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

    def fit(self, X: Table, y: Outcome) -> MulticlassForest:
        """Fit to rows of X and classes; classes that no row has get a probability of zero."""
        self.present_ = np.unique(y["class"])
        self.shares_ = shares(y["class"], self.classes)
        self.forest_ = RandomForestClassifier(
            n_estimators=self.trees,
            min_samples_leaf=int(self.min_samples_leaf),
            class_weight="balanced" if self.class_weight == "balanced" else None,
            random_state=self.seed,
        ).fit(np.asarray(X), y["class"])
        return self

    def risk(self, X: Table) -> Array:
        """Return the probability of each class, shape (patients, classes)."""
        raw = self.forest_.predict_proba(np.asarray(X))
        if self.class_weight == "balanced":
            raw = raw * self.shares_[self.present_]
            raw = raw / raw.sum(axis=1, keepdims=True)
        return spread(raw, self.present_, self.classes)

    def probability(self, X: Table) -> Array:
        """Return the probability of each class, shape (patients, classes)."""
        return self.risk(X)

    def called(self, X: Table) -> npt.NDArray[np.int64]:
        """Return the class that each patient is given, shape (patients,)."""
        return most_likely(self.risk(X), self.shares_, self.class_weight)


def _softmax_loss(
    at: Array, rows: Array, codes: npt.NDArray[Any], weight: Array, many: int
) -> tuple[float, Array, Array]:
    """Return mean weighted log loss, gradient and Hessian; the first class has no intercept."""
    size, width = rows.shape
    theta = np.zeros((many, width))
    theta[1:, 0] = at[: many - 1]
    theta[:, 1:] = at[many - 1 :].reshape(many, width - 1)
    linear = rows @ theta.T
    logs = linear - logsumexp(linear, axis=1, keepdims=True)
    p = np.exp(logs)
    miss = p.copy()
    miss[np.arange(size), codes] -= 1.0
    gradient = (miss * weight[:, None]).T @ rows / size
    full = np.empty((many, width, many, width))
    for k in range(many):
        for m in range(k, many):
            curve = weight * p[:, k] * ((k == m) - p[:, m]) / size
            full[k, :, m] = (rows * curve[:, None]).T @ rows
            full[m, :, k] = full[k, :, m].T
    places = np.arange(many * width).reshape(many, width)
    order = np.concatenate([places[1:, 0], places[:, 1:].ravel()])
    value = -float(weight @ logs[np.arange(size), codes]) / size
    hessian = full.reshape(many * width, many * width)[np.ix_(order, order)]
    return value, gradient.ravel()[order], hessian
