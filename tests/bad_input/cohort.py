"""The cohort of bad input: every kind spoils a patient of its own, beside sound patients."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.bad_input.kinds import HEADINGS, KINDS, Kind
from tests.bad_input.patients import Patient
from tests.bad_input.registry import ct

SOUND = [f"sound{number}" for number in range(5)]
NOT_IN_CLINICAL = "not_in_clinical_table"


def write_cohort(raw: Path) -> None:
    """Write all patients, and the clinical table beside the raw folder."""
    for number, name in enumerate(SOUND):
        patient = Patient(name, number)
        ct(patient)
        patient.write(raw)
    for number, kind in enumerate(KINDS, start=len(SOUND)):
        patient = Patient(kind.patient_id, number)
        (kind.start or ct)(patient)
        if kind.spoil:
            kind.spoil(patient)
        patient.write(raw)
        if kind.files and not kind.later:
            kind.files(raw, patient)
    names = [*SOUND, *(kind.patient_id for kind in KINDS if kind.name != NOT_IN_CLINICAL)]
    with (raw.parent / "clinical.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["patient", "outcome"])
        writer.writerows([name, number % 2] for number, name in enumerate(names))


def spoil_later(raw: Path) -> None:
    """Do what happens between drafting the sheet and running the study."""
    for number, kind in enumerate(KINDS, start=len(SOUND)):
        if kind.files and kind.later:
            kind.files(raw, Patient(kind.patient_id, number))


def kinds_by_area() -> dict[str, list[Kind]]:
    """Return the kinds under their headings, in order."""
    return {area: [kind for kind in KINDS if kind.area == area] for area in HEADINGS}
