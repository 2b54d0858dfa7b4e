"""One door to all kinds of segmentation files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.errors import DataError, Problem
from rigoromics.read.image import SliceSource
from rigoromics.read.opening import open_dicom
from rigoromics.segment.notes import damaged


def read_segmentation(
    path: Path,
    name: str,
    image: sitk.Image,
    *,
    number: int = 0,
    threshold: float = 0.5,
    contour_gaps: Literal["keep", "fill"] = "keep",
    frame_of_reference: str = "",
    sop_uids: Collection[str] = (),
    slices: Sequence[SliceSource] = (),
    planar: bool = False,
    shifts: NDArray[np.float64] | None = None,
) -> tuple[sitk.Image, list[Problem]]:
    """Return one ROI of a segmentation file as a mask on the image's grid, and notes.

    Parameters
    ----------
    path
        RTSTRUCT, DICOM SEG, NIfTI, NRRD or MetaImage file; for 2D images also PNG, BMP or TIFF.
    name
        The ROI's name or segment label in the file; a label value where it is a number.
    image
        The image the ROI was drawn on.
    number
        Its ROI or segment number, which tells two of one name apart; in a labelmap image the
        label value. 0 where it is not known.
    threshold
        For fractional segmentations: the fraction from which on a voxel belongs to the ROI.
    contour_gaps
        RTSTRUCT drawn on every second or third slice: `keep` the slices between empty, or
        `fill` them with the nearest contour.
    frame_of_reference, sop_uids
        The image's Frame of Reference UID and the SOP Instance UIDs of its slices, for checks.
    slices
        Which file and frame each slice of the image came from.
    planar
        Whether the image is 2D without a place in the patient: a segmentation is then matched by
        the frame it refers to (DICOM SEG) or by its size (mask images).
    shifts
        Gantry tilt: how far (mm) each slice was moved within its plane, shape (slices, 2).
        Contours and voxels with a place in the patient need no correction, but the voxels of a
        mask on the slices as scanned then lie between those of the image, and go to the nearest.

    Raises
    ------
    DataError
        When the file cannot be used on this image; see the readers.
    """
    # The readers are imported where the file needs them.
    modality = dicom_modality(path)
    if modality == "RTSTRUCT":
        from rigoromics.segment.rtstruct import read_rtstruct

        if planar:
            raise DataError(
                "the segmentation is an RTSTRUCT, whose contours lie in the patient, and the "
                "image is 2D and has no place in the patient",
                "export the ROI as DICOM SEG that refers to the image, or as a mask image",
            )
        return read_rtstruct(
            path,
            [name],
            image,
            number=number,
            contour_gaps=contour_gaps,
            frame_of_reference=frame_of_reference,
            sop_uids=sop_uids,
            slices=slices,
        )
    if modality == "SEG":
        from rigoromics.segment.seg import read_seg

        return read_seg(
            path,
            [name],
            image,
            number=number,
            threshold=threshold,
            frame_of_reference=frame_of_reference,
            slices=slices,
            planar=planar,
            tilted=shifts is not None,
        )
    if modality:
        raise DataError(
            "the file is DICOM, but neither RTSTRUCT nor SEG",
            "export the contours as RTSTRUCT or SEG",
        )
    from rigoromics.segment.masks import read_mask

    return read_mask(
        path,
        name,
        image,
        number=number,
        threshold=threshold,
        planar=planar,
        tilted=shifts is not None,
    )


def dicom_modality(path: Path) -> str:
    """Return the modality of a DICOM file, an empty string for any other file.

    Raises
    ------
    DataError
        When the file is missing, may not be read, or is damaged.
    """
    from pydicom.errors import InvalidDicomError

    with damaged("the header of the segmentation file is damaged", "export it again"):
        try:
            header = open_dicom(path, specific_tags=["Modality"], stop_before_pixels=True)
            return str(header.get("Modality", ""))
        except InvalidDicomError:
            return ""
        except OSError as error:
            raise DataError(
                "the segmentation file is missing or may not be read",
                "put it back, or run `snakemake sheet` if it was removed on purpose",
            ) from error
