"""A study that starts from feature tables: bring them into the pipeline's own form."""

import logging
import re
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.errors import DataError, Problem, problems_table
from rigoromics.table import numbers
from scripts.tables import ids, read_any, write_parquet, write_tsv

log = logging.getLogger(__name__)

# Marks rows without an ID: nobody can say that they are not patients of another row.
NAMELESS = "row without an ID"


def main(
    *,
    tables: list[Path],
    features: Path,
    clinical: Path,
    cases: Path,
    acquisition: Path,
    problems: Path,
    settings: dict[str, Any],
    columns: list[str],
    reference_rater: str,
) -> dict[str, float]:
    """Read each table, keep the features all share, key patients by cohort and ID."""
    parts = [
        _read(path, entry, settings) for path, entry in zip(tables, settings["tables"], strict=True)
    ]
    pattern = re.compile(settings["columns"])
    leave = re.compile(settings["exclude"]) if settings["exclude"] else None
    names = [_features(part, pattern, leave) for part in parts]
    shared = [name for name in names[0] if all(name in other for other in names)]
    if not shared:
        raise DataError(
            "the feature tables share no feature column",
            f"check `features: columns:`, now {settings['columns']!r}",
        )
    everything = pd.concat(parts, ignore_index=True).sort_values("patient", ignore_index=True)
    keys = {"timepoint": "baseline", "scan": "table", "roi": "table", "rater": reference_rater}
    twice = everything.loc[everything["patient"].duplicated(), "patient"]
    if len(twice):
        raise DataError(
            f"{twice.nunique()} patients have more than one row (first: {twice.iloc[0]})",
            "give one row per patient: several lesions of one patient are not several patients",
        )
    index = everything[["patient", "cohort"]].assign(**keys, perturbation="none")
    values = everything[shared].apply(lambda column: numbers(column, "a feature table"))
    empty = values.isna().all(axis=1)
    usable = ~empty & ~everything[NAMELESS]
    write_parquet(pd.concat([index, values], axis=1)[usable], features)
    write_parquet(_clinical(everything, columns), clinical)
    write_tsv(_cases(everything[usable], reference_rater), cases)
    write_tsv(_acquisition(everything, settings.get("acquisition") or {}), acquisition)
    write_tsv(_problems(everything, empty, names, shared), problems)
    log.info("%d patients, %d shared features", len(everything), len(shared))
    return {"patients": len(everything), "features": len(shared), "refused": int((~usable).sum())}


def _read(path: Path, entry: dict[str, str], settings: dict[str, Any]) -> pd.DataFrame:
    table = read_any(path, text=(settings["id"],))
    if settings["id"] not in table.columns:
        raise DataError(
            f"the feature table has no column {settings['id']!r}",
            "set `features: id:` to the column with the patient's ID",
            path.name,
        )
    names = ids(table[settings["id"]])
    lines = pd.Series([f"line-{number}" for number in range(2, len(table) + 2)])
    # The same number may mean different people at different centres.
    patient = entry["cohort"] + "-" + entry["centre"] + "-" + names.str.zfill(4).fillna(lines)
    beside = {
        "patient": patient.astype(str),
        "cohort": entry["cohort"],
        "centre": entry["centre"],
        NAMELESS: names.isna().astype(bool),
    }
    rest = table.drop(columns=["patient", "cohort", "centre"], errors="ignore")
    return pd.concat([pd.DataFrame(beside), rest], axis=1)


def _features(
    table: pd.DataFrame, pattern: re.Pattern[str], leave: re.Pattern[str] | None
) -> list[str]:
    return [c for c in table if pattern.search(c) and not (leave and leave.search(c))]


def _clinical(everything: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    missing = [name for name in columns if name not in everything.columns]
    if missing:
        raise DataError(
            f"the feature tables have no column {', '.join(map(repr, missing))}",
            "correct the endpoint or the clinical predictors in the config",
        )
    return everything[["patient", *sorted(set(columns))]]


def _acquisition(everything: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """What the tables say of scanner and protocol, under the names of the acquisition table."""
    missing = [name for name in columns if name not in everything.columns]
    if missing:
        raise DataError(
            f"the feature tables have no column {', '.join(map(repr, missing))}",
            "correct `features: acquisition:` in the config",
        )
    texts = everything[list(columns)].rename(columns=columns).astype("string").fillna("unknown")
    return pd.concat([everything[["patient", "cohort", "centre"]], texts], axis=1)


def _cases(everything: pd.DataFrame, rater: str) -> pd.DataFrame:
    """A case sheet for patients without images, so that what follows need not ask."""
    rows = everything[["patient", "cohort", "centre"]].assign(
        include="yes", timepoint="baseline", scan="table", roi="table", rater=rater
    )
    return rows[["include", "patient", "cohort", "centre", "timepoint", "scan", "roi", "rater"]]


def _problems(
    everything: pd.DataFrame, empty: "pd.Series[bool]", names: list[list[str]], shared: list[str]
) -> pd.DataFrame:
    left_out = sorted({name for own in names for name in own} - set(shared))
    reasons = [
        (empty, "the row has no feature value at all", "extract the features of this patient"),
        (everything[NAMELESS], "the row has no patient ID", "give the ID: rows are not patients"),
    ]
    rows = [
        Problem(
            stage="extract", severity="refused", patient=patient, problem=problem, remedy=remedy
        )
        for wrong, problem, remedy in reasons
        for patient in everything.loc[wrong, "patient"]
    ]
    if left_out:
        rows.append(
            Problem(
                stage="extract",
                severity="noted",
                problem=f"{len(left_out)} feature columns are not in every table and are left out",
                remedy=f"extract with the same settings everywhere; first: {left_out[0]}",
            )
        )
    return problems_table(rows)


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
