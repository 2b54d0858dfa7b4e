"""Concordance, repeatability and limits of agreement of every feature under every design."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from rigoromics.stability.concordance import concordance
from rigoromics.stability.precision import Interval, limits_of_agreement, precision
from rigoromics.stability.table import by_design, repeats_array

LIMITS = ("", "_lower", "_upper")
REPEATABILITY_COLUMNS = [
    "feature",
    "design",
    "n",
    "repeats",
    *(
        name + limit
        for name in ("ccc", "within_sd", "repeatability", "within_cv")
        for limit in LIMITS
    ),
]
BLAND_ALTMAN_COLUMNS = [
    "feature",
    "design",
    "first",
    "second",
    "n",
    *(name + limit for name in ("bias", "low", "high") for limit in LIMITS),
]
# Perturbations have no order and no meaning one by one: pairs of them say nothing.
PAIRED = ("raters", "retest")


def repeatability_table(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return concordance and within-subject variation of every feature under every design.

    Parameters
    ----------
    repeats
        As for :func:`rigoromics.stability.table.stability_table`.

    Returns
    -------
    pandas.DataFrame
        One row per design and feature: `n` patients with two repeats or more, number of
        `repeats`, Lin's or the overall concordance correlation `ccc`, within-subject standard
        deviation `within_sd` and repeatability coefficient `repeatability` in the feature's unit,
        within-subject coefficient of variation `within_cv`; each with its 95% limits in `_lower`
        and `_upper`.
    """
    parts = []
    for design, rows, features in by_design(repeats):
        values = repeats_array(rows, features)
        agreed, spread = concordance(values), precision(values)
        parts.append(
            pd.DataFrame(
                {
                    "feature": features,
                    "design": design,
                    "n": spread.n,
                    "repeats": np.isfinite(values).any(axis=1).sum(axis=1),
                    **_columns("ccc", Interval(agreed.estimate, agreed.lower, agreed.upper)),
                    **_columns("within_sd", spread.sd),
                    **_columns("repeatability", spread.repeatability),
                    **_columns("within_cv", spread.cv),
                }
            )
        )
    return _joined(parts, REPEATABILITY_COLUMNS)


def bland_altman_table(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return bias and limits of agreement of every feature between any two raters or scans.

    Parameters
    ----------
    repeats
        As for :func:`rigoromics.stability.table.stability_table`.

    Returns
    -------
    pandas.DataFrame
        One row per design, pair of repeats and feature: `n` patients, `bias` (`second` less
        `first`), the limits `low` and `high`; each with its 95% limits. Perturbations are not
        paired.
    """
    parts = []
    for design, rows, features in by_design(repeats[repeats["design"].isin(PAIRED)]):
        names = sorted(rows["repeat"].astype(str).unique())
        values = dict(zip(names, np.moveaxis(repeats_array(rows, features), 2, 0), strict=True))
        # A retest is compared with its test, not the reverse.
        ordered = sorted(names, key=lambda name: (name != "test", name))
        for first, second in combinations(ordered, 2):
            found = limits_of_agreement(values[first], values[second])
            parts.append(
                pd.DataFrame(
                    {
                        "feature": features,
                        "design": design,
                        "first": first,
                        "second": second,
                        "n": found.n,
                        **_columns("bias", found.bias),
                        **_columns("low", found.low),
                        **_columns("high", found.high),
                    }
                )
            )
    return _joined(parts, BLAND_ALTMAN_COLUMNS)


def _columns(name: str, interval: Interval) -> dict[str, object]:
    limits = (interval.estimate, interval.lower, interval.upper)
    return {name + end: limit for end, limit in zip(LIMITS, limits, strict=True)}


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
