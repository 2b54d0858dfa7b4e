"""What a kind of bad input is, and the sound patients that are spoiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from tests.bad_input import patients as made
from tests.bad_input.patients import Patient

Spoil = Callable[[Patient], None]
Files = Callable[[Path, Patient], None]
KINDS: list[Kind] = []


@dataclass(frozen=True)
class Kind:
    """One kind of bad input.

    Attributes
    ----------
    name
        Short name.
    area
        Heading in the docs.
    what
        What is wrong, for the docs.
    severity
        refused, repaired or noted.
    said
        Regular expression found in the problem.
    spoil
        Changes the patient before it is written.
    files
        Changes the written files; `later`: only after the sheet was drafted.
    start
        Makes the patient that is spoiled.
    anonymous
        The problem names a file or nobody, because the patient is unknown.
    alone
        It alone decides what becomes of the patient; otherwise something sound is left beside
        what is refused, or something else is refused besides.
    """

    name: str
    area: str
    what: str
    severity: str
    said: str
    spoil: Spoil | None = None
    files: Files | None = None
    later: bool = False
    start: Spoil | None = None
    anonymous: bool = False
    alone: bool = True

    @property
    def patient_id(self) -> str:
        """PatientID of the patient that is spoiled; no message may show it."""
        return f"Canary.{self.name}"


def kind(
    area: str, what: str, severity: str, said: str, **more: object
) -> Callable[[Spoil], Spoil]:
    """Enter the function below as a kind of bad input; its name is the kind's."""

    def enter(function: Callable[..., None]) -> Callable[..., None]:
        on = "files" if more.pop("on", "patient") == "files" else "spoil"
        KINDS.append(Kind(function.__name__, area, what, severity, said, **{on: function}, **more))
        return function

    return enter


def ct(patient: Patient) -> None:
    """A CT with contours."""
    patient.slices = made.series(patient)
    patient.drawings["R1"] = made.structures(patient)


def ct_seg(patient: Patient) -> None:
    """A CT with a SEG."""
    patient.slices = made.series(patient)
    patient.drawings["R1"] = made.segments(patient)


def pet(patient: Patient) -> None:
    """A PET in Bq/ml with all that SUV needs, and contours."""
    patient.slices = made.series(patient, "PT", made.PET)
    for image in patient.slices:
        stored = np.frombuffer(image.PixelData, "<i2")
        image.PixelData = (stored.clip(-900) + 901).astype("<i2").tobytes()
        image.Units, image.DecayCorrection = "BQML", "START"
        image.CorrectedImage = ["ATTN", "DECY"]
        image.PatientWeight, image.PatientSize, image.PatientSex = 70.0, 1.75, "F"
        dose = Dataset()
        dose.Radiopharmaceutical = "FDG"
        dose.RadiopharmaceuticalStartTime = "091500"
        dose.RadionuclideTotalDose, dose.RadionuclideHalfLife = 3.5e6, 6586.2
        image.RadiopharmaceuticalInformationSequence = [dose]
        image.RescaleSlope = 10.0
    patient.drawings["R1"] = made.structures(patient)


def ultrasound(patient: Patient) -> None:
    """One ultrasound picture with a SEG that names it."""
    planar(patient, "US", made.ULTRASOUND)


def mammogram(patient: Patient) -> None:
    """One mammogram with a SEG that names it."""
    planar(patient, "MG", made.MAMMOGRAM)
    image = patient.slices[0]
    image.ImagerPixelSpacing, image.PresentationIntentType = [0.1, 0.1], "FOR PROCESSING"


def planar(patient: Patient, modality: str, sop_class: str) -> None:
    """One 2D picture, and a mask of its size."""
    image = made.series(patient, modality, sop_class)[3]
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID"):
        del image[keyword]
    del image["PixelSpacing"], image["SliceThickness"]
    stored = np.frombuffer(image.PixelData, "<i2").clip(-900) + 901
    image.PixelData = stored.astype("<u2").tobytes()
    image.PixelRepresentation = 0
    patient.slices = [image]


def masked(patient: Patient) -> None:
    """A CT whose ROI is a mask image beside it."""
    patient.slices = made.series(patient)


def write_mask(raw: Path, patient: Patient, values: np.ndarray, **grid: object) -> Path:
    """Write a NIfTI mask where the study's pattern finds it."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(grid.get("spacing", made.SPACING[::-1]))
    image.SetOrigin(grid.get("origin", (-25.0, -26.0, 0.0)))
    path = raw / "masks" / patient.name / "GTV.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    return path
