"""Riesz transforms of response maps (IBSI AYRS; Unser et al., IEEE TIP 2011;20:2705-2721)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rigoromics.extract.filters.base import EVERYWHERE, Filter, Spacing
from rigoromics.grid import FloatArray, Triple


@dataclass(frozen=True)
class Riesz(Filter):
    """Derivatives, without their gain in high frequencies, of what a 3D filter gives.

    It is made in Fourier space of the whole image, which therefore goes on periodically. IBSI's
    alignment with the structure tensor is not there.

    Attributes
    ----------
    inner
        The filter that comes before.
    order
        How often to derive along x, y and z.
    """

    inner: Filter
    order: Triple

    @property
    def name(self) -> str:
        """`simoncelli-1-3D-riesz-0-2-0`."""
        return f"{self.inner.name}-riesz-{'-'.join(map(str, self.order))}"

    def reach(self, spacing: Spacing) -> Triple:
        """Return more than any image has; see :meth:`Filter.reach`."""
        return (EVERYWHERE,) * 3

    def __call__(self, values: FloatArray, spacing: Spacing) -> FloatArray:
        """Return the response map; see :meth:`Filter.__call__`."""
        from scipy import fft

        spectrum = fft.fftn(self.inner(values, spacing)) * self._transfer(values.shape)
        return np.asarray(fft.ifftn(spectrum).real)

    def _transfer(self, shape: tuple[int, ...]) -> FloatArray:
        steps = [np.fft.fftfreq(n) for n in shape]
        z, y, x = np.meshgrid(*steps, indexing="ij", sparse=True)
        radius = np.sqrt(x**2 + y**2 + z**2)
        radius[0, 0, 0] = 1.0
        total = sum(self.order)
        multinomial = math.factorial(total) / math.prod(math.factorial(n) for n in self.order)
        product = x ** self.order[0] * y ** self.order[1] * z ** self.order[2]
        return np.asarray((-1j) ** total * math.sqrt(multinomial) * product / radius**total)
