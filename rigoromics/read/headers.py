"""Index the headers of a folder: one row a file, read in parallel, reread only on change."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.datadict import tag_for_keyword

from rigoromics.errors import DataError
from rigoromics.read.keywords import KEYWORDS
from rigoromics.read.parse import Row, parse_file
from rigoromics.read.walk import Entry, walk

if TYPE_CHECKING:
    import pandas as pd

Values = str | int
Columns = list[list[Values]]
Progress = Callable[[int, int, float], None]

OWN = ["path", "size", "mtime_ns", "kind", "status", "detail", "sha256", "pixels"]
LINKS = ["rois", "references", "frames"]
INDEX_VERSION = 2
_NUMBERS = ("size", "mtime_ns", "version")
_BATCH = 128
# Batches under way for each process: enough to keep it busy, few enough to hold in memory.
_AHEAD = 3
# How many files before its turn the system is told of a file.
_SOON = 4
_FRONT = 1 << 20


@dataclass(frozen=True)
class HeaderIndex:
    r"""The headers of a folder.

    Attributes
    ----------
    table
        One row per DICOM or mask file, sorted by path: path, size, mtime_ns, kind (dicom, mask),
        status (ok, truncated, unreadable), detail, sha256 of the content, pixels (a digest of the
        pixel data as stored, empty where there are none), then DICOM keywords as strings (`\`
        between values, empty where silent), then rois, references and the frames of multi-frame
        images (JSON), and the version of the index.
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
    kept, todo = _unchanged(previous, found.entries, columns)
    fresh = _table(
        columns, len(todo), _reading(folder, todo, columns, keywords, threads, progress, every)
    )
    found.skip("not DICOM", len(todo) - len(fresh))
    full = [part for part in (kept, fresh) if part is not None and len(part)]
    table = pd.concat(full) if len(full) == 2 else full[0] if full else fresh
    if not table["path"].is_monotonic_increasing:
        table = table.sort_values("path")
    table.index = pd.RangeIndex(len(table))
    return HeaderIndex(table, dict(sorted(found.skipped.items())), found.broken, len(todo))


def _table(columns: list[str], most: int, batches: Iterable[Columns]) -> pd.DataFrame:
    """Return the rows of all batches as a table.

    They go straight to where pandas keeps them: a million rows by way of lists would need three
    times the memory.
    """
    import numpy as np
    import pandas as pd

    texts = [name for name in columns if name not in _NUMBERS]
    block = np.empty((len(texts), most), dtype=object)
    numbers = {name: np.empty(most, dtype=np.int64) for name in columns if name in _NUMBERS}
    count = 0
    for batch in batches:
        values = dict(zip(columns, batch, strict=True))
        end = count + len(batch[0])
        block[:, count:end] = [values[name] for name in texts]
        for name, column in numbers.items():
            column[count:end] = values[name]
        count = end
    table = pd.DataFrame(block[:, :count].T, columns=texts)
    for name, column in numbers.items():
        table.insert(columns.index(name), name, column[:count])
    return table


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


def _unchanged(
    previous: pd.DataFrame | None, entries: list[Entry], columns: list[str]
) -> tuple[pd.DataFrame | None, list[Entry]]:
    """Return the rows of an earlier index that still hold, and the files to read."""
    import numpy as np
    import pandas as pd

    if previous is None or list(previous.columns) != columns or previous.empty:
        return None, entries
    if not (previous["version"] == INDEX_VERSION).all() or not previous["path"].is_unique:
        return None, entries
    row = pd.Index(previous["path"]).get_indexer([entry.path for entry in entries])
    same = row >= 0
    for column in ("size", "mtime_ns"):
        now = np.array([getattr(entry, column) for entry in entries], dtype=np.int64)
        same &= previous[column].to_numpy(dtype=np.int64)[row] == now
    todo = [entries[place] for place in np.flatnonzero(~same)]
    if len(todo) == 0 and np.array_equal(row, np.arange(len(previous))):
        return previous.copy(deep=False), todo
    return previous.iloc[row[same]], todo


def _reading(
    folder: Path,
    entries: list[Entry],
    columns: Sequence[str],
    extra: Sequence[str],
    threads: int,
    progress: Progress | None,
    every: float,
) -> Iterator[Columns]:
    """Parse files in order, in `threads` processes, reporting on the way."""
    batches = [entries[first : first + _BATCH] for first in range(0, len(entries), _BATCH)]
    work = partial(_parse_batch, folder, columns, extra)
    started = reported = time.monotonic()
    done = 0
    for batch, values in zip(batches, _mapped(work, batches, threads), strict=True):
        yield values
        done += len(batch)
        now = time.monotonic()
        if progress is not None and (now - reported >= every or done == len(entries)):
            reported = now
            progress(done, len(entries), done / max(now - started, 1e-9))


def _mapped(
    work: Callable[[list[Entry]], Columns], batches: list[list[Entry]], threads: int
) -> Iterator[Columns]:
    """Yield the results in order; no more batches are under way than `_AHEAD` a process."""
    if threads < 2 or len(batches) < 2:
        yield from map(work, batches)
        return
    waiting: deque[Future[Columns]] = deque()
    left = iter(batches)
    with ProcessPoolExecutor(max_workers=min(threads, len(batches))) as pool:
        try:
            for batch in islice(left, _AHEAD * threads):
                waiting.append(pool.submit(work, batch))
            while waiting:
                yield waiting.popleft().result()
                for batch in islice(left, 1):
                    waiting.append(pool.submit(work, batch))
        except BrokenProcessPool as error:
            raise DataError(
                "A process that read headers was ended from outside, likely for want of memory",
                "give the step more memory or fewer cores, then start it again",
            ) from error


def _parse_batch(
    folder: Path, columns: Sequence[str], extra: Sequence[str], batch: list[Entry]
) -> Columns:
    """Return the values of some files by column.

    Millions of slices repeat most of their texts, and the parser gives equal ones as one object:
    that makes the way between processes short and the table small.
    """
    rows: list[Row] = []
    for entry, coming in zip_longest(batch, batch[_SOON:]):
        if coming is not None:
            _announce(f"{folder}/{coming.path}")
        row = parse_file(folder, entry, extra)
        if row is not None:
            rows.append(row | {"version": INDEX_VERSION})
    return [[row[column] for row in rows] for column in columns]


def _announce(path: str) -> None:
    """Have the system fetch a file while others are worked on, where it knows how to."""
    try:
        number = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(number, 0, _FRONT, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(number)
    except (OSError, AttributeError):
        return
