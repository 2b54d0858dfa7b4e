"""Accuracy and calibration of predicted event probabilities at one time horizon.

References
----------
Graf E et al. Assessment and comparison of prognostic classification schemes for survival data.
Stat Med 1999;18:2529.
Kattan MW, Gerds TA. The index of prediction accuracy. Diagn Progn Res 2018;2:7.
McLernon DJ, Giardiello D et al. Assessing performance and clinical usefulness in prediction models
with survival outcomes: practical guidance for Cox proportional hazards models. Ann Intern Med
2023;176:105.
Austin PC, Harrell FE, van Klaveren D. Graphical calibration curves and the integrated calibration
index (ICI) for survival models. Stat Med 2020;39:2714.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from rigoromics.evaluate.calibration import SMALLEST_FOR_CURVE, distance_measures, equal_groups
from rigoromics.evaluate.concordance import censoring_survival
from rigoromics.evaluate.cox import breslow_hazard, fit_cox, one_step_bootstrap
from rigoromics.evaluate.estimate import (
    Estimate,
    Floats,
    as_events,
    as_floats,
    bootstrap_estimate,
    undefined,
    z_quantile,
)
from rigoromics.evaluate.survival import kaplan_meier, survival_at

_EDGE = 1e-3
_GRID = 50


def why_not(time: Floats, event: np.ndarray, probability: Floats, horizon: float) -> str:
    """Return why predictions at the horizon cannot be judged on these patients, or nothing."""
    if not np.isfinite(probability).all():
        return "a predicted probability is missing"
    if probability.min(initial=0.0) < 0.0 or probability.max(initial=0.0) > 1.0:
        return "predicted probabilities leave 0 to 1"
    if not (event & (time <= horizon)).any():
        return f"no event by time {horizon:g}"
    if not (time > horizon).any():
        # Censoring at the horizon itself still tells who was free of the event until then.
        if (time[~event] >= horizon).any():
            return ""
        return f"no patient was followed to time {horizon:g}"
    return ""


def brier_at(
    time: ArrayLike,
    event: ArrayLike,
    probability: ArrayLike,
    horizon: float,
    counts: Floats,
    alpha: float = 0.05,
) -> tuple[Estimate, Estimate]:
    """Return the Brier score at the horizon and its scaled form (index of prediction accuracy).

    Parameters
    ----------
    probability
        Predicted probability of the event by ``horizon``.
    horizon
        In the unit of ``time``.
    counts : array, shape (samples, patients)
        Bootstrap samples; the weights against censoring are taken as known.
    """
    times, events, values = as_floats(time), as_events(event), as_floats(probability)
    why = why_not(times, events, values, horizon)
    if why:
        return undefined(why), undefined(why)
    case = events & (times <= horizon)
    free = (times > horizon) | ((times == horizon) & ~events)
    weight = np.zeros(times.size)
    weight[case] = 1.0 / censoring_survival(times, events, times[case])
    weight[free] = 1.0 / censoring_survival(times, events, [horizon])[0]
    squared = weight * (values - case) ** 2
    name = f"Brier score at time {horizon:g}, inverse probability of censoring weights"

    def scores(drawn: Floats) -> tuple[Floats, Floats]:
        size = drawn.sum(axis=1)
        incidence = 1.0 - survival_at(times, events, drawn, horizon)
        cases, others = drawn @ (weight * case), drawn @ (weight * free)
        null = ((1.0 - incidence) ** 2 * cases + incidence**2 * others) / size
        score = drawn @ squared / size
        null[null <= 0.0] = np.nan
        return score, 1.0 - score / null

    score, scaled = scores(np.ones((1, times.size)))
    score_samples, scaled_samples = scores(counts)
    return (
        bootstrap_estimate(float(score[0]), score_samples, name, alpha),
        bootstrap_estimate(
            float(scaled[0]), scaled_samples, f"{name}, scaled by Kaplan-Meier's", alpha
        ),
    )


def observed_expected(
    time: ArrayLike,
    event: ArrayLike,
    probability: ArrayLike,
    horizon: float,
    counts: Floats,
    alpha: float = 0.05,
) -> Estimate:
    """Return the ratio of observed (Kaplan-Meier) to mean predicted events at the horizon."""
    times, events, values = as_floats(time), as_events(event), as_floats(probability)
    why = why_not(times, events, values, horizon)
    if why:
        return undefined(why)
    if values.mean() <= 0.0:
        return undefined("no event is predicted")

    def ratio(drawn: Floats) -> Floats:
        incidence = 1.0 - survival_at(times, events, drawn, horizon)
        return np.asarray(incidence / (drawn @ values / drawn.sum(axis=1)))

    value = float(ratio(np.ones((1, times.size)))[0])
    name = f"Kaplan-Meier incidence at time {horizon:g} over mean prediction"
    return bootstrap_estimate(value, ratio(counts), name, alpha)


def complementary_log_log(probability: Floats) -> Floats:
    """Return log(-log(1 - p)), p kept within 0.001 and 0.999."""
    return np.asarray(np.log(-np.log1p(-np.clip(probability, _EDGE, 1.0 - _EDGE))))


def calibration_slope(
    time: ArrayLike, event: ArrayLike, probability: ArrayLike, alpha: float = 0.05
) -> Estimate:
    """Return the slope of a Cox model on the complementary log-log of the predicted probability.

    For a Cox signature this is the slope of its linear predictor; it exists as well for
    signatures that have none.
    """
    values = as_floats(probability)
    if not np.isfinite(values).all():
        return undefined("a predicted probability is missing")
    fit = fit_cox(time, event, complementary_log_log(values))
    if fit.why:
        return undefined(fit.why)
    value, error = float(fit.coefficients[0]), math.sqrt(float(fit.covariance[0, 0]))
    half = z_quantile(alpha) * error
    method = "Cox model on the complementary log-log of the prediction; Wald interval"
    return Estimate(value, value - half, value + half, method)


def _spline(x: Floats, knots: Floats) -> Floats:
    """Return x and its restricted cubic spline of three knots; x alone where knots coincide."""
    low, middle, high = knots
    if not low < middle < high:
        return x[:, None]

    def cube(knot: float) -> Floats:
        return np.asarray(np.clip(x - knot, 0.0, None) ** 3)

    bend = cube(low) - cube(middle) * (high - low) / (high - middle)
    bend = bend + cube(high) * (middle - low) / (high - middle)
    return np.column_stack([x, bend / (high - low) ** 2])


def smooth_calibration_at(
    time: ArrayLike,
    event: ArrayLike,
    probability: ArrayLike,
    horizon: float,
    counts: Floats,
    alpha: float = 0.05,
) -> tuple[dict[str, Estimate], dict[str, Floats]]:
    """Return ICI, E50, E90 and the smooth calibration curve at the horizon.

    Observed probabilities come from a second Cox model on a restricted cubic spline (three knots)
    of the complementary log-log prediction; bootstrap samples refit it by one Newton step.

    Returns
    -------
    dict, dict
        As :func:`~rigoromics.evaluate.calibration.smooth_calibration`.
    """
    times, events, values = as_floats(time), as_events(event), as_floats(probability)
    why = why_not(times, events, values, horizon)
    if not why and values.size < SMALLEST_FOR_CURVE:
        why = f"a smooth curve needs at least {SMALLEST_FOR_CURVE} patients, here {values.size}"
    transformed = complementary_log_log(values)
    knots = np.quantile(transformed, [0.1, 0.5, 0.9]) if not why else np.zeros(3)
    design = _spline(transformed, knots)
    fit = fit_cox(times, events, design) if not why else None
    if fit is None or fit.why:
        reason = why or (fit.why if fit is not None else "")
        empty = np.empty(0)
        nothing = {name: empty for name in ("predicted", "observed", "lower", "upper")}
        return {name: undefined(reason) for name in ("ici", "e50", "e90")}, nothing

    def observed(rows: Floats, coefficients: Floats, drawn: Floats) -> Floats:
        linear = coefficients @ design.T
        hazard = breslow_hazard(times, events, linear, drawn, horizon)
        return np.asarray(1.0 - np.exp(-hazard[:, None] * np.exp(coefficients @ rows.T)))

    one = np.ones((1, times.size))
    fitted = observed(design, fit.coefficients[None, :], one)[0]
    samples = one_step_bootstrap(times, events, design, fit, counts)
    with np.errstate(over="ignore", invalid="ignore"):
        # A sample whose single step overshoots is left out by the quantiles as not finite.
        distances = np.abs(observed(design, samples, counts) - values)
        grid = np.linspace(values.min(), values.max(), _GRID)
        rows = _spline(complementary_log_log(grid), knots)
        curves = observed(rows, samples, counts)
    lower, upper = np.nanquantile(curves, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0)
    curve = {"predicted": grid, "observed": observed(rows, fit.coefficients[None, :], one)[0]}
    curve |= {"lower": lower, "upper": upper}
    name = f"Cox model on a spline of the prediction, at time {horizon:g}"
    return distance_measures(np.abs(fitted - values), distances, counts, name, alpha), curve


def calibration_groups_at(
    time: ArrayLike,
    event: ArrayLike,
    probability: ArrayLike,
    horizon: float,
    alpha: float = 0.05,
    most: int = 5,
) -> dict[str, Floats]:
    """Return Kaplan-Meier incidence at the horizon against the mean prediction, in groups."""
    times, events, values = as_floats(time), as_events(event), as_floats(probability)
    rows = []
    if not why_not(times, events, values, horizon):
        for members in equal_groups(values, most):
            curve = kaplan_meier(times[members], events[members], alpha)
            if times[members].max() < horizon and curve["survival"].iloc[-1] > 0.0:
                continue
            at = curve[curve["time"] <= horizon].iloc[-1]
            observed = 1.0 - np.array([at["survival"], at["upper"], at["lower"]])
            rows.append([values[members].mean(), *observed])
    table = np.asarray(rows, dtype=np.float64).reshape(-1, 4)
    return dict(zip(("predicted", "observed", "lower", "upper"), table.T, strict=True))
