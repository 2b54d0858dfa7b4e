"""Patients small enough to write by the thousand, as DICOM, to be spoiled one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
PET = "1.2.840.10008.5.1.4.1.1.128"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
SHAPE = (7, 26, 28)
SPACING = (3.0, 2.0, 2.0)
CENTRE = (3.0, 12.0, 13.0)
RADIUS_MM = 8.0


@dataclass
class Patient:
    """One patient's files before they are written: change them, then write.

    Attributes
    ----------
    name
        PatientID.
    number
        Makes its UIDs and its voxels its own.
    slices
        The image series.
    drawings
        RTSTRUCT or SEG of each rater.
    extra
        Any further DICOM files.
    after
        What to do to the written files: called with the patient's folder.
    """

    name: str
    number: int
    slices: list[Dataset] = field(default_factory=list)
    drawings: dict[str, Dataset] = field(default_factory=dict)
    extra: dict[str, Dataset] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """Front of all its UIDs."""
        return f"1.2.826.0.1.3680043.10.9999.{self.number + 1}"

    def write(self, raw: Path) -> Path:
        """Write everything, the image's files first, and return the patient's folder."""
        folder = raw / self.name
        folder.mkdir(parents=True, exist_ok=True)
        files = {f"im{index:02d}": data for index, data in enumerate(self.slices)}
        files |= {f"seg-{rater}": data for rater, data in self.drawings.items()} | self.extra
        for name, data in files.items():
            save(data, folder / name)
        return folder


def save(data: Dataset, path: Path) -> None:
    """Write a data set however wrong its content is."""
    if not hasattr(data, "file_meta"):
        data.file_meta = FileMetaDataset()
    meta = data.file_meta
    meta.TransferSyntaxUID = meta.get("TransferSyntaxUID", ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID = data.get("SOPClassUID", CT)
    meta.MediaStorageSOPInstanceUID = data.get("SOPInstanceUID", "1.2.3")
    data.save_as(path, enforce_file_format=True)


def voxels(number: int) -> np.ndarray:
    """Return HU of a lesion between fat and lung, shape `SHAPE`; no two numbers give the same."""
    rng = np.random.default_rng(number)
    around = np.linspace(-90, -800, SHAPE[2])
    values = np.where(ball(), 60, around) + rng.normal(0, 20, SHAPE)
    return values.round().astype(np.int16)


def ball(centre: tuple[float, float, float] = CENTRE, radius: float = RADIUS_MM) -> np.ndarray:
    """Return a ball, boolean of `SHAPE`."""
    distance = [
        ((index - middle) * step) ** 2
        for index, middle, step in zip(np.indices(SHAPE), centre, SPACING, strict=True)
    ]
    return np.sqrt(sum(distance)) <= radius


def base(patient: Patient, sop_class: str, modality: str, uid: str) -> Dataset:
    """Return what every file of a patient shares."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = sop_class, f"{patient.root}.{uid}"
    data.Modality, data.PatientID = modality, patient.name
    data.PatientName, data.StudyDate, data.StudyTime = "Canary^Bad", "20200102", "101500"
    data.StudyInstanceUID, data.InstitutionName = f"{patient.root}.0", "Hospital A"
    return data


def series(patient: Patient, modality: str = "CT", sop_class: str = CT) -> list[Dataset]:
    """Return one image per slice."""
    made = []
    for index, plane in enumerate(voxels(patient.number)):
        data = base(patient, sop_class, modality, f"1.{index + 1}")
        data.SeriesInstanceUID = f"{patient.root}.1"
        data.FrameOfReferenceUID = f"{patient.root}.2"
        data.SeriesDescription, data.ImageType = "lesion", ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.SeriesDate, data.SeriesTime = "20200102", "101500"
        data.AcquisitionDate, data.AcquisitionTime = "20200102", "101500"
        data.InstanceNumber = index + 1
        data.ImagePositionPatient = [-25.0, -26.0, index * SPACING[0]]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = list(SPACING[1:]), SPACING[0]
        data.Rows, data.Columns = plane.shape
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelRepresentation, data.RescaleSlope, data.RescaleIntercept = 1, 1, 0
        data.PixelData = plane.astype("<i2").tobytes()
        made.append(data)
    return made


def contours(mask: np.ndarray) -> list[list[float]]:
    """Return a closed contour, in mm, around each slice of a mask of a convex ROI."""
    drawn = []
    for index in np.flatnonzero(mask.any(axis=(1, 2))):
        rows, columns = np.nonzero(mask[index])
        middle, width = (columns.min() + columns.max()) / 2, np.ptp(columns) / 2 + 0.4
        centre, height = (rows.min() + rows.max()) / 2, np.ptp(rows) / 2 + 0.4
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        x = -25.0 + SPACING[2] * (middle + width * np.cos(angle))
        y = -26.0 + SPACING[1] * (centre + height * np.sin(angle))
        z = np.full(len(angle), float(index) * SPACING[0])
        drawn.append(np.round(np.column_stack([x, y, z]), 3).ravel().tolist())
    return drawn


def structures(patient: Patient, rater: str = "R1", mask: np.ndarray | None = None) -> Dataset:
    """Return an RTSTRUCT with one ROI on the patient's series."""
    data = base(patient, STRUCTURES, "RTSTRUCT", f"3.{len(patient.drawings) + 1}")
    data.SeriesInstanceUID = f"{patient.root}.3"
    data.StructureSetLabel, data.SeriesDescription = rater, "contours"
    image, series_item, study, frame = Dataset(), Dataset(), Dataset(), Dataset()
    images = [_reference(each) for each in patient.slices]
    series_item.SeriesInstanceUID = patient.slices[0].SeriesInstanceUID
    series_item.ContourImageSequence = images
    study.ReferencedSOPInstanceUID = f"{patient.root}.0"
    study.RTReferencedSeriesSequence = [series_item]
    frame.FrameOfReferenceUID = patient.slices[0].get("FrameOfReferenceUID", "")
    frame.RTReferencedStudySequence = [study]
    data.ReferencedFrameOfReferenceSequence = [frame]
    roi, drawn = Dataset(), Dataset()
    roi.ROINumber, roi.ROIName = 1, "GTV"
    roi.ReferencedFrameOfReferenceUID = frame.FrameOfReferenceUID
    drawn.ReferencedROINumber, drawn.ContourSequence = 1, []
    for points in contours(ball() if mask is None else mask):
        image = Dataset()
        image.ContourGeometricType, image.NumberOfContourPoints = "CLOSED_PLANAR", len(points) // 3
        image.ContourData = [f"{value:.3f}" for value in points]
        drawn.ContourSequence.append(image)
    data.StructureSetROISequence, data.ROIContourSequence = [roi], [drawn]
    return data


def segments(patient: Patient, rater: str = "R1", mask: np.ndarray | None = None) -> Dataset:
    """Return a binary SEG with one segment on the patient's series."""
    filled = ball() if mask is None else mask
    data = base(patient, SEGMENTATION, "SEG", f"4.{len(patient.drawings) + 1}")
    data.SeriesInstanceUID = f"{patient.root}.4"
    data.FrameOfReferenceUID = patient.slices[0].FrameOfReferenceUID
    data.ContentLabel, data.SeriesDescription = rater, "segments"
    data.SegmentationType, data.NumberOfFrames = "BINARY", SHAPE[0]
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.InstanceNumber, data.ContentDescription = 1, ""
    data.Manufacturer, data.ManufacturerModelName = "none", "none"
    data.SoftwareVersions, data.DeviceSerialNumber = "1", "1"
    data.LossyImageCompression = "00"
    data.Rows, data.Columns = SHAPE[1:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 1
    data.HighBit = data.PixelRepresentation = 0
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "GTV"
    segment.SegmentAlgorithmType = "MANUAL"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "M-01000", "SRT", "Abnormal"
    segment.SegmentedPropertyCategoryCodeSequence = [code]
    segment.SegmentedPropertyTypeCodeSequence = [code]
    data.SegmentSequence = [segment]
    referenced = Dataset()
    referenced.SeriesInstanceUID = patient.slices[0].SeriesInstanceUID
    referenced.ReferencedInstanceSequence = [_reference(each) for each in patient.slices]
    data.ReferencedSeriesSequence = [referenced]
    data.DimensionOrganizationSequence, data.DimensionIndexSequence = _dimensions(patient)
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = list(SPACING[1:]), SPACING[0]
    measures.SpacingBetweenSlices = SPACING[0]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = [
        _frame(index, plane.ImagePositionPatient) for index, plane in enumerate(patient.slices)
    ]
    data.PixelData = np.packbits(filled.ravel(), bitorder="little").tobytes()
    if len(data.PixelData) % 2:
        data.PixelData += b"\0"
    return data


def _reference(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


def _dimensions(patient: Patient) -> tuple[list[Dataset], list[Dataset]]:
    organization = Dataset()
    organization.DimensionOrganizationUID = f"{patient.root}.5"
    indices = []
    for pointer, group in ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113)):
        item = Dataset()
        item.DimensionOrganizationUID = organization.DimensionOrganizationUID
        item.DimensionIndexPointer, item.FunctionalGroupPointer = pointer, group
        indices.append(item)
    return [organization], indices


def _frame(index: int, position: Any) -> Dataset:
    frame, content, place, identity = Dataset(), Dataset(), Dataset(), Dataset()
    content.DimensionIndexValues = [1, index + 1]
    place.ImagePositionPatient = position
    identity.ReferencedSegmentNumber = 1
    frame.FrameContentSequence, frame.PlanePositionSequence = [content], [place]
    frame.SegmentIdentificationSequence = [identity]
    return frame
