"""An ROI laid out for kernels: its voxels in a padded box, reached by adding offsets to a place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
from radiomics import cMatrices

from rigoromics.extract.options import Options
from rigoromics.preprocess import BoolArray

LongArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Where an ROI's voxels are, whatever image they are of.

    Attributes
    ----------
    inside
        (slices, rows, columns) the ROI in its box.
    distances, in_slices
        How far apart neighbours are, and whether slices are by themselves.
    """

    inside: BoolArray
    distances: tuple[int, ...] = (1,)
    in_slices: bool = False

    @classmethod
    def of(cls, inside: BoolArray, options: Options) -> Layout:
        """Return the layout of an ROI in its box."""
        return cls(inside, tuple(options.distances), options.force_2d)

    @property
    def rim(self) -> int:
        """Cells around the box that stand for outside, so that no neighbour needs to be checked."""
        return max(self.distances)

    @property
    def padded(self) -> tuple[int, ...]:
        """Size of the box with its rim, (slices, rows, columns)."""
        return tuple(n + 2 * self.rim for n in self.inside.shape)

    @property
    def longest(self) -> int:
        """Voxels that a run can have at most."""
        return int(max(self.inside.shape))

    @cached_property
    def places(self) -> LongArray:
        """Places of the ROI's voxels in the box, ascending."""
        return np.flatnonzero(self.inside)

    @cached_property
    def voxels(self) -> LongArray:
        """Places of the ROI's voxels in the padded box, ascending."""
        z, y, x = np.unravel_index(self.places, self.inside.shape)
        rim = self.rim
        return np.ravel_multi_index((z + rim, y + rim, x + rim), self.padded).astype(np.int64)

    @cached_property
    def halves(self) -> LongArray:
        """Offsets from a voxel to its neighbours, one of each two opposite ones."""
        return self._offsets(self.distances)

    @cached_property
    def lines(self) -> LongArray:
        """The same at distance 1: directions of runs."""
        return self._offsets((1,))

    @cached_property
    def shared_lines(self) -> npt.NDArray[np.bool_]:
        """Whether any two voxels, gaps between them or not, lie along each direction of runs."""
        voxels = np.argwhere(self.inside)
        shared = []
        for direction in directions(self.inside.shape, (1,), self.in_slices):
            axis = int(np.flatnonzero(direction)[0])
            # Every voxel is slid along the direction to the same place on that axis.
            slid = voxels - np.outer(voxels[:, axis] * direction[axis], direction)
            shared.append(len(np.unique(slid, axis=0)) < len(voxels))
        return np.array(shared, dtype=bool)

    def slices(self) -> Iterator[tuple[Layout, slice]]:
        """Yield each slice that holds voxels, and which of the ROI's voxels these are."""
        first = 0
        for inside in self.inside:
            number = int(np.count_nonzero(inside))
            if number:
                part = Layout(inside[None], self.distances, self.in_slices)
                yield part, slice(first, first + number)
            first += number

    def cells(self, levels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Return the padded box, flat, with what each voxel of the ROI has; 0 outside."""
        found = np.zeros(self.padded, np.int32).ravel()
        found[self.voxels] = levels
        return found

    def _offsets(self, distances: tuple[int, ...]) -> LongArray:
        _, rows, columns = self.padded
        strides = np.array([rows * columns, columns, 1])
        found: LongArray = directions(self.inside.shape, distances, self.in_slices) @ strides
        return found


@cache
def directions(size: Sequence[int], distances: tuple[int, ...], in_slices: bool) -> LongArray:
    """Return PyRadiomics' directions, (directions, 3) along slices, rows and columns.

    One of each two opposite ones; those that leave a box of this size at once are not among them.
    """
    found = cMatrices.generate_angles(np.array(size), np.array(distances), 0, int(in_slices), 0)
    return np.asarray(found, dtype=np.int64).reshape(-1, 3)
