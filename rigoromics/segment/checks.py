"""Checks of one mask, and of masks that raters drew of different things."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.errors import Problem
from rigoromics.segment.grid import affine
from rigoromics.segment.notes import STAGE, note


def check_mask(mask: sitk.Image, *, min_voxels: int) -> list[Problem]:
    """Refuse a mask that holds no voxels, or fewer than `min_voxels`; say nothing of others.

    Shape and grey values of those are judged by :mod:`rigoromics.quality`.

    Parameters
    ----------
    mask
        A ``uint8`` mask on its image's grid.
    min_voxels
        The smallest number of voxels that features can be taken from.
    """
    array = sitk.GetArrayViewFromImage(mask) > 0
    voxels = int(array.sum())
    if voxels == 0:
        return [_refusal("the segmentation is empty: it holds no voxel of the image")]
    if voxels < min_voxels:
        return [
            _refusal(
                f"the segmentation has {voxels} voxels, fewer than the {min_voxels} that the "
                "config asks for (images.min_voxels)"
            )
        ]
    return []


def _refusal(problem: str) -> Problem:
    remedy = "redraw the ROI, or set include to no in cases.tsv"
    return Problem(stage=STAGE, severity="refused", problem=problem, remedy=remedy)


Box = tuple[slice, slice, slice]


def bounding_box(array: NDArray[np.bool_]) -> Box:
    """Return the smallest box around the true voxels of an array, shape (k, j, i), not empty."""
    k = _extent(array.any(axis=(1, 2)))
    j = _extent(array[k].any(axis=(0, 2)))
    return k, j, _extent(array[k, j].any(axis=(0, 1)))


def union_box(masks: Sequence[NDArray[np.bool_]]) -> Box:
    """Return the smallest box around all voxels of some masks, none of them empty."""
    boxes = [bounding_box(mask) for mask in masks]
    k, j, i = (
        slice(min(part.start for part in parts), max(part.stop for part in parts))
        for parts in zip(*boxes, strict=True)
    )
    return k, j, i


def _extent(filled: NDArray[np.bool_] | np.bool_) -> slice:
    where = np.flatnonzero(filled)
    return slice(int(where[0]), int(where[-1]) + 1)


def volume_ml(mask: sitk.Image) -> float:
    """Return the volume of a mask: voxels times voxel volume, in ml."""
    voxels = int((sitk.GetArrayViewFromImage(mask) > 0).sum())
    return voxels * float(np.prod(mask.GetSpacing())) / 1000.0


def centre_mm(mask: sitk.Image) -> NDArray[np.float64]:
    """Return the centre of mass of a mask that is not empty, patient LPS in mm, shape (3,)."""
    index = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)[:, ::-1].mean(axis=0)
    matrix = affine(mask)
    centre: NDArray[np.float64] = matrix[:3, :3] @ index + matrix[:3, 3]
    return centre


def disagreement_notes(a: sitk.Image, b: sitk.Image, dice: float, rater: str) -> list[Problem]:
    """Note that two raters' masks of one ROI do not overlap at all, and how far apart they are."""
    if dice > 0 or np.isnan(dice):
        return []
    apart = float(np.linalg.norm(centre_mm(a) - centre_mm(b)))
    text = (
        f"the segmentation does not overlap with that of {rater} at all: their centres are "
        f"{apart:.0f} mm apart"
    )
    return [note(text, "look at the contact sheet; one of them may be of another lesion")]
