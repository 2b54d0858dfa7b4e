"""When a PET tracer was given and when its activity holds: times and tracer facts from a header.

Kept apart from :mod:`rigoromics.read.suv`, which turns them into SUV.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from rigoromics.errors import DataError, Problem

Getter = Callable[[str], str]
"""Gives the text of a DICOM keyword; empty where the header is silent."""

SHORTEST_PLAUSIBLE = timedelta(0)
LONGEST_PLAUSIBLE = timedelta(hours=5)
LONGEST_IN_HALF_LIVES = 3.0
_NO_DATE = "20000101"
_DAY = timedelta(days=1)
_SAME_START = timedelta(seconds=60)


def noted(problem: str, remedy: str) -> Problem:
    """Return something worth knowing about an image that was read."""
    return Problem("images", "noted", problem, remedy)


def repaired(problem: str, remedy: str) -> Problem:
    """Return something about an image that was put right."""
    return Problem("images", "repaired", problem, remedy)


def from_header(header: Mapping[str, str]) -> Getter:
    """Look keywords up in a row of the header index."""
    return lambda keyword: str(header.get(keyword) or "").strip()


def from_dataset(data: Dataset) -> Getter:
    """Look keywords up in a file: on top, in the tracer's item, in the functional groups.

    Of a sequence the code value of its first item is given.
    """

    def get(keyword: str) -> str:
        for item in _places(data):
            value = item.get(keyword)
            if isinstance(value, Sequence) and not isinstance(value, str | MultiValue):
                value = value[0].get("CodeValue") if value else None
            if value is not None and str(value).strip():
                many = isinstance(value, MultiValue)
                return "\\".join(str(part) for part in value) if many else str(value).strip()
        return ""

    return get


def _places(data: Dataset) -> Iterator[Dataset]:
    yield data
    yield from (data.get("RadiopharmaceuticalInformationSequence") or [])[:1]
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for groups in (data.get(name) or [])[:1]:
            for element in groups:
                if element.VR != "SQ":
                    continue
                for item in element.value[:1]:
                    yield item
                    yield from (item.get("RadiopharmaceuticalInformationSequence") or [])[:1]


def number(get: Getter, keyword: str) -> float | None:
    """Return a number above zero; None where the header has none (a zero stands for nothing)."""
    try:
        value = float(get(keyword))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def parse_time(date: str, time: str) -> datetime | None:
    """Return a DICOM date (DA) and time (TM) as one; None where the time is not readable.

    A header without a date keeps its clock: all its times then lie on the same day.
    """
    days = re.sub(r"[.\-/]", "", date)[:8] or _NO_DATE
    match = re.fullmatch(r"(\d{2}):?(\d{2})?:?(\d{2})?(\.\d+)?", time.strip())
    if match is None:
        return None
    hours, minutes, seconds, part = match.groups()
    try:
        midnight = datetime.strptime(days, "%Y%m%d")
        clock = float((seconds or "0") + (part or ""))
    except ValueError:
        return None
    if int(hours) > 23 or int(minutes or 0) > 59 or clock >= 61:
        return None
    return midnight + timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=clock)


def parse_datetime(text: str, zone: str = "") -> datetime | None:
    """Return a DICOM date and time (DT) as clock time, in the header's time zone if both tell."""
    match = re.fullmatch(r"(\d{8})(\d{2}(?:\d{2}){0,2}(?:\.\d+)?)([+-]\d{4})?", text.strip())
    if match is None:
        return None
    date, time, offset = match.groups()
    moment = parse_time(date, time)
    if moment is None or not offset or not re.fullmatch(r"[+-]\d{4}", zone):
        return moment
    return moment - _offset(offset) + _offset(zone)


def _offset(text: str) -> timedelta:
    size = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return -size if text[0] == "-" else size


def acquired(get: Getter) -> datetime | None:
    """Return when the acquisition of a slice began."""
    date = get("AcquisitionDate") or get("SeriesDate") or get("StudyDate")
    return parse_time(date, get("AcquisitionTime")) or parse_datetime(
        get("AcquisitionDateTime"), get("TimezoneOffsetFromUTC")
    )


def injected(get: Getter, scan: datetime, half_life: float) -> tuple[datetime, list[Problem]]:
    """Return when the tracer was given.

    RadiopharmaceuticalStartDateTime is preferred. A start time without a date belongs to the day
    of the scan or, where that is later than the scan, to the day before (an injection before
    midnight). The same clock rule is used where the date makes the uptake time impossible but
    the clock does not: dates shifted on one side only, when identifiers were removed.

    Parameters
    ----------
    get
        The header.
    scan
        The time that the activity is corrected to, or was measured at.
    half_life
        Of the radionuclide, in seconds.

    Raises
    ------
    DataError
        The uptake time is negative, or longer than both five hours and three half-lives; the
        clock alone fits two days.
    """
    full = parse_datetime(get("RadiopharmaceuticalStartDateTime"), get("TimezoneOffsetFromUTC"))
    clock = parse_time("", get("RadiopharmaceuticalStartTime")) or full
    if clock is None:
        raise ValueError("the caller has checked that a start time is there")
    by_clock = datetime.combine(scan.date(), clock.time())
    by_clock -= _DAY if by_clock > scan else timedelta(0)
    if full is None:
        _check_uptake(scan - by_clock, half_life)
        if is_plausible(scan - by_clock + _DAY, half_life):
            raise DataError(
                "SUV needs the date of the injection, which the header lacks: the tracer lives "
                "long enough for several days",
                "export the series again with RadiopharmaceuticalStartDateTime kept",
            )
        return by_clock, []
    if is_plausible(scan - full, half_life):
        return full, []
    same_clock = min((full - by_clock) % _DAY, (by_clock - full) % _DAY) <= _SAME_START
    if same_clock and timedelta(0) <= scan - by_clock <= LONGEST_PLAUSIBLE:
        return by_clock, [
            repaired(
                "The date of the injection does not fit the date of the PET scan; the clock times "
                "do, and were used",
                "check whether dates were shifted when identifiers were removed",
            )
        ]
    _check_uptake(scan - full, half_life)
    raise AssertionError("an implausible time is refused above")


def is_plausible(uptake: timedelta, half_life: float) -> bool:
    """Whether an uptake time may be: not negative, and below five hours or three half-lives."""
    longest = max(LONGEST_PLAUSIBLE, timedelta(seconds=LONGEST_IN_HALF_LIVES * half_life))
    return SHORTEST_PLAUSIBLE <= uptake <= longest


def _check_uptake(uptake: timedelta, half_life: float) -> None:
    if is_plausible(uptake, half_life):
        return
    hours = uptake / timedelta(hours=1)
    problem = (
        "The PET scan began before the tracer was given, as the header has it"
        if hours < 0
        else f"The header puts {hours:.1f} hours between injection and PET scan, which is too long"
    )
    raise DataError(
        f"{problem}, so that SUV cannot be computed",
        "check the injection's and the scan's date and time in the header (a clock not set, dates "
        "shifted, a scan begun before the injection) and correct them",
    )


def mean_time_within(duration: float, half_life: float) -> timedelta:
    """Return when, within a frame, the activity equals its average over the frame.

    ``ln(x / (1 - exp(-x))) / lambda`` with ``x = lambda * duration``: a little before the middle.
    """
    decay = math.log(2) / half_life
    x = decay * duration
    return timedelta(seconds=math.log(x / -math.expm1(-x)) / decay if x > 1e-9 else duration / 2)


def scan_start(
    slices: Sequence[Getter], ge_start: str, half_life: float
) -> tuple[datetime, list[Problem]]:
    """Return the time that decay correction to the start of the scan refers to.

    The series' own time, if no slice was acquired before it. Otherwise the series was written
    anew later (post-processing), and the first of these that exists is taken: GE's private scan
    time; the time that the frame's average count rate points back to (FrameReferenceTime); the
    earliest acquisition. These are the rules of the QIBA FDG-PET profile.

    Raises
    ------
    DataError
        No time is readable.
    """
    first = slices[0]
    series = parse_time(first("SeriesDate") or first("StudyDate"), first("SeriesTime"))
    known = [time for time in map(acquired, slices) if time is not None]
    if series is not None and (not known or series <= min(known)):
        return series, []
    private = parse_datetime(ge_start, first("TimezoneOffsetFromUTC"))
    if private is not None:
        return private, []
    if not known:
        raise DataError(
            "The header gives no time for the PET scan, so that SUV cannot be computed",
            "export the series again with its series and acquisition times kept",
        )
    back = [_pointed_back(get, half_life) for get in slices]
    starts = sorted(time for time in back if time is not None)
    if len(starts) == len(slices) and starts[-1] - starts[0] <= _SAME_START:
        return starts[len(starts) // 2], []
    return min(known), [
        noted(
            "The time of the PET series is later than its acquisition (written by "
            "post-processing?); the earliest acquisition was taken as the start of the scan",
            "check the SUV of this patient against the workstation's",
        )
    ]


def _pointed_back(get: Getter, half_life: float) -> datetime | None:
    begin, reference = acquired(get), number(get, "FrameReferenceTime")
    duration = number(get, "ActualFrameDuration")
    if begin is None or reference is None or duration is None:
        return None
    since = timedelta(milliseconds=reference)
    return begin - since + mean_time_within(duration / 1000, half_life)


def private_text(data: Dataset, group: int, creator: str, element: int) -> str:
    """Return a private element as text; empty where it or its creator is absent."""
    try:
        value: Any = data.private_block(group, creator)[element].value
    except KeyError:
        return ""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return str(value).strip("\0 ")
