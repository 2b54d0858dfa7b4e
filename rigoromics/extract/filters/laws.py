"""Laws' kernels and their energy (IBSI JTXT; Laws, SPIE 1980;238:376)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from rigoromics.extract.filters.base import (
    Boundary,
    Dimensions,
    Filter,
    Kernels,
    Pooling,
    Spacing,
    along,
    convolve,
    pool,
    rotations,
)
from rigoromics.grid import FloatArray, Triple

# Level, edge, spot, wave, ripple; IBSI divides each by its norm.
KERNELS: dict[str, FloatArray] = {
    name: np.array(kernel) / np.linalg.norm(kernel)
    for name, kernel in {
        "L3": [1.0, 2, 1],
        "L5": [1.0, 4, 6, 4, 1],
        "E3": [-1.0, 0, 1],
        "E5": [-1.0, -2, 0, 2, 1],
        "S3": [-1.0, 2, -1],
        "S5": [-1.0, 0, 2, 0, -1],
        "W5": [-1.0, 2, 0, -2, 1],
        "R5": [1.0, -4, 6, -4, 1],
    }.items()
}
PATTERN = re.compile(f"({'|'.join(KERNELS)}){{2,3}}")


@dataclass(frozen=True)
class Laws(Filter):
    """Response to Laws' kernels, one along each axis, or its energy.

    Attributes
    ----------
    kernels
        Names of the kernels along x, y and, if 3D, z: `L5E5` or `L5E5E5`.
    pooling
        Over rotations by right angles; `none`: no rotation.
    energy
        Mean absolute response within this Chebyshev distance, voxels; None: the response itself.
    boundary
        What lies beyond the image.
    """

    kernels: str
    pooling: Pooling = "max"
    energy: int | None = 7
    boundary: Boundary = "mirror"

    @property
    def name(self) -> str:
        """`laws-L5E5E5-max-energy-7`."""
        parts = ["laws", self.kernels]
        parts += [self.pooling] if self.pooling != "none" else []
        parts += ["energy", str(self.energy)] if self.energy else []
        return "-".join(parts)

    @property
    def dimensions(self) -> Dimensions:
        """2, where no kernel lies along z."""
        return 3 if len(self._kernels()) == 3 else 2

    def reach(self, spacing: Spacing) -> Triple:
        """Return half of the longest kernel and the energy's; see :meth:`Filter.reach`."""
        longest = max(len(kernel) for kernel in self._kernels())
        return along([longest // 2 + (self.energy or 0)] * 3, self.dimensions)

    def __call__(self, values: FloatArray, spacing: Spacing) -> FloatArray:
        """Return the response map; see :meth:`Filter.__call__`."""
        kernels = self._kernels()
        turned = [kernels] if self.pooling == "none" else rotations(kernels)
        response = pool((convolve(values, k, self.boundary) for k in turned), self.pooling)
        if not self.energy:
            return response
        side = 2 * self.energy + 1
        mean = (np.full(side, 1 / side),) * self.dimensions
        return convolve(np.abs(response), mean, self.boundary)

    def _kernels(self) -> Kernels:
        names = re.findall("..", self.kernels)
        return tuple(KERNELS[name] for name in names)
