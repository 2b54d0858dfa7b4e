"""The same pixels under two names: one person twice, or a mix-up, before any voxel is read."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from rigoromics.read.grouping import Series
from rigoromics.read.scans import Patient, Scan


def pixel_digest(series: Series) -> str:
    """Return a hash of the pixels of a series, whatever its headers and the order of its files.

    Empty where the index has no pixel hash of some file: then nothing can be said.
    """
    if "pixels" not in series.files.columns:
        return ""
    # The frames of a multi-frame file share one element of pixels: once is enough.
    hashes = series.files.drop_duplicates("path")["pixels"].tolist()
    if not all(hashes):
        return ""
    return hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()


def refuse_same_pixels(patients: Iterable[Patient]) -> None:
    """Refuse patients whose scans have the very pixels of another patient's.

    Both are refused, for nobody but a person can tell whose the images are. The rows of both
    get the note; the private problems table names them.

    Parameters
    ----------
    patients
        Patients with scans and cohorts; findings and refusals are added in place.
    """
    holders: dict[str, list[tuple[Patient, Scan]]] = defaultdict(list)
    for patient in patients:
        for scan in patient.scans:
            digest = pixel_digest(scan.series)
            if digest:
                holders[digest].append((patient, scan))
    for shared in holders.values():
        if len({patient.patient_id for patient, _ in shared}) > 1:
            _refuse(shared)


def _refuse(shared: list[tuple[Patient, Scan]]) -> None:
    cohorts = {patient.cohort for patient, _ in shared if patient.cohort}
    across = " and in two cohorts" if len(cohorts) > 1 else ""
    problem = f"The same pixels stand under another PatientID{across}"
    for patient, scan in shared:
        others = sorted({other.patient_id for other, _ in shared} - {patient.patient_id})
        if problem not in patient.refusals:
            patient.refusals.append(problem)
        patient.add(
            "same pixels, two patients",
            "refused",
            problem,
            "find out whose images they are: leave the copy out, or, if one person has two IDs, "
            "keep one of them",
            scan=scan.name,
            timepoint=scan.timepoint,
            key=scan.key,
            path=scan.series.header["path"],
            detail=f"the same as in {', '.join(others)}",
        )
