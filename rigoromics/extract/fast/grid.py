"""An ROI in grey levels laid out for kernels: padded, flat, levels counted without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from radiomics import cMatrices

from rigoromics.extract.fast.discretise import IntArray, Levels
from rigoromics.extract.options import Options

LongArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Flat:
    """An ROI whose voxels are reached by adding offsets to a place.

    Attributes
    ----------
    cells
        (cells,) 0 outside the ROI, else the place of the voxel's level in `Levels.present`, from 1.
    voxels
        (voxels,) places of the ROI's voxels in `cells`.
    halves
        Offsets from a voxel to its neighbours, one of each two opposite ones.
    lines
        The same at distance 1: directions of runs.
    along
        (directions, 3) of those, steps along slices, rows and columns.
    levels
        Number of levels that occur.
    longest
        Voxels that a run can have at most.
    """

    cells: IntArray
    voxels: LongArray
    halves: LongArray
    lines: LongArray
    along: LongArray
    levels: int
    longest: int


def flatten(levels: Levels, options: Options) -> Flat:
    """Return an ROI laid out for kernels.

    Parameters
    ----------
    levels
        The ROI in grey levels; its array is the ROI's box.
    options
        Distances, and whether slices are by themselves.
    """
    size = levels.values.shape
    place = np.zeros(levels.highest + 1, np.int32)
    place[levels.present] = np.arange(1, len(levels.present) + 1)
    # Cells of zeros around the box stand for outside, so that no neighbour needs to be checked.
    rim = max(options.distances)
    padded = np.pad(place[levels.values], rim)
    strides = np.array(padded.strides) // padded.itemsize
    cells = padded.ravel()
    along = directions(size, (1,), options.force_2d)
    return Flat(
        cells,
        np.flatnonzero(cells),
        directions(size, options.distances, options.force_2d) @ strides,
        along @ strides,
        along,
        len(levels.present),
        max(size),
    )


@cache
def directions(size: Sequence[int], distances: tuple[int, ...], force_2d: bool) -> LongArray:
    """Return PyRadiomics' directions, (directions, 3) along slices, rows and columns.

    One of each two opposite ones; those that leave a box of this size at once are not among them.
    """
    found = cMatrices.generate_angles(np.array(size), np.array(distances), 0, int(force_2d), 0)
    return np.asarray(found, dtype=np.int64).reshape(-1, 3)
