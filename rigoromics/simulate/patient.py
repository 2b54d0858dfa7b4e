"""One simulated patient, from latent variable to files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from rigoromics.seeds import derive_seed
from rigoromics.simulate.anatomy import LIVER_CENTRE, Traits
from rigoromics.simulate.geometry import Grid, lesion_shape
from rigoromics.simulate.headers import Scan, write
from rigoromics.simulate.identity import Person, person
from rigoromics.simulate.modality import MODALITIES
from rigoromics.simulate.outcomes import Outcome, outcome
from rigoromics.simulate.phantom import Phantom
from rigoromics.simulate.raters import Outline, outline_lesion, outline_region
from rigoromics.simulate.segmentations import rtstruct, segmentation
from rigoromics.simulate.series import image_series
from rigoromics.simulate.settings import CohortSettings, Place, Rater
from rigoromics.simulate.texture import lesion_texture

# Beyond this the correlation length would leave what a lesion and a voxel can show.
LATENT_LIMIT = 2.3
# A field of view smaller than this moves from the body's axis to the lesion, mm.
WHOLE_BODY_MM = 270.0


@dataclass(frozen=True)
class Truth:
    """What the simulation knows and no study may: one row of the truth table.

    Attributes
    ----------
    patient, centre
        PatientID and centre.
    latent
        The latent texture variable, standard deviation 1 over patients.
    length_mm
        Correlation length of the lesion's texture, mm.
    volume_ml
        True volume of the lesion.
    probability
        True probability of the binary endpoint.
    marker
        The blood marker on its latent scale, standard deviation 1.
    retest
        Whether the patient was scanned twice.
    """

    patient: str
    centre: str
    latent: float
    length_mm: float
    volume_ml: float
    probability: float
    marker: float
    retest: bool


@dataclass(frozen=True)
class Patient:
    """A simulated patient before any image is made."""

    place: Place
    person: Person
    phantom: Phantom
    outcome: Outcome
    truth: Truth
    seed: int

    def rng(self, *names: str) -> np.random.Generator:
        """Return the source of chance for one named purpose."""
        return np.random.default_rng(derive_seed(self.seed, *names))


def has_retest(settings: CohortSettings, place: Place) -> bool:
    """Return whether a patient is scanned twice: evenly spread, whoever comes after."""
    share = settings.retest_fraction
    due = int(place.number * share + 1e-9) > int((place.number - 1) * share + 1e-9)
    return place.centre.retest and due


def make_patient(settings: CohortSettings, place: Place, study_seed: int) -> Patient:
    """Draw a patient; nobody else's number or centre changes what is drawn.

    Parameters
    ----------
    settings
        The cohort.
    place
        Centre and number.
    study_seed
        The study's seed.
    """
    seed = derive_seed(study_seed, "simulate", place.centre.name, str(place.number))

    def rng(purpose: str) -> np.random.Generator:
        return np.random.default_rng(derive_seed(seed, purpose))

    latent = float(rng("latent").standard_normal())
    bounded = float(np.clip(latent, -LATENT_LIMIT, LATENT_LIMIT))
    length = settings.texture_length_mm * float(np.exp(settings.texture_gain * bounded))
    draw = rng("lesion")
    traits = Traits.drawn(rng("anatomy"))
    low, high = settings.lesion_diameter_range_mm
    log_diameter = np.log(settings.lesion_diameter_mm) + settings.lesion_diameter_spread * (
        draw.standard_normal()
    )
    centre = (
        LIVER_CENTRE[0] + traits.liver_x + draw.uniform(-9, 7),
        LIVER_CENTRE[1] + traits.liver_y + draw.uniform(-12, 10),
        draw.uniform(-6, 6),
    )
    lesion = lesion_shape(draw, centre, float(np.clip(np.exp(log_diameter), low, high)))
    modality = MODALITIES[settings.modality]
    phantom = Phantom(
        traits=traits,
        lesion=lesion,
        texture=lesion_texture(rng("texture"), lesion, length, modality.blur_mm(place.centre)),
        contrast=settings.lesion_contrast_hu + 6 * float(draw.standard_normal()),
        texture_sd=settings.texture_sd_hu * float(np.exp(0.1 * draw.standard_normal())),
        seed=derive_seed(seed, "organs"),
        place=(
            round(float(draw.normal(0, 3)), 1),
            round(float(draw.normal(0, 3)), 1),
            round(float(draw.uniform(-900, -100)), 1),
        ),
    )
    course = outcome(rng("outcome"), settings, latent)
    who = person(rng("person"), place)
    truth = Truth(
        patient=place.patient_id,
        centre=place.centre.name,
        latent=latent,
        length_mm=length,
        volume_ml=lesion.volume() / 1000,
        probability=course.probability,
        marker=course.marker,
        retest=has_retest(settings, place),
    )
    return Patient(place, who, phantom, course, truth, seed)


def scan_grid(settings: CohortSettings, patient: Patient) -> Grid:
    """Return the voxels of a patient's scans: planned once, kept for the retest."""
    centre = patient.place.centre
    pixel, gap = centre.pixel_spacing, centre.spacing_between_slices
    slices = round(settings.coverage_mm / gap)
    view = settings.matrix * pixel
    lesion = np.array(patient.phantom.lesion_in_world.centre)
    body = np.array(patient.phantom.place)
    # A targeted reconstruction looks at the lesion, a large one at the body.
    part = float(np.clip((WHOLE_BODY_MM - view) / 80, 0, 1))
    middle = body + part * (lesion - body)
    z = lesion[2] + float(patient.rng("plan").uniform(-1.5, 1.5))
    half = pixel * (settings.matrix - 1) / 2
    origin = (
        round(float(middle[0]) - half, 3),
        round(float(middle[1]) - half, 3),
        round(float(z) - gap * (slices - 1) / 2, 1),
    )
    return Grid(origin, (pixel, pixel, gap), (slices, settings.matrix, settings.matrix))


def scan_patient(settings: CohortSettings, patient: Patient, label: str) -> tuple[Scan, Phantom]:
    """Return the scan of a patient and the patient as placed in it; label is test or retest."""
    place = np.array(patient.phantom.place)
    if label == "retest":
        place = place + patient.rng("shift").normal(0, settings.retest_shift_mm, 3)
    scan = Scan(
        person=patient.person,
        centre=patient.place.centre,
        modality=settings.modality,
        seed=patient.seed,
        label=label,
        number=2 if label == "test" else 5,
        grid=scan_grid(settings, patient),
        time="082000" if label == "test" else "084500",
    )
    return scan, patient.phantom.at((float(place[0]), float(place[1]), float(place[2])))


def outlines(patient: Patient, phantom: Phantom, rater: Rater, scan: Scan) -> list[Outline]:
    """Return what one rater draws in one scan: the lesion, then the extra structure, if any."""
    rng = patient.rng("outline", rater.name, scan.label)
    drawn = [outline_lesion(rng, rater, phantom.lesion_in_world, scan.grid)]
    if rater.extra_roi:
        region = phantom.outline(rater.extra_roi.lower(), scan.grid)
        drawn.append(outline_region(rater.extra_roi, region, scan.grid))
    return drawn


def scan_files(settings: CohortSettings, patient: Patient, label: str) -> list[Dataset]:
    """Return a scan's images, then the raters' segmentations of it."""
    scan, phantom = scan_patient(settings, patient, label)
    modality = MODALITIES[settings.modality]
    pixels = modality.acquire(phantom, scan.grid, scan.centre, patient.rng("noise", label))
    images = image_series(pixels, scan, modality)
    drawn = []
    for rater in settings.raters:
        if label == "retest" and not rater.retest:
            continue
        structures = outlines(patient, phantom, rater, scan)
        if rater.form == "seg":
            drawn.append(segmentation(structures[0], rater, scan, images))
        else:
            drawn.append(rtstruct(structures, rater, scan, images))
    return images + drawn


def write_patient(
    settings: CohortSettings, place: Place, study_seed: int, raw: Path
) -> tuple[Patient, list[str], int]:
    """Simulate one patient and write the DICOM files.

    Parameters
    ----------
    settings
        The cohort.
    place
        Centre and number.
    study_seed
        The study's seed.
    raw
        Folder of raw data; the patient's files go to folders under it.

    Returns
    -------
    patient
        Who it is.
    identifiers
        Every text planted in the headers that tells who it is, raw UIDs among them.
    files
        How many files were written.
    """
    patient = make_patient(settings, place, study_seed)
    labels = ["test", "retest"] if patient.truth.retest else ["test"]
    datasets = [data for label in labels for data in scan_files(settings, patient, label)]
    for dataset, path in zip(datasets, _paths(patient, datasets), strict=True):
        write(dataset, raw / path, place.centre.implicit_vr)
    series = sorted({str(data.SeriesInstanceUID) for data in datasets})
    frames = sorted({str(data.FrameOfReferenceUID) for data in datasets})
    study = str(datasets[0].StudyInstanceUID)
    return patient, [*patient.person.planted(), study, *series, *frames], len(datasets)


def _paths(patient: Patient, datasets: list[Dataset]) -> list[str]:
    """Return file paths as archives export them: nested their own way, names that say nothing."""
    rng = patient.rng("paths")
    folder = f"{int(rng.integers(16**8)):08X}"
    numbers = rng.permutation(len(datasets)) + 1
    style = derive_seed(0, "export", patient.place.centre.name) % 3
    series = sorted({str(data.SeriesInstanceUID) for data in datasets})
    made = []
    for data, number in zip(datasets, numbers, strict=True):
        part = series.index(str(data.SeriesInstanceUID))
        made.append(
            [
                f"DISC_{patient.place.centre.name}/PA{folder}/ST000000/SE{part:06d}/IM{number:06d}",
                f"{patient.place.centre.name}/{folder}/IM{number:06d}",
                f"export_{patient.place.centre.name}/{folder}/{part}/{folder}.{number:04d}.dcm",
            ][style]
        )
    return made
