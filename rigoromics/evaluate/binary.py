"""Everything that is measured on one cohort with a binary outcome."""

from __future__ import annotations

import pandas as pd

from rigoromics.evaluate.calibration import (
    brier,
    calibration_groups,
    expected_calibration_error,
    intercept_and_slope,
    smooth_calibration,
)
from rigoromics.evaluate.classification import classification
from rigoromics.evaluate.decision import decision_curve
from rigoromics.evaluate.discrimination import auc, delong_paired, roc_points
from rigoromics.evaluate.estimate import Comparison, Estimate, Floats
from rigoromics.evaluate.group import Endpoint, Group, Measured, Settings
from rigoromics.evaluate.precision_recall import average_precision, precision_recall_points


def discriminate(group: Group, endpoint: Endpoint, settings: Settings) -> Estimate:
    """Return the AUC of a group."""
    return auc(group.column("y"), group.column("risk"), settings.alpha)


def compare(a: Group, b: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Comparison:
    """Compare the AUCs of two signatures on the same patients, in the same order."""
    return delong_paired(a.column("y"), a.column("risk"), b.column("risk"), settings.alpha)


def measure(group: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Measured:
    """Return all measures of a group with a binary outcome."""
    y, risk, alpha = group.column("y"), group.column("risk"), settings.alpha
    probability = group.event_probability(endpoint)
    counts = group.counts(settings, seed)
    metrics = {"auc": auc(y, risk, alpha)}
    metrics |= classification(y, group.column("cutoff_class"), alpha)
    metrics["brier"], metrics["scaled_brier"] = brier(y, probability, counts, alpha)
    intercept, slope = intercept_and_slope(y, probability, alpha)
    metrics |= {"calibration_intercept": intercept, "calibration_slope": slope}
    distances, curve = smooth_calibration(y, probability, counts, alpha)
    metrics |= distances
    metrics["ece"] = expected_calibration_error(y, probability, counts, alpha)
    metrics["average_precision"] = average_precision(y, risk, counts, alpha)
    recall, precision, from_risk = precision_recall_points(y, risk)
    fpr, tpr, threshold = roc_points(y, risk)
    return Measured(
        metrics=metrics,
        roc=pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": threshold}),
        calibration=calibration_table(curve, calibration_groups(y, probability, alpha)),
        decision=decision_curve(y, probability, settings.thresholds, counts, alpha),
        kaplan_meier=pd.DataFrame(),
        precision_recall=pd.DataFrame(
            {"recall": recall, "precision": precision, "threshold": from_risk}
        ),
    )


def calibration_table(curve: dict[str, Floats], points: dict[str, Floats]) -> pd.DataFrame:
    """Return a smooth curve and the groups beside it as one table."""
    parts = [pd.DataFrame(curve).assign(kind="curve"), pd.DataFrame(points).assign(kind="group")]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]
