"""Methods of studies of several lesions or several timepoints."""

from __future__ import annotations

from rigoromics.report.study import StudyTables
from rigoromics.report.text import Section, Text, paragraphs, say
from rigoromics.report.wording import feature_name, listing, plain

_RULES = {
    "largest": "the largest one spoke for the patient",
    "smallest": "the smallest one spoke for the patient",
    "mean": "each feature's mean spoke for the patient",
    "median": "each feature's median spoke for the patient",
    "volume_weighted": "each feature's mean, weighted by volume, spoke for the patient",
    "worst": "the one with the highest {worst_by} spoke for the patient",
}
_VALUES = {
    "baseline": "the first value",
    "absolute": "the change",
    "relative": "the relative change",
    "slope": "the slope over days",
}


def lesions_and_timepoints(study: StudyTables) -> Section | None:
    """Return what spoke for a patient with several lesions, and how change became features."""
    found = paragraphs(_lesions(study), _timepoints(study))
    return Section("lesions", "Lesions and timepoints", found) if found else None


def _lesions(study: StudyTables) -> Text:
    asked = study.config["lesions"]
    tables = study.config["features"] or {}
    if asked["rule"] == "largest" and not asked["compare"] and not tables.get("several_lesions"):
        return ()
    rule = _RULES[asked["rule"]].format(worst_by=feature_name(asked["worst_by"]))
    compared = " Other rules are compared in the supplement." if asked["compare"] else ""
    return say("Of several lesions of a patient, {rule}.{compared}", rule=rule, compared=compared)


def _timepoints(study: StudyTables) -> Text:
    asked = study.config["longitudinal"]
    if asked is None:
        return ()
    absent = {
        "impute": "A patient without a timepoint was given the training patients' median change",
        "refuse": "Patients without a timepoint were left out",
    }[asked["missing"]]
    markers = [plain(name) for name in asked["markers"]]
    return say(
        "Features measured at {times} entered models as {values}. Changes were taken inside each "
        "fold, after harmonisation of each timepoint's values. {absent}.{markers}",
        times=listing([plain(name) for name in (asked["baseline"], *asked["follow_up"])]),
        values=listing([_VALUES[value] for value in asked["values"]]),
        absent=absent,
        markers=f" Clinical predictors also held {listing(markers)} in the same way."
        if markers
        else "",
    )
