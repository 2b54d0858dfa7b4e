"""The grid of an image, and putting voxels of another grid onto it without interpolation."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.errors import DataError

# Masks come with coordinates rounded to float32 or to the 16 characters of a DICOM decimal; over
# 500 voxels that adds up to some hundredths of a voxel. A tenth is far from any true shift.
TOLERANCE_VOXELS = 0.1
HALF_VOXEL = 0.5 + 1e-4


def affine(image: sitk.Image) -> NDArray[np.float64]:
    """Return the 4 x 4 matrix that takes a voxel index (i, j, k) to patient LPS coordinates in mm.

    Parameters
    ----------
    image
        A three-dimensional image.
    """
    matrix = np.eye(4)
    direction = np.asarray(image.GetDirection(), dtype=np.float64).reshape(3, 3)
    matrix[:3, :3] = direction * np.asarray(image.GetSpacing(), dtype=np.float64)
    matrix[:3, 3] = image.GetOrigin()
    return matrix


def describe_grid(image: sitk.Image) -> str:
    """Return size, voxel size and origin of an image in words."""
    size = " x ".join(str(n) for n in image.GetSize())
    spacing = " x ".join(f"{s:.4g}" for s in image.GetSpacing())
    origin = ", ".join(f"{o:.1f}" for o in image.GetOrigin())
    return f"{size} voxels of {spacing} mm, first voxel at ({origin}) mm"


def mask_like(array: NDArray[np.bool_], image: sitk.Image) -> sitk.Image:
    """Return a boolean array, shape (k, j, i), as a ``uint8`` mask on the image's grid."""
    mask = sitk.GetImageFromArray(array.astype(np.uint8))
    mask.SetSpacing(image.GetSpacing())
    mask.SetOrigin(image.GetOrigin())
    mask.SetDirection(image.GetDirection())
    return mask


def place_voxels(
    voxels: NDArray[np.int64],
    source: NDArray[np.float64],
    image: sitk.Image,
    mask: NDArray[np.bool_],
    grid: str,
    *,
    nearest: bool = False,
) -> tuple[int, float]:
    """Set in `mask` the voxels of another grid that differs by flips, axis order and cropping only.

    Parameters
    ----------
    voxels
        Indices into the source grid, shape (n, d); d is 3 for a volume, 2 for a single frame.
    source
        The source grid's matrix from index to mm, shape (4, d + 1); its last column is the origin.
    image
        The image whose grid is wanted.
    mask
        The array to set, shape (k, j, i) of the image; changed in place.
    grid
        The source grid in words, for the refusal.
    nearest
        Whether voxels may lie between those of the image within its slices, as those of a tilted
        series do after it was set upright; each then goes to the nearest.

    Returns
    -------
    tuple
        How many of the voxels lie outside the image, and how far (in voxels) they lie off.

    Raises
    ------
    DataError
        When the two grids do not share their voxels, to a tenth of a voxel; with `nearest` that
        holds across the slices only.
    """
    to_index = np.linalg.solve(affine(image), source)[:3]
    axes = np.abs(np.round(to_index[:, :-1]))
    shares_axes = (axes.sum(axis=0) == 1).all() and (axes.sum(axis=1) <= 1).all()
    exact = voxels @ to_index[:, :-1].T + to_index[:, -1]
    index = np.floor(exact + 0.5).astype(np.int64)
    off = np.abs(exact - index).max(axis=0, initial=0.0)
    within = HALF_VOXEL if nearest else TOLERANCE_VOXELS
    shift = float(off.max())
    if not shares_axes or (off > [within, within, TOLERANCE_VOXELS]).any():
        why = f"its voxels lie up to {shift:.2f} voxels off the image's"
        if not shares_axes:
            why = "its axes or voxel sizes differ from the image's"
        raise DataError(
            f"the segmentation is not on the image's grid: {why} (segmentation: {grid}; image: "
            f"{describe_grid(image)})",
            "take the segmentation drawn on this series, or resample it to the series and look "
            "at the result before using it",
        )
    inside = ((index >= 0) & (index < image.GetSize())).all(axis=1)
    i, j, k = index[inside].T
    mask[k, j, i] = True
    return int((~inside).sum()), shift
