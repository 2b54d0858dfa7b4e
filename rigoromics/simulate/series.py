"""A scan of a volume as a series of DICOM images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from rigoromics.simulate.headers import Scan, add_private, add_series, shared_header


@dataclass(frozen=True)
class Acquired:
    """Stored pixel values, and what differs from image to image.

    Attributes
    ----------
    stored
        Stored values (slices, rows, columns).
    each
        DICOM keyword to value for every slice; empty: nothing.
    """

    stored: NDArray[np.int16]
    each: tuple[dict[str, Any], ...] = ()


class Described(Protocol):
    """What the writing of a series asks of its kind."""

    @property
    def name(self) -> str:
        """DICOM Modality."""

    @property
    def sop_class(self) -> str:
        """SOPClassUID."""

    def title(self, scan: Scan) -> str:
        """Return the SeriesDescription."""

    def describe(self, dataset: Dataset, scan: Scan) -> None:
        """Add the attributes that every image of a series shares."""


def image_series(acquired: Acquired, scan: Scan, kind: Described) -> list[Dataset]:
    """Return one data set per slice, from feet to head.

    Parameters
    ----------
    acquired
        The pixels.
    scan
        The scan they are of.
    kind
        Its kind of image.
    """
    common = common_header(scan, kind)
    _place(common, scan)
    images = []
    number = len(acquired.stored)
    for index, plane in enumerate(acquired.stored):
        image = Dataset()
        image.update(common)
        position = [*scan.grid.origin[:2], float(scan.grid.z[index])]
        image.SOPInstanceUID = scan.uid("image", str(index))
        image.InstanceNumber = number - index
        image.ImagePositionPatient = [f"{value:.3f}" for value in position]
        image.SliceLocation = f"{position[2]:.3f}"
        image.Rows, image.Columns = plane.shape
        image.PixelData = plane.astype("<i2").tobytes()
        image["PixelData"].VR = "OW"
        for keyword, value in acquired.each[index].items() if acquired.each else ():
            setattr(image, keyword, value)
        images.append(image)
    return images


def common_header(scan: Scan, kind: Described) -> Dataset:
    """Return what every image of a series shares, whatever its kind."""
    centre = scan.centre
    common = shared_header(scan)
    add_series(common, scan, kind.name, scan.series_uid, scan.number, kind.title(scan))
    common.SOPClassUID = kind.sop_class
    kind.describe(common, scan)
    common.Manufacturer = centre.manufacturer
    common.ManufacturerModelName = centre.model
    common.SoftwareVersions = centre.software
    common.DeviceSerialNumber = "12345"
    common.ContentDate = common.AcquisitionDate = scan.person.study_date
    common.ContentTime = common.AcquisitionTime = scan.time
    common.AcquisitionNumber = 1
    add_private(common, scan)
    return common


def _place(common: Dataset, scan: Scan) -> None:
    """Add where the slices of a volume lie."""
    # PET says it in codes instead (DICOM PS3.3 C.8.9.5), and may not say it twice.
    if "PatientOrientationCodeSequence" not in common:
        common.PatientPosition = "HFS"
    common.FrameOfReferenceUID = scan.frame_of_reference_uid
    common.PositionReferenceIndicator = "XY"
    common.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    common.PixelSpacing = [f"{scan.grid.spacing[1]:g}", f"{scan.grid.spacing[0]:g}"]
    common.SliceThickness = f"{scan.centre.slice_thickness:g}"
