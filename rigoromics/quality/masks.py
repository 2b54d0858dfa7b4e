"""Checks of one mask's shape."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.quality.registry import Finding
from rigoromics.quality.settings import Limits
from rigoromics.segment.checks import Box, bounding_box
from rigoromics.segment.mesh import mesh

BoolArray = NDArray[np.bool_]
# Rounding alone may lift a sphericity this far above 1.
_ROUNDING = 1e-9


def check_mask_shape(
    mask: sitk.Image,
    *,
    limits: Limits,
    planar: bool = False,
    volume_ml: tuple[float, float] | None = None,
) -> list[Finding]:
    """Return what every check of shape finds on a mask.

    Parameters
    ----------
    mask
        A ``uint8`` mask that is not empty, on its image's grid.
    limits
        Where the checks fail.
    planar
        Whether the image has no third axis in the patient (a 2D image, a cine clip).
    volume_ml
        Least and largest volume that the ROI can have; none: any.
    """
    array = sitk.GetArrayViewFromImage(mask) > 0
    box = bounding_box(array)
    part = array[box]
    voxel = float(np.prod(mask.GetSpacing()))
    solid = not planar and array.shape[0] > 1
    return [
        _one_slice(part, solid),
        _contour_only(part, limits),
        _hollow(part, limits),
        _empty_slices(part),
        *_parts(part, limits),
        _border(box, array.shape),
        # A 2D image has a nominal thickness, and no volume.
        _volume(int(part.sum()) * voxel / 1000, None if planar else volume_ml),
        _share(int(part.sum()) / array.size, limits),
        *_mesh(part, mask.GetSpacing(), limits, solid and part.shape[0] > 1),
    ]


def core_share(part: BoolArray) -> float:
    """Return the share of a mask's voxels whose four neighbours in the slice belong to it.

    Parameters
    ----------
    part
        Mask of shape (k, j, i), not empty.
    """
    padded = np.pad(part, ((0, 0), (1, 1), (1, 1)))
    inner = part & padded[:, 2:, 1:-1] & padded[:, :-2, 1:-1]
    inner &= padded[:, 1:-1, 2:] & padded[:, 1:-1, :-2]
    return float(inner.sum() / part.sum())


def enclosed_ratio(part: BoolArray) -> float:
    """Return how many voxels a mask encloses, its own among them, over how many it has.

    A voxel is enclosed if the mask lies to its left and its right, in front and behind it, within
    its slice. Contours need not be closed for that: points along them do.
    """
    enclosed = np.ones_like(part)
    for axis in (1, 2):
        enclosed &= np.maximum.accumulate(part, axis=axis)
        enclosed &= np.flip(np.maximum.accumulate(np.flip(part, axis), axis=axis), axis)
    return float(enclosed.sum() / part.sum())


def filled_ratio(part: BoolArray) -> float:
    """Return the voxels of a mask with closed holes filled slice by slice, over its voxels."""
    filled = 0
    for plane in part:
        outside = sitk.GetImageFromArray((~np.pad(plane, 1)).astype(np.uint8))
        labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(outside))
        # The margin is one region; what is not mask and not reached from it is a hole.
        filled += int((labels != labels[0, 0]).sum())
    return filled / float(part.sum())


def _one_slice(part: BoolArray, solid: bool) -> Finding:
    if not solid:
        return Finding("one_slice", None)
    problem = "the segmentation lies on one slice only; shape features in 3D mean little"
    count = int(part.any(axis=(1, 2)).sum())
    return Finding("one_slice", count, "more than 1", problem if count == 1 else "")


def _contour_only(part: BoolArray, limits: Limits) -> Finding:
    ratio, core = enclosed_ratio(part), core_share(part)
    failed = ratio >= limits.enclosed_ratio and core < limits.core_share
    text = (
        f"the segmentation holds outlines, not bodies: {core:.0%} of its voxels lie inside it, "
        f"and it encloses {ratio:.1f} times its volume"
    )
    limit = f"less than {limits.enclosed_ratio:g}, or {limits.core_share:.0%} inside"
    return Finding("contour_only", ratio, limit, text if failed else "")


def _hollow(part: BoolArray, limits: Limits) -> Finding:
    ratio = filled_ratio(part)
    text = f"the segmentation is hollow: with its holes filled it has {ratio:.1f} times the volume"
    failed = ratio >= limits.hollow_ratio
    return Finding("hollow", ratio, f"less than {limits.hollow_ratio:g}", text if failed else "")


def _empty_slices(part: BoolArray) -> Finding:
    gaps = int((~part.any(axis=(1, 2))).sum())
    text = f"{gaps} slices between the first and the last are not segmented" if gaps else ""
    return Finding("empty_slices", gaps, "0", text)


def _parts(part: BoolArray, limits: Limits) -> list[Finding]:
    # Voxels that touch by an edge or a corner belong together.
    labels = sitk.ConnectedComponent(sitk.GetImageFromArray(part.astype(np.uint8)), True)
    sizes = np.sort(np.bincount(sitk.GetArrayViewFromImage(labels).ravel())[1:])
    rest = int(sizes[:-1].sum())
    text = f"the segmentation has {len(sizes)} separate parts; {rest} voxels lie off the largest"
    specks = int((sizes[:-1] <= limits.speck_voxels).sum())
    speck = f"the segmentation has {specks} specks of at most {limits.speck_voxels} voxels"
    return [
        Finding("separate_parts", len(sizes), "1", text if rest else ""),
        Finding("specks", specks, "0", speck if specks else ""),
    ]


def _border(box: Box, shape: tuple[int, ...]) -> Finding:
    sides, names = 0, []
    for name, side, size in zip(("slices", "rows", "columns"), box, shape, strict=True):
        # An axis of one voxel has no border to speak of.
        touched = (side.start == 0) + (side.stop == size) if size > 1 else 0
        sides += touched
        names += [name] if touched else []
    text = (
        f"the segmentation touches the image's border (first or last {' and '.join(names)})"
        if names
        else ""
    )
    return Finding("border", sides, "0", text)


def _volume(volume: float, allowed: tuple[float, float] | None) -> Finding:
    if allowed is None:
        return Finding("volume_range", None)
    low, high = allowed
    text = (
        f"the segmentation has {volume:.4g} ml; the config gives this ROI {low:g} to {high:g} ml "
        "(volume_ml)"
    )
    inside = low <= volume <= high
    return Finding("volume_range", volume, f"{low:g} to {high:g}", "" if inside else text)


def _share(share: float, limits: Limits) -> Finding:
    text = f"the segmentation takes {share:.1%} of the whole image: the mask may be inverted"
    failed = share > limits.image_share
    limit = f"at most {limits.image_share:g}"
    return Finding("image_share", share, limit, text if failed else "")


def _mesh(
    part: BoolArray, spacing: tuple[float, ...], limits: Limits, solid: bool
) -> list[Finding]:
    names = ("mesh_volume", "sphericity_low", "sphericity_high")
    if not solid:
        return [Finding(name, None) for name in names]
    found = mesh(part, (spacing[2], spacing[1], spacing[0]))
    volume, roundness = found.volume / 1000, found.sphericity
    nothing = f"the surface mesh of the segmentation encloses {volume:.4g} ml: it is no body"
    low = (
        f"the segmentation has a sphericity of {roundness:.3f}, less than a solid body has "
        f"({limits.sphericity:g})"
    )
    high = f"the segmentation has a sphericity of {roundness:.3f}, more than a sphere"
    is_body = volume > 0
    return [
        Finding("mesh_volume", volume, "more than 0", "" if is_body else nothing),
        Finding(
            "sphericity_low",
            roundness if is_body else None,
            f"at least {limits.sphericity:g}",
            low if is_body and roundness < limits.sphericity else "",
        ),
        Finding(
            "sphericity_high",
            roundness if is_body else None,
            "at most 1",
            high if roundness > 1 + _ROUNDING else "",
        ),
    ]
