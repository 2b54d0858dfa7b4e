"""The supplement: further measures of the signatures of one endpoint."""

from __future__ import annotations

from typing import Any

import pandas as pd

from rigoromics.evaluate.reclassification import CAVEAT
from rigoromics.report import rows as pick
from rigoromics.report.lesions import lesions_table
from rigoromics.report.nomogram import nomogram
from rigoromics.report.registry import SourcedTable
from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.subgroups import subgroups_table
from rigoromics.report.text import Block, Figure, Section, Table, Text, say, words
from rigoromics.report.treatment import treatment_blocks
from rigoromics.report.wording import (
    METRICS,
    metric_name,
    model_name,
    sentence_case,
    signature_name,
)

_MEASURES = {
    "nri": "NRI, categories",
    "nri_continuous": "NRI, continuous",
    "idi": "IDI",
}
_PARTS = ("events", "nonevents", "total")


def further(study: StudyTables, endpoint: Endpoint) -> Section | None:
    """Return the further tables of one endpoint, or None where there is nothing to show."""
    tables = [
        *_figures(endpoint, ("precision_recall", "auc_over_time")),
        recalibration_table(study, endpoint),
        reclassification_table(study, endpoint),
        subgroups_table(study, endpoint),
        *_figures(endpoint, ("subgroups", "nomogram")),
        lesions_table(study, endpoint),
        *treatment_blocks(study, endpoint),
    ]
    blocks: tuple[Block, ...] = tuple(table for table in tables if table is not None)
    title = sentence_case(endpoint.label)
    return Section(f"further-{endpoint.name}", title, blocks) if blocks else None


def supplement(study: StudyTables) -> Section | None:
    """Return the supplement of all endpoints."""
    found = [further(study, endpoint) for endpoint in study.endpoints]
    sections = tuple(section for section in found if section is not None)
    return (
        Section("further", "Supplement: further measures", sections=sections) if sections else None
    )


_CAPTIONS = {
    "precision_recall": "Precision against recall of the {signature} signature. Dotted: the share "
    "of patients with the event, which chance reaches.",
    "auc_over_time": "Cumulative/dynamic AUC over time, weighted against censoring [@hung2010]; "
    "band: 95% intervals of the {signature} signature at single times.",
    "subgroups": "{metric} of the {signature} signature in subgroups, with 95% intervals; p of "
    "Cochran's Q, corrected by Holm's method over the variables.",
    "nomogram": "Nomogram [@iasonos2008] of the locked {signature} signature: sum the points of "
    "all predictors and read the probability below the total. Image features are harmonised "
    "values; axes reach two standard deviations from the development mean.",
}
_WIDTHS = {"precision_recall": 0.5, "auc_over_time": 0.9, "subgroups": 0.85, "nomogram": 0.95}


def _figures(endpoint: Endpoint, names: tuple[str, ...]) -> list[Figure]:
    """Return those of some figures that this endpoint has."""
    linear = not isinstance(nomogram(endpoint.signature, endpoint.settings), str)
    frame = endpoint.frame("subgroups")
    subgroups = len(pick.of_primary(frame, endpoint.primary)) if len(frame) else 0
    there = {
        "precision_recall": endpoint.kind == "binary",
        "auc_over_time": endpoint.kind == "survival",
        "subgroups": subgroups > 0,
        "nomogram": linear,
    }
    return [
        Figure(
            f"{endpoint.name}-{name}",
            endpoint.figures[name],
            say(
                _CAPTIONS[name],
                signature=signature_name(endpoint.primary["signature"]),
                metric=metric_name(endpoint.metric),
            ),
            _WIDTHS[name],
        )
        for name in names
        if name in endpoint.figures and there[name]
    ]


def reclassification_table(study: StudyTables, endpoint: Endpoint) -> Table | None:
    """Return NRI and IDI of the primary model's signatures, events and non-events apart."""
    if "reclassification" not in endpoint.tables:
        return None
    source = endpoint.tables["reclassification"]
    frame = pick.under_policy(source.frame, endpoint.primary["policy"])
    body: list[tuple[Text, ...]] = []
    heads: set[int] = set()
    for split in (pick.DEVELOPMENT, "external"):
        rows = pick.pooled(frame, split)
        for (a, b), part in rows.groupby(["a", "b"], sort=False):
            heads.add(len(body))
            names = (signature_name(str(side).split(".")[0]) for side in (a, b))
            body.append(words(f"{pick.SPLITS[split]}: {' against '.join(names)}", "", "", ""))
            body += [
                _improvement(study, source, part[part["metric"] == metric], metric)
                for metric in _MEASURES
                if metric in set(part["metric"])
            ]
    if not body:
        return None
    categorical = frame.loc[frame["metric"] == "nri", "method"].astype(str)
    defined = categorical[~categorical.str.startswith("not estimable")]
    categories = f"Categories: {defined.iloc[0].split(';')[0]}. " if len(defined) else ""
    return Table(
        name=f"{endpoint.name}-reclassification",
        caption=say(
            "Reclassification and discrimination improvement ({model}): {label}. Estimate with "
            "95% bootstrap interval [@pencina2008; @pencina2011].",
            model=model_name(endpoint.primary["model"]),
            label=endpoint.label,
        ),
        columns=("Measure", "Events", "Non-events", "Sum"),
        rows=tuple(body),
        note=say(
            "{caveat} [@kerr2014; @hilden2014]. {categories}Source: {source}.",
            caveat=CAVEAT.rstrip("."),
            categories=categories,
            source=source.source.name,
        ),
        heads=frozenset(heads),
    )


def _improvement(
    study: StudyTables, source: SourcedTable, rows: pd.DataFrame, metric: str
) -> tuple[Text, ...]:
    cells: list[Any] = []
    for part in _PARTS:
        row = rows[rows["part"] == part].iloc[0]
        selector = {c: row[c] for c in ("cohort", "split", "policy", "a", "b", "metric", "part")}
        cells.append(study.numbers.interval(source, selector, brief=True))
    return words(f"   {sentence_case(_MEASURES[metric])}", *cells)


def recalibration_table(study: StudyTables, endpoint: Endpoint) -> Table | None:
    """Return calibration outside as it is, and as corrections on local patients would make it."""
    if "recalibration" not in endpoint.tables:
        return None
    source = endpoint.tables["recalibration"]
    rows = pick.pooled(pick.of_primary(source.frame, endpoint.primary), "external")
    if rows.empty:
        return None
    variants = list(dict.fromkeys(rows["recalibration"].astype(str)))
    there = set(rows["metric"])
    body = []
    for metric in (m for m in METRICS if m in there):
        keys = ("signature", "model", "cohort", "split", "policy")
        where = {key: str(rows.iloc[0][key]) for key in keys}
        cells = (
            study.numbers.interval(
                source, {**where, "recalibration": variant, "metric": metric}, brief=True
            )
            for variant in variants
        )
        body.append(words(metric_name(metric), *cells))
    return Table(
        name=f"{endpoint.name}-recalibration",
        caption=say(
            "The {signature} signature in external patients, as it was locked and recalibrated on "
            "them in cross-validation: {label}. Estimate with 95% interval.",
            signature=signature_name(endpoint.primary["signature"]),
            label=endpoint.label,
        ),
        columns=("", *(_VARIANTS.get(variant, variant) for variant in variants)),
        rows=tuple(body),
        note=say(
            "Only the first column is validation. The others show what a correction on local "
            "patients would repair [@steyerberg2004]; ranks, and with them discrimination, stay. "
            "Source: {source}.",
            source=source.source.name,
        ),
    )


_VARIANTS = {
    "untouched": "As locked",
    "intercept": "Intercept corrected",
    "intercept and slope": "Intercept and slope corrected",
}
