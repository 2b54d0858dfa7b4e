"""Concordance of risks with survival times: Harrell's C, Uno's C, and the AUC at a horizon.

All three are the same statistic: a share of concordant pairs among comparable pairs, in which the
first of a pair had the event. They differ in which pairs are comparable and in the weight of the
first patient. So they share one interval (the infinitesimal jackknife, as R's
``survival::concordance``) and one paired test.

References
----------
Harrell FE et al. Multivariable prognostic models. Stat Med 1996;15:361.
Uno H et al. On the C-statistics for evaluating overall adequacy of risk prediction procedures
with censored survival data. Stat Med 2011;30:1105.
Uno H et al. Evaluating prediction rules for t-year survivors with censored regression models.
J Am Stat Assoc 2007;102:527.
Therneau T, Atkinson E. Concordance. Vignette of the R package survival.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

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
    percentile_interval,
    two_sided_p,
    undefined,
    z_quantile,
)

_ZERO_VARIANCE = 1e-14
# Pairs held in memory at once, and the size up to which a bootstrap of pairs is affordable.
_PAIRS_AT_ONCE = 4_000_000
BOOTSTRAP_PATIENTS = 2_000
# With fewer samples a percentile p could hardly fall below 0.05.
BOOTSTRAP_SAMPLES = 100


def censoring_survival(time: ArrayLike, event: ArrayLike, at: ArrayLike) -> Floats:
    """Return the probability of being uncensored just before each time ``at``.

    Kaplan-Meier of the censoring times, with events ahead of censorings at the same time.
    """
    times, events = as_floats(time), as_events(event)
    order = np.argsort(times, kind="stable")
    distinct, first = np.unique(times[order], return_index=True)
    happened = np.add.reduceat(events[order].astype(float), first) if distinct.size else distinct
    left = np.append(first[1:], times.size) - first - happened
    at_risk = times.size - first - happened
    # No one at risk means no one left to be censored: the factor is one.
    factor = 1.0 - np.divide(left, at_risk, out=np.zeros_like(left), where=at_risk > 0)
    steps = np.concatenate([[1.0], np.cumprod(factor)])
    return np.asarray(steps[np.searchsorted(distinct, as_floats(at), side="left")])


@dataclass(frozen=True)
class Pairs:
    """Which pairs count: each ``first`` patient against all, with a weight for the first.

    ``horizon`` is NaN for pairs ordered by time, or the time at which "later" is cut.
    """

    time: Floats
    event: Bools
    first: np.ndarray
    weight: Floats
    horizon: float
    name: str

    def blocks(self) -> Iterator[tuple[np.ndarray, Floats]]:
        """Yield positions in ``first`` and the weights of their pairs, shape (block, patients)."""
        size = max(1, _PAIRS_AT_ONCE // max(1, self.time.size))
        for start in range(0, self.first.size, size):
            rows = np.arange(start, min(start + size, self.first.size))
            own = self.time[self.first[rows]][:, None]
            if math.isnan(self.horizon):
                later = (self.time > own) | ((self.time == own) & ~self.event)
            else:
                later = np.broadcast_to(self.time > self.horizon, (rows.size, self.time.size))
            yield rows, later * self.weight[rows][:, None]

    def concordant(self, rows: np.ndarray, risk: Floats) -> Floats:
        """Return 1, one half (tied risks) or 0 for each pair of these rows."""
        own = risk[self.first[rows]][:, None]
        return np.asarray((own > risk) + 0.5 * (own == risk), dtype=np.float64)


def harrell_pairs(time: ArrayLike, event: ArrayLike) -> Pairs:
    """Return the pairs of Harrell's C: the earlier time of the two is an event."""
    times, events = as_floats(time), as_events(event)
    first = np.flatnonzero(events)
    return Pairs(times, events, first, np.ones(first.size), math.nan, "Harrell C")


def uno_pairs(time: ArrayLike, event: ArrayLike, tau: float = math.inf) -> Pairs:
    """Return the pairs of Uno's C up to ``tau``: Harrell's, weighted against censoring."""
    times, events = as_floats(time), as_events(event)
    first = np.flatnonzero(events & (times < tau))
    free = censoring_survival(times, events, times[first])
    limit = "" if math.isinf(tau) else f" up to time {tau:g}"
    name = f"Uno C{limit} (censoring distribution of the evaluated patients)"
    return Pairs(times, events, first, free**-2.0, math.nan, name)


def horizon_pairs(time: ArrayLike, event: ArrayLike, horizon: float) -> Pairs:
    """Return the pairs of the cumulative/dynamic AUC: event by the horizon against free of it."""
    times, events = as_floats(time), as_events(event)
    first = np.flatnonzero(events & (times <= horizon))
    free = censoring_survival(times, events, times[first])
    name = f"cumulative/dynamic AUC at time {horizon:g} (inverse probability of censoring weights)"
    return Pairs(times, events, first, 1.0 / free, horizon, name)


def _influence(pairs: Pairs, risk: Floats) -> tuple[float, float, Floats]:
    """Return the statistic, the total weight of pairs, and each patient's influence on it."""
    agree, count = np.zeros(pairs.time.size), np.zeros(pairs.time.size)
    total_agree = total = 0.0
    for rows, weights in pairs.blocks():
        agreeing = weights * pairs.concordant(rows, risk)
        for target, table in ((agree, agreeing), (count, weights)):
            target += table.sum(axis=0)
            target[pairs.first[rows]] += table.sum(axis=1)
        total_agree += float(agreeing.sum())
        total += float(weights.sum())
    if total == 0.0:
        return math.nan, 0.0, agree
    value = total_agree / total
    return value, total, (agree - value * count) / total


def concordance(
    pairs: Pairs, risk: ArrayLike, alpha: float = 0.05, scale: Scale = "logit"
) -> Estimate:
    """Return a concordance statistic with its infinitesimal jackknife interval.

    The weights against censoring are taken as known. ``scale`` as in
    :func:`~rigoromics.evaluate.estimate.interval_of_proportion`.
    """
    values = as_floats(risk)
    if not np.isfinite(values).all():
        return undefined("a predicted risk is missing or infinite")
    value, total, influence = _influence(pairs, values)
    if total == 0.0:
        return undefined(f"no comparable pair among {values.size} patients")
    variance = float(influence @ influence)
    if np.ptp(values) == 0.0:
        return Estimate(value, math.nan, math.nan, "no interval: all patients have the same risk")
    if variance <= _ZERO_VARIANCE or not 0.0 < value < 1.0:
        return Estimate(value, math.nan, math.nan, f"{pairs.name}; no interval: zero variance")
    lower, upper = interval_of_proportion(value, math.sqrt(variance), alpha, scale)
    method = f"{pairs.name}; infinitesimal jackknife interval ({scale})"
    return Estimate(value, lower, upper, method)


def concordance_difference(
    pairs: Pairs,
    risk_a: ArrayLike,
    risk_b: ArrayLike,
    counts: Floats | None = None,
    alpha: float = 0.05,
) -> Comparison:
    """Compare two concordances on the same patients: that of a minus that of b.

    Parameters
    ----------
    pairs
        The comparable pairs, from one of the functions above.
    counts : array, shape (repeats, patients), optional
        Bootstrap samples. With at least ``BOOTSTRAP_SAMPLES``, interval and p come from a paired
        percentile bootstrap; with fewer, or beyond ``BOOTSTRAP_PATIENTS`` patients, where both
        agree, from the infinitesimal jackknife of the difference.
    """
    a, b = as_floats(risk_a), as_floats(risk_b)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return no_comparison("a predicted risk is missing or infinite")
    value_a, total, influence_a = _influence(pairs, a)
    value_b, _, influence_b = _influence(pairs, b)
    if total == 0.0:
        return no_comparison(f"no comparable pair among {a.size} patients")
    difference = value_a - value_b
    step = influence_a - influence_b
    variance = float(step @ step)
    if variance <= _ZERO_VARIANCE:
        if abs(difference) < 1e-12:
            return Comparison(0.0, 0.0, 0.0, 0.0, 1.0, f"{pairs.name} (the rankings are alike)")
        return no_comparison("the variance of the difference is zero", difference)
    enough = counts is not None and counts.shape[0] >= BOOTSTRAP_SAMPLES
    if counts is not None and enough and a.size <= BOOTSTRAP_PATIENTS:
        return _bootstrap_difference(pairs, (a, b), counts, difference, alpha)
    error = math.sqrt(variance)
    half = z_quantile(alpha) * error
    z = difference / error
    method = f"difference in {pairs.name}; infinitesimal jackknife, z test"
    return Comparison(difference, difference - half, difference + half, z, two_sided_p(z), method)


def _bootstrap_difference(
    pairs: Pairs, risks: tuple[Floats, Floats], counts: Floats, difference: float, alpha: float
) -> Comparison:
    agree, total = np.zeros(counts.shape[0]), np.zeros(counts.shape[0])
    for rows, weights in pairs.blocks():
        a, b = (pairs.concordant(rows, risk) for risk in risks)
        drawn = counts[:, pairs.first[rows]]
        agree += np.einsum("bi,bi->b", drawn, counts @ (weights * (a - b)).T)
        total += np.einsum("bi,bi->b", drawn, counts @ weights.T)
    samples = np.divide(agree, total, out=np.full_like(agree, np.nan), where=total > 0)
    lower, upper = percentile_interval(samples, alpha)
    finite = samples[np.isfinite(samples)]
    method = f"difference in {pairs.name}; paired bootstrap, {finite.size} samples"
    if math.isnan(lower):
        return no_comparison("too few bootstrap samples have a comparable pair", difference)
    tail = min(int((finite <= 0).sum()), int((finite >= 0).sum()))
    p = min(1.0, 2.0 * (tail + 1) / (finite.size + 1))
    error = float(finite.std(ddof=1))
    statistic = difference / error if error > 0 else math.nan
    return Comparison(difference, lower, upper, statistic, p, method)
