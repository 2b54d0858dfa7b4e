"""Laplacian of Gaussian in IBSI's definition (L6PA)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigoromics.extract.filters.base import (
    Boundary,
    Dimensions,
    Filter,
    Spacing,
    along,
    convolve,
    number_in_name,
)
from rigoromics.grid import FloatArray, Triple


@dataclass(frozen=True)
class LaplacianOfGaussian(Filter):
    """Laplacian of a Gaussian sampled at voxels, cut off, and neither scaled nor made to sum to 0.

    IBSI has the width and the derivative in voxels, of which all sides are equal. Where they are
    not, the derivative is in the width of a column, so that the filter is round in millimetres.

    Attributes
    ----------
    sigma_mm
        Width of the Gaussian, mm.
    cutoff
        Half of the kernel's support, in widths.
    dimensions
        2: within each slice.
    boundary
        What lies beyond the image.
    """

    sigma_mm: float
    cutoff: float = 4.0
    dimensions: Dimensions = 3
    boundary: Boundary = "mirror"

    @property
    def name(self) -> str:
        """`logibsi-sigma-1-5-mm-3D`."""
        return f"logibsi-sigma-{number_in_name(self.sigma_mm)}-mm-{self.dimensions}D"

    def reach(self, spacing: Spacing) -> Triple:
        """Return the cut-off in voxels; see :meth:`Filter.reach`."""
        return along([self._half(size) for size in spacing], self.dimensions)

    def _half(self, size: float) -> int:
        return int(np.floor(self.cutoff * self.sigma_mm / size + 0.5))

    def __call__(self, values: FloatArray, spacing: Spacing) -> FloatArray:
        """Return the response map; see :meth:`Filter.__call__`."""
        smooth, curved = [], []
        for size in spacing[: self.dimensions]:
            width = self.sigma_mm / size
            half = self._half(size)
            k = np.arange(-half, half + 1) / width
            bell = np.exp(-(k**2) / 2) / (np.sqrt(2 * np.pi) * width)
            smooth.append(bell)
            curved.append(bell * (k**2 - 1) * (spacing[0] / self.sigma_mm) ** 2)
        # The sum over axes of: curved along this one, smooth along the others.
        result = np.zeros_like(values)
        for axis in range(self.dimensions):
            kernels = tuple(
                curved[other] if other == axis else smooth[other]
                for other in range(self.dimensions)
            )
            result += convolve(values, kernels, self.boundary)
        return result
