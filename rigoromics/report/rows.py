"""Which rows of a validation table a figure or a sentence is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rigoromics.report.wording import EXTERNAL

DEVELOPMENT = "development_cv"
SPLITS = {
    DEVELOPMENT: "Development, cross-validated",
    "external": "External validation",
}


# All other columns are names, even where a centre or a kernel is called 60.
_NUMBERS = {
    *["n", "k", "icc", "lower", "upper", "estimate", "events", "difference", "statistic", "p"],
    *["p_adjusted", "predicted", "observed", "threshold", "net_benefit", "treat_all", "fpr"],
    *["tpr", "time", "survival", "at_risk", "permutation", "frequency", "n_features", "value"],
    *["dice", "hausdorff95_mm", "mean_surface_mm", "surface_dice", "r2_before", "r2_after"],
    *["judged", "survived", "share", "within_cv", "volume_low", "volume_high"],
    *["x", "df", "features", "affected_share", "median_omega2", "effect", "levels", "smallest"],
    *["features_affected", "outcome_v", "unseen_outside", "alone_share", "alone_omega2"],
    *["recall", "precision", "auc"],
    *["patients", "q", "p_holm", "p_maxt", "p_lr", "p_log_rank", "p_log_rank_at_median"],
    *["stability", "stability_lower", "stability_upper", "candidates"],
    *["p_welch", "r", "cutoff", "youden", "apparent", "left_out", "weight", "samples"],
    *[
        f"{name}{limit}"
        for name in (
            *["auc", "cutoff", "sensitivity", "specificity"],
            *["hazard_ratio", "hazard_ratio_per_sd", "difference"],
        )
        for limit in ("", "_lower", "_upper")
    ],
}


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of strings with its numbers as numbers, to the last bit; empty ones as NaN."""
    numbers = [name for name in table.columns if name in _NUMBERS]
    known = table[numbers].replace({"": "nan"})
    return table.assign(**{name: known[name].astype(float) for name in numbers})


def of_signature(table: pd.DataFrame, signature: str, model: str) -> pd.DataFrame:
    """Return the rows of one signature and model."""
    return table[(table["signature"] == signature) & (table["model"] == model)]


def under_policy(table: pd.DataFrame, policy: str) -> pd.DataFrame:
    """Return the external rows under one policy for unseen batches, and all development rows.

    A cohort that has no row under the policy keeps those it has: without ComBat there is only
    one way to apply a signature.
    """
    if "policy" not in table.columns or table.empty:
        return table
    external = table["split"] != DEVELOPMENT
    own = table.assign(_policy=table["policy"].fillna(""))
    has = own[own["_policy"] == policy].groupby(["split", "cohort"]).size()
    keys = pd.MultiIndex.from_frame(own[["split", "cohort"]])
    chosen = ~external | (own["_policy"] == policy) | ~keys.isin(has.index)
    return table[chosen.to_numpy()]


def pooled_cohort(table: pd.DataFrame, split: str) -> str | None:
    """Return the cohort that stands for all patients of a split, or None where there is none."""
    cohorts = list(dict.fromkeys(table.loc[table["split"] == split, "cohort"].astype(str)))
    if not cohorts:
        return None
    pools = [EXTERNAL, "all development", "development"]
    return next((pool for pool in pools if pool in cohorts), cohorts[0])


def pooled(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """Return the rows of a split that are about all of its patients together."""
    cohort = pooled_cohort(table, split)
    return table[(table["split"] == split) & (table["cohort"] == cohort)]


def of_primary(table: pd.DataFrame, primary: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of the study's primary signature, under the policy that counts."""
    rows = of_signature(table, str(primary["signature"]), str(primary["model"]))
    return under_policy(rows, str(primary.get("policy", "")))


def the_metric(
    metrics: pd.DataFrame, primary: Mapping[str, Any], split: str, metric: str
) -> pd.Series[Any] | None:
    """Return the primary signature's row of a metric, or None where it was not estimated."""
    rows = pooled(of_primary(metrics, primary), split)
    rows = rows[rows["metric"] == metric]
    return None if rows.empty else rows.iloc[0]
