"""Grey values and voxels made ready for features: normalise, resample, crop.

Images are SimpleITK images; indices, sizes and spacings are in SimpleITK's order (x, y, z).

Resampling follows PyRadiomics: the new grid shares the old one's outer corner, so it depends on
the scan and never on a mask; so does IBSI's, which shares the old one's centre. It is therefore
made once for all masks, and only where a region asks for it. Two things differ from
PyRadiomics 3.0.1, both on purpose. New voxels whose centre would lie outside the scan are left out
(PyRadiomics fills them with zeros, an edge that filters then see). Rounding is to the nearest whole
number, as IBSI has it for CT (PyRadiomics cuts decimals off wherever the pixel type is an integer,
which pulls every grey value half a unit towards zero).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from radiomics import imageoperations

from rigoromics.errors import DataError
from rigoromics.grid import TIE, FloatArray, Grid, Region, region_between

BoolArray = npt.NDArray[np.bool_]
Value = TypeVar("Value", bound=np.generic)

# Corners of image and mask may lie this far apart, mm: what file formats round away.
GEOMETRY_TOLERANCE_MM = 1e-2
# The recursive prefilter of cubic B-splines forgets by 0.268 a voxel: 1e-18 after 32.
INTERPOLATION_MARGIN = {"bspline": 32, "linear": 2, "nearest": 2}
INTERPOLATORS = {
    "bspline": sitk.sitkBSpline,
    "linear": sitk.sitkLinear,
    "nearest": sitk.sitkNearestNeighbor,
}


def check_geometry(image: sitk.Image, mask: sitk.Image) -> None:
    """Raise unless a mask lies on the image's own grid.

    Raises
    ------
    DataError
        Other size, or corners more than `GEOMETRY_TOLERANCE_MM` apart.
    """
    remedy = "make the mask anew on this image's grid, for instance with the images stage"
    if image.GetDimension() != 3:
        raise DataError(f"The image has {image.GetDimension()} dimensions, not 3", remedy)
    if image.GetSize() != mask.GetSize():
        raise DataError(
            f"The mask's size {mask.GetSize()} is not the image's {image.GetSize()}", remedy
        )
    last = [n - 1 for n in image.GetSize()]
    corners = [(0, 0, 0), (last[0], 0, 0), (0, last[1], 0), (0, 0, last[2])]
    apart = max(
        float(
            np.linalg.norm(
                np.subtract(
                    image.TransformIndexToPhysicalPoint(corner),
                    mask.TransformIndexToPhysicalPoint(corner),
                )
            )
        )
        for corner in corners
    )
    if apart > GEOMETRY_TOLERANCE_MM:
        raise DataError(f"The mask lies {apart:.3g} mm off the image", remedy)


def normalise(image: sitk.Image, scale: float, limit: float | None) -> sitk.Image:
    """Return the image with mean 0 and standard deviation `scale` over all its voxels.

    Parameters
    ----------
    image
        Any scalar image.
    scale
        Standard deviation of the result.
    limit
        Clip at this many standard deviations; None: do not.
    """
    return imageoperations.normalizeImage(image, normalizeScale=scale, removeOutliers=limit)


def resample_image(
    image: sitk.Image, grid: Grid, region: Region, interpolator: str, round_intensities: bool
) -> sitk.Image:
    """Return the image on a region of the new grid.

    Parameters
    ----------
    image
        The whole scan.
    grid, region
        The new grid, and the part of it that is wanted.
    interpolator
        `bspline` (cubic), `linear` or `nearest`.
    round_intensities
        Round to the nearest whole number, as IBSI has it for Hounsfield units.

    Returns
    -------
    SimpleITK.Image
        `region.size` voxels: 32-bit integers if rounded, else 64-bit floats. An image that needs
        no resampling is cropped only and keeps its type.
    """
    if grid.is_original:
        return crop(image, region)
    corners = grid.old_points(region.corners())
    origin = image.TransformContinuousIndexToPhysicalPoint(corners[0].tolist())
    margin = INTERPOLATION_MARGIN[interpolator]
    # A voxel larger than the scan may have its centre outside it.
    seen = np.clip(corners, 0, np.array(image.GetSize()) - 1)
    needed = region_between(np.floor(seen.min(axis=0)), np.ceil(seen.max(axis=0)))
    source = crop(image, needed.grown([margin] * 3, image.GetSize()))
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(region.size)
    resampler.SetOutputOrigin(origin)
    resampler.SetOutputSpacing(
        [spacing * step for spacing, step in zip(image.GetSpacing(), grid.step, strict=True)]
    )
    direction = np.reshape(image.GetDirection(), (3, 3)) @ grid.direction
    resampler.SetOutputDirection(direction.ravel().tolist())
    # A grid that was moved sticks out of the scan; the scan's last voxel goes on there.
    resampler.UseNearestNeighborExtrapolatorOn()
    resampler.SetInterpolator(INTERPOLATORS[interpolator])
    resampler.SetOutputPixelType(sitk.sitkFloat64)
    resampled = resampler.Execute(source)
    if not round_intensities:
        return resampled
    whole = np.floor(sitk.GetArrayViewFromImage(resampled) + (0.5 + TIE)).astype(np.int32)
    return like(resampled, whole)


def resample_mask(
    inside: BoolArray, grid: Grid, region: Region, interpolator: str, threshold: float
) -> BoolArray:
    """Return a mask on a region of the new grid.

    Parameters
    ----------
    inside
        (slices, rows, columns) the whole mask.
    grid, region
        The new grid, and the part of it that is wanted.
    interpolator
        `linear`, or `nearest`: PyRadiomics' own.
    threshold
        Share of the interpolated mask from which on a voxel is in (IBSI 2.4: 0.5).

    Returns
    -------
    ndarray
        (slices, rows, columns) of the region.
    """
    x, y, z = region.size
    result = np.zeros((z, y, x), dtype=bool)
    box = bounding_box(inside)
    if box is None:
        return result
    touched = grid.covering(box).within(region)
    if touched is None:
        return result
    share = _interpolated(inside, grid, touched, interpolator)
    if interpolator == "linear":
        share = share >= threshold - TIE
    part_of(result, touched.counted_inside(region))[...] = share
    return result


def _interpolated(
    values: npt.NDArray[Any], grid: Grid, region: Region, interpolator: str
) -> npt.NDArray[Any]:
    """Interpolate on a region of the new grid; beyond the scan the last voxel goes on."""
    if not grid.angle_deg:
        for axis in range(3):
            old = grid.along(axis, region.lower[axis], region.size[axis])
            values = _along_axis(values, 2 - axis, old, interpolator)
        return values
    old = grid.along(2, region.lower[2], region.size[2])
    values = _along_axis(values, 0, old, interpolator)
    columns, rows = (np.arange(region.size[axis]) + region.lower[axis] for axis in range(2))
    new = np.stack(np.broadcast_arrays(columns[None], rows[:, None], 0), axis=-1)
    old = grid.old_points(new.reshape(-1, 3).astype(np.float64)).reshape(new.shape)
    return _in_planes(values, old[..., 0], old[..., 1], interpolator)


def _in_planes(
    values: npt.NDArray[Any], x: FloatArray, y: FloatArray, interpolator: str
) -> npt.NDArray[Any]:
    """Interpolate every slice at the same (rows, columns) places; nothing lies beyond the scan."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)))
    height, width = padded.shape[1:]
    x, y = np.clip(x + 1, 0, width - 1), np.clip(y + 1, 0, height - 1)
    if interpolator == "nearest":
        return padded[:, np.floor(y + 0.5 + TIE).astype(int), np.floor(x + 0.5 + TIE).astype(int)]
    left = np.minimum(np.floor(x).astype(int), width - 2)
    upper = np.minimum(np.floor(y).astype(int), height - 2)
    right, lower = x - left, y - upper
    return np.asarray(
        padded[:, upper, left] * ((1 - lower) * (1 - right))
        + padded[:, upper, left + 1] * ((1 - lower) * right)
        + padded[:, upper + 1, left] * (lower * (1 - right))
        + padded[:, upper + 1, left + 1] * (lower * right)
    )


def _along_axis(
    values: npt.NDArray[Any], axis: int, old: FloatArray, interpolator: str
) -> npt.NDArray[Any]:
    """Interpolate along one axis; beyond its ends the last voxel goes on."""
    last = values.shape[axis] - 1
    if interpolator == "nearest":
        nearest = np.clip(np.floor(old + 0.5 + TIE).astype(int), 0, last)
        return np.asarray(np.take(values, nearest, axis))
    below = np.floor(old).astype(int)
    shape = [1, 1, 1]
    shape[axis] = len(old)
    weight = (old - below).reshape(shape)
    lower = np.take(values, np.clip(below, 0, last), axis)
    upper = np.take(values, np.clip(below + 1, 0, last), axis)
    return np.asarray(lower * (1 - weight) + upper * weight)


def bounding_box(inside: BoolArray) -> Region | None:
    """Return the smallest box that holds a (slices, rows, columns) mask; None if it is empty."""
    lower, upper = [0, 0, 0], [0, 0, 0]
    left = inside
    # Slices first: what lies outside the box along one axis is not looked at along the next.
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        filled = np.flatnonzero(left.any(axis=others))
        if not len(filled):
            return None
        lower[2 - axis], upper[2 - axis] = int(filled[0]), int(filled[-1])
        kept = slice(filled[0], filled[-1] + 1)
        left = left[(slice(None),) * axis + (kept,)]
    return region_between(lower, upper)


def crop(image: sitk.Image, region: Region) -> sitk.Image:
    """Return a box of an image, in its place in space."""
    return sitk.RegionOfInterest(image, region.size, region.lower)


def part_of(values: npt.NDArray[Value], region: Region) -> npt.NDArray[Value]:
    """Return a view of a box of (slices, rows, columns) values."""
    return values[region.slices]


def like(image: sitk.Image, values: npt.NDArray[Any]) -> sitk.Image:
    """Return (slices, rows, columns) values as an image in another image's place."""
    result = sitk.GetImageFromArray(values)
    result.CopyInformation(image)
    return result
