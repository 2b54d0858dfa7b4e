"""Factors of acquisition: which columns count, their kind, their levels, and who tells whom.

A factor is a column of the acquisition table that may change a feature. Site (centre, institution)
and what follows from the patient alone (number of slices) are none. Numbers with few distinct
values, such as a tube voltage, are levels; numbers with many enter as their normal scores, in a
straight line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, rankdata

Array = npt.NDArray[np.float64]

UNKNOWN = "unknown"
OTHER = "other levels"
_PHYSICS = [
    *("kernel", "reconstruction_kind", "reconstruction_strength", "reconstruction"),
    *("slice_thickness", "spacing_between_slices", "pixel_spacing", "field_of_view"),
    *("kv", "exposure", "tube_current", "exposure_time", "pitch", "scan_mode", "filter", "target"),
    *("compression_force", "compressed_thickness", "contrast", "contrast_agent", "contrast_phase"),
    *("field_strength", "sequence", "sequence_variant", "sequence_name", "dimensions"),
    *("repetition_time", "echo_time", "inversion_time", "flip_angle", "echo_train", "bandwidth"),
    *("k_space", "partial_fourier", "parallel", "tracer", "injected_dose", "uptake_time"),
    *("time_per_bed", "time_of_flight", "psf", "iterations", "subsets", "corrections"),
    *("transducer", "transducer_frequency"),
]
LABELS = ("model", "software", "manufacturer")
"""Factors that stand for a machine as a whole."""
_NO_FACTORS = frozenset(
    {
        *("patient", "cohort", "centre", "timepoint", "scan", "image", "modality"),
        *("institution", "rows", "columns", "slices"),
    }
)
# A number with at most so many distinct values is a set of levels.
MOST_LEVELS = 6
# Of a number, at most this share of patients may lack it; they leave the model of variance.
_MOST_MISSING = 0.2


@dataclass(frozen=True)
class Factor:
    """One factor over the patients of a scan.

    Attributes
    ----------
    name
        Column of the acquisition table.
    column
        Index patient. Numbers (NaN unknown) where `numeric`, else levels as text, `unknown` where
        the header is silent.
    numeric
        Whether the column holds numbers.
    """

    name: str
    column: pd.Series[Any]
    numeric: bool

    @property
    def levels(self) -> list[str]:
        """Levels in order of their names; numbers in their own order."""
        return list(dict.fromkeys(self.texts[self.column.sort_values(kind="stable").index]))

    @property
    def texts(self) -> pd.Series[str]:
        """Every value as the name of a level."""
        if not self.numeric:
            return self.column.astype(str)
        return self.column.map(lambda value: UNKNOWN if np.isnan(value) else f"{value:g}")

    def of(self, patients: pd.Index) -> Factor:
        """Return the factor of some patients."""
        return Factor(self.name, self.column.loc[patients], self.numeric)

    @property
    def graded(self) -> bool:
        """Whether it is a number with so many values that they are no levels."""
        return self.numeric and self.column.nunique() > MOST_LEVELS

    @property
    def varies(self) -> bool:
        """Whether patients differ in what is known of them."""
        known = self.column.dropna() if self.numeric else self.column[self.column != UNKNOWN]
        return known.nunique() > 1 or (len(known) > 0 and self.texts.nunique() > 1)


def find_factors(
    acquisition: pd.DataFrame, chosen: Sequence[str] = (), left_out: Sequence[str] = ()
) -> list[Factor]:
    """Return the factors of a table of scans, those that a physicist would blame first.

    Parameters
    ----------
    acquisition
        One row per patient, index patient; texts as in the acquisition table.
    chosen
        Names of the columns to look at; empty: all that may change a feature.
    left_out
        Names of columns to leave out.

    Returns
    -------
    list of Factor
        Kernel, geometry and physics first, then model, software and manufacturer, then columns
        that the acquisition table does not know. A column that is empty throughout is none.
    """
    others = [c for c in acquisition if c not in {*_PHYSICS, *LABELS, *_NO_FACTORS}]
    order = [*_PHYSICS, *others, *LABELS]
    wanted = [c for c in chosen or order if c in acquisition.columns and c not in left_out]
    factors = []
    for name in wanted:
        texts = acquisition[name].fillna("").astype(str).str.strip()
        if (texts == "").all():
            continue
        factors.append(_factor(str(name), texts.replace("", UNKNOWN)))
    return factors


def _factor(name: str, texts: pd.Series[str]) -> Factor:
    # A pixel spacing such as 0.7 x 0.7 counts by its first number.
    first = texts.str.replace(r"^([\d.eE+-]+) x [\d.eE+-]+$", r"\1", regex=True)
    numbers = pd.to_numeric(first, errors="coerce")
    if numbers.notna().any() and numbers.notna().eq(texts != UNKNOWN).all():
        return Factor(name, numbers.astype(float), True)
    return Factor(name, texts, False)


@dataclass(frozen=True)
class Coded:
    """A factor as columns of a linear model.

    Attributes
    ----------
    columns
        Shape (patients, df), centred over the rows that are there; NaN where the patient leaves.
    kind
        `levels` or `straight line`.
    note
        What was pooled or left out, in words; empty where nothing was.
    groups
        Level to number of patients; empty for a straight line.
    reason
        Why the factor cannot be in a model; empty where it can.
    """

    columns: Array
    kind: str
    note: str = ""
    reason: str = ""
    groups: tuple[tuple[str, int], ...] = ()


def code(factor: Factor, min_group: int) -> Coded:
    """Return a factor as columns of a linear model.

    Levels of fewer than `min_group` patients are pooled as `other levels`; where these too are
    fewer, their patients leave the model.
    """
    none = np.empty((len(factor.column), 0))
    if not factor.varies:
        return Coded(none, "levels", reason="the same in all patients, or in no header")
    missing = int(factor.column.isna().sum())
    if factor.graded:
        if missing > _MOST_MISSING * len(factor.column):
            return Coded(none, "straight line", reason="in too few headers")
        scores = normal_scores(factor.column.to_numpy()[:, None])
        note = f"{missing} patients without it left out" if missing else ""
        return Coded(scores - np.nanmean(scores), "straight line", note)
    return _code_levels(factor.texts, min_group)


def _code_levels(texts: pd.Series[str], min_group: int) -> Coded:
    counts = texts.value_counts()
    small = [str(level) for level in counts.index if counts[level] < min_group]
    pooled = texts.where(~texts.isin(small), OTHER)
    notes = []
    if small:
        size = int((pooled == OTHER).sum())
        kept = size >= min_group
        what = "pooled" if kept else "left out"
        levels_s, patients_s = "s" * (len(small) != 1), "s" * (size != 1)
        notes.append(f"{len(small)} small level{levels_s} ({size} patient{patients_s}) {what}")
        pooled = pooled if kept else pooled.mask(pooled == OTHER)
    levels = sorted(pooled.dropna().unique())
    groups = tuple((str(level), int((pooled == level).sum())) for level in levels)
    if len(levels) < 2:
        empty = np.empty((len(texts), 0))
        return Coded(empty, "levels", "", "one level alone has enough patients", groups)
    columns = np.column_stack([(pooled == level).to_numpy(float) for level in levels[1:]])
    columns[pooled.isna().to_numpy()] = np.nan
    return Coded(columns - np.nanmean(columns, axis=0), "levels", "; ".join(notes), "", groups)


def normal_scores(values: Array) -> Array:
    """Return values of each column as normal scores of their ranks (Blom); NaN stays.

    Ties share their middle rank.
    """
    known = np.isfinite(values)
    ranks = rankdata(np.where(known, values, np.nan), axis=0, nan_policy="omit")
    scores: Array = norm.ppf((ranks - 0.375) / (known.sum(axis=0) + 0.25))
    return np.where(known, scores, np.nan)


def tells(one: Factor, other: Factor) -> bool:
    """Whether whoever knows `one` of a patient knows `other` too.

    A number of many values tells nothing: that no two patients share one is no knowledge.

    Examples
    --------
    >>> model = Factor("model", pd.Series(["a", "b", "c"]), False)
    >>> maker = Factor("manufacturer", pd.Series(["x", "x", "y"]), False)
    >>> tells(model, maker), tells(maker, model)
    (True, False)
    """
    return not one.graded and bool((other.texts.groupby(one.texts).nunique() == 1).all())


def aliases(factors: Sequence[Factor]) -> dict[str, list[str]]:
    """Return each factor's aliases: those that split the patients in just the same way."""
    partitions = {factor.name: tuple(pd.factorize(factor.texts)[0]) for factor in factors}
    return {
        name: [other for other, split in partitions.items() if split == own and other != name]
        for name, own in partitions.items()
    }
