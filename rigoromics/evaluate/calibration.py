"""Calibration and overall accuracy of predicted probabilities of a binary outcome.

References
----------
Van Calster B et al. A calibration hierarchy for risk models was defined. J Clin Epidemiol
2016;74:167.
Austin PC, Steyerberg EW. The integrated calibration index (ICI) and related metrics. Stat Med
2019;38:4051.
Steyerberg EW et al. Assessing the performance of prediction models. Epidemiology 2010;21:128.
Intercept and slope equal those of R's ``rms::val.prob`` (intercept: slope fixed at one).
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit

from rigoromics.evaluate.estimate import (
    Bools,
    Estimate,
    Floats,
    as_events,
    as_floats,
    bootstrap_estimate,
    undefined,
    wilson,
    z_quantile,
)
from rigoromics.evaluate.loess import kernel, loess, smooth

# Forests predict 0 and 1, whose log-odds are infinite.
_EDGE = 1e-3
_LARGEST_ERROR = 50.0
_GRID = 50
SMALLEST_FOR_CURVE = 20


def why_not(events: Bools, probability: Floats) -> str:
    """Return why calibration cannot be judged on these patients, or nothing."""
    if not np.isfinite(probability).all():
        return "a predicted probability is missing"
    if probability.min(initial=0.0) < 0.0 or probability.max(initial=0.0) > 1.0:
        return "predicted probabilities leave 0 to 1"
    if events.all() or not events.any():
        return f"only one outcome class among {events.size} patients"
    return ""


def intercept_and_slope(
    y: ArrayLike, probability: ArrayLike, alpha: float = 0.05
) -> tuple[Estimate, Estimate]:
    """Return calibration-in-the-large (log-odds) and the calibration slope, Wald intervals.

    Parameters
    ----------
    y
        Outcomes, 0 or 1.
    probability
        Predicted probabilities of the outcome; those outside 0.001 to 0.999 are moved there, and
        the method says how many.
    """
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    events, values = as_events(y), as_floats(probability)
    why = why_not(events, values)
    if why:
        return undefined(why), undefined(why)
    clipped = np.clip(values, _EDGE, 1.0 - _EDGE)
    moved = int((clipped != values).sum())
    note = f"; {moved} probabilities moved to {_EDGE:g} or {1 - _EDGE:g}" if moved else ""
    offset = logit(clipped)
    outcome, ones = events.astype(float), np.ones((events.size, 1))
    z = z_quantile(alpha)
    with warnings.catch_warnings():
        # Separation shows in the standard error below, where it is turned into a reason.
        warnings.simplefilter("ignore")
        large = GLM(outcome, ones, family=Binomial(), offset=offset).fit()
        design = np.column_stack([ones, offset])
        slope = GLM(outcome, design, family=Binomial()).fit()
    results = []
    for fit, column, name in ((large, 0, "with offset"), (slope, 1, "slope")):
        value, error = float(fit.params[column]), float(fit.bse[column])
        if name == "slope" and np.ptp(offset) == 0.0:
            results.append(undefined("all patients have the same predicted probability"))
        elif not fit.converged or not math.isfinite(error) or error > _LARGEST_ERROR:
            results.append(undefined("the outcomes are perfectly separated"))
        else:
            method = f"logistic recalibration, {name}; Wald interval{note}"
            results.append(Estimate(value, value - z * error, value + z * error, method))
    return results[0], results[1]


def brier(
    y: ArrayLike, probability: ArrayLike, counts: Floats, alpha: float = 0.05
) -> tuple[Estimate, Estimate]:
    """Return the Brier score and its scaled form, with bootstrap intervals.

    The scaled form is one minus the ratio to the score of the outcome's own mean in these
    patients: 1 is perfect, 0 no better than the mean, negative worse.

    Parameters
    ----------
    counts : array, shape (samples, patients)
        From :func:`~rigoromics.evaluate.estimate.bootstrap_counts`.
    """
    events, values = as_events(y), as_floats(probability)
    why = why_not(events, values)
    if why:
        return undefined(why), undefined(why)
    squared = (values - events) ** 2
    score, mean = float(squared.mean()), float(events.mean())
    samples, means = counts @ squared / events.size, counts @ events / events.size
    chance = means * (1.0 - means)
    scaled = 1.0 - np.divide(
        samples, chance, out=np.full_like(samples, np.nan), where=chance > 1e-12
    )
    return (
        bootstrap_estimate(score, samples, "Brier score", alpha),
        bootstrap_estimate(1.0 - score / (mean * (1.0 - mean)), scaled, "scaled Brier", alpha),
    )


def smooth_calibration(
    y: ArrayLike, probability: ArrayLike, counts: Floats, alpha: float = 0.05
) -> tuple[dict[str, Estimate], dict[str, Floats]]:
    """Return ICI, E50 and E90, and the smooth calibration curve.

    Observed probabilities are a loess fit of degree 2 and span 0.75. The estimates evaluate it at
    every patient; the bootstrap keeps the bandwidths of the whole sample and evaluates a grid of
    points, interpolated to the patients.

    Returns
    -------
    dict
        ``ici``, ``e50``, ``e90``: mean, median and 90th centile of the absolute difference.
    dict
        ``predicted``, ``observed``, ``lower``, ``upper``: the curve at evenly spaced predictions;
        empty arrays where it does not exist.
    """
    events, values = as_events(y), as_floats(probability)
    why = why_not(events, values)
    if not why and values.size < SMALLEST_FOR_CURVE:
        why = f"a smooth curve needs at least {SMALLEST_FOR_CURVE} patients, here {values.size}"
    if not why and np.unique(values).size < 4:
        why = "fewer than four distinct predicted probabilities"
    if why:
        empty = np.empty(0)
        nothing = {name: empty for name in ("predicted", "observed", "lower", "upper")}
        return {name: undefined(why) for name in ("ici", "e50", "e90")}, nothing
    outcome = events.astype(float)
    fitted = np.clip(loess(values, outcome, values), 0.0, 1.0)
    grid = np.linspace(values.min(), values.max(), _GRID)
    curves = smooth(values, outcome, grid, kernel(values, grid), counts)
    curves = np.clip(curves, 0.0, 1.0)
    lower, upper = np.nanquantile(curves, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0)
    curve = {"predicted": grid, "observed": np.clip(loess(values, outcome, grid), 0.0, 1.0)}
    curve |= {"lower": lower, "upper": upper}
    distances = np.abs(interpolate_rows(grid, curves, values) - values)
    name = "loess of degree 2, span 0.75"
    return distance_measures(np.abs(fitted - values), distances, counts, name, alpha), curve


def expected_calibration_error(
    y: ArrayLike, probability: ArrayLike, counts: Floats, alpha: float = 0.05, most: int = 10
) -> Estimate:
    """Return the mean absolute difference of observed and predicted over groups of equal size.

    Never to be read alone: it depends on the number of groups, is above 0 by chance even where
    calibration is perfect, and a signature that predicts the mean for everybody has none.

    References
    ----------
    Naeini MP et al. Obtaining well calibrated probabilities using Bayesian binning. AAAI
    2015:2901.
    """
    events, values = as_events(y), as_floats(probability)
    why = why_not(events, values)
    if why:
        return undefined(why)
    members = equal_groups(values, most)
    place = np.zeros((events.size, len(members)))
    for number, rows in enumerate(members):
        place[rows, number] = 1.0
    difference = (events - values)[:, None] * place

    def error(drawn: Floats) -> Floats:
        return np.asarray(np.abs(drawn @ difference).sum(axis=1) / drawn.sum(axis=1))

    value = float(error(np.ones((1, events.size)))[0])
    name = f"expected calibration error over {len(members)} groups of equal size"
    return _absolute(value, error(counts), name, alpha)


def interpolate_rows(grid: Floats, curves: Floats, at: Floats) -> Floats:
    """Return every curve (rows), known on an even grid, at the points ``at``."""
    place = (at - grid[0]) / (grid[-1] - grid[0]) * (grid.size - 1)
    left = np.clip(place.astype(int), 0, grid.size - 2)
    share = place - left
    return np.asarray(curves[:, left] * (1.0 - share) + curves[:, left + 1] * share)


def distance_measures(
    distance: Floats, distances: Floats, counts: Floats, name: str, alpha: float
) -> dict[str, Estimate]:
    """Return ICI, E50 and E90 of the patients' distances, with bootstrap intervals.

    Parameters
    ----------
    distance : array, shape (patients,)
    distances : array, shape (samples, patients)
        The same in each bootstrap sample, for all patients, drawn or not.
    """
    order = np.argsort(distances, axis=1)
    ranked = np.take_along_axis(distances, order, axis=1)
    reached = np.cumsum(np.take_along_axis(counts, order, axis=1), axis=1)
    samples = {"ici": (distances * counts).sum(axis=1) / counts.sum(axis=1)}
    values = {"ici": float(distance.mean())}
    for measure, share in (("e50", 0.5), ("e90", 0.9)):
        position = (reached < share * reached[:, -1:]).sum(axis=1)
        samples[measure] = ranked[np.arange(position.size), position]
        values[measure] = float(np.quantile(distance, share))
    return {key: _absolute(values[key], samples[key], name, alpha) for key in values}


def _absolute(value: float, samples: Floats, name: str, alpha: float) -> Estimate:
    """Return the estimate of an absolute distance, whose bootstrap is biased upward.

    In a well calibrated sample every resample lies further from the diagonal, so the lower limit
    is let down to the estimate where it would exceed it.
    """
    found = bootstrap_estimate(value, samples, name, alpha)
    return Estimate(value, min(found.lower, value), found.upper, found.method)


def calibration_groups(
    y: ArrayLike, probability: ArrayLike, alpha: float = 0.05, most: int = 10
) -> dict[str, Floats]:
    """Return observed against predicted in groups of equal size, with Wilson intervals.

    As many groups (at most ``most``) as leave ten patients in each.
    """
    events, values = as_events(y), as_floats(probability)
    columns: dict[str, list[float]] = {
        name: [] for name in ("predicted", "observed", "lower", "upper")
    }
    if not why_not(events, values):
        for members in equal_groups(values, most):
            share = wilson(int(events[members].sum()), members.size, alpha)
            columns["predicted"].append(float(values[members].mean()))
            columns["observed"].append(share.value)
            columns["lower"].append(share.lower)
            columns["upper"].append(share.upper)
    return {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}


def equal_groups(values: Floats, most: int) -> list[np.ndarray]:
    """Split patients by predicted value into groups of equal size; equal values stay together."""
    groups = max(1, min(most, values.size // 10))
    edges = np.quantile(values, np.arange(1, groups) / groups)
    place = np.searchsorted(edges, values, side="right")
    return [np.flatnonzero(place == g) for g in range(groups) if (place == g).any()]
