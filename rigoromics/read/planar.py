"""Images without a place in the patient: ultrasound, mammography, radiography, OCT.

A 2D image becomes a volume of one slice, so that the rules for volumes hold for it too; a clip or
a stack of B-scans one slice per frame. Its origin is 0 and its direction the identity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from rigoromics.errors import DataError, Problem
from rigoromics.read.burnt_in import ULTRASOUND, blank, findings
from rigoromics.read.frames import Frame, frame_value
from rigoromics.read.image import ReadOptions, SeriesImage, SliceSource
from rigoromics.read.not_images import NOT_IMAGES, refused_by_name, refused_video
from rigoromics.read.regions import regions
from rigoromics.read.uptake import noted
from rigoromics.read.values import compact, grey_values, in_smallest_type

__all__ = ["NOT_IMAGES", "is_planar", "is_stack", "pixel_spacing", "read_planar", "refused_by_name"]

PROJECTIONS = frozenset({"CR", "DX", "MG", "IO", "PX", "RF", "XA"})
STACKS = frozenset({"OCT", "OPT", "IVOCT"})
PLANAR = PROJECTIONS | STACKS | ULTRASOUND | {"OP"}
NOMINAL_MM = 1.0
_SAME_SPACING = 1e-3

Spacing = tuple[float, float]


def is_planar(modality: str, has_place: bool) -> bool:
    """Whether images are 2D: of a modality that makes such, and without a place in the patient.

    Tomosynthesis, 3D ultrasound and OCT volumes that say where each frame lies are volumes.
    """
    return modality in PLANAR and not has_place


def is_stack(modality: str) -> bool:
    """Whether the single-frame files of a series are neighbours (B-scans), not separate views."""
    return modality in STACKS


def pixel_spacing(data: Dataset) -> tuple[Spacing, list[Problem]]:
    """Return the distance between pixels of a 2D image.

    Ultrasound: the physical scale of its 2D regions (cm). Radiography: PixelSpacing where it was
    calibrated, that is where it differs from ImagerPixelSpacing; else ImagerPixelSpacing divided
    by EstimatedRadiographicMagnificationFactor (PS3.3 10.7). Others: PixelSpacing, on top or in
    the functional groups. Unknown: 1 mm, and said so.

    Parameters
    ----------
    data
        Header of the file.

    Returns
    -------
    spacing
        Between rows and between columns, in mm.
    notes
        What was assumed.
    """
    given = _pair(frame_value(data, 1, "PixelSpacing"))
    imager = _pair(data.get("ImagerPixelSpacing"))
    if data.get("Modality") in ULTRASOUND:
        found, notes = _from_regions(data)
        if found is not None:
            return found, notes
    elif imager is not None and (given is None or _same(given, imager)):
        return _at_detector(data, imager)
    if given is not None:
        return given, []
    scanned = _pair(data.get("NominalScannedPixelSpacing"))
    if scanned is not None:
        return scanned, []
    return _unknown(data)


def _pair(values: Any) -> Spacing | None:
    try:
        row, column = (float(value) for value in values)
    except (TypeError, ValueError):
        return None
    usable = math.isfinite(row) and math.isfinite(column) and row > 0 and column > 0
    return (row, column) if usable else None


def _same(one: Spacing, other: Spacing) -> bool:
    return all(abs(a - b) <= _SAME_SPACING * b for a, b in zip(one, other, strict=True))


def _from_regions(data: Dataset) -> tuple[Spacing | None, list[Problem]]:
    found = [region for region in regions(data) if region.flat and region.spacing is not None]
    if not found:
        return None, []
    largest = max(found, key=lambda region: region.area)
    spacing = largest.spacing
    notes = []
    if any(each.spacing and spacing and not _same(each.spacing, spacing) for each in found):
        notes.append(
            noted(
                "The ultrasound regions of an image differ in scale; that of the largest was taken",
                "draw regions of interest in the largest region only",
            )
        )
    shape = (int(data.get("Rows") or 0), int(data.get("Columns") or 0))
    if not all(region.fits(shape) for region in regions(data)):
        notes.append(
            noted(
                "An ultrasound region reaches beyond the image: the image was cropped or resized "
                "after the scan, and its scale may be wrong",
                "take the image as the scanner made it",
            )
        )
    return spacing, notes


def _at_detector(data: Dataset, imager: Spacing) -> tuple[Spacing, list[Problem]]:
    try:
        magnification = float(data.get("EstimatedRadiographicMagnificationFactor") or 0)
    except (TypeError, ValueError):
        magnification = 0.0
    if math.isfinite(magnification) and magnification >= 1:
        return (imager[0] / magnification, imager[1] / magnification), [
            noted(
                "The pixel spacing is that of the detector, divided by the estimated magnification",
                "nothing; lengths hold for the plane that the estimate was made for",
            )
        ]
    return imager, [
        noted(
            "The pixel spacing is that of the detector; the magnification is unknown, so that "
            "lengths in the patient are smaller",
            "compare sizes only between images of the same geometry",
        )
    ]


def _unknown(data: Dataset) -> tuple[Spacing, list[Problem]]:
    # PixelAspectRatio: height of a pixel, then its width (PS3.3 C.7.6.3.1.7).
    ratio = _pair(data.get("PixelAspectRatio")) or (1.0, 1.0)
    return (NOMINAL_MM * ratio[0] / ratio[1], NOMINAL_MM), [
        noted(
            "The header does not say how large the pixels are; 1 mm is assumed",
            "do not use lengths, areas or volumes of this study, and resample nothing",
        )
    ]


def read_planar(frames: Sequence[Frame], options: ReadOptions) -> SeriesImage:
    """Read 2D images of one series.

    Parameters
    ----------
    frames
        The frames of a file, or of several files with one image each, in any order. They are
        stacked by InstanceNumber and number of the frame.
    options
        Not asked: 2D images leave no choice so far.

    Returns
    -------
    SeriesImage
        One slice per frame, 1 mm apart unless the header names a distance; `planar` is True.

    Raises
    ------
    DataError
        A video; images of different sizes or pixel spacings in one series; values that cannot be
        read (:func:`rigoromics.read.values.grey_values`).
    """
    del options
    ordered = sorted(frames, key=_order)
    spacing, notes = _check_alike(ordered)
    first = ordered[0]
    planes = []
    for number, frame in enumerate(ordered):
        # Text stands still in a clip: both ends and the middle tell.
        looked_at = number in (0, len(ordered) // 2, len(ordered) - 1)
        plane, remarks = _plane(frame, look=looked_at)
        planes.append(plane)
        notes += remarks
    third = _third_spacing(first)
    notes += _depth_notes(len(ordered), third) + _intent_notes(first.data)
    image = sitk.GetImageFromArray(in_smallest_type(np.stack(planes)))
    image.SetSpacing((spacing[1], spacing[0], third or NOMINAL_MM))
    return SeriesImage(
        image=image,
        notes=list(dict.fromkeys(notes)),
        modality=first.modality,
        units="stored",
        frame_of_reference=str(first.data.get("FrameOfReferenceUID") or ""),
        slices=tuple(SliceSource(frame.sop_uid, frame.number) for frame in ordered),
        planar=True,
        shifts=None,
    )


def _order(frame: Frame) -> tuple[int, str, int]:
    try:
        instance = int(frame.data.get("InstanceNumber") or 0)
    except (TypeError, ValueError):
        instance = 0
    return instance, frame.sop_uid, frame.number


def _check_alike(ordered: Sequence[Frame]) -> tuple[Spacing, list[Problem]]:
    """Refuse what cannot be one stack; return its pixel spacing."""
    files = {frame.sop_uid: frame for frame in ordered}
    spacings: list[Spacing] = []
    notes: list[Problem] = []
    for frame in files.values():
        refusal = refused_video(frame.data)
        if refusal is not None:
            raise DataError(refusal.problem, refusal.remedy, str(frame.path))
        spacing, remarks = pixel_spacing(frame.data)
        spacings.append(spacing)
        notes += remarks
    sizes = {(int(frame.data.Rows), int(frame.data.Columns)) for frame in files.values()}
    if len(sizes) > 1:
        raise DataError(
            f"The {len(files)} 2D images of the series differ in size and form no stack",
            "choose one of them on the case sheet, or sort them into series of their own",
        )
    if not all(_same(spacing, spacings[0]) for spacing in spacings):
        raise DataError(
            f"The {len(files)} 2D images of the series differ in pixel spacing and form no stack",
            "choose one of them on the case sheet, or sort them into series of their own",
        )
    return spacings[0], notes


def _plane(frame: Frame, *, look: bool) -> tuple[NDArray[Any], list[Problem]]:
    try:
        values, notes = grey_values(frame.data, frame.stored(), frame.number)
    except DataError as error:
        raise DataError(error.problem, error.remedy, error.file or str(frame.path)) from error
    if look:
        notes = [*notes, *findings(frame.data, values)]
    values, remarks = blank(frame.data, values)
    return compact(values), [*notes, *remarks]


def _third_spacing(frame: Frame) -> float | None:
    """Return the distance between B-scans in mm, or the thickness of the one; None if unknown."""
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        value = frame_value(frame.data, frame.number, keyword)
        pair = _pair((value, 1))
        if pair is not None:
            return pair[0]
    return None


def _depth_notes(count: int, third: float | None) -> list[Problem]:
    if third is not None:
        return []
    if count == 1:
        return [
            noted(
                "The image is 2D; it was given a nominal thickness of 1 mm",
                "read volumes as areas (1 ml stands for 10 cm²)",
            )
        ]
    return [
        noted(
            f"The {count} frames of the series were stacked as slices, a nominal 1 mm apart",
            "use 2D features only; volumes and distances across frames mean nothing",
        )
    ]


def _intent_notes(data: Dataset) -> list[Problem]:
    intent = str(data.get("PresentationIntentType") or "").upper()
    if intent == "FOR PRESENTATION":
        return [
            noted(
                "The image was processed by the vendor for viewing (For Presentation)",
                "do not mix it with raw images (For Processing) in one study",
            )
        ]
    if intent == "FOR PROCESSING":
        return [
            noted(
                "The image is raw (For Processing), before the vendor's processing for viewing",
                "do not mix it with images For Presentation in one study",
            )
        ]
    return []
