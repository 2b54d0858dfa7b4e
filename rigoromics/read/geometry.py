"""Judge whether slices form a volume, before anything is built from them.

The gate refuses what image libraries silently repair: a missing slice turned into a wrong
spacing, a doubled slice, a tilted gantry straightened. Geometry follows DICOM PS3.3 C.7.6.2
(patient coordinates in mm, LPS).
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
        Indices of the slices along the normal, shape (n,).
    origin
        Centre of the first voxel of the first slice in that order (mm, LPS), shape (3,).
    spacing
        Along the row, down the column, between slices (mm), shape (3,).
    direction
        Its columns are the unit vectors of those three axes, shape (3, 3); right-handed.
    size
        Columns, rows, slices.
    """

    order: NDArray[np.intp]
    origin: Floats
    spacing: Floats
    direction: Floats
    size: tuple[int, int, int]


def check_geometry(slices: Sequence[SliceHeader]) -> VolumeGeometry:
    """Return the geometry of the volume that slices form, or refuse them in plain words.

    Parameters
    ----------
    slices
        The slices in any order.

    Returns
    -------
    VolumeGeometry
        It does not depend on the order of the slices.

    Raises
    ------
    DataError
        No slices; no position; slices that differ in size, pixel spacing or orientation; two
        slices at one position; missing slices or uneven gaps; slices shifted against each other
        (gantry tilt). The message names the positions in mm along the slice normal.
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
    along = positions @ direction[:, 2]
    order = np.argsort(along, kind="stable")
    gap = _slice_gap(along[order], slices[0].thickness)
    _check_stack(positions[order], direction, gap)
    rows, columns = slices[0].shape
    return VolumeGeometry(
        order=order,
        origin=positions[order[0]],
        spacing=np.array([spacing[1], spacing[0], gap]),
        direction=direction,
        size=(columns, rows, len(slices)),
    )


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


def _slice_gap(along: Floats, thickness: float) -> float:
    """Return the even gap between sorted positions (mm), or refuse with the uneven ones."""
    if len(along) == 1:
        return thickness if thickness > 0 else UNKNOWN_THICKNESS_MM
    gaps = np.diff(along)
    doubled = along[1:][gaps < DUPLICATE_MM]
    if doubled.size:
        raise DataError(
            f"{_slices(doubled.size)} of the series lie where another slice lies, "
            f"at {_positions(doubled)}",
            "remove the doubled files, or split the series if it holds several phases or echoes",
        )
    # The lower median: a gap where slices are missing is too wide, never too narrow.
    usual = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    steps = np.rint(gaps / usual)
    missing = int(np.sum(steps) - len(gaps))
    even = along[0] + np.concatenate([[0.0], np.cumsum(steps)]) * (
        (along[-1] - along[0]) / np.sum(steps)
    )
    tolerance = max(GRID_TOLERANCE * usual, min(ROUNDING_MM, usual / 4) + DUPLICATE_MM)
    if np.any(steps < 1) or np.abs(along - even).max() > tolerance:
        raise DataError(
            f"The gaps between the slices of the series are uneven ({gaps.min():.4g} to "
            f"{gaps.max():.4g} mm, at {_positions(along[1:][_far(gaps, usual)])})",
            "use a reconstruction with even slices",
        )
    if missing:
        lost = [
            start + usual * number
            for start, step in zip(along[:-1], steps, strict=True)
            for number in range(1, int(step))
        ]
        verb = "is" if missing == 1 else "are"
        raise DataError(
            f"{_slices(missing)} of the series {verb} missing, at {_positions(np.array(lost))} "
            f"(the slices lie {usual:.4g} mm apart)",
            "copy the missing files from the archive; no volume is made with slices left out",
        )
    return float((along[-1] - along[0]) / len(gaps))


def _far(gaps: Floats, usual: float) -> NDArray[np.bool_]:
    far: NDArray[np.bool_] = np.abs(gaps - usual) > GRID_TOLERANCE * usual
    return far if far.any() else np.ones_like(far)


def _check_stack(positions: Floats, direction: Floats, gap: float) -> None:
    """Refuse slices that are not stacked straight along their normal."""
    steps = positions - positions[0]
    sideways = steps - np.outer(steps @ direction[:, 2], direction[:, 2])
    shift = np.linalg.norm(sideways, axis=1)
    if shift.max() <= max(GRID_TOLERANCE * gap, ROUNDING_MM):
        return
    tilt = np.degrees(np.arctan2(shift[-1], gap * (len(positions) - 1)))
    raise DataError(
        f"The slices of the series are shifted sideways by up to {shift.max():.4g} mm against "
        f"their stack: the gantry was tilted (by about {tilt:.1f} degrees) or the table moved",
        "use a reconstruction without tilt, or have this one resampled to upright slices",
    )


def _slices(count: int) -> str:
    return "1 slice" if count == 1 else f"{count} slices"


def _positions(values: Floats) -> str:
    """Name positions along the normal, few enough to read."""
    shown = ", ".join(f"{value:.2f}" for value in values[:5])
    more = f" and {len(values) - 5} more" if len(values) > 5 else ""
    return f"{shown}{more} mm along the slice normal"
