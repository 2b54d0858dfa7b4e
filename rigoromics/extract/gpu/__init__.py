"""The fast engine on a GPU: all ROIs of an image at once.

The same features as :mod:`rigoromics.extract.fast`, to 1e-9: levels, matrices, their sums and the
filters that cost most are computed on the device. Shape, which is of a mask and not of an image,
stays on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rigoromics.extract.gpu.batch import Batch
from rigoromics.extract.gpu.device import Device, find_device
from rigoromics.extract.gpu.filters import laplacian_of_gaussian, wavelets
from rigoromics.extract.gpu.firstorder import firstorder
from rigoromics.extract.gpu.levels import discretise, host
from rigoromics.extract.gpu.texture import texture
from rigoromics.extract.options import Options, Wanted

__all__ = [
    "Batch",
    "Device",
    "features",
    "find_device",
    "host",
    "laplacian_of_gaussian",
    "wavelets",
]


def features(
    batch: Batch, image: Any, spacing: Sequence[float], wanted: Wanted, options: Options
) -> list[dict[str, float]]:
    """Return each ROI's features of one image but its shape.

    Parameters
    ----------
    batch
        The ROIs.
    image
        (slices, rows, columns) grey values, in the image's own type, on the device.
    spacing, wanted, options
        See :func:`rigoromics.extract.fast.features`; slices by themselves are not done here.

    Returns
    -------
    list of dict
        Of each ROI, `<class>_<Feature>` to value; NaN where a value is not defined.
    """
    values = image.ravel()[batch.place]
    kind = np.dtype(values.dtype)
    values = values.astype(np.float64)
    levels = discretise(batch, values, kind, options)
    found = texture(batch, levels, wanted, options)
    if "firstorder" in wanted:
        first = firstorder(batch, values, levels, spacing, wanted["firstorder"], options)
        for features_of, more in zip(found, first, strict=True):
            features_of |= {f"firstorder_{name}": value for name, value in more.items()}
    return found
