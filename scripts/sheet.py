"""Draft the case sheet from the DICOM headers, for a person to review."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.errors import DataError
from rigoromics.read.headers import HeaderIndex, index_headers
from rigoromics.read.roi_names import roi_name_tables
from rigoromics.read.rules import centre_rule, study_keywords
from rigoromics.read.sheet import Sheet, draft, merge_edits
from rigoromics.read.synonyms import check_synonyms, expand_rois
from scripts.contours import KNOWN
from scripts.salt import study_salt
from scripts.tables import ids, read_any, read_tsv, write_parquet, write_tsv

LOG = logging.getLogger(__name__)
SHOWN = 8


def main(
    *,
    raw: Path | str,
    private: Path | str,
    sheet: Path | str,
    problems: Path | str,
    acquisition: Path | str,
    study: dict[str, Any],
    clinical: Path | str | None = None,
    synonyms: Path | str | None = None,
    roi_names: Path | str | None = None,
    threads: int = 1,
) -> dict[str, float]:
    """Index the headers, draft the sheet, keep the person's edits, write what changed."""
    private, sheet = Path(private), Path(sheet)
    terms = _terms(synonyms)
    study = {**study, "rois": expand_rois(study["rois"], terms)}
    headers = private / "headers.parquet"
    index = index_headers(
        Path(raw),
        extra=study_keywords(study),
        previous=pd.read_parquet(headers) if headers.is_file() else None,
        threads=threads,
        progress=_say_progress,
    )
    if index.table.empty:
        raise DataError(
            "The folder with the raw images holds no DICOM file",
            "put the DICOM files there, in any nesting, or correct the folder in the config",
            str(raw),
        )
    write_parquet(index.table, headers)
    people, centres = _clinical(clinical, study)
    drafted = draft(
        index.table,
        study,
        study_salt(private / "salt.txt"),
        clinical_ids=people,
        clinical_centres=centres,
        broken=index.broken,
    )
    cases = merge_edits(_reviewed(sheet), drafted.cases)
    write_tsv(cases, sheet)
    write_tsv(drafted.problems, Path(problems))
    write_tsv(drafted.acquisition, Path(acquisition))
    write_parquet(drafted.files, private / "files.parquet")
    write_tsv(drafted.segmentations, private / "segmentations.tsv")
    files = index.table.loc[index.table["path"].isin(drafted.segmentations["path"]), [*KNOWN]]
    write_tsv(files, private / "contours.tsv")
    write_tsv(drafted.patients, private / "patients.tsv")
    write_tsv(drafted.problems_private, private / "problems.tsv")
    names, names_private = roi_name_tables(drafted.drawings, study, terms)
    write_tsv(names, Path(roi_names or sheet.with_name("roi_names.tsv")))
    write_tsv(names_private, private / "roi_names.tsv")
    _say_summary(index, drafted, cases)
    _say(f"The sheet is {sheet}, the problems are in {problems}.")
    _say(f"With real names and paths, for your eyes only: {private / 'problems.tsv'}.")
    _say("Next: review the sheet (set `include` to yes or no), then run `snakemake`.")
    return {
        "files": len(index.table),
        "patients": cases["patient"].nunique(),
        "rows": len(cases),
        "rows_included": int((cases["include"].str.lower() == "yes").sum()),
        "problems": len(drafted.problems),
    }


def _terms(synonyms: Path | str | None) -> dict[str, list[str]]:
    """Return the patterns of each term in the table of ROI synonyms; none without a table."""
    if not synonyms:
        return {}
    if not Path(synonyms).is_file():
        raise DataError(
            "The table of ROI synonyms is missing",
            "put it back, or correct `roi_synonyms` in the config",
            str(synonyms),
        )
    return check_synonyms(read_tsv(Path(synonyms)))


def _reviewed(sheet: Path) -> pd.DataFrame | None:
    """Return the sheet as the person left it, if there is one."""
    if not sheet.is_file():
        return None
    table = read_tsv(sheet)
    if "include" not in table.columns:
        raise DataError(
            "the case sheet was saved in another format: it has no column `include`",
            "save it as text with tabs between columns, or move it away and draft it anew",
            sheet.name,
        )
    return table


def _clinical(
    clinical: Path | str | None, study: Mapping[str, Any]
) -> tuple[list[str] | None, dict[str, str]]:
    """Return the PatientIDs of the clinical table, and their centres where the study asks."""
    if not clinical:
        return None, {}
    path = Path(clinical)
    column = str(study.get("clinical_id") or "patient")
    table = read_any(path, text=(column,))
    wanted = [column, *(["centre"] if centre_rule(study)[0] == "clinical" else [])]
    for name in wanted:
        if name not in table.columns:
            raise DataError(
                f"The clinical table has no column '{name}'",
                f"correct the config or the table; its columns are: {', '.join(table.columns)}",
                path.name,
            )
    names = ids(table[column]).dropna()
    if len(wanted) == 1:
        return list(names), {}
    centres = table.loc[names.index, "centre"].fillna("").astype(str).str.strip()
    return list(names), dict(zip(names, centres, strict=True))


def _say(text: str) -> None:
    """Tell the person at the terminal, and the log."""
    print(text, flush=True)
    LOG.info(text)


def _say_progress(done: int, total: int, rate: float) -> None:
    _say(f"Reading headers: {done:,} of {total:,} files ({rate:,.0f} files/s)")


def _say_summary(index: HeaderIndex, drafted: Sheet, cases: pd.DataFrame) -> None:
    skipped = ", ".join(f"{count:,} {reason}" for reason, count in index.skipped.items())
    _say(
        f"{len(index.table):,} image files, {index.reread:,} of them new or changed"
        + (f"; passed over: {skipped}." if skipped else ".")
    )
    included = cases[cases["include"].str.strip().str.lower() == "yes"]
    for cohort, rows in drafted.acquisition.groupby("cohort"):
        mine = cases[cases["cohort"] == cohort]
        usable = included[included["cohort"] == cohort]
        _say(
            f"Cohort {cohort or '(none)'}: {rows['patient'].nunique()} patients, "
            f"{len(rows)} scans, {len(mine)} segmentations; included: "
            f"{usable['patient'].nunique()} patients, {len(usable)} segmentations."
        )
    if not drafted.kinds:
        _say("No problems.")
        return
    kinds = ", ".join(f"{count} x {kind}" for kind, count in drafted.kinds.items())
    _say(f"{len(drafted.problems)} problems: {kinds}.")
    refused = drafted.problems[drafted.problems["severity"] == "refused"]
    for row in refused.head(SHOWN).itertuples():
        where = " ".join(filter(None, [row.patient, row.timepoint, row.scan, row.roi, row.rater]))
        _say(f"  refused: {where or row.file}: {row.problem}. What to do: {row.remedy}")
    if len(refused) > SHOWN:
        _say(f"  ... and {len(refused) - SHOWN} more.")


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
