"""Which series of an archive a study wants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, order=True)
class RemoteSeries:
    """One series as the archive describes it.

    Attributes
    ----------
    patient
        PatientID.
    date
        StudyDate as DICOM writes it, YYYYMMDD; empty where the archive does not say.
    study_uid, series_uid
        Study and Series Instance UID.
    modality, description
        Modality and SeriesDescription.
    images
        How many instances it has; 0 where the archive does not say.
    """

    patient: str
    date: str
    study_uid: str
    series_uid: str
    modality: str = ""
    description: str = ""
    images: int = 0


@dataclass(frozen=True)
class Query:
    """What is asked for; every part that is empty asks for everything.

    Attributes
    ----------
    patients
        PatientIDs; None: of all patients.
    modalities
        DICOM modalities.
    first, last
        First and last day of the study. A study without a date is kept.
    series, not_series
        Modality to a regular expression that its SeriesDescription must, or must not, hold.
    limit
        Largest number of series.
    """

    patients: frozenset[str] | None = None
    modalities: frozenset[str] = frozenset()
    first: date | None = None
    last: date | None = None
    series: Mapping[str, str] = field(default_factory=dict)
    not_series: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None

    @property
    def date_range(self) -> str:
        """The days as DICOM's range matching has them (PS3.4, C.2.2.2.5); empty: any day."""
        if self.first is None and self.last is None:
            return ""
        ends = (day.strftime("%Y%m%d") if day else "" for day in (self.first, self.last))
        return "-".join(ends)

    def wants(self, series: RemoteSeries) -> bool:
        """Say whether a series is asked for, whatever the archive made of the question."""
        if self.patients is not None and series.patient not in self.patients:
            return False
        if self.modalities and series.modality not in self.modalities:
            return False
        if series.date and not self._in_range(series.date):
            return False
        wanted = self.series.get(series.modality)
        if wanted is not None and not _found(wanted, series.description):
            return False
        unwanted = self.not_series.get(series.modality)
        return unwanted is None or not _found(unwanted, series.description)

    def _in_range(self, day: str) -> bool:
        first = self.first.strftime("%Y%m%d") if self.first else ""
        last = self.last.strftime("%Y%m%d") if self.last else "99999999"
        return first <= day <= last

    def select(self, series: Iterable[RemoteSeries]) -> list[RemoteSeries]:
        """Return what is asked for, each series once, by patient and date, cut at the limit."""
        each = {item.series_uid: item for item in series if self.wants(item)}
        return sorted(each.values())[: self.limit]


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def absent_patients(query: Query, found: Sequence[RemoteSeries]) -> list[str]:
    """PatientIDs that were asked for and of which the archive has nothing that fits."""
    return sorted((query.patients or frozenset()) - {item.patient for item in found})
