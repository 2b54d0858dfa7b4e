"""Which names of ROIs in the files fit an ROI of the study, and which fit none."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from rigoromics.read.drawings import Drawing
from rigoromics.read.rules import Study, fits_name
from rigoromics.read.synonyms import MARK

UNMATCHED = "(none)"
PUBLIC_COLUMNS = ["roi", "names", "segmentations", "patients"]
PRIVATE_COLUMNS = ["roi", "name", "segmentations", "patients", "nearest", "belongs_to"]

_SYNTAX = re.compile(r"\(\?[:=!<]*|\\.|[\^$?*+()\[\]{}.|]")


@dataclass
class _Seen:
    """Where one name was met."""

    rois: set[str] = field(default_factory=set)
    segmentations: int = 0
    patients: set[str] = field(default_factory=set)


def roi_name_tables(
    drawings: Iterable[Drawing], study: Study, terms: Mapping[str, Sequence[str]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how often names in the files fit the study's ROIs: a public and a private table.

    Parameters
    ----------
    drawings
        The segmentation files.
    study
        The study's config, its ROI patterns without `@term`.
    terms
        Term to patterns of the table of synonyms, for suggestions.

    Returns
    -------
    tuple
        Public: a row per ROI of the study and one, `(none)`, for names that fit none: how many
        `names`, in how many `segmentations`, of how many `patients`. No name stands in it.
        Private: a row per name, those that fit no ROI first; `nearest` is the pattern that comes
        closest to such a name, `belongs_to` the study's ROI or the `@term` whose pattern it is.
    """
    seen = _collect(drawings, study)
    public: list[list[str | int]] = []
    for roi in [*map(str, study["rois"]), UNMATCHED]:
        mine = [each for each in seen.values() if roi in (each.rois or {UNMATCHED})]
        patients = set().union(*(each.patients for each in mine))
        count = sum(each.segmentations for each in mine)
        public.append([roi, len(mine), count, len(patients)])
    candidates = _candidates(study, terms)
    private: list[tuple[str, str, int, int, str, str]] = []
    for name, each in seen.items():
        pattern, owner = ("", "") if each.rois else _nearest(name, candidates)
        roi = ", ".join(sorted(each.rois))
        private.append((roi, name, each.segmentations, len(each.patients), pattern, owner))
    private.sort(key=lambda row: (row[0], -row[2], row[1]))
    return (
        pd.DataFrame(public, columns=PUBLIC_COLUMNS),
        pd.DataFrame(private, columns=PRIVATE_COLUMNS),
    )


def _collect(drawings: Iterable[Drawing], study: Study) -> dict[str, _Seen]:
    seen: dict[str, _Seen] = defaultdict(_Seen)
    for drawing in drawings:
        for entry in drawing.rois:
            name, number = str(entry["name"]), int(entry["number"])
            each = seen[name]
            each.segmentations += 1
            each.patients.add(drawing.patient_id)
            if name in drawing.labels:
                each.rois.add(name)
                continue
            said = str(entry["description"])
            each.rois |= {
                str(roi)
                for roi, rule in study["rois"].items()
                if any(fits_name(pattern, name, said, number) for pattern in rule["names"])
            }
    return seen


def _candidates(study: Study, terms: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, str]]:
    """Return plain words to the pattern they come from and the ROI or term it belongs to."""
    owners = {f"{MARK}{term}": patterns for term, patterns in terms.items()}
    owners |= {str(roi): [*rule["names"], str(roi)] for roi, rule in study["rois"].items()}
    words: dict[str, tuple[str, str]] = {}
    for owner, patterns in owners.items():
        for pattern in patterns:
            for part in pattern.split("|"):
                words[_plain(part)] = (pattern, owner)
    words.pop("", None)
    return words


def _nearest(name: str, candidates: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    near = difflib.get_close_matches(_plain(name), list(candidates), n=1)
    return candidates[near[0]] if near else ("", "")


def _plain(pattern: str) -> str:
    """Return a name or pattern as words: small letters, no syntax, no separators."""
    return " ".join(re.split(r"[\W_]+", _SYNTAX.sub(" ", pattern).casefold())).strip()
