"""Candidate batches for ComBat: which columns of the case sheet, and why or why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from rigoromics.audit.differences import cramers_v
from rigoromics.audit.factors import Array, Factor, tells
from rigoromics.audit.model import build_model
from rigoromics.audit.variance import variance_explained

BATCH_COLUMNS = [
    *("batch", "levels", "smallest", "too_small", "patients_per_level", "features_affected"),
    *("median_omega2", "outcome_v", "gives_away", "unseen_outside", "covers", "misses"),
    *("configured", "proposed", "reason"),
]
CHOICES = ("centre", "manufacturer", "model", "kernel", "slice_thickness")
"""Columns of the case sheet that `harmonisation: batch:` may name."""
_STRONG = 0.3


def proposed_batches(
    factors: Sequence[Factor],
    values: Array,
    features: Sequence[str],
    development: pd.Series[bool],
    outcomes: Mapping[str, pd.Series[Any]],
    *,
    implicated: Sequence[str],
    configured: Sequence[str],
    alpha: float,
    min_group: int,
) -> pd.DataFrame:
    """Return candidate definitions of the batch, judged, the proposed one first.

    Parameters
    ----------
    factors
        Factors over all patients; those named in :data:`CHOICES` are combined, one or two at once.
    values
        Features of the development patients, shape (patients, features).
    features
        Their names.
    development
        Index patient: whether the patient is a development patient.
    outcomes
        Endpoint to outcome group of the development patients, NaN unknown.
    implicated
        Factors found to change features: a batch should stand for each of them.
    configured
        The batch that the study uses now.
    alpha
        Level of the adjusted p from which a feature counts as affected.
    min_group
        Least patients per batch.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`BATCH_COLUMNS`. `outcome_v` is the largest Cramer's V of batch and outcome;
        `gives_away` names the outcome that every batch holds only one kind of; `covers` and
        `misses` list implicated factors that the batch does and does not stand for.
    """
    by_name = {factor.name: factor for factor in factors}
    rows = []
    for names in _candidates(by_name):
        texts = by_name[names[0]].texts
        for name in names[1:]:
            texts = texts + "+" + by_name[name].texts
        inside = Factor("+".join(names), texts[development], False)
        row = _sizes(inside, min_group)
        row |= _effect(inside, values, features, alpha, min_group)
        row |= _confounding(inside.column, outcomes)
        row["unseen_outside"] = int((~texts[~development].isin(set(inside.column))).sum())
        stands = [n for n in implicated if tells(inside, by_name[n].of(inside.column.index))]
        row["covers"] = ", ".join(stands)
        row["misses"] = ", ".join(n for n in implicated if n not in stands)
        row["_partition"] = tuple(pd.factorize(inside.column)[0])
        row["configured"] = "yes" if set(names) == set(configured) else "no"
        rows.append(row)
    if not rows:
        return pd.DataFrame(columns=BATCH_COLUMNS)
    return _judge(pd.DataFrame(rows), min_group, bool(implicated))


def _candidates(by_name: Mapping[str, Factor]) -> Iterator[tuple[str, ...]]:
    """Yield one or two columns at once; two that say no more than one of them are left out."""
    there = [name for name in CHOICES if name in by_name and by_name[name].varies]
    yield from ((name,) for name in there)
    for one, other in combinations(there, 2):
        if not (tells(by_name[one], by_name[other]) or tells(by_name[other], by_name[one])):
            yield one, other


def _sizes(batch: Factor, min_group: int) -> dict[str, object]:
    counts = batch.column.value_counts().sort_index()
    return {
        "batch": batch.name,
        "levels": len(counts),
        "smallest": int(counts.min()),
        "too_small": int((counts < min_group).sum()),
        "patients_per_level": "; ".join(f"{level}: {n}" for level, n in counts.items()),
    }


def _effect(
    batch: Factor, values: Array, features: Sequence[str], alpha: float, min_group: int
) -> dict[str, object]:
    """Return the share of features that the batch alone affects, and its median share of them."""
    model = build_model([batch], min_group)
    table = variance_explained(values, features, model)
    known = table["p_adjusted"].notna() if len(table) else pd.Series(dtype=bool)
    if not known.any():
        return {"features_affected": np.nan, "median_omega2": np.nan}
    own = table[known]
    return {
        "features_affected": float((own["p_adjusted"] <= alpha).mean()),
        "median_omega2": float(own["partial_omega2"].median()),
    }


def _confounding(
    batch: pd.Series[Any], outcomes: Mapping[str, pd.Series[Any]]
) -> dict[str, object]:
    strengths, given = [0.0], []
    for name, outcome in outcomes.items():
        known = outcome.dropna().index.intersection(batch.index)
        counts = pd.crosstab(batch[known], outcome[known])
        value = cramers_v(counts.to_numpy())
        strengths.append(0.0 if np.isnan(value) else value)
        if min(counts.shape) > 1 and ((counts > 0).sum(axis=1) == 1).all():
            given.append(name)
    return {"outcome_v": max(strengths), "gives_away": ", ".join(given)}


def _judge(table: pd.DataFrame, min_group: int, any_implicated: bool) -> pd.DataFrame:
    """Say of each candidate what speaks against it, and propose the best that nothing does."""
    reasons = [_against(row, min_group, any_implicated) for row in table.to_dict("records")]
    table = table.assign(reason=reasons, proposed="no")
    table["_covered"] = table["covers"].str.count(",") + (table["covers"] != "")
    good = table[table["reason"] == ""]
    if len(good):
        # Most of what changes features, in the fewest batches.
        order = good.sort_values(["_covered", "levels", "batch"], ascending=[False, True, True])
        best = order.index[0]
        table.loc[best, "proposed"] = "yes"
        table.loc[best, "reason"] = (
            "stands for most of what changes features, in the fewest batches of enough patients"
        )
        for place in order.index[1:]:
            table.loc[place, "reason"] = (
                f"the same batches as {table.loc[best, 'batch']}"
                if table.loc[place, "_partition"] == table.loc[best, "_partition"]
                else "possible, but more batches or less of what changes features"
            )
    table["_first"] = table["proposed"] == "yes"
    table["_bad"] = table.index.map(lambda place: bool(reasons[place]))
    table = table.sort_values(
        ["_first", "_bad", "_covered", "levels", "batch"],
        ascending=[False, True, False, True, True],
        ignore_index=True,
    )
    return table[BATCH_COLUMNS]


def _against(row: Mapping[Any, Any], min_group: int, any_implicated: bool) -> str:
    if row["levels"] == 1:
        return "not proposed: all development patients are of one batch"
    if row["gives_away"]:
        return f"not proposed: every batch holds one outcome of {row['gives_away']} only"
    if row["too_small"]:
        return f"not proposed: {row['too_small']} batch(es) of fewer than {min_group} patients"
    if row["outcome_v"] >= _STRONG:
        return "not proposed: the batch goes with the outcome, so ComBat would remove some of it"
    if not any_implicated:
        return "not needed: no factor was found to change features"
    if not row["covers"]:
        return "not proposed: it stands for no factor that was found to change features"
    return ""
