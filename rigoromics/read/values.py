"""From the stored values of one frame to the values that features are computed from.

What is applied: the modality lookup table or slope and intercept (DICOM PS3.3 C.11.1), frame by
frame in enhanced objects (PixelValueTransformationSequence, C.7.6.16.2.9); palettes (C.7.9); the
mirroring of inverted greys (MONOCHROME1) where only grey values count; luma for colour. What is
not: windows and presentation tables, which are for the eye; overlays; the vendors' private
scaling, such as Philips' for MR, because the standard's slope and intercept are what every other
reader applies.

The real-world value mapping (C.7.6.16.2.11) is used for enhanced PET only, which names its units
nowhere else. Elsewhere it is left alone, and said where it would give other values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from rigoromics.errors import DataError, Problem
from rigoromics.read.uptake import noted

VOLUME_MODALITIES = frozenset({"CT", "MR", "PT", "NM"})
"""Modalities whose values are measured, one per voxel: no colour, no inverted greys."""
LUMA = (0.299, 0.587, 0.114)
_ORIGINAL = "choose the original grey-valued series"
_DAMAGED = "copy the file from the archive again, or export it from the scanner again"


def grey_values(
    data: Dataset, stored: NDArray[Any], frame: int
) -> tuple[NDArray[Any], list[Problem]]:
    """Return the real-world values of one frame.

    Parameters
    ----------
    data
        Header of the file.
    stored
        Stored values: shape (rows, columns), or (rows, columns, 3) for RGB.
    frame
        Number of the frame, from 1; 0 for a classic single-frame file.

    Returns
    -------
    values
        Shape (rows, columns); int64 where that is exact, otherwise float64.
    notes
        What was done beside slope and intercept.

    Raises
    ------
    DataError
        Colour or inverted greys where values are measured (CT, MR, PET, NM); a photometric
        interpretation that is not known; a slope, table or palette that cannot be used.
    """
    photometric = str(data.get("PhotometricInterpretation") or "MONOCHROME2").strip()
    measured = str(data.get("Modality") or "") in VOLUME_MODALITIES
    if stored.ndim == 3 or photometric == "PALETTE COLOR":
        if measured:
            raise DataError("The series holds colour pictures, not measured values", _ORIGINAL)
        return _luma(stored if stored.ndim == 3 else _painted(data, stored))
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise DataError(
            "The pixels are stored in a way that is no grey value (photometric interpretation)",
            _ORIGINAL,
        )
    if photometric == "MONOCHROME1" and measured:
        raise DataError(
            "The series stores inverted grey values (MONOCHROME1), whose values cannot be compared",
            "choose the original series (MONOCHROME2)",
        )
    values, notes = _mapped(data, stored, frame)
    if photometric == "MONOCHROME2":
        return values, notes
    ends, _ = _mapped(data, _ends(data), frame)
    mirrored = noted(
        "The image stores bright as low values (MONOCHROME1); the values were mirrored",
        "nothing; the values now rise with what is shown bright, as in other images",
    )
    return ends.sum() - values, [*notes, mirrored]


def _mapped(data: Dataset, stored: NDArray[Any], frame: int) -> tuple[NDArray[Any], list[Problem]]:
    table = data.get("ModalityLUTSequence")
    if table:
        return _looked_up(data, table[0], stored), []
    slope, intercept = _rescale(data, frame)
    world = _real_world(data, frame)
    if world is not None and not np.allclose(world, (slope, intercept), rtol=1e-6, atol=1e-9):
        if data.get("Modality") == "PT" and not data.get("Units"):
            return _linear(stored, *world), []
        other = noted(
            "The header also holds a real-world value mapping that gives other values than slope "
            "and intercept; slope and intercept were used",
            "compare values of this scan only with scans that were read the same way",
        )
        return _linear(stored, slope, intercept), [other]
    return _linear(stored, slope, intercept), []


def _linear(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    if slope == 1 and intercept == int(intercept) and stored.dtype.kind in "iub":
        return stored.astype(np.int64) + int(intercept)
    return stored.astype(np.float64) * slope + intercept


def _groups(data: Dataset, frame: int, name: str) -> Iterator[Dataset]:
    """Yield the first items of a functional group: of the frame, of all frames, of the file."""
    own, shared = (
        data.get(f"{kind}FunctionalGroupsSequence") or [] for kind in ("PerFrame", "Shared")
    )
    for holder in [*(own[frame - 1 : frame] if frame >= 1 else []), *shared[:1], data]:
        yield from (holder.get(name) or [])[:1]


def _rescale(data: Dataset, frame: int) -> tuple[float, float]:
    holder = next(_groups(data, frame, "PixelValueTransformationSequence"), data)
    slope = _number(holder, "RescaleSlope", 1.0)
    if slope == 0:
        raise DataError(
            "The slope from stored to real-world values is zero: all values would be the same",
            _DAMAGED,
        )
    return slope, _number(holder, "RescaleIntercept", 0.0)


def _real_world(data: Dataset, frame: int) -> tuple[float, float] | None:
    """Return slope and intercept of the real-world value mapping; None without a linear one."""
    item = next(_groups(data, frame, "RealWorldValueMappingSequence"), None)
    if item is None or item.get("RealWorldValueSlope") is None:
        return None
    return _number(item, "RealWorldValueSlope", 1.0), _number(item, "RealWorldValueIntercept", 0.0)


def _number(holder: Dataset, keyword: str, default: float) -> float:
    value = holder.get(keyword)
    if value is None or value == "":
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise DataError(f"The header's {keyword} is not a number", _DAMAGED)
    return number


def _looked_up(data: Dataset, table: Dataset, stored: NDArray[Any]) -> NDArray[Any]:
    """Apply a modality lookup table; values beyond its ends take its ends."""
    try:
        count, first, bits = (int(value) for value in table.LUTDescriptor)
        entries = table.LUTData
        count = count or 2**16
        if isinstance(entries, bytes):
            wide = len(entries) >= 2 * count
            little = getattr(data, "original_encoding", (None, True))[1] is not False
            entries = np.frombuffer(entries, f"{'<' if little else '>'}u{2 if wide else 1}")
        output = np.atleast_1d(np.asarray(entries, np.int64))[:count]
        if len(output) != count or not 1 <= bits <= 16:
            raise ValueError("a table of another length than announced")
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError("The lookup table for values is damaged", _DAMAGED) from error
    return output[np.clip(stored.astype(np.int64) - first, 0, count - 1)]


def _ends(data: Dataset) -> NDArray[np.int64]:
    """Return the smallest and the largest value that can be stored."""
    bits = int(data.get("BitsStored") or data.get("BitsAllocated") or 16)
    low = -(2 ** (bits - 1)) if data.get("PixelRepresentation") == 1 else 0
    return np.array([low, low + 2**bits - 1], np.int64)


def _painted(data: Dataset, stored: NDArray[Any]) -> NDArray[Any]:
    try:
        painted: NDArray[Any] = apply_color_lut(stored, data)
    except Exception as error:
        # pydicom raises several kinds of exception on damaged palettes.
        raise DataError(
            "The colour palette of the image is damaged or missing", _DAMAGED
        ) from error
    return painted[..., :3]


def _luma(colour: NDArray[Any]) -> tuple[NDArray[Any], list[Problem]]:
    red, green, blue = (colour[..., channel] for channel in range(3))
    if (red == green).all() and (green == blue).all():
        return red.astype(np.int64), []
    luma = sum(weight * colour[..., i].astype(np.float64) for i, weight in enumerate(LUMA))
    note = noted(
        "The image is coloured; its luma was taken (0.299 R + 0.587 G + 0.114 B, Rec. 601)",
        "check that no region of interest lies in colour (Doppler, annotations): its grey values "
        "mean something else",
    )
    return np.asarray(luma), [note]


def compact(plane: NDArray[Any]) -> NDArray[Any]:
    """Keep a plane in half the memory where no more is needed: int32, otherwise float32."""
    if plane.dtype.kind == "f":
        return plane.astype(np.float32)
    limits = np.iinfo(np.int32)
    fits = limits.min <= plane.min() and plane.max() <= limits.max
    return plane.astype(np.int32 if fits else np.float32)


def in_smallest_type(volume: NDArray[Any]) -> NDArray[Any]:
    """Return a volume as int16 where that is exact, otherwise as int32 or float32."""
    if volume.dtype.kind == "f":
        return volume.astype(np.float32)
    for kind in (np.int16, np.int32):
        if np.iinfo(kind).min <= volume.min() and volume.max() <= np.iinfo(kind).max:
            return volume.astype(kind)
    return volume.astype(np.float32)
