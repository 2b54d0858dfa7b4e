"""Delta radiomics: timepoints become changes, after ComBat and inside the fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.errors import DataError
from rigoromics.longitudinal import DAYS, absolute, delta_name, relative, slope
from rigoromics.select.columns import (
    Array,
    Names,
    feature_columns,
    feature_values,
    replace_features,
)
from rigoromics.select.impute import column_medians
from rigoromics.select.variance import hardly_varies

DOMINANCE = 0.95


class Deltas(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of several timepoints in, baseline values and their changes out.

    Stands after ComBat and the stability filter. ComBat so sees values as they were measured,
    each timepoint with its own batch effects: a ratio of unharmonised values would keep the
    scanner's offset (longitudinal ComBat harmonises values for the same reason: Beer et al.,
    NeuroImage 2020;220:117129). A change exists only if its feature passed the stability filter
    at both timepoints.

    A patient without a timepoint has no change; the training patients' median change fills it,
    never a change computed from an imputed value, which would follow from the baseline alone.

    Parameters
    ----------
    baseline, follow_up
        Timepoints.
    follows
        Follow-up scan to the baseline scan it repeats, where their names differ.
    values
        Some of `baseline`, `absolute`, `relative`, `slope`.
    near_zero
        A relative change needs a baseline value of more than this many training standard
        deviations. A feature that has too few of them has no relative change.
    max_missing
        Changes missing in more than this share of the training patients are dropped.

    Attributes
    ----------
    features_, medians_
        Columns made, and what fills each, shape (columns,).
    sources_, least_
        Baseline features with a change, and the smallest size of a baseline value that a relative
        change may have, shape (sources,).
    near_zero_
        Features without a relative change because they are too often near zero.
    """

    def __init__(
        self,
        baseline: str,
        follow_up: Sequence[str],
        follows: Mapping[str, str],
        values: Sequence[str],
        near_zero: float = 0.05,
        max_missing: float = 0.5,
    ) -> None:
        self.baseline = baseline
        self.follow_up = follow_up
        self.follows = follows
        self.values = values
        self.near_zero = near_zero
        self.max_missing = max_missing

    def fit(self, X: pd.DataFrame, y: Any = None) -> Deltas:
        """Learn which changes exist and vary, and their medians; outcomes play no part."""
        names = feature_columns(X)
        later = self._later(names)
        if not any(any(names.values()) for names in later.values()):
            raise DataError(
                f"no feature of {self.baseline} is there at a later timepoint too",
                "check `longitudinal: follows:`, which says which scan follows which; or lower "
                "the threshold of stability, if the filter left none",
            )
        self.sources_: Names = np.array([n for n in later if any(later[n].values())], np.str_)
        first = self._observed(X, list(self.sources_))
        self.least_: Array = self.near_zero * np.nanstd(first, axis=0)
        made, columns = self._made(X, names)
        missing = np.isnan(made).mean(axis=0)
        kept = missing <= self.max_missing
        near = [c for c, k in zip(columns, kept, strict=True) if not k and "@relative." in c]
        self.near_zero_: Names = np.array(near, dtype=np.str_)
        medians = column_medians(made)
        kept &= ~hardly_varies(np.where(np.isnan(made), medians, made), DOMINANCE)
        if not kept.any():
            raise DataError(
                "no change between timepoints is left: all are missing in too many training "
                "patients, or do not vary",
                "look at who has the later scans, or leave `longitudinal:` out",
            )
        self.features_: Names = np.array(columns, dtype=np.str_)[kept]
        self.medians_: Array = medians[kept]
        self.inputs_: Names = np.array(names, dtype=np.str_)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table with baseline values and changes as its only features."""
        made, columns = self._made(X, list(map(str, self.inputs_)))
        place = {name: i for i, name in enumerate(columns)}
        values = made[:, [place[str(name)] for name in self.features_]]
        filled = np.where(np.isnan(values), self.medians_, values)
        return replace_features(X, list(map(str, self.features_)), filled)

    def _later(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """Each baseline feature, in order, with its name at each later timepoint or none."""
        place: dict[tuple[str, ...], str] = {}
        for name in names:
            time, scan, rest = _parts(name)
            if time in self.follow_up:
                place[(time, self.follows.get(scan, scan), rest)] = name
        found = {}
        for name in names:
            time, scan, rest = _parts(name)
            if time == self.baseline:
                both = {t: place.get((t, scan, rest), "") for t in self.follow_up}
                found[name] = both
        return found

    def _made(self, X: pd.DataFrame, names: Sequence[str]) -> tuple[Array, list[str]]:
        """Every column that could be made, by baseline feature in the table's order."""
        later = self._later(names)
        sources = list(map(str, self.sources_))
        first = self._observed(X, sources)
        blocks: dict[str, Array] = {"": first}
        stack, days = [first], [self._days(X, sources)]
        for time in self.follow_up:
            there = [later[s][time] for s in sources]
            values = self._observed(X, there)
            blocks[f"absolute.{time}"] = absolute(first, values)
            blocks[f"relative.{time}"] = relative(first, values, self.least_)
            stack.append(values)
            days.append(self._days(X, there))
        if "slope" in self.values:
            blocks["slope"] = slope(np.stack(stack), np.stack(days))
        column = {name: i for i, name in enumerate(sources)}
        columns: list[Array] = []
        made: list[str] = []
        alone = feature_values(X, list(later))
        for i, name in enumerate(later):
            if "baseline" in self.values:
                columns.append(alone[:, i])
                made.append(name)
            for kind in self.values if name in column else ():
                for time in [""] if kind == "slope" else self.follow_up:
                    if kind == "baseline" or (time and not later[name][time]):
                        continue
                    block = blocks[f"{kind}.{time}" if time else kind]
                    columns.append(block[:, column[name]])
                    made.append(delta_name(name, kind, time))
        return np.column_stack(columns), made

    def _observed(self, X: pd.DataFrame, names: Sequence[str]) -> Array:
        """Values of patients who have the case, shape (patients, names); others missing."""
        days = self._days(X, names)
        values = np.full(days.shape, np.nan)
        there = [i for i, name in enumerate(names) if name]
        values[:, there] = feature_values(X, [names[i] for i in there])
        return np.where(np.isnan(days), np.nan, values)

    def _days(self, X: pd.DataFrame, names: Sequence[str]) -> Array:
        cases = [name.partition(":")[0] if name else "" for name in names]
        known = {case: _day_column(X, case) for case in dict.fromkeys(cases)}
        return np.column_stack([known[case] for case in cases])


def _parts(name: str) -> tuple[str, str, str]:
    """Timepoint, scan, and the rest (`<roi>:<feature>`) of a prefixed name."""
    case, colon, feature = name.partition(":")
    time, _, rest = case.partition(".")
    scan, _, roi = rest.partition(".")
    return (time, scan, f"{roi}:{feature}") if colon else ("", "", name)


def _day_column(X: pd.DataFrame, case: str) -> Array:
    if not case:
        return np.full(len(X), np.nan)
    name = f"{DAYS}{case}"
    if name not in X.columns:
        raise DataError(
            f"the table has no column {name!r}, which says who has this case and when",
            "make the analysis table with the same `longitudinal:` section",
        )
    return X[name].to_numpy(dtype=np.float64)
