"""Build the volume of one image series."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder

from rigoromics.errors import DataError
from rigoromics.read.geometry import SliceHeader, VolumeGeometry, check_geometry

_GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")
_EXPORT = "copy the file from the archive again"


def read_series(files: Sequence[Path]) -> sitk.Image:
    """Read an image series into a volume.

    Parameters
    ----------
    files
        The files of the series in any order, one slice each.

    Returns
    -------
    SimpleITK.Image
        Real-world values (slope and intercept applied slice by slice): int16 where that is
        exact, otherwise int32 or float32. Geometry in LPS and mm; slices in the order of the
        slice normal (row direction x column direction), so that the axes are right-handed.

    Raises
    ------
    DataError
        Anything that would make the volume wrong: see
        :func:`rigoromics.read.geometry.check_geometry`; further a damaged or truncated file,
        several frames in a file, colour, inverted grey values (MONOCHROME1), a lookup table for
        values, PET in units other than SUV, several series at once.
        `file` is the real path: keep it out of results.
    """
    slices = [_read_slice(path) for path in files]
    count = len({each.series for each in slices})
    if count > 1:
        raise DataError(
            f"The files belong to {count} different series", "read one series at a time"
        )
    geometry = check_geometry([each.place for each in slices])
    planes = [_values(slices[index]) for index in geometry.order]
    return _image(_in_smallest_type(np.stack(planes)), geometry)


@dataclass(frozen=True)
class _Slice:
    """One file, its header understood and its pixels not yet decoded."""

    path: Path
    data: Dataset
    series: str
    place: SliceHeader
    slope: float
    intercept: float


def _read_slice(path: Path) -> _Slice:
    try:
        with warnings.catch_warnings():
            # Values that break the standard's rules of form are common and do no harm here.
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(path, force=True)
            _check_slice(path, data)
            return _Slice(
                path=path,
                data=data,
                series=str(data.get("SeriesInstanceUID")),
                place=_place(data),
                slope=float(1 if data.get("RescaleSlope") is None else data.RescaleSlope),
                intercept=float(data.get("RescaleIntercept") or 0),
            )
    except DataError:
        raise
    except Exception as error:
        # pydicom raises almost any exception on damaged files; each means the same here.
        raise DataError(
            f"A file of the series cannot be read ({type(error).__name__})", _EXPORT, str(path)
        ) from error


def _check_slice(path: Path, data: Dataset) -> None:
    def refuse(problem: str, remedy: str) -> None:
        raise DataError(problem, remedy, str(path))

    if int(data.get("NumberOfFrames") or 1) > 1:
        refuse(
            "The series is stored with all slices in one file (enhanced multi-frame)",
            "have it exported with one file per slice (classic CT, MR or PET objects)",
        )
    if int(data.get("SamplesPerPixel") or 1) != 1:
        refuse("The series holds colour pictures", "choose the original grey-valued series")
    if any(data.get(keyword) is None for keyword in _GEOMETRY) or "PixelData" not in data:
        refuse("A file of the series names no place in the patient or has no pixels", _EXPORT)
    if str(data.get("PhotometricInterpretation") or "MONOCHROME2") != "MONOCHROME2":
        refuse(
            "The series stores inverted grey values "
            f"({data.PhotometricInterpretation}), whose values cannot be compared",
            "choose the original series (MONOCHROME2)",
        )
    if data.get("ModalityLUTSequence"):
        refuse(
            "The series maps its values through a lookup table",
            "choose the original series with slope and intercept",
        )
    check_units(str(data.get("Modality") or ""), str(data.get("Units") or ""), str(path))


def check_units(modality: str, units: str, file: str = "") -> None:
    """Refuse PET values that are not SUV.

    Raises
    ------
    DataError
        Modality PT with Units other than GML (g/ml, that is SUV by body weight).
    """
    if modality == "PT" and units != "GML":
        raise DataError(
            f"The PET values are in units of {units or 'an unnamed kind'}, not SUV (GML)",
            "convert the series to SUV first; this version does not convert it itself",
            file,
        )


def _place(data: Dataset) -> SliceHeader:
    return SliceHeader(
        position=_numbers(data, "ImagePositionPatient", 3),
        orientation=_numbers(data, "ImageOrientationPatient", 6),
        spacing=_numbers(data, "PixelSpacing", 2),
        shape=(int(data.Rows), int(data.Columns)),
        thickness=float(data.get("SpacingBetweenSlices") or data.get("SliceThickness") or 0),
    )


def _numbers(data: Dataset, keyword: str, count: int) -> list[float]:
    values = [float(value) for value in data[keyword].value]
    if len(values) != count:
        raise ValueError(f"{keyword} has {len(values)} values, not {count}")
    return values


def _values(each: _Slice) -> NDArray[Any]:
    """Return the real-world values of one slice, shape (rows, columns)."""
    try:
        with warnings.catch_warnings():
            # Padding after the pixels is common; missing pixels are an error, not a warning.
            warnings.simplefilter("ignore")
            if not _can_decode(each.data):
                return _decoded_by_gdcm(each.path)
            stored = each.data.pixel_array
    except Exception as error:
        # Decoders raise almost any exception on damaged pixels; each means the same here.
        place = ", ".join(f"{value:.2f}" for value in each.place.position)
        raise DataError(
            f"The pixels of the slice at ({place}) mm are damaged or cut short",
            _EXPORT,
            str(each.path),
        ) from error
    if each.slope == 1 and each.intercept == int(each.intercept):
        return stored.astype(np.int64) + int(each.intercept)
    return stored.astype(np.float64) * each.slope + each.intercept


def _can_decode(data: Dataset) -> bool:
    syntax = data.file_meta.TransferSyntaxUID if "TransferSyntaxUID" in data.file_meta else None
    if syntax is None or not syntax.is_compressed:
        return True
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _decoded_by_gdcm(path: Path) -> NDArray[Any]:
    """Decode by SimpleITK's GDCM, which knows JPEG and JPEG 2000 and applies the slope itself."""
    plane: NDArray[Any] = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0]
    return plane.astype(np.int64 if plane.dtype.kind in "iu" else np.float64)


def _in_smallest_type(volume: NDArray[Any]) -> NDArray[Any]:
    if volume.dtype.kind == "f":
        return volume.astype(np.float32)
    for kind in (np.int16, np.int32):
        if np.iinfo(kind).min <= volume.min() and volume.max() <= np.iinfo(kind).max:
            return volume.astype(kind)
    return volume.astype(np.float32)


def _image(volume: NDArray[Any], geometry: VolumeGeometry) -> sitk.Image:
    image = sitk.GetImageFromArray(volume)
    image.SetOrigin(geometry.origin.tolist())
    image.SetSpacing(geometry.spacing.tolist())
    image.SetDirection(geometry.direction.ravel().tolist())
    return image
