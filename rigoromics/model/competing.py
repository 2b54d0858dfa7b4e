"""Competing events: hazards of each cause, put together to the probability of the event."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from rigoromics.model.learners import CoxElasticNet
from rigoromics.model.outcome import Outcome, survival_outcome

Array = npt.NDArray[np.float64]
Table = pd.DataFrame | Array


class CauseSpecificCox(BaseEstimator):  # type: ignore[misc]
    """Cox regression of the event, and of all competing events together, each with its penalty.

    The risk is that of the event's own hazard; the probability takes into account who is no
    longer there to have it (Prentice et al., Biometrics 1978;34:541-554; Andersen et al., Int J
    Epidemiol 2012;41:861-870). One Cox regression with the others censored would predict for a
    world without competing events.

    Parameters
    ----------
    alpha, l1_ratio, horizon
        As for `CoxElasticNet`, for both regressions.
    """

    def __init__(
        self, alpha: float = 0.05, l1_ratio: float = 0.5, horizon: float | None = None
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.horizon = horizon

    def fit(self, X: Table, y: Outcome) -> CauseSpecificCox:
        """Fit to rows of X and outcomes with fields `event`, `time` and `cause`."""
        own = survival_outcome(y["event"], y["time"])
        self.weights_ = CoxElasticNet(self.alpha, self.l1_ratio).fit(X, own).weights_
        if self.horizon is None:
            return self
        other = survival_outcome((y["cause"] != 0) & ~y["event"], y["time"])
        self.other_weights_ = np.zeros(len(self.weights_))
        if other["event"].any():
            fitted = CoxElasticNet(self.alpha, self.l1_ratio).fit(X, other)
            self.other_weights_ = fitted.weights_
        times = np.unique(y["time"][(y["cause"] != 0) & (y["time"] <= self.horizon)])
        self.hazard_ = breslow_increments(self.risk(X), own, times)
        self.other_hazard_ = breslow_increments(self._other(X), other, times)
        return self

    def risk(self, X: Table) -> Array:
        """Return the log ratio of the event's own hazard, shape (patients,)."""
        return np.asarray(np.asarray(X, dtype=np.float64) @ self.weights_)

    def _other(self, X: Table) -> Array:
        return np.asarray(np.asarray(X, dtype=np.float64) @ self.other_weights_)

    def probability(self, X: Table) -> Array:
        """Return the probability of not having had the event at the horizon, shape (patients,).

        It includes those whom a competing event has taken before.
        """
        steps = np.exp(self.risk(X))[:, None] * self.hazard_
        total = np.cumsum(steps + np.exp(self._other(X))[:, None] * self.other_hazard_, axis=1)
        before = np.hstack([np.ones((len(total), 1)), np.exp(-total[:, :-1])])
        # Between two times hazards share what is lost as they share the sum of both.
        whole = np.diff(np.hstack([np.zeros((len(total), 1)), total]), axis=1)
        lost = before * -np.expm1(-whole)
        part = np.divide(steps, whole, out=np.zeros_like(steps), where=whole > 0)
        return np.asarray(1.0 - np.sum(lost * part, axis=1))

    def constants(self) -> dict[str, Any]:
        """Return what is needed beside the coefficients to apply the model by hand."""
        return {"competing_coefficients": [float(value) for value in self.other_weights_]}


def breslow_increments(log_risk: Array, y: Outcome, times: Array) -> Array:
    """Return the steps of Breslow's cumulative baseline hazard at given times, shape (times,)."""
    if not len(times):
        return np.zeros(0)
    at_risk = (y["time"][None, :] >= times[:, None]) @ np.exp(log_risk)
    happened = ((y["time"][None, :] == times[:, None]) & y["event"]).sum(axis=1)
    return np.asarray(happened / at_risk)
