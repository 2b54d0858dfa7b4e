"""Change between timepoints: absolute, relative, and as a slope over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rigoromics.errors import DataError
from rigoromics.table import numbers

KINDS = ("absolute", "relative", "slope")
# Days after baseline of each case; missing where the patient has no such case.
DAYS = "study.days."

Array = npt.NDArray[np.float64]


def delta_name(source: str, kind: str, timepoint: str) -> str:
    """Return the name of a change.

    Examples
    --------
    >>> delta_name("original_firstorder_Mean", "relative", "week6")
    'original_firstorder_Mean@relative.week6'
    >>> delta_name("original_firstorder_Mean", "slope", "")
    'original_firstorder_Mean@slope'
    """
    return f"{source}@{kind}.{timepoint}" if timepoint else f"{source}@{kind}"


def absolute(first: Array, later: Array) -> Array:
    """Return later minus first."""
    return later - first


def relative(first: Array, later: Array, least: Array | float = 0.0) -> Array:
    """Return the change as a share of the size of the first value.

    Missing where the first value is zero, or not larger than `least`: a share of nearly nothing
    says nothing of the change. The size, not the value, divides, so that a rise is positive for
    features that are negative, too.
    """
    size = np.abs(first)
    usable = size > np.broadcast_to(least, size.shape)
    return np.where(usable, (later - first) / np.where(usable, size, 1.0), np.nan)


def slope(values: Array, days: Array) -> Array:
    """Return the least-squares slope of values over days, missing where fewer than two are known.

    Parameters
    ----------
    values
        Shape (timepoints, patients, features); missing where unknown.
    days
        Shape (timepoints, patients), or that of values.

    Returns
    -------
    numpy.ndarray
        Change per day, shape (patients, features).
    """
    time = np.broadcast_to(days if days.ndim == 3 else days[:, :, None], values.shape)
    known = np.isfinite(values) & np.isfinite(time)
    count = known.sum(axis=0)
    v, t = np.where(known, values, 0.0), np.where(known, time, 0.0)
    some = np.maximum(count, 1)
    dt = np.where(known, t - t.sum(axis=0) / some, 0.0)
    dv = np.where(known, v - v.sum(axis=0) / some, 0.0)
    spread = (dt**2).sum(axis=0)
    usable = (count >= 2) & (spread > 0)
    return np.where(usable, (dt * dv).sum(axis=0) / np.where(usable, spread, 1.0), np.nan)


def marker_predictors(longitudinal: Mapping[str, Any]) -> dict[str, str]:
    """Return the clinical predictors that the markers' changes make, each of them numeric."""
    return {
        delta_name(marker, kind, timepoint): "numeric"
        for marker, columns in longitudinal["markers"].items()
        for kind in longitudinal["values"]
        if kind != "baseline"
        for timepoint in (
            [""]
            if kind == "slope"
            else [name for name in longitudinal["follow_up"] if name in columns]
        )
    }


def marker_changes(people: pd.DataFrame, longitudinal: Mapping[str, Any]) -> pd.DataFrame:
    """Return the changes of clinical markers that were measured several times.

    Parameters
    ----------
    people
        Clinical table, index patient.
    longitudinal
        The section of the config.

    Returns
    -------
    pandas.DataFrame
        Columns as `marker_predictors` names them. Missing where either measurement is; models
        fill that in inside the fold.

    Raises
    ------
    DataError
        If a relative change is asked of a marker that is zero or negative somewhere.
    """
    baseline, made = longitudinal["baseline"], {}
    when = days_of(people, longitudinal)
    for marker, columns in longitudinal["markers"].items():
        known: dict[str, Array] = {
            time: np.asarray(numbers(people[column], "the clinical table"), dtype=np.float64)
            for time, column in columns.items()
        }
        first = known[baseline]
        later = {t: known[t] for t in longitudinal["follow_up"] if t in known}
        if "relative" in longitudinal["values"] and (first <= 0).any():
            raise DataError(
                f"{int((first <= 0).sum())} patients have a value of zero or less of marker "
                f"{marker!r} at {baseline} (first: {people.index[first <= 0][0]}); a relative "
                "change from it says nothing",
                "correct the values, or take `absolute` under `longitudinal: values:`",
            )
        for kind in longitudinal["values"]:
            if kind == "slope":
                times = [baseline, *later]
                stack: Array = np.stack([first, *later.values()])[:, :, None]
                days: Array = np.stack([when[t].to_numpy(dtype=np.float64) for t in times])
                found = slope(stack, days)
                made[delta_name(marker, kind, "")] = found[:, 0]
            elif kind != "baseline":
                of = absolute if kind == "absolute" else relative
                made |= {delta_name(marker, kind, t): of(first, v) for t, v in later.items()}
    return pd.DataFrame(made, index=people.index)


def days_of(people: pd.DataFrame, longitudinal: Mapping[str, Any]) -> pd.DataFrame:
    """Return the days after baseline of each timepoint, index patient, a column a timepoint.

    A patient's own days where the clinical table has them, else the planned ones. Without
    either, only the order of the timepoints counts.
    """
    made = {longitudinal["baseline"]: pd.Series(0.0, index=people.index)}
    for place, (name, rule) in enumerate(longitudinal["follow_up"].items(), start=1):
        planned = rule.get("days")
        column = rule.get("column")
        own = pd.Series(np.nan, index=people.index)
        if column:
            own = numbers(people[column], "the clinical table")
            if (own <= 0).any():
                raise DataError(
                    f"patient {people.index[(own <= 0).to_numpy()][0]} has {name} on or before the "
                    f"day of {longitudinal['baseline']} (column {column!r})",
                    "write the days from the first scan to this one",
                )
        unknown = planned if planned is not None else np.nan if column else float(place)
        made[name] = own.fillna(unknown)
    return pd.DataFrame(made)


def case_days(
    rows: pd.DataFrame, people: pd.DataFrame, longitudinal: Mapping[str, Any]
) -> pd.DataFrame:
    """Return when each case of the analysis table was imaged.

    Parameters
    ----------
    rows
        Feature rows that count (columns patient, timepoint, scan, roi).
    people
        Clinical table, index patient.
    longitudinal
        The section of the config.

    Returns
    -------
    pandas.DataFrame
        Index patient; `study.days.<timepoint>.<scan>.<roi>`, missing without such a case.

    Raises
    ------
    DataError
        If a timepoint of the config is in no row, or a slope lacks a patient's days.
    """
    wanted = [longitudinal["baseline"], *longitudinal["follow_up"]]
    absent = [name for name in wanted if name not in set(rows["timepoint"])]
    if absent:
        found = ", ".join(sorted(set(map(str, rows["timepoint"]))))
        raise DataError(
            f"no features of timepoint {absent[0]!r}, which `longitudinal:` names",
            f"correct the config or the case sheet; timepoints with features are: {found}",
        )
    patients = pd.Index(sorted(set(rows["patient"])), name="patient")
    when = days_of(people.reindex(patients), longitudinal)
    cases = rows[rows["timepoint"].isin(wanted)]
    made = {}
    for (time, scan, roi), group in cases.groupby(["timepoint", "scan", "roi"], sort=True):
        there = patients.isin(group["patient"])
        days = when[time].to_numpy()
        unknown = there & np.isnan(days)
        if "slope" in longitudinal["values"] and unknown.any():
            raise DataError(
                f"{int(unknown.sum())} patients have a scan at {time} but not its day (first: "
                f"{patients[unknown][0]}), and a slope needs it",
                f"fill the column in, or give `days:` of {time} for all",
            )
        # Only presence counts where no slope is asked for.
        made[f"{DAYS}{time}.{scan}.{roi}"] = np.where(there, np.where(unknown, 1.0, days), np.nan)
    return pd.DataFrame(made, index=patients)


def incomplete(days: pd.DataFrame, timepoints: Sequence[str]) -> pd.Series[str]:
    """Return the patients who lack one of the timepoints altogether, with the reason."""
    words = pd.Series("", index=days.index)
    for name in timepoints:
        columns = [c for c in days.columns if c.startswith(f"{DAYS}{name}.")]
        gone = days[columns].isna().all(axis=1)
        words = words.mask(gone & (words == ""), f"no usable scan at timepoint {name}")
    return words[words != ""]
