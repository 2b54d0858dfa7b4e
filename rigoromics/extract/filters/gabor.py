"""Gabor filters (IBSI Q88H)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.extract.filters.base import (
    PADDING,
    Boundary,
    Dimensions,
    Filter,
    Pooling,
    Spacing,
    along,
    number_in_name,
    pool,
)
from rigoromics.grid import FloatArray, Triple

# IBSI does not cut the kernel off; at six widths it has fallen to 2e-8.
CUTOFF = 6.0
# Planes by their two axes of (slices, rows, columns): the first counts as x, the second as y.
PLANES = ((2, 1), (2, 0), (1, 0))


@dataclass(frozen=True)
class Gabor(Filter):
    """Modulus of the response to a wave under a Gaussian, in planes.

    Attributes
    ----------
    sigma_mm
        Width of the Gaussian along the wave, mm.
    wavelength_mm
        Length of the wave, mm.
    gamma
        Width along the wave over the width across.
    theta
        Direction of the wave, degrees, from x towards y.
    step
        Degrees from one direction to the next, pooled over a full turn.
    pooling
        Over directions and planes; `none`: the one direction.
    dimensions
        2: in each slice; 3: in all planes along two axes, pooled.
    boundary
        What lies beyond the image.
    """

    sigma_mm: float
    wavelength_mm: float
    gamma: float = 1.0
    theta: float = 0.0
    step: float = 22.5
    pooling: Pooling = "average"
    dimensions: Dimensions = 3
    boundary: Boundary = "mirror"

    @property
    def name(self) -> str:
        """`gabor-sigma-5-0-mm-lambda-2-0-mm-gamma-1-5-average-3D`."""
        sigma, wavelength, gamma, theta = map(
            number_in_name, (self.sigma_mm, self.wavelength_mm, self.gamma, self.theta)
        )
        how = f"theta-{theta}" if self.pooling == "none" else self.pooling
        return (
            f"gabor-sigma-{sigma}-mm-lambda-{wavelength}-mm-gamma-{gamma}-{how}-{self.dimensions}D"
        )

    def reach(self, spacing: Spacing) -> Triple:
        """Return the cut-off in voxels; see :meth:`Filter.reach`."""
        return along([self._half(size) for size in spacing], self.dimensions)

    def _half(self, size: float) -> int:
        return math.ceil(CUTOFF * self.sigma_mm * max(1.0, 1 / self.gamma) / size)

    def __call__(self, values: FloatArray, spacing: Spacing) -> FloatArray:
        """Return the response map; see :meth:`Filter.__call__`."""
        planes = PLANES if self.dimensions == 3 else PLANES[:1]
        return pool((m for plane in planes for m in self._in(plane, values, spacing)), self.pooling)

    def _in(
        self, plane: tuple[int, int], values: FloatArray, spacing: Spacing
    ) -> Iterator[FloatArray]:
        """Yield the response of each direction in all planes along two axes."""
        from scipy import fft

        halves = [self._half(spacing[2 - axis]) for axis in plane]
        margin = [(0, 0)] * 3
        for axis, half in zip(plane, halves, strict=True):
            margin[axis] = (half, half)
        padded = np.pad(values, margin, PADDING[self.boundary])
        # Twice the margin: what wraps around falls on what is cut away.
        size = [fft.next_fast_len(padded.shape[axis]) for axis in plane]
        seen = fft.fft2(padded, size, axes=plane)
        middle = tuple(
            slice(2 * low, 2 * low + n) if low else slice(None)
            for (low, _), n in zip(margin, values.shape, strict=True)
        )
        for angle in self._angles():
            kernel = self._kernel(angle, halves, [spacing[2 - axis] for axis in plane])
            spectrum = np.expand_dims(
                fft.fft2(kernel, size), [a for a in range(3) if a not in plane]
            )
            # The kernel's x comes first, the array's last.
            yield np.abs(fft.ifft2(seen * spectrum.swapaxes(*plane), axes=plane)[middle])

    def _angles(self) -> list[float]:
        """Return directions in radians; opposite ones have the same modulus."""
        if self.pooling == "none":
            return [math.radians(self.theta)]
        number = round(360 / self.step)
        turn = [(self.theta + k * self.step) % 180 for k in range(number)]
        # A full turn in an even number of steps meets every direction twice.
        return [math.radians(angle) for angle in (turn[: number // 2] if number % 2 == 0 else turn)]

    def _kernel(self, angle: float, halves: list[int], sizes: list[float]) -> npt.NDArray[Any]:
        """Return the kernel, (voxels along x, along y)."""
        x, y = (np.arange(-half, half + 1) * size for half, size in zip(halves, sizes, strict=True))
        wave = x[:, None] * math.cos(angle) + y * math.sin(angle)
        across = y * math.cos(angle) - x[:, None] * math.sin(angle)
        bell = np.exp(-(wave**2 + (self.gamma * across) ** 2) / (2 * self.sigma_mm**2))
        return np.asarray(bell * np.exp(2j * np.pi * wave / self.wavelength_mm))
