"""Everything that is measured on one cohort with a survival outcome and competing events.

References
----------
Aalen OO, Johansen S. An empirical transition matrix for non-homogeneous Markov chains based on
censored observations. Scand J Stat 1978;5:141.
Marubini E, Valsecchi MG. Analysing Survival Data from Clinical Trials and Observational Studies.
Wiley 1995 (variance by the delta method).
Wolbers M et al. Prognostic models with competing risks. Epidemiology 2009;20:555 (C).
Gerds TA, Schumacher M. Consistent estimation of the expected Brier score in general survival
models with right-censored event times. Biom J 2006;48:1029.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rigoromics.evaluate.concordance import (
    Pairs,
    censoring_survival,
    concordance,
    concordance_difference,
    harrell_pairs,
)
from rigoromics.evaluate.estimate import (
    Comparison,
    Estimate,
    Floats,
    as_floats,
    bootstrap_estimate,
    undefined,
    z_quantile,
)
from rigoromics.evaluate.group import Endpoint, Group, Measured, Settings
from rigoromics.evaluate.survival import hazard_ratio, log_rank


def cumulative_incidence(time: ArrayLike, cause: ArrayLike, alpha: float = 0.05) -> pd.DataFrame:
    """Return the cumulative incidence of cause 1 by Aalen and Johansen.

    Parameters
    ----------
    time
        Follow-up, shape (patients,).
    cause
        0: censored, 1: the event, else: a competing event.

    Returns
    -------
    DataFrame
        One row at time 0 and one per distinct time of the event: ``time``, ``incidence``, and
        ``lower``, ``upper`` by the delta method on the log(-log) scale.
    """
    times, causes = as_floats(time), as_floats(cause)
    distinct, first = np.unique(np.sort(times), return_index=True)
    at_risk = (times.size - first).astype(float)
    place = np.searchsorted(distinct, times)
    own = np.bincount(place[causes == 1], minlength=distinct.size).astype(float)
    any_event = np.bincount(place[causes != 0], minlength=distinct.size).astype(float)
    survival = np.cumprod(1.0 - any_event / at_risk)
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.cumsum(before * own / at_risk)
    variance = _variance(incidence, before, own, any_event, at_risk)
    inside = (incidence > 0.0) & (incidence < 1.0)
    logs = np.log(np.where(inside, incidence, 0.5))
    spread = np.sqrt(np.maximum(variance, 0.0)) / (np.where(inside, incidence, 0.5) * np.abs(logs))
    half = z_quantile(alpha) * np.where(inside, spread, np.nan)
    table = pd.DataFrame(
        {
            "time": distinct,
            "incidence": incidence,
            "lower": np.exp(logs * np.exp(half)),
            "upper": np.exp(logs * np.exp(-half)),
        }
    )[own > 0]
    start = pd.DataFrame({"time": [0.0], "incidence": [0.0], "lower": [0.0], "upper": [0.0]})
    return pd.concat([start, table], ignore_index=True)


def _variance(
    incidence: Floats, before: Floats, own: Floats, any_event: Floats, at_risk: Floats
) -> Floats:
    """Return the variance of the incidence at each time: sums over earlier times, expanded."""
    left = at_risk * (at_risk - any_event)
    first = np.divide(any_event, left, out=np.zeros_like(left), where=left > 0)
    second = before**2 * own * (at_risk - own) / at_risk**3
    third = before * own / at_risk**2
    f = incidence
    sums = [np.cumsum(x) for x in (first, first * f, first * f**2, second, third, third * f)]
    whole = f**2 * sums[0] - 2.0 * f * sums[1] + sums[2] + sums[3]
    return np.asarray(whole - 2.0 * (f * sums[4] - sums[5]))


def incidence_at(curve: pd.DataFrame, at: float) -> tuple[float, float, float]:
    """Return incidence and limits of a curve at a time."""
    row = curve[curve["time"] <= at].iloc[-1]
    return float(row["incidence"]), float(row["lower"]), float(row["upper"])


def pairs_of(group: Group) -> Pairs:
    """Return Wolbers' pairs: whoever had a competing event never has the event."""
    time, cause = group.column("time"), group.column("cause")
    never = np.where(cause > 1, time.max(initial=0.0) + 1.0, time)
    pairs = harrell_pairs(never, cause == 1)
    return Pairs(pairs.time, pairs.event, pairs.first, pairs.weight, math.nan, "Wolbers C")


def discriminate(group: Group, endpoint: Endpoint, settings: Settings) -> Estimate:
    """Return Wolbers' C of a group."""
    return concordance(pairs_of(group), group.column("risk"), settings.alpha)


def compare(a: Group, b: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Comparison:
    """Compare Wolbers' C of two signatures on the same patients, in the same order."""
    counts = a.counts(settings, seed)
    return concordance_difference(
        pairs_of(a), a.column("risk"), b.column("risk"), counts, settings.alpha
    )


def measure(group: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Measured:
    """Return all measures of a group with competing events."""
    time, cause, alpha = group.column("time"), group.column("cause"), settings.alpha
    called, horizon = group.column("cutoff_class"), float(endpoint.horizon or 0.0)
    probability = group.event_probability(endpoint)
    counts = group.counts(settings, seed)
    metrics = {"c_index": discriminate(group, endpoint, settings)}
    metrics["cause_specific_hazard_ratio"] = hazard_ratio(
        time, cause == 1, called, "of the event's own hazard, high against low risk", alpha
    )
    test = log_rank(time, cause == 1, called, alpha)
    metrics["log_rank_p"] = Estimate(test.p, math.nan, math.nan, f"own hazard: {test.method}")
    parts = []
    for value, name in ((0.0, "low"), (1.0, "high")):
        own = called == value
        if not own.any():
            continue
        curve = cumulative_incidence(time[own], cause[own], alpha)
        at = Estimate(*incidence_at(curve, horizon), "Aalen-Johansen; log(-log) interval")
        late = bool(time[own].max() >= horizon)
        metrics[f"incidence_{name}_risk"] = at if late else undefined("no one followed so long")
        renamed = curve.rename(columns={"time": "x", "incidence": "value"})
        parts.append(renamed.assign(table="incidence", series=name))
    metrics["observed_expected"] = _observed_expected(
        time, cause, probability, horizon, counts, alpha
    )
    metrics["brier_horizon"] = _brier(time, cause, probability, horizon, counts, alpha)
    empty = pd.DataFrame()
    details = pd.concat(parts, ignore_index=True) if parts else empty
    return Measured(metrics, empty, empty, empty, empty, details=details)


def _observed_expected(
    time: Floats, cause: Floats, probability: Floats, horizon: float, counts: Floats, alpha: float
) -> Estimate:
    """Return Aalen and Johansen's incidence at the horizon over the mean predicted one."""
    if time.max(initial=0.0) < horizon:
        return undefined("no one followed so long")
    observed = incidence_at(cumulative_incidence(time, cause), horizon)[0]
    samples = []
    for drawn in counts:
        rows = np.repeat(np.arange(time.size), drawn.astype(int))
        curve = _incidence(time[rows], cause[rows], horizon)
        samples.append(curve / float(probability[rows].mean()))
    name = "incidence (Aalen-Johansen) to mean prediction"
    return bootstrap_estimate(observed / float(probability.mean()), np.array(samples), name, alpha)


def _incidence(time: Floats, cause: Floats, horizon: float) -> float:
    """Return the incidence at the horizon alone, fast; patients at a tie are taken together."""
    distinct, first = np.unique(np.sort(time), return_index=True)
    at_risk, place = time.size - first, np.searchsorted(distinct, time)
    own = np.bincount(place[cause == 1], minlength=distinct.size)
    lost = np.bincount(place[cause != 0], minlength=distinct.size)
    survival = np.cumprod(1.0 - lost / at_risk)
    before = np.concatenate([[1.0], survival[:-1]])
    return float(np.sum((before * own / at_risk)[distinct <= horizon]))


def _brier(
    time: Floats, cause: Floats, probability: Floats, horizon: float, counts: Floats, alpha: float
) -> Estimate:
    """Return the Brier score at the horizon, weighted against censoring."""
    ended = cause != 0
    free = censoring_survival(time, ended, np.minimum(time, horizon))
    known = (ended & (time <= horizon)) | (time > horizon)
    if not (free[known] > 0).all() or not known.any():
        return undefined("no one followed so long")
    weight = np.where(known, 1.0 / np.where(free > 0, free, 1.0), 0.0)
    truth = (cause == 1) & (time <= horizon)
    squared = weight * (probability - truth) ** 2
    name = "Brier score at the horizon, inverse probability of censoring weights"
    samples = counts @ squared / counts.sum(axis=1)
    return bootstrap_estimate(float(squared.mean()), samples, name, alpha)
