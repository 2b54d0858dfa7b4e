"""Retrieve raw images from an archive into the study's raw folder; go on where it stopped."""

import logging
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.config.fetch import Fetch
from rigoromics.errors import DataError
from rigoromics.fetch.engine import Progress, Result, Run, Source
from rigoromics.fetch.manifest import Manifest, Store
from rigoromics.fetch.query import Query, RemoteSeries, absent_patients
from rigoromics.fetch.retry import BrokenError, Patience
from rigoromics.fetch.sources import open_source, query_of, secrets_of
from scripts.salt import study_salt
from scripts.tables import ids, read_any, read_tsv, write_tsv

LOG = logging.getLogger(__name__)


def main(
    *,
    raw: Path | str,
    private: Path | str,
    archive: dict[str, Any],
    registry: Path | str,
    clinical: Path | str | None = None,
    clinical_id: str = "patient",
    list_only: bool = False,
) -> dict[str, float]:
    """Find what the config asks for, and fetch what is not here yet.

    `archive` is the config's section `fetch`; empty where there is none.
    """
    if not archive:
        raise DataError(
            "The config has no section `fetch`, so there is nowhere to retrieve images from",
            "name a PACS or a collection there (docs/howto/fetch.md), or put the images into the "
            "raw folder yourself and go on with `snakemake sheet`",
        )
    private = Path(private)
    settings = Fetch.model_validate(archive)
    query = query_of(settings, _patients(clinical, clinical_id))
    patience = Patience(settings.attempts, settings.wait_s)
    source = open_source(
        settings,
        lambda: _registry(Path(registry)),
        secrets_of(os.environ),
        private / "fetch",
        patience,
        _say,
    )
    try:
        wanted = _find(source, query)
        write_tsv(_listing(wanted), private / "fetch/series.tsv")
        _say_found(wanted, query, private)
        if list_only:
            _say("Nothing was retrieved; `snakemake fetch` retrieves it.")
            return _counts(wanted)
        manifest = _manifest(private, Path(raw), settings)
        progress = Progress(len(wanted), sum(series.images for series in wanted), _say)
        store = Store(manifest, study_salt(private / "salt.txt"), progress.arrived)
        result = Run(source, store, patience, progress).fetch(wanted, settings.connections)
    finally:
        source.close()
    _say_result(result, wanted)
    return _counts(wanted) | {
        "series_whole": result.whole,
        "images_new": progress.new,
        "images_here": len(manifest),
        "megabytes_new": progress.bytes / 1e6,
    }


def _find(source: Source, query: Query) -> list[RemoteSeries]:
    try:
        return query.select(source.find(query))
    except BrokenError as error:
        raise DataError(
            f"The archive could not be searched: {error}",
            "see that the network is there and the address, port and titles under `fetch` are "
            "right, then run it again",
        ) from None


def _patients(clinical: Path | str | None, column: str) -> list[str] | None:
    """Return the PatientIDs of the clinical table; None where there is no table."""
    if not clinical:
        return None
    table = read_any(Path(clinical), text=(column,))
    if column not in table.columns:
        raise DataError(
            f"The clinical table has no column '{column}'",
            f"correct the config or the table; its columns are: {', '.join(table.columns)}",
            Path(clinical).name,
        )
    return list(ids(table[column]).dropna())


def _registry(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError("The registry of collections is not there", "restore it", str(path))
    return read_tsv(path)


def _manifest(private: Path, raw: Path, settings: Fetch) -> Manifest:
    """Return what earlier runs brought, less what is no longer as it arrived."""
    manifest = Manifest(private / "fetch/manifest.tsv", raw)
    if len(manifest):
        _say(f"Checking {len(manifest):,} images from earlier runs.")
        damaged = manifest.verify(settings.verify)
        if damaged:
            _say(f"{damaged:,} of them are gone or damaged and are fetched again.")
    return manifest


def _listing(wanted: list[RemoteSeries]) -> pd.DataFrame:
    """The series as a table for the person's eyes: it names patients."""
    names = ["patient", "date", "modality", "description", "images", "study_uid", "series_uid"]
    return pd.DataFrame([[getattr(item, name) for name in names] for item in wanted], columns=names)


def _say_found(wanted: list[RemoteSeries], query: Query, private: Path) -> None:
    if not wanted:
        raise DataError(
            "The archive has no series that the config asks for",
            "widen the filters under `fetch`; see that the clinical table has the PatientIDs as "
            "the archive has them, leading zeros included",
        )
    kinds = Counter(series.modality or "unknown" for series in wanted)
    people = len({series.patient for series in wanted})
    images = sum(series.images for series in wanted)
    _say(
        f"Found {len(wanted):,} series of {people:,} patients"
        + (f", {images:,} images" if images else "")
        + ": "
        + ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        + "."
    )
    absent = absent_patients(query, wanted)
    path = private / "fetch/patients_without_series.txt"
    path.unlink(missing_ok=True)
    if absent:
        path.write_text("\n".join(absent) + "\n", encoding="utf-8")
        _say(f"{len(absent):,} patients of the clinical table have no such series.")
    _say("The lists, with real names, are in the private folder, under fetch/.")


def _say_result(result: Result, wanted: list[RemoteSeries]) -> None:
    if result.whole == len(wanted):
        _say(f"All {len(wanted):,} series are here. Next: `snakemake sheet`.")
        return
    parts = []
    if result.broken:
        parts.append(f"{result.broken:,} broke off ({result.reason})")
    if result.untried:
        parts.append(f"{result.untried:,} were not tried after that")
    if result.missing:
        parts.append(f"{result.missing:,} images are listed by the archive but do not come")
    raise DataError(
        f"Of {len(wanted):,} series, {result.whole:,} are here whole; " + "; ".join(parts),
        "run `snakemake fetch` again: it asks only for what is missing. If it stays so, ask the "
        "archive's administrator, or go on without with `snakemake sheet`",
    )


def _counts(wanted: list[RemoteSeries]) -> dict[str, float]:
    return {
        "series": len(wanted),
        "patients": len({series.patient for series in wanted}),
        "images": sum(series.images for series in wanted),
    }


def _say(text: str) -> None:
    """Tell the person at the terminal, and the log."""
    print(text, flush=True)
    LOG.info(text)


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
