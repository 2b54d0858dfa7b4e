"""Mean filter (IBSI S60F)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigoromics.extract.filters.base import Boundary, Dimensions, Filter, Spacing, along, convolve
from rigoromics.grid import FloatArray, Triple


@dataclass(frozen=True)
class Mean(Filter):
    """The mean of a square or cube around each voxel.

    Attributes
    ----------
    support
        Voxels along its side; an odd number.
    dimensions
        2: within each slice.
    boundary
        What lies beyond the image.
    """

    support: int
    dimensions: Dimensions = 3
    boundary: Boundary = "mirror"

    @property
    def name(self) -> str:
        """`mean-5-3D`."""
        return f"mean-{self.support}-{self.dimensions}D"

    def reach(self, spacing: Spacing) -> Triple:
        """Return half of the support; see :meth:`Filter.reach`."""
        return along([self.support // 2] * 3, self.dimensions)

    def __call__(self, values: FloatArray, spacing: Spacing) -> FloatArray:
        """Return the response map; see :meth:`Filter.__call__`."""
        kernel = np.full(self.support, 1 / self.support)
        return convolve(values, (kernel,) * self.dimensions, self.boundary)
