"""FDG PET/CT: activity concentrations, from which SUV needs computing, and the CT beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from scipy import ndimage

from rigoromics.seeds import derive_seed
from rigoromics.simulate.headers import Scan
from rigoromics.simulate.modality import (
    FWHM,
    Look,
    Rng,
    Triple,
    VolumeKind,
    abdomen,
    clipped,
    code,
    grey_modules,
    relook,
)
from rigoromics.simulate.modality_ct import ComputedTomography
from rigoromics.simulate.phantom import Phantom, Tissue
from rigoromics.simulate.series import Acquired
from rigoromics.simulate.settings import Centre, CohortSettings
from rigoromics.simulate.styles import PetDevice

PET_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.128"
# Half-life of fluorine 18, s, and its branching ratio.
HALF_LIFE_S = 6586.2
POSITRON_FRACTION = 0.967
SMALLEST_MATRIX = 80
TOP = 32767
IN_SUV = Look(contrast=6.0, contrast_spread=0.8, texture_sd=1.2, length=1.1, liver=2.2)
IN_CT = Look(contrast=-25.0, contrast_spread=6.0, texture_sd=7.0)


@dataclass(frozen=True)
class Injection:
    """The patient and the tracer on the day of the scan.

    Attributes
    ----------
    weight_kg, height_m
        Of the patient.
    dose_bq
        Activity at the time of injection.
    wait_s
        From injection to the start of the scan.
    """

    weight_kg: float
    height_m: float
    dose_bq: float
    wait_s: int

    @property
    def bq_ml_per_suv(self) -> float:
        """Activity concentration at the start of the scan where SUV (body weight) is 1, Bq/ml."""
        left = self.dose_bq * 2 ** (-self.wait_s / HALF_LIFE_S)
        return float(left / (1000 * self.weight_kg))


def injection(scan: Scan) -> Injection:
    """Return what the patient got before a scan; the headers tell the same."""
    who = np.random.default_rng(derive_seed(scan.seed, "physique"))
    female = scan.person.sex == "F"
    height = round(float(who.normal(1.65 if female else 1.77, 0.06)), 2)
    weight = round(float(np.clip(who.normal(26, 3.5), 18, 38)) * height**2, 1)
    day = np.random.default_rng(derive_seed(scan.seed, "tracer", scan.label))
    dose = round(_device(scan.centre).dose_mbq * weight * float(day.uniform(0.93, 1.07)), 1)
    return Injection(weight, height, dose * 1e6, int(day.integers(55, 76)) * 60)


class Positron(VolumeKind):
    """The PET series: raters draw on it."""

    name = "PT"
    tag = "pt"
    sop_class = PET_IMAGE_STORAGE
    tissues: dict[str, Tissue] = {  # noqa: RUF012
        "air": Tissue(0),
        "couch": Tissue(0),
        "skin": Tissue(0.6, 0.05),
        "fat": Tissue(0.3, 0.04),
        "muscle": Tissue(0.7, 0.08),
        "cartilage": Tissue(0.6, 0.05),
        "cortex": Tissue(0.7, 0.05),
        "marrow": Tissue(1.6, 0.15),
        "disc": Tissue(0.5, 0.05),
        "epidural": Tissue(0.4, 0.04),
        "cord": Tissue(1.3, 0.1),
        "liver": Tissue(IN_SUV.liver, 0.12),
        "spleen": Tissue(1.9, 0.1),
        "kidney": Tissue(3.6, 0.5),
        "wall": Tissue(1.8, 0.25),
        "fluid": Tissue(0.7, 0.05),
        "gas": Tissue(0.3),
        "bowel": Tissue(2.1, 0.6),
        "aorta": Tissue(1.6, 0.05),
        "cava": Tissue(1.6, 0.05),
        "portal": Tissue(1.7, 0.05),
        "vein": Tissue(1.8, 0.05),
    }

    def title(self, scan: Scan) -> str:
        """Return the SeriesDescription."""
        return f"PET WB AC {_device(scan.centre).method}{scan.retest_text}"

    def blur_mm(self, centre: Centre) -> Triple:
        """Return the standard deviation of the blur along (x, y, z), mm."""
        sigma = float(_device(centre).fwhm_mm / FWHM)
        return (sigma, sigma, sigma)

    def pixels(self, settings: CohortSettings, centre: Centre) -> tuple[float, int]:
        """Return the size of a pixel, mm, and the number of rows and columns."""
        return centre.pixel_spacing, max(settings.matrix // 2, SMALLEST_MATRIX)

    def acquire(self, phantom: Phantom, scan: Scan, rng: np.random.Generator) -> Acquired:
        """Return activity concentrations, every slice on a scale of its own.

        Parameters
        ----------
        phantom
            The patient, already in place.
        scan
            The scan.
        rng
            Source of the noise.
        """
        suv = self.suv(phantom, scan, rng)
        given, device = injection(scan), _device(scan.centre)
        activity = suv * given.bq_ml_per_suv
        # Counts are of no unit that means something without the vendor's factor.
        factor = activity_factor(scan) if device.units == "CNTS" else 1.0
        values = activity / factor
        slopes = [float(f"{max(plane.max(), 1e-3) / TOP:.9g}") for plane in values]
        stored = np.stack(
            [clipped(plane / slope, TOP) for plane, slope in zip(values, slopes, strict=True)]
        )
        each = tuple(
            {
                "RescaleSlope": f"{slope:.9g}",
                "RescaleIntercept": 0,
                "ImageIndex": len(slopes) - index,
                "FrameReferenceTime": 0,
                "DecayFactor": f"{_decay_within(120.0):.6f}",
                "ActualFrameDuration": 120000,
            }
            for index, slope in enumerate(slopes)
        )
        return Acquired(stored, each)

    def suv(self, phantom: Phantom, scan: Scan, rng: np.random.Generator) -> Any:
        """Return the standardised uptake (slices, rows, columns), before it is stored."""
        grid, device = scan.grid, _device(scan.centre)
        image, _ = phantom.render(grid, self.tissues)
        sigma = [float(device.fwhm_mm / FWHM / step) for step in reversed(grid.spacing)]
        image = ndimage.gaussian_filter(image, sigma, truncate=3.0)
        white = rng.standard_normal(grid.shape, dtype=np.float32)
        # Reconstruction spreads counts: its noise is as coarse as three quarters of its blur.
        noise = ndimage.gaussian_filter(white, [0.75 * s for s in sigma], truncate=3.0)
        noise *= np.float32(device.noise) / noise.std()
        return np.maximum(image + noise * np.sqrt(np.maximum(image, 0.02)), 0)

    def describe(self, dataset: Dataset, scan: Scan) -> None:
        """Add the PET Series, Isotope and Image modules (DICOM PS3.3 C.8.9)."""
        device, given = _device(scan.centre), injection(scan)
        grey_modules(dataset, 16, signed=True)
        dataset.ImageType = ["ORIGINAL", "PRIMARY"]
        dataset.PatientWeight = f"{given.weight_kg:g}"
        dataset.PatientSize = f"{given.height_m:g}"
        dataset.Units = device.units
        dataset.CountsSource = "EMISSION"
        dataset.SeriesType = ["WHOLE BODY", "IMAGE"]
        dataset.NumberOfSlices = scan.grid.shape[0]
        dataset.CorrectedImage = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"]
        dataset.DecayCorrection = "START"
        dataset.CollimatorType = "NONE"
        dataset.ReconstructionMethod = device.method
        if device.filtering:
            dataset.ConvolutionKernel = device.filtering
        dataset.AttenuationCorrectionMethod = "measured,CTAC"
        dataset.ScatterCorrectionMethod = "Model-based"
        dataset.RandomsCorrectionMethod = "DLYD"
        dataset.BodyPartExamined = "ABDOMEN"
        dataset.RadiopharmaceuticalInformationSequence = [_tracer(scan, given)]
        dataset.PatientOrientationCodeSequence = [code("102538003", "SCT", "recumbent")]
        dataset.PatientOrientationCodeSequence[0].PatientOrientationModifierCodeSequence = [
            code("40199007", "SCT", "supine")
        ]
        dataset.PatientGantryRelationshipCodeSequence = [code("102540008", "SCT", "headfirst")]
        if device.units == "CNTS":
            block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
            factor = activity_factor(scan)
            block.add_new(0x00, "DS", f"{factor / given.bq_ml_per_suv:.9g}")
            block.add_new(0x09, "DS", f"{factor:.9g}")


def activity_factor(scan: Scan) -> float:
    """Return Bq/ml per count of a scanner that stores counts."""
    rng = np.random.default_rng(derive_seed(scan.seed, "counts", scan.label))
    return round(float(rng.uniform(0.6, 1.9)), 6)


def _decay_within(duration_s: float) -> float:
    """Return the factor that undoes decay during a bed position, from its start."""
    rate = np.log(2) / HALF_LIFE_S * duration_s
    return float(rate / (1 - np.exp(-rate)))


def _tracer(scan: Scan, given: Injection) -> Dataset:
    hours, minutes = int(scan.time[:2]), int(scan.time[2:4])
    injected = 3600 * hours + 60 * minutes - given.wait_s
    text = f"{injected // 3600:02d}{injected % 3600 // 60:02d}{injected % 60:02d}.00"
    item = Dataset()
    item.Radiopharmaceutical = "FDG"
    item.RadiopharmaceuticalRoute = "Intravenous route"
    item.RadiopharmaceuticalStartTime = text
    item.RadiopharmaceuticalStartDateTime = scan.person.study_date + text
    item.RadionuclideTotalDose = f"{given.dose_bq:.0f}"
    item.RadionuclideHalfLife = f"{HALF_LIFE_S:g}"
    item.RadionuclidePositronFraction = f"{POSITRON_FRACTION:g}"
    item.RadionuclideCodeSequence = [code("77004003", "SCT", "^18^Fluorine")]
    item.RadiopharmaceuticalCodeSequence = [code("35321007", "SCT", "Fluorodeoxyglucose F^18^")]
    return item


class AttenuationCt(ComputedTomography):
    """The low-dose CT of a PET/CT, in the frame of reference of the PET; nobody draws on it."""

    tag = "ct"
    drawn = False
    # Without contrast agent.
    tissues = ComputedTomography.tissues | {
        "liver": Tissue(58, 4),
        "spleen": Tissue(50, 4),
        "kidney": Tissue(32, 5),
        "wall": Tissue(40, 6),
        "aorta": Tissue(42, 3),
        "cava": Tissue(40, 3),
        "portal": Tissue(40, 3),
        "vein": Tissue(42, 3),
    }

    def title(self, scan: Scan) -> str:
        """Return the SeriesDescription."""
        return f"CT AC {scan.thickness_text} {scan.centre.kernel}{scan.retest_text}"

    def pixels(self, settings: CohortSettings, centre: Centre) -> tuple[float, int]:
        """Return the size of a pixel, mm, and the number of rows and columns."""
        pixel, matrix = _PET.pixels(settings, centre)
        return pixel / 2, 2 * matrix

    def acquire(self, phantom: Phantom, scan: Scan, rng: np.random.Generator) -> Acquired:
        """Return HU + 1024, 12 bit; the lesion, known to the phantom in SUV, is faint."""
        return super().acquire(relook(phantom, IN_SUV, IN_CT), scan, rng)

    def describe(self, dataset: Dataset, scan: Scan) -> None:
        """Add what the CT Image and Image Pixel modules ask for; no contrast agent was given."""
        super().describe(dataset, scan)
        del dataset.ContrastBolusAgent, dataset.ContrastBolusRoute
        dataset.PatientWeight = f"{injection(scan).weight_kg:g}"


_PET = Positron()


class PetStudy:
    """A low-dose CT and an attenuation corrected PET."""

    body_part = "ABDOMEN"
    female = None
    planar = False
    every_frame = True
    _kinds = (AttenuationCt(), _PET)

    def body(
        self, settings: CohortSettings, centre: Centre, length: float, seed: int, rng: Rng
    ) -> Phantom:
        """Return a patient's abdomen, in SUV."""
        return abdomen(settings, _PET.blur_mm(centre), IN_SUV, length, seed, rng)

    def series(self, centre: Centre) -> tuple[VolumeKind, ...]:
        """Return the CT, then the PET."""
        return self._kinds


def _device(centre: Centre) -> PetDevice:
    assert isinstance(centre.device, PetDevice)
    return centre.device
