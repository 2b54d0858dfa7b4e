"""Bad input: structure sets, segmentations and mask images."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from tests.bad_input import patients as made
from tests.bad_input.patients import Patient
from tests.bad_input.registry import ct_seg, kind, masked, write_mask

DRAWN = "Segmentations"


def _drawn(patient: Patient) -> Dataset:
    return patient.drawings["R1"]


@kind(DRAWN, "The ROI has a name and no contours", "refused", "no contours")
def empty_roi(patient: Patient) -> None:
    del _drawn(patient).ROIContourSequence[0]["ContourSequence"]


@kind(DRAWN, "No ROI name fits the study", "refused", "None of the 1 ROI names")
def unknown_roi_name(patient: Patient) -> None:
    _drawn(patient).StructureSetROISequence[0].ROIName = "Oesophagus"


@kind(DRAWN, "Two ROIs of one file fit the study's ROI", "refused", "2 ROIs of one segmentation")
def two_rois_fit(patient: Patient) -> None:
    second = Dataset()
    second.ROINumber, second.ROIName = 2, "GTV node"
    second.ReferencedFrameOfReferenceUID = f"{patient.root}.2"
    first = _drawn(patient).StructureSetROISequence[0]
    first.ROIName = "GTV primary"
    _drawn(patient).StructureSetROISequence = [first, second]


@kind(
    DRAWN, "Two files hold the same ROI by the same rater", "refused", "same ROI by the same rater"
)
def two_files_one_rater(patient: Patient) -> None:
    patient.drawings["R1b"] = made.structures(patient)


@kind(DRAWN, "No rater of the study fits the file", "refused", "fits no rater", on="files")
def unknown_rater(raw: Path, patient: Patient) -> None:
    (raw / patient.name / "seg-R1").rename(raw / patient.name / "seg-R9")


@kind(DRAWN, "The contours refer to a series that is not there", "refused", "not among the files")
def refers_elsewhere(patient: Patient) -> None:
    frame = _drawn(patient).ReferencedFrameOfReferenceSequence[0]
    frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3.4.5"
    frame.FrameOfReferenceUID = "1.2.3.4.6"
    for image in (
        frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].ContourImageSequence
    ):
        image.ReferencedSOPInstanceUID = "1.2.3.4.7"


@kind(DRAWN, "The contours refer to no series", "noted", "names no series")
def refers_to_nothing(patient: Patient) -> None:
    del _drawn(patient).ReferencedFrameOfReferenceSequence[0]["RTReferencedStudySequence"]


@kind(DRAWN, "Contours in another frame of reference", "refused", "another frame of reference")
def other_frame(patient: Patient) -> None:
    _drawn(patient).StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "1.2.3.99"
    _drawn(patient).ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "1.2.3.99"


@kind(
    DRAWN,
    "The contours carry another PatientID",
    "refused",
    "carries another PatientID",
    anonymous=True,
)
def other_patient_id(patient: Patient) -> None:
    _drawn(patient).PatientID = "somebody else"


def _points(patient: Patient) -> list[Dataset]:
    return list(_drawn(patient).ROIContourSequence[0].ContourSequence)


def _moved(patient: Patient, axis: int, mm: float) -> None:
    for item in _points(patient):
        corners = np.array(item.ContourData, dtype=float).reshape(-1, 3)
        corners[:, axis] += mm
        item.ContourData = [f"{value:.3f}" for value in corners.ravel()]


@kind(DRAWN, "Contours lie above the scan", "refused", "outside the image")
def contours_outside(patient: Patient) -> None:
    _moved(patient, 2, 40)


@kind(DRAWN, "Contours reach beyond the scan's edge", "noted", "reach beyond the image's edge")
def contours_cut_off(patient: Patient) -> None:
    _moved(patient, 0, 22)


@kind(DRAWN, "Contours lie between slices", "noted", "between slices")
def contours_between_slices(patient: Patient) -> None:
    _moved(patient, 2, 0.9)


@kind(DRAWN, "Contours are tilted against the slices", "refused", "planes of the image's slices")
def contours_tilted(patient: Patient) -> None:
    for item in _points(patient):
        corners = np.array(item.ContourData, dtype=float).reshape(-1, 3)
        corners[:, 2] += 0.3 * corners[:, 0]
        item.ContourData = [f"{value:.3f}" for value in corners.ravel()]


@kind(DRAWN, "The ROI is a point", "refused", "empty|encloses? no area|no closed")
def only_points(patient: Patient) -> None:
    for item in _points(patient):
        item.ContourGeometricType = "POINT"
        item.ContourData, item.NumberOfContourPoints = item.ContourData[:3], 1


@kind(DRAWN, "A contour's coordinates are no triples of numbers", "refused", "triples of numbers")
def coordinates_not_triples(patient: Patient) -> None:
    item = _points(patient)[0]
    item.ContourData = item.ContourData[:-1]


@kind(DRAWN, "The slices between contours are empty", "noted", "no contour|not segmented")
def slices_skipped(patient: Patient) -> None:
    items = _points(patient)
    _drawn(patient).ROIContourSequence[0].ContourSequence = items[:2] + items[3:]


@kind(DRAWN, "A contour is drawn twice", "noted", "drawn twice")
def contour_twice(patient: Patient) -> None:
    items = _points(patient)
    _drawn(patient).ROIContourSequence[0].ContourSequence = [*items, items[2]]


@kind(DRAWN, "Two contours of a slice overlap in part", "noted", "overlap partly")
def contours_overlap(patient: Patient) -> None:
    items = _points(patient)
    shifted = deepcopy(items[2])
    corners = np.array(items[2].ContourData, dtype=float).reshape(-1, 3)
    corners[:, 0] += 6
    shifted.ContourData = [f"{value:.3f}" for value in corners.ravel()]
    _drawn(patient).ROIContourSequence[0].ContourSequence = [*items, shifted]


@kind(DRAWN, "Contours refer to slices that are not in the series", "noted", "not in this series")
def contour_images_elsewhere(patient: Patient) -> None:
    for item in _points(patient):
        image = Dataset()
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = made.CT, "1.2.3.4.5.6"
        item.ContourImageSequence = [image]


@kind(DRAWN, "The SEG is cut short", "refused", "cut short", start=ct_seg, on="files")
def seg_cut_short(raw: Path, patient: Patient) -> None:
    path = raw / patient.name / "seg-R1"
    path.write_bytes(path.read_bytes()[:-200])


@kind(DRAWN, "The SEG lies on another grid", "refused", "not on the image's grid", start=ct_seg)
def seg_other_grid(patient: Patient) -> None:
    shared = _drawn(patient).SharedFunctionalGroupsSequence[0]
    shared.PixelMeasuresSequence[0].PixelSpacing = [1.9, 1.9]


@kind(DRAWN, "The segment holds no voxel", "refused", "empty", start=ct_seg)
def seg_empty(patient: Patient) -> None:
    _drawn(patient).PixelData = bytes(len(_drawn(patient).PixelData))


@kind(DRAWN, "The frames of a SEG name no place", "refused", "SEG|segmentation", start=ct_seg)
def seg_without_positions(patient: Patient) -> None:
    for frame in _drawn(patient).PerFrameFunctionalGroupsSequence:
        del frame["PlanePositionSequence"]


@kind(DRAWN, "A scan has no segmentation", "refused", "no segmentation that can be used")
def no_segmentation(patient: Patient) -> None:
    patient.drawings.clear()


@kind(DRAWN, "A mask image lies on another grid", "refused", "not on the image's grid",
      start=masked, on="files")  # fmt: skip
def mask_other_grid(raw: Path, patient: Patient) -> None:
    write_mask(raw, patient, made.ball().astype(np.uint8), spacing=(1.9, 2.0, 3.0))


@kind(DRAWN, "A mask image holds several labels", "refused", "labels 1, 2", start=masked,
      on="files")  # fmt: skip
def mask_several_labels(raw: Path, patient: Patient) -> None:
    write_mask(raw, patient, made.ball().astype(np.uint8) + made.ball(radius=4.0))


@kind(DRAWN, "A mask image holds grey values", "refused", "neither labels nor fractions",
      start=masked, on="files")  # fmt: skip
def mask_is_the_image(raw: Path, patient: Patient) -> None:
    write_mask(raw, patient, made.voxels(patient.number).astype(np.float32) / 7)


@kind(DRAWN, "A mask image is damaged", "refused", "mask file cannot be read", start=masked,
      on="files")  # fmt: skip
def mask_damaged(raw: Path, patient: Patient) -> None:
    path = write_mask(raw, patient, made.ball().astype(np.uint8))
    path.write_bytes(path.read_bytes()[:60])


@kind(DRAWN, "A mask image holds values that are not numbers", "refused", "not numbers|NaN",
      start=masked, on="files")  # fmt: skip
def mask_not_a_number(raw: Path, patient: Patient) -> None:
    values = made.ball().astype(np.float32)
    values[3, 12, 13] = np.nan
    write_mask(raw, patient, values)
