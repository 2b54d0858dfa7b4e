"""Draft the case sheet from the header index, and keep the person's edits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from rigoromics.errors import DataError, Problem
from rigoromics.read.acquisition import ACQUISITION_COLUMNS, acquisition_row
from rigoromics.read.drawings import Drawing, find_drawings
from rigoromics.read.findings import STAGE, Finding, count_kinds, private_table, public_table
from rigoromics.read.grouping import Series, group_series
from rigoromics.read.keys import Keys
from rigoromics.read.parse import UNREADABLE
from rigoromics.read.rows import CASE_COLUMNS, draft_rows
from rigoromics.read.rules import Study
from rigoromics.read.same_pixels import refuse_same_pixels
from rigoromics.read.scans import Patient, assign_patient

AUTO = "auto: "
"""Front of the notes that the draft writes itself; a person's own notes begin otherwise."""

FILE_COLUMNS = ["key", "path", "frame", "order"]
SEGMENTATION_COLUMNS = [
    "key",
    "path",
    "roi_name",
    "image_key",
    "patient_id",
    "roi",
    "rater",
    "roi_number",
]
_KNOWN_BY = ["patient", "timepoint", "scan", "roi", "rater", "image", "segmentation"]


@dataclass(frozen=True)
class Sheet:
    """The draft: public tables (keys only) and private ones.

    Attributes
    ----------
    cases
        One row per segmentation of an ROI; include is no, with a note, where it cannot be used.
    acquisition
        One row per scan.
    problems, problems_private
        What is wrong, in plain words; the private table has real paths and names from the files.
    files
        Private: key, path, frame (of a multi-frame file, from 1; else 0) and order (along the
        slice normal; -1 unknown) of each scan and segmentation.
    segmentations
        Private: the ROI of each row, as its file names and numbers it.
    patients
        Private: patient key and PatientID.
    kinds
        How many problems there are of each kind.
    drawings
        The segmentation files, for the tables of ROI names.
    """

    cases: pd.DataFrame
    acquisition: pd.DataFrame
    problems: pd.DataFrame
    problems_private: pd.DataFrame
    files: pd.DataFrame
    segmentations: pd.DataFrame
    patients: pd.DataFrame
    kinds: dict[str, int]
    drawings: list[Drawing]


def draft(
    headers: pd.DataFrame,
    study: Study,
    salt: str,
    *,
    clinical_ids: Iterable[str] | None = None,
    clinical_centres: Mapping[str, str] | None = None,
    broken: Sequence[str] = (),
) -> Sheet:
    """Draft the case sheet of a study.

    Parameters
    ----------
    headers
        Table of :func:`rigoromics.read.headers.index_headers`.
    study
        `privacy`, `cohorts`, `centre`, `scans`, `rois`, `raters`, `reference_rater` and, for mask
        images, `masks`, as in the study config.
    salt
        Secret of the study that the keys are made with.
    clinical_ids
        PatientIDs of the clinical table; None where there is no such table.
    clinical_centres
        PatientID to centre, where the study takes the centre from the clinical table.
    broken
        Links and folders that could not be followed.

    Returns
    -------
    Sheet
        The same for the same files, whatever their order.
    """
    keys = Keys.of_study(study, salt)
    series = group_series(
        headers, uneven=(study.get("images") or {}).get("uneven_slices", "refuse")
    )
    drawings, unexplained = find_drawings(headers, study)
    patients = _patients_of(study, keys, series, drawings, clinical_centres or {})
    nameless = [each.header["path"] for each in series if not each.patient_id]
    nameless += [each.path for each in drawings if not each.patient_id]
    wanted = [each for each in drawings if each.patient_id]
    acquired = {
        scan.key: acquisition_row(patient.cohort, scan, keys, study["scans"][scan.name])
        for patient in patients.values()
        for scan in patient.scans
    }
    rows = draft_rows(study, keys, patients, wanted, series, acquired)
    findings = _file_findings(keys, headers, broken, unexplained, nameless) + rows.findings
    if clinical_ids is not None:
        findings += _clinical_findings(keys, patients, set(clinical_ids))
    findings += [finding for patient in patients.values() for finding in patient.findings]
    return Sheet(
        cases=_cases(rows.cases),
        acquisition=_table(
            list(acquired.values()), ACQUISITION_COLUMNS, ["patient", "timepoint", "scan"]
        ),
        problems=public_table(findings),
        problems_private=private_table(findings),
        files=_files(keys, patients.values(), wanted, {row["segmentation"] for row in rows.cases}),
        segmentations=_table(rows.segmentations, SEGMENTATION_COLUMNS),
        patients=_patients(patients.values()),
        kinds=count_kinds(findings),
        drawings=drawings,
    )


def _patients_of(
    study: Study,
    keys: Keys,
    series: Sequence[Series],
    drawings: Sequence[Drawing],
    centres: Mapping[str, str],
) -> dict[str, Patient]:
    """Return PatientID to patient, with scans, centre and cohort; sorted by PatientID."""
    drawn_on = frozenset(uid for each in drawings for uid in each.references["series"])
    own: dict[str, list[Series]] = defaultdict(list)
    for each in series:
        if each.patient_id:
            own[each.patient_id].append(each)
    patients = {
        patient_id: assign_patient(study, keys, patient_id, own[patient_id], drawn_on, centres)
        for patient_id in sorted(own)
    }
    refuse_same_pixels(patients.values())
    return patients


def merge_edits(previous: pd.DataFrame | None, drafted: pd.DataFrame) -> pd.DataFrame:
    """Return the drafted cases with what a person changed on the previous sheet.

    A person's edits are: include set to no; include set to yes against the draft; any note of
    their own. What the draft itself wrote is drafted anew, so a repaired file comes back.

    Parameters
    ----------
    previous
        The sheet as it lies there, all columns as strings; None for the first draft.
    drafted
        The new draft.

    Raises
    ------
    DataError
        The previous sheet has lost a column.
    """
    if previous is None or previous.empty:
        return drafted
    lost = [name for name in ["include", "note", *_KNOWN_BY] if name not in previous.columns]
    if lost:
        raise DataError(
            f"The case sheet has lost its column {', '.join(lost)}",
            "bring the column back, or move the sheet away to have it drafted anew",
        )
    edits = {
        tuple(row[name] for name in _KNOWN_BY): (row["include"], row["note"])
        for row in previous.to_dict("records")
        if _is_edited(str(row["include"]), str(row["note"]))
    }
    merged = drafted.copy()
    known = [tuple(row) for row in drafted[_KNOWN_BY].itertuples(index=False)]
    for column, part in (("include", 0), ("note", 1)):
        merged[column] = [
            edits[row][part] if row in edits else value
            for row, value in zip(known, drafted[column], strict=True)
        ]
    return merged


def _is_edited(include: str, note: str) -> bool:
    if include.strip().lower() == "yes":
        return note != ""
    return not note.startswith(AUTO)


def _cases(rows: list[dict[str, str]]) -> pd.DataFrame:
    for row in rows:
        row["include"] = "no" if row["note"] else "yes"
        row["note"] = AUTO + row["note"] if row["note"] else ""
    return _table(rows, CASE_COLUMNS, ["patient", "timepoint", "scan", "roi", "rater"])


def _table(
    rows: Sequence[Mapping[str, str | int]], columns: list[str], first: Sequence[str] = ()
) -> pd.DataFrame:
    """Return rows as a table without doubles, sorted by `first`, then by all columns."""
    order = [*first, *(column for column in columns if column not in first)]
    table = pd.DataFrame(rows, columns=columns).drop_duplicates()
    return table.sort_values(order, ignore_index=True)


def _patients(patients: Iterable[Patient]) -> pd.DataFrame:
    rows = [{"patient": patient.key, "patient_id": patient.patient_id} for patient in patients]
    return _table(rows, ["patient", "patient_id"])


def _files(
    keys: Keys, patients: Iterable[Patient], drawings: Sequence[Drawing], used: set[str]
) -> pd.DataFrame:
    rows: list[dict[str, str | int]] = []
    for patient in patients:
        for scan in patient.scans:
            ordered = scan.series.ordered
            rows += [
                {"key": scan.key, "path": path, "frame": frame, "order": order}
                for path, frame, order in zip(
                    *(ordered[name] for name in ("path", "frame", "order")), strict=True
                )
            ]
    for each in drawings:
        key = keys.file(each.modality, each.identity)
        if key in used:
            rows.append({"key": key, "path": each.path, "frame": 0, "order": 0})
    return _table(rows, FILE_COLUMNS, ["key", "order"])


def _file_findings(
    keys: Keys,
    headers: pd.DataFrame,
    broken: Sequence[str],
    unexplained: Sequence[str],
    nameless: Sequence[str],
) -> list[Finding]:
    """Return what is wrong with files that belong to no patient that is known."""
    bad = headers[headers["status"] == UNREADABLE]
    found = [
        _file_finding(
            keys,
            "unreadable file",
            path,
            f"A file cannot be read as DICOM: {detail}",
            "copy the file from the archive again, or take it away",
        )
        for path, detail in zip(bad["path"], bad["detail"], strict=True)
    ]
    found += [
        _file_finding(
            keys,
            "broken link",
            path,
            "A link leads nowhere, or a folder may not be read",
            "mount the folder it leads to, correct the link, or grant the right to read",
        )
        for path in broken
    ]
    found += [
        _file_finding(
            keys,
            "no PatientID",
            path,
            "A series or segmentation has no PatientID and was left out",
            "anonymise with a pseudonym as PatientID, not with an empty one",
        )
        for path in nameless
    ]
    if unexplained:
        problem = Problem(
            stage=STAGE,
            severity="noted",
            problem=f"{len(unexplained)} mask image(s) (NIfTI, NRRD, MetaImage) are not used",
            remedy="if they are segmentations, give `masks: {pattern: ...}` in the config",
        )
        found.append(Finding("mask not used", problem, unexplained[0]))
    return found


def _file_finding(keys: Keys, kind: str, path: str, problem: str, remedy: str) -> Finding:
    key = keys.file("FILE", path)
    return Finding(kind, Problem(STAGE, "refused", problem, remedy, file=key), path)


def _clinical_findings(keys: Keys, patients: Mapping[str, Patient], ids: set[str]) -> list[Finding]:
    scanned = {patient_id for patient_id, patient in patients.items() if patient.scans}
    found = []
    for patient_id in sorted(scanned - ids):
        problem = Problem(
            STAGE,
            "refused",
            "The patient has scans but no row in the clinical table",
            "add the row, or correct the ID: it must equal the PatientID in the DICOM header",
            patient=keys.patient(patient_id),
        )
        found.append(Finding("not in clinical table", problem, detail=patient_id))
    for patient_id in sorted(ids - scanned):
        problem = Problem(
            STAGE,
            "refused",
            "The patient is in the clinical table but has no scan of the study",
            "add the images, or correct the ID: it must equal the PatientID in the DICOM header",
            patient=keys.patient(patient_id),
        )
        found.append(Finding("no images", problem, detail=patient_id))
    return found
