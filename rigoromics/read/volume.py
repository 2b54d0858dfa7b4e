"""Build the volume of a plan: copy slices, move tilted ones, interpolate missing ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rigoromics.read.geometry import Floats
from rigoromics.read.repair import SAME_PLACE, VolumePlan

AIR_HU = -1000.0


def build_volume(
    planes: Sequence[NDArray[Any]], plan: VolumePlan, *, air: float | None
) -> NDArray[Any]:
    """Build the volume of a plan.

    Parameters
    ----------
    planes
        Values of the used slices, in the order of the plan's geometry, each (rows, columns).
    plan
        The plan.
    air
        What to fill in where a tilted slice does not reach; None: the lowest value.

    Returns
    -------
    ndarray
        Shape (slices, rows, columns); float32 where anything was interpolated.
    """
    if plan.offsets is not None:
        columns, rows, _ = plan.geometry.size
        fill = min(float(plane.min()) for plane in planes) if air is None else air
        spacing = plan.geometry.spacing[:2]
        planes = [
            _moved(plane, np.round(offset / spacing, 4), (rows, columns), fill)
            for plane, offset in zip(planes, plan.offsets, strict=True)
        ]
    if plan.blend is None:
        return np.stack(planes)
    blend = plan.blend
    mixed = [
        planes[low] if share == 0 else planes[low] * (1 - share) + planes[high] * share
        for low, high, share in zip(blend.lower, blend.upper, blend.weight, strict=True)
    ]
    return np.stack(mixed).astype(np.float32)


def _moved(
    plane: NDArray[Any], offset: Floats, shape: tuple[int, int], fill: float
) -> NDArray[np.float32]:
    """Lay a plane onto a larger grid, its first voxel at `offset` (column, row), in voxels."""
    values = plane.astype(np.float64)
    inside: list[NDArray[np.bool_]] = []
    for axis, (count, start) in enumerate(zip(shape, offset[::-1], strict=True)):
        length = plane.shape[axis]
        place = np.arange(count) - start
        # The outer half of an edge voxel belongs to it.
        inside.append((place >= -0.5) & (place <= length - 0.5))
        place = np.clip(place, 0, length - 1)
        low = np.floor(place + SAME_PLACE / 2).astype(np.intp)
        share = np.expand_dims(np.maximum(place - low, 0.0), 1 - axis)
        high = np.minimum(low + 1, length - 1)
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    values[~(inside[0][:, None] & inside[1][None, :])] = fill
    return values.astype(np.float32)
