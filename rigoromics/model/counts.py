"""A model of counts: Poisson regression, and how far the counts spread beyond it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from sklearn.base import BaseEstimator

from rigoromics.model.outcome import Outcome
from rigoromics.model.penalised import elastic_net

Array = npt.NDArray[np.float64]
Table = pd.DataFrame | Array

# Logarithms of the smallest and the largest dispersion looked at.
DISPERSIONS = (-12.0, 6.0)


class PoissonElasticNet(BaseEstimator):  # type: ignore[misc]
    """Poisson regression with a log link and an elastic-net penalty.

    Minimises mean (mu - y log mu) + the penalty of `ElasticNetLogistic`. Estimates of the mean
    stay right where counts spread more than Poisson's; by how much is `dispersion_`, with which
    the variance is mu + dispersion mu^2 (the negative binomial, NB2: Cameron and Trivedi,
    Regression Analysis of Count Data, Cambridge 2013).

    Parameters
    ----------
    alpha, l1_ratio
        As for `ElasticNetLogistic`; 0: maximum likelihood.
    """

    def __init__(self, alpha: float = 0.05, l1_ratio: float = 0.5) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio

    def fit(self, X: Table, y: Outcome) -> PoissonElasticNet:
        """Fit to rows of X and counts."""
        design, counts = np.asarray(X, dtype=np.float64), y["count"].astype(np.float64)
        rows = np.hstack([np.ones((len(design), 1)), design])

        def loss(at: Array) -> tuple[float, Array, Array]:
            linear = rows @ at
            if linear.max() > 50:
                return np.inf, np.zeros(at.size), np.eye(at.size)
            mean = np.exp(linear)
            value = float(np.mean(mean - counts * linear))
            hessian = (rows * mean[:, None]).T @ rows / len(rows)
            return value, rows.T @ (mean - counts) / len(rows), hessian

        start = np.concatenate([[np.log(counts.mean())], np.zeros(design.shape[1])])
        penalised = np.concatenate([[0.0], np.ones(design.shape[1])])
        found = elastic_net(loss, start, penalised, self.alpha, self.l1_ratio)
        self.intercept_, self.weights_ = float(found[0]), found[1:]
        self.dispersion_ = dispersion(counts, self.probability(X))
        return self

    def risk(self, X: Table) -> Array:
        """Return the log of the expected count, shape (patients,)."""
        return np.asarray(np.asarray(X, dtype=np.float64) @ self.weights_ + self.intercept_)

    def probability(self, X: Table) -> Array:
        """Return the expected count, shape (patients,)."""
        return np.asarray(np.exp(self.risk(X)))

    def constants(self) -> dict[str, Any]:
        """Return what the coefficients do not say."""
        return {"negative_binomial_dispersion": self.dispersion_}


def dispersion(counts: Array, mean: Array) -> float:
    """Return the maximum-likelihood dispersion of the negative binomial about given means.

    Parameters
    ----------
    counts, mean
        Counts and their expected values, shape (patients,).

    Returns
    -------
    float
        a of the variance mu + a mu^2; 0 where the counts spread no more than Poisson's.
    """
    # Slope of the log likelihood at a = 0: without excess variance the best a is 0.
    if np.sum((counts - mean) ** 2 - counts) <= 0:
        return 0.0

    def minus_log_likelihood(log_a: float) -> float:
        size = np.exp(-log_a)
        terms = gammaln(counts + size) - gammaln(size) - gammaln(counts + 1)
        terms += size * np.log(size / (size + mean)) + counts * np.log(mean / (size + mean))
        return -float(terms.sum())

    best = minimize_scalar(
        minus_log_likelihood, bounds=DISPERSIONS, method="bounded", options={"xatol": 1e-9}
    )
    return float(np.exp(best.x))
