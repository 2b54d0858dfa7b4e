"""DICOM SEG to masks, frame by frame, through highdicom.

DICOM PS3.3 C.8.20. Every frame says where it lies, so frames are placed one by one through the
image's affine: slice order, sparse frames and gaps between them do not matter, and overlapping
segments stay apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from rigoromics.errors import DataError, Problem
from rigoromics.segment.grid import mask_like, place_voxels
from rigoromics.segment.notes import check_frame_of_reference, outside_notes


def list_segments(dataset: Dataset) -> list[tuple[int, str]]:
    """Return (number, label) of the segments of a SEG, without a labelmap's background."""
    return [
        (int(item.SegmentNumber), str(item.get("SegmentLabel", "")).strip())
        for item in dataset.get("SegmentSequence") or []
        if int(item.SegmentNumber) > 0
    ]


def read_seg(
    path: Path,
    labels: Sequence[str],
    image: sitk.Image,
    *,
    threshold: float = 0.5,
    frame_of_reference: str = "",
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
    threshold
        A voxel of a fractional segmentation belongs to the segment from this fraction on.
    frame_of_reference
        The image's Frame of Reference UID; empty skips that check.

    Raises
    ------
    DataError
        When the file is no SEG, a segment is missing or ambiguous, the frame of reference is
        another, frames carry no position, or their pixels are not the image's.
    """
    dataset = _open(path)
    numbers = {_find_segment(dataset, label) for label in labels}
    notes = check_frame_of_reference(
        str(dataset.get("FrameOfReferenceUID", "")), frame_of_reference
    )
    columns, rows, slices = image.GetSize()
    mask = np.zeros((slices, rows, columns), dtype=np.bool_)
    outside = voxels = 0
    for index in range(int(dataset.get("NumberOfFrames", 1))):
        inside = _frame_voxels(dataset, index, numbers, threshold)
        if inside is not None and inside.any():
            source, grid = _frame_grid(dataset, index)
            outside += place_voxels(np.argwhere(inside.T), source, image, mask, grid)
            voxels += int(inside.sum())
    return mask_like(mask, image), notes + outside_notes(outside, voxels)


def _open(path: Path) -> highdicom.seg.Segmentation:
    try:
        with warnings.catch_warnings():
            # pydicom and highdicom warn of harmless breaches of the standard, quoting values.
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(path, specific_tags=["Modality"], stop_before_pixels=True)
            if header.get("Modality") != "SEG":
                raise DataError(
                    "the file is no DICOM SEG", "give this patient's segmentation", path.name
                )
            return highdicom.seg.segread(path)
    except DataError:
        raise
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise DataError(
            "the file cannot be read as DICOM SEG", "export the segmentation again", path.name
        ) from error


def _find_segment(dataset: Dataset, label: str) -> int:
    """Return the number of the one segment with that label."""
    segments = list_segments(dataset)
    numbers = [number for number, name in segments if name == label.strip()]
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
    dataset: highdicom.seg.Segmentation, index: int, numbers: set[int], threshold: float
) -> NDArray[np.bool_] | None:
    """Return one frame's voxels of the wanted segments, shape (rows, columns), or None."""
    kind = str(dataset.SegmentationType)
    if kind != "LABELMAP" and _segment_of_frame(dataset, index) not in numbers:
        return None
    try:
        frame = np.asarray(dataset.get_stored_frame(index + 1))
    except (ValueError, RuntimeError, AttributeError, OSError, IndexError) as error:
        raise DataError(
            "the pixels of the segmentation cannot be decoded: the file is cut short or damaged",
            "export the segmentation again",
        ) from error
    if kind == "LABELMAP":
        return np.isin(frame, sorted(numbers))
    if kind == "FRACTIONAL":
        fraction = frame / float(dataset.MaximumFractionalValue)
        reached: NDArray[np.bool_] = fraction >= threshold
        return reached
    return frame > 0


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
