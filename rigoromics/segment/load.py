"""One door to all kinds of segmentation files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import SimpleITK as sitk

from rigoromics.errors import DataError, Problem


def read_segmentation(
    path: Path,
    name: str,
    image: sitk.Image,
    *,
    threshold: float = 0.5,
    frame_of_reference: str = "",
    sop_uids: Collection[str] = (),
) -> tuple[sitk.Image, list[Problem]]:
    """Return one ROI of a segmentation file as a mask on the image's grid, and notes.

    Parameters
    ----------
    path
        RTSTRUCT, DICOM SEG, NIfTI, NRRD or MetaImage file.
    name
        The ROI's name, segment label or label value in the file.
    image
        The image the ROI was drawn on.
    threshold
        For fractional segmentations: the fraction from which on a voxel belongs to the ROI.
    frame_of_reference, sop_uids
        The image's Frame of Reference UID and the SOP Instance UIDs of its slices, for checks.

    Raises
    ------
    DataError
        When the file cannot be used on this image; see the readers.
    """
    # The readers are imported where the file needs them: highdicom doubles a job's start.
    modality = dicom_modality(path)
    if modality == "RTSTRUCT":
        from rigoromics.segment.rtstruct import read_rtstruct

        return read_rtstruct(
            path, [name], image, frame_of_reference=frame_of_reference, sop_uids=sop_uids
        )
    if modality == "SEG":
        from rigoromics.segment.seg import read_seg

        return read_seg(
            path, [name], image, threshold=threshold, frame_of_reference=frame_of_reference
        )
    if modality:
        raise DataError(
            f"the file is a DICOM {modality}, not an RTSTRUCT or SEG",
            "export the contours as RTSTRUCT or SEG",
        )
    from rigoromics.segment.masks import read_mask

    return read_mask(path, name, image, threshold=threshold)


def dicom_modality(path: Path) -> str:
    """Return the modality of a DICOM file, an empty string for any other file.

    Raises
    ------
    DataError
        When the file is missing or may not be read.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        header = pydicom.dcmread(path, specific_tags=["Modality"], stop_before_pixels=True)
        return str(header.get("Modality", ""))
    except InvalidDicomError:
        return ""
    except OSError as error:
        raise DataError(
            "the segmentation file is missing or may not be read",
            "put it back, or run `snakemake sheet` if it was removed on purpose",
        ) from error
