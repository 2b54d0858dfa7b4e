"""A whole simulated cohort: files, clinical table, truth, salt, list of planted identifiers."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigoromics.errors import DataError
from rigoromics.simulate.patient import Patient, write_patient
from rigoromics.simulate.settings import CohortSettings, Place, places

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

Row = dict[str, Any]


@dataclass(frozen=True)
class Cohort:
    """What was simulated beside the files.

    Attributes
    ----------
    clinical
        One row per patient: patient, centre, sex, age, stage, ldh, metastasis, fibrosis,
        time_months, event.
    truth
        One row per patient: the fields of :class:`rigoromics.simulate.patient.Truth`.
    identifiers
        Texts in the headers that tell who the patients are, sorted.
    files
        Number of files written.
    """

    clinical: pd.DataFrame
    truth: pd.DataFrame
    identifiers: list[str]
    files: int


def simulate_cohort(settings: CohortSettings, seed: int, raw: Path, workers: int = 1) -> Cohort:
    """Simulate all patients of a cohort and write their DICOM files.

    Parameters
    ----------
    settings
        The cohort.
    seed
        The study's seed.
    raw
        Folder for the files; new or empty.
    workers
        Processes at once; the result does not depend on it.

    Raises
    ------
    DataError
        Where the folder already holds files.
    """
    import pandas as pd

    if raw.is_dir() and any(raw.iterdir()):
        raise DataError(
            f"the folder for simulated scans is not empty: {raw}",
            "empty it, or give the study another name; real data are never written over",
        )
    raw.mkdir(parents=True, exist_ok=True)
    todo = places(settings)
    clinical, truth, identifiers, files = [], [], set(), 0
    for count, (row, true, planted, n) in enumerate(_each(settings, todo, seed, raw, workers), 1):
        clinical.append(row)
        truth.append(true)
        identifiers.update(planted)
        files += n
        if count % 12 == 0 or count == len(todo):
            logger.info("simulated %d of %d patients", count, len(todo))
    return Cohort(pd.DataFrame(clinical), pd.DataFrame(truth), sorted(identifiers), files)


def simulated_salt(seed: int) -> str:
    """Return the salt of a simulated study: from the seed, so that its keys are reproducible."""
    return hashlib.sha256(f"simulated study {seed}".encode()).hexdigest()


def _one(
    settings: CohortSettings, seed: int, raw: Path, place: Place
) -> tuple[Row, Row, list[str], int]:
    patient, planted, files = write_patient(settings, place, seed, raw)
    return _clinical_row(patient), asdict(patient.truth), planted, files


def _each(
    settings: CohortSettings, todo: list[Place], seed: int, raw: Path, workers: int
) -> Iterator[tuple[Row, Row, list[str], int]]:
    """Yield the patients in order, simulated by one or several processes."""
    one = partial(_one, settings, seed, raw)
    if workers <= 1:
        yield from map(one, todo)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(one, todo, chunksize=2)


def _clinical_row(patient: Patient) -> Row:
    course = patient.outcome
    return {
        "patient": patient.place.patient_id,
        "centre": patient.place.centre.name,
        "sex": patient.person.sex,
        "age": patient.person.age,
        "stage": course.stage,
        "ldh": course.ldh,
        "metastasis": course.metastasis,
        "fibrosis": course.fibrosis,
        "time_months": course.time_months,
        "event": course.event,
    }
