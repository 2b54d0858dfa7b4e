"""A scan as a series of DICOM images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from rigoromics.simulate.headers import Scan, add_private, add_series, shared_header
from rigoromics.simulate.modality import Modality


def image_series(pixels: NDArray[np.int16], scan: Scan, modality: Modality) -> list[Dataset]:
    """Return one data set per slice, from feet to head.

    Parameters
    ----------
    pixels
        Stored values (slices, rows, columns).
    scan
        The scan they are of.
    modality
        Its kind of image.
    """
    common = _common(scan, modality)
    images = []
    for index, plane in enumerate(pixels):
        image = Dataset()
        image.update(common)
        position = [*scan.grid.origin[:2], float(scan.grid.z[index])]
        image.SOPInstanceUID = scan.uid("image", str(index))
        image.InstanceNumber = len(pixels) - index
        image.ImagePositionPatient = [f"{value:.3f}" for value in position]
        image.SliceLocation = f"{position[2]:.3f}"
        image.Rows, image.Columns = plane.shape
        image.PixelData = plane.astype("<i2").tobytes()
        image["PixelData"].VR = "OW"
        images.append(image)
    return images


def _common(scan: Scan, modality: Modality) -> Dataset:
    """Return what every image of the series shares."""
    centre = scan.centre
    common = shared_header(scan)
    retest = " RETEST" if scan.label == "retest" else ""
    add_series(
        common,
        scan,
        modality.name,
        scan.series_uid,
        scan.number,
        f"Abd pv {scan.thickness_text} {centre.kernel}{retest}",
    )
    common.SOPClassUID = modality.sop_class
    modality.describe(common, centre)
    common.Manufacturer = centre.manufacturer
    common.ManufacturerModelName = centre.model
    common.SoftwareVersions = centre.software
    common.DeviceSerialNumber = "12345"
    common.PatientPosition = "HFS"
    common.ContentDate = common.AcquisitionDate = scan.person.study_date
    common.ContentTime = common.AcquisitionTime = scan.time
    common.AcquisitionNumber = 1
    common.FrameOfReferenceUID = scan.frame_of_reference_uid
    common.PositionReferenceIndicator = "XY"
    common.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    common.PixelSpacing = [f"{scan.grid.spacing[1]:g}", f"{scan.grid.spacing[0]:g}"]
    common.SliceThickness = f"{centre.slice_thickness:g}"
    add_private(common, scan)
    return common
