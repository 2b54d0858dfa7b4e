"""The pages a person looks through: one for the cohort, one for each scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from rigoromics.quality.charts import histogram, legend
from rigoromics.quality.registry import CHECKS, RANK
from rigoromics.quality.tables import records

SCAN = ("patient", "timepoint", "scan")
# What an acquisition row holds that the page's heading says already.
_HEADING = {"patient", "cohort", "timepoint", "scan", "image"}
# Units of measure; those that only say what is counted stand in the check's words.
_UNITS = {"ml", "HU", "SUV"}
_WORST = {"refused": 0, "repaired": 1, "noted": 2, "": 3}

Key = tuple[str, str, str]


@dataclass
class ScanFacts:
    """All that is known of one scan.

    Attributes
    ----------
    key
        Patient, timepoint, scan.
    cohort
        Its cohort; empty where no check got so far.
    page, sheet
        File name of its page; path of its contact sheet from there, empty if it has none.
    masks
        Its masks that could be used: rows of the chunk's index.
    checks
        Rows of the checks, of the scan and of its masks.
    problems
        Rows of the problems table.
    acquisition
        Column to value.
    left_out
        (ROI, rater) of masks that a check across the cohort left out.
    """

    key: Key
    cohort: str = ""
    page: str = ""
    sheet: str = ""
    masks: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    acquisition: dict[str, str] = field(default_factory=dict)
    left_out: set[tuple[str, str]] = field(default_factory=set)

    @property
    def worst(self) -> str:
        """The gravest severity of its problems; empty if it has none."""
        return min((row["severity"] for row in self.problems), key=_WORST.__getitem__, default="")

    @property
    def kept(self) -> int:
        """How many masks go on to the features."""
        return sum((row["roi"], row["rater"]) not in self.left_out for row in self.masks)


def gather(
    index: pd.DataFrame,
    checks: pd.DataFrame,
    problems: pd.DataFrame,
    acquisition: pd.DataFrame,
    refused: pd.DataFrame,
) -> dict[Key, ScanFacts]:
    """Return what is known of each scan, sorted by patient, timepoint and scan.

    Problems without a scan (a whole patient's) belong to no page and are left out.
    """
    scans: dict[Key, ScanFacts] = {}

    def of(row: Mapping[str, Any]) -> ScanFacts:
        key = (row["patient"], row["timepoint"], row["scan"])
        return scans.setdefault(key, ScanFacts(key))

    for name, table in (("masks", index), ("checks", checks), ("problems", problems)):
        for row in records(table):
            if row["scan"]:
                facts = of(row)
                getattr(facts, name).append(row)
                facts.cohort = facts.cohort or row.get("cohort", "")
    for row in records(refused):
        of(row).left_out.add((row["roi"], row["rater"]))
    for row in records(acquisition):
        place = (row["patient"], row["timepoint"], row["scan"])
        found = scans.get(place)
        # Of several series that fit one scan, the one that was used.
        if found is not None and (not found.acquisition or _is_used(found, row)):
            found.acquisition = {n: v for n, v in row.items() if v and n not in _HEADING}
            found.cohort = found.cohort or row.get("cohort", "")
    return dict(sorted(scans.items()))


def _is_used(found: ScanFacts, row: Mapping[str, Any]) -> bool:
    return any(mask["image"] == row.get("image") for mask in found.masks)


def template(text: str) -> Template:
    """Return a page's template; values are escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)


def case_page(page: Template, scan: ScanFacts, beside: Sequence[ScanFacts]) -> str:
    """Return the page of one scan.

    Parameters
    ----------
    page
        The template.
    scan
        The scan.
    beside
        All scans of the patient, for links.
    """
    masks = list(dict.fromkeys((row["roi"], row["rater"]) for row in scan.checks if row["roi"]))
    return page.render(
        scan=scan,
        beside=beside,
        problems=sorted(scan.problems, key=lambda row: (_WORST[row["severity"]], row["problem"])),
        image_checks=[_explained(row) for row in scan.checks if not row["roi"]],
        masks=masks,
        kept={(row["roi"], row["rater"]) for row in scan.masks} - scan.left_out,
        sizes={(row["roi"], row["rater"]): row for row in scan.masks},
        mask_checks=list(_by_check(scan.checks, masks)),
    )


def _explained(row: Mapping[str, Any]) -> dict[str, Any]:
    check = CHECKS[row["check"]]
    measures = check.measures.replace("`", "")
    return {**row, "title": check.title, "measures": measures, "shown": _shown(row)}


def _shown(row: Mapping[str, Any]) -> str:
    """Return a measured value as a person reads it."""
    if row["value"] == "":
        return "–"
    unit = row["unit"] if row["unit"] in _UNITS else ""
    return f"{float(row['value']):.4g} {unit}".strip()


def _by_check(
    checks: Sequence[Mapping[str, Any]], masks: Sequence[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """Yield a line per check with a cell per mask."""
    cells: dict[str, dict[tuple[str, str], dict[str, Any]]] = defaultdict(dict)
    for row in checks:
        if row["roi"]:
            cells[row["check"]][row["roi"], row["rater"]] = _explained(row)
    for check in CHECKS:
        if check in cells:
            first = next(iter(cells[check].values()))
            yield {**first, "cells": [cells[check].get(mask) for mask in masks]}


def cohort_page(page: Template, study: str, scans: Mapping[Key, ScanFacts]) -> str:
    """Return the page of the cohort.

    Parameters
    ----------
    page
        The template.
    study
        The study's name.
    scans
        What :func:`gather` returned, pages named.
    """
    patients = _patients(scans.values())
    counted = _counted(scans.values())
    found = [row for row in counted if row["noted"] or row["refused"]]
    return page.render(
        study=study,
        patients=patients,
        scans=len(scans),
        masks=sum(len(scan.masks) for scan in scans.values()),
        kept=sum(scan.kept for scan in scans.values()),
        worst={level: sum(p["worst"] == level for p in patients) for level in _WORST},
        found=found,
        silent=[row for row in counted if row not in found],
        other=_other_reasons(scans.values()),
        **_charts(scans.values()),
    )


def _patients(scans: Any) -> list[dict[str, Any]]:
    """Return a row per patient, the gravest first."""
    by_patient: dict[str, list[ScanFacts]] = defaultdict(list)
    for scan in scans:
        by_patient[scan.key[0]].append(scan)
    rows = []
    for patient, own in by_patient.items():
        problems = sorted(
            (row for scan in own for row in scan.problems),
            key=lambda row: (_WORST[row["severity"]], row["problem"]),
        )
        rows.append(
            {
                "patient": patient,
                "cohort": next((scan.cohort for scan in own if scan.cohort), ""),
                "scans": own,
                "masks": sum(scan.kept for scan in own),
                "worst": problems[0]["severity"] if problems else "",
                "reason": problems[0]["problem"] if problems else "",
                "refused": sum(row["severity"] == "refused" for row in problems),
                "noted": sum(row["severity"] != "refused" for row in problems),
            }
        )
    return sorted(rows, key=lambda row: (_WORST[row["worst"]], -row["refused"], row["patient"]))


def _counted(scans: Any) -> list[dict[str, Any]]:
    """Return a row per check with how often each outcome came, in the registry's order."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(RANK, 0))
    severities: dict[str, str] = {}
    for scan in scans:
        for row in scan.checks:
            counts[row["check"]][row["outcome"]] += 1
            severities[row["check"]] = row["severity"]
    return [
        {
            "check": check,
            "severity": severities[check.id],
            "judged": sum(counts[check.id].values()) - counts[check.id]["not applicable"],
            **counts[check.id],
        }
        for check in CHECKS.values()
        if check.id in counts
    ]


def _other_reasons(scans: Any) -> list[tuple[str, str, int]]:
    """Return severity, words and count of problems that no check found, the gravest first."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for scan in scans:
        checked = {row["problem"] for row in scan.checks}
        for row in scan.problems:
            if row["problem"] not in checked:
                counts[row["severity"], row["problem"]] += 1
    ordered = sorted(counts.items(), key=lambda item: (_WORST[item[0][0]], -item[1], item[0][1]))
    return [(severity, problem, count) for (severity, problem), count in ordered]


def _charts(scans: Any) -> dict[str, Any]:
    """Return histograms of volumes and voxel sizes, stacked by cohort."""
    cohorts = sorted({scan.cohort for scan in scans})
    volumes: dict[str, dict[str, list[float]]] = defaultdict(lambda: {c: [] for c in cohorts})
    sizes: dict[str, dict[str, list[float]]] = defaultdict(lambda: {c: [] for c in cohorts})
    for scan in scans:
        for row in scan.masks:
            volumes[row["roi"]][scan.cohort].append(float(row["volume_ml"]))
        if scan.masks:
            columns, _, slices = scan.masks[0]["spacing"].removesuffix(" mm").split(" x ")
            name = scan.key[2]
            sizes[f"{name}: pixel size, mm"][scan.cohort].append(float(columns))
            sizes[f"{name}: slice distance, mm"][scan.cohort].append(float(slices))
    charts = [
        histogram(groups, f"{roi}: volume, ml", log=True) for roi, groups in sorted(volumes.items())
    ]
    charts += [histogram(groups, label) for label, groups in sorted(sizes.items())]
    return {
        "charts": charts,
        "legend": legend(cohorts) if len(cohorts) > 1 else Markup(""),
    }
