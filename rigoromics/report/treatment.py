"""Treatment by risk group: what was compared, and how effects differ."""

from __future__ import annotations

from typing import Any

import pandas as pd

from rigoromics.report import rows as pick
from rigoromics.report.registry import SourcedTable
from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import Block, Figure, Part, Section, Table, Text, paragraphs, say, words
from rigoromics.report.wording import plain, signature_name

_EFFECTS = {
    "treatment in low": "Low risk",
    "treatment in high": "High risk",
    "interaction": "High to low, interaction",
}


def methods(study: StudyTables) -> Section | None:
    """Return how treatment was compared between risk groups, if the study asked for it."""
    asked = study.config["treatment"]
    if not any(len(endpoint.frame("treatment")) for endpoint in study.endpoints):
        return None
    text = say(
        "Whether the effect of {treated} against {reference} differs between the risk groups of "
        "the {signature} signature was tested by the interaction of treatment and group in a "
        "logistic model (binary outcomes) or a Cox model (survival), by the likelihood-ratio test. "
        "Groups were made by the cut-off learned inside each fold, outside by the locked one. "
        "Effects that differ in significance need not differ [@altman2003]. {allocation}",
        treated=str(asked["treated"]),
        reference=str(asked["reference"]),
        signature=signature_name(study.config["models"]["primary"]),
        allocation=_allocation(asked),
    )
    return Section("treatment", "Treatment by risk group", paragraphs(text))


def _allocation(asked: dict[str, Any]) -> str:
    if asked["randomised"]:
        return "Treatment was allocated at random."
    return (
        "Treatment was not allocated at random: the comparison describes, and proves nothing about "
        "treatment."
    )


def treatment_blocks(study: StudyTables, endpoint: Endpoint) -> list[Block]:
    """Return table and curves of treatment by risk group, where there are any."""
    frame = endpoint.frame("treatment")
    if frame.empty:
        return []
    blocks: list[Block] = [_table(study, endpoint, endpoint.tables["treatment"])]
    if endpoint.survival and "treatment" in endpoint.figures:
        caption = say(
            "Kaplan-Meier curves by treatment within the risk groups of the {signature} signature; "
            "bands: 95% intervals; p of the interaction: likelihood-ratio test.",
            signature=signature_name(endpoint.primary["signature"]),
        )
        picture = endpoint.figures["treatment"]
        blocks.append(Figure(f"{endpoint.name}-treatment", picture, caption, 0.85))
    return blocks


def _table(study: StudyTables, endpoint: Endpoint, source: SourcedTable) -> Table:
    asked = study.config["treatment"]
    ratio = "Hazard ratio" if endpoint.survival else "Odds ratio"
    body: list[tuple[Text, ...]] = []
    heads: set[int] = set()
    why: list[str] = []
    for split in (pick.DEVELOPMENT, "external"):
        rows = source.frame[source.frame["split"] == split]
        if rows.empty:
            continue
        heads.add(len(body))
        body.append(words(pick.SPLITS[split], "", "", ""))
        body += [_effect(study, source, row) for _, row in rows.iterrows()]
        why += [m for m in rows["method"].astype(str) if m.startswith("not estimable")]
    return Table(
        name=f"{endpoint.name}-treatment",
        caption=say(
            "Treatment ({column}: {treated} against {reference}) in the risk groups of the "
            "{signature} signature: {label}. {ratio} with 95% interval; interaction: ratio of the "
            "two.",
            column=plain(str(asked["column"])),
            treated=str(asked["treated"]),
            reference=str(asked["reference"]),
            signature=signature_name(endpoint.primary["signature"]),
            label=endpoint.label,
            ratio=ratio,
        ),
        columns=("", "Patients (events)", ratio, "p"),
        rows=tuple(body),
        note=say(
            "Read the interaction, not the groups' p side by side. p: Wald; of the interaction: "
            "likelihood ratio. {allocation} {why}Source: {source}.",
            allocation=_allocation(asked),
            why=f"{why[0].partition(';')[0].capitalize()}. " if why else "",
            source=source.source.name,
        ),
        heads=frozenset(heads),
    )


def _effect(study: StudyTables, source: SourcedTable, row: pd.Series[Any]) -> tuple[Text, ...]:
    selector = {"split": row["split"], "contrast": row["contrast"]}
    n, events = (study.numbers.cell(source, selector, column) for column in ("n", "events"))
    both = row["contrast"] == "interaction"
    p: Part = study.numbers.cell(source, selector, "p_lr" if both else "p", "p value")
    name = f"   {_EFFECTS[row['contrast']]}"
    size = say("{n} ({events})", n=n, events=events)
    return ((name,), size, *words(study.numbers.interval(source, selector, brief=True), p))
