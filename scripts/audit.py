"""Audit the acquisition: cohorts, outcome groups, features, and batches for ComBat."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.audit.study import AuditSettings, audit_study, patient_scans
from rigoromics.report.audit_figure import audit_figure
from rigoromics.report.style import save
from scripts.tables import read_tsv, write_if_changed, write_tsv

logger = logging.getLogger(__name__)


def main(
    *,
    table: Path,
    cases: Path,
    acquisition: Path,
    differences: Path,
    factors: Path,
    variance: Path,
    batches: Path,
    findings: Path,
    picture: Path,
    settings: dict[str, Any],
    endpoints: dict[str, dict[str, Any]],
    batch: list[str],
    retest_of: dict[str, str],
    seed: int,
) -> dict[str, float]:
    """Write four tables, the sentences for the first page, and the picture."""
    sheet = read_tsv(cases)
    included = sheet["include"].str.strip().str.lower() == "yes"
    counted = sheet[included & ~sheet["scan"].isin(retest_of)]
    people = pd.read_parquet(table).set_index("patient")
    audit = audit_study(
        people,
        patient_scans(counted, read_tsv(acquisition)),
        endpoints,
        batch,
        AuditSettings(**settings),
        seed,
    )
    for frame, path in (
        (audit.differences, differences),
        (audit.factors, factors),
        (audit.variance, variance),
        (audit.batches, batches),
    ):
        write_tsv(frame, path)
    said = json.dumps({"shouts": list(audit.shouts)}, indent=1, ensure_ascii=False)
    write_if_changed(findings, f"{said}\n".encode())
    save(audit_figure(audit.factors, audit.variance, settings["alpha"]), picture)
    for sentence in audit.shouts:
        logger.warning(sentence)
    return {
        "factors": len(audit.factors),
        "factors_that_change_features": int((audit.factors["changes_features"] == "yes").sum()),
        "confounded": len(audit.shouts),
    }


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
