"""Grey levels of all ROIs of an image (IBSI 2.7), on a device."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.extract.fast.discretise import Levels, bin_edges
from rigoromics.extract.gpu.batch import Batch, starts
from rigoromics.extract.options import Options


@dataclass(frozen=True)
class BatchLevels:
    """Grey levels of all ROIs; each voxel's rank stands in the batch's cells.

    Attributes
    ----------
    each
        Each ROI's levels; their `values` are empty.
    number, first
        (ROIs,) levels that occur; (ROIs + 1,) where each ROI's begin in `grey`.
    grey
        Levels that occur, ROI after ROI; on the device.
    """

    each: list[Levels]
    number: npt.NDArray[np.int32]
    first: npt.NDArray[np.int64]
    grey: Any


def discretise(batch: Batch, values: Any, kind: np.dtype[Any], options: Options) -> BatchLevels:
    """Return the grey levels of all ROIs, and put their ranks into the batch's cells.

    Parameters
    ----------
    batch, values
        The ROIs, and their (voxels,) grey values as 64-bit numbers; on the device.
    kind
        The image's own type, in which PyRadiomics reckons the first edge.
    options
        Bin width or number of bins.
    """
    xp, rois = batch.device.xp, len(batch.layouts)
    least, greatest = xp.empty(rois), xp.empty(rois)
    batch.device.launch(
        "extremes", (rois,), batch.scratch, values, batch.first_on_device, least, greatest
    )
    edges = [
        bin_edges(low, high, options)
        for low, high in zip(host(least).astype(kind), host(greatest).astype(kind), strict=True)
    ]
    first_edge = starts([len(each) for each in edges])
    where = xp.asarray(first_edge)
    bins, histogram = xp.empty(batch.voxels, np.int32), xp.zeros(int(first_edge[-1]), np.int32)
    put = (values, batch.owner, np.int64(batch.voxels), xp.asarray(np.concatenate(edges)), where)
    batch.per_voxel("levels", *put, bins, histogram)
    counts = host(histogram)
    ranks = np.zeros(len(counts), np.int32)
    each = []
    for begin, end in itertools.pairwise(first_edge):
        present = np.flatnonzero(counts[begin:end])
        ranks[begin + present] = np.arange(1, len(present) + 1)
        levels = (present + 1).astype(np.int32)
        of_level = counts[begin + present].astype(np.int64)
        each.append(Levels(np.empty(0, np.int32), levels, of_level, int(levels[-1])))
    cells = (batch.cell, np.int64(batch.voxels), xp.asarray(ranks), where, batch.cells)
    batch.per_voxel("fill", bins, batch.owner, *cells)
    number = np.array([len(levels.present) for levels in each], np.int32)
    grey = xp.asarray(np.concatenate([levels.present for levels in each]))
    return BatchLevels(each, number, starts(number), grey)


def host(values: Any) -> npt.NDArray[Any]:
    """Return an array of a device in the machine's own memory."""
    return np.asarray(values.get() if hasattr(values, "get") else values)
