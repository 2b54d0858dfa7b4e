"""Read one image series into a volume of real-world values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.errors import DataError, Problem
from rigoromics.read.burnt_in import findings
from rigoromics.read.frames import Frame, frame_value, open_frames
from rigoromics.read.geometry import TWO_FRAMES, SliceHeader, VolumeGeometry
from rigoromics.read.image import ReadOptions, SeriesImage, SliceSource
from rigoromics.read.not_images import refused_by_name
from rigoromics.read.opening import raised_by_pydicom
from rigoromics.read.planar import is_planar, read_planar
from rigoromics.read.repair import VolumePlan, plan_volume
from rigoromics.read.suv import suv_factors
from rigoromics.read.values import compact, grey_values, in_smallest_type
from rigoromics.read.volume import AIR_HU, build_volume

_DEFAULTS = ReadOptions()


def read_series(
    files: Sequence[Path],
    *,
    frames: Sequence[int] | None = None,
    options: ReadOptions = _DEFAULTS,
) -> SeriesImage:
    """Read an image series into a volume.

    Parameters
    ----------
    files
        The files of the series in any order: classic files with one slice each, or enhanced
        multi-frame files. A file may be named once for each frame that is wanted of it.
    frames
        For each file the number of the frame, from 1; 0, or no list at all, means all frames.
    options
        Which kind of SUV, and what becomes of uneven slices.

    Returns
    -------
    SeriesImage
        Real-world values: int16 where that is exact, otherwise int32 or float32. Geometry in LPS
        and mm; slices in the order of the slice normal (row direction x column direction), so
        that the axes are right-handed. What was repaired or assumed is in its notes.

    Raises
    ------
    DataError
        Anything that would make the volume wrong: see
        :func:`rigoromics.read.repair.plan_volume`; further a damaged or truncated file, values
        that cannot be compared (:func:`rigoromics.read.values.grey_values`), PET from which no
        SUV can be had (:func:`rigoromics.read.suv.suv_factors`), several series at once, files
        that are no images. `file` is the real path: keep it out of results.
    """
    listed = open_frames(files, frames)
    # The result must not depend on the order of the files, down to which of two copies counts.
    listed.sort(key=lambda frame: (frame.sop_uid, frame.number, str(frame.path)))
    _check_one_series(listed)
    planar = is_planar(listed[0].modality, any(frame.place is not None for frame in listed))
    try:
        return read_planar(listed, options) if planar else _read_volume(listed, options)
    except Exception as error:
        if isinstance(error, DataError) or not raised_by_pydicom(error):
            raise
        raise DataError(
            f"A field in the headers of the series is damaged ({type(error).__name__})",
            "copy the series from the archive again",
        ) from error


def _read_volume(listed: Sequence[Frame], options: ReadOptions) -> SeriesImage:
    reference, *others = {str(frame.data.get("FrameOfReferenceUID") or "") for frame in listed}
    if others:
        raise DataError(*TWO_FRAMES)
    plan = plan_volume(
        [_place(frame) for frame in listed],
        pixels=lambda index: _pixel_hash(listed[index]),
        uneven=options.uneven_slices,
        header_tilt=_header_tilt(listed[0]),
    )
    _check_copies(listed, plan)
    used = [listed[index] for index in plan.geometry.order]
    planes, units, notes = _values(used, options)
    air = AIR_HU if units == "HU" else None
    volume = in_smallest_type(build_volume(planes, plan, air=air))
    sources = [SliceSource(frame.sop_uid, frame.number) for frame in used]
    return SeriesImage(
        image=_image(volume, plan.geometry),
        notes=list(dict.fromkeys([*plan.notes, *notes])),
        modality=used[0].modality,
        units=units,
        frame_of_reference=reference,
        slices=tuple(sources[index] for index in plan.nearest),
        planar=False,
        shifts=plan.shifts,
    )


def _check_one_series(listed: Sequence[Frame]) -> None:
    if not listed:
        raise DataError("The series has no slices", "check that its files were copied")
    count = len({frame.series for frame in listed})
    if count > 1:
        raise DataError(
            f"The files belong to {count} different series", "read one series at a time"
        )
    for frame in listed:
        refusal = refused_by_name(str(frame.data.get("SOPClassUID") or ""), frame.modality)
        if refusal is not None:
            raise DataError(refusal.problem, refusal.remedy, str(frame.path))


def _place(frame: Frame) -> SliceHeader:
    if frame.place is None:
        raise DataError(
            "A file of the series names no place in the patient",
            "choose the original series rather than a screen capture, or export it again",
            str(frame.path),
        )
    return frame.place


def _pixel_hash(frame: Frame) -> str:
    """Return a text that is equal where pixels are, as stored; frames of one file differ."""
    return f"{hashlib.sha256(frame.data.PixelData).hexdigest()} {frame.number}"


def _header_tilt(frame: Frame) -> float | None:
    tilt = frame_value(frame.data, frame.number, "GantryDetectorTilt")
    return None if tilt is None else float(tilt)


def _check_copies(listed: Sequence[Frame], plan: VolumePlan) -> None:
    """Refuse slices dropped as copies whose stored pixels mean other values than those kept."""
    kept = {int(index) for index in plan.geometry.order}
    if len(kept) == len(listed):
        return
    originals = {_pixel_hash(listed[index]): listed[index] for index in sorted(kept)}
    for frame in (listed[index] for index in range(len(listed)) if index not in kept):
        original = originals[_pixel_hash(frame)]
        one, other = (grey_values(f.data, f.stored(), f.number)[0] for f in (original, frame))
        if not np.array_equal(one, other):
            raise DataError(
                "Two slices of the series lie in the same place with the same stored pixels but "
                "another slope or intercept",
                "remove the slice that does not belong to the series",
                str(frame.path),
            )


def _values(
    used: Sequence[Frame], options: ReadOptions
) -> tuple[list[NDArray[Any]], str, list[Problem]]:
    """Return the real-world values of each slice, their units, and notes."""
    notes: list[Problem] = []
    factors: NDArray[np.float64] | None = None
    units = _units(used[0])
    if used[0].modality == "PT":
        with _naming(used[0]):
            factors, notes = suv_factors([frame.data for frame in used], options.suv)
        units = f"SUV{options.suv}"
    planes = []
    for number, frame in enumerate(used):
        with _naming(frame):
            values, remarks = grey_values(frame.data, frame.stored(), frame.number)
        if factors is not None:
            values = values * factors[number]
        planes.append(compact(values))
        notes += remarks
    return planes, units, [*notes, *findings(used[0].data, planes[0])]


@contextmanager
def _naming(frame: Frame) -> Iterator[None]:
    """Name the frame's file in a refusal that names none."""
    try:
        yield
    except DataError as error:
        raise DataError(error.problem, error.remedy, error.file or str(frame.path)) from error


def _units(frame: Frame) -> str:
    """Return the units of CT values: HU unless the header names others (PS3.3 C.11.1.1.2)."""
    if frame.modality != "CT":
        return "stored"
    kind = str(frame_value(frame.data, frame.number, "RescaleType") or "")
    return "HU" if kind in ("", "HU", "US") else kind


def _image(volume: NDArray[Any], geometry: VolumeGeometry) -> sitk.Image:
    image = sitk.GetImageFromArray(volume)
    image.SetOrigin(geometry.origin.tolist())
    image.SetSpacing(geometry.spacing.tolist())
    image.SetDirection(geometry.direction.ravel().tolist())
    return image
