"""Local binary patterns in 2D (Ojala et al., IEEE TPAMI 2002;24:971-987), as PyRadiomics has them.

PyRadiomics leaves them to scikit-image, whose values these are, with one exception: where a
neighbour between voxels is just as bright, scikit-image's answer hangs on rounding and so on where
in the image the voxel lies; here it counts as bright.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rigoromics.extract.filters.base import Filter, Spacing
from rigoromics.grid import FloatArray, Triple

# Decimals to which scikit-image rounds where a neighbour lies.
DECIMALS = 5
# Relative difference that rounding can make.
TIE = 1e-9


@dataclass(frozen=True)
class LocalBinaryPattern(Filter):
    """How many of a voxel's neighbours in its slice are at least as bright.

    Only where these are in one run (`uniform` patterns); every other pattern counts as one more
    than there are neighbours. Neighbours lie on a circle, between voxels by linear interpolation;
    beyond the image all is 0.

    Attributes
    ----------
    radius
        Of the circle, voxels.
    samples
        Neighbours on it.
    """

    radius: float = 1.0
    samples: int = 8

    @property
    def name(self) -> str:
        """`lbp-2D`."""
        return "lbp-2D"

    def reach(self, spacing: Spacing) -> Triple:
        """Return the radius; see :meth:`Filter.reach`."""
        return (math.ceil(self.radius), math.ceil(self.radius), 0)

    def __call__(self, values: FloatArray, spacing: Spacing) -> FloatArray:
        """Return the patterns; see :meth:`Filter.__call__`."""
        rim = math.ceil(self.radius)
        padded = np.pad(values, [(0, 0), (rim, rim), (rim, rim)])
        least = values - TIE * (1 + np.abs(values))
        angles = 2 * np.pi * np.arange(self.samples) / self.samples
        down = np.round(-self.radius * np.sin(angles), DECIMALS)
        right = np.round(self.radius * np.cos(angles), DECIMALS)
        bright = np.array(
            [
                _moved(padded, rim, values.shape, y, x) >= least
                for y, x in zip(down, right, strict=True)
            ]
        )
        # The step from the last neighbour to the first is not looked at.
        changes = (bright[1:] != bright[:-1]).sum(axis=0)
        return np.where(changes <= 2, bright.sum(axis=0), self.samples + 1).astype(np.float64)


def _moved(
    padded: FloatArray, rim: int, shape: tuple[int, ...], down: float, right: float
) -> FloatArray:
    """Return the values that lie `down` and `right` of each voxel."""

    def at(y: int, x: int) -> FloatArray:
        return padded[:, rim + y : rim + y + shape[1], rim + x : rim + x + shape[2]]

    y0, y1, x0, x1 = math.floor(down), math.ceil(down), math.floor(right), math.ceil(right)
    y, x = down - y0, right - x0
    above = (1 - x) * at(y0, x0) + x * at(y0, x1)
    below = (1 - x) * at(y1, x0) + x * at(y1, x1)
    return (1 - y) * above + y * below
