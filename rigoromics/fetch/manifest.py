"""What has been fetched: every file with its size and SHA-256, and the one way to add one.

The manifest is a text file that only grows while images arrive, one line an image, so that a run
that is cut off at any moment loses nothing: a line is written after its file has its final name,
and a last line that is cut short is not taken. It holds UIDs and so belongs into the private
folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rigoromics.errors import DataError
from rigoromics.fetch.query import RemoteSeries
from rigoromics.read.keys import Keys

COLUMNS = ("sop_uid", "series_uid", "study_uid", "file", "bytes", "sha256")


@dataclass(frozen=True)
class Entry:
    """One fetched image: its UIDs, its path below the raw folder, its size and SHA-256."""

    sop_uid: str
    series_uid: str
    study_uid: str
    file: str
    bytes: int
    sha256: str

    @property
    def line(self) -> str:
        """The entry as the manifest has it."""
        return "\t".join(str(getattr(self, name)) for name in COLUMNS) + "\n"

    @classmethod
    def parse(cls, line: str) -> Entry | None:
        """Return a line's entry; None for the heading and for a line that is cut short."""
        parts = line.rstrip("\n").split("\t")
        if not line.endswith("\n") or len(parts) != len(COLUMNS) or not parts[4].isdigit():
            return None
        sop, series, study, file, size, digest = parts
        return cls(sop, series, study, file, int(size), digest)


class Manifest:
    """The fetched images of one raw folder.

    Parameters
    ----------
    path
        The manifest's file; made when the first image arrives.
    raw
        The raw folder that its paths start from.
    """

    def __init__(self, path: Path, raw: Path) -> None:
        self.path = path
        self.raw = raw
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._counts: Counter[str] = Counter()
        if path.is_file():
            # surrogateescape: a disk's fault in one line must not cost all the others.
            with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
                for entry in map(Entry.parse, lines):
                    if entry is not None:
                        self._entries[entry.sop_uid] = entry
            self._rewrite()
            self._count()

    def __contains__(self, sop_uid: str) -> bool:
        return sop_uid in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def of_series(self, series_uid: str) -> int:
        """Return how many images of a series are here."""
        return self._counts[series_uid]

    def add(self, entry: Entry) -> None:
        """Record an image whose file is in place."""
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = not self.path.exists()
            with self.path.open("a", encoding="utf-8") as file:
                file.write(("\t".join(COLUMNS) + "\n" if new else "") + entry.line)
            if new:
                self.path.chmod(0o600)
            self._counts[entry.series_uid] += entry.sop_uid not in self._entries
            self._entries[entry.sop_uid] = entry

    def verify(self, how: Literal["content", "size"] = "content", threads: int = 2) -> int:
        """Forget every image whose file is gone or is not what arrived; remove such a file.

        Parameters
        ----------
        how
            content: compare SHA-256; size: compare the size alone.
        threads
            Files read at the same time.

        Returns
        -------
        int
            How many images are to be fetched again.
        """
        entries = list(self._entries.values())
        with ThreadPoolExecutor(threads) as pool:
            whole = list(pool.map(lambda entry: self._is_whole(entry, how), entries))
        damaged = [entry for entry, good in zip(entries, whole, strict=True) if not good]
        for entry in damaged:
            (self.raw / entry.file).unlink(missing_ok=True)
            del self._entries[entry.sop_uid]
        if damaged:
            self._rewrite()
            self._count()
        return len(damaged)

    def _is_whole(self, entry: Entry, how: str) -> bool:
        path = self.raw / entry.file
        if not path.is_file() or path.stat().st_size != entry.bytes:
            return False
        return how == "size" or sha256_of(path) == entry.sha256

    def _count(self) -> None:
        self._counts = Counter(entry.series_uid for entry in self._entries.values())

    def _rewrite(self) -> None:
        """Write the manifest anew, sorted, each image once."""
        lines = sorted(entry.line for entry in self._entries.values())
        temporary = self.path.with_suffix(".part")
        with temporary.open("w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(["\t".join(COLUMNS) + "\n", *lines])
        temporary.chmod(0o600)
        os.replace(temporary, self.path)


class Store:
    """Puts images that arrive into the raw folder, whole or not at all.

    Folders and files are named by salted keys, the patient's as on the case sheet: a path says
    nothing of the patient.

    Parameters
    ----------
    manifest
        Where arrivals are recorded.
    salt
        Secret of the study.
    arrived
        Called with the number of bytes of each image.
    """

    def __init__(
        self, manifest: Manifest, salt: str, arrived: Callable[[int], None] = lambda size: None
    ) -> None:
        self.manifest = manifest
        self._keys = Keys(salt, public=False)
        self._arrived = arrived
        _sweep(manifest.raw)

    def name_of(self, series: RemoteSeries, sop_uid: str) -> str:
        """Return the path of an image below the raw folder."""
        modality = re.sub(r"[^A-Z0-9]", "", series.modality.upper())
        return "/".join(
            (
                self._keys.patient(series.patient),
                self._keys.file(modality, series.series_uid),
                self._keys.file("IM", sop_uid) + ".dcm",
            )
        )

    def keep(self, series: RemoteSeries, sop_uid: str, content: Iterable[bytes]) -> None:
        """Write an image from the pieces of its file (PS3.10), and record it.

        Raises
        ------
        DataError
            The disk is full or does not let itself be written to.
        """
        path = self.manifest.raw / self.name_of(series, sop_uid)
        # A hidden name in the same folder: the sheet passes it over, and the renaming is atomic.
        temporary = path.with_name(f".{path.name}.part")
        digest, size = hashlib.sha256(), 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                for piece in content:
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
            os.replace(temporary, path)
            entry = Entry(
                sop_uid,
                series.series_uid,
                series.study_uid,
                self.name_of(series, sop_uid),
                size,
                digest.hexdigest(),
            )
            self.manifest.add(entry)
        except OSError as error:
            raise disk_trouble(error) from error
        finally:
            temporary.unlink(missing_ok=True)
        self._arrived(size)

    def take(self, series: RemoteSeries, sop_uid: str, source: Path) -> None:
        """Copy an image from a file, record it, and remove that file."""
        with source.open("rb") as file:
            self.keep(series, sop_uid, iter(lambda: file.read(1 << 20), b""))
        source.unlink()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def disk_trouble(error: OSError) -> DataError:
    """Say in words why a file could not be written; the path would name a folder of patients."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(
            "The disk with the raw images is full",
            "make room and run `snakemake fetch` again; what has arrived is kept",
        )
    return DataError(
        f"An image could not be written to the raw folder ({os.strerror(error.errno or 0)})",
        "see that the folder may be written to, then run `snakemake fetch` again",
    )


def _sweep(raw: Path) -> None:
    """Remove what a killed run left half-written."""
    if raw.is_dir():
        for left in raw.glob("P-*/*/.IM-*.dcm.part"):
            left.unlink(missing_ok=True)
