"""The study's rules for recognising series, centres and raters."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from rigoromics.errors import DataError
from rigoromics.read.keywords import KEYWORDS

Study = Mapping[str, Any]

NOT_DICOM = frozenset({"path", "ROIName", "clinical"})


def study_keywords(study: Study) -> list[str]:
    """Return the DICOM keywords that the study's rules look at, sorted.

    Raises
    ------
    DataError
        A rule names something that is no DICOM keyword; the message offers the nearest.
    """
    words = sorted(set(_words(study)) - NOT_DICOM)
    for word in words:
        tag = tag_for_keyword(word)
        if tag is None or keyword_for_tag(tag) != word:
            near = difflib.get_close_matches(word, KEYWORDS, n=1)
            raise DataError(
                f"'{word}', named in the study config, is no DICOM keyword",
                f"did you mean '{near[0]}'?" if near else "look the keyword up in DICOM part 6",
            )
    return words


def _words(study: Study) -> Iterator[str]:
    for scan in study["scans"].values():
        yield from scan.get("series") or {}
        yield from scan.get("not_series") or {}
    for rater in (study.get("raters") or {}).values():
        yield from rater.get("match") or {}
    yield centre_rule(study)[0]


def centre_rule(study: Study) -> tuple[str, str | None]:
    """Return where the centre is read from, and the pattern that cuts it out."""
    rule = study.get("centre") or {}
    return str(rule.get("source") or "InstitutionName"), rule.get("pattern")


def is_scan(rule: Mapping[str, Any], header: Mapping[str, str]) -> bool:
    """Whether a series is the scan that a rule describes.

    Parameters
    ----------
    rule
        `modality`, equal; `series`, keyword to regular expression, all found; `not_series`, none
        found. Upper and lower case are alike.
    header
        The header of the series, as in the index.
    """
    if header["Modality"].upper() != str(rule["modality"]).upper():
        return False
    unwanted = rule.get("not_series") or {}
    return found_all(rule.get("series") or {}, header) and not any(
        _found(pattern, header.get(keyword, "")) for keyword, pattern in unwanted.items()
    )


def found_all(patterns: Mapping[str, str], values: Mapping[str, str]) -> bool:
    """Whether each pattern is found in the value of its name."""
    return all(_found(pattern, values.get(name, "")) for name, pattern in patterns.items())


def _found(pattern: str, value: str) -> bool:
    return re.search(pattern, value, re.IGNORECASE) is not None


def centre_value(study: Study, header: Mapping[str, str], clinical: Mapping[str, str]) -> str:
    """Return the centre of a series as its source has it; empty where that is silent.

    Parameters
    ----------
    study
        The study's config.
    header
        The header of the series, as in the index.
    clinical
        PatientID to centre, for studies that take it from the clinical table.
    """
    source, pattern = centre_rule(study)
    if source == "clinical":
        value = clinical.get(header["PatientID"], "")
    else:
        value = header.get(source, "")
    if pattern and value:
        match = re.search(pattern, value, re.IGNORECASE)
        groups = match.groups() if match else ()
        value = (groups[0] if groups else match.group()) or "" if match else ""
    return value.strip()


def named_centre(study: Study, value: str) -> str:
    """Return the centre as the config spells it; empty where the config does not name it."""
    for cohort in study["cohorts"].values():
        for centre in cohort.get("centres") or []:
            if str(centre).casefold() == value.casefold():
                return str(centre)
    return ""


def cohort_of(study: Study, value: str) -> str:
    """Return the cohort of a centre: the one that names it, else the one that takes the rest."""
    named = named_centre(study, value)
    rest = ""
    for name, cohort in study["cohorts"].items():
        centres = [str(centre) for centre in cohort.get("centres") or []]
        if named and named in centres:
            return str(name)
        if not centres and not rest:
            rest = str(name)
    return rest


def rater_of(study: Study, values: Mapping[str, str]) -> str:
    """Return the first rater whose rule fits a segmentation; empty where none does."""
    raters = study.get("raters") or {}
    if not raters:
        return str(study.get("reference_rater") or "r1")
    for name, rule in raters.items():
        if found_all(rule.get("match") or {}, values):
            return str(name)
    return ""


def match_rois(
    study: Study, names: Sequence[tuple[str, str]], numbers: Sequence[int] = ()
) -> dict[str, list[int]]:
    """Match the ROIs of one file and rater to the study's.

    Parameters
    ----------
    study
        The study's config; patterns are tried in order, upper and lower case alike.
    names
        Name and description of each ROI in the file; a pattern may be found in either.
    numbers
        Number of each ROI in the file. A pattern with a # is also sought in `name #number`, which
        tells two ROIs of one name apart.

    Returns
    -------
    dict
        ROI of the study to the indices of those that match its first matching pattern; among
        several, one that matches as a whole stands alone.
    """
    found: dict[str, list[int]] = {}
    known = numbers or [0] * len(names)
    for roi, rule in study["rois"].items():
        for pattern in rule["names"]:
            hits = [
                index
                for index, (name, description) in enumerate(names)
                if fits_name(pattern, name, description, known[index])
            ]
            if hits:
                whole = [i for i in hits if re.fullmatch(pattern, names[i][0], re.IGNORECASE)]
                found[str(roi)] = whole if len(whole) == 1 else hits
                break
    return found


def fits_name(pattern: str, name: str, description: str = "", number: int = 0) -> bool:
    """Whether a pattern is found in the name or description of an ROI of a file."""
    if _found(pattern, name) or (description != "" and _found(pattern, description)):
        return True
    return "#" in pattern and number > 0 and _found(pattern, f"{name} #{number}")
