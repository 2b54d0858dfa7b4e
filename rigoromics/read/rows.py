"""One row per segmentation of an ROI, and what kept the others from becoming one."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rigoromics.errors import Severity
from rigoromics.read.drawings import Contour, Drawing, ScanIndex, contours
from rigoromics.read.findings import Finding
from rigoromics.read.grouping import Series
from rigoromics.read.keys import Keys
from rigoromics.read.parse import TRUNCATED
from rigoromics.read.rules import Study
from rigoromics.read.scans import Patient, Scan

CASE_COLUMNS = [
    "include",
    "patient",
    "cohort",
    "centre",
    "timepoint",
    "scan",
    "roi",
    "rater",
    "image",
    "image_files",
    "image_digest",
    "segmentation",
    "segmentation_digest",
    "modality",
    "manufacturer",
    "model",
    "kernel",
    "slice_thickness",
    "note",
]

_ACQUIRED = ["modality", "manufacturer", "model", "kernel", "slice_thickness"]

Row = dict[str, str]

_UNLINKED: dict[str, tuple[Severity, str, str]] = {
    "other series": (
        "noted",
        "A segmentation is drawn on a series that is no scan of the study",
        "nothing, if that series is not needed; otherwise widen the rules under `scans`",
    ),
    "missing": (
        "refused",
        "A segmentation refers to a series that is not among the files",
        "copy that series into the raw folder, or export contours drawn on one that is there",
    ),
    "unlinked": (
        "refused",
        "A segmentation does not say which series it was drawn on, and no single scan fits it",
        "export it again with its references; for mask images correct `masks.pattern`",
    ),
    "other patient": (
        "refused",
        "A segmentation carries another PatientID than the series it was drawn on",
        "correct the PatientID of one of them",
    ),
}
_CUT_SHORT = (
    "The segmentation file is cut short: pixels are missing",
    "copy the file from the archive again",
)
_OTHER_FRAME = (
    "The segmentation is drawn in another frame of reference than the scan",
    "export the contours again, drawn on this very scan",
)


@dataclass
class Rows:
    """What the segmentations give.

    Attributes
    ----------
    cases
        Rows of the case sheet; a note says, in public words, why a row cannot be used.
    segmentations
        Private: where the ROI of each row lies, under which name and number.
    findings
        Problems of segmentations whose patient has no image; all others are with their patient.
    """

    cases: list[Row] = field(default_factory=list)
    segmentations: list[dict[str, str | int]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def draft_rows(
    study: Study,
    keys: Keys,
    patients: Mapping[str, Patient],
    drawings: Sequence[Drawing],
    series: Sequence[Series],
    acquired: Mapping[str, Mapping[str, str]],
) -> Rows:
    """Make the rows of the case sheet; what is wrong is noted with the patient.

    Parameters
    ----------
    study, keys
        The study's config and key maker.
    patients
        PatientID to patient.
    drawings
        The segmentation files.
    series
        All image series, those of the study and others.
    acquired
        Key of each scan to its row of the acquisition table.
    """
    index = ScanIndex(patients.values(), series)
    by_patient: dict[str, list[Drawing]] = defaultdict(list)
    for drawing in drawings:
        by_patient[drawing.patient_id].append(drawing)
    made = Rows()
    for patient_id, patient in patients.items():
        own: list[Row] = []
        for drawing in by_patient.pop(patient_id, []):
            own += _drawing_rows(study, keys, patient, drawing, index, made.segmentations)
        for row in own:
            row |= {name: acquired[row["image"]][name] for name in _ACQUIRED}
        _refuse_rivals(patient, own)
        _note_undrawn(study, patient, own)
        made.cases += own
    for patient_id, left in by_patient.items():
        stray = Patient(patient_id, keys.patient(patient_id))
        for drawing in left:
            _note_unlinked(stray, keys, drawing, index.link(drawing).outcome)
        made.findings += stray.findings
    return made


def _note_unlinked(patient: Patient, keys: Keys, drawing: Drawing, outcome: str) -> None:
    severity, problem, remedy = _UNLINKED[outcome]
    key = keys.file(drawing.modality, drawing.identity)
    kind = f"segmentation: {outcome}"
    patient.add(kind, severity, problem, remedy, key=key, path=drawing.path)


def _drawing_rows(
    study: Study,
    keys: Keys,
    patient: Patient,
    drawing: Drawing,
    index: ScanIndex,
    segmentations: list[dict[str, str | int]],
) -> list[Row]:
    """Return the rows of one segmentation file, and add its ROIs to `segmentations`."""
    linked = index.link(drawing)
    if linked.scan is None:
        _note_unlinked(patient, keys, drawing, linked.outcome)
        return []
    scan = linked.scan
    key = keys.file(drawing.modality, drawing.identity)
    where = {"scan": scan.name, "timepoint": scan.timepoint, "key": key, "path": drawing.path}
    if linked.outcome == "by frame":
        patient.add(
            "segmentation linked by frame",
            "noted",
            "The segmentation names no series; the only scan in its frame of reference was taken",
            "check on the contact sheet that the contours fit",
            **where,
        )
    found = list(contours(study, drawing))
    _note_unmatched(patient, drawing, found, where)
    rows = []
    for contour in found:
        if not contour.rater:
            continue
        reasons = [*patient.refusals, *scan.refusals]
        reasons += _contour_refusals(patient, drawing, contour, linked.outcome, where)
        rows.append(_row(patient, scan, drawing, key, contour, reasons))
        segmentations.append(
            {
                "key": key,
                "path": drawing.path,
                "roi_name": contour.name,
                "image_key": scan.key,
                "patient_id": patient.patient_id,
                "roi": contour.roi,
                "rater": contour.rater,
                "roi_number": contour.number,
            }
        )
    return rows


def _note_unmatched(
    patient: Patient, drawing: Drawing, found: list[Contour], where: dict[str, str]
) -> None:
    names = ", ".join(entry["name"] for entry in drawing.rois)
    if not found:
        count = len(drawing.rois)
        patient.add(
            "no ROI matched",
            "refused",
            f"None of the {count} ROI names in the segmentation fits an ROI of the study"
            if count
            else "The segmentation holds no ROI",
            "add the name to the patterns under `rois` in the config (the private problems table "
            "lists the names)",
            detail=names,
            **where,
        )
    elif not all(contour.rater for contour in found):
        patient.add(
            "no rater matched",
            "refused",
            "The segmentation fits no rater of the study",
            "add or widen a rule under `raters` in the config",
            detail=names,
            **where,
        )


def _contour_refusals(
    patient: Patient, drawing: Drawing, contour: Contour, outcome: str, where: dict[str, str]
) -> list[str]:
    """Note and return what is wrong with one ROI of a segmentation file."""
    reasons = []
    where = {**where, "roi": contour.roi, "rater": contour.rater}
    if drawing.header["status"] == TRUNCATED:
        reasons.append(_CUT_SHORT[0])
        patient.add("segmentation cut short", "refused", *_CUT_SHORT, **where)
    if outcome == "other frame":
        reasons.append(_OTHER_FRAME[0])
        patient.add("other frame of reference", "refused", *_OTHER_FRAME, **where)
    if contour.rivals:
        count = len(contour.rivals) + 1
        problem = f"{count} ROIs of one segmentation fit the same ROI of the study"
        reasons.append(problem)
        patient.add(
            "several ROIs match",
            "refused",
            problem,
            "narrow the patterns under `rois` in the config, or make each an ROI of its own; of "
            "two of one name, `^name #2$` is the one with number 2",
            detail=", ".join([contour.name, *contour.rivals]),
            **where,
        )
    return reasons


def _row(
    patient: Patient,
    scan: Scan,
    drawing: Drawing,
    key: str,
    contour: Contour,
    reasons: list[str],
) -> Row:
    digests = scan.series.ordered["sha256"]
    return {
        "include": "",
        "patient": patient.key,
        "cohort": patient.cohort,
        "centre": scan.centre,
        "timepoint": scan.timepoint,
        "scan": scan.name,
        "roi": contour.roi,
        "rater": contour.rater,
        "image": scan.key,
        "image_files": str(len(digests)),
        "image_digest": hashlib.sha256("".join(digests).encode()).hexdigest(),
        "segmentation": key,
        "segmentation_digest": drawing.header["sha256"],
        "note": "; ".join(dict.fromkeys(reasons)),
    }


def _refuse_rivals(patient: Patient, rows: list[Row]) -> None:
    """Refuse rows of different files that claim to be the same segmentation."""
    same: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        same[row["timepoint"], row["scan"], row["roi"], row["rater"]].append(row)
    for (timepoint, scan, roi, rater), claims in same.items():
        usable = [row for row in claims if not row["note"]]
        if len(usable) < 2:
            continue
        problem = f"{len(usable)} segmentations are the same ROI by the same rater"
        patient.add(
            "doubled segmentation",
            "refused",
            problem,
            "include the right one on the case sheet, or tell the raters apart under `raters`",
            timepoint=timepoint,
            scan=scan,
            roi=roi,
            rater=rater,
            key=" ".join(sorted({row["segmentation"] for row in usable})),
        )
        for row in usable:
            row["note"] = problem


def _note_undrawn(study: Study, patient: Patient, rows: list[Row]) -> None:
    """Note scans without any segmentation, and ROIs that a rater of a scan left out."""
    first = {(scan.name, scan.timepoint): scan for scan in reversed(patient.scans)}
    for (name, timepoint), scan in sorted(first.items()):
        drawn = [row for row in rows if (row["scan"], row["timepoint"]) == (name, timepoint)]
        if not drawn:
            patient.add(
                "scan without segmentation",
                "refused",
                "The scan has no segmentation that can be used",
                "add one, or see the other problems of this patient",
                scan=name,
                timepoint=timepoint,
                key=scan.key,
                path=scan.series.header["path"],
            )
        for rater in sorted({row["rater"] for row in drawn}):
            have = {row["roi"] for row in drawn if row["rater"] == rater}
            for roi in [str(roi) for roi in study["rois"] if roi not in have]:
                patient.add(
                    "ROI not drawn",
                    "noted",
                    "The rater drew other ROIs on the scan but not this one",
                    "nothing, if it is not there; otherwise add its name under `rois`",
                    scan=name,
                    timepoint=timepoint,
                    roi=roi,
                    rater=rater,
                )
