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


def raised_by_pydicom(error: BaseException) -> bool:
    """Whether an error comes out of pydicom, which reads a header field when it is asked for.

    On a damaged file it raises almost any exception; one from elsewhere is a fault of ours.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "") if trace else ""
    return str(module).split(".")[0] == "pydicom"
