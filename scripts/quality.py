"""Checks across the cohort, and pages to look through: one for the cohort, one for each scan."""

import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.errors import Problem, problems_table
from rigoromics.quality.cohort import CHECK_COLUMNS, WITH, check_cohort, refused_masks
from rigoromics.quality.pages import ScanFacts, case_page, cohort_page, gather, template
from rigoromics.quality.registry import CHECKS
from rigoromics.quality.settings import Quality
from rigoromics.quality.tables import MASK, QUALITY_COLUMNS, records
from scripts.image_tables import INDEX_COLUMNS
from scripts.names import scan_stem
from scripts.tables import read_tsv, write_tsv

log = logging.getLogger(__name__)

STAGE = "quality"


def main(
    *,
    indexes: list[Path],
    chunk_checks: list[Path],
    chunk_problems: list[Path],
    acquisition: Path,
    cohort_template: Path,
    case_template: Path,
    stylesheet: Path,
    checks: Path,
    problems: Path,
    refused: Path,
    cohort: Path,
    style: Path,
    cases: Path,
    settings: dict[str, Any],
) -> dict[str, float]:
    """Judge scans and masks beside each other, and write everything found as tables and pages.

    Parameters
    ----------
    indexes, chunk_checks, chunk_problems
        Of every chunk: its masks, what checks found, what went wrong.
    acquisition
        How each scan was acquired.
    cohort_template, case_template, stylesheet
        Of the pages.
    checks
        Written: every check of every scan and mask.
    problems
        Written: what the checks across the cohort object to.
    refused
        Written: the masks that they leave out.
    cohort, style, cases
        Written: the cohort's page, its style, and a folder with a page per scan.
    settings
        `name`, `retest_of`, `reference_rater` and `quality` of the study.
    """
    chunks = [read_tsv(path) for path in indexes]
    index = _joined(chunks, INDEX_COLUMNS)
    quality = Quality.model_validate(settings["quality"])
    across = check_cohort(index, quality, settings["retest_of"], settings["reference_rater"])
    found = problems_table(_problems(across))
    left_out = refused_masks(index, across)
    alone = _joined(map(read_tsv, chunk_checks), QUALITY_COLUMNS).assign(**{WITH: ""})
    every = pd.concat([alone, across], ignore_index=True)[CHECK_COLUMNS]
    write_tsv(_in_order(every), checks)
    write_tsv(found, problems)
    write_tsv(left_out, refused)

    said = _joined([*map(read_tsv, chunk_problems), found], list(found.columns))
    scans = gather(index, every, said, read_tsv(acquisition), left_out)
    _name_files(list(scans.values()), _folders(indexes, chunks), cases)
    shutil.copyfile(stylesheet, style)
    _write_cases(list(scans.values()), case_template, cases)
    page = template(cohort_template.read_text(encoding="utf-8"))
    cohort.write_text(cohort_page(page, settings["name"], scans), encoding="utf-8")
    log.info("%d scans, %d masks left out by checks across the cohort", len(scans), len(left_out))
    return _counts(list(scans.values())) | {"masks_left_out": float(len(left_out))}


def _counts(scans: list[ScanFacts]) -> dict[str, float]:
    worst = [scan.worst for scan in scans]
    return {
        "scans": float(len(scans)),
        "scans_refused": float(worst.count("refused")),
        "scans_noted": float(worst.count("noted") + worst.count("repaired")),
    }


def _joined(tables: Iterable[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(columns=columns, dtype=str), *tables], ignore_index=True)


def _in_order(checks: pd.DataFrame) -> pd.DataFrame:
    place = checks["check"].map({name: number for number, name in enumerate(CHECKS)})
    ordered = checks.assign(place=place).sort_values([*MASK, "place"], ignore_index=True)
    return ordered.drop(columns="place")


def _problems(across: pd.DataFrame) -> list[Problem]:
    failed = across[across["outcome"].isin(["refused", "noted"])]
    return [
        Problem(
            STAGE,
            row["outcome"],
            row["problem"],
            CHECKS[row["check"]].remedy,
            **{name: row[name] for name in MASK},
            # Which patient, scan or rater is on the other side; all these are keys.
            file=row[WITH],
        )
        for row in records(failed)
    ]


def _folders(indexes: list[Path], chunks: list[pd.DataFrame]) -> dict[tuple[str, str], Path]:
    """Return the folder of each patient's images at each timepoint."""
    return {
        case: path.parent
        for path, table in zip(indexes, chunks, strict=True)
        for case in zip(table["patient"], table["timepoint"], strict=True)
    }


def _name_files(scans: list[ScanFacts], folders: dict[tuple[str, str], Path], cases: Path) -> None:
    """Give each scan the name of its page, and the way from there to its contact sheet."""
    for scan in scans:
        stem = scan_stem(*scan.key)
        scan.page = f"{stem}.html"
        folder = folders.get(scan.key[:2])
        if folder is not None and (folder / f"{stem}.png").is_file():
            scan.sheet = Path(os.path.relpath(folder / f"{stem}.png", cases)).as_posix()


def _write_cases(scans: list[ScanFacts], case_template: Path, cases: Path) -> None:
    cases.mkdir(parents=True, exist_ok=True)
    for old in cases.glob("*.html"):
        old.unlink()
    page = template(case_template.read_text(encoding="utf-8"))
    by_patient: dict[str, list[ScanFacts]] = defaultdict(list)
    for scan in scans:
        by_patient[scan.key[0]].append(scan)
    for scan in scans:
        text = case_page(page, scan, by_patient[scan.key[0]])
        (cases / scan.page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
