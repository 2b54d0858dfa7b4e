"""Survival in the unit of time: restricted mean and median of the risk groups.

References
----------
Royston P, Parmar MKB. Restricted mean survival time: an alternative to the hazard ratio for the
design and analysis of randomized trials with a time-to-event outcome. BMC Med Res Methodol
2013;13:152.
Uno H et al. Moving beyond the hazard ratio in quantifying the between-group difference in
survival analysis. J Clin Oncol 2014;32:2380 (variance, and differences).
Brookmeyer R, Crowley J. A confidence interval for the median survival time. Biometrics 1982;38:29.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from rigoromics.evaluate.estimate import (
    Comparison,
    Estimate,
    as_events,
    as_floats,
    no_comparison,
    two_sided_p,
    undefined,
    z_quantile,
)
from rigoromics.evaluate.survival import kaplan_meier


def restricted_mean(
    time: ArrayLike, event: ArrayLike, tau: float, alpha: float = 0.05
) -> tuple[Estimate, float]:
    """Return the mean time free of the event up to ``tau``, and its standard error.

    The area below Kaplan-Meier's curve, with Greenwood's variance.

    Parameters
    ----------
    time, event
        Times and 0 or 1.
    tau
        Upper limit, in the unit of ``time``.

    Returns
    -------
    Estimate, float
        Undefined, with NaN, where the curve stops before ``tau`` above 0.
    """
    times, events = as_floats(time), as_events(event)
    if not times.size:
        return undefined("no patient in the group"), math.nan
    curve = kaplan_meier(times, events, alpha)
    if times.max() < tau and curve["survival"].iloc[-1] > 0.0:
        return undefined(f"no patient of the group was followed to time {tau:g}"), math.nan
    early = curve[curve["time"] < tau]
    at, survival = early["time"].to_numpy(), early["survival"].to_numpy()
    areas = survival * np.diff(np.append(at, tau))
    after = np.cumsum(areas[::-1])[::-1]
    at_risk = early["at_risk"].to_numpy(dtype=np.float64)
    deaths = np.array([float(events[times == moment].sum()) for moment in at])
    left = at_risk * (at_risk - deaths)
    # Where all at risk have the event, no area is left after it.
    terms = np.divide(after**2 * deaths, left, out=np.zeros_like(left), where=left > 0)
    value, error = float(areas.sum()), math.sqrt(float(terms.sum()))
    half = z_quantile(alpha) * error
    name = f"area below Kaplan-Meier's curve to time {tau:g}"
    if error == 0.0:
        return Estimate(value, math.nan, math.nan, f"{name}; no interval: zero variance"), error
    method = f"{name}; Greenwood's variance"
    return Estimate(value, max(0.0, value - half), min(tau, value + half), method), error


def restricted_mean_difference(
    time: ArrayLike, event: ArrayLike, high: ArrayLike, tau: float, alpha: float = 0.05
) -> Comparison:
    """Compare restricted means: that of the high less that of the low risk group."""
    times, events, group = as_floats(time), as_events(event), as_floats(high)
    if not np.isin(group, (0.0, 1.0)).all():
        return no_comparison("a patient has no risk group")
    found = [restricted_mean(times[group == g], events[group == g], tau, alpha) for g in (1, 0)]
    for (one, _), name in zip(found, ("high", "low"), strict=True):
        if math.isnan(one.value):
            return no_comparison(f"{one.method.removeprefix('not estimable: ')} ({name} risk)")
    difference = found[0][0].value - found[1][0].value
    error = math.hypot(found[0][1], found[1][1])
    if error == 0.0:
        return no_comparison(f"no event before time {tau:g} leaves a variance")
    half, z = z_quantile(alpha) * error, difference / error
    method = (
        f"difference of areas below Kaplan-Meier's curves to time {tau:g}; Greenwood's variance"
    )
    return Comparison(difference, difference - half, difference + half, z, two_sided_p(z), method)


def median_survival(time: ArrayLike, event: ArrayLike, alpha: float = 0.05) -> Estimate:
    """Return the median time to the event with the interval that inverts the log(-log) band.

    A limit that the band never reaches is infinite, and the method says so.
    """
    times, events = as_floats(time), as_events(event)
    if not times.size:
        return undefined("no patient in the group")
    curve = kaplan_meier(times, events, alpha)

    def first(column: str) -> float:
        below = curve.loc[curve[column] <= 0.5, "time"]
        return float(below.iloc[0]) if len(below) else math.inf

    value = first("survival")
    if math.isinf(value):
        return undefined("survival stays above one half")
    # Once no one survives the band has no value; it is nowhere above one half from there on.
    end = float(curve.loc[curve["survival"] == 0.0, "time"].min())
    lower, upper = first("lower"), first("upper")
    lower = min(lower, end) if not math.isnan(end) else lower
    method = "Kaplan-Meier median; interval of Brookmeyer and Crowley, log(-log)"
    return Estimate(value, lower, upper, method + (" (open above)" if math.isinf(upper) else ""))
