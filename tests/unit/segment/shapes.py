"""Grids, contours and DICOM files for the tests of segmentations."""

from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage

from rigoromics.read.series import read_series

FRAME = "1.2.826.0.1.1"


def rotation(degrees):
    """Rotation about an axis that is none of the grid's."""
    axis = np.array([0.3, -0.5, 0.81])
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def grid(size=(40, 36, 12), spacing=(0.8, 1.1, 2.5), origin=(-20.0, 13.0, 50.0), degrees=0.0):
    image = sitk.Image(size, sitk.sitkInt16)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(rotation(degrees).ravel().tolist())
    return image


def volume(files):
    """The image of a series."""
    return read_series(sorted(files)).image


def words(notes):
    return " ".join(note.problem for note in notes)


def to_mm(image, points):
    """Continuous voxel indices (n, 3) to patient coordinates."""
    return np.array([image.TransformContinuousIndexToPhysicalPoint(p) for p in points.tolist()])


def polygon(corners, k):
    """Corners in voxel units on slice k, shape (n, 3)."""
    flat = np.asarray(corners, dtype=float)
    return np.column_stack([flat, np.full(len(flat), float(k))])


def circle(x, y, radius, points=200):
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])


def structure_set(path: Path, rois, frame=FRAME, kind="CLOSED_PLANAR", sop=("1.2.3.4", "1.2.3.5")):
    """Write an RTSTRUCT; `rois` is a list of (name, contours in mm or as lists of texts).

    All contours refer to the slices `sop`.
    """
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.SOPClassUID, data.SOPInstanceUID = RTStructureSetStorage, "1.2.3"
    data.Modality, data.PatientID = "RTSTRUCT", "someone"
    data.StructureSetROISequence, data.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(rois, start=1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        drawn.ReferencedROINumber, drawn.ContourSequence = number, []
        for points in contours:
            item = Dataset()
            item.ContourImageSequence = []
            for uid in sop:
                image = Dataset()
                image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CTImageStorage, uid
                item.ContourImageSequence.append(image)
            item.ContourGeometricType = kind
            item.NumberOfContourPoints = len(points)
            if isinstance(points, list):
                item.ContourData = points
                item.NumberOfContourPoints = len(points) // 3
            else:
                item.ContourData = [f"{value:.6f}"[:16] for value in np.ravel(points)]
            drawn.ContourSequence.append(item)
        data.StructureSetROISequence.append(roi)
        data.ROIContourSequence.append(drawn)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def array(mask):
    return sitk.GetArrayFromImage(mask) > 0


def ct_series(folder: Path, values, spacing=(2.0, 1.5, 1.5), frame=FRAME, tilt=0.0):
    """Write a CT series, `values` of shape (k, j, i) in HU; returns the files in slice order.

    With a gantry tilt each slice lies `tilt` mm further down the patient's y axis.
    """
    folder.mkdir(parents=True)
    files = []
    for k, plane in enumerate(values):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = CTImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{k}"
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, f"1.2.3.{k}"
        data.SeriesInstanceUID, data.FrameOfReferenceUID = "1.2.3", frame
        data.Modality, data.PatientID, data.PatientName = "CT", "HIDDEN-1", "HIDDEN^NAME"
        data.ImagePositionPatient = [0, round(k * tilt, 6), k * spacing[0]]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = list(spacing[1:]), spacing[0]
        data.Rows, data.Columns = plane.shape
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelRepresentation, data.RescaleSlope, data.RescaleIntercept = 1, 1, 0
        data.PixelData = plane.astype("<i2").tobytes()
        files.append(folder / f"{k}.dcm")
        pydicom.dcmwrite(files[-1], data, enforce_file_format=True)
    return files
