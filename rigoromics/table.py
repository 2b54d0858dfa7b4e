"""The analysis table: one row per patient, and who left the study on the way, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rigoromics.errors import DataError
from rigoromics.extract.rows import INDEX, UNPERTURBED, is_perturbation
from rigoromics.lesions import LesionRule
from rigoromics.units import DAYS


def numbers(column: pd.Series[Any], table: str) -> pd.Series[float]:
    """Return a column as numbers; empty cells are missing.

    Raises
    ------
    DataError
        If a cell holds something else: it would silently be missing otherwise.
    """
    found = pd.to_numeric(column, errors="coerce")
    wrong = found.isna() & column.notna() & (column.astype(str).str.strip() != "")
    if wrong.any():
        raise DataError(
            f"{int(wrong.sum())} values of column {column.name!r} of {table} are not numbers "
            f"(first: {column[wrong].iloc[0]!r})",
            "write numbers with a decimal point and without units, or leave the cell empty",
        )
    return found.astype(float)


def endpoint_columns(name: str, kind: str) -> list[str]:
    """Return the columns of an endpoint in the analysis table."""
    stem = f"endpoint.{name}"
    return [f"{stem}.time", f"{stem}.event"] if kind == "survival" else [stem]


def one_row_per_patient(
    features: pd.DataFrame, rater: str, perturbation: str, lesions: LesionRule
) -> pd.DataFrame:
    """Return the features of the reference segmentations, one row per patient.

    Parameters
    ----------
    features
        Feature table, long in cases (columns `INDEX`), without retest scans.
    rater
        Rater whose contours count.
    perturbation
        `none`, or the control whose rows are wanted.
    lesions
        What counts where a patient has several lesions under one ROI.

    Returns
    -------
    pandas.DataFrame
        Index `patient`; plain feature names where every patient has one scan and one ROI, else
        names with `<timepoint>.<scan>.<roi>:` before them.
    """
    chosen = (features["rater"] == rater) & (features["perturbation"] == perturbation)
    rows = features[chosen].sort_values(INDEX)
    return _wide(rows, lesions, _prefixes(features))


def repeats(
    features: pd.DataFrame,
    patients: Sequence[str],
    rater: str,
    retest_of: Mapping[str, str],
    lesions: LesionRule,
) -> pd.DataFrame:
    """Return what was measured again: by other raters, on a second scan, and perturbed.

    Parameters
    ----------
    features
        Feature table, long in cases, with retest scans.
    patients
        Development patients; nobody else is looked at (rule of evidence 4).
    rater
        Reference rater, whose contours the retest compares and the perturbations change.
    retest_of
        Retest scan to the scan it repeats.
    lesions
        See `one_row_per_patient`.

    Returns
    -------
    pandas.DataFrame
        Columns patient, design (`raters`, `retest` or `perturbations`), repeat (the rater, the
        scan, the perturbation; the scan as it is, `none`, is one of those), and the features by
        the names of the analysis table.
    """
    known = features[features["patient"].isin(patients)]
    rows = known[known["perturbation"] == UNPERTURBED]
    first = rows[~rows["scan"].isin(retest_of)]
    prefixes = _prefixes(features[~features["scan"].isin(retest_of)])
    parts = (
        [("raters", str(name), group) for name, group in first.groupby("rater", sort=True)]
        if first["rater"].nunique() > 1
        else []
    )
    again = rows[rows["scan"].isin(retest_of) & (rows["rater"] == rater)]
    if len(again):
        again = again.assign(scan=again["scan"].map(dict(retest_of)))
        test = first[(first["rater"] == rater) & first["patient"].isin(again["patient"])]
        parts += [("retest", "test", test), ("retest", "retest", again)]
    parts += _perturbed(known[~known["scan"].isin(retest_of) & (known["rater"] == rater)])
    tables = [
        _wide(group, lesions, prefixes).reset_index().assign(design=design, repeat=repeat)
        for design, repeat, group in parts
    ]
    if not tables:
        return pd.DataFrame(columns=["patient", "design", "repeat"])
    table = pd.concat(tables, ignore_index=True)
    names = [c for c in table.columns if c not in ("patient", "design", "repeat")]
    return table[["patient", "design", "repeat", *names]].sort_values(
        ["design", "repeat", "patient"], ignore_index=True
    )


def _perturbed(rows: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Return the rows of each perturbation, and those of the same segmentations as they are."""
    changed = rows[rows["perturbation"].map(is_perturbation).astype(bool)]
    if changed.empty:
        return []
    keys = ["patient", "timepoint", "scan", "roi"]
    plain = rows[rows["perturbation"] == UNPERTURBED]
    own = pd.MultiIndex.from_frame(plain[keys]).isin(pd.MultiIndex.from_frame(changed[keys]))
    every = pd.concat([plain[own], changed])
    groups = every.groupby("perturbation", sort=True)
    return [("perturbations", str(name), group) for name, group in groups]


def _prefixes(features: pd.DataFrame) -> bool:
    """Whether features need their timepoint, scan and ROI in their names."""
    return len(features[["timepoint", "scan", "roi"]].drop_duplicates()) > 1


def _wide(rows: pd.DataFrame, lesions: LesionRule, prefixes: bool) -> pd.DataFrame:
    names = [c for c in rows.columns if c not in INDEX]
    keys = ["timepoint", "scan", "roi"]
    order = lesions.one_each(rows, ["patient", *keys], names)
    parts = []
    for key, group in order.groupby(keys, sort=True):
        part = group.set_index("patient")[names]
        parts.append(part.add_prefix(f"{'.'.join(map(str, key))}:") if prefixes else part)
    if not parts:
        return pd.DataFrame(columns=names, index=pd.Index([], name="patient", dtype=object))
    return pd.concat(parts, axis=1).sort_index().rename_axis("patient")


def endpoint_values(clinical: pd.DataFrame, endpoints: Mapping[str, Any]) -> pd.DataFrame:
    """Return the endpoint columns of the analysis table.

    Parameters
    ----------
    clinical
        Clinical table, index `patient`.
    endpoints
        Name to endpoint, as in the config.

    Returns
    -------
    pandas.DataFrame
        `endpoint.<name>` (0, 1 or missing; of levels and classes the place among them, from 0;
        counts as they are), or `endpoint.<name>.time` and `.event`.

    Raises
    ------
    DataError
        If a column is missing, no patient is positive, or a time is not a positive number.
    """
    table = pd.DataFrame(index=clinical.index)
    for name, endpoint in endpoints.items():
        if endpoint["type"] == "binary":
            table[f"endpoint.{name}"] = _binary(clinical, name, endpoint)
        elif endpoint["type"] == "count":
            table[f"endpoint.{name}"] = _count(clinical, name, endpoint)
        elif endpoint["type"] != "survival":
            table[f"endpoint.{name}"] = _levels(clinical, name, endpoint)
        else:
            time, event = _survival(clinical, name, endpoint)
            table[f"endpoint.{name}.time"], table[f"endpoint.{name}.event"] = time, event
    return table


def _binary(clinical: pd.DataFrame, name: str, endpoint: Mapping[str, Any]) -> pd.Series[float]:
    column = _column(clinical, endpoint["column"], f"endpoint {name!r}")
    positive = endpoint["positive"]
    number = pd.to_numeric(column, errors="coerce")
    if isinstance(positive, int | float) and number.notna().any():
        hit = number == float(positive)
    else:
        hit = column.astype(str) == str(positive)
    if not hit.any():
        levels = ", ".join(map(str, sorted(column.dropna().astype(str).unique())[:6]))
        raise DataError(
            f"no patient has the value {positive!r} in column {endpoint['column']!r} of the "
            f"clinical table, so endpoint {name!r} has no events",
            f"set `positive` to one of the values that are there: {levels}",
        )
    return hit.astype(float).where(column.notna())


def _levels(clinical: pd.DataFrame, name: str, endpoint: Mapping[str, Any]) -> pd.Series[float]:
    column = _column(clinical, endpoint["column"], f"endpoint {name!r}")
    places = {_level(level): float(place) for place, level in enumerate(endpoint["levels"])}
    known = column[column.notna()].map(_level)
    strange = known[~known.isin(list(places))]
    if len(strange):
        raise DataError(
            f"patient {strange.index[0]} has {strange.iloc[0]!r} in column "
            f"{endpoint['column']!r}, which is no level of endpoint {name!r}",
            f"correct the clinical table, or list it under `levels`: {', '.join(places)}",
        )
    return known.map(places).reindex(column.index).astype(float)


def _level(value: object) -> str:
    """Return a value as text; 2.0 from a column with gaps is 2."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _count(clinical: pd.DataFrame, name: str, endpoint: Mapping[str, Any]) -> pd.Series[float]:
    column = _column(clinical, endpoint["column"], f"endpoint {name!r}")
    values = numbers(column, "the clinical table")
    wrong = values.notna() & ((values < 0) | (values != values.round()))
    if wrong.any():
        first = wrong.index[wrong.to_numpy()][0]
        raise DataError(
            f"patient {first} has {values[first]:g} in column {endpoint['column']!r}, which is no "
            f"count, for endpoint {name!r}",
            "counts are whole numbers from 0 on; leave what is not known empty",
        )
    return values


def _survival(
    clinical: pd.DataFrame, name: str, endpoint: Mapping[str, Any]
) -> tuple[pd.Series[float], pd.Series[float]]:
    what = f"endpoint {name!r}"
    start = endpoint.get("start", "")
    time = (
        _between(
            _column(clinical, start, what), _column(clinical, endpoint["time"], what), endpoint
        )
        if start
        else numbers(_column(clinical, endpoint["time"], what), "the clinical table")
    )
    event = _events(_column(clinical, endpoint["event"], what), endpoint)
    codes = [0, 1, *(endpoint.get("competing") or ())]
    wrong = (time <= 0) | ~event.isin(codes) & event.notna()
    if wrong.any():
        raise DataError(
            f"{int(wrong.sum())} patients have a time of zero or less, or an event that is neither "
            f"{' nor '.join(map(str, codes))}, for endpoint {name!r} (first: "
            f"{time.index[wrong.to_numpy()][0]})",
            "correct these rows of the clinical table, or leave the values empty",
        )
    known = time.notna() & event.notna()
    return time.where(known), event.where(known)


def _events(column: pd.Series[Any], endpoint: Mapping[str, Any]) -> pd.Series[float]:
    """Return 1 for an event, 0 for none, missing where unknown; other values stay as they are."""
    positive, censored = endpoint.get("positive", 1), endpoint.get("censored", 0)
    if (positive, censored) == (1, 0) and not endpoint.get("unknown"):
        return numbers(column, "the clinical table")
    event = pd.Series(np.where(column.isna(), np.nan, -1.0), index=column.index)
    for value, meaning in (
        (positive, 1.0),
        (censored, 0.0),
        *((code, float(code)) for code in endpoint.get("competing", [])),
        *((value, np.nan) for value in endpoint.get("unknown", [])),
    ):
        number = pd.to_numeric(column, errors="coerce")
        if isinstance(value, int | float) and number.notna().any():
            hit = number == float(value)
        else:
            hit = column.astype(str).str.strip() == str(value)
        event[hit & column.notna()] = meaning
    return event


def _between(
    start: pd.Series[Any], end: pd.Series[Any], endpoint: Mapping[str, Any]
) -> pd.Series[float]:
    """Return the time between two columns of dates, in the endpoint's unit."""
    dates = []
    for column in (start, end):
        text = column.astype("string").str.strip().str.replace("[./]", "-", regex=True)
        # Day and month can be told apart only where the year comes first.
        whole = text.where(text.str.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}").fillna(False))
        found = pd.to_datetime(whole, format="%Y-%m-%d", errors="coerce")
        wrong = found.isna() & text.notna() & (text != "")
        if wrong.any():
            raise DataError(
                f"{int(wrong.sum())} values of column {column.name!r} of the clinical table are "
                f"no dates with the year first (first: {column[wrong].iloc[0]!r})",
                "write dates as 2015-01-31, or leave the cell empty",
            )
        dates.append(found)
    days = (dates[1] - dates[0]).dt.days.astype(float)
    return days / DAYS[endpoint.get("unit", "months")]


def _column(table: pd.DataFrame, name: str, what: str) -> pd.Series[Any]:
    if name not in table.columns:
        known = ", ".join(map(str, table.columns[:12]))
        raise DataError(
            f"the clinical table has no column {name!r}, which {what} needs",
            f"correct the config or the table; its columns are: {known}",
        )
    return table[name]


def join_batches(cases: pd.DataFrame, columns: Sequence[str]) -> pd.Series[str]:
    """Return the ComBat batch of each patient: the named columns of the sheet, joined by `+`."""
    first = cases.sort_values(["patient", "timepoint", "scan"]).drop_duplicates("patient")
    parts = first.set_index("patient")[list(columns)].fillna("").astype(str)
    return parts.replace("", "unknown").agg("+".join, axis=1)


def batch_variables(cases: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return each patient's level of each batch variable, columns `batch.<name>`."""
    levels = {f"batch.{name}": join_batches(cases, [name]) for name in columns}
    return pd.DataFrame(levels)


def standard_missing(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with infinite values as missing ones; no model can use them."""
    return table.replace([np.inf, -np.inf], np.nan)
