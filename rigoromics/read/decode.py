"""Decode the pixels of one frame, whatever their transfer syntax (DICOM PS3.5 section 8)."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import ImplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from rigoromics.errors import DataError

_DESCRIPTION = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


def stored_values(data: Dataset, index: int, name: str, file: str) -> NDArray[Any]:
    """Return the stored values of one frame; the others are not decoded.

    Parameters
    ----------
    data
        The file, with its pixels.
    index
        The frame, from 0.
    name
        What the frame is called in a refusal.
    file
        The file's path, for a refusal.

    Returns
    -------
    ndarray
        Shape (rows, columns) or, in colour, (rows, columns, 3); YBR colour as RGB.

    Raises
    ------
    DataError
        The pixels are damaged, cut short, or compressed in a way that cannot be decoded.
    """
    try:
        with warnings.catch_warnings():
            # Padding after the pixels is common; missing pixels are an error, not a warning.
            warnings.simplefilter("ignore")
            return _decoded(data, index)
    except _UnknownCompressionError as error:
        raise DataError(
            f"The pixels of {name} are compressed in a way that cannot be decoded ({error})",
            "export the series without compression, or as JPEG 2000, JPEG-LS or RLE",
            file,
        ) from error
    except Exception as error:
        # Decoders raise almost any exception on damaged pixels; each means the same here.
        raise DataError(
            f"The pixels of {name} are damaged or cut short",
            "copy the file from the archive again",
            file,
        ) from error


class _UnknownCompressionError(Exception):
    """No decoder knows the transfer syntax."""


def _decoded(data: Dataset, index: int) -> NDArray[Any]:
    meta = getattr(data, "file_meta", None)
    syntax = meta.get("TransferSyntaxUID") if meta is not None else None
    if syntax is None:
        # Files from before Part 10 name none; pydicom found out how it had to read them.
        implicit, little = data.original_encoding
        syntax = _plain_syntax(bool(implicit), bool(little))
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise _UnknownCompressionError(getattr(syntax, "name", "unknown")) from error
    if decoder.is_available:
        array, _ = decoder.as_array(data, index=index)
        return array
    return _decoded_by_gdcm(data, index)


def _plain_syntax(implicit: bool, little: bool) -> Any:
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _decoded_by_gdcm(data: Dataset, index: int) -> NDArray[Any]:
    """Decode by SimpleITK's GDCM, which also knows lossless JPEG.

    It would apply slope and intercept itself, and knows no single frame: so it is handed the
    frame alone, as a picture without any of that.
    """
    import SimpleITK as sitk  # Here, because few files need it and it is slow to load.

    if int(data.get("SamplesPerPixel") or 1) != 1:
        raise _UnknownCompressionError(f"{data.file_meta.TransferSyntaxUID.name}, in colour")
    bare = Dataset()
    for keyword in _DESCRIPTION:
        setattr(bare, keyword, data[keyword].value)
    bare.PhotometricInterpretation = "MONOCHROME2"
    bare.SOPClassUID, bare.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid(None, ["1"])
    count = int(data.get("NumberOfFrames") or 1)
    bare.PixelData = encapsulate([get_frame(data.PixelData, index, number_of_frames=count)])
    bare["PixelData"].is_undefined_length = True
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = data.file_meta.TransferSyntaxUID
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.dcm"
        bare.save_as(path, enforce_file_format=True)
        image = sitk.ReadImage(str(path))
    plane: NDArray[Any] = sitk.GetArrayFromImage(image)
    if plane.size != int(data.Rows) * int(data.Columns):
        raise ValueError("another number of pixels than announced")
    kind = np.int64 if plane.dtype.kind in "iu" else np.float64
    return plane.reshape(int(data.Rows), int(data.Columns)).astype(kind)
