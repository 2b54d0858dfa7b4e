"""A study that starts from feature tables: bring them into the pipeline's own form."""

import logging
import re
from collections.abc import Mapping, Sequence
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
    joined: Sequence[Path] = (),
    cohorts: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, float]:
    """Read each table, keep the features all share, key patients by cohort and ID."""
    beside = _beside(joined, settings)
    parts = [
        _read(path, entry, settings, beside, cohorts or {})
        for path, entry in zip(tables, settings["tables"], strict=True)
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
    everything = pd.concat(parts, ignore_index=True)
    everything = everything.sort_values("patient", kind="stable", ignore_index=True)
    _check_rows(everything, bool(settings.get("several_lesions")))
    keys = {"scan": "table", "roi": "table", "rater": reference_rater, "perturbation": "none"}
    index = everything[["patient", "cohort", "timepoint"]].assign(**keys)
    values = everything[shared].apply(lambda column: numbers(column, "a feature table"))
    empty = values.isna().all(axis=1)
    usable = ~empty & ~everything[NAMELESS]
    write_parquet(pd.concat([index, values], axis=1)[usable], features)
    write_parquet(_clinical(everything, columns), clinical)
    acquired = _acquisition(everything, settings.get("acquisition") or {})
    # Lesions of one case are one row of the case sheet.
    sheet = acquired.assign(timepoint=everything["timepoint"])[usable]
    write_tsv(_cases(sheet.drop_duplicates(["patient", "timepoint"]), reference_rater), cases)
    write_tsv(acquired.drop_duplicates("patient"), acquisition)
    write_tsv(_problems(everything, empty, names, shared), problems)
    log.info("%d patients, %d shared features", len(everything), len(shared))
    return {"patients": len(everything), "features": len(shared), "refused": int((~usable).sum())}


def _beside(paths: Sequence[Path], settings: dict[str, Any]) -> list[pd.DataFrame]:
    """Return the further tables, index ID."""
    tables = []
    for path, entry in zip(paths, settings.get("join") or [], strict=True):
        name = entry["id"] or "Unnamed: 0"
        table = _table(path, name, settings)
        if name not in table.columns:
            raise DataError(
                f"the table to join has no column {entry['id']!r}",
                "set `id:` under `features: join:` to the column with the patient's ID",
                path.name,
            )
        keyed = table.assign(**{name: ids(table[name])}).dropna(subset=name).set_index(name)
        twice = keyed.index[keyed.index.duplicated()]
        if len(twice):
            raise DataError(
                f"{twice.nunique()} patients have more than one row (first: {twice[0]})",
                "give one row per patient in a table that is joined",
                path.name,
            )
        tables.append(keyed)
    return tables


def _read(
    path: Path,
    entry: dict[str, str],
    settings: dict[str, Any],
    beside: Sequence[pd.DataFrame],
    cohorts: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    table = _table(path, settings["id"], settings)
    if settings["id"] not in table.columns:
        raise DataError(
            f"the feature table has no column {settings['id']!r}",
            "set `features: id:` to the column with the patient's ID",
            path.name,
        )
    names = ids(table[settings["id"]])
    for other in beside:
        both = [column for column in other.columns if column in table.columns]
        if both:
            raise DataError(
                f"two tables of features and of what is joined have a column {both[0]!r}",
                "rename it in one of them",
                path.name,
            )
        found = other.reindex(names.fillna("")).reset_index(drop=True)
        table = pd.concat([table, found], axis=1)
    lines = pd.Series([f"line-{number}" for number in range(2, len(table) + 2)])
    centre = _centre(table, entry, path)
    cohort = _cohort(centre, entry, cohorts, path)
    columns = {
        # The same number may mean different people at different centres.
        "patient": cohort + "-" + centre + "-" + names.str.zfill(4).fillna(lines).astype(str),
        "cohort": cohort,
        "centre": centre,
        "timepoint": entry.get("timepoint", "baseline"),
        NAMELESS: names.isna().astype(bool),
    }
    rest = table.drop(columns=["patient", "cohort", "centre", "timepoint"], errors="ignore")
    return pd.concat([pd.DataFrame(columns), rest], axis=1)


def _table(path: Path, name: str, settings: dict[str, Any]) -> pd.DataFrame:
    """Return a table with its IDs as text, and what stands for a missing value missing."""
    table = read_any(path, text=(name,), encoding=settings.get("encoding", "utf-8"))
    gone = settings.get("missing") or []
    texts = table.select_dtypes(include=["object", "string"])
    return table.assign(**{c: texts[c].mask(texts[c].isin(gone)) for c in texts}) if gone else table


def _centre(table: pd.DataFrame, entry: dict[str, str], path: Path) -> "pd.Series[str]":
    column = entry.get("centre_column", "")
    if not column:
        return pd.Series(entry["centre"], index=table.index)
    if column not in table.columns:
        raise DataError(
            f"the feature table has no column {column!r}",
            "set `centre_column:` to the column with the patient's centre",
            path.name,
        )
    return table[column].astype("string").str.strip().fillna("unknown").astype(str)


def _cohort(
    centre: "pd.Series[str]",
    entry: dict[str, str],
    cohorts: Mapping[str, Sequence[str]],
    path: Path,
) -> "pd.Series[str]":
    if entry["cohort"]:
        return pd.Series(entry["cohort"], index=centre.index)
    named = {name: cohort for cohort, centres in cohorts.items() for name in centres}
    lost = sorted(set(centre) - set(named))
    if lost:
        raise DataError(
            f"no cohort has the centre {lost[0]!r} among its `centres`",
            "name each centre of the table under one cohort, or give the table a `cohort:`",
            path.name,
        )
    return centre.map(named)


def _check_rows(everything: pd.DataFrame, several: bool) -> None:
    again = everything.duplicated(["patient", "timepoint"])
    if again.any() and not several:
        twice = everything.loc[again, "patient"]
        raise DataError(
            f"{twice.nunique()} patients have more than one row (first: {twice.iloc[0]})",
            "give one row per patient: several lesions of one patient are not several patients; "
            "or set `features: several_lesions: true`, and `lesions: rule:` makes one row of them",
        )


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
    kept = everything[["patient", *sorted(set(columns))]]
    if not kept["patient"].duplicated().any():
        return kept
    values = kept.groupby("patient", sort=True).nunique()
    differing = values > 1
    if differing.any(axis=None):
        column = differing.any().idxmax()
        raise DataError(
            f"patient {differing.index[differing[column]][0]} has different values of {column!r} "
            "in several rows of the feature tables",
            "outcomes and predictors belong to patients: give each row of a patient the same, or "
            "one column per timepoint",
        )
    return kept.groupby("patient", sort=True).first().reset_index()


def _acquisition(everything: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """What the tables say of scanner and protocol, under the names of the acquisition table."""
    missing = [name for name in columns if name not in everything.columns]
    if missing:
        raise DataError(
            f"the feature tables have no column {', '.join(map(repr, missing))}",
            "correct `features: acquisition:` in the config",
        )
    # A column of codes with a gap holds 1.0, which is still the code 1.
    texts = everything[list(columns)].rename(columns=columns).apply(ids).fillna("unknown")
    return pd.concat([everything[["patient", "cohort", "centre"]], texts], axis=1)


def _cases(acquired: pd.DataFrame, rater: str) -> pd.DataFrame:
    """A case sheet for patients without images, so that what follows need not ask."""
    rows = acquired.assign(include="yes", scan="table", roi="table", rater=rater)
    first = ["include", "patient", "cohort", "centre", "timepoint", "scan", "roi", "rater"]
    return rows[[*first, *(name for name in acquired.columns if name not in first)]]


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
