"""The predictions of one signature for one cohort: what every measure is computed from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from rigoromics.errors import DataError
from rigoromics.evaluate.estimate import Estimate, Floats, bootstrap_counts
from rigoromics.seeds import derive_seed

KEY = ["signature", "model", "cohort", "split", "policy"]
ALL_EXTERNAL = "all external"
ALL_DEVELOPMENT = "all development"
DEVELOPMENT = "development_cv"
EXTERNAL = "external"
CURVE = re.compile(r"survival_\d+")
# How well patients are told apart, by type of endpoint; one half is chance in all.
METRICS = {
    "binary": "auc",
    "ordinal": "ordinal_c",
    "multiclass": "m_auc",
    "count": "count_c",
    "survival": "c_index",
}


@dataclass(frozen=True)
class Endpoint:
    """What is predicted: ``type`` is a key of ``METRICS``; ``horizon`` for survival.

    ``label`` is what sentences call it; without one, the name. ``levels`` are the names of ordinal
    levels or of classes, ``competing`` the codes of competing events.
    """

    name: str
    type: str
    horizon: float | None = None
    label: str = ""
    levels: tuple[str, ...] = ()
    competing: tuple[int, ...] = ()

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Endpoint:
        """Return the endpoint that a study config describes, with its ``name``."""
        return cls(
            str(plain["name"]),
            str(plain["type"]),
            plain.get("horizon"),
            str(plain.get("label", "")),
            tuple(map(str, plain.get("levels") or ())),
            tuple(plain.get("competing") or ()),
        )

    @property
    def kind(self) -> str:
        """Which measures fit it: its type, or ``competing``."""
        return "competing" if self.competing else self.type

    @property
    def counted(self) -> str:
        """What the column ``events`` holds, in words."""
        if self.levels:
            return "in the smallest class"
        return "counted" if self.type == "count" else "events"

    @property
    def words(self) -> str:
        """What sentences call it."""
        return self.label or self.name.replace("_", " ")

    @property
    def timed(self) -> bool:
        """Whether it is the time to an event."""
        return self.type == "survival"

    @property
    def discrimination(self) -> str:
        """The metric that says how well patients are told apart."""
        return METRICS[self.type]

    @property
    def outcome(self) -> list[str]:
        """Its columns in the table of predictions."""
        if self.timed:
            return ["time", *(["cause"] if self.competing else []), "event"]
        return ["y"]


@dataclass(frozen=True)
class Settings:
    """Number of bootstrap samples, one minus the coverage, thresholds of decision curves.

    ``risk_categories`` are the rising probabilities that categorical reclassification cuts at;
    ``sensitivity`` is what a second cut-off must reach in development.
    """

    bootstrap: int = 1000
    alpha: float = 0.05
    thresholds: Sequence[float] = field(
        default_factory=lambda: [round(0.05 * step, 2) for step in range(1, 13)]
    )
    risk_categories: Sequence[float] = ()
    sensitivity: float = 0.9


@dataclass(frozen=True)
class Group:
    """Predictions of one signature, model, cohort, split and policy; one row per patient."""

    key: dict[str, str]
    table: pd.DataFrame

    def column(self, name: str) -> Floats:
        """Return a column as floats; missing all over where there is none."""
        if name not in self.table.columns:
            return np.full(len(self.table), np.nan)
        return self.table[name].to_numpy(dtype=np.float64)

    def event_probability(self, endpoint: Endpoint) -> Floats:
        """Return the predicted probability of the event (by the horizon).

        For survival the predictions hold the probability of surviving to the horizon.
        """
        probability = self.column("probability")
        return 1.0 - probability if endpoint.timed else probability

    def curves(self) -> Floats | None:
        """Return predicted survival at equal steps to the horizon, (patients, steps), or None.

        The number of columns ``survival_01`` and so on is that of the steps.
        """
        names = sorted(name for name in map(str, self.table) if CURVE.fullmatch(name))
        return self.table[names].to_numpy(dtype=np.float64) if names else None

    def events(self, endpoint: Endpoint) -> int:
        """Return the number of patients with the event, or of counts or the smallest class."""
        values = self.column(endpoint.outcome[-1])
        if endpoint.levels:
            return int(np.bincount(values.astype(int), minlength=len(endpoint.levels)).min())
        return int(values.sum())

    def counts(self, settings: Settings, seed: int) -> Floats:
        """Return this cohort's bootstrap samples of patients, shape (samples, patients).

        The same for all signatures, so that they are compared on the same samples; patients of
        each cohort are drawn to its size.
        """
        place = [self.key["cohort"], self.key["split"]]
        rng = np.random.default_rng(derive_seed(seed, "bootstrap", *place))
        return bootstrap_counts(self.table["cohort"].to_numpy(), settings.bootstrap, rng)


@dataclass(frozen=True)
class Measured:
    """All that is measured on one group: estimates by metric, and the tables behind figures."""

    metrics: dict[str, Estimate]
    roc: pd.DataFrame
    calibration: pd.DataFrame
    decision: pd.DataFrame
    kaplan_meier: pd.DataFrame
    precision_recall: pd.DataFrame = field(default_factory=pd.DataFrame)
    details: pd.DataFrame = field(default_factory=pd.DataFrame)


def check_predictions(predictions: pd.DataFrame, endpoint: Endpoint) -> pd.DataFrame:
    """Return the predictions that can be judged, sorted.

    Patients whose outcome or risk is missing are left out; the number judged is in every row.

    Raises
    ------
    DataError
        If a column is missing, a patient is judged twice by one signature, or survival
        probabilities rise with risk.
    """
    if endpoint.type not in METRICS:
        raise DataError(
            f"endpoint {endpoint.name!r} is of the type {endpoint.type!r}, which cannot be judged",
            f"use one of the types {', '.join(METRICS)}",
        )
    if endpoint.type in ("ordinal", "multiclass") and not endpoint.levels:
        raise DataError(
            f"endpoint {endpoint.name!r} is of the type {endpoint.type!r} and has no levels",
            "list them under `levels`",
        )
    needed = ["patient", "centre", *KEY, "risk", *endpoint.outcome]
    needed += [f"probability_{k}" for k in range(len(endpoint.levels))]
    missing = [name for name in needed if name not in predictions.columns]
    if missing:
        raise DataError(
            f"the predictions lack the columns {', '.join(missing)}",
            "make them with the step that applies the locked signatures",
        )
    table: pd.DataFrame = predictions.copy()
    names = ["patient", "centre", *KEY]
    table[names] = table[names].astype(str)
    judged = np.isfinite(table["risk"].to_numpy(dtype=np.float64))
    judged &= table[endpoint.outcome].notna().all(axis=1).to_numpy()
    table = table.loc[judged].sort_values([*KEY, "patient"], ignore_index=True)
    twice = table[table.duplicated(["signature", "model", "split", "policy", "patient"])]
    if len(twice):
        row = twice.iloc[0]
        raise DataError(
            f"patient {row['patient']} is judged twice by {row['signature']}.{row['model']}"
            f" ({row['split']})",
            "keep each patient in one cohort and one row: average repeated predictions first",
        )
    _check_splits(table)
    return table


def _check_splits(table: pd.DataFrame) -> None:
    development = set(table.loc[table["split"] == DEVELOPMENT, "patient"])
    both = sorted(development & set(table.loc[table["split"] == EXTERNAL, "patient"]))
    if both:
        raise DataError(
            f"patient {both[0]} is in the development and in an external cohort",
            "give each patient one cohort in the case sheet",
        )


def groups(table: pd.DataFrame) -> Iterator[Group]:
    """Yield every signature, model, cohort, split and policy, pooled cohorts last.

    The external cohorts are pooled always, so that a study reads the same with one or several;
    those of the development where there are several.
    """
    keys = ["signature", "model", "split", "policy"]
    for values, part in table.groupby(keys, sort=True):
        key = dict(zip(keys, map(str, values), strict=True))
        cohorts = sorted(part["cohort"].unique())
        for cohort in cohorts:
            rows = part[part["cohort"] == cohort].sort_values("patient", ignore_index=True)
            yield Group({**key, "cohort": cohort}, rows)
        pooled = part.sort_values("patient", ignore_index=True)
        if key["split"] == EXTERNAL:
            yield Group({**key, "cohort": ALL_EXTERNAL}, pooled)
        elif len(cohorts) > 1:
            yield Group({**key, "cohort": ALL_DEVELOPMENT}, pooled)


def pooled_groups(everything: Sequence[Group]) -> list[Group]:
    """Return of :func:`groups` those that hold all patients of their split."""
    several = any(group.key["cohort"] == ALL_DEVELOPMENT for group in everything)
    return [
        group
        for group in everything
        if group.key["cohort"] in (ALL_EXTERNAL, ALL_DEVELOPMENT)
        or (group.key["split"] == DEVELOPMENT and not several)
    ]


def same_patients(a: Group, b: Group) -> tuple[Group, Group]:
    """Return two groups with the patients that both have, in the same order."""
    both = np.intersect1d(a.table["patient"], b.table["patient"])
    one, other = (
        Group(g.key, g.table[g.table["patient"].isin(both)].reset_index(drop=True)) for g in (a, b)
    )
    return one, other


def check_direction(group: Group, endpoint: Endpoint) -> None:
    """Refuse predictions whose risk and event probability run against each other.

    Raises
    ------
    DataError
        For external cohorts, where one locked signature gives both.
    """
    risk, probability = group.column("risk"), group.event_probability(endpoint)
    if group.key["split"] != EXTERNAL or risk.size < 10 or not np.isfinite(probability).all():
        return
    if np.ptp(risk) == 0.0 or np.ptp(probability) == 0.0:
        return
    if spearmanr(risk, probability).statistic < -0.5:
        what = "survival probability rises" if endpoint.timed else "probability falls"
        raise DataError(
            f"the {what} with the risk of {group.key['signature']}.{group.key['model']}",
            "store higher risks for worse outcomes, and for survival endpoints the probability of"
            " being free of the event at the horizon",
        )
