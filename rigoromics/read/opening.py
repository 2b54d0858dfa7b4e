"""Opening a DICOM file whose header may lie."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset


def open_dicom(path: Path, **options: Any) -> Dataset:
    """Read a DICOM file by way of memory, so that none of its lengths is trusted.

    Given a file, pydicom sets aside as much memory as a damaged header announces, up to 4 GB.

    Parameters
    ----------
    path
        The file.
    options
        For :func:`pydicom.dcmread`.
    """
    return pydicom.dcmread(BytesIO(path.read_bytes()), **options)
