"""Files that are whole or not there, and errors that are the disk's fault and no case's."""

import errno
import gzip
import os
from collections.abc import Callable
from pathlib import Path

# The disk is full, over its quota, read-only, gone or broken. Such an error fails the job, which
# Snakemake starts again; taken for a bad case, it would cost the study a patient in silence.
STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}
CHUNK = 2**20


def is_storage_failure(error: BaseException) -> bool:
    """Return whether an error says that files could not be kept."""
    return isinstance(error, OSError) and error.errno in STORAGE


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a gzipped file under another name, read it back, and only then give it its own.

    ITK writes to a full disk without a word and leaves a part of the file.

    Parameters
    ----------
    path
        Where the file belongs.
    write
        Writes the file to the path that it is given, which ends as `path` does.

    Raises
    ------
    OSError
        The file could not be written, or what came back is not whole.
    """
    part = path.with_name(f".part-{path.name}")
    try:
        try:
            write(part)
            with part.open("rb+") as written:
                os.fsync(written.fileno())
            _read_back(part)
        except (RuntimeError, EOFError, gzip.BadGzipFile, FileNotFoundError) as error:
            raise OSError(
                errno.EIO, "an image could not be written whole; is the disk full?"
            ) from error
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _read_back(path: Path) -> None:
    """Read all of a gzipped file; its own check sums say whether it is whole."""
    with gzip.open(path) as content:
        length = sum(iter(lambda: len(content.read(CHUNK)), 0))
    if not length:
        raise EOFError
