"""Perturbed images: noise, thicker slices, a smoother kernel.

Noise follows Zwanenburg et al. (Sci Rep 2019;9:614, doi:10.1038/s41598-018-36938-4): as much again
as is in the image already. Thickness and blur stand for another protocol of the same scanner: slice
thickness and reconstruction kernel are what changes CT features most (Zhao et al., Sci Rep
2016;6:23428, doi:10.1038/srep23428).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pywt
import SimpleITK as sitk

from rigoromics import preprocess
from rigoromics.errors import DataError
from rigoromics.perturb.variants import ImageChange

FloatArray = npt.NDArray[np.float64]

# Slices whose noise is measured, at most, evenly spread over the scan.
SLICES = 32
# Standard normal: half of all values lie within so many standard deviations of the mean.
MEDIAN_DEVIATION = 0.674489750196082
FWHM_OF_SIGMA = math.sqrt(8 * math.log(2))


def changed_image(image: sitk.Image, change: ImageChange, seed: int) -> sitk.Image:
    """Return an image with thicker slices, a blur, and noise, in this order.

    Parameters
    ----------
    image
        The scan; it is not changed.
    change
        What to do; the pose is the resampler's.
    seed
        Seed of the noise.

    Returns
    -------
    SimpleITK.Image
        The same grid. Whole numbers stay whole numbers, as a scanner would store them.

    Raises
    ------
    DataError
        The scan's slices are not thinner than asked for.
    """
    if change.slice_mm is None and change.blur_mm is None and change.noise is None:
        return image
    values = sitk.GetArrayFromImage(image).astype(np.float64)
    spacing = image.GetSpacing()
    if change.slice_mm is not None:
        values = thickened(values, spacing[2], change.slice_mm)
    if change.blur_mm is not None:
        values = blurred(values, (spacing[0], spacing[1]), change.blur_mm)
    if change.noise is not None:
        noise = np.random.default_rng(seed).standard_normal(values.shape)
        values = values + noise_level(values) * noise
    return preprocess.like(image, _stored(values, sitk.GetArrayViewFromImage(image).dtype))


def noise_level(values: FloatArray) -> float:
    """Return the standard deviation of the noise in an image.

    From the finest diagonal wavelet coefficients of its slices, where next to nothing but noise
    is: their median absolute value over 0.6745 (Chang et al., IEEE Trans Image Process
    2000;9:1532, doi:10.1109/83.862633), with the coiflet of Zwanenburg 2019. Coefficients of
    nothing at all, as in an empty background, do not count.

    Parameters
    ----------
    values
        (slices, rows, columns).
    """
    chosen = np.unique(np.linspace(0, len(values) - 1, SLICES).round().astype(int))
    found = []
    for plane in values[chosen]:
        _, (_, _, diagonal) = pywt.dwt2(plane, "coif1")
        # Rounding leaves specks where the image is flat.
        there = np.abs(diagonal)[np.abs(diagonal) > 1e-9 * max(np.ptp(plane), 1e-300)]
        if there.size:
            found.append(np.median(there) / MEDIAN_DEVIATION)
    return float(np.median(found)) if found else 0.0


def thickened(values: FloatArray, spacing_mm: float, slice_mm: float) -> FloatArray:
    """Return slices of another thickness at the same places: means over `slice_mm` about each.

    The slice interval is taken for the scan's own thickness. At the scan's ends, the last slice
    goes on.

    Parameters
    ----------
    values
        (slices, rows, columns).
    spacing_mm, slice_mm
        Slice interval, and the thickness that is wanted.

    Raises
    ------
    DataError
        The slices are not thinner than that.
    """
    if slice_mm <= spacing_mm or len(values) == 1:
        raise DataError(
            f"The scan's slices lie {spacing_mm:g} mm apart, which cannot be made {slice_mm:g} mm",
            "nothing, if other scans can: the perturbation is left out for this one",
        )
    half = (slice_mm / spacing_mm - 1) / 2
    reach = math.ceil(half)
    weights = np.ones(2 * reach + 1)
    weights[[0, -1]] = 1 - (reach - half)
    weights /= weights.sum()
    padded = np.pad(values, ((reach, reach), (0, 0), (0, 0)), mode="edge")
    result = np.zeros_like(values)
    for offset, weight in enumerate(weights):
        result += weight * padded[offset : offset + len(values)]
    return result


def blurred(values: FloatArray, spacing_mm: tuple[float, float], fwhm_mm: float) -> FloatArray:
    """Return slices under a Gaussian of a full width at half maximum.

    Parameters
    ----------
    values
        (slices, rows, columns).
    spacing_mm
        Voxel size along columns and rows (x, y).
    fwhm_mm
        Width of the Gaussian.
    """
    from scipy.ndimage import gaussian_filter

    x, y = spacing_mm
    sigma = fwhm_mm / FWHM_OF_SIGMA
    blurred_values: FloatArray = gaussian_filter(values, (0, sigma / y, sigma / x), mode="nearest")
    return blurred_values


def _stored(values: FloatArray, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if dtype.kind not in "iu":
        return values
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)
