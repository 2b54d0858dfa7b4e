"""Find the files of a folder, whatever their names and nesting."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

MASK_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


class Entry(NamedTuple):
    """One file: its path relative to the folder (`/` between parts), size, and mtime."""

    path: str
    size: int
    mtime_ns: int

    @property
    def is_mask(self) -> bool:
        """Whether the name says NIfTI, NRRD or MetaImage."""
        return self.path.lower().endswith(MASK_SUFFIXES)


@dataclass
class Walk:
    """What a folder holds.

    Attributes
    ----------
    entries
        The files to look into, sorted by path.
    skipped
        How many were passed over, by reason: hidden, dicomdir, seen before, empty.
    broken
        Relative paths of links that lead nowhere and of folders that may not be read.
    """

    entries: list[Entry] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def skip(self, reason: str, count: int = 1) -> None:
        """Count files that are passed over."""
        if count:
            self.skipped[reason] = self.skipped.get(reason, 0) + count


def walk(folder: Path) -> Walk:
    """List the files under a folder.

    Links are followed, and each file and folder is entered once: what two links lead to counts
    once, and a link to a folder above does no harm. Hidden files and folders, DICOMDIR files and
    empty files are counted and left.

    Parameters
    ----------
    folder
        The folder; its own name may be anything.

    Returns
    -------
    Walk
        The files in the order of their paths, the same on every machine.
    """
    found = Walk()
    seen: set[tuple[int, int]] = set()
    _enter(str(folder), "", found, seen)
    found.entries.sort(key=lambda entry: entry.path)
    return found


def _enter(folder: str, prefix: str, found: Walk, seen: set[tuple[int, int]]) -> None:
    try:
        here = os.stat(folder)
        names = sorted(os.listdir(folder))
    except OSError:
        found.broken.append(prefix.rstrip("/"))
        return
    if (here.st_dev, here.st_ino) in seen:
        return
    seen.add((here.st_dev, here.st_ino))
    for name in names:
        if name.startswith("."):
            found.skip("hidden")
            continue
        try:
            status = os.stat(f"{folder}/{name}")
        except OSError:
            found.broken.append(prefix + name)
            continue
        if stat.S_ISDIR(status.st_mode):
            _enter(f"{folder}/{name}", f"{prefix}{name}/", found, seen)
        elif stat.S_ISREG(status.st_mode):
            _keep(name, prefix, status, found, seen)


def _keep(
    name: str, prefix: str, status: os.stat_result, found: Walk, seen: set[tuple[int, int]]
) -> None:
    identity = (status.st_dev, status.st_ino)
    if name.upper() == "DICOMDIR":
        found.skip("dicomdir")
    elif status.st_size == 0:
        found.skip("empty")
    elif identity in seen:
        found.skip("seen before")
    else:
        seen.add(identity)
        found.entries.append(Entry(prefix + name, status.st_size, status.st_mtime_ns))
