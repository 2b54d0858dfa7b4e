"""Survival by risk group: Kaplan-Meier, log-rank test, hazard ratios.

References
----------
Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. J Am Stat Assoc
1958;53:457. Interval: log(-log), as Kalbfleisch and Prentice, and lifelines.
Mantel N. Evaluation of survival data and two new rank order statistics arising in its
consideration. Cancer Chemother Rep 1966;50:163.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2

from rigoromics.evaluate.cox import fit_cox
from rigoromics.evaluate.estimate import (
    Comparison,
    Estimate,
    Floats,
    as_events,
    as_floats,
    no_comparison,
    undefined,
    z_quantile,
)

KAPLAN_MEIER_COLUMNS = ["time", "survival", "lower", "upper", "at_risk"]


def kaplan_meier(time: ArrayLike, event: ArrayLike, alpha: float = 0.05) -> pd.DataFrame:
    """Return the Kaplan-Meier curve with its log(-log) interval and the numbers at risk.

    Returns
    -------
    DataFrame
        One row at time 0 and one per distinct time, censored ones included: ``time``,
        ``survival`` just after it, ``lower``, ``upper`` (NaN once no one survives and before
        the first event the survival itself), ``at_risk`` just before it.
    """
    times, events = as_floats(time), as_events(event)
    distinct, first = np.unique(np.sort(times), return_index=True)
    if not distinct.size:
        return pd.DataFrame(columns=KAPLAN_MEIER_COLUMNS, dtype=float)
    deaths = np.bincount(np.searchsorted(distinct, times), weights=events)
    at_risk = (times.size - first).astype(float)
    survival = np.cumprod(1.0 - deaths / at_risk)
    # Greenwood's sum; infinite once the last patient at risk has the event.
    left = at_risk * (at_risk - deaths)
    terms = np.divide(deaths, left, out=np.full_like(left, np.inf), where=left > 0)
    greenwood = np.cumsum(np.where(deaths > 0, terms, 0.0))
    inside = (survival > 0.0) & (survival < 1.0)
    logs = np.log(np.where(inside, survival, 0.5))
    half = z_quantile(alpha) * np.sqrt(np.where(inside, greenwood, 0.0)) / np.abs(logs)
    lower = np.where(inside, np.exp(logs * np.exp(half)), np.where(survival == 1.0, 1.0, np.nan))
    upper = np.where(inside, np.exp(logs * np.exp(-half)), np.where(survival == 1.0, 1.0, np.nan))
    table = pd.DataFrame(
        dict(zip(KAPLAN_MEIER_COLUMNS, (distinct, survival, lower, upper, at_risk), strict=True))
    )
    if distinct[0] > 0.0:
        start = pd.DataFrame([[0.0, 1.0, 1.0, 1.0, times.size]], columns=KAPLAN_MEIER_COLUMNS)
        table = pd.concat([start, table], ignore_index=True)
    return table.astype({"at_risk": int})


def survival_at(time: ArrayLike, event: ArrayLike, counts: Floats, at: float) -> Floats:
    """Return the Kaplan-Meier survival at one time: as ``survival_at_times``, shape (samples,)."""
    return survival_at_times(time, event, counts, [at])[:, 0]


def survival_at_times(
    time: ArrayLike, event: ArrayLike, counts: Floats, at: Sequence[float] | Floats
) -> Floats:
    """Return the Kaplan-Meier survival at some times, for many weightings of the patients.

    Parameters
    ----------
    counts : array, shape (samples, patients)
        How often each patient is in each sample.

    Returns
    -------
    array, shape (samples, times)
        NaN for an empty sample and where the follow-up ends, without an event, before the time.
    """
    times, events, moments = as_floats(time), as_events(event), as_floats(at)
    if not times.size:
        return np.full((counts.shape[0], moments.size), np.nan)
    order = np.argsort(times, kind="stable")
    drawn = counts[:, order]
    distinct, first = np.unique(times[order], return_index=True)
    at_risk = np.cumsum(drawn[:, ::-1], axis=1)[:, ::-1][:, first]
    deaths = np.add.reduceat(drawn * events[order], first, axis=1)
    share = np.divide(deaths, at_risk, out=np.zeros_like(deaths), where=at_risk > 0)
    whole = np.hstack([np.ones((len(drawn), 1)), np.cumprod(1.0 - share, axis=1)])
    survival = whole[:, np.searchsorted(distinct, moments, side="right")]
    # Someone followed to the time, or no survivor left: otherwise the curve has stopped.
    longest = np.where(drawn > 0, times[order], -np.inf).max(axis=1)
    followed = (longest[:, None] >= moments) | (survival == 0.0)
    return np.where(followed & np.isfinite(longest)[:, None], survival, np.nan)


def log_rank(time: ArrayLike, event: ArrayLike, high: ArrayLike, alpha: float = 0.05) -> Comparison:
    """Compare survival of the high against the low group.

    Returns
    -------
    Comparison
        ``statistic`` and ``p`` of the log-rank test (chi-squared, one degree of freedom);
        ``difference`` is the log hazard ratio of a Cox model, with its Wald interval.
    """
    times, events = as_floats(time), as_events(event)
    group = as_floats(high)
    if not np.isin(group, (0.0, 1.0)).all():
        return no_comparison("a patient has no risk group")
    if np.unique(group).size < 2:
        return no_comparison("all patients are in one risk group")
    distinct = np.unique(times[events])
    if not distinct.size:
        return no_comparison("no events")
    at_risk = (times[None, :] >= distinct[:, None]).astype(float)
    happened = (times[None, :] == distinct[:, None]) & events
    n, n_high, d = at_risk.sum(axis=1), at_risk @ group, happened.sum(axis=1)
    expected = d * n_high / n
    spread = np.divide(n - d, n - 1, out=np.zeros_like(n), where=n > 1)
    variance = float((expected * (1.0 - n_high / n) * spread).sum())
    if variance <= 0.0:
        return no_comparison("the groups are never at risk together")
    excess = float((happened @ group - expected).sum())
    statistic = excess**2 / variance
    ratio = fit_cox(times, events, group)
    value, error = float(ratio.coefficients[0]), math.sqrt(float(ratio.covariance[0, 0]))
    half = z_quantile(alpha) * error
    method = "log-rank test; difference: log hazard ratio (Cox, Efron), Wald interval"
    if ratio.why:
        method = f"log-rank test; no hazard ratio: {ratio.why}"
    return Comparison(
        value, value - half, value + half, statistic, float(chi2.sf(statistic, 1)), method
    )


def hazard_ratio(
    time: ArrayLike, event: ArrayLike, covariate: ArrayLike, name: str, alpha: float = 0.05
) -> Estimate:
    """Return the hazard ratio per unit of one covariate, Wald interval of a Cox model."""
    values = as_floats(covariate)
    fit = fit_cox(time, event, values)
    if fit.why:
        return undefined(fit.why)
    value, error = float(fit.coefficients[0]), math.sqrt(float(fit.covariance[0, 0]))
    half = z_quantile(alpha) * error
    method = f"Cox model (Efron), {name}; Wald interval"
    return Estimate(math.exp(value), math.exp(value - half), math.exp(value + half), method)
