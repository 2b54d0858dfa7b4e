"""Area and signed volume of a mask's surface mesh, as PyRadiomics measures them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from radiomics import cShape

Spacing = tuple[float, float, float]
# A cube of eight neighbouring voxels is one of 256 patterns of inside and outside.
_CORNERS = list(product((0, 1), repeat=3))
_PATTERNS = 256


@dataclass(frozen=True)
class Mesh:
    """Surface mesh of a mask.

    Attributes
    ----------
    area
        Surface area in mm² (IBSI C0JK).
    volume
        Signed volume in mm³ (IBSI RNU0). A mesh whose triangles do not close may enclose less
        than nothing.
    """

    area: float
    volume: float

    @property
    def sphericity(self) -> float:
        """Area of the sphere of that volume over the area (IBSI QCFX); 1 for a sphere.

        Zero where the volume is not positive.
        """
        if self.area <= 0 or self.volume <= 0:
            return 0.0
        return float((36 * math.pi * self.volume**2) ** (1 / 3) / self.area)


def mesh(mask: NDArray[np.bool_], spacing: Spacing) -> Mesh:
    """Return the surface mesh of a mask, shape (k, j, i), by marching cubes.

    PyRadiomics' own function gives the same two numbers, but also compares all vertices with
    each other for the diameters, which takes minutes on an organ. Here the cubes of each pattern
    are counted, and PyRadiomics is asked once what a cube of each pattern has.

    Parameters
    ----------
    mask
        The mask, cropped or not; what lies beyond the array is outside.
    spacing
        (k, j, i) in mm.
    """
    found = patterns(np.pad(mask, 1))
    volumes, vectors = _volumes()
    counts = np.bincount(found.ravel(), minlength=_PATTERNS)
    volume = float(counts @ volumes)
    for axis in range(3):
        # A triangle's share of the signed volume grows with its place along its area vector.
        volume += float(_places(found, axis) @ vectors[:, axis])
    return Mesh(float(counts @ areas(spacing)), volume * math.prod(spacing))


def patterns(padded: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the pattern of each cube of eight voxels: one bit for each of its corners.

    Parameters
    ----------
    padded
        A mask of shape (k, j, i); the patterns have one place less along each axis.
    """
    k, j, i = (size - 1 for size in padded.shape)
    found = np.zeros((k, j, i), dtype=np.uint8)
    for bit, (z, y, x) in enumerate(_CORNERS):
        found |= padded[z : z + k, y : y + j, x : x + i].astype(np.uint8) << bit
    return found


def _places(found: NDArray[np.uint8], axis: int) -> NDArray[np.float64]:
    """Return, for each pattern, the sum of its cubes' indices along an axis."""
    rows = np.moveaxis(found, axis, 0)
    places = np.repeat(np.arange(float(len(rows))), rows[0].size)
    found_at = np.bincount(rows.ravel(), weights=places, minlength=_PATTERNS)
    return found_at.astype(np.float64)


@cache
def areas(spacing: Spacing) -> NDArray[np.float64]:
    """Return the mesh area within a cube of each pattern, shape (256,), in mm²; (k, j, i) in mm."""
    return np.array([_measure(_cube(pattern), spacing)[0] for pattern in range(_PATTERNS)])


@cache
def _volumes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return volume (256,) and area vector / 3 (256, 3) of each pattern, voxels of one unit.

    The vector is what the signed volume gains when the cube moves by one along each axis. It is
    read off an array of three voxels along that axis, which holds the cube at place one, and at
    place zero the cube that leads up to it.
    """
    volumes = np.array([_measure(_cube(pattern), (1, 1, 1))[1] for pattern in range(_PATTERNS)])
    vectors = np.zeros((_PATTERNS, 3))
    for pattern, axis in product(range(1, _PATTERNS - 1), range(3)):
        cube = _cube(pattern)
        front = np.zeros_like(np.take(cube, [0], axis=axis))
        long = np.concatenate([front, cube], axis=axis)
        before = patterns(np.take(long, [0, 1], axis=axis).astype(bool)).item()
        vectors[pattern, axis] = _measure(long, (1, 1, 1))[1] - volumes[before] - volumes[pattern]
    return volumes, vectors


def _cube(pattern: int) -> NDArray[np.int8]:
    cube = np.zeros((2, 2, 2), dtype=np.int8)
    for bit, corner in enumerate(_CORNERS):
        cube[corner] = pattern >> bit & 1
    return cube


def _measure(values: NDArray[np.int8], spacing: Spacing) -> tuple[float, float]:
    """Return area and signed volume of an array as it stands, without a margin."""
    if values.min() == values.max():
        return 0.0, 0.0
    area, volume, _ = cShape.calculate_coefficients(values, np.array(spacing, dtype=np.float64))
    return float(area), float(volume)
