"""Checks of grey values: of the whole image, and within an ROI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.quality.registry import Finding
from rigoromics.quality.settings import Limits

# Units in which a CT may come: a header without Rescale Type means HU.
_HOUNSFIELD = ("HU", "stored", "")


@dataclass(frozen=True)
class GreyValues:
    """An image's values and what is known of them.

    Attributes
    ----------
    image
        The image; the array is a view of it and lives no longer.
    array
        Values of shape (k, j, i), integers or floats.
    modality
        DICOM modality.
    units
        Of the values, as :class:`rigoromics.read.image.SeriesImage` has them.
    low, high
        Lowest and highest finite value; NaN where there is none.
    """

    image: sitk.Image
    array: NDArray[Any]
    modality: str
    units: str
    low: float
    high: float

    @classmethod
    def of(cls, image: sitk.Image, modality: str, units: str) -> GreyValues:
        """Return the values of an image without copying them."""
        array = sitk.GetArrayViewFromImage(image)
        low, high = float(array.min()), float(array.max())
        if not np.isfinite(low + high):
            finite = array[np.isfinite(array)]
            low = float(finite.min()) if finite.size else float("nan")
            high = float(finite.max()) if finite.size else float("nan")
        return cls(image, array, modality, units, low, high)


def check_image(values: GreyValues, limits: Limits) -> list[Finding]:
    """Return what every check of an image finds."""
    wrong = _not_finite(values.array)
    span = values.high - values.low
    return [
        Finding(
            "not_finite",
            wrong,
            "0",
            f"{wrong} voxels of the image are no finite number" if wrong else "",
        ),
        Finding(
            "constant_image",
            None if np.isnan(span) else span,
            "more than 0",
            f"all voxels of the image have the same value ({values.low:g})" if span == 0 else "",
        ),
        *_ct_image(values, limits),
    ]


def check_roi(values: GreyValues, inside: NDArray[np.bool_], limits: Limits) -> list[Finding]:
    """Return what every check of grey values finds in an ROI.

    Parameters
    ----------
    values
        The image.
    inside
        The mask, shape (k, j, i), not empty.
    limits
        Where the checks fail.
    """
    grey = values.array[inside]
    span = float(grey.max()) - float(grey.min())
    same = f"all voxels of the ROI have the same grey value ({float(grey[0]):g})"
    return [
        Finding("constant_roi", span, "more than 0", same if span == 0 else ""),
        _ct_range(values, grey, limits),
        *_uptake(values, grey, limits),
        _clipped(values, grey, limits),
    ]


def _not_finite(array: NDArray[Any]) -> int:
    if array.dtype.kind != "f":
        return 0
    # Slice by slice: a whole volume of flags would be a copy.
    return sum(int((~np.isfinite(plane)).sum()) for plane in array)


def _ct_image(values: GreyValues, limits: Limits) -> list[Finding]:
    if values.modality != "CT" or np.isnan(values.low):
        return [Finding("ct_not_hu", None), Finding("ct_grey_levels", None)]
    lowest = _lowest_above(values, limits.ct_hu[0])
    text = ""
    if values.units not in _HOUNSFIELD:
        text = "the values of the CT are not in Hounsfield units"
    elif lowest >= 0:
        text = (
            f"no voxel of the CT lies below 0 HU (lowest: {lowest:g}); air is at -1000 and fat at "
            "-100: the values are not Hounsfield units"
        )
    levels, even = _levels(values.array, limits.grey_levels)
    few = f"the CT has only {levels} different grey values, as a picture of it would"
    return [
        Finding("ct_not_hu", lowest, "less than 0", text),
        Finding(
            "ct_grey_levels",
            levels,
            f"more than {limits.grey_levels}, or far apart",
            few if levels <= limits.grey_levels and even else "",
        ),
    ]


def _lowest_above(values: GreyValues, padding: float) -> float:
    """Return the lowest value that is not padding around the scanned field."""
    if values.low >= padding:
        return values.low
    lowest = [float(plane[plane >= padding].min(initial=values.high)) for plane in values.array]
    return min(lowest)


def _levels(array: NDArray[Any], limit: int) -> tuple[int, bool]:
    """Count different values, up to one more than a limit; say whether they lie close together.

    A picture uses most of its levels. A small scan of little noise has as few values, but in
    lumps (air, fat, tissue), far apart against the step between them.
    """
    seen = np.array([], dtype=array.dtype)
    for plane in array:
        seen = np.union1d(seen, plane)
        if len(seen) > limit:
            return limit + 1, False
    step = np.diff(seen.astype(np.float64)).min(initial=np.inf)
    return len(seen), bool((float(seen[-1]) - float(seen[0])) / step < 2 * limit)


def _ct_range(values: GreyValues, grey: NDArray[Any], limits: Limits) -> Finding:
    if values.modality != "CT":
        return Finding("ct_range", None)
    low, high = limits.ct_hu
    share = float(((grey < low) | (grey > high)).mean())
    text = f"{share:.1%} of the ROI's voxels lie outside {low:g} to {high:g} HU"
    limit = f"at most {limits.ct_share:g}"
    return Finding("ct_range", share, limit, text if share > limits.ct_share else "")


def _uptake(values: GreyValues, grey: NDArray[Any], limits: Limits) -> list[Finding]:
    if values.modality != "PT":
        return [Finding("suv_range", None), Finding("pet_negative", None)]
    highest, (low, high) = float(grey.max()), limits.suv
    text = f"the highest SUV of the ROI is {highest:.3g}; a lesion has {low:g} to {high:g}"
    share = float((grey < 0).mean())
    negative = f"{share:.1%} of the ROI's voxels have a negative uptake"
    return [
        Finding(
            "suv_range",
            highest,
            f"{low:g} to {high:g}",
            "" if low <= highest <= high else text,
        ),
        Finding(
            "pet_negative",
            share,
            f"at most {limits.negative_share:g}",
            negative if share > limits.negative_share else "",
        ),
    ]


def _clipped(values: GreyValues, grey: NDArray[Any], limits: Limits) -> Finding:
    share = float(((grey == values.low) | (grey == values.high)).mean())
    text = (
        f"{share:.1%} of the ROI's voxels have the image's lowest or highest value "
        f"({values.low:g} or {values.high:g}): its grey values are clipped"
    )
    limit = f"at most {limits.clipped_share:g}"
    return Finding("clipped", share, limit, text if share > limits.clipped_share else "")
