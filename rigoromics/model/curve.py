"""Survival curves on a declared grid: the same times for every model, fold and cohort.

The grid depends on the horizon alone. Times learned from patients would differ between folds, and
would carry follow-up of held-out patients into what is fitted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigoromics.model.outcome import Outcome

Array = npt.NDArray[np.float64]

POINTS = 20
STEM = "survival_"


def curve_times(horizon: float) -> Array:
    """Return the times of a predicted curve: equal steps from 0, left out, to the horizon.

    Examples
    --------
    >>> [float(time) for time in curve_times(60.0)][:3], float(curve_times(60.0)[-1])
    ([3.0, 6.0, 9.0], 60.0)
    """
    return np.asarray(np.linspace(0.0, horizon, POINTS + 1)[1:])


def curve_columns(survival: Array) -> dict[str, Array]:
    """Return curves, shape (patients, times), as columns `survival_01` and so on."""
    return {f"{STEM}{step + 1:02d}": survival[:, step] for step in range(survival.shape[1])}


def breslow_hazards(log_risk: Array, y: Outcome, times: Array) -> Array:
    """Return Breslow's cumulative baseline hazard at given times, shape (times,).

    Parameters
    ----------
    log_risk
        Log hazard ratios of the training patients, shape (patients,).
    y
        Their outcomes.
    times
        In the unit of the follow-up.
    """
    event, time = y["event"], y["time"]
    at_risk = (time[None, :] >= time[:, None]) @ np.exp(log_risk)
    return np.array([np.sum(1 / at_risk[event & (time <= moment)]) for moment in times])


def proportional_survival(baseline: Array, log_risk: Array) -> Array:
    """Return curves of proportional hazards, shape (patients, times).

    Parameters
    ----------
    baseline
        Cumulative baseline hazard, shape (times,).
    log_risk
        Log hazard ratios, shape (patients,).
    """
    return np.asarray(np.exp(-np.exp(log_risk)[:, None] * baseline))
