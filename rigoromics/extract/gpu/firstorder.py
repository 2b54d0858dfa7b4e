"""First-order features of all ROIs of an image, on a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rigoromics.extract.fast.firstorder import Moments, named, order_statistics, places
from rigoromics.extract.gpu.batch import Batch
from rigoromics.extract.gpu.levels import BatchLevels, host
from rigoromics.extract.options import Options


def firstorder(
    batch: Batch,
    values: Any,
    levels: BatchLevels,
    spacing: Sequence[float],
    names: Sequence[str],
    options: Options,
) -> list[dict[str, float]]:
    """Return each ROI's first-order features by PyRadiomics' names.

    Parameters
    ----------
    batch, values
        The ROIs, and their (voxels,) grey values as 64-bit numbers; on the device.
    levels, spacing, names, options
        See :func:`rigoromics.extract.fast.firstorder.firstorder`.
    """
    xp, sizes = batch.device.xp, np.diff(batch.first)
    rows, width = len(sizes), int(sizes.max())
    # A row for each ROI; what is left of it comes last when it is put in order.
    ordered = xp.full((rows, width), np.inf)
    within = xp.arange(batch.voxels) - batch.first_on_device[batch.owner]
    ordered[batch.owner, within] = values
    ordered.sort(axis=1)
    wanted = [places(int(n)) for n in sizes]
    flat = np.concatenate([row * width + each for row, each in enumerate(wanted)])
    picked = np.split(host(ordered.ravel()[xp.asarray(flat)]), np.cumsum([*map(len, wanted)])[:-1])
    orders = [
        order_statistics(int(n), dict(zip(each.tolist(), found.tolist(), strict=True)))
        for n, each, found in zip(sizes, wanted, picked, strict=True)
    ]
    moments = xp.empty((rows, len(Moments._fields)))
    batch.device.launch(
        "moments",
        (rows,),
        batch.scratch,
        values,
        batch.first_on_device,
        xp.asarray([order["10Percentile"] for order in orders]),
        xp.asarray([order["90Percentile"] for order in orders]),
        np.float64(options.voxel_array_shift),
        moments,
    )
    return [
        named(order, Moments(*row), float(np.prod(spacing)), int(n), level, names)
        for order, row, n, level in zip(
            orders, host(moments).tolist(), sizes, levels.each, strict=True
        )
    ]
