"""Table 1: who the patients are, by cohort, with missing values and standardised differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from rigoromics.report.study import StudyTables
from rigoromics.report.text import Table, Text, say, words
from rigoromics.report.wording import fixed, percent, plain, sentence_case


@dataclass(frozen=True)
class Groups:
    """The columns of the table, and the two groups that are held against each other."""

    columns: dict[str, pd.DataFrame]
    first: pd.DataFrame
    second: pd.DataFrame
    contrast: str


def numeric_difference(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the absolute standardised difference of two means.

    Difference of means over the root of the mean of both variances (Austin, Stat Med
    2009;28:3083); NaN where a group has fewer than two values or nothing varies.
    """
    x, y = (np.asarray([v for v in group if not np.isnan(v)], dtype=float) for group in (a, b))
    if min(len(x), len(y)) < 2:
        return float("nan")
    if np.ptp(x) == 0 and np.ptp(y) == 0:
        # Not by the variance: rounding gives equal values one of some 1e-30.
        return float("nan")
    spread = float(np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2))
    return abs(float(x.mean() - y.mean())) / spread


def categorical_difference(a: Sequence[str], b: Sequence[str]) -> float:
    """Return the standardised difference of two distributions over levels.

    Mahalanobis distance of the proportions (Yang & Dalton, SAS Global Forum 2012, 335); equals
    the usual formula for two levels. Infinite where the levels tell the groups apart for certain.
    """
    levels = sorted({*a, *b})
    if len(levels) < 2 or not len(a) or not len(b):
        return float("nan")
    p, q = (np.asarray([list(g).count(v) / len(g) for v in levels]) for g in (a, b))
    covariance = (_multinomial(p) + _multinomial(q)) / 2
    difference = p - q
    # All levels, whose proportions sum to one: the pseudo-inverse treats them alike, where leaving
    # one out would depend on which.
    inverse = np.linalg.pinv(covariance, rcond=1e-10, hermitian=True)
    if np.abs(covariance @ inverse @ difference - difference).max() > 1e-9:
        return float("inf")
    return float(np.sqrt(max(float(difference @ inverse @ difference), 0.0)))


def _multinomial(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.diag(p) - np.outer(p, p))


def table_one(study: StudyTables) -> Table:
    """Return Table 1: cohorts side by side, or without external ones the outcome's groups."""
    groups = _groups(study)
    columns = [f"{name} (n = {len(rows)})" for name, rows in groups.columns.items()]
    body: list[tuple[Text, ...]] = []
    heads: set[int] = set()
    for label, column, kind in _variables(study):
        rows = _numeric(label, column, groups) if kind == "numeric" else None
        rows = _levels(study, label, column, groups) if kind == "levels" else rows
        rows = rows or _categorical(label, column, groups)
        if kind != "numeric" and len(rows) > 1:
            heads.add(len(body))
        body += rows
    return Table(
        name="table-1",
        caption=say("Patients by {by}.", by="cohort" if study.external else "outcome"),
        columns=("", *columns, "SMD"),
        rows=tuple(body),
        note=say(
            "Median (interquartile range) or number (share of known values). SMD: absolute "
            "standardised difference, {contrast}. Source: {source}.",
            contrast=groups.contrast,
            source=study.patients.source.name,
        ),
        heads=frozenset(heads),
    )


def _groups(study: StudyTables) -> Groups:
    table = study.patients.frame
    if study.external:
        there = [c for c in study.cohorts if (table["study.cohort"] == c).any()]
        columns = {sentence_case(plain(c)): table[table["study.cohort"] == c] for c in there}
        first, second = study.role("development"), study.role("external")
        return Groups(columns, first, second, "development against all external patients")
    binary = next((e for e in study.endpoints if e.kind == "binary"), None)
    if binary is None:
        return Groups({"All patients": table}, table.iloc[:0], table.iloc[:0], "not defined")
    y = table[f"endpoint.{binary.name}"]
    label = binary.label
    columns = {"All": table, f"No {label}": table[y == 0], sentence_case(label): table[y == 1]}
    return Groups(columns, table[y == 0], table[y == 1], "without against with the event")


def _variables(study: StudyTables) -> list[tuple[str, str, str]]:
    """Return label, column and kind of everything that is described."""
    predictors = study.config["clinical"]["predictors"]
    table = study.patients.frame
    found = []
    for column in (str(c) for c in table.columns if str(c).startswith("clinical.")):
        name = column.removeprefix("clinical.")
        guess = "numeric" if pd.api.types.is_numeric_dtype(table[column]) else "categorical"
        found.append(
            (sentence_case(plain(name)), column, predictors.get(name, {}).get("type", guess))
        )
    volume = study.config["models"]["volume_feature"]
    if volume in table.columns:
        unit = "mm³" if "shape" in volume else ""
        found.append((f"Volume of the ROI, {unit}".rstrip(", "), volume, "numeric"))
    for endpoint in study.endpoints:
        stem = f"endpoint.{endpoint.name}"
        label = sentence_case(endpoint.label)
        if endpoint.survival:
            unit = endpoint.settings["unit"]
            found.append((f"{label}: event", f"{stem}.event", "flag"))
            found.append((f"{label}: time, {unit}", f"{stem}.time", "numeric"))
        elif endpoint.kind == "count":
            found.append((label, stem, "numeric"))
        elif endpoint.kind != "binary":
            found.append((label, stem, "levels"))
        elif study.external:
            found.append((label, stem, "flag"))
    return [entry for entry in found if entry[1] in table.columns]


def _numeric(label: str, column: str, groups: Groups) -> list[tuple[Text, ...]]:
    cells, missing = [], []
    for rows in groups.columns.values():
        values = pd.to_numeric(rows[column], errors="coerce")
        cells.append(_median(values.dropna()))
        missing.append(_missing(values))
    difference = numeric_difference(
        list(pd.to_numeric(groups.first[column], errors="coerce").astype(float)),
        list(pd.to_numeric(groups.second[column], errors="coerce").astype(float)),
    )
    rows_out = [words(label, *cells, _smd(difference))]
    if any(missing):
        rows_out.append(words("   missing", *(m or "0" for m in missing), ""))
    return rows_out


def _median(values: pd.Series[float]) -> str:
    if values.empty:
        return "–"
    low, middle, high = (float(values.quantile(q)) for q in (0.25, 0.5, 0.75))
    digits = 0 if abs(middle) >= 100 or (values % 1 == 0).all() else 1 if abs(middle) >= 10 else 2
    shown = [fixed(v, digits) if abs(v) < 10_000 else f"{v:,.0f}" for v in (middle, low, high)]
    return f"{shown[0]} ({shown[1]}–{shown[2]})"


def _missing(values: pd.Series[float]) -> str:
    n = int(values.isna().sum())
    return f"{n} ({percent(n, len(values))})" if n else ""


def _categorical(label: str, column: str, groups: Groups) -> list[tuple[Text, ...]]:
    def levels_of(rows: pd.DataFrame) -> list[str]:
        return [_level(value) for value in rows[column].dropna()]

    everyone = [level for rows in groups.columns.values() for level in levels_of(rows)]
    levels = sorted(set(everyone))
    difference = categorical_difference(levels_of(groups.first), levels_of(groups.second))
    if column.startswith("endpoint."):
        return [words(label, *(_share(levels_of(r), "1") for r in groups.columns.values()),
                      _smd(difference))]  # fmt: skip
    body = [words(label, *[""] * len(groups.columns), _smd(difference))]
    for level in levels:
        cells = (_share(levels_of(rows), level) for rows in groups.columns.values())
        body.append(words(f"   {level}", *cells, ""))
    missing = [_missing(rows[column]) for rows in groups.columns.values()]
    if any(missing):
        body.append(words("   missing", *(m or "0" for m in missing), ""))
    return body


def _levels(study: StudyTables, label: str, column: str, groups: Groups) -> list[tuple[Text, ...]]:
    """Return how many patients have each level or class of an endpoint, in the config's order."""
    endpoint = next(e for e in study.endpoints if f"endpoint.{e.name}" == column)
    names = [str(level) for level in endpoint.settings["levels"]]
    parts = [[_level(v) for v in rows[column].dropna()] for rows in groups.columns.values()]
    first, second = ([_level(v) for v in g[column].dropna()] for g in (groups.first, groups.second))
    body = [words(label, *[""] * len(parts), _smd(categorical_difference(first, second)))]
    for code, name in enumerate(names):
        body.append(words(f"   {name}", *(_share(part, str(code)) for part in parts), ""))
    return body


def _level(value: object) -> str:
    """Return a level as text; 1.0 from a column with gaps is 1."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _share(values: list[str], level: str) -> str:
    n = values.count(level)
    return f"{n} ({percent(n, len(values))})"


def _smd(value: float) -> str:
    return "" if np.isnan(value) else fixed(value)
