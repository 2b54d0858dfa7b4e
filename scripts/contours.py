"""What the segmentation files of each chunk hold, in one small file a chunk.

A redrawn contour reruns its chunk, without the user doing anything. The rule that reads contours
takes that small file as its input, and not the segmentation files: of 10,000 patients these are
tens of thousands, and Snakemake's handling of them was most of what a run with nothing to do took.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.hashing import file_sha256
from scripts.tables import read_rows, write_if_changed, write_rows

# What is known of a segmentation file; beside raw data, as paths may name patients.
KNOWN = ("path", "size", "mtime_ns", "sha256")
UNREADABLE = "unreadable"


def contour_record(folder: Path, chunk: str) -> str:
    """Return the path of the file that says what a chunk's contours are."""
    return (folder / f"{chunk}.sha256").as_posix()


def record_contours(
    chunks: Mapping[str, Mapping[str, str]], raw: Path, known: Path, folder: Path
) -> None:
    """Write those of the chunks' files that are not there or say something else.

    A file of the size and time that it had when it was last read is not read again.

    Parameters
    ----------
    chunks
        Of each chunk the segmentation files, relative to `raw`, by the key that results know them
        by. One that is gone is left out: its row of the sheet says so when the chunk is made.
    raw
        The raw folder.
    known
        The private table of what was read: path, size, time and SHA-256. `snakemake sheet` writes
        it from its index, and it is kept up here.
    folder
        Where the chunks' files lie.
    """
    before = _read_known(known)
    after: dict[str, dict[str, str]] = {}
    for chunk, files in chunks.items():
        for path in files.values():
            if path not in after:
                row = _look(raw, path, before.get(path))
                if row is not None:
                    after[path] = row
        lines = [f"{after[p]['sha256']}  {key}\n" for key, p in sorted(files.items()) if p in after]
        write_if_changed(Path(contour_record(folder, chunk)), "".join(lines).encode())
    read = {path: row for path, row in after.items() if row["sha256"] != UNREADABLE}
    if not read.items() <= before.items():
        kept = before | read
        write_rows([kept[path] for path in sorted(kept)], KNOWN, known)


def _read_known(known: Path) -> dict[str, dict[str, str]]:
    """Return the rows of the table by path; none where it is missing or was spoilt."""
    rows: Sequence[dict[str, str]] = read_rows(known, "replace") if known.is_file() else []
    return {row["path"]: row for row in rows if all(row.get(name) for name in KNOWN)}


def _look(raw: Path, path: str, before: dict[str, str] | None) -> dict[str, str] | None:
    """Return what a file is now, or None where there is none."""
    file = raw / path
    try:
        found = os.stat(file)
    except OSError:
        return None
    row = {"path": path, "size": str(found.st_size), "mtime_ns": str(found.st_mtime_ns)}
    if before is not None and row.items() <= before.items():
        return before
    try:
        return row | {"sha256": file_sha256(file)}
    except OSError:
        return row | {"sha256": UNREADABLE}
