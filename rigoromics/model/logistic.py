"""Elastic-net logistic regression to the last digits, by proximal Newton steps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from rigoromics.model.classes import case_weights
from rigoromics.model.outcome import Outcome
from rigoromics.model.penalised import elastic_net

Array = npt.NDArray[np.float64]


def solve_logistic(
    X: Array, y: Outcome, alpha: float, l1_ratio: float, class_weight: str = "none"
) -> tuple[float, Array]:
    """Return intercept and weights of the minimum that `ElasticNetLogistic` describes.

    A few Newton steps meet its conditions to 1e-10 (Friedman et al., J Stat Softw 2010;33:1-22):
    there is no seed and no tolerance to choose.

    Parameters
    ----------
    X
        Standardised design matrix, shape (patients, columns).
    y
        Outcomes 0 or 1, both present; shape (patients,).
    alpha, l1_ratio, class_weight
        As for `ElasticNetLogistic`; the shift of the weights is left in the intercept.

    Raises
    ------
    DataError
        If there is no minimum: separated outcomes without a penalty.
    """
    positive = y == 1
    weight = case_weights(y, class_weight)
    rows = np.hstack([np.ones((len(X), 1)), X])

    def loss(at: Array) -> tuple[float, Array, Array]:
        linear = rows @ at
        p = expit(linear)
        value = float(np.mean(weight * (np.logaddexp(0.0, linear) - positive * linear)))
        gradient = rows.T @ (weight * (p - positive)) / len(rows)
        hessian = (rows * (weight * p * (1 - p))[:, None]).T @ rows / len(rows)
        return value, gradient, hessian

    share = float(weight[positive].sum() / weight.sum())
    start = np.concatenate([[np.log(share / (1 - share))], np.zeros(X.shape[1])])
    penalised = np.concatenate([[0.0], np.ones(X.shape[1])])
    found = elastic_net(loss, start, penalised, alpha, l1_ratio)
    return float(found[0]), found[1:]
