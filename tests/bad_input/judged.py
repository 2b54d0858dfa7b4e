"""Bad input that only a look at masks, voxels and other patients tells."""

from __future__ import annotations

import numpy as np

from tests.bad_input import patients as made
from tests.bad_input.patients import Patient
from tests.bad_input.registry import kind

QUALITY = "Quality"


def redrawn(patient: Patient, mask: np.ndarray, rater: str = "R1") -> None:
    """Replace a rater's drawing by a SEG of a mask."""
    patient.drawings.pop(rater, None)
    patient.drawings[rater] = made.segments(patient, rater, mask)


@kind(QUALITY, "The ROI has too few voxels", "refused", "fewer than the 64")
def too_few_voxels(patient: Patient) -> None:
    redrawn(patient, made.ball(radius=4.0))


@kind(QUALITY, "The mask is only the outline of the ROI", "refused", "outline|contour|hollow|shell")
def contour_only_mask(patient: Patient) -> None:
    filled = made.ball(radius=11.0)
    inner = np.zeros_like(filled)
    inner[:, 1:-1, 1:-1] = (
        filled[:, 2:, 1:-1] & filled[:, :-2, 1:-1] & filled[:, 1:-1, 2:] & filled[:, 1:-1, :-2]
    )
    redrawn(patient, filled & ~(filled[:] & inner))


@kind(QUALITY, "The mask lies on one slice of a 3D scan", "refused", "one slice")
def one_slice_mask(patient: Patient) -> None:
    mask = np.zeros(made.SHAPE, dtype=bool)
    mask[3] = made.ball(radius=14.0)[3]
    redrawn(patient, mask)


@kind(QUALITY, "Specks lie beside the ROI", "noted", "specks")
def specks(patient: Patient) -> None:
    mask = made.ball()
    mask[1, 2, 2] = mask[5, 2, 25] = mask[3, 24, 3] = True
    redrawn(patient, mask)


@kind(QUALITY, "The ROI's volume is beyond what the study expects", "refused", "volume|ml")
def absurd_volume(patient: Patient) -> None:
    mask = np.ones(made.SHAPE, dtype=bool)
    mask[:, 0] = mask[:, -1] = False
    mask[:, :, 0] = mask[:, :, -1] = mask[0] = mask[-1] = False
    redrawn(patient, mask)


@kind(
    QUALITY,
    "Two raters drew the same to the bit",
    "refused",
    "equals that of rater",
    alone=False,
)
def raters_identical(patient: Patient) -> None:
    patient.drawings["R2"] = made.structures(patient, "R2")


@kind(QUALITY, "Raters drew in different places", "noted", "does not overlap")
def raters_apart(patient: Patient) -> None:
    redrawn(patient, made.ball((3.0, 6.0, 6.0), 7.5))
    redrawn(patient, made.ball((3.0, 19.0, 21.0), 7.5), "R2")


@kind(QUALITY, "The CT holds no Hounsfield units", "refused", "not Hounsfield")
def not_hounsfield(patient: Patient) -> None:
    for image in patient.slices:
        image.RescaleIntercept = 9000


@kind(QUALITY, "The image is constant", "refused", "have the same value")
def constant_image(patient: Patient) -> None:
    for image in patient.slices:
        image.PixelData = bytes(len(image.PixelData))


PEOPLE = "Patients"


@kind(PEOPLE, "One patient has scans in two cohorts", "refused", "different cohorts")
def two_cohorts(patient: Patient) -> None:
    second = Patient(patient.name, patient.number + 7000)
    second.slices = made.series(second)
    for index, image in enumerate(second.slices):
        image.InstitutionName, image.SeriesDescription = "Hospital B", "retest"
        patient.extra[f"other{index}"] = image
    patient.drawings["R2"] = made.structures(second, "R2")


@kind(PEOPLE, "The patient's centre is in no cohort", "refused", "belongs to no cohort")
def unknown_centre(patient: Patient) -> None:
    for image in patient.slices:
        image.InstitutionName = "Hospital Z"


@kind(
    PEOPLE,
    "The patient is not in the clinical table",
    "refused",
    "no row in the clinical table",
    alone=False,
)
def not_in_clinical_table(patient: Patient) -> None:
    """The clinical table of the study leaves this patient out."""


@kind(
    PEOPLE, "A patient of the clinical table has no images", "refused", "has no scan of the study"
)
def no_images(patient: Patient) -> None:
    patient.slices.clear()
    patient.drawings.clear()


@kind(PEOPLE, "The same pixels lie under two PatientIDs", "refused", "same pixels|same images?")
def same_pixels_twice(patient: Patient) -> None:
    twin = Patient(f"{patient.name}_twin", patient.number)
    patient.slices = made.series(patient)
    for index, image in enumerate(made.series(twin)):
        for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            setattr(image, keyword, f"{image[keyword].value}.77")
        image.StudyInstanceUID = f"{twin.root}.0.77"
        patient.extra[f"twin{index}"] = image
