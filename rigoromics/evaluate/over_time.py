"""Discrimination and accuracy as functions of time.

References
----------
Uno H et al. Evaluating prediction rules for t-year survivors with censored regression models.
J Am Stat Assoc 2007;102:527. Hung H, Chiang CT. Estimation methods for time-dependent AUC models
with survival data. Can J Stat 2010;38:8 (cumulative/dynamic AUC with weights against censoring).
Graf E et al. Assessment and comparison of prognostic classification schemes for survival data.
Stat Med 1999;18:2529 (integrated Brier score).
Kattan MW, Gerds TA. The index of prediction accuracy: an intuitive measure useful for evaluating
risk prediction models. Diagn Progn Res 2018;2:7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rigoromics.evaluate.concordance import censoring_survival, concordance, horizon_pairs
from rigoromics.evaluate.estimate import (
    Bools,
    Estimate,
    Floats,
    as_events,
    as_floats,
    bootstrap_estimate,
    undefined,
)
from rigoromics.evaluate.group import KEY, Endpoint, Group, Settings
from rigoromics.evaluate.horizon import why_not
from rigoromics.evaluate.survival import survival_at_times

AUC_OVER_TIME_COLUMNS = ["time", "auc", "lower", "upper"]
AUC_OVER_TIME = [*KEY, *AUC_OVER_TIME_COLUMNS]
_POINTS = 12


def time_grid(time: ArrayLike, event: ArrayLike, points: int = _POINTS) -> Floats:
    """Return times at which discrimination can be judged: even centiles of the event times.

    From the 10th to the 90th, those that some patient was followed beyond.
    """
    times, events = as_floats(time), as_events(event)
    if not events.any():
        return np.empty(0)
    grid = np.unique(np.quantile(times[events], np.linspace(0.1, 0.9, points)))
    return np.asarray(grid[grid < times.max()])


def auc_over_time(
    time: ArrayLike,
    event: ArrayLike,
    risk: ArrayLike,
    at: Sequence[float] | Floats,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return the cumulative/dynamic AUC at several times, weighted against censoring.

    Returns
    -------
    DataFrame
        ``time``, ``auc``, ``lower``, ``upper`` (infinitesimal jackknife, log-odds); times at which
        it does not exist are left out.
    """
    rows = []
    for moment in at:
        found = concordance(horizon_pairs(time, event, float(moment)), risk, alpha)
        if np.isfinite(found.value):
            rows.append([float(moment), found.value, found.lower, found.upper])
    return pd.DataFrame(rows, columns=AUC_OVER_TIME_COLUMNS, dtype=float)


def auc_over_time_table(
    everything: list[Group], endpoint: Endpoint, primary: Mapping[str, str], settings: Settings
) -> pd.DataFrame:
    """Return the AUC over time of the primary signature and of the clinical one beside it."""
    shown = {primary["signature"], "clinical"}
    parts = [pd.DataFrame(columns=AUC_OVER_TIME)]
    for group in everything if endpoint.timed else []:
        if group.key["model"] == primary["model"] and group.key["signature"] in shown:
            time, event = group.column("time"), group.column("event")
            at = time_grid(time, event)
            curve = auc_over_time(time, event, group.column("risk"), at, settings.alpha)
            parts.append(curve.assign(**group.key)[AUC_OVER_TIME])
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def integrated_brier(
    time: ArrayLike,
    event: ArrayLike,
    survival: NDArray[np.float64],
    at: Sequence[float] | Floats,
    counts: Floats,
    alpha: float = 0.05,
) -> tuple[Estimate, Estimate]:
    """Return the integrated Brier score, and the index of prediction accuracy over the same times.

    Parameters
    ----------
    survival : array, shape (patients, times)
        Predicted probability of being free of the event at each time.
    at
        Rising times, at least two; the score is integrated over them by trapezia and divided by
        their range.
    counts : array, shape (samples, patients)
        Bootstrap samples; the weights against censoring are taken as known.

    Returns
    -------
    Estimate, Estimate
        The index is one minus the ratio to the integrated score of Kaplan-Meier's curve.

    Raises
    ------
    ValueError
        If the predictions do not fit times and patients.
    """
    times, events, moments = as_floats(time), as_events(event), as_floats(at)
    if survival.shape != (times.size, moments.size) or moments.size < 2:
        raise ValueError("one prediction per patient and time is needed, at two times or more")
    if not np.isfinite(survival).all():
        nothing = undefined("a predicted probability is missing")
        return nothing, nothing
    why = _unfollowed(times, events, float(moments.max()))
    if why:
        return undefined(why), undefined(why)
    case, later, weight = _weighted(times, events, moments)
    squared = weight * (later - survival) ** 2

    def integral(values: Floats) -> Floats:
        return np.asarray(np.trapezoid(values, moments, axis=1) / np.ptp(moments))

    def scores(drawn: Floats) -> tuple[Floats, Floats]:
        size = drawn.sum(axis=1, keepdims=True)
        alive = survival_at_times(times, events, drawn, moments)
        null = drawn @ (weight * case) * alive**2 + drawn @ (weight * later) * (1 - alive) ** 2
        score = integral(drawn @ squared / size)
        reference = integral(null / size)
        reference[reference <= 0.0] = np.nan
        return score, 1.0 - score / reference

    score, index = scores(np.ones((1, times.size)))
    score_samples, index_samples = scores(counts)
    name = f"integrated from time {moments[0]:g} to {moments[-1]:g}, weights against censoring"
    return (
        bootstrap_estimate(float(score[0]), score_samples, f"Brier score {name}", alpha),
        bootstrap_estimate(
            float(index[0]), index_samples, f"index of prediction accuracy {name}", alpha
        ),
    )


def integrated_brier_to(
    time: ArrayLike,
    event: ArrayLike,
    survival: NDArray[np.float64],
    horizon: float,
    counts: Floats,
    alpha: float = 0.05,
) -> tuple[Estimate, Estimate]:
    """Return the integrated Brier score from time 0 to the horizon, and the index over the same.

    Parameters
    ----------
    survival : array, shape (patients, steps)
        Predicted probability of being free of the event at equal steps, the last at the horizon.
        At time 0 everybody is, and no prediction errs.
    horizon
        In the unit of ``time``.
    counts : array, shape (samples, patients)
        As for :func:`integrated_brier`.
    """
    times, events = as_floats(time), as_events(event)
    # One missing probability, or one beyond 0 to 1, anywhere on a curve refuses them all.
    for step in survival.T:
        why = why_not(times, events, 1.0 - step, horizon)
        if why:
            return undefined(why), undefined(why)
    whole = np.hstack([np.ones((len(survival), 1)), survival])
    at = np.linspace(0.0, horizon, whole.shape[1])
    return integrated_brier(times, events, whole, at, counts, alpha)


def _unfollowed(times: Floats, events: Bools, last: float) -> str:
    """Return why nobody is known to be free of the event at the last time, or nothing."""
    if ((times > last) | (~events & (times >= last))).any():
        return ""
    return f"no patient was followed to time {last:g}"


def _weighted(times: Floats, events: Bools, moments: Floats) -> tuple[Bools, Bools, Floats]:
    """Return who had the event by each time, who is free of it, weights; (patients, times)."""
    free = censoring_survival(times, events, times)
    case = events[:, None] & (times[:, None] <= moments)
    # A patient censored at a time is known to be free of the event then, as in `brier_at`.
    later = (times[:, None] > moments) | (~events[:, None] & (times[:, None] == moments))
    beyond = censoring_survival(times, events, moments)
    weight = case / np.where(free > 0.0, free, np.inf)[:, None] + later / beyond
    return case, later, weight
