"""Voxel grids: boxes of voxels, and where the voxels of a resampled scan lie.

Indices, sizes and spacings are in SimpleITK's order (x, y, z).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

Triple = tuple[int, int, int]
FloatArray = npt.NDArray[np.float64]

# Halfway cases must not hang on the last bit of a coordinate.
TIE = 1e-6


@dataclass(frozen=True)
class Region:
    """A box of voxels: index of its first voxel and its size, (x, y, z)."""

    lower: Triple
    size: Triple

    @property
    def upper(self) -> Triple:
        """Index of the last voxel along each axis."""
        x, y, z = (low + n - 1 for low, n in zip(self.lower, self.size, strict=True))
        return x, y, z

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Where it lies in an array of (slices, rows, columns)."""
        x, y, z = (slice(low, low + n) for low, n in zip(self.lower, self.size, strict=True))
        return z, y, x

    def grown(self, margin: Sequence[int], within: Triple) -> Region:
        """Return the box with `margin` more voxels on every side, cut at an image's borders."""
        lower = [max(low - m, 0) for low, m in zip(self.lower, margin, strict=True)]
        upper = [min(up + m, n - 1) for up, m, n in zip(self.upper, margin, within, strict=True)]
        return region_between(lower, upper)

    def union(self, other: Region) -> Region:
        """Return the smallest box that holds both."""
        return region_between(
            [min(pair) for pair in zip(self.lower, other.lower, strict=True)],
            [max(pair) for pair in zip(self.upper, other.upper, strict=True)],
        )

    def within(self, other: Region) -> Region | None:
        """Return what lies in both boxes; None if nothing does."""
        lower = np.maximum(self.lower, other.lower)
        upper = np.minimum(self.upper, other.upper)
        return region_between(lower, upper) if (lower <= upper).all() else None

    def counted_inside(self, other: Region) -> Region:
        """Return the same box counted from another box's first voxel."""
        x, y, z = (a - b for a, b in zip(self.lower, other.lower, strict=True))
        return Region((x, y, z), self.size)

    def counted_outside(self, other: Region) -> Region:
        """Undo `counted_inside`."""
        x, y, z = (a + b for a, b in zip(self.lower, other.lower, strict=True))
        return Region((x, y, z), self.size)

    def corners(self) -> FloatArray:
        """Return its eight corner voxels as (8, 3) indices."""
        return np.array([*itertools.product(*zip(self.lower, self.upper, strict=True))], float)


def region_between(
    lower: Sequence[float] | FloatArray, upper: Sequence[float] | FloatArray
) -> Region:
    """Return the box from a first to a last voxel, both inside it."""
    x, y, z = (int(low) for low in lower)
    nx, ny, nz = (int(up) - int(low) + 1 for low, up in zip(lower, upper, strict=True))
    return Region((x, y, z), (nx, ny, nz))


@dataclass(frozen=True)
class Pose:
    """How the voxel grid of a perturbed scan lies on the scan (Zwanenburg 2019).

    Attributes
    ----------
    shift
        Shares of a new voxel along its axes (x, y, z).
    angle_deg
        Turn about the slice axis through the scan's centre, from x to y, degrees.
    """

    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    angle_deg: float = 0.0


IDENTITY = Pose()


@dataclass(frozen=True)
class Grid:
    """Voxels of a scan after resampling.

    Attributes
    ----------
    size
        Voxels along x, y, z.
    step
        New voxel size in units of the old one.
    corner
        Where the new grid's outer corner lies from the old one's, in old voxels.
    angle_deg, pivot, aspect
        Turn of the new grid within slices, the old index (x, y) it is turned about, and the old
        voxels' height over their width.
    """

    size: Triple
    step: tuple[float, float, float]
    corner: tuple[float, float, float] = (0.0, 0.0, 0.0)
    angle_deg: float = 0.0
    pivot: tuple[float, float] = (0.0, 0.0)
    aspect: float = 1.0

    @property
    def is_original(self) -> bool:
        """Whether nothing is to be resampled."""
        moved = any(self.corner) or self.angle_deg
        return self.step == (1.0, 1.0, 1.0) and not moved

    def along(self, axis: int, first: int, number: int) -> FloatArray:
        """Return where new voxels lie between the old ones, but for any turn: (number,) indices."""
        new = np.arange(first, first + number, dtype=np.float64)
        return np.asarray((new + 0.5) * self.step[axis] - 0.5 + self.corner[axis], dtype=np.float64)

    def old_points(self, new: FloatArray) -> FloatArray:
        """Return where new voxels lie between the old ones: (n, 3) indices for (n, 3) indices."""
        old = (new + 0.5) * self.step - 0.5 + self.corner
        return self._turned(old, self.angle_deg) if self.angle_deg else old

    def new_points(self, old: FloatArray) -> FloatArray:
        """Undo `old_points`."""
        straight = self._turned(old, -self.angle_deg) if self.angle_deg else old
        return (straight - self.corner + 0.5) / self.step - 0.5

    @property
    def direction(self) -> FloatArray:
        """Directions of the new axes in terms of the old, (3, 3) with one axis per column."""
        turn = math.radians(self.angle_deg)
        cos, sin = math.cos(turn), math.sin(turn)
        return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])

    def covering(self, region: Region) -> Region:
        """Return the new voxels that can hold any part of a box of old voxels.

        One old voxel more on each side: linear interpolation reaches that far.
        """
        outer = np.array(region.lower) - 1, np.array(region.upper) + 1
        ends = np.array([*itertools.product(*zip(*outer, strict=True))], float)
        new = self.new_points(ends)
        top = np.array(self.size) - 1
        lower, upper = np.floor(new.min(axis=0)), np.ceil(new.max(axis=0))
        return region_between(np.clip(lower, 0, top), np.clip(upper, 0, top))

    def _turned(self, points: FloatArray, angle_deg: float) -> FloatArray:
        turn = math.radians(angle_deg)
        cos, sin = math.cos(turn), math.sin(turn)
        x = points[:, 0] - self.pivot[0]
        y = (points[:, 1] - self.pivot[1]) * self.aspect
        turned = points.astype(np.float64)
        turned[:, 0] = cos * x - sin * y + self.pivot[0]
        turned[:, 1] = (sin * x + cos * y) / self.aspect + self.pivot[1]
        return turned


def target_grid(
    image: sitk.Image,
    spacing_mm: Sequence[float] | None,
    align: str = "corner",
    pose: Pose = IDENTITY,
) -> Grid:
    """Return the grid of a scan resampled to a voxel size (IBSI 2.4).

    Parameters
    ----------
    image
        The scan.
    spacing_mm
        New voxel size (x, y, z), mm; 0 keeps that axis; None keeps all.
    align
        What old and new grid share: the outer `corner` (PyRadiomics), or the `centre` (IBSI, where
        a last voxel that begins inside the scan counts whole).
    pose
        How the new grid is moved from there. Its size stays.
    """
    old = np.array(image.GetSpacing())
    new = np.array(spacing_mm if spacing_mm is not None else (0.0, 0.0, 0.0))
    new = np.where(np.isclose(new, old) | (new == 0), old, new)
    step = new / old
    voxels = np.array(image.GetSize())
    if align == "centre":
        size = np.maximum(np.ceil(voxels / step - TIE), 1).astype(int)
        corner = (voxels - size * step) / 2
    else:
        # Rounded, not rounded up: the last centre stays inside the scan.
        size = np.maximum(np.floor(voxels / step + 0.5 + TIE), 1).astype(int)
        corner = np.zeros(3)
    corner = corner + np.array(pose.shift) * step
    (x, y, z), (a, b, c), (u, v, w) = size.tolist(), step.tolist(), corner.tolist()
    across, down = ((voxels[:2] - 1) / 2).tolist()
    aspect = float(old[1] / old[0])
    return Grid((x, y, z), (a, b, c), (u, v, w), pose.angle_deg, (across, down), aspect)
