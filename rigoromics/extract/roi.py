"""ROIs fit for features: masks read, resegmented, cut out, or refused with a reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from radiomics import imageoperations

from rigoromics import preprocess
from rigoromics.errors import DataError
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.grid import Region
from rigoromics.preprocess import BoolArray


@dataclass(frozen=True)
class Roi:
    """One mask, cut out.

    Attributes
    ----------
    box
        Its box on the image it was given with.
    inside
        (slices, rows, columns) the mask inside the box.
    """

    box: Region
    inside: BoolArray

    def mask(self, image: sitk.Image) -> sitk.Image:
        """Return the mask as PyRadiomics wants it, on the grid of the image cropped to the box."""
        return preprocess.like(image, self.inside.astype(np.uint32))


def read_mask(image: sitk.Image, mask: sitk.Image) -> tuple[BoolArray, Region]:
    """Return a mask as (slices, rows, columns) and its box.

    The array may share the mask's memory.

    Raises
    ------
    DataError
        The mask is empty, in colour, lies on another grid, or holds other values than 0 and 1.
    """
    preprocess.check_geometry(image, mask)
    if mask.GetNumberOfComponentsPerPixel() != 1:
        raise DataError(
            f"The mask has {mask.GetNumberOfComponentsPerPixel()} values a voxel, as pictures in "
            "colour have",
            "write the ROI as one value a voxel: 0 outside, 1 inside",
        )
    values = sitk.GetArrayViewFromImage(mask)
    # Most masks are bytes of 0 and 1, which need no copy to be yes and no.
    plain = values.dtype == np.uint8 and values.max() <= 1
    inside = np.asarray(values.view(np.bool_) if plain else values == 1)
    if not plain and np.count_nonzero(inside) != np.count_nonzero(values):
        labels = np.unique(values)
        raise DataError(
            f"The mask holds other values than 0 and 1 ({', '.join(map(str, labels[:6]))})",
            "write each ROI as a mask of its own",
        )
    box = preprocess.bounding_box(inside)
    if box is None:
        raise DataError("The mask is empty", "draw the ROI, or leave it out of the case sheet")
    return inside, box


def cut_out(image: sitk.Image, inside: BoolArray, settings: ExtractionSettings) -> tuple[Roi, Roi]:
    """Return the ROI as it was drawn, and again after resegmentation.

    Shape is measured on the first, grey values on the second (IBSI: morphological and intensity
    mask). PyRadiomics 3.0.1 cuts the drawn mask to the box of the resegmented one, so that its
    shape features lose whatever sticks out of that box.

    Parameters
    ----------
    image
        The image on the feature grid.
    inside
        (slices, rows, columns) the mask on the same grid.
    settings
        Resegmentation, and what is too small.

    Raises
    ------
    DataError
        The ROI is too small, or all its voxels have the same grey value.
    """
    box = _checked_box(image, inside, "on the feature grid", settings)
    drawn = Roi(box, preprocess.part_of(inside, box))
    ranges = settings.intensity.ranges()
    if not ranges:
        return drawn, drawn
    cropped = preprocess.crop(image, box)
    kept = drawn.mask(cropped)
    try:
        for kept_range in ranges:
            kept = imageoperations.resegmentMask(cropped, kept, **kept_range)
    except ValueError as error:
        raise DataError(
            "No voxels are left of the ROI within the range of resegmentation",
            "widen `intensity.resegmentation`, or check that the mask lies on its own image",
        ) from error
    left = np.zeros_like(inside)
    preprocess.part_of(left, box)[...] = sitk.GetArrayViewFromImage(kept) == 1
    box = _checked_box(image, left, "after resegmentation", settings)
    return drawn, Roi(box, preprocess.part_of(left, box))


def _checked_box(
    image: sitk.Image, inside: BoolArray, when: str, settings: ExtractionSettings
) -> Region:
    """Return a mask's box, unless there is too little in it for features."""
    least = settings.smallest_roi
    remedy = "redraw the ROI, use smaller voxels, or lower `smallest_roi` in the settings"
    voxels = int(np.count_nonzero(inside))
    box = preprocess.bounding_box(inside)
    if box is None:
        raise DataError(f"The ROI has no voxel left {when}", remedy)
    if voxels < least.voxels:
        raise DataError(f"The ROI has {voxels} voxel(s) {when}, fewer than {least.voxels}", remedy)
    dimensions = sum(n > 1 for n in box.size)
    if dimensions < least.dimensions:
        raise DataError(
            f"The ROI extends over {dimensions} of 3 axes {when} (one slice, or one line)", remedy
        )
    flat = settings.texture.in_slices
    widest, nearest = max(box.size[: 2 if flat else 3]), min(settings.texture.distances)
    if widest <= nearest:
        raise DataError(
            f"The ROI is {widest} voxel(s) wide {when}, and neighbours are to be {nearest} apart",
            "use smaller `texture: distances`, smaller voxels, or leave the ROI out",
        )
    grey = preprocess.part_of(sitk.GetArrayViewFromImage(image), box)
    grey = grey[preprocess.part_of(inside, box)]
    if grey.min() == grey.max():
        raise DataError(
            f"All voxels of the ROI have the same grey value ({grey.min():g}) {when}",
            "check that the mask lies on its own image, or leave it out of the case sheet",
        )
    return box
