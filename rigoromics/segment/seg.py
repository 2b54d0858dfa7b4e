"""DICOM SEG to masks, frame by frame.

DICOM PS3.3 C.8.20. Every frame says where it lies, so frames are placed one by one through the
image's affine: slice order, sparse frames and gaps between them do not matter, and overlapping
segments stay apart. On 2D images, which have no place in the patient, every frame says which
frame of which file it was drawn on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from rigoromics.errors import DataError, Problem
from rigoromics.read.image import SliceSource
from rigoromics.read.opening import open_dicom
from rigoromics.segment.grid import TOLERANCE_VOXELS, mask_like, place_voxels
from rigoromics.segment.notes import (
    check_frame_of_reference,
    damaged,
    nearest_notes,
    note,
    outside_notes,
)

_EXPORT = "export the segmentation again"
KINDS = ("BINARY", "FRACTIONAL", "LABELMAP")
Place = Callable[[int, NDArray[np.bool_]], int]


def list_segments(dataset: Dataset) -> list[tuple[int, str]]:
    """Return (number, label) of the segments of a SEG, without a labelmap's background."""
    return [
        (int(item.SegmentNumber), str(item.get("SegmentLabel", "")).strip())
        for item in dataset.get("SegmentSequence") or []
        if int(item.SegmentNumber) > 0
    ]


@dataclass
class _Counts:
    """What was met while frames were put in place."""

    voxels: int = 0
    outside: int = 0
    partly: int = 0
    shift: float = 0.0


def read_seg(
    path: Path,
    labels: Sequence[str],
    image: sitk.Image,
    *,
    number: int = 0,
    threshold: float = 0.5,
    frame_of_reference: str = "",
    slices: Sequence[SliceSource] = (),
    planar: bool = False,
    tilted: bool = False,
) -> tuple[sitk.Image, list[Problem]]:
    """Return the mask of one or more segments (their union) on the image's grid, and notes.

    Parameters
    ----------
    path
        The SEG file: binary, fractional or labelmap.
    labels
        Segment labels as they stand in the file.
    image
        The image the segments belong to.
    number
        The segment's number, which tells two of one label apart; 0 where it is not known.
    threshold
        A voxel of a fractional segmentation belongs to the segment from this fraction on.
    frame_of_reference
        The image's Frame of Reference UID; empty skips that check.
    slices
        Which file and frame each slice of the image came from; needed where it is `planar`.
    planar
        Whether the image is 2D without a place in the patient: frames are then matched by the
        frame they refer to.
    tilted
        Whether the image was set upright after a gantry tilt: voxels within a slice may then lie
        between those of the image, and go to the nearest.

    Raises
    ------
    DataError
        When the file is no SEG or is damaged, a segment is missing or ambiguous, the frame of
        reference is another, frames carry no position, or their pixels are not the image's.
    """
    columns, rows, depth = image.GetSize()
    mask = np.zeros((depth, rows, columns), dtype=np.bool_)
    counts = _Counts()
    with damaged("the file is damaged: parts of the DICOM SEG cannot be read", _EXPORT):
        dataset = _open(path)
        numbers = {_find_segment(dataset, label, number) for label in labels}
        notes: list[Problem] = []
        if planar:
            place = _place_by_reference(dataset, slices, mask)
        else:
            notes = check_frame_of_reference(
                str(dataset.get("FrameOfReferenceUID", "")), frame_of_reference
            )
            place = _place_by_position(dataset, image, mask, tilted, counts)
        for index in range(int(dataset.get("NumberOfFrames", 1))):
            inside = _frame_voxels(dataset, index, numbers, threshold, counts)
            if inside is not None and inside.any():
                counts.outside += place(index, inside)
                counts.voxels += int(inside.sum())
    notes += _missed_notes(counts, planar)
    notes += nearest_notes(counts.shift, TOLERANCE_VOXELS) if tilted else []
    return mask_like(mask, image), notes + _fraction_notes(dataset, counts.partly, threshold)


def _missed_notes(counts: _Counts, planar: bool) -> list[Problem]:
    """Say how many voxels belong to no slice of the image, or refuse where that is many."""
    if planar and counts.voxels and counts.outside == counts.voxels:
        raise DataError(
            "the segmentation refers to other images than this one",
            "take the segmentation drawn on this very image, or export it again with its "
            "references",
        )
    return outside_notes(counts.outside, counts.voxels)


def _fraction_notes(dataset: Dataset, partly: int, threshold: float) -> list[Problem]:
    """Say what the fractions of a fractional segmentation are, and where the line was drawn."""
    if not partly:
        return []
    kind = str(dataset.get("SegmentationFractionalType", "")).upper()
    meaning = {"PROBABILITY": "probabilities", "OCCUPANCY": "covered shares of voxels"}
    return [
        note(
            f"the segmentation holds {meaning.get(kind, 'fractions of unnamed meaning')}; a voxel "
            f"counts from {threshold:g} on ({partly} voxels lie between 0 and 1)",
            "set images.seg_threshold in the config if another fraction is meant",
        )
    ]


def _place_by_position(
    dataset: Dataset, image: sitk.Image, mask: NDArray[np.bool_], tilted: bool, counts: _Counts
) -> Place:
    """Return what puts a frame where it lies in the patient, and says how many voxels miss."""

    def place(index: int, inside: NDArray[np.bool_]) -> int:
        source, grid = _frame_grid(dataset, index)
        voxels = np.argwhere(inside.T)
        outside, shift = place_voxels(voxels, source, image, mask, grid, nearest=tilted)
        counts.shift = max(counts.shift, shift)
        return outside

    return place


def _place_by_reference(
    dataset: Dataset, slices: Sequence[SliceSource], mask: NDArray[np.bool_]
) -> Place:
    """Return what puts a frame on the slices it refers to, and says how many voxels miss."""
    rows, columns = mask.shape[1:]
    if (dataset.Rows, dataset.Columns) != (rows, columns):
        raise DataError(
            f"the segmentation has {dataset.Columns} x {dataset.Rows} pixels and the image "
            f"{columns} x {rows}",
            "take the segmentation drawn on this very image",
        )

    def place(index: int, inside: NDArray[np.bool_]) -> int:
        levels = [k for uid, frame in _sources(dataset, index) for k in _levels(uid, frame, slices)]
        for k in levels:
            mask[k] |= inside
        return 0 if levels else int(inside.sum())

    return place


def _sources(dataset: Dataset, index: int) -> list[tuple[str, int]]:
    """Return (SOP Instance UID, frame) of what a frame was drawn on; frame 0 is not named."""
    group = _group(dataset, index, "DerivationImageSequence")
    items = list(group.get("SourceImageSequence") or []) if group is not None else []
    if not items:
        items = [
            item
            for series in dataset.get("ReferencedSeriesSequence") or []
            for item in series.get("ReferencedInstanceSequence") or []
        ]
        if len(items) != 1:
            raise DataError(
                "the segmentation does not say which image its frames were drawn on",
                "export it again with the source image of every frame",
            )
    sources = []
    for item in items:
        frames = item.get("ReferencedFrameNumber")
        numbers = [0] if frames is None else np.atleast_1d(np.asarray(frames, dtype=int)).tolist()
        sources += [(str(item.ReferencedSOPInstanceUID), number) for number in numbers]
    return sources


def _levels(uid: str, frame: int, slices: Sequence[SliceSource]) -> list[int]:
    """Return the slices of the image that a reference means: none, or one."""
    own = [k for k, source in enumerate(slices) if source.sop_uid == uid]
    if frame == 0 and len(own) > 1:
        raise DataError(
            "the segmentation does not say which of the image's frames it was drawn on",
            "export it again with the frame number of every source image",
        )
    # A classic file is its own first frame.
    return [k for k in own if frame == 0 or max(slices[k].frame, 1) == frame]


def _open(path: Path) -> Dataset:
    with damaged("the file cannot be read as DICOM SEG", _EXPORT, path.name):
        dataset = open_dicom(path)
    if dataset.get("Modality") != "SEG":
        raise DataError("the file is no DICOM SEG", "give this patient's segmentation", path.name)
    if str(dataset.get("SegmentationType")) not in KINDS:
        raise DataError(
            "the DICOM SEG is neither binary, fractional nor a labelmap", _EXPORT, path.name
        )
    return dataset


def _find_segment(dataset: Dataset, label: str, number: int) -> int:
    """Return the number of the one segment with that label, or of that number among several."""
    segments = list_segments(dataset)
    numbers = [own for own, name in segments if name == label.strip()]
    numbers = [number] if number in numbers else numbers
    if not numbers:
        raise DataError(
            f"the file holds {len(segments)} segments, none of them under the name in the sheet",
            "run `snakemake sheet` if the file was replaced, or correct the ROI patterns in the "
            "config",
        )
    if len(numbers) > 1:
        raise DataError(
            f"{len(numbers)} segments of one file share the same label",
            "relabel or delete all but the right one and export the segmentation again",
        )
    return numbers[0]


def _frame_voxels(
    dataset: Dataset,
    index: int,
    numbers: set[int],
    threshold: float,
    counts: _Counts,
) -> NDArray[np.bool_] | None:
    """Return one frame's voxels of the wanted segments, shape (rows, columns), or None."""
    kind = str(dataset.SegmentationType)
    if kind != "LABELMAP" and _segment_of_frame(dataset, index) not in numbers:
        return None
    cut = "the pixels of the segmentation cannot be decoded: the file is cut short or damaged"
    with damaged(cut, _EXPORT):
        frame = _frame_pixels(dataset, index)
    if kind == "LABELMAP":
        return np.isin(frame, sorted(numbers))
    if kind == "FRACTIONAL":
        full = float(dataset.get("MaximumFractionalValue") or 0)
        if full <= 0:
            raise DataError(
                "the fractional segmentation does not say which value is a full voxel", _EXPORT
            )
        counts.partly += int(((frame > 0) & (frame < full)).sum())
        reached: NDArray[np.bool_] = frame / full >= threshold
        return reached
    return frame > 0


def _frame_pixels(dataset: Dataset, index: int) -> NDArray[Any]:
    """Return the stored pixels of one frame, shape (rows, columns).

    Frames of single bits follow each other without a gap (PS3.5, 8.1.1), so that most begin within
    a byte. pydicom 3.0 loses the last bits of a frame that spans one byte more than it has; hence
    our own few lines.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if int(dataset.BitsAllocated) != 1 or syntax.is_compressed or not syntax.is_little_endian:
        return pixel_array(dataset, index=index, raw=True)
    shape = int(dataset.Rows), int(dataset.Columns)
    size = shape[0] * shape[1]
    first, start = divmod(index * size, 8)
    packed = np.frombuffer(dataset.PixelData, np.uint8)[first : first + -(-(start + size) // 8)]
    bits = np.unpackbits(packed, bitorder="little")[start : start + size]
    return bits.reshape(shape)


def _group(dataset: Dataset, index: int, name: str) -> Dataset | None:
    """Return a functional group of one frame, its own before the one all frames share."""
    own = dataset.PerFrameFunctionalGroupsSequence[index]
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for groups in (own, *shared):
        if groups.get(name):
            found: Dataset = groups[name].value[0]
            return found
    return None


def _segment_of_frame(dataset: Dataset, index: int) -> int:
    group = _group(dataset, index, "SegmentIdentificationSequence")
    return int(group.ReferencedSegmentNumber) if group is not None else -1


def _frame_grid(dataset: Dataset, index: int) -> tuple[NDArray[np.float64], str]:
    """Return one frame's matrix from (column, row) to mm, shape (4, 3), and its grid in words."""
    position = _group(dataset, index, "PlanePositionSequence")
    orientation = _group(dataset, index, "PlaneOrientationSequence")
    measures = _group(dataset, index, "PixelMeasuresSequence")
    if position is None or orientation is None or measures is None:
        raise DataError(
            "the segmentation does not say where its frames lie",
            "export it again with position, orientation and pixel spacing of every frame",
        )
    origin = np.array(position.ImagePositionPatient, dtype=np.float64)
    cosines = np.array(orientation.ImageOrientationPatient, dtype=np.float64)
    between_rows, between_columns = (float(value) for value in measures.PixelSpacing)
    matrix = np.zeros((4, 3))
    matrix[:3, 0] = cosines[:3] * between_columns
    matrix[:3, 1] = cosines[3:] * between_rows
    matrix[:3, 2] = origin
    matrix[3, 2] = 1.0
    where = ", ".join(f"{value:.1f}" for value in origin)
    grid = (
        f"frames of {dataset.Columns} x {dataset.Rows} pixels of {between_columns:.4g} x "
        f"{between_rows:.4g} mm, frame {index + 1} at ({where}) mm"
    )
    return matrix, grid
