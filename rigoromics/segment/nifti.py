"""What ITK does not tell of a NIfTI file: it reads voxels that are not a number as zero."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

# Of a NIfTI-1 header (ITK reads no other): its size, and where the type and start of voxels stand.
_SIZE, _TYPE, _START = 348, 70, 108
_FLOATS = {16: "f4", 64: "f8"}
_GZIP = b"\x1f\x8b"


def non_finite_voxels(path: Path) -> int:
    """Return how many voxels of a NIfTI-1 file are no number, or infinite.

    Parameters
    ----------
    path
        A `.nii` or `.nii.gz` file. Files that hold whole numbers, and files that are no NIfTI,
        have none.

    Raises
    ------
    OSError, EOFError
        When the file cannot be read or unpacked.
    """
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    with gzip.open(path) if packed else path.open("rb") as stream:
        header = stream.read(_SIZE)
        order = next((o for o in "<>" if header[:4] == struct.pack(f"{o}i", _SIZE)), "")
        if not order or len(header) < _SIZE:
            return 0
        kind = struct.unpack_from(f"{order}h", header, _TYPE)[0]
        if kind not in _FLOATS:
            return 0
        stream.seek(int(struct.unpack_from(f"{order}f", header, _START)[0]))
        content = stream.read()
    dtype = np.dtype(order + _FLOATS[kind])
    values = np.frombuffer(content, dtype, len(content) // dtype.itemsize)
    return int((~np.isfinite(values)).sum())
