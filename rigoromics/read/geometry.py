"""Judge how slices lie, before anything is built from them.

What image libraries silently repair is refused here, or handed to :mod:`rigoromics.read.repair`,
which repairs what can be repaired and says so: a missing slice turned into a wrong spacing, a
doubled slice, a tilted gantry straightened. Geometry follows DICOM PS3.3 C.7.6.2 (patient
coordinates in mm, LPS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rigoromics.errors import DataError

Floats = NDArray[np.float64]

COSINE_TOLERANCE = 1e-3
"""Largest difference between direction cosines of slices that count as parallel; headers round."""
GRID_TOLERANCE = 0.1
"""Largest distance of a slice from the even grid, as a share of the slice spacing."""
ROUNDING_MM = 0.1
"""Distances from the even grid up to this are rounding: some scanners write one decimal."""
SPACING_TOLERANCE = 1e-3
"""Largest relative difference between pixel spacings of slices that count as equal."""
DUPLICATE_MM = 1e-3
"""Slices nearer than this along the normal are at the same place."""
UNKNOWN_THICKNESS_MM = 1.0
"""Spacing given to a single slice whose header names no thickness."""

TWO_FRAMES = (
    "The slices of the series name different frames of reference: their positions were measured "
    "from different points and cannot be put together",
    "split the series by acquisition, or export it again from the scanner",
)


@dataclass(frozen=True)
class SliceHeader:
    """What one slice says of its place.

    Attributes
    ----------
    position
        Centre of the first voxel (mm, LPS), shape (3,).
    orientation
        Direction cosines along the row, then down the column, shape (6,).
    spacing
        Distance between rows, then between columns (mm), as in PixelSpacing.
    shape
        Rows, columns.
    thickness
        Slice spacing or thickness (mm) by the header; 0 where silent. Used for single slices only.
    """

    position: Sequence[float]
    orientation: Sequence[float]
    spacing: Sequence[float]
    shape: tuple[int, int]
    thickness: float = 0.0


@dataclass(frozen=True)
class VolumeGeometry:
    """Where a volume lies.

    Attributes
    ----------
    order
        Indices of the slices that are used, along the normal, shape (n,).
    origin
        Centre of the volume's first voxel (mm, LPS), shape (3,).
    spacing
        Along the row, down the column, between slices (mm), shape (3,).
    direction
        Its columns are the unit vectors of those three axes, shape (3, 3); right-handed.
    size
        Columns, rows, slices of the volume.
    """

    order: NDArray[np.intp]
    origin: Floats
    spacing: Floats
    direction: Floats
    size: tuple[int, int, int]


@dataclass(frozen=True)
class CommonFrame:
    """What parallel slices have in common, and where each lies.

    Attributes
    ----------
    positions
        Centre of the first voxel of each slice (mm, LPS), shape (n, 3).
    spacing
        Distance between rows, then between columns (mm), shape (2,).
    direction
        As in :class:`VolumeGeometry`, shape (3, 3).
    along
        Place of each slice along the normal (mm), shape (n,).
    """

    positions: Floats
    spacing: Floats
    direction: Floats
    along: Floats


@dataclass(frozen=True)
class Gaps:
    """The gaps between sorted slices, held against an even grid.

    Attributes
    ----------
    usual
        The usual gap (mm).
    steps
        How many usual gaps each gap is, to the nearest whole number, shape (n - 1,).
    uneven
        Whether the slices lie off the even grid.
    missing
        Places along the normal where the even grid has no slice (mm).
    widest
        The widest gap (mm).
    described
        The gaps that are out of line, in words.
    """

    usual: float
    steps: Floats
    uneven: bool
    missing: Floats
    widest: float
    described: str


def common_frame(slices: Sequence[SliceHeader]) -> CommonFrame:
    """Return what slices have in common, or refuse those that cannot be of one volume.

    Parameters
    ----------
    slices
        The slices in any order.

    Raises
    ------
    DataError
        No slices; no position; slices that differ in size, pixel spacing or orientation.
    """
    if not slices:
        raise DataError("The series has no slices", "check that its files were copied")
    _check_equal_shapes(slices)
    spacing = _common_spacing(slices)
    direction = _common_direction(slices)
    positions = np.array([each.position for each in slices], dtype=np.float64)
    if not np.all(np.isfinite(positions)):
        raise DataError(
            "A slice of the series has no position in the patient",
            "export the series again from the scanner or archive",
        )
    return CommonFrame(positions, spacing, direction, positions @ direction[:, 2])


def _check_equal_shapes(slices: Sequence[SliceHeader]) -> None:
    shapes = sorted({each.shape for each in slices})
    if len(shapes) > 1:
        found = ", ".join(f"{rows} x {columns}" for rows, columns in shapes)
        raise DataError(
            f"The slices of the series differ in size ({found} pixels)",
            "remove the localiser or screen captures from the series, or export it again",
        )


def _common_spacing(slices: Sequence[SliceHeader]) -> Floats:
    spacings = np.array([each.spacing for each in slices], dtype=np.float64)
    if not np.all(np.isfinite(spacings)) or np.any(spacings <= 0):
        raise DataError(
            "The pixel spacing of the series is missing or not positive",
            "export the series again from the scanner or archive",
        )
    if np.ptp(spacings, axis=0).max() > SPACING_TOLERANCE * spacings.min():
        low, high = spacings.min(axis=0), spacings.max(axis=0)
        raise DataError(
            "The slices of the series differ in pixel spacing "
            f"({low[0]:.4g} x {low[1]:.4g} mm to {high[0]:.4g} x {high[1]:.4g} mm)",
            "split the series into one per reconstruction and export it again",
        )
    # The median, not the first: the result must not depend on the order of the files.
    median: Floats = np.median(spacings, axis=0)
    return median


def _common_direction(slices: Sequence[SliceHeader]) -> Floats:
    """Return the unit vectors along the row, down the column, and along the slice normal."""
    cosines = np.array([each.orientation for each in slices], dtype=np.float64)
    if np.ptp(cosines, axis=0).max() > COSINE_TOLERANCE:
        count = len(np.unique(np.round(cosines, 2), axis=0))
        raise DataError(
            f"The slices of the series lie in {max(count, 2)} different orientations",
            "split the series into one per orientation, or leave its localiser out",
        )
    mean = np.median(cosines, axis=0)
    row, column = mean[:3], mean[3:]
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    crooked = max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(float(row @ column)))
    if not np.isfinite(crooked) or crooked > COSINE_TOLERANCE:
        raise DataError(
            "The orientation of the slices is not made of two perpendicular unit vectors",
            "export the series again from the scanner or archive",
        )
    row = row / lengths[0]
    column = column - (column @ row) * row
    column = column / np.linalg.norm(column)
    return np.column_stack([row, column, np.cross(row, column)])


def judge_gaps(along: Floats) -> Gaps:
    """Hold the gaps between slices against an even grid.

    Parameters
    ----------
    along
        Places of at least two slices along the normal (mm), sorted, no two the same.
    """
    gaps = np.diff(along)
    # The lower median: a gap where slices are missing is too wide, never too narrow.
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    steps = np.rint(gaps / usual)
    even = along[0] + np.concatenate([[0.0], np.cumsum(steps)]) * (
        (along[-1] - along[0]) / max(np.sum(steps), 1)
    )
    tolerance = max(GRID_TOLERANCE * usual, min(ROUNDING_MM, usual / 4) + DUPLICATE_MM)
    uneven = bool(np.any(steps < 1) or np.abs(along - even).max() > tolerance)
    missing = [
        start + usual * number
        for start, step in zip(along[:-1], steps, strict=True)
        for number in range(1, int(step))
    ]
    far = np.abs(gaps - usual) > GRID_TOLERANCE * usual
    described = (
        f"{gaps.min():.4g} to {gaps.max():.4g} mm, at "
        f"{name_positions(along[1:][far if far.any() else np.ones_like(far)])}"
    )
    return Gaps(usual, steps, uneven, np.array(missing), float(gaps.max()), described)


def count_slices(count: int) -> str:
    """Say a number of slices."""
    return "1 slice" if count == 1 else f"{count} slices"


def name_positions(values: Floats) -> str:
    """Name positions along the normal, few enough to read."""
    shown = ", ".join(f"{value:.2f}" for value in values[:5])
    more = f" and {len(values) - 5} more" if len(values) > 5 else ""
    return f"{shown}{more} mm along the slice normal"
