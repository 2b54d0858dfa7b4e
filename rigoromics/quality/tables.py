"""What checks found, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rigoromics.quality.registry import CHECKS, Finding, Severity

MASK = ["patient", "timepoint", "scan", "roi", "rater"]
QUALITY_COLUMNS = [
    "patient",
    "cohort",
    "timepoint",
    "scan",
    "roi",
    "rater",
    "check",
    "value",
    "unit",
    "limit",
    "severity",
    "outcome",
    "problem",
]


def quality_row(where: Mapping[str, str], finding: Finding, severity: Severity) -> dict[str, str]:
    """Return the row of one check on one scan or mask.

    Parameters
    ----------
    where
        Patient, cohort, timepoint, scan, ROI and rater; the last two are empty for a scan.
    finding
        What the check found.
    severity
        How grave a failure is in this study.
    """
    row = {column: where[column] for column in QUALITY_COLUMNS[:6]}
    return row | {
        "check": finding.check,
        "value": "" if finding.value is None else f"{finding.value:.6g}",
        "unit": CHECKS[finding.check].unit,
        "limit": finding.limit,
        "severity": severity,
        "outcome": finding.outcome(severity),
        "problem": finding.problem[:1].upper() + finding.problem[1:],
    }


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by column name."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
