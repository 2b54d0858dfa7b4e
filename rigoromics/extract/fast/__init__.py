"""The fast engine: PyRadiomics' values from compiled kernels and one look at each ROI.

A drop-in: the same names, and the same values to 1e-9. PyRadiomics builds each matrix in compiled
code, but discretises the ROI anew for every class and sums the matrices up in Python; here the ROI
is discretised once, matrices are counted over the ROI's own voxels, and summed up in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from rigoromics.extract.fast.discretise import discretise
from rigoromics.extract.fast.firstorder import firstorder
from rigoromics.extract.fast.layout import Layout
from rigoromics.extract.fast.recursive import laplacian_of_gaussian
from rigoromics.extract.fast.shape import shape
from rigoromics.extract.fast.texture import texture
from rigoromics.extract.options import Options, Wanted

__all__ = ["Layout", "features", "laplacian_of_gaussian", "shape"]


def features(
    values: npt.NDArray[Any],
    layout: Layout,
    spacing: Sequence[float],
    wanted: Wanted,
    options: Options,
) -> dict[str, float]:
    """Return all features of one image under one mask but its shape.

    Parameters
    ----------
    values
        (voxels,) grey values of the ROI's voxels, in the image's own type and the layout's order.
    layout
        The ROI.
    spacing
        Voxel size (x, y, z), mm.
    wanted
        Classes and their features.
    options
        What decides the values.

    Returns
    -------
    dict
        `<class>_<Feature>` to value; NaN where a value is not defined.
    """
    levels = discretise(values, options)
    found = texture(layout, levels, wanted, options)
    if "firstorder" in wanted:
        first = firstorder(values, levels, spacing, wanted["firstorder"], options)
        found |= {f"firstorder_{name}": value for name, value in first.items()}
    return found
