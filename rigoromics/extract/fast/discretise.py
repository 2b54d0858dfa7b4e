"""Grey levels of an ROI (IBSI 2.7), bin by bin as PyRadiomics has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.extract.fast.jit import njit
from rigoromics.extract.options import Options
from rigoromics.preprocess import BoolArray

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Levels:
    """An ROI in grey levels.

    Attributes
    ----------
    values
        (slices, rows, columns) level of each voxel, 1 to `highest`; 0 outside the ROI.
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

    def slices(self) -> Iterator[Levels]:
        """Yield the ROI's part of every slice, as it lies among the levels of the whole ROI."""
        for values in self.values:
            if values.any():
                yield levels_of(values[None], self.highest)


def levels_of(values: IntArray, highest: int | None = None) -> Levels:
    """Return an ROI in grey levels.

    Parameters
    ----------
    values
        (slices, rows, columns) level of each voxel; 0 outside the ROI, which is not empty.
    highest
        The highest level, if another than that of these voxels.
    """
    counts = np.bincount(values.ravel())
    counts[0] = 0
    present = np.flatnonzero(counts).astype(np.int32)
    return Levels(values, present, counts[present], highest or int(present[-1]))


def bin_edges(values: npt.NDArray[Any], options: Options) -> npt.NDArray[Any]:
    """Return the edges between grey levels, ascending; every value lies between first and last.

    Parameters
    ----------
    values
        (voxels,) grey values of the ROI, in the image's own type: PyRadiomics reckons the first
        edge in that type.
    options
        Bin width (edges are multiples of it) or number of bins (between least and greatest).
    """
    if options.bin_count is not None:
        edges = np.histogram_bin_edges(values, options.bin_count)
        # The greatest value belongs to the last bin.
        edges[-1] += 1
        return edges
    if options.bin_width is None:
        raise ValueError("options name neither a bin width nor a number of bins")
    width = options.bin_width
    least, greatest = values.min(), values.max()
    edges = np.arange(least - (least % width), greatest + 2 * width, width)
    if len(edges) == 1:
        edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    return edges


def discretise(image: npt.NDArray[Any], inside: BoolArray, options: Options) -> Levels:
    """Return the grey levels of an ROI.

    Parameters
    ----------
    image
        (slices, rows, columns) grey values, in the image's own type.
    inside
        (slices, rows, columns) the ROI; at least one voxel.
    options
        Bin width or number of bins.
    """
    values = image[inside]
    every = np.zeros(image.shape, np.int32)
    edges = bin_edges(values, options).astype(np.float64)
    every[inside] = _levels(values.astype(np.float64), edges)
    return levels_of(every)


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
