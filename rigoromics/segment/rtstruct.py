"""RTSTRUCT contours to masks, by our own rasteriser.

DICOM PS3.3 C.8.8.6 (ROI Contour): closed planar contours in patient coordinates (LPS, mm). They
hold for an upright copy of a tilted series as well: both lie in the patient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from rigoromics.errors import DataError, Problem
from rigoromics.read.image import SliceSource
from rigoromics.read.opening import open_dicom
from rigoromics.segment.grid import affine, mask_like
from rigoromics.segment.notes import check_frame_of_reference, damaged, note
from rigoromics.segment.planes import Gaps, rasterise

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_CONTOUR_DATA = pydicom.tag.Tag("ContourData")

_DAMAGED = "the structure set is damaged: parts of it cannot be read"
_EXPORT = "export the structure set again"


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
    sources
        For each closed contour, the SOP Instance UID of the slice it says it was drawn on;
        empty where it names none, or several.
    referenced
        SOP Instance UIDs of all slices that the ROI's contours say they were drawn on.
    miscounted
        How many contours hold another number of points than they say.
    """

    points: list[NDArray[np.float64]]
    ignored: int = 0
    sources: tuple[str, ...] = ()
    referenced: frozenset[str] = field(default_factory=frozenset)
    miscounted: int = 0


def list_rois(dataset: Dataset) -> list[Roi]:
    """Return the ROIs of a structure set, in the order of the file."""
    contours: Counter[int] = Counter()
    for item in dataset.get("ROIContourSequence") or []:
        contours[int(item.ReferencedROINumber)] += len(item.get("ContourSequence") or [])
    frames = dataset.get("ReferencedFrameOfReferenceSequence") or []
    shared = str(frames[0].get("FrameOfReferenceUID", "")) if len(frames) == 1 else ""
    return [
        Roi(
            number=int(item.ROINumber),
            name=str(item.get("ROIName", "")),
            frame_of_reference=str(item.get("ReferencedFrameOfReferenceUID", "") or shared),
            contours=contours[int(item.ROINumber)],
        )
        for item in dataset.get("StructureSetROISequence") or []
    ]


def find_roi(dataset: Dataset, name: str, number: int = 0) -> Roi:
    """Return the one ROI of that name that has contours.

    Parameters
    ----------
    dataset
        The structure set.
    name
        The ROI's name.
    number
        Its number, which tells two of one name apart; 0 where it is not known.

    Raises
    ------
    DataError
        When there is none, when it has no contours, or when two of that name have contours.
    """
    rois = list_rois(dataset)
    named = [roi for roi in rois if roi.name.strip() == name.strip()]
    named = [roi for roi in named if roi.number == number] or named
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
    items = [
        contour
        for item in dataset.ROIContourSequence
        if int(item.ReferencedROINumber) == roi.number
        for contour in item.get("ContourSequence") or []
    ]
    points: list[NDArray[np.float64]] = []
    sources: list[str] = []
    referenced: set[str] = set()
    miscounted = 0
    for item in items:
        images = {
            str(image.get("ReferencedSOPInstanceUID", ""))
            for image in item.get("ContourImageSequence") or []
        } - {""}
        referenced |= images
        if str(item.get("ContourGeometricType", "")).upper() in CLOSED:
            corners = _contour_points(item)
            miscounted += int(item.get("NumberOfContourPoints") or len(corners)) != len(corners)
            if len(np.unique(corners, axis=0)) >= 3:
                points.append(corners)
                sources.append(images.pop() if len(images) == 1 else "")
    ignored = len(items) - len(points)
    return Contours(points, ignored, tuple(sources), frozenset(referenced), miscounted)


def _contour_points(item: Dataset) -> NDArray[np.float64]:
    """Return one contour's points, shape (n, 3), in mm."""
    # Straight from the bytes: pydicom makes an object of every number, which takes ten times
    # as long as everything else here together.
    value = item.get_item(_CONTOUR_DATA).value if _CONTOUR_DATA in item else None
    if isinstance(value, bytes):
        # Blanks around numbers are allowed; a stray separator at the end does no harm.
        value = value.rstrip(b"\\ \0")
        value = value.split(b"\\") if value else []
    try:
        flat = np.array([float(number) for number in value or []])
        if not np.isfinite(flat).all():
            raise ValueError("not finite")
        return flat.reshape(-1, 3)
    except ValueError as error:
        raise DataError(
            "a contour of the structure set holds something other than triples of numbers", _EXPORT
        ) from error


def read_rtstruct(
    path: Path,
    names: Sequence[str],
    image: sitk.Image,
    *,
    number: int = 0,
    contour_gaps: Gaps = "keep",
    frame_of_reference: str = "",
    sop_uids: Collection[str] = (),
    slices: Sequence[SliceSource] = (),
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
    number
        The ROI's number, which tells two of one name apart; 0 where it is not known.
    contour_gaps
        See :func:`~rigoromics.segment.planes.rasterise`.
    frame_of_reference
        The image's Frame of Reference UID; empty skips that check.
    sop_uids
        The SOP Instance UIDs of the image's slices; empty skips that check.
    slices
        Which file each slice of the image came from; empty skips the check that contours lie on
        the slices they refer to.

    Raises
    ------
    DataError
        When the file is no structure set, is damaged, when an ROI is missing, empty or ambiguous,
        encloses no area, belongs to another frame of reference, or does not fit the image (see
        :func:`~rigoromics.segment.planes.rasterise`).
    """
    columns, rows, depth = image.GetSize()
    mask = np.zeros((depth, rows, columns), dtype=np.bool_)
    notes: list[Problem] = []
    with damaged(_DAMAGED, _EXPORT):
        dataset = _read_structure_set(path)
        found = [find_roi(dataset, name, number) for name in names]
        drawn = [read_contours(dataset, roi) for roi in found]
    for roi, contours in zip(found, drawn, strict=True):
        notes += check_frame_of_reference(roi.frame_of_reference, frame_of_reference)
        inside, remarks = _fill(contours, image, contour_gaps, sop_uids)
        mask |= inside
        notes += remarks + _content_notes(contours) + _reference_notes(contours, sop_uids)
        notes += _misplaced_notes(contours, image, slices)
    return mask_like(mask, image), notes


def _read_structure_set(path: Path) -> Dataset:
    with damaged("the file cannot be read as DICOM", _EXPORT, path.name):
        dataset = open_dicom(path)
    if dataset.get("Modality") != "RTSTRUCT":
        raise DataError(
            "the file is no RTSTRUCT", "give the structure set of this patient", path.name
        )
    return dataset


def _fill(
    contours: Contours, image: sitk.Image, gaps: Gaps, sop_uids: Collection[str]
) -> tuple[NDArray[np.bool_], list[Problem]]:
    """Return the voxels inside an ROI's contours and notes, or say why they do not fit."""
    if not contours.points:
        raise DataError(
            f"the ROI encloses no area: its {contours.ignored} items are points or open lines",
            "redraw it as closed contours, or set include to no in cases.tsv",
        )
    try:
        return rasterise(contours.points, image, gaps=gaps)
    except DataError as error:
        missing = _missing(contours, sop_uids)
        if not missing:
            raise
        raise DataError(f"{error.problem}; {missing}", error.remedy) from error


def _content_notes(contours: Contours) -> list[Problem]:
    notes = []
    if contours.ignored:
        notes.append(
            note(
                f"{contours.ignored} items of the ROI are points or open lines and enclose no area",
                "nothing, if they are only marks; redraw as closed contours if they are not",
            )
        )
    if contours.miscounted:
        notes.append(
            note(
                f"{contours.miscounted} contours hold another number of points than they say",
                "look at the contact sheet; export the structure set again if parts are missing",
            )
        )
    return notes


def _missing(contours: Contours, sop_uids: Collection[str]) -> str:
    """Say how many of the slices that contours refer to are not in the series; empty if none."""
    missing = len(contours.referenced - set(sop_uids)) if sop_uids else 0
    if not missing:
        return ""
    return (
        f"{missing} of the {len(contours.referenced)} slices that the contours refer to are not "
        "in this series"
    )


def _reference_notes(contours: Contours, sop_uids: Collection[str]) -> list[Problem]:
    missing = _missing(contours, sop_uids)
    if not missing:
        return []
    remedy = "make sure that the contours belong to this series and that no slice is missing"
    return [note(missing, remedy)]


def _misplaced_notes(
    contours: Contours, image: sitk.Image, slices: Sequence[SliceSource]
) -> list[Problem]:
    """Note contours that lie elsewhere than the slice they say they were drawn on."""
    # Of a multi-frame file the UID does not tell the frame; a resampled volume may repeat one.
    uids = Counter(source.sop_uid for source in slices)
    level = {source.sop_uid: k for k, source in enumerate(slices) if uids[source.sop_uid] == 1}
    row = np.linalg.inv(affine(image))[2]
    away = [
        abs(float((points @ row[:3]).mean() + row[3]) - level[uid])
        for points, uid in zip(contours.points, contours.sources, strict=True)
        if uid in level
    ]
    misplaced = [distance for distance in away if distance > 1]
    if not misplaced:
        return []
    return [
        note(
            f"{len(misplaced)} contours lie up to {max(misplaced):.0f} slices away from the slice "
            "they refer to; each counts where it lies",
            "look at the contact sheet; export the structure set again if it is shifted",
        )
    ]
