"""Discrimination of a binary outcome: ROC curve, AUC, and DeLong's tests.

References
----------
DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more correlated
receiver operating characteristic curves: a nonparametric approach. Biometrics 1988;44:837.
Sun X, Xu W. Fast implementation of DeLong's algorithm for comparing the areas under correlated
receiver operating characteristic curves. IEEE Signal Process Lett 2014;21:1389.
Newcombe RG. Confidence intervals for an effect size measure based on the Mann-Whitney statistic.
Part 2: asymptotic methods and evaluation. Stat Med 2006;25:559.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import rankdata

from rigoromics.evaluate.estimate import (
    Bools,
    Comparison,
    Estimate,
    Floats,
    Scale,
    as_events,
    as_floats,
    interval_of_proportion,
    no_comparison,
    two_sided_p,
    undefined,
    z_quantile,
)

# Below this a variance of AUCs is rounding error: one pair of patients moves an AUC by far more.
_ZERO_VARIANCE = 1e-14


def placements(y: Bools, risk: Floats) -> tuple[Floats, Floats]:
    """Return how each patient is placed among those of the other class.

    Returns
    -------
    array, shape (events,)
        For each patient with the event, the share of event-free patients at lower risk.
    array, shape (event-free,)
        For each event-free patient, the share of patients with the event at higher risk. Ties
        count one half in both. The mean of either is the AUC.
    """
    with_event, without = risk[y], risk[~y]
    ranks = rankdata(np.concatenate([with_event, without]))
    m, n = with_event.size, without.size
    among_events = (ranks[:m] - rankdata(with_event)) / n
    among_free = 1.0 - (ranks[m:] - rankdata(without)) / m
    return among_events, among_free


def _why_not(y: Bools, risk: Floats) -> str:
    if not np.isfinite(risk).all():
        return "a predicted risk is missing or infinite"
    if y.all() or not y.any():
        return f"only one outcome class among {y.size} patients"
    return ""


def _covariance(columns_event: Floats, columns_free: Floats) -> Floats:
    """Return DeLong's covariance matrix of the AUCs; columns are models."""
    between_events = np.atleast_2d(np.cov(columns_event, rowvar=False))
    between_free = np.atleast_2d(np.cov(columns_free, rowvar=False))
    total = between_events / columns_event.shape[0] + between_free / columns_free.shape[0]
    return np.asarray(total)


def auc(y: ArrayLike, risk: ArrayLike, alpha: float = 0.05, scale: Scale = "logit") -> Estimate:
    """Return the area under the ROC curve with its interval.

    The interval is DeLong's, on the log-odds scale by default. Where DeLong's variance vanishes
    or does not exist (perfect or perfectly wrong ranking, one patient in a class) it would be a
    point, so Newcombe's score interval (his method 5) takes its place.

    Parameters
    ----------
    y
        Outcomes, 0 or 1, one per patient.
    risk
        Predicted risks on any increasing scale.
    """
    events, values = as_events(y), as_floats(risk)
    why = _why_not(events, values)
    if why:
        return undefined(why)
    among_events, among_free = placements(events, values)
    area = float(among_events.mean())
    m, n = among_events.size, among_free.size
    if min(m, n) > 1:
        variance = float(_covariance(among_events[:, None], among_free[:, None])[0, 0])
        if variance > _ZERO_VARIANCE and 0.0 < area < 1.0:
            lower, upper = interval_of_proportion(area, math.sqrt(variance), alpha, scale)
            return Estimate(area, lower, upper, f"Mann-Whitney AUC; DeLong interval ({scale})")
    if np.ptp(values) == 0.0:
        return Estimate(area, math.nan, math.nan, "no interval: all patients have the same risk")
    lower, upper = newcombe_interval(area, m, n, alpha)
    method = "Mann-Whitney AUC; Newcombe score interval (method 5), as DeLong's variance vanishes"
    return Estimate(area, lower, upper, method)


def newcombe_interval(area: float, m: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Return Newcombe's score interval (method 5) of an AUC from its class sizes alone."""
    z = z_quantile(alpha)
    mean_size = (m + n) / 2.0 - 1.0

    def width(theta: float) -> float:
        spread = 1.0 + mean_size * ((1.0 - theta) / (2.0 - theta) + theta / (1.0 + theta))
        return z * z * spread / (m * n)

    def distance(theta: float) -> float:
        return (area - theta) ** 2 - theta * (1.0 - theta) * width(theta)

    # At the ends one root of ``distance`` is the end itself; divided out, the other remains.
    if area == 1.0:
        return float(brentq(lambda theta: (1.0 - theta) - theta * width(theta), 0.0, 1.0)), 1.0
    if area == 0.0:
        return 0.0, float(brentq(lambda theta: theta - (1.0 - theta) * width(theta), 0.0, 1.0))
    lower, upper = float(brentq(distance, 0.0, area)), float(brentq(distance, area, 1.0))
    return lower, upper


def delong_paired(
    y: ArrayLike, risk_a: ArrayLike, risk_b: ArrayLike, alpha: float = 0.05
) -> Comparison:
    """Compare two AUCs on the same patients: AUC of a minus AUC of b, with DeLong's test."""
    events, a, b = as_events(y), as_floats(risk_a), as_floats(risk_b)
    why = _why_not(events, a) or _why_not(events, b)
    if why:
        return no_comparison(why)
    placed_a, placed_b = placements(events, a), placements(events, b)
    difference = float(placed_a[0].mean() - placed_b[0].mean())
    if min(placed_a[0].size, placed_a[1].size) < 2:
        return no_comparison("fewer than two patients in an outcome class", difference)
    covariance = _covariance(
        np.column_stack([placed_a[0], placed_b[0]]), np.column_stack([placed_a[1], placed_b[1]])
    )
    variance = float(covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1])
    return _test(difference, variance, "DeLong test, paired", alpha)


def delong_unpaired(
    y_a: ArrayLike, risk_a: ArrayLike, y_b: ArrayLike, risk_b: ArrayLike, alpha: float = 0.05
) -> Comparison:
    """Compare two AUCs on different patients: AUC of a minus AUC of b, with DeLong's test."""
    areas, variances = [], []
    for y, risk in ((y_a, risk_a), (y_b, risk_b)):
        events, values = as_events(y), as_floats(risk)
        why = _why_not(events, values)
        if why:
            return no_comparison(why)
        among_events, among_free = placements(events, values)
        if min(among_events.size, among_free.size) < 2:
            return no_comparison("fewer than two patients in an outcome class")
        areas.append(float(among_events.mean()))
        variances.append(float(_covariance(among_events[:, None], among_free[:, None])[0, 0]))
    return _test(areas[0] - areas[1], sum(variances), "DeLong test, unpaired", alpha)


def _test(difference: float, variance: float, method: str, alpha: float) -> Comparison:
    if variance <= _ZERO_VARIANCE:
        if abs(difference) < 1e-12:
            return Comparison(0.0, 0.0, 0.0, 0.0, 1.0, f"{method} (the rankings are alike)")
        return no_comparison("the variance of the difference is zero", difference)
    error = math.sqrt(variance)
    half = z_quantile(alpha) * error
    z = difference / error
    return Comparison(difference, difference - half, difference + half, z, two_sided_p(z), method)


def roc_points(y: ArrayLike, risk: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return the corners of the empirical ROC curve.

    Returns
    -------
    fpr, tpr, threshold : arrays
        From (0, 0) at threshold infinity to (1, 1); points inside a straight stretch are left
        out. Empty where only one outcome class is present.
    """
    events, values = as_events(y), as_floats(risk)
    if _why_not(events, values):
        return np.empty(0), np.empty(0), np.empty(0)
    order = np.argsort(-values, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(values[order])), values.size - 1)
    hits = np.cumsum(events[order])[ends]
    alarms = np.cumsum(~events[order])[ends]
    # Integers up to here, so that "straight on" is an exact question.
    hits, alarms = np.insert(hits, 0, 0), np.insert(alarms, 0, 0)
    threshold = np.insert(values[order][ends], 0, np.inf)
    up, right = np.diff(hits), np.diff(alarms)
    corner = np.ones(hits.size, dtype=bool)
    corner[1:-1] = up[:-1] * right[1:] != up[1:] * right[:-1]
    fpr, tpr = alarms / alarms[-1], hits / hits[-1]
    return fpr[corner], tpr[corner], threshold[corner]
