"""Masks in NIfTI, NRRD, MetaImage and 3D Slicer's .seg.nrrd, put on the image's grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.errors import DataError, Problem
from rigoromics.segment.grid import affine, describe_grid, mask_like, place_voxels
from rigoromics.segment.notes import note, outside_notes
from rigoromics.segment.seg_nrrd import segment_layer


def read_mask(
    path: Path, label: str, image: sitk.Image, *, threshold: float = 0.5
) -> tuple[sitk.Image, list[Problem]]:
    """Return one label of a mask file on the image's grid, and notes.

    Parameters
    ----------
    path
        NIfTI, NRRD, MetaImage, or .seg.nrrd of 3D Slicer.
    label
        For .seg.nrrd a segment's name. Else a label value as digits; any other text (or none)
        means the only label there is.
    image
        The image the mask belongs to.
    threshold
        Where the file holds fractions from 0 to 1, a voxel belongs to the mask from here on.

    Returns
    -------
    tuple
        The mask, on the image's grid, and notes.

    Raises
    ------
    DataError
        When the file cannot be read, is no volume, lacks the label, holds several labels and none
        is named, or is not on the image's grid up to flips, axis order and cropping.
    """
    volume = _read(path)
    metadata = {key: volume.GetMetaData(key) for key in volume.GetMetaDataKeys()}
    notes: list[Problem] = []
    if "Segment0_LabelValue" in metadata:
        layer, value = segment_layer(metadata, label)
        values = sitk.GetArrayViewFromImage(volume)
        chosen = (values[..., layer] if values.ndim == 4 else values) == value
    else:
        chosen, notes = _choose(sitk.GetArrayViewFromImage(volume), label, threshold)
    columns, rows, slices = image.GetSize()
    mask = np.zeros((slices, rows, columns), dtype=np.bool_)
    voxels = np.argwhere(chosen)[:, ::-1]
    outside = place_voxels(voxels, affine(volume), image, mask, describe_grid(volume))
    return mask_like(mask, image), notes + outside_notes(outside, len(voxels))


def _read(path: Path) -> sitk.Image:
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
    if volume.GetDimension() != 3:
        raise DataError(
            f"the mask file has {volume.GetDimension()} dimensions instead of three",
            "save one volume per file",
            path.name,
        )
    return volume


def _choose(
    values: NDArray[np.generic], label: str, threshold: float
) -> tuple[NDArray[np.bool_], list[Problem]]:
    """Return where the wanted label is, shape (k, j, i), and notes."""
    if values.ndim != 3:
        raise DataError("the mask file holds several values per voxel", "save one value per voxel")
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
    if label.strip().isdigit():
        wanted = int(label)
        if wanted not in labels:
            held = ", ".join(map(str, labels)) or "none"
            raise DataError(
                f"the mask file has no voxel with label {wanted} (labels present: {held})",
                "correct the label, or draw the ROI",
            )
        return values == wanted, []
    if len(labels) > 1:
        raise DataError(
            f"the mask file holds the labels {', '.join(map(str, labels))} and none is chosen",
            "save one ROI per file, or name the label in the config",
        )
    return values != 0, []
