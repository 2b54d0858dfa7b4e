"""Masks in NIfTI, NRRD, MetaImage and 3D Slicer's .seg.nrrd, put on the image's grid.

For 2D images also pictures (PNG, BMP, TIFF), which go by their size alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.errors import DataError, Problem
from rigoromics.segment.grid import (
    TOLERANCE_VOXELS,
    affine,
    describe_grid,
    mask_like,
    place_voxels,
)
from rigoromics.segment.nifti import non_finite_voxels
from rigoromics.segment.notes import nearest_notes, note, outside_notes
from rigoromics.segment.seg_nrrd import segment_layer

LOSSY = (".jpg", ".jpeg")
LABELS_NAMED = 12


def read_mask(
    path: Path,
    label: str,
    image: sitk.Image,
    *,
    number: int = 0,
    threshold: float = 0.5,
    planar: bool = False,
    tilted: bool = False,
) -> tuple[sitk.Image, list[Problem]]:
    """Return one label of a mask file on the image's grid, and notes.

    Parameters
    ----------
    path
        NIfTI, NRRD, MetaImage, .seg.nrrd of 3D Slicer; for 2D images PNG, BMP or TIFF.
    label
        For .seg.nrrd a segment's name. Else a label value as digits; any other text (or none)
        means the only label there is.
    image
        The image the mask belongs to.
    number
        The label value; 0 where `label` decides.
    threshold
        Where the file holds fractions from 0 to 1, a voxel belongs to the mask from here on.
    planar
        Whether the image is 2D without a place in the patient: the mask's size must be the
        image's, and where it says it lies is ignored.
    tilted
        Whether the image was set upright after a gantry tilt: voxels within a slice may then lie
        between those of the image, and go to the nearest.

    Returns
    -------
    tuple
        The mask, on the image's grid, and notes.

    Raises
    ------
    DataError
        When the file cannot be read, is no volume, holds several values per voxel or voxels that
        are no number, lacks the label, holds several labels and none is named, or is not on the
        image's grid up to flips, axis order and cropping (2D: not of its size).
    """
    volume = _read(path, planar)
    volume = _as_grey(volume) if planar else volume
    chosen, notes = _labelled(path, volume, label, number, threshold)
    columns, rows, slices = image.GetSize()
    if planar:
        return mask_like(_by_size(chosen, (slices, rows, columns)), image), [*notes, _ungrounded()]
    mask = np.zeros((slices, rows, columns), dtype=np.bool_)
    voxels = np.argwhere(chosen)[:, ::-1]
    grid = describe_grid(volume)
    outside, shift = place_voxels(voxels, affine(volume), image, mask, grid, nearest=tilted)
    notes += outside_notes(outside, len(voxels))
    notes += nearest_notes(shift, TOLERANCE_VOXELS) if tilted else []
    return mask_like(mask, image), notes


def _labelled(
    path: Path, volume: sitk.Image, label: str, number: int, threshold: float
) -> tuple[NDArray[np.bool_], list[Problem]]:
    """Return where the wanted label is, by the file's own list of segments or by its value."""
    metadata = {key: volume.GetMetaData(key) for key in volume.GetMetaDataKeys()}
    values = sitk.GetArrayViewFromImage(volume)
    if "Segment0_LabelValue" in metadata:
        layer, value = segment_layer(metadata, label, number)
        return (values[..., layer] if values.ndim == 4 else values) == value, []
    _refuse_odd_values(path, volume)
    wanted = number or (int(label) if label.strip().isdecimal() else 0)
    return _choose(values, wanted, threshold)


def _read(path: Path, planar: bool) -> sitk.Image:
    if path.suffix.lower() in LOSSY:
        raise DataError(
            "the mask file is a JPEG, which changes the values of pixels along edges",
            "save it as PNG",
            path.name,
        )
    try:
        volume = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise DataError(
            "the mask file cannot be read: it is damaged or in an unknown format",
            "save it again as NIfTI or NRRD",
            path.name,
        ) from error
    if volume.GetDimension() == 4 and volume.GetSize()[3] == 1:
        volume = volume[..., 0]
    wanted = (2, 3) if planar else (3,)
    if volume.GetDimension() not in wanted:
        raise DataError(
            f"the mask file has {volume.GetDimension()} dimensions instead of three",
            "save one volume per file",
            path.name,
        )
    return volume


def _as_grey(volume: sitk.Image) -> sitk.Image:
    """Return a picture whose red, green and blue are equal as one value per pixel."""
    if volume.GetNumberOfComponentsPerPixel() not in (3, 4):
        return volume
    values = sitk.GetArrayViewFromImage(volume)
    # Grey BMP files, and what many programs save as PNG, come as three equal colours.
    if (values[..., :3] == values[..., :1]).all() and (values[..., 3:] == values.max()).all():
        return sitk.GetImageFromArray(values[..., 0])
    return volume


def _refuse_odd_values(path: Path, volume: sitk.Image) -> None:
    """Refuse several values per voxel, and voxels that are no number."""
    if volume.GetNumberOfComponentsPerPixel() > 1:
        raise DataError(
            "the mask file holds several values per voxel, as a colour picture does",
            "save one value per voxel (greyscale)",
        )
    values = sitk.GetArrayViewFromImage(volume)
    if not np.issubdtype(values.dtype, np.floating):
        if np.issubdtype(values.dtype, np.complexfloating):
            raise DataError("the mask file holds complex numbers", "save whole numbers")
        return
    bad = int((~np.isfinite(values)).sum())
    if path.name.lower().endswith((".nii", ".nii.gz")):
        bad += non_finite_voxels(path)
    if bad:
        raise DataError(
            f"{bad} voxels of the mask file are no number (NaN) or infinite",
            "save the mask again with 0 outside and whole numbers inside",
        )


def _by_size(chosen: NDArray[np.bool_], shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return a mask of a 2D image as it stands, or refuse one of another size."""
    mask = chosen[np.newaxis] if chosen.ndim == 2 else chosen
    if mask.shape != shape:
        has, wanted = (" x ".join(map(str, size[::-1])) for size in (mask.shape, shape))
        raise DataError(
            f"the mask has {has} pixels (columns, rows, frames) and the image {wanted}",
            "take the mask drawn on this very image, uncropped and at full size",
        )
    return mask


def _ungrounded() -> Problem:
    return note(
        "the image is 2D: the mask was laid on it pixel by pixel, and where the mask says it lies "
        "was ignored",
        "look at the contact sheet; the mask may be mirrored or turned",
    )


def _choose(
    values: NDArray[np.generic], wanted: int, threshold: float
) -> tuple[NDArray[np.bool_], list[Problem]]:
    """Return where the wanted label is (0: the only one there is), and notes."""
    found = np.unique(values)
    if not np.array_equal(found, np.round(found)):
        if found.min() < 0 or found.max() > 1:
            raise DataError(
                "the mask file holds numbers that are neither labels nor fractions from 0 to 1",
                "make sure that it is the mask and not the image",
            )
        remark = note(
            f"the mask file holds fractions; a voxel counts from {threshold:g} on",
            "set images.seg_threshold in the config if another fraction is meant",
        )
        return values.astype(np.float64) >= threshold, [remark]
    labels = [int(value) for value in found if value != 0]
    held = ", ".join(map(str, labels[:LABELS_NAMED])) or "none"
    if len(labels) > LABELS_NAMED:
        held = f"{held} and {len(labels) - LABELS_NAMED} more"
    if wanted:
        if wanted not in labels:
            raise DataError(
                f"the mask file has no voxel with label {wanted} (labels present: {held})",
                "correct the label, or draw the ROI",
            )
        return values == wanted, []
    if len(labels) > 1:
        raise DataError(
            f"the mask file holds the labels {held} and none is chosen",
            "save one ROI per file, or name each ROI's label under `masks: labels:` in the config",
        )
    return values != 0, []
