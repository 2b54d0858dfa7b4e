"""Everything that is measured on one cohort with a survival outcome."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from rigoromics.evaluate.binary import calibration_table
from rigoromics.evaluate.concordance import (
    concordance,
    concordance_difference,
    harrell_pairs,
    horizon_pairs,
    uno_pairs,
)
from rigoromics.evaluate.decision import decision_curve_at
from rigoromics.evaluate.estimate import Comparison, Estimate, Floats, undefined
from rigoromics.evaluate.group import Endpoint, Group, Measured, Settings
from rigoromics.evaluate.horizon import (
    brier_at,
    calibration_groups_at,
    calibration_slope,
    observed_expected,
    smooth_calibration_at,
)
from rigoromics.evaluate.over_time import integrated_brier_to
from rigoromics.evaluate.restricted import (
    median_survival,
    restricted_mean,
    restricted_mean_difference,
)
from rigoromics.evaluate.survival import hazard_ratio, kaplan_meier, log_rank


def discriminate(group: Group, endpoint: Endpoint, settings: Settings) -> Estimate:
    """Return Harrell's C of a group."""
    pairs = harrell_pairs(group.column("time"), group.column("event"))
    return concordance(pairs, group.column("risk"), settings.alpha)


def compare(a: Group, b: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Comparison:
    """Compare Harrell's C of two signatures on the same patients, in the same order."""
    pairs = harrell_pairs(a.column("time"), a.column("event"))
    counts = a.counts(settings, seed)
    return concordance_difference(pairs, a.column("risk"), b.column("risk"), counts, settings.alpha)


def compare_risk_groups(group: Group, settings: Settings) -> Comparison:
    """Compare survival of the patients above against those below the locked cut-off."""
    time, event = group.column("time"), group.column("event")
    return log_rank(time, event, group.column("cutoff_class"), settings.alpha)


def measure(group: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Measured:
    """Return all measures of a group with a survival outcome."""
    metrics = _discrimination(group, endpoint, settings) | _risk_groups(group, settings)
    metrics |= _times(group, endpoint, settings)
    if endpoint.horizon is None:
        empty = pd.DataFrame()
        return Measured(metrics, empty, empty, empty, _curves(group, settings))
    time, event, alpha = group.column("time"), group.column("event"), settings.alpha
    probability, horizon = group.event_probability(endpoint), endpoint.horizon
    counts = group.counts(settings, seed)
    at_horizon = (time, event, probability, horizon)
    score, scaled = brier_at(*at_horizon, counts, alpha)
    metrics |= {"brier_horizon": score, "scaled_brier": scaled}
    metrics |= _whole_curves(group, endpoint.horizon, counts, alpha)
    metrics["observed_expected"] = observed_expected(*at_horizon, counts, alpha)
    metrics["calibration_slope"] = calibration_slope(time, event, probability, alpha)
    distances, curve = smooth_calibration_at(*at_horizon, counts, alpha)
    points = calibration_groups_at(*at_horizon, alpha)
    return Measured(
        metrics=metrics | distances,
        roc=pd.DataFrame(),
        calibration=calibration_table(curve, points),
        decision=decision_curve_at(*at_horizon, settings.thresholds, counts, alpha),
        kaplan_meier=_curves(group, settings),
    )


def _discrimination(group: Group, endpoint: Endpoint, settings: Settings) -> dict[str, Estimate]:
    time, event, risk = group.column("time"), group.column("event"), group.column("risk")
    tau = math.inf if endpoint.horizon is None else endpoint.horizon
    found = {
        "c_index": discriminate(group, endpoint, settings),
        "uno_c": concordance(uno_pairs(time, event, tau), risk, settings.alpha),
    }
    if endpoint.horizon is not None:
        pairs = horizon_pairs(time, event, endpoint.horizon)
        found["auc_horizon"] = concordance(pairs, risk, settings.alpha)
    return found


def _whole_curves(
    group: Group, horizon: float, counts: Floats, alpha: float
) -> dict[str, Estimate]:
    """Return the Brier score and its index integrated to the horizon."""
    time, event, curves = group.column("time"), group.column("event"), group.curves()
    score = index = undefined("the predictions hold no survival curves")
    if curves is not None:
        score, index = integrated_brier_to(time, event, curves, horizon, counts, alpha)
    return {"integrated_brier": score, "integrated_ipa": index}


def _risk_groups(group: Group, settings: Settings) -> dict[str, Estimate]:
    time, event, alpha = group.column("time"), group.column("event"), settings.alpha
    called, risk = group.column("cutoff_class"), group.column("risk")
    spread = float(risk.std(ddof=1)) if risk.size > 1 else 0.0
    per_sd = undefined("all patients have the same risk")
    if spread > 0.0:
        per_sd = hazard_ratio(time, event, risk / spread, "per SD of risk in this cohort", alpha)
    test = compare_risk_groups(group, settings)
    return {
        "hazard_ratio": hazard_ratio(
            time, event, called, "high against low risk at the locked cut-off", alpha
        ),
        "hazard_ratio_per_sd": per_sd,
        "log_rank_p": Estimate(
            test.p,
            math.nan,
            math.nan,
            f"p of the log-rank test, chi-squared {test.statistic:.4g}; a p has no interval"
            if np.isfinite(test.p)
            else test.method,
        ),
    }


def _times(group: Group, endpoint: Endpoint, settings: Settings) -> dict[str, Estimate]:
    """Return median and restricted mean (to the horizon) of the risk groups."""
    time, event, alpha = group.column("time"), group.column("event"), settings.alpha
    called = group.column("cutoff_class")
    found = {}
    for value, name in ((0.0, "low"), (1.0, "high")):
        part = called == value
        found[f"median_{name}"] = median_survival(time[part], event[part], alpha)
    if endpoint.horizon is None:
        return found
    for value, name in ((0.0, "low"), (1.0, "high")):
        part = called == value
        mean, _ = restricted_mean(time[part], event[part], endpoint.horizon, alpha)
        found[f"restricted_mean_{name}"] = mean
    compared = restricted_mean_difference(time, event, called, endpoint.horizon, alpha)
    difference = Estimate(compared.difference, compared.lower, compared.upper, compared.method)
    return {**found, "restricted_mean_difference": difference}


def _curves(group: Group, settings: Settings) -> pd.DataFrame:
    called = group.column("cutoff_class")
    time, event = group.column("time"), group.column("event")
    parts = []
    for value, name in ((0.0, "low"), (1.0, "high")):
        part = called == value
        if part.any():
            curve = kaplan_meier(time[part], event[part], settings.alpha)
            curve.insert(0, "group", name)
            parts.append(curve)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
