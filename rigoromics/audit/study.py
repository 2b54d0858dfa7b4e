"""The audit of a whole study: every scan's factors, all tables, and what must be said first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from rigoromics.audit.batches import BATCH_COLUMNS, proposed_batches
from rigoromics.audit.differences import (
    COHORTS,
    DIFFERENCE_COLUMNS,
    Comparison,
    differences,
)
from rigoromics.audit.factors import Factor, find_factors
from rigoromics.audit.model import Model, build_model
from rigoromics.audit.sentences import shouts
from rigoromics.audit.variance import VARIANCE_COLUMNS, global_p, variance_explained
from rigoromics.evaluate.multiplicity import benjamini_hochberg, holm

FACTOR_COLUMNS = [
    *("scan", "factor", "status", "coded_as", "n", "df", "features", "affected_share"),
    *("median_omega2", "p", "p_adjusted", "alone_share", "alone_omega2", "alone_p"),
    *("alone_p_adjusted", "changes_features", "note"),
]
_KEYS = ["patient", "timepoint", "scan"]
IN_MODEL, TOLD, SKIPPED = "in the model", "told by others", "left out"
YES, NOT_APART, NO = "yes", "not told apart", "no"
"""Whether a factor changes features: beyond the others; only as long as they are not looked at;
not shown to."""


@dataclass(frozen=True)
class AuditSettings:
    """How the audit is done.

    Attributes
    ----------
    alpha
        Level of every adjusted p-value.
    min_group
        Least patients per level and per batch.
    factors
        Columns of the acquisition table to look at; empty: all.
    leave_out
        Columns to leave out.
    permutations
        Permutations of the tests that need them.
    """

    alpha: float = 0.05
    min_group: int = 5
    factors: Sequence[str] = ()
    leave_out: Sequence[str] = ()
    permutations: int = 999


@dataclass(frozen=True)
class Audit:
    """What the audit found.

    Attributes
    ----------
    differences, factors, variance, batches
        Tables; each has a column `scan` (`<timepoint>.<scan>`) but `batches`, which is about all.
    shouts
        Sentences for the first page; empty where nothing is confounded.
    """

    differences: pd.DataFrame
    factors: pd.DataFrame
    variance: pd.DataFrame
    batches: pd.DataFrame
    shouts: tuple[str, ...] = field(default=())


def audit_study(
    table: pd.DataFrame,
    scans: pd.DataFrame,
    endpoints: Mapping[str, Mapping[str, Any]],
    batch: Sequence[str],
    settings: AuditSettings,
    seed: int,
) -> Audit:
    """Return the audit of a study.

    Parameters
    ----------
    table
        The analysis table, index patient.
    scans
        Columns patient, timepoint, scan, the columns of the acquisition table, and `centre`; one
        row per patient and scan. See :func:`patient_scans`.
    endpoints
        Name to endpoint as in the config.
    batch
        Columns that make up the batch of the config.
    settings, seed
        How.

    Notes
    -----
    Features and factors are brought together in development patients alone. Cohorts are compared
    over all patients, by acquisition only; so are the outcome groups of external patients, which
    are described and never lead to a finding on the first page.
    """
    features = feature_columns(table)
    inside = table["study.role"] == "development"
    comparisons = outcome_comparisons(table, endpoints)
    differing, judged, explained = [], [], []
    candidates: dict[str, list[Factor]] = {}
    for (timepoint, scan), rows in scans.groupby(["timepoint", "scan"], sort=True):
        name = f"{timepoint}.{scan}"
        own = rows.set_index("patient")
        own = own.loc[own.index.intersection(table.index)]
        factors = find_factors(own, settings.factors, settings.leave_out)
        differing += [
            differences(
                factors,
                comparison,
                alpha=settings.alpha,
                permutations=settings.permutations,
                seed=seed,
            ).assign(scan=name)
            for comparison in comparisons
        ]
        mine = _features_of(features, name)
        development = own.index[inside.reindex(own.index).to_numpy(bool)]
        values = table.loc[development, mine].to_numpy(float)
        model = build_model([each.of(development) for each in factors], settings.min_group)
        shares = variance_explained(values, mine, model)
        together = _judge(model, values, settings, seed)
        beside = _alone([each.of(development) for each in factors], values, mine, settings, seed)
        judged.append(together.join(beside, on="factor").assign(scan=name))
        explained.append(shares.assign(scan=name))
        candidates[name] = find_factors(own)
    variance = _joined(explained, ["scan", *VARIANCE_COLUMNS])
    variance["p_adjusted"] = benjamini_hochberg(variance["p"].to_numpy(float))
    judged_table = _corrected(_joined(judged, FACTOR_COLUMNS), variance, settings.alpha)
    found = _joined(differing, DIFFERENCE_COLUMNS)
    return Audit(
        differences=found,
        factors=judged_table,
        variance=variance,
        batches=_batches(table, scans, comparisons, judged_table, batch, settings),
        shouts=shouts(found, len(candidates) > 1, _labels(endpoints)),
    )


def feature_columns(table: pd.DataFrame) -> list[str]:
    """Return the features of an analysis table."""
    names = [str(column) for column in table.columns]
    return [name for name in names if not name.startswith(("study.", "clinical.", "endpoint."))]


def patient_scans(cases: pd.DataFrame, acquisition: pd.DataFrame) -> pd.DataFrame:
    """Return the acquisition of every patient's scans that gave features, with its centre.

    Parameters
    ----------
    cases
        Rows of the case sheet that count: included, no retest.
    acquisition
        The acquisition table; of a study without images, one row per patient.
    """
    first = cases.sort_values([*_KEYS, "rater"]).drop_duplicates(_KEYS)
    if "image" not in acquisition.columns or "image" not in first.columns:
        own = acquisition.drop(columns=["cohort", "centre"], errors="ignore")
        return first[[*_KEYS, "centre"]].merge(own, on="patient", how="left")
    own = acquisition.drop(columns=[*_KEYS, "cohort", "centre"]).drop_duplicates("image")
    return first[[*_KEYS, "centre", "image"]].merge(own, on="image", how="left")


def outcome_comparisons(
    table: pd.DataFrame, endpoints: Mapping[str, Mapping[str, Any]]
) -> list[Comparison]:
    """Return the comparisons of a study: cohorts, and each endpoint's groups by role.

    Of a survival endpoint, patients with an event by its horizon are compared with those known to
    be free of it then; the others belong to neither group.
    """
    cohorts = table["study.cohort"].astype(str)
    comparisons = [Comparison(COHORTS, cohorts, outcome=False)] if cohorts.nunique() > 1 else []
    for name, endpoint in endpoints.items():
        groups = outcome_groups(table, name, endpoint)
        for role in ("development", "external"):
            own = groups[table["study.role"] == role]
            if own.dropna().nunique() > 1:
                inside = role == "development"
                comparisons.append(Comparison(f"{name} ({role})", own, True, inside))
    return comparisons


def outcome_groups(table: pd.DataFrame, name: str, endpoint: Mapping[str, Any]) -> pd.Series[Any]:
    """Return each patient's outcome group, NaN where it is not known.

    `yes` or `no`; of levels and classes their names; of counts, whether above the median.
    """
    if endpoint["type"] != "survival":
        value = table[f"endpoint.{name}"]
        if endpoint["type"] == "count":
            above = value > value.median()
            return above.map({True: "yes", False: "no"}).where(value.notna())
        if endpoint["type"] != "binary":
            return value.map({float(k): str(v) for k, v in enumerate(endpoint["levels"])})
        return value.map({1.0: "yes", 0.0: "no"})
    time, event = table[f"endpoint.{name}.time"], table[f"endpoint.{name}.event"]
    horizon = float(endpoint["horizon"])
    early, late = (time <= horizon) & (event == 1), time >= horizon
    return pd.Series(np.select([early, late], ["yes", "no"], ""), index=table.index).replace(
        "", np.nan
    )


def _labels(endpoints: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: str(endpoint.get("label") or name) for name, endpoint in endpoints.items()}


def _features_of(features: Sequence[str], scan: str) -> list[str]:
    """Return the features of a scan: those with its name before them, or all without a name."""
    if not any(":" in name for name in features):
        return list(features)
    return [name for name in features if name.rpartition(":")[0].startswith(f"{scan}.")]


def _judge(model: Model, values: Any, settings: AuditSettings, seed: int) -> pd.DataFrame:
    p = global_p(values, model, settings.permutations, seed) if model.columns else {}
    rows = []
    for name, coded in model.coded.items():
        row: dict[str, Any] = {"factor": name, "coded_as": coded.kind, "note": coded.note}
        if name in model.columns:
            row |= {"status": IN_MODEL, "n": len(model.rows), "p": p[name]}
            row |= {"df": model.columns[name].shape[1]}
        elif name in model.told_by:
            row |= {"status": TOLD, "note": f"told by {', '.join(model.told_by[name])}"}
        else:
            row |= {"status": SKIPPED, "note": model.skipped[name]}
        rows.append(row)
    own = [c for c in FACTOR_COLUMNS if c != "scan" and not c.startswith("alone")]
    return pd.DataFrame(rows, columns=own)


def _alone(
    factors: Sequence[Factor],
    values: Any,
    features: Sequence[str],
    settings: AuditSettings,
    seed: int,
) -> pd.DataFrame:
    """Return what each factor explains with no other beside it; index the factor."""
    rows = {}
    for factor in factors:
        model = build_model([factor], settings.min_group)
        shares = variance_explained(values, features, model)
        known = shares[shares["p_adjusted"].notna()]
        if len(known):
            rows[factor.name] = {
                "alone_share": float((known["p_adjusted"] <= settings.alpha).mean()),
                "alone_omega2": float(known["partial_omega2"].median()),
                "alone_p": global_p(values, model, settings.permutations, seed)[factor.name],
            }
    columns = ["alone_share", "alone_omega2", "alone_p"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _corrected(judged: pd.DataFrame, variance: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return the factors with their shares over features, and p adjusted over all factors."""
    known = variance[variance["p_adjusted"].notna()]
    grouped = known.assign(hit=known["p_adjusted"] <= alpha).groupby(["scan", "factor"])
    summary = grouped.agg(
        features=("hit", "size"), affected_share=("hit", "mean"),
        median_omega2=("partial_omega2", "median"),
    )  # fmt: skip
    keys = pd.MultiIndex.from_frame(judged[["scan", "factor"]])
    for column in summary.columns:
        judged[column] = summary[column].astype(float).reindex(keys).to_numpy()
    judged["p_adjusted"] = holm(judged["p"].to_numpy(float))
    judged["alone_p_adjusted"] = holm(judged["alone_p"].to_numpy(float))
    judged["changes_features"] = np.select(
        [
            judged["p_adjusted"] <= alpha,
            judged["alone_p_adjusted"] <= alpha,
            judged["alone_p"].notna(),
        ],
        [YES, NOT_APART, NO],
        "",
    )
    return judged[FACTOR_COLUMNS]


def _batches(
    table: pd.DataFrame,
    scans: pd.DataFrame,
    comparisons: Sequence[Comparison],
    judged: pd.DataFrame,
    batch: Sequence[str],
    settings: AuditSettings,
) -> pd.DataFrame:
    """Return candidate batches by the first scan of each patient, as the pipeline takes them."""
    first = scans.sort_values(_KEYS).drop_duplicates("patient").set_index("patient")
    first = first.loc[first.index.intersection(table.index)]
    if first.empty:
        return pd.DataFrame(columns=BATCH_COLUMNS)
    factors = find_factors(first)
    if "centre" in first:
        factors.append(Factor("centre", first["centre"].astype(str), False))
    names = {f"{row['timepoint']}.{row['scan']}" for _, row in first.iterrows()}
    hits = judged[judged["scan"].isin(names) & judged["changes_features"].isin([YES, NOT_APART])]
    inside = (table["study.role"] == "development").reindex(first.index)
    features = feature_columns(table)
    return proposed_batches(
        factors,
        table.loc[first.index[inside], features].to_numpy(float),
        features,
        inside,
        {c.name: c.groups for c in comparisons if c.outcome and c.shouted},
        implicated=list(dict.fromkeys(hits["factor"])),
        configured=batch,
        alpha=settings.alpha,
        min_group=settings.min_group,
    )


def _joined(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    kept = [part for part in parts if len(part)]
    if not kept:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(kept, ignore_index=True).reindex(columns=list(columns))
