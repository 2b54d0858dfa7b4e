"""Grey levels of an ROI (IBSI 2.7), bin by bin as PyRadiomics has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.extract.options import Options
from rigoromics.preprocess import BoolArray

IntArray = npt.NDArray[np.int32]


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
    """

    values: IntArray
    present: IntArray
    counts: npt.NDArray[np.int64]

    @property
    def highest(self) -> int:
        """The highest level that occurs; PyRadiomics' number of grey levels."""
        return int(self.present[-1])


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
    levels = np.digitize(values, bin_edges(values, options)).astype(np.int32)
    counts = np.bincount(levels)
    present = np.flatnonzero(counts).astype(np.int32)
    every = np.zeros(image.shape, np.int32)
    every[inside] = levels
    return Levels(every, present, counts[present])
