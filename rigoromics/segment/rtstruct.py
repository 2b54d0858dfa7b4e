"""RTSTRUCT contours to masks, by our own rasteriser.

DICOM PS3.3 C.8.8.6 (ROI Contour): closed planar contours in patient coordinates (LPS, mm). The
points are taken into the image's continuous index space, whatever its orientation, each contour
goes to its nearest slice, and voxels whose centres lie inside are set (even-odd rule).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from rigoromics.errors import DataError, Problem
from rigoromics.segment.grid import affine, describe_grid, mask_like
from rigoromics.segment.notes import check_frame_of_reference, note
from rigoromics.segment.polygons import Polygon, fill_polygons, sort_out_overlaps

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_CONTOUR_DATA = pydicom.tag.Tag("ContourData")

# In slices. A contour may rest up to half a slice from its slice's plane; from a tenth on, it is
# said. A contour that itself spans more than half a slice was drawn in another plane.
OFF_PLANE_NOTED = 0.1
TILT_REFUSED = 0.5


@dataclass(frozen=True)
class Roi:
    """One region of interest of a structure set."""

    number: int
    name: str
    frame_of_reference: str
    contours: int


@dataclass(frozen=True)
class Contours:
    """The contours of one ROI, as read.

    Parameters
    ----------
    points
        One array per closed contour, shape (n, 3), patient LPS in mm.
    ignored
        How many items are no areas (single points, open lines, fewer than three points).
    referenced
        SOP Instance UIDs of the slices that the contours say they were drawn on.
    """

    points: list[NDArray[np.float64]]
    ignored: int = 0
    referenced: frozenset[str] = field(default_factory=frozenset)


def list_rois(dataset: Dataset) -> list[Roi]:
    """Return the ROIs of a structure set, in the order of the file."""
    contours = {
        int(item.ReferencedROINumber): len(item.get("ContourSequence") or [])
        for item in dataset.get("ROIContourSequence") or []
    }
    frames = dataset.get("ReferencedFrameOfReferenceSequence") or []
    shared = str(frames[0].get("FrameOfReferenceUID", "")) if len(frames) == 1 else ""
    return [
        Roi(
            number=int(item.ROINumber),
            name=str(item.get("ROIName", "")),
            frame_of_reference=str(item.get("ReferencedFrameOfReferenceUID", "") or shared),
            contours=contours.get(int(item.ROINumber), 0),
        )
        for item in dataset.get("StructureSetROISequence") or []
    ]


def find_roi(dataset: Dataset, name: str) -> Roi:
    """Return the one ROI of that name that has contours.

    Raises
    ------
    DataError
        When there is none, when it has no contours, or when two of that name have contours.
    """
    rois = list_rois(dataset)
    named = [roi for roi in rois if roi.name.strip() == name.strip()]
    drawn = [roi for roi in named if roi.contours]
    if not named:
        raise DataError(
            f"the structure set holds {len(rois)} ROIs, none of them under the name in the sheet",
            "run `snakemake sheet` if the file was replaced, or correct the ROI patterns in the "
            "config",
        )
    if not drawn:
        raise DataError(
            "the segmentation is empty: the ROI has a name and no contours",
            "draw the ROI and export it again, or set include to no in cases.tsv",
        )
    if len(drawn) > 1:
        raise DataError(
            f"{len(drawn)} ROIs of one structure set share the same name",
            "rename or delete all but the right one and export the structure set again",
        )
    return drawn[0]


def read_contours(dataset: Dataset, roi: Roi) -> Contours:
    """Return the closed contours of one ROI."""
    items = next(
        item.ContourSequence
        for item in dataset.ROIContourSequence
        if int(item.ReferencedROINumber) == roi.number
    )
    points, referenced = [], set()
    for item in items:
        if str(item.get("ContourGeometricType", "")).upper() in CLOSED:
            corners = _contour_points(item)
            if len(np.unique(corners, axis=0)) >= 3:
                points.append(corners)
        for image in item.get("ContourImageSequence") or []:
            referenced.add(str(image.get("ReferencedSOPInstanceUID", "")))
    return Contours(points, len(items) - len(points), frozenset(referenced))


def _contour_points(item: Dataset) -> NDArray[np.float64]:
    """Return one contour's points, shape (n, 3), in mm."""
    # Straight from the bytes: pydicom makes an object of every number, which takes ten times
    # as long as everything else here together.
    value = item.get_item(_CONTOUR_DATA).value if _CONTOUR_DATA in item else b""
    numbers = value.split(b"\\") if isinstance(value, bytes) else value
    try:
        flat = np.array([float(number) for number in numbers if number not in (b"", " ")])
        return flat.reshape(-1, 3)
    except ValueError as error:
        raise DataError(
            "a contour of the structure set holds something other than triples of numbers",
            "export the structure set again",
        ) from error


def rasterise(
    contours: Sequence[NDArray[np.float64]], image: sitk.Image
) -> tuple[NDArray[np.bool_], list[Problem]]:
    """Return the voxels whose centres lie inside the contours, and notes.

    Contours are given to the nearest slice. Parts of contours beyond the image's edge are cut off
    and noted.

    Parameters
    ----------
    contours
        Closed contours, each of shape (n, 3), patient LPS in mm.
    image
        The image they were drawn on.

    Returns
    -------
    tuple
        Boolean array of shape (k, j, i), and what a person should know.

    Raises
    ------
    DataError
        When contours lie more than half a slice above the last or below the first slice, or
        wholly beside the image; when they are tilted against the slices by more than half a
        slice; when contours of different planes fall on one slice.
    """
    columns, rows, slices = image.GetSize()
    to_index = np.linalg.inv(affine(image))
    indexed = [points @ to_index[:3, :3].T + to_index[:3, 3] for points in contours]
    planes = _planes(indexed, image)
    mask = np.zeros((slices, rows, columns), dtype=np.bool_)
    repeats = partial = 0
    for number in sorted(planes):
        polygons = planes[number]
        if len(polygons) > 1:
            polygons, dropped, overlapping = sort_out_overlaps(polygons, (rows, columns))
            repeats, partial = repeats + dropped, partial + overlapping
        mask[number] = fill_polygons(polygons, (rows, columns))
    return mask, _notes(indexed, planes, image, repeats, partial)


def _planes(indexed: Sequence[NDArray[np.float64]], image: sitk.Image) -> dict[int, list[Polygon]]:
    """Return the polygons of each slice, in voxel units, or refuse what does not fit the image."""
    columns, rows, slices = image.GetSize()
    height = np.array([points[:, 2].mean() for points in indexed])
    spread = np.array([np.ptp(points[:, 2]) for points in indexed])
    low = np.array([points[:, :2].min(axis=0) for points in indexed]).reshape(-1, 2)
    high = np.array([points[:, :2].max(axis=0) for points in indexed]).reshape(-1, 2)
    beside = (high < -0.5).any(axis=1) | (low > np.array([columns, rows]) - 0.5).any(axis=1)
    # Half a slice up is the upper slice's: rounding halves to even would put two planes on one.
    nearest = np.floor(np.round(height, 4) + 0.5).astype(int)
    outside = beside | (nearest < 0) | (nearest >= slices)
    if (spread > TILT_REFUSED).any():
        raise DataError(
            f"{int((spread > TILT_REFUSED).sum())} of {len(indexed)} contours do not lie in the "
            "planes of the image's slices",
            "take the series the contours were drawn on, or redraw them on this one",
        )
    if outside.any():
        raise DataError(
            f"{int(outside.sum())} of {len(indexed)} contours lie outside the image "
            f"({describe_grid(image)})",
            "take the series the contours were drawn on; if the scan was cropped or slices are "
            "missing, use the whole scan",
        )
    planes: dict[int, list[Polygon]] = {}
    heights: dict[int, float] = {}
    for number, level, points in zip(nearest.tolist(), height.tolist(), indexed, strict=True):
        if abs(heights.setdefault(number, level) - level) > OFF_PLANE_NOTED:
            raise DataError(
                "contours of different planes fall on one slice: they were drawn on slices of "
                f"another spacing than this image's {image.GetSpacing()[2]:.4g} mm",
                "take the series the contours were drawn on, or resample the segmentation to "
                "this series and look at the result before using it",
            )
        planes.setdefault(number, []).append(points[:, :2])
    return planes


def _notes(
    indexed: Sequence[NDArray[np.float64]],
    planes: dict[int, list[Polygon]],
    image: sitk.Image,
    repeats: int,
    partial: int,
) -> list[Problem]:
    """Return what a person should know about contours that were accepted."""
    edge = np.array(image.GetSize()[:2]) - 0.5
    cut = sum(bool((p[:, :2] < -0.5).any() or (p[:, :2] > edge).any()) for p in indexed)
    heights = np.array([points[:, 2].mean() for points in indexed])
    # The nearest slice is at most half a slice away; rounding to four digits matches _planes.
    distance = np.abs(heights - np.floor(np.round(heights, 4) + 0.5))
    off = int((distance > OFF_PLANE_NOTED).sum())
    gaps = max(planes) - min(planes) + 1 - len(planes) if planes else 0
    mm = float(distance.max(initial=0.0)) * image.GetSpacing()[2]
    look = "look at the contact sheet; redraw if it is wrong"
    found = [
        (cut, f"{cut} contours reach beyond the image's edge; what lies beyond is cut off"),
        (off, f"{off} contours lie between slices, up to {mm:.2f} mm away; each counts on the "
         "nearest slice"),
        (gaps, f"{gaps} slices between the first and the last contoured slice have no contour"),
        (repeats, f"{repeats} contours were drawn twice on their slice and count once"),
        (partial, f"{partial} pairs of contours on one slice overlap partly; the overlap counts "
         "as outside"),
    ]  # fmt: skip
    return [note(text, look) for count, text in found if count]


def read_rtstruct(
    path: Path,
    names: Sequence[str],
    image: sitk.Image,
    *,
    frame_of_reference: str = "",
    sop_uids: Collection[str] = (),
) -> tuple[sitk.Image, list[Problem]]:
    """Return the mask of one or more ROIs (their union) on the image's grid, and notes.

    Parameters
    ----------
    path
        The RTSTRUCT file.
    names
        ROI names as they stand in the file.
    image
        The image the ROIs were drawn on.
    frame_of_reference
        The image's Frame of Reference UID; empty skips that check.
    sop_uids
        The SOP Instance UIDs of the image's slices; empty skips that check.

    Raises
    ------
    DataError
        When the file is no structure set, an ROI is missing, empty or ambiguous, belongs to
        another frame of reference, or does not fit the image (see :func:`rasterise`).
    """
    dataset = _read_structure_set(path)
    columns, rows, slices = image.GetSize()
    mask = np.zeros((slices, rows, columns), dtype=np.bool_)
    notes: list[Problem] = []
    for name in names:
        roi = find_roi(dataset, name)
        notes += check_frame_of_reference(roi.frame_of_reference, frame_of_reference)
        contours = read_contours(dataset, roi)
        drawn, remarks = rasterise(contours.points, image)
        mask |= drawn
        notes += remarks + _reference_notes(contours, sop_uids)
    return mask_like(mask, image), notes


def _read_structure_set(path: Path) -> Dataset:
    try:
        dataset = pydicom.dcmread(path)
    except (OSError, ValueError, pydicom.errors.InvalidDicomError) as error:
        raise DataError(
            "the file cannot be read as DICOM", "export the structure set again", path.name
        ) from error
    if dataset.get("Modality") != "RTSTRUCT":
        raise DataError(
            "the file is no RTSTRUCT", "give the structure set of this patient", path.name
        )
    return dataset


def _reference_notes(contours: Contours, sop_uids: Collection[str]) -> list[Problem]:
    notes = []
    if contours.ignored:
        notes.append(
            note(
                f"{contours.ignored} items of the ROI are points or open lines and enclose no area",
                "nothing, if they are only marks; redraw as closed contours if they are not",
            )
        )
    missing = len(contours.referenced - set(sop_uids)) if sop_uids else 0
    if missing:
        notes.append(
            note(
                f"{missing} of the {len(contours.referenced)} slices that the contours refer to "
                "are not in this series",
                "make sure that the contours belong to this series and that no slice is missing",
            )
        )
    return notes
