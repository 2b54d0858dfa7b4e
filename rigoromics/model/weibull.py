"""Weibull regression: survival with a hazard that rises or falls as a power of time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from rigoromics.model.curve import curve_times
from rigoromics.model.outcome import Outcome
from rigoromics.model.penalised import elastic_net

Array = npt.NDArray[np.float64]
Table = pd.DataFrame | Array


class WeibullAFT(BaseEstimator):  # type: ignore[misc]
    """Weibull accelerated failure time model with an elastic-net penalty.

    The cumulative hazard is exp(intercept + x b) (t / scale)^shape: b are log hazard ratios, and
    -b / shape the log ratios of survival times (Kalbfleisch and Prentice, The Statistical
    Analysis of Failure Time Data, Wiley 2002, chapter 3). The penalty is on b, as in Cox
    regression; the log likelihood is concave in b and the shape, so there is one optimum.

    Parameters
    ----------
    alpha, l1_ratio, horizon
        As for `CoxElasticNet`; `alpha` 0: maximum likelihood.
    """

    def __init__(
        self, alpha: float = 0.05, l1_ratio: float = 0.5, horizon: float | None = None
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.horizon = horizon

    def fit(self, X: Table, y: Outcome) -> WeibullAFT:
        """Fit to rows of X and outcomes with fields `event` and `time`."""
        design, event = np.asarray(X, dtype=np.float64), y["event"].astype(np.float64)
        logs = np.log(y["time"])
        self.scale_ = float(np.exp(logs.mean()))
        logs = logs - logs.mean()
        rows = np.hstack([logs[:, None], np.ones((len(design), 1)), design])

        def loss(at: Array) -> tuple[float, Array, Array]:
            linear = rows @ at
            if at[0] <= 0 or linear.max() > 50:
                return np.inf, np.zeros(at.size), np.eye(at.size)
            hazard = np.exp(linear)
            value = float(np.mean(hazard - event * (np.log(at[0]) + linear)))
            gradient = rows.T @ (hazard - event) / len(rows)
            hessian = (rows * hazard[:, None]).T @ rows / len(rows)
            gradient[0] -= event.mean() / at[0]
            hessian[0, 0] += event.mean() / at[0] ** 2
            return value, gradient, hessian

        start = np.zeros(rows.shape[1])
        start[0] = 1.0
        start[1] = np.log(event.sum() / np.exp(logs).sum())
        penalised = np.concatenate([[0.0, 0.0], np.ones(design.shape[1])])
        found = elastic_net(loss, start, penalised, self.alpha, self.l1_ratio)
        self.shape_, self.intercept_, self.weights_ = float(found[0]), float(found[1]), found[2:]
        return self

    def risk(self, X: Table) -> Array:
        """Return the log hazard ratio to an average training patient, shape (patients,)."""
        return np.asarray(np.asarray(X, dtype=np.float64) @ self.weights_)

    def probability(self, X: Table) -> Array:
        """Return the probability of no event until the horizon, shape (patients,)."""
        return self._at(X, np.array([float(self.horizon or 0.0)]))[:, 0]

    def survival(self, X: Table) -> Array:
        """Return curves on the grid of `curve_times`, shape (patients, times)."""
        return self._at(X, curve_times(float(self.horizon or 0.0)))

    def _at(self, X: Table, times: Array) -> Array:
        power = self.shape_ * np.log(times / self.scale_)
        return np.asarray(np.exp(-np.exp((self.risk(X) + self.intercept_)[:, None] + power)))

    def constants(self) -> dict[str, Any]:
        """Return what is needed beside the coefficients to apply the model by hand."""
        return {"weibull_shape": self.shape_, "weibull_scale": self.scale_}
