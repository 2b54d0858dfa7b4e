"""Shape features (IBSI HCUG), by PyRadiomics' definitions, without comparing all vertices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rigoromics.extract.dictionary import names_of
from rigoromics.extract.fast.jit import njit
from rigoromics.preprocess import BoolArray, bounding_box, part_of
from rigoromics.segment.mesh import mesh

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# All pairs of so few points are compared sooner than scipy is loaded.
FEW = 3000


def shape(inside: BoolArray, spacing: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    """Return shape features by PyRadiomics' names.

    Parameters
    ----------
    inside
        (slices, rows, columns) the ROI; at least one voxel. What lies beyond is outside.
    spacing
        Voxel size (x, y, z), mm.
    names
        Features wanted; none: all.
    """
    box = bounding_box(inside)
    if box is None:
        raise ValueError("an empty mask has no shape")
    cut = part_of(inside, box)
    steps = np.array(spacing[::-1], dtype=np.float64)
    surface = mesh(cut, (steps[0], steps[1], steps[2]))
    area, volume = surface.area, surface.volume
    found = {
        "MeshVolume": volume,
        "VoxelVolume": float(np.count_nonzero(cut) * np.prod(steps)),
        "SurfaceArea": area,
        "SurfaceVolumeRatio": area / volume,
        "Sphericity": float((36 * np.pi * volume**2) ** (1 / 3) / area),
        **_axes(cut, steps),
        **_diameters(cut, steps),
    }
    return {name: found[name] for name in names or names_of("shape")}


def _axes(inside: BoolArray, steps: FloatArray) -> dict[str, float]:
    """Return the axes of the ellipsoid with the same covariance of voxel centres (over n)."""
    centres = np.argwhere(inside) * steps
    centres -= centres.mean(axis=0)
    least, minor, major = np.linalg.eigvalsh(centres.T @ centres / len(centres))
    # A plane's thinnest axis is zero, or a rounding error below it.
    least, minor = max(least, 0.0), max(minor, 0.0)
    return {
        "MajorAxisLength": float(4 * np.sqrt(major)),
        "MinorAxisLength": float(4 * np.sqrt(minor)),
        "LeastAxisLength": float(4 * np.sqrt(least)),
        "Elongation": float(np.sqrt(minor / major)) if major > 0 else np.nan,
        "Flatness": float(np.sqrt(least / major)) if major > 0 else np.nan,
    }


def _diameters(inside: BoolArray, steps: FloatArray) -> dict[str, float]:
    """Return the largest distances between vertices of the surface mesh.

    The vertices lie halfway between a voxel inside and a neighbour outside. In a plane, only the
    ends of each line can be farthest apart; in space, only corners of the convex hull.
    """
    padded = np.pad(inside, 1)
    found = []
    for axis in range(3):
        # Planes first; the ends of their lines are looked for along the last axis.
        order = [axis, *(other for other in range(3) if other != axis)]
        ends, starts = _line_ends(np.ascontiguousarray(padded.transpose(order)))
        found.append((ends * (steps[order] / 2), starts))
    slices, rows, columns = (float(np.sqrt(_farthest_in_groups(*each))) for each in found)
    corners = _corners(found[0][0])
    return {
        "Maximum2DDiameterSlice": slices,
        "Maximum2DDiameterColumn": rows,
        "Maximum2DDiameterRow": columns,
        "Maximum3DDiameter": float(np.sqrt(_farthest(corners))),
    }


def _corners(places: FloatArray) -> FloatArray:
    """Return those of (n, 3) places that can be farthest apart: corners of their convex hull."""
    if len(places) < FEW:
        return places
    from scipy.spatial import ConvexHull

    corners: FloatArray = places[ConvexHull(places).vertices]
    return corners


@njit
def _line_ends(padded: BoolArray) -> tuple[FloatArray, IntArray]:
    """Return the first and last vertex of every line of every plane, in half voxels.

    Vertices lie on lines between two rows as well as on rows, and between two planes as well as on
    planes: odd places are between.

    Parameters
    ----------
    padded
        (planes, rows, columns) a mask whose border is empty.

    Returns
    -------
    ndarray, ndarray
        (ends, 3) places; (planes + 1,) where each plane's ends begin, and where the last one ends.
    """
    planes, rows, _ = padded.shape
    ends = np.empty((8 * planes * rows, 3))
    starts = np.zeros(2 * planes, np.int64)
    number = 0
    for plane in range(2 * planes - 1):
        starts[plane] = number
        for row in range(2 * rows - 1):
            if plane % 2 == 1 and row % 2 == 1:
                continue
            z, y = plane // 2, row // 2
            line = padded[z, y]
            if plane % 2 == 1 or row % 2 == 1:
                first, last = _crossed_to(line, padded[z + plane % 2, y + row % 2])
            else:
                first, last = _crossed_along(line)
            if first >= 0:
                ends[number] = (plane, row, first)
                ends[number + 1] = (plane, row, last)
                number += 2
    starts[2 * planes - 1] = number
    return ends[:number], starts


@njit
def _crossed_along(line: BoolArray) -> tuple[int, int]:
    """Return the first and last place, in half voxels, where a line enters or leaves the ROI."""
    first, last = -1, -1
    for x in range(len(line) - 1):
        if line[x] != line[x + 1]:
            last = 2 * x + 1
            first = last if first < 0 else first
    return first, last


@njit
def _crossed_to(line: BoolArray, other: BoolArray) -> tuple[int, int]:
    """Return the first and last place, in half voxels, where one of two lines is in the ROI."""
    first, last = -1, -1
    for x in range(len(line)):
        if line[x] != other[x]:
            last = 2 * x
            first = last if first < 0 else first
    return first, last


@njit
def _farthest(points: FloatArray) -> float:
    """Return the largest squared distance between two points."""
    best = 0.0
    for i in range(len(points)):
        for j in range(i):
            a = points[i, 0] - points[j, 0]
            b = points[i, 1] - points[j, 1]
            c = points[i, 2] - points[j, 2]
            best = max(best, a * a + b * b + c * c)
    return best


@njit
def _farthest_in_groups(points: FloatArray, starts: IntArray) -> float:
    """Return the largest squared distance between two points of one group."""
    best = 0.0
    for group in range(len(starts) - 1):
        best = max(best, _farthest(points[starts[group] : starts[group + 1]]))
    return best
