"""Grey levels of an ROI (IBSI 2.7), bin by bin as PyRadiomics has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.extract.fast.jit import njit
from rigoromics.extract.options import Options

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Levels:
    """An ROI in grey levels.

    Attributes
    ----------
    values
        (voxels,) level of each voxel, from 1.
    present
        Levels that occur, ascending.
    counts
        Voxels of each of them.
    highest
        The highest level that occurs in the ROI; PyRadiomics' number of grey levels.
    """

    values: IntArray
    present: IntArray
    counts: npt.NDArray[np.int64]
    highest: int

    @property
    def ranks(self) -> IntArray:
        """(voxels,) place of each voxel's level in `present`, from 1."""
        ranks = np.zeros(int(self.present[-1]) + 1, np.int32)
        ranks[self.present] = np.arange(1, len(self.present) + 1)
        return ranks[self.values]

    @property
    def grey(self) -> FloatArray:
        """`present` as numbers to reckon with."""
        return self.present.astype(np.float64)


def levels_of(values: IntArray, highest: int | None = None) -> Levels:
    """Return an ROI in grey levels.

    Parameters
    ----------
    values
        (voxels,) level of each voxel, from 1; at least one voxel.
    highest
        The highest level, if another than that of these voxels.
    """
    counts = np.bincount(values)
    present = np.flatnonzero(counts).astype(np.int32)
    return Levels(values, present, counts[present], highest or int(present[-1]))


def bin_edges(least: Any, greatest: Any, options: Options) -> FloatArray:
    """Return the edges between grey levels, ascending; every value lies between first and last.

    Parameters
    ----------
    least, greatest
        Of the ROI's grey values, in the image's own type: PyRadiomics reckons the first edge in
        that type.
    options
        Bin width (edges are multiples of it) or number of bins (between least and greatest).
    """
    if options.bin_count is not None:
        edges = np.histogram_bin_edges(np.array([least, greatest]), options.bin_count)
        # The greatest value belongs to the last bin.
        edges[-1] += 1
        return edges.astype(np.float64)
    if options.bin_width is None:
        raise ValueError("options name neither a bin width nor a number of bins")
    width = options.bin_width
    edges = np.arange(least - (least % width), greatest + 2 * width, width)
    if len(edges) == 1:
        edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    return edges.astype(np.float64)


def discretise(values: npt.NDArray[Any], options: Options) -> Levels:
    """Return the grey levels of an ROI.

    Parameters
    ----------
    values
        (voxels,) grey values, in the image's own type; at least one voxel.
    options
        Bin width or number of bins.
    """
    edges = bin_edges(values.min(), values.max(), options)
    return levels_of(_levels(values.astype(np.float64), edges))


@njit
def _levels(values: FloatArray, edges: FloatArray) -> IntArray:
    """Return how many edges each value reaches (numpy's `digitize`), for edges evenly apart.

    Reckoned from the first edge and, for what rounding does at an edge, put right by comparison.
    """
    levels = np.empty(len(values), np.int32)
    last = len(edges) - 1
    # The last bin may be wider than the others; see `bin_edges`.
    width = edges[1] - edges[0]
    for i, value in enumerate(values):
        level = int(min(max((value - edges[0]) / width, 0.0), float(last)))
        while level >= 0 and value < edges[level]:
            level -= 1
        while level < last and value >= edges[level + 1]:
            level += 1
        levels[i] = level + 1
    return levels
