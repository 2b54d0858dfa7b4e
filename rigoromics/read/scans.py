"""Assign image series to the study's scans, and patients to centres and cohorts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rigoromics.errors import Problem, Severity
from rigoromics.read.findings import STAGE, Finding
from rigoromics.read.grouping import Series
from rigoromics.read.keys import Keys
from rigoromics.read.rules import (
    Study,
    centre_rule,
    centre_value,
    cohort_of,
    is_scan,
    named_centre,
)


@dataclass(frozen=True)
class Scan:
    """One series taken as one scan of the study.

    Attributes
    ----------
    refusals
        Reasons, in public words, why no row of it may run.
    """

    name: str
    timepoint: str
    series: Series
    key: str
    patient: str
    centre: str
    refusals: tuple[str, ...] = ()


@dataclass
class Patient:
    """A patient's scans, and what is wrong with the patient as a whole."""

    patient_id: str
    key: str
    cohort: str = ""
    scans: list[Scan] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(
        self,
        kind: str,
        severity: Severity,
        problem: str,
        remedy: str,
        *,
        scan: str = "",
        timepoint: str = "",
        roi: str = "",
        rater: str = "",
        key: str = "",
        path: str = "",
        detail: str = "",
    ) -> None:
        """Note a finding about this patient."""
        row = Problem(
            stage=STAGE,
            severity=severity,
            problem=problem,
            remedy=remedy,
            patient=self.key,
            timepoint=timepoint,
            scan=scan,
            roi=roi,
            rater=rater,
            file=key,
        )
        self.findings.append(Finding(kind, row, path, detail))


def assign_patient(
    study: Study,
    keys: Keys,
    patient_id: str,
    series: Iterable[Series],
    drawn_on: frozenset[str],
    centres: Mapping[str, str],
) -> Patient:
    """Find a patient's scans, centre and cohort.

    Parameters
    ----------
    study, keys
        The study's config and key maker.
    patient_id
        PatientID.
    series
        The patient's image series.
    drawn_on
        SeriesInstanceUIDs that segmentations of the study refer to.
    centres
        PatientID to centre, where the clinical table says.

    Returns
    -------
    Patient
        With its scans in the order of the config.
    """
    patient = Patient(patient_id, keys.patient(patient_id))
    candidates: dict[str, list[Series]] = {}
    unmatched: list[Series] = []
    for each in series:
        names = [name for name, rule in study["scans"].items() if is_scan(rule, each.header)]
        if _is_left_out(each):
            continue
        if len(names) > 1:
            _refuse_two_rules(patient, keys, each, names)
        elif names:
            candidates.setdefault(names[0], []).append(each)
        else:
            unmatched.append(each)
    _note_unmatched(patient, unmatched)
    for name, rule in study["scans"].items():
        for chosen, reasons in _choose(patient, name, rule, candidates.get(name, []), drawn_on):
            _add_scan(study, keys, patient, name, chosen, reasons, centres)
    _assign_cohort(study, patient, centres)
    return patient


def _is_left_out(series: Series) -> bool:
    """Localisers and lesser parts of a series are no scans; the main part speaks for them."""
    return not series.main or "LOCALIZER" in series.header["ImageType"].upper()


def _refuse_two_rules(patient: Patient, keys: Keys, series: Series, names: list[str]) -> None:
    patient.add(
        "two scan rules",
        "refused",
        f"A series fits several scans of the study ({', '.join(names)})",
        "make the rules under `scans` in the config exclude each other (`not_series`)",
        key=keys.file(series.modality, series.identity),
        path=series.header["path"],
        detail=series.header["SeriesDescription"],
    )


def _note_unmatched(patient: Patient, series: list[Series]) -> None:
    counts = Counter(each.modality for each in series)
    for modality, count in sorted(counts.items()):
        same = [each for each in series if each.modality == modality]
        patient.add(
            "series not used",
            "noted",
            f"{count} {modality} series fit no scan of the study",
            "nothing, if they are not needed; otherwise widen the rules under `scans`",
            path=same[0].header["path"],
            detail="; ".join(sorted({each.header["SeriesDescription"] for each in same})),
        )


def _choose(
    patient: Patient,
    name: str,
    rule: Mapping[str, str],
    candidates: list[Series],
    drawn_on: frozenset[str],
) -> list[tuple[Series, tuple[str, ...]]]:
    """Return the one series of a scan; or several, each with the reason why it may not run."""
    if len(candidates) < 2:
        return [(each, ()) for each in candidates]
    pick = rule.get("pick")
    referred = [each for each in candidates if each.uid in drawn_on]
    count = len(candidates)
    if pick or len(referred) == 1:
        chosen = _picked(candidates, str(pick)) if pick else referred[0]
        why = f"the rule `pick: {pick}`" if pick else "segmentations are drawn on it only"
        patient.add(
            "one of several series",
            "noted",
            f"{count} series fit the scan; one was taken because of {why}"
            if pick
            else f"{count} series fit the scan; one was taken because {why}",
            "check the choice on the contact sheet, or make the rule for the scan stricter",
            scan=name,
            timepoint=str(rule["timepoint"]),
            path=chosen.header["path"],
            detail=_descriptions(candidates),
        )
        return [(chosen, ())]
    problem = f"{count} series fit the scan"
    patient.add(
        "several series fit a scan",
        "refused",
        problem,
        "make the rule for the scan stricter, or include the right row on the case sheet",
        scan=name,
        timepoint=str(rule["timepoint"]),
        path=candidates[0].header["path"],
        detail=_descriptions(candidates),
    )
    return [(each, (problem,)) for each in candidates]


def _picked(candidates: list[Series], pick: str) -> Series:
    def time(series: Series) -> tuple[str, str, str, str]:
        header = series.header
        return header["StudyDate"], header["SeriesDate"], header["SeriesTime"], series.identity

    if pick == "most_slices":
        return max(candidates, key=lambda each: (len(each.files), each.identity))
    return max(candidates, key=time) if pick == "latest" else min(candidates, key=time)


def _descriptions(candidates: list[Series]) -> str:
    return "; ".join(
        f"{each.header['SeriesDescription']} {each.part}".strip() + f" ({len(each.files)} files)"
        for each in candidates
    )


def _add_scan(
    study: Study,
    keys: Keys,
    patient: Patient,
    name: str,
    series: Series,
    reasons: tuple[str, ...],
    centres: Mapping[str, str],
) -> None:
    timepoint = str(study["scans"][name]["timepoint"])
    key = keys.file(series.modality, series.identity)
    where = {"scan": name, "timepoint": timepoint, "key": key, "path": series.header["path"]}
    if series.refusal is not None:
        reasons = (*reasons, series.refusal.problem)
        where["path"] = series.refusal.file or where["path"]
        problem, remedy = series.refusal.problem, series.refusal.remedy
        patient.add("series forms no volume", "refused", problem, remedy, **where)
    if series.doubled:
        patient.add(
            "exact copies",
            "repaired",
            f"{series.doubled} file(s) of the series are exact copies and count once",
            "nothing; remove the copies to save space",
            **where,
        )
    if series.rest:
        patient.add(
            "rest of a series",
            "noted",
            f"{series.rest} slice(s) of the series are of another orientation, size or kind "
            "(localiser, screen capture) and were left out",
            "check on the contact sheet that the right part was taken",
            **where,
        )
    for repair in series.repairs:
        patient.add("repair", repair.severity, repair.problem, repair.remedy, **where)
    if series.volumes > 1:
        patient.add(
            "series of several volumes",
            "noted",
            f"The series holds {series.volumes} images, told apart by {series.told_by}; this scan "
            "is one of them",
            "check on the contact sheet that the right one was taken",
            **where,
        )
    if series.geometry is not None and len(series.files) == 1 and not _thickness(series):
        patient.add(
            "unknown slice thickness",
            "noted",
            "The scan is a single slice of unknown thickness; 1 mm is assumed",
            "do not use volumes in ml of this study, or add SliceThickness to the header",
            **where,
        )
    centre = _centre_label(study, keys, centre_value(study, series.header, centres))
    patient.scans.append(Scan(name, timepoint, series, key, patient.key, centre, reasons))


def _thickness(series: Series) -> str:
    return series.header["SpacingBetweenSlices"] or series.header["SliceThickness"]


def _centre_label(study: Study, keys: Keys, value: str) -> str:
    if not value:
        return "unknown"
    return named_centre(study, value) or keys.centre(value)


def _assign_cohort(study: Study, patient: Patient, centres: Mapping[str, str]) -> None:
    values = {centre_value(study, scan.series.header, centres) for scan in patient.scans}
    cohorts = sorted({cohort_of(study, value) for value in values})
    if not patient.scans:
        return
    if len(cohorts) > 1:
        patient.refusals.append("The patient is in two cohorts")
        patient.add(
            "patient in two cohorts",
            "refused",
            f"The patient has scans of {len(values)} centres that belong to different cohorts",
            "if it is one person, leave the scans of one cohort out; if two hospitals gave two "
            "persons the same PatientID, change one of the IDs",
            path=patient.scans[0].series.header["path"],
            detail="; ".join(sorted(values)),
        )
        return
    patient.cohort = cohorts[0]
    if not patient.cohort:
        patient.refusals.append("The patient's centre belongs to no cohort")
        patient.add(
            "centre in no cohort",
            "refused",
            "The patient's centre belongs to no cohort of the study",
            "name the centre under one of the `cohorts` in the config, or give one cohort no "
            f"centres so that it takes the rest (centres are read from {centre_rule(study)[0]})",
            path=patient.scans[0].series.header["path"],
            detail="; ".join(sorted(values)),
        )
