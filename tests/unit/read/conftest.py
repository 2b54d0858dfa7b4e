"""Synthetic DICOM series and contours, small enough to write by the hundred."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"


def make_dataset(sop_class: str, uid: str, **fields: Any) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = uid
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = sop_class, uid
    for keyword, value in fields.items():
        setattr(data, keyword, value)
    return data


def make_slices(
    volume: np.ndarray,
    *,
    origin: tuple[float, float, float] = (-10.0, 20.0, -30.0),
    spacing: tuple[float, float, float] = (0.5, 0.75, 2.0),
    direction: np.ndarray | None = None,
    series: str = "1.2.3",
    patient: str = "PAT-1",
    **fields: Any,
) -> list[FileDataset]:
    """Slices of a volume (slice, row, column) along the third column of `direction`."""
    axes = np.eye(3) if direction is None else direction
    slices = []
    for number, plane in enumerate(volume):
        place = np.array(origin) + number * spacing[2] * axes[:, 2]
        data = make_dataset(CT, f"{series}.{number + 1}", Modality="CT", PatientID=patient)
        data.SeriesInstanceUID, data.StudyInstanceUID = series, f"{series}.0"
        data.FrameOfReferenceUID = f"1.9.{len(patient)}.{sum(patient.encode())}"
        data.SeriesDescription, data.InstitutionName = "thorax soft", "Hospital A"
        data.ImagePositionPatient = [round(float(value), 9) for value in place]
        data.ImageOrientationPatient = [float(f"{v:.12g}") for v in axes[:, :2].T.ravel()]
        data.PixelSpacing = [spacing[1], spacing[0]]
        data.Rows, data.Columns = plane.shape
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelRepresentation = 1
        data.RescaleSlope, data.RescaleIntercept = 1, -1000
        data.SliceThickness = spacing[2]
        data.InstanceNumber = number + 1
        for keyword, value in fields.items():
            setattr(data, keyword, value)
        data.PixelData = plane.astype("<i2").tobytes()
        slices.append(data)
    return slices


def write_slices(slices: list[FileDataset], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03d}" for number in range(len(slices))]
    for data, path in zip(slices, paths, strict=True):
        data.save_as(path, enforce_file_format=True)
    return paths


def make_rtstruct(
    slices: list[FileDataset], names: list[str], uid: str = "1.5.1", **fields: Any
) -> FileDataset:
    first = slices[0]
    data = make_dataset(
        RTSTRUCT, uid, Modality="RTSTRUCT", PatientID=first.PatientID, SeriesInstanceUID=f"{uid}.9"
    )
    data.StructureSetLabel, data.SeriesDescription = "RT", "contours"
    items = []
    for number, name in enumerate(names, 1):
        item = Dataset()
        item.ROINumber, item.ROIName = number, name
        item.ReferencedFrameOfReferenceUID = first.FrameOfReferenceUID
        items.append(item)
    data.StructureSetROISequence = items
    images = []
    for each in slices:
        image = Dataset()
        image.ReferencedSOPClassUID = each.SOPClassUID
        image.ReferencedSOPInstanceUID = each.SOPInstanceUID
        images.append(image)
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID, series.ContourImageSequence = first.SeriesInstanceUID, images
    study.ReferencedSOPInstanceUID = first.StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    data.ReferencedFrameOfReferenceSequence = [frame]
    for keyword, value in fields.items():
        setattr(data, keyword, value)
    return data


@pytest.fixture
def volume() -> np.ndarray:
    """Five slices of 4 x 6 pixels, every value another."""
    return np.arange(120).reshape(5, 4, 6)


@pytest.fixture
def slices_of() -> Callable[..., list[FileDataset]]:
    return make_slices


@pytest.fixture
def write() -> Callable[[list[FileDataset], Path], list[Path]]:
    return write_slices


@pytest.fixture
def rtstruct_on() -> Callable[..., FileDataset]:
    return make_rtstruct


@pytest.fixture
def study() -> dict[str, Any]:
    """A study of one CT and one ROI, in the shape of the study config."""
    return {
        "privacy": {"ids": "hashed"},
        "cohorts": {
            "development": {"role": "development", "centres": ["Hospital A"]},
            "external": {"role": "external", "centres": ["Hospital B"]},
        },
        "centre": {"source": "InstitutionName", "pattern": None},
        "scans": {
            "ct": {
                "modality": "CT",
                "timepoint": "baseline",
                "series": {"SeriesDescription": "thorax"},
                "not_series": {"SeriesDescription": "lung"},
                "retest_of": None,
            }
        },
        "rois": {"lesion": {"names": ["^gtv", "tumou?r"]}},
        "raters": {},
        "reference_rater": "r1",
    }
