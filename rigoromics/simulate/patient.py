"""One simulated patient, from latent variable to files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from rigoromics.seeds import derive_seed
from rigoromics.simulate.headers import Scan, write
from rigoromics.simulate.identity import Person, person
from rigoromics.simulate.modalities import MODALITIES
from rigoromics.simulate.modality import Body, Modality, SeriesKind
from rigoromics.simulate.outcomes import Outcome, outcome
from rigoromics.simulate.planar import only_frame
from rigoromics.simulate.raters import Outline, outline_lesion, outline_region
from rigoromics.simulate.segmentations import rtstruct, segmentation
from rigoromics.simulate.segmentations_planar import plane_segmentation
from rigoromics.simulate.settings import CohortSettings, Place, Rater

# Beyond this the correlation length would leave what a lesion and a voxel can show.
LATENT_LIMIT = 2.3


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
        True volume of the lesion; of a plane, as if 1 mm thick.
    lesion_mean
        Mean of the lesion before blur, noise and calibration, in the unit of the images that are
        drawn on (CT: HU, PET: SUV); missing where they have none.
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
    lesion_mean: float
    probability: float
    marker: float
    retest: bool


@dataclass(frozen=True)
class Patient:
    """A simulated patient before any image is made."""

    place: Place
    person: Person
    phantom: Body
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
    modality = MODALITIES[settings.modality]
    body = modality.body(settings, place.centre, length, seed, rng)
    course = outcome(rng("outcome"), settings, latent)
    who = person(rng("person"), place, modality.female)
    truth = Truth(
        patient=place.patient_id,
        centre=place.centre.name,
        latent=latent,
        length_mm=length,
        volume_ml=body.volume_ml(),
        lesion_mean=body.lesion_mean,
        probability=course.probability,
        marker=course.marker,
        retest=has_retest(settings, place),
    )
    return Patient(place, who, body, course, truth, seed)


def scan_patient(
    settings: CohortSettings, patient: Patient, label: str, kind: SeriesKind | None = None
) -> tuple[Scan, Body]:
    """Return one series of a patient and the patient as placed in it.

    Parameters
    ----------
    settings, patient
        The cohort and the patient.
    label
        ``test`` or ``retest``.
    kind
        Which series; None: the first that raters draw on.
    """
    kinds = MODALITIES[settings.modality].series(patient.place.centre)
    kind = kind or next(each for each in kinds if each.drawn)
    place = np.array(patient.phantom.place)
    if label == "retest":
        place = place + patient.rng("shift").normal(0, settings.retest_shift_mm, 3)
    scan = Scan(
        person=patient.person,
        centre=patient.place.centre,
        modality=settings.modality,
        seed=patient.seed,
        label=label,
        number=(2 if label == "test" else 5) + [each.tag for each in kinds].index(kind.tag),
        grid=kind.grid(settings, patient.place.centre, patient.phantom, patient.rng),
        time="082000" if label == "test" else "084500",
        tag=kind.tag,
    )
    return scan, patient.phantom.at((float(place[0]), float(place[1]), float(place[2])))


def outlines(patient: Patient, phantom: Body, rater: Rater, scan: Scan) -> list[Outline]:
    """Return what one rater draws in one scan: the lesion, then the extra structure, if any.

    Series of one study show the same outline: it is drawn once and copied.
    """
    rng = patient.rng("outline", rater.name, scan.label)
    drawn = [outline_lesion(rng, rater, phantom.lesion_in_world, scan.grid)]
    if rater.extra_roi:
        region = phantom.outline(rater.extra_roi.lower(), scan.grid)
        drawn.append(outline_region(rater.extra_roi, region, scan.grid))
    return drawn


def plane_outline(
    patient: Patient, body: Body, rater: Rater, scan: Scan, every_frame: bool
) -> Outline:
    """Return a lesion's outline on the frames of a planar image, or on the middle one alone."""
    rng = patient.rng("outline", rater.name, scan.label)
    drawn = outline_lesion(rng, rater, body.lesion_in_world, scan.grid)
    return drawn if every_frame else only_frame(drawn, [scan.grid.shape[0] // 2])


def scan_files(settings: CohortSettings, patient: Patient, label: str) -> list[Dataset]:
    """Return a scan's images, then the raters' segmentations of it, series by series."""
    modality = MODALITIES[settings.modality]
    files: list[Dataset] = []
    for kind in modality.series(patient.place.centre):
        scan, body = scan_patient(settings, patient, label, kind)
        tag = (kind.tag,) if kind.tag else ()
        images = kind.images(scan, body, patient.rng("noise", label, *tag))
        files += images
        if not kind.drawn:
            continue
        for rater in settings.raters:
            if label == "test" or rater.retest:
                files.append(_drawn(modality, patient, body, rater, scan, images))
    return files


def _drawn(
    modality: Modality,
    patient: Patient,
    body: Body,
    rater: Rater,
    scan: Scan,
    images: list[Dataset],
) -> Dataset:
    """Return one rater's segmentation of one series."""
    if modality.planar:
        # Only voxels can say which pixels of a plane without a place in the patient are meant.
        drawn = plane_outline(patient, body, rater, scan, modality.every_frame)
        return plane_segmentation(drawn, rater, scan, images[0], modality.body_part)
    structures = outlines(patient, body, rater, scan)
    if rater.form == "seg":
        return segmentation(structures[0], rater, scan, images, modality.body_part)
    return rtstruct(structures, rater, scan, images)


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
    frames = {str(data.get("FrameOfReferenceUID", "")) for data in datasets} - {""}
    study = str(datasets[0].StudyInstanceUID)
    return patient, [*patient.person.planted(), study, *series, *sorted(frames)], len(datasets)


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
