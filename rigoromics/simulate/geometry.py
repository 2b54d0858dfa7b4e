"""Grids of voxels and star-shaped bodies in millimetres.

World coordinates are DICOM's patient coordinates: x to the patient's left, y to the back, z to
the head. Arrays are indexed (slice, row, column), that is (z, y, x).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Grid:
    """An axis-aligned voxel grid.

    Attributes
    ----------
    origin
        World position (x, y, z) of the centre of voxel (0, 0, 0), mm.
    spacing
        Voxel size along (x, y, z), mm.
    shape
        Number of (slices, rows, columns).
    """

    origin: tuple[float, float, float]
    spacing: tuple[float, float, float]
    shape: tuple[int, int, int]

    @property
    def x(self) -> Float:
        """Column positions, mm, shape (columns,)."""
        return self.origin[0] + self.spacing[0] * np.arange(self.shape[2], dtype=np.float64)

    @property
    def y(self) -> Float:
        """Row positions, mm, shape (rows,)."""
        return self.origin[1] + self.spacing[1] * np.arange(self.shape[1], dtype=np.float64)

    @property
    def z(self) -> Float:
        """Slice positions, mm, shape (slices,)."""
        return self.origin[2] + self.spacing[2] * np.arange(self.shape[0], dtype=np.float64)


def sphere_directions(n: int) -> Float:
    """Return n directions spread evenly over the sphere (Fibonacci lattice), shape (n, 3)."""
    index = np.arange(n) + 0.5
    z = 1 - 2 * index / n
    angle = np.pi * (1 + np.sqrt(5)) * index
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)


@dataclass(frozen=True)
class StarShape:
    """A smooth closed body whose every point sees the centre.

    The distance of the surface in direction u is ``radius + sum_k a_k cos(w_k . u + p_k)``.

    Attributes
    ----------
    centre
        World position (x, y, z), mm.
    radius
        Mean radius, mm.
    waves, phases, amplitudes
        The terms of the sum: (k, 3), (k,) and, in mm, (k,).
    """

    centre: tuple[float, float, float]
    radius: float
    waves: Float
    phases: Float
    amplitudes: Float

    def surface(self, directions: Float) -> Float:
        """Return the distance of the surface along unit directions (..., 3), mm."""
        waves = np.cos(directions @ self.waves.T + self.phases) @ self.amplitudes
        return cast(Float, np.maximum(self.radius + waves, 0.5))

    def level(self, x: Float, y: Float, z: Float) -> Float:
        """Return about the signed distance to the surface, mm; negative inside."""
        offset = np.stack(
            np.broadcast_arrays(x - self.centre[0], y - self.centre[1], z - self.centre[2]), axis=-1
        )
        distance = np.sqrt((offset**2).sum(axis=-1))
        directions = offset / np.maximum(distance, 1e-9)[..., None]
        return cast(Float, distance - self.surface(directions))

    def volume(self) -> float:
        """Return the volume, mm3."""
        radii = self.surface(sphere_directions(4000))
        return float(4 / 3 * np.pi * (radii**3).mean())

    def reach(self) -> float:
        """Return the largest distance from the centre to the surface, mm."""
        return float(self.surface(sphere_directions(1000)).max())

    def moved(self, shift: Float) -> StarShape:
        """Return the same body elsewhere; shift is (x, y, z) in mm."""
        x, y, z = (float(c + s) for c, s in zip(self.centre, shift, strict=True))
        return replace(self, centre=(x, y, z))

    def displaced(
        self, rng: np.random.Generator, bias: float, spread: float, detail: float = 3.0
    ) -> StarShape:
        """Return the body as someone else would draw it.

        Parameters
        ----------
        rng
            Source of chance.
        bias
            Added to the mean radius, mm.
        spread
            Standard deviation over the surface of a smooth displacement, mm.
        detail
            Length of the displacement's wave vectors: larger is wigglier.
        """
        count = 6
        waves = rng.normal(0, detail / np.sqrt(3), (count, 3))
        phases = rng.uniform(0, 2 * np.pi, count)
        sizes = np.full(count, spread * np.sqrt(2 / count))
        return replace(
            self,
            radius=self.radius + bias,
            waves=np.concatenate([self.waves, waves]),
            phases=np.concatenate([self.phases, phases]),
            amplitudes=np.concatenate([self.amplitudes, sizes]),
        )


def lesion_shape(
    rng: np.random.Generator, centre: tuple[float, float, float], diameter: float
) -> StarShape:
    """Return an irregular smooth lesion of exactly a sphere's volume.

    Parameters
    ----------
    rng
        Source of chance.
    centre
        World position, mm.
    diameter
        Diameter of the sphere of the same volume, mm.
    """
    coarse = rng.normal(0, 1.3, (5, 3))
    fine = rng.normal(0, 3.2, (5, 3))
    relative = np.concatenate([np.full(5, 0.055), np.full(5, 0.03)]) * rng.uniform(0.6, 1.3, 10)
    phases = rng.uniform(0, 2 * np.pi, 10)
    unit = StarShape(centre, 1.0, np.concatenate([coarse, fine]), phases, relative)
    target = np.pi / 6 * diameter**3
    scale = float(np.cbrt(target / unit.volume()))
    shape = replace(unit, radius=scale, amplitudes=relative * scale)
    # The floor of `surface` is absolute, so one correction step makes the volume exact.
    return replace(
        shape,
        radius=shape.radius * float(np.cbrt(target / shape.volume())),
        amplitudes=shape.amplitudes * float(np.cbrt(target / shape.volume())),
    )
