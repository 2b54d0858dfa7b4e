"""Grey values and voxels made ready for features: normalise, resample, crop.

Images are SimpleITK images; indices, sizes and spacings are in SimpleITK's order (x, y, z).

Resampling follows PyRadiomics: the new grid shares the old one's outer corner, so it depends on
the scan and never on a mask. It is therefore made once for all masks, and only where a
:class:`Region` asks for it. Two things differ from PyRadiomics 3.0.1, both on purpose. New voxels
whose centre would lie outside the scan are left out (PyRadiomics fills them with zeros, an edge
that filters then see). Rounding is to the nearest whole number, as IBSI has it for CT
(PyRadiomics cuts decimals off wherever the pixel type is an integer, which pulls every grey value
half a unit towards zero).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from radiomics import imageoperations

from rigoromics.errors import DataError

Triple = tuple[int, int, int]
FloatArray = npt.NDArray[np.float64]
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
# Halfway cases must not hang on the last bit of a coordinate.
TIE = 1e-6


@dataclass(frozen=True)
class Region:
    """A box of voxels: index of its first voxel and its size, (x, y, z)."""

    lower: Triple
    size: Triple

    @property
    def upper(self) -> Triple:
        """Index of the last voxel along each axis."""
        x, y, z = (low + n - 1 for low, n in zip(self.lower, self.size, strict=True))
        return x, y, z

    def grown(self, margin: Sequence[int], within: Triple) -> Region:
        """Return the box with `margin` more voxels on every side, cut at an image's borders."""
        lower = [max(low - m, 0) for low, m in zip(self.lower, margin, strict=True)]
        upper = [min(up + m, n - 1) for up, m, n in zip(self.upper, margin, within, strict=True)]
        return region_between(lower, upper)

    def union(self, other: Region) -> Region:
        """Return the smallest box that holds both."""
        return region_between(
            [min(pair) for pair in zip(self.lower, other.lower, strict=True)],
            [max(pair) for pair in zip(self.upper, other.upper, strict=True)],
        )

    def counted_inside(self, other: Region) -> Region:
        """Return the same box counted from another box's first voxel."""
        x, y, z = (a - b for a, b in zip(self.lower, other.lower, strict=True))
        return Region((x, y, z), self.size)

    def counted_outside(self, other: Region) -> Region:
        """Undo `counted_inside`."""
        x, y, z = (a + b for a, b in zip(self.lower, other.lower, strict=True))
        return Region((x, y, z), self.size)


def region_between(lower: Sequence[int], upper: Sequence[int]) -> Region:
    """Return the box from a first to a last voxel, both inside it."""
    x, y, z = (int(low) for low in lower)
    nx, ny, nz = (int(up) - int(low) + 1 for low, up in zip(lower, upper, strict=True))
    return Region((x, y, z), (nx, ny, nz))


@dataclass(frozen=True)
class Grid:
    """Voxels of a scan after resampling.

    Attributes
    ----------
    size
        Voxels along x, y, z.
    step
        New voxel size in units of the old one.
    """

    size: Triple
    step: tuple[float, float, float]

    @property
    def is_original(self) -> bool:
        """Whether nothing is to be resampled."""
        return self.step == (1.0, 1.0, 1.0)

    def old_index(self, axis: int, first: int, number: int) -> FloatArray:
        """Return where new voxels lie between the old ones: (number,) continuous indices."""
        new = np.arange(first, first + number, dtype=np.float64)
        return np.asarray((new + 0.5) * self.step[axis] - 0.5, dtype=np.float64)

    def covering(self, region: Region) -> Region:
        """Return the new voxels that can hold any part of a box of old voxels.

        One old voxel more on each side: linear interpolation reaches that far.
        """
        step = np.array(self.step)
        lower = np.floor((np.array(region.lower) - 0.5) / step - 0.5)
        upper = np.ceil((np.array(region.upper) + 1.5) / step - 0.5)
        top = np.array(self.size) - 1
        return region_between(np.clip(lower, 0, top), np.clip(upper, 0, top))


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


def target_grid(image: sitk.Image, spacing_mm: Sequence[float] | None) -> Grid:
    """Return the grid of a scan resampled to a voxel size (IBSI 2.4; corners aligned).

    Parameters
    ----------
    image
        The scan.
    spacing_mm
        New voxel size (x, y, z), mm; 0 keeps that axis; None keeps all.
    """
    old = np.array(image.GetSpacing())
    new = np.array(spacing_mm if spacing_mm is not None else (0.0, 0.0, 0.0))
    new = np.where(np.isclose(new, old) | (new == 0), old, new)
    step = new / old
    # Rounded, not rounded up: the last centre stays inside the scan.
    size = np.maximum(np.floor(np.array(image.GetSize()) / step + 0.5 + TIE), 1).astype(int)
    (x, y, z), (a, b, c) = size.tolist(), step.tolist()
    return Grid((x, y, z), (a, b, c))


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
    first = [grid.old_index(axis, region.lower[axis], 1)[0] for axis in range(3)]
    origin = image.TransformContinuousIndexToPhysicalPoint([float(index) for index in first])
    margin = INTERPOLATION_MARGIN[interpolator]
    last = [grid.old_index(axis, region.upper[axis], 1)[0] for axis in range(3)]
    needed = region_between([math.floor(i) for i in first], [math.ceil(i) for i in last])
    source = crop(image, needed.grown([margin] * 3, image.GetSize()))
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(region.size)
    resampler.SetOutputOrigin(origin)
    resampler.SetOutputSpacing(
        [spacing * step for spacing, step in zip(image.GetSpacing(), grid.step, strict=True)]
    )
    resampler.SetOutputDirection(image.GetDirection())
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
    share: npt.NDArray[Any] = inside
    for axis in range(3):
        old = grid.old_index(axis, region.lower[axis], region.size[axis])
        share = _interpolate(share, 2 - axis, old, interpolator)
    if interpolator == "nearest":
        return share.astype(bool)
    return np.asarray(share >= threshold - TIE, dtype=bool)


def _interpolate(
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
    lower, upper = [], []
    for axis in (2, 1, 0):
        others = tuple(other for other in range(3) if other != axis)
        filled = np.flatnonzero(inside.any(axis=others))
        if not len(filled):
            return None
        lower.append(int(filled[0]))
        upper.append(int(filled[-1]))
    return region_between(lower, upper)


def crop(image: sitk.Image, region: Region) -> sitk.Image:
    """Return a box of an image, in its place in space."""
    return sitk.RegionOfInterest(image, region.size, region.lower)


def part_of(values: npt.NDArray[Value], region: Region) -> npt.NDArray[Value]:
    """Return a view of a box of (slices, rows, columns) values."""
    x, y, z = (slice(low, up + 1) for low, up in zip(region.lower, region.upper, strict=True))
    return values[z, y, x]


def like(image: sitk.Image, values: npt.NDArray[Any]) -> sitk.Image:
    """Return (slices, rows, columns) values as an image in another image's place."""
    result = sitk.GetImageFromArray(values)
    result.CopyInformation(image)
    return result
