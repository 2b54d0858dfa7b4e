"""Negative-control images: voxels put out of order, so that texture is gone and size stays.

A signature that does as well on them as on the true image has not learned texture. What is done to
the voxels, and to which, follows READII's negative controls; the point was made by Welch et al.
(Radiother Oncol 2019;130:2-9, doi:10.1016/j.radonc.2018.10.027).

======================  =======================================================================
``shuffled``            the voxels in random order: the histogram stays to the last voxel
``sampled``             values drawn from the voxels with replacement: the histogram stays, roughly
``randomised``          values drawn evenly between the least and the greatest: no histogram either
======================  =======================================================================

Each is done to the ROI alone, or, with ``_outside``, to all but the ROI, or, with ``_whole``, to
the whole image. Outside and whole mean what lies within reach of the features: the part of the
feature grid that the engine keeps around the masks. What lies further away changes no feature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from rigoromics import preprocess
from rigoromics.extract.engine import Scan
from rigoromics.extract.rows import CONTROLS
from rigoromics.preprocess import BoolArray

Values = npt.NDArray[Any]


def control_image(image: sitk.Image, inside: BoolArray, control: str, seed: int) -> sitk.Image:
    """Return an image with the voxels of an ROI, of its surroundings, or all, put out of order.

    Parameters
    ----------
    image
        An image; it is not changed.
    inside
        (slices, rows, columns) the ROI on the image's grid.
    control
        One of `CONTROLS`.
    seed
        Seed of what is drawn.

    Returns
    -------
    SimpleITK.Image
        The same grid and pixel type.

    Raises
    ------
    ValueError
        The control is not known.
    """
    if control not in CONTROLS:
        raise ValueError(f"no control is called {control!r}; there are {', '.join(CONTROLS)}")
    kind, _, where = control.partition("_")
    changed = {"": inside, "outside": ~inside, "whole": np.ones_like(inside)}[where]
    values = sitk.GetArrayFromImage(image)
    values[changed] = _DRAW[kind](values[changed], np.random.default_rng(seed))
    return preprocess.like(image, values)


def controlled(scan: Scan, mask: str, control: str, seed: int) -> Scan:
    """Return a prepared scan with one mask, as a negative control for that mask.

    Parameters
    ----------
    scan
        What :func:`rigoromics.extract.engine.prepare` returned.
    mask
        Name of one of its masks.
    control, seed
        See :func:`control_image`.
    """
    inside = scan.masks[mask]
    image = control_image(scan.image, inside, control, seed)
    return scan.with_image(image).with_masks({mask: inside})


def _shuffled(values: Values, rng: np.random.Generator) -> Values:
    return rng.permutation(values)


def _sampled(values: Values, rng: np.random.Generator) -> Values:
    return rng.choice(values, size=len(values), replace=True)


def _randomised(values: Values, rng: np.random.Generator) -> Values:
    if not len(values):
        return values
    least, greatest = values.min(), values.max()
    if values.dtype.kind in "iu":
        return rng.integers(int(least), int(greatest), len(values), values.dtype, endpoint=True)
    return rng.uniform(least, greatest, len(values)).astype(values.dtype)


_DRAW: Mapping[str, Callable[[Values, np.random.Generator], Values]] = {
    "shuffled": _shuffled,
    "sampled": _sampled,
    "randomised": _randomised,
}
