"""Which features are stable, and under which design: raters, test and retest, perturbations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from rigoromics.errors import DataError
from rigoromics.stability.icc import icc, icc_form
from rigoromics.stability.mean_squares import Array

KEYS = ["patient", "design", "repeat"]
COLUMNS = ["feature", "design", "n", "k", "icc", "lower", "upper", "icc_type", "interval", "stable"]
# An ICC of two patients has a single degree of freedom between patients: it says nothing.
FEWEST_PATIENTS = 3


@dataclass(frozen=True)
class StabilityRule:
    """When a feature counts as stable under one design.

    Attributes
    ----------
    icc
        The form of the coefficient. The default, two-way absolute agreement of a single
        measurement, is what Koo and Li (J Chiropr Med 2016;15:155) advise both between raters
        (the signature will be used on one rater's contour, and a systematic difference between
        raters is an error) and between test and retest (measurements of one patient are not
        interchangeable when the second scan may be shifted as a whole). ``ICC(1,1)`` is right
        when the repeats have no order or identity, such as a different pair of raters for
        each patient, or random perturbations (Zwanenburg et al., Sci Rep 2019;9:614).
    threshold
        Least coefficient of a stable feature; 0.75 is "good" for Koo and Li.
    bound
        What must reach the threshold: the lower confidence limit, as Koo and Li advise, or the
        estimate.
    """

    icc: str = "ICC(A,1)"
    threshold: float = 0.75
    bound: Literal["estimate", "lower"] = "lower"

    def __post_init__(self) -> None:
        icc_form(self.icc)
        if self.bound not in ("estimate", "lower"):
            raise DataError(
                f"the stability bound '{self.bound}' is not known",
                "write 'lower' (the confidence limit must reach the threshold) or 'estimate'",
            )


def stability_rules(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, StabilityRule]:
    """Return the rule of each design from plain settings, as they stand in the config.

    Examples
    --------
    >>> stability_rules({"raters": {"threshold": 0.8}})["raters"]
    StabilityRule(icc='ICC(A,1)', threshold=0.8, bound='lower')
    """
    return {design: StabilityRule(**values) for design, values in settings.items()}


def stability_table(
    repeats: pd.DataFrame, settings: Mapping[str, Mapping[str, Any]] | None = None
) -> pd.DataFrame:
    """Return the ICC of every feature under every design, and whether it is stable.

    Parameters
    ----------
    repeats
        One row per patient, design and repeat: columns ``patient``, ``design`` (``raters``,
        ``retest`` or ``perturbations``), ``repeat`` (the rater, the scan, the perturbation) and
        one column per feature. Hand in the patients whose data may be learned from, and no others.
    settings
        ``{design: {"icc": ..., "threshold": ..., "bound": ...}}``; see :class:`StabilityRule`. A
        design that is not named is judged by the defaults.

    Returns
    -------
    pandas.DataFrame
        Columns feature, design, n (patients with two repeats or more), k (repeats of a patient,
        on average), icc, lower, upper (95%), icc_type, interval (what the limits rest on, see
        :class:`rigoromics.stability.icc.Icc`), stable; one row per feature and design, designs in
        alphabetical order, features in the order of the table. A feature whose ICC is undefined
        (constant, too few patients) has NaN and is not stable. Without repeats the table has no
        rows.

    Raises
    ------
    DataError
        If a key column is missing, one patient has two rows for one repeat, or a setting is
        unknown.
    """
    rules = stability_rules(settings or {})
    parts = [
        _design_table(rows, features, design, rules.get(design, StabilityRule()))
        for design, rows, features in by_design(repeats)
    ]
    if not parts:
        return _empty_table()
    return pd.concat(parts, ignore_index=True)


def stable_features(table: pd.DataFrame) -> list[str]:
    """Return the features that are stable under every design of the table, in its order.

    Parameters
    ----------
    table
        What :func:`stability_table` returns.
    """
    agreed = table.groupby("feature", sort=False)["stable"].all()
    return [str(feature) for feature in agreed.index[agreed]]


def by_design(repeats: pd.DataFrame) -> list[tuple[str, pd.DataFrame, list[str]]]:
    """Return each design, in alphabetical order, with its rows and the names of the features.

    Raises
    ------
    DataError
        If a key column is missing.
    """
    missing = [key for key in KEYS if key not in repeats.columns]
    if missing:
        raise DataError(
            f"the table of repeated measurements lacks the column(s) {', '.join(missing)}",
            "give one row per patient, design and repeat, with these three columns",
        )
    features = [str(column) for column in repeats.columns if column not in KEYS]
    groups = repeats.groupby("design", sort=True)
    return [(str(design), rows, features) for design, rows in groups]


def repeats_array(rows: pd.DataFrame, features: list[str]) -> Array:
    """Return the repeats of one design as an array (features, patients, repeats).

    NaN where a patient lacks a repeat. Patients and repeats are in alphabetical order.

    Raises
    ------
    DataError
        If one patient has two rows for one repeat.
    """
    patient_of, patients = _codes(rows["patient"])
    repeat_of, repeats = _codes(rows["repeat"])
    cell = patient_of * len(repeats) + repeat_of
    twice = rows.loc[rows[["patient", "repeat"]].astype(str).duplicated().to_numpy()]
    if len(twice):
        first = twice.iloc[0]
        raise DataError(
            f"patient {first['patient']} has more than one row for repeat '{first['repeat']}' "
            f"of the design '{first['design']}'",
            "keep one row per patient and repeat; several lesions need one label each",
        )
    flat = np.full((len(patients) * len(repeats), len(features)), np.nan)
    flat[cell] = rows[features].to_numpy(dtype=np.float64)
    cube = flat.reshape(len(patients), len(repeats), len(features))
    return np.ascontiguousarray(cube.transpose(2, 0, 1))


def _codes(column: pd.Series[Any]) -> tuple[npt.NDArray[np.int64], list[str]]:
    names, codes = np.unique(column.astype(str).to_numpy(dtype=str), return_inverse=True)
    return codes.astype(np.int64), [str(name) for name in names]


def _design_table(
    rows: pd.DataFrame, features: list[str], design: str, rule: StabilityRule
) -> pd.DataFrame:
    result = icc(repeats_array(rows, features), rule.icc)
    judged = result.lower if rule.bound == "lower" else result.estimate
    return pd.DataFrame(
        {
            "feature": features,
            "design": design,
            "n": result.n,
            "k": result.k,
            "icc": result.estimate,
            "lower": result.lower,
            "upper": result.upper,
            "icc_type": icc_form(rule.icc),
            "interval": result.interval,
            # A comparison with NaN is False: undefined is not stable.
            "stable": judged >= rule.threshold,
        },
        columns=COLUMNS,
    )


def _empty_table() -> pd.DataFrame:
    table = pd.DataFrame(columns=COLUMNS)
    numbers = {name: float for name in ("k", "icc", "lower", "upper")}
    return table.astype({"n": "int64", "stable": bool, **numbers})
