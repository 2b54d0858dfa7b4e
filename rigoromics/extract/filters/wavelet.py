"""Undecimated separable wavelets in IBSI's definition (25BO)."""

from __future__ import annotations

from collections.abc import Iterable
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


@dataclass(frozen=True)
class Wavelet(Filter):
    """One band of a stationary wavelet transform.

    PyRadiomics has the same transform, periodic and without rotations. At level n > 1 the low-pass
    image of the level before is filtered, by kernels with zeros between their coefficients.

    Attributes
    ----------
    wavelet
        PyWavelets' name of the wavelet.
    band
        Low or high pass along x, y and, if 3D, z: `LLH`.
    level
        Level of the decomposition, from 1.
    pooling
        Over rotations by right angles; `none`: no rotation.
    boundary
        What lies beyond the image.
    """

    wavelet: str
    band: str
    level: int = 1
    pooling: Pooling = "average"
    boundary: Boundary = "mirror"

    @property
    def name(self) -> str:
        """`waveletibsi-db3-LLH-average`, with the level before the band from the second on."""
        parts = ["waveletibsi" + (str(self.level) if self.level > 1 else "")]
        parts += [self.wavelet.replace(".", "-"), self.band]
        return "-".join([*parts, *([self.pooling] if self.pooling != "none" else [])])

    @property
    def dimensions(self) -> Dimensions:
        """2, where nothing is filtered along z."""
        return 3 if len(self.band) == 3 else 2

    def reach(self, spacing: Spacing) -> Triple:
        """Return the length of all levels' kernels; see :meth:`Filter.reach`."""
        low, _ = self._pair()
        return along([len(low) * (2**self.level - 1)] * 3, self.dimensions)

    def __call__(self, values: FloatArray, spacing: Spacing) -> FloatArray:
        """Return the response map; see :meth:`Filter.__call__`."""
        low, high = self._pair()
        cascade = [tuple(_spread(low, level) for _ in self.band) for level in range(1, self.level)]
        cascade.append(
            tuple(_spread(low if part == "L" else high, self.level) for part in self.band)
        )
        turned = zip(*(rotations(kernels) for kernels in cascade), strict=True)
        every = [tuple(cascade)] if self.pooling == "none" else turned
        return pool((self._through(values, kernels) for kernels in every), self.pooling)

    def _through(self, values: FloatArray, cascade: Iterable[Kernels]) -> FloatArray:
        for kernels in cascade:
            values = convolve(values, kernels, self.boundary)
        return values

    def _pair(self) -> Kernels:
        import pywt

        known = pywt.Wavelet(self.wavelet)
        return np.array(known.dec_lo), np.array(known.dec_hi)


def _spread(kernel: FloatArray, level: int) -> FloatArray:
    """Return a kernel with 2^(level - 1) - 1 zeros after each coefficient.

    One more makes the length odd, so that a kernel turned round stays in its place.
    """
    step = 2 ** (level - 1)
    wide = np.zeros(len(kernel) * step + 1)
    wide[:-1:step] = kernel
    return wide
