"""Filling polygons: which voxel centres lie inside a set of closed contours of one slice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]

# Contours are written with some six significant digits, so a millionth of a voxel is noise; left
# in, it would decide which voxel centres lying exactly on an edge are inside.
_DECIMALS = 6


def fill_polygons(polygons: Sequence[Polygon], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the voxels whose centres lie inside the polygons, by the even-odd rule.

    A centre is inside when a ray from it crosses the edges of all polygons together an odd number
    of times. Hence an inner contour is a hole, an island in it is filled again, and a keyhole
    (outer and inner contour joined by a bridge walked twice) equals outer minus inner. Neither
    the starting point nor the sense of rotation matters. A centre exactly on an edge belongs to
    the side of higher column and row index, so that two regions that share an edge never share
    or lose a voxel.

    Parameters
    ----------
    polygons
        Corners in voxel units as (column, row), each of shape (n, 2); voxel centres are at whole
        numbers. The last corner is joined to the first.
    shape
        (rows, columns) of the slice; what lies beyond is cut off.

    Returns
    -------
    ndarray
        Boolean, of `shape`.
    """
    rows, columns = shape
    crossings = np.zeros((rows, columns + 1), dtype=np.int32)
    for polygon in polygons:
        corners = np.round(polygon, _DECIMALS)
        _count_crossings(corners, np.roll(corners, -1, axis=0), crossings)
    inside: NDArray[np.bool_] = np.cumsum(crossings, axis=1)[:, :columns] % 2 == 1
    return inside


def _count_crossings(start: Polygon, end: Polygon, crossings: NDArray[np.int32]) -> None:
    """Add one where an edge crosses a row of centres, at the first centre right of the edge."""
    rows, columns = crossings.shape[0], crossings.shape[1] - 1
    # Always from low to high row: the same edge walked backwards must give the same bits.
    upwards = (start[:, 1] <= end[:, 1])[:, None]
    low, high = np.where(upwards, start, end), np.where(upwards, end, start)
    first = np.clip(np.ceil(low[:, 1]), 0, rows).astype(np.int64)
    beyond = np.clip(np.ceil(high[:, 1]), 0, rows).astype(np.int64)
    count = np.maximum(beyond - first, 0)
    edge = np.repeat(np.arange(len(count)), count)
    row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    along = (row - low[edge, 1]) / (high[edge, 1] - low[edge, 1])
    column = low[edge, 0] + along * (high[edge, 0] - low[edge, 0])
    right = np.clip(np.ceil(np.round(column, _DECIMALS)), 0, columns).astype(np.int64)
    np.add.at(crossings, (row, right), 1)


def polygon_area(polygon: Polygon) -> float:
    """Return the area enclosed by a polygon (shoelace formula), in squared units of its corners."""
    x, y = (polygon - polygon.mean(axis=0)).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def sort_out_overlaps(
    polygons: Sequence[Polygon], shape: tuple[int, int]
) -> tuple[list[Polygon], int, int]:
    """Drop contours drawn twice and count pairs that overlap without one holding the other.

    Two equal contours would cancel out under the even-odd rule, which nobody means by drawing a
    line twice. A partial overlap becomes a hole under that rule, which is for a person to judge.

    Returns
    -------
    tuple
        The polygons kept, how many repeats were dropped, how many pairs overlap partly.
    """
    filled = [fill_polygons([polygon], shape) for polygon in polygons]
    repeats: set[int] = set()
    partial = 0
    for a, b in combinations(range(len(polygons)), 2):
        if a in repeats or b in repeats or not filled[a].any():
            continue
        common = filled[a] & filled[b]
        a_in_b, b_in_a = np.array_equal(common, filled[a]), np.array_equal(common, filled[b])
        if a_in_b and b_in_a:
            repeats.add(b)
        elif common.any() and not (a_in_b or b_in_a):
            partial += 1
    kept = [polygon for number, polygon in enumerate(polygons) if number not in repeats]
    return kept, len(repeats), partial
