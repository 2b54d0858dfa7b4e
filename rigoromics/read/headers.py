"""Index the headers of a folder: one row a file, read in parallel, reread only on change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING

from pydicom.datadict import tag_for_keyword

from rigoromics.errors import DataError
from rigoromics.read.parse import KEYWORDS, Row, parse_file
from rigoromics.read.walk import Entry, walk

if TYPE_CHECKING:
    import pandas as pd

Values = tuple[str | int, ...]
Progress = Callable[[int, int, float], None]

OWN = ["path", "size", "mtime_ns", "kind", "status", "detail", "sha256"]
LINKS = ["rois", "references"]
INDEX_VERSION = 1
_BATCH = 32


@dataclass(frozen=True)
class HeaderIndex:
    r"""The headers of a folder.

    Attributes
    ----------
    table
        One row per DICOM or mask file, sorted by path: path, size, mtime_ns, kind (dicom, mask),
        status (ok, truncated, unreadable), detail, sha256 of the content, then DICOM keywords as
        strings (`\` between values, empty where silent), then rois and references (JSON), and
        the version of the index.
    skipped
        How many files were passed over, by reason.
    broken
        Links that lead nowhere and folders that may not be read.
    reread
        How many files were read now; the others were known from the previous index.
    """

    table: pd.DataFrame
    skipped: dict[str, int]
    broken: list[str]
    reread: int


def index_columns(extra: Iterable[str] = ()) -> list[str]:
    """Return the columns of the index, with extra DICOM keywords of the study's rules."""
    return [*OWN, *KEYWORDS, *_extra_keywords(extra), *LINKS, "version"]


def index_headers(
    folder: Path,
    *,
    extra: Iterable[str] = (),
    previous: pd.DataFrame | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    every: float = 3.0,
) -> HeaderIndex:
    """Read every header under a folder.

    Parameters
    ----------
    folder
        Folder with DICOM in any nesting and under any names.
    extra
        DICOM keywords to index beside the usual ones: those that the study's rules name.
    previous
        An earlier index of the folder; files whose path, size and mtime are the same are taken
        from it, unless it lacks a column.
    threads
        Number of processes.
    progress
        Called as `progress(done, total, files_per_second)` every `every` seconds and at the end.
    every
        Seconds between two calls of `progress`.

    Returns
    -------
    HeaderIndex
        The same for any number of processes, and with or without `previous`.

    Raises
    ------
    DataError
        The folder is not there.
    """
    import pandas as pd

    _check_folder(folder)
    keywords = _extra_keywords(extra)
    columns = index_columns(keywords)
    found = walk(folder)
    known = _known(previous, columns)
    rows: list[Values] = []
    todo: list[Entry] = []
    for entry in found.entries:
        row = known.get((entry.path, entry.size, entry.mtime_ns))
        if row is None:
            todo.append(entry)
        else:
            rows.append(row)
    for parsed in _reading(folder, todo, keywords, threads, progress, every):
        if parsed is None:
            found.skip("not DICOM")
        else:
            rows.append(_compact(parsed | {"version": INDEX_VERSION}, columns))
    table = pd.DataFrame(rows, columns=columns).sort_values("path", ignore_index=True)
    return HeaderIndex(table, dict(sorted(found.skipped.items())), found.broken, len(todo))


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(
            "The folder with the raw images does not exist",
            "put the DICOM files there, in any nesting, or correct the folder in the config",
            str(folder),
        )


def _extra_keywords(extra: Iterable[str]) -> list[str]:
    """Keep the DICOM keywords that are not indexed anyway."""
    return sorted({word for word in extra if tag_for_keyword(word) is not None} - set(KEYWORDS))


def _compact(row: Row, columns: list[str]) -> Values:
    """Return a row's values with equal texts shared: millions of slices repeat most of theirs."""
    values = (row[column] for column in columns)
    return tuple(intern(value) if isinstance(value, str) else value for value in values)


def _known(previous: pd.DataFrame | None, columns: list[str]) -> dict[tuple[str, int, int], Values]:
    """Return the rows of an earlier index by path, size and mtime, if it has the same columns."""
    if previous is None or list(previous.columns) != columns or previous.empty:
        return {}
    if set(previous["version"]) != {INDEX_VERSION}:
        return {}
    rows: Iterator[Values] = previous.itertuples(index=False, name=None)
    return {(str(row[0]), int(row[1]), int(row[2])): row for row in rows}


def _reading(
    folder: Path,
    entries: list[Entry],
    extra: Sequence[str],
    threads: int,
    progress: Progress | None,
    every: float,
) -> Iterator[Row | None]:
    """Parse files in order, in `threads` processes, reporting on the way."""
    batches = [entries[first : first + _BATCH] for first in range(0, len(entries), _BATCH)]
    work = partial(_parse_batch, folder, extra)
    started = reported = time.monotonic()
    done = 0
    for batch in _mapped(work, batches, threads):
        yield from batch
        done += len(batch)
        now = time.monotonic()
        if progress is not None and (now - reported >= every or done == len(entries)):
            reported = now
            progress(done, len(entries), done / max(now - started, 1e-9))


def _mapped(
    work: Callable[[list[Entry]], list[Row | None]], batches: list[list[Entry]], threads: int
) -> Iterator[list[Row | None]]:
    if threads < 2 or len(batches) < 2:
        yield from map(work, batches)
        return
    with ProcessPoolExecutor(max_workers=min(threads, len(batches))) as pool:
        yield from pool.map(work, batches, chunksize=4)


def _parse_batch(folder: Path, extra: Sequence[str], batch: list[Entry]) -> list[Row | None]:
    return [parse_file(folder, entry, extra) for entry in batch]
