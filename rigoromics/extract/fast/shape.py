"""Shape features (IBSI HCUG), by PyRadiomics' definitions, without comparing all vertices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull

from rigoromics.extract.dictionary import names_of
from rigoromics.extract.fast.jit import njit
from rigoromics.preprocess import BoolArray, bounding_box, part_of
from rigoromics.segment.mesh import mesh

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


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
    vertices = _vertices(inside)
    planes = [_widest_in_planes(vertices, axis, steps) for axis in range(3)]
    places = _line_ends(vertices, 0) * (steps / 2)
    corners = places[ConvexHull(places).vertices]
    return {
        "Maximum2DDiameterSlice": planes[0],
        "Maximum2DDiameterColumn": planes[1],
        "Maximum2DDiameterRow": planes[2],
        "Maximum3DDiameter": float(np.sqrt(_farthest(corners))),
    }


def _vertices(inside: BoolArray) -> IntArray:
    """Return the mesh's vertices, (vertices, 3), in half voxels: odd where an edge is crossed."""
    padded = np.pad(inside, 1)
    found = []
    for axis in range(3):
        crossed = np.argwhere(np.diff(padded, axis=axis)) * 2
        crossed[:, axis] += 1
        found.append(crossed)
    return np.concatenate(found)


def _line_ends(points: IntArray, plane: int) -> IntArray:
    """Return the first and last point of each line that runs within the planes of an axis."""
    across, along = (axis for axis in range(3) if axis != plane)
    ordered = points[np.lexsort((points[:, along], points[:, across], points[:, plane]))]
    new = np.any(np.diff(ordered[:, [plane, across]], axis=0) != 0, axis=1)
    ends = np.concatenate([[True], new]) | np.concatenate([new, [True]])
    kept: IntArray = ordered[ends]
    return kept


def _widest_in_planes(vertices: IntArray, axis: int, steps: FloatArray) -> float:
    """Return the largest distance between two vertices of one plane across an axis, mm."""
    ends = _line_ends(vertices, axis)
    starts = np.flatnonzero(np.diff(ends[:, axis], prepend=-1))
    return float(np.sqrt(_farthest_in_groups(ends * (steps / 2), np.append(starts, len(ends)))))


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
