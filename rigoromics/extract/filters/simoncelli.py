"""Non-separable Simoncelli wavelets (IBSI PRT7; Portilla and Simoncelli, IJCV 2000;40:49-70)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigoromics.extract.filters.base import EVERYWHERE, Dimensions, Filter, Spacing, along
from rigoromics.grid import FloatArray, Triple


@dataclass(frozen=True)
class Simoncelli(Filter):
    """The band-pass image of one level: a ring of spatial frequencies.

    It is made in Fourier space of the whole image, which therefore goes on periodically.

    Attributes
    ----------
    level
        Level of the decomposition, from 1, the finest; each next one halves the frequencies.
    dimensions
        2: within each slice.
    """

    level: int = 1
    dimensions: Dimensions = 3

    @property
    def name(self) -> str:
        """`simoncelli-1-3D`."""
        return f"simoncelli-{self.level}-{self.dimensions}D"

    def reach(self, spacing: Spacing) -> Triple:
        """Return more than any image has; see :meth:`Filter.reach`."""
        return along([EVERYWHERE] * 3, self.dimensions)

    def __call__(self, values: FloatArray, spacing: Spacing) -> FloatArray:
        """Return the response map; see :meth:`Filter.__call__`."""
        from scipy import fft

        axes = tuple(range(3 - self.dimensions, 3))
        spectrum = fft.fftn(values, axes=axes)
        return np.asarray(fft.ifftn(spectrum * self._ring(values.shape), axes=axes).real)

    def _ring(self, shape: tuple[int, ...]) -> FloatArray:
        """Return the transfer function, over the frequencies of the axes that are filtered.

        IBSI's response maps have frequencies run evenly from -1 to 1, so that none is 0 where an
        axis has an even number of voxels. What that makes imaginary is dropped.
        """
        steps = [np.fft.ifftshift(np.linspace(-1, 1, n)) for n in shape[3 - self.dimensions :]]
        radius = np.sqrt(sum(nu**2 for nu in np.meshgrid(*steps, indexing="ij", sparse=True)))
        radius = radius * 2 ** (self.level - 1)
        inside = (radius > 0.25) & (radius <= 1)
        ring = np.zeros(radius.shape)
        ring[inside] = np.cos(np.pi / 2 * np.log2(2 * radius[inside]))
        return ring
