"""Which features survive: by family and filter, under which designs, and in how large an ROI."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from rigoromics.stability.families import split_feature
from rigoromics.stability.measures import repeatability_table
from rigoromics.stability.table import FEWEST_PATIENTS, by_design, stability_table

SURVIVOR_COLUMNS = ["design", "image_type", "class", "judged", "survived", "share"]
OVERLAP_COLUMNS = ["stable_under", "features", "share"]
SIZE_COLUMNS = [
    "design",
    "size",
    "n",
    "volume_low",
    "volume_high",
    "class",
    "features",
    "icc",
    "within_cv",
]
SIZES = ("small", "medium", "large")
NONE = "none"


def survivors_table(stability: pd.DataFrame) -> pd.DataFrame:
    """Return how many features of each family and filter are stable under each design.

    Parameters
    ----------
    stability
        What :func:`rigoromics.stability.table.stability_table` returns.

    Returns
    -------
    pandas.DataFrame
        One row per design, image type and class: features `judged` and `survived`, and the
        `share` of these. A feature without a defined ICC was judged and did not survive.
    """
    grouped = _with_families(stability).groupby(["design", "image_type", "class"])["stable"]
    table = grouped.agg(judged="size", survived="sum").reset_index()
    return table.assign(share=table["survived"] / table["judged"])[SURVIVOR_COLUMNS]


def overlap_table(stability: pd.DataFrame) -> pd.DataFrame:
    """Return how many features are stable under exactly which designs.

    Parameters
    ----------
    stability
        What :func:`rigoromics.stability.table.stability_table` returns.

    Returns
    -------
    pandas.DataFrame
        One row for each combination of the designs there are, those stable under all of them
        first and under none last: `stable_under` (designs joined by `` + ``, or ``none``), number
        of `features`, `share` of all.
    """
    if stability.empty:
        return pd.DataFrame(columns=OVERLAP_COLUMNS)
    stable = stability.pivot_table(index="feature", columns="design", values="stable").astype(bool)
    rows = []
    for chosen in product((True, False), repeat=stable.shape[1]):
        named = [str(design) for design, yes in zip(stable.columns, chosen, strict=True) if yes]
        count = int((stable.to_numpy() == np.array(chosen)).all(axis=1).sum())
        rows.append((" + ".join(named) or NONE, count, count / len(stable)))
    # Stable: combinations of equal size stay in alphabetical order.
    rows.sort(key=lambda row: -row[0].count(" + ") if row[0] != NONE else 1)
    return pd.DataFrame(rows, columns=OVERLAP_COLUMNS)


def size_table(
    repeats: pd.DataFrame, settings: Mapping[str, Mapping[str, Any]], volume_feature: str
) -> pd.DataFrame:
    """Return how stable each family is in small, medium and large ROIs.

    Patients are cut into thirds by the mean volume of their repeats. Patients of one third are
    more alike than all patients, so their ICC is lower whatever the repeats do (restriction of
    range); the within-subject coefficient of variation does not know of other patients and can be
    compared between thirds.

    Parameters
    ----------
    repeats, settings
        As for :func:`rigoromics.stability.table.stability_table`.
    volume_feature
        The feature that stands for volume.

    Returns
    -------
    pandas.DataFrame
        One row per design, `size` and class: `n` patients, their least and largest volume,
        number of `features`, and the medians of `icc` and `within_cv`. No rows of a design
        with fewer than three patients per third, or of a feature whose ROI has no volume.
    """
    parts = [
        _sizes_of(rows, design, settings, place, features, volume)
        for design, rows, names in by_design(repeats)
        for place, features in _by_place(names).items()
        if (volume := f"{place}:{volume_feature}" if place else volume_feature) in names
    ]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=SIZE_COLUMNS)
    return _medians(pd.concat(parts, ignore_index=True))


def _sizes_of(
    rows: pd.DataFrame,
    design: str,
    settings: Mapping[str, Mapping[str, Any]],
    place: str,
    features: list[str],
    volume: str,
) -> pd.DataFrame:
    """Return each feature's ICC and CV in each third of the patients, by the volume of one ROI."""
    volumes = rows.groupby("patient")[volume].mean().dropna().sort_values(kind="stable")
    parts: list[pd.DataFrame] = []
    thirds = np.array_split(volumes.index.to_numpy(), len(SIZES))
    if min(len(third) for third in thirds) < FEWEST_PATIENTS:
        return pd.DataFrame()
    keys = ["patient", "design", "repeat"]
    for size, third in zip(SIZES, thirds, strict=True):
        own = rows[rows["patient"].isin(third)][[*keys, *features]]
        judged = stability_table(own, {design: dict(settings.get(design, {}))})
        cv = repeatability_table(own)["within_cv"]
        parts.append(
            judged[["feature", "design", "n", "icc"]].assign(
                within_cv=cv,
                size=size,
                place=place,
                volume_low=float(volumes[third].min()),
                volume_high=float(volumes[third].max()),
            )
        )
    return pd.concat(parts, ignore_index=True)


def _medians(table: pd.DataFrame) -> pd.DataFrame:
    """Return the medians of each family; several ROIs count as further features."""
    order = {size: place for place, size in enumerate(SIZES)}
    table = _with_families(table).assign(order=table["size"].map(order))
    grouped = table.groupby(["design", "order", "size", "class"])
    result = grouped.agg(
        n=("n", "max"),
        volume_low=("volume_low", "min"),
        volume_high=("volume_high", "max"),
        features=("feature", "size"),
        icc=("icc", "median"),
        within_cv=("within_cv", "median"),
    )
    return result.reset_index()[SIZE_COLUMNS]


def _by_place(features: list[str]) -> dict[str, list[str]]:
    """Return the features of each timepoint, scan and ROI, by what stands before their names."""
    found: dict[str, list[str]] = {}
    for feature in features:
        found.setdefault(feature.rpartition(":")[0], []).append(feature)
    return found


def _with_families(table: pd.DataFrame) -> pd.DataFrame:
    parts = [split_feature(str(feature)) for feature in table["feature"]]
    return table.assign(
        **{"image_type": [image for image, _ in parts], "class": [family for _, family in parts]}
    )
