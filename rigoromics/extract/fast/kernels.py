"""Texture matrices counted voxel by voxel; everything here is compiled.

Cells hold 0 outside the ROI, else the rank of a level, from 1; see
:class:`rigoromics.extract.fast.layout.Layout`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigoromics.extract.fast.discretise import IntArray
from rigoromics.extract.fast.jit import njit
from rigoromics.extract.fast.layout import LongArray

FloatArray = npt.NDArray[np.float64]


@njit
def cooccurrences(cells: IntArray, voxels: LongArray, offsets: LongArray, levels: int) -> LongArray:
    """Return the pairs of levels in each direction, (directions, levels, levels); one way only."""
    pairs = np.zeros((len(offsets), levels, levels), np.int64)
    for place in voxels:
        level = cells[place] - 1
        for direction in range(len(offsets)):
            other = cells[place + offsets[direction]]
            if other > 0:
                pairs[direction, level, other - 1] += 1
    return pairs


@njit
def runs(
    cells: IntArray, voxels: LongArray, offsets: LongArray, counts: LongArray, longest: int
) -> tuple[LongArray, npt.NDArray[np.bool_]]:
    """Return the runs of one level in each direction, (directions, levels, length - 1).

    Lengths go as far as there are runs. And of each direction whether any two voxels of the ROI are
    neighbours along it. `counts` are the voxels of each level.
    """
    # Either way along a line gives the same runs; this way the voxel before has been passed.
    steps = np.abs(offsets)
    # How many of a voxel's level lie one after the other up to it, of the voxels last passed.
    last = 1
    while last <= steps.max():
        last *= 2
    length = np.zeros((last, len(steps)), np.int32)
    longer = np.zeros((len(steps), len(counts), longest + 1), np.int64)
    touches = np.zeros(len(steps), np.int32)
    reached = 1
    for place in voxels:
        level = cells[place]
        for direction in range(len(steps)):
            earlier = place - steps[direction]
            before = cells[earlier]
            touches[direction] |= before
            so_far = 1
            if before == level:
                so_far += length[earlier & (last - 1), direction]
                longer[direction, level - 1, so_far - 1] += 1
                reached = max(reached, so_far)
            length[place & (last - 1), direction] = so_far
    # Each run was counted at every length up to its own, but where it begins: most do there.
    for level, count in enumerate(counts):
        longer[:, level, 0] = count - longer[:, level].sum(axis=1)
    return longer[:, :, :reached] - longer[:, :, 1 : reached + 1], touches > 0


@njit
def zones(cells: IntArray, voxels: LongArray, halves: LongArray) -> tuple[IntArray, LongArray]:
    """Return level (from 0) and size of each zone of connected voxels of one level."""
    left = cells.copy()
    waiting = np.empty(len(voxels), np.int64)
    levels = np.empty(len(voxels), np.int32)
    sizes = np.empty(len(voxels), np.int64)
    number = 0
    for first in voxels:
        level = left[first]
        if level == 0:
            continue
        left[first] = 0
        waiting[0] = first
        length, size = 1, 0
        while length > 0:
            length -= 1
            place = waiting[length]
            size += 1
            for half in halves:
                if left[place + half] == level:
                    left[place + half] = 0
                    waiting[length] = place + half
                    length += 1
                if left[place - half] == level:
                    left[place - half] = 0
                    waiting[length] = place - half
                    length += 1
        levels[number] = level - 1
        sizes[number] = size
        number += 1
    return levels[:number], sizes[:number]


@njit
def neighbourhoods(
    cells: IntArray, voxels: LongArray, halves: LongArray, grey: FloatArray
) -> tuple[LongArray, FloatArray]:
    """Return what each voxel's neighbours have in common with it, and how far off they are.

    The first counts voxels by level and by number of neighbours of the same level, (levels,
    neighbours + 1); the second sums over the voxels of each level the distance between their grey
    level and the mean of their neighbours', (levels,).
    """
    alike = np.zeros((len(grey), 2 * len(halves) + 1), np.int64)
    apart = np.zeros(len(grey), np.float64)
    for place in voxels:
        level = cells[place]
        same, number, total = 0, 0, 0.0
        for half in halves:
            for other in (cells[place + half], cells[place - half]):
                if other > 0:
                    number += 1
                    total += grey[other - 1]
                    if other == level:
                        same += 1
        alike[level - 1, same] += 1
        if number > 0:
            apart[level - 1] += abs(grey[level - 1] - total / number)
    return alike, apart


EMPHASES = 16


@njit
def emphases(matrix: LongArray, grey: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return what run, zone and dependence matrices are summed up by.

    Parameters
    ----------
    matrix
        (levels, sizes) numbers of runs, zones or voxels.
    grey, sizes
        Grey level of each row, and length or size of each column.

    Returns
    -------
    ndarray
        In the order of :data:`rigoromics.extract.fast.emphasis.NAMES`; NaN if the matrix is empty.
    """
    found = np.full(EMPHASES, np.nan)
    by_level, by_size = matrix.sum(axis=1), matrix.sum(axis=0)
    total = by_level.sum()
    if total == 0:
        return found
    n = float(total)
    found[:] = 0.0
    mean_level = (by_level * grey).sum() / n
    mean_size = (by_size * sizes).sum() / n
    for i in range(len(grey)):
        g2 = grey[i] * grey[i]
        count = float(by_level[i])
        found[2] += count * count / n
        found[7] += count / n * (grey[i] - mean_level) ** 2
        found[10] += count / g2 / n
        found[11] += count * g2 / n
        for j in range(len(sizes)):
            if matrix[i, j] > 0:
                s2 = sizes[j] * sizes[j]
                each = float(matrix[i, j]) / n
                found[9] -= each * np.log2(each + 2.220446049250313e-16)
                found[12] += each / (g2 * s2)
                found[13] += each * g2 / s2
                found[14] += each * s2 / g2
                found[15] += each * g2 * s2
    voxels = 0.0
    for j in range(len(sizes)):
        s2 = sizes[j] * sizes[j]
        count = float(by_size[j])
        voxels += count * sizes[j]
        found[0] += count / s2 / n
        found[1] += count * s2 / n
        found[4] += count * count / n
        found[8] += count / n * (sizes[j] - mean_size) ** 2
    found[3] = found[2] / n
    found[5] = found[4] / n
    found[6] = n / voxels
    return found


@njit
def mean_emphases(matrices: LongArray, grey: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return the mean over matrices of what :func:`emphases` returns."""
    total = np.zeros(EMPHASES)
    for matrix in matrices:
        total += emphases(matrix, grey, sizes)
    return total / len(matrices)
