"""How well the primary signature does in subgroups of patients.

Subgroups are named before anything is fitted. An interval that covers chance in a small subgroup
says that it is small; whether subgroups differ is what the test of heterogeneity asks.

References
----------
Cochran WG. The combination of estimates from different experiments. Biometrics 1954;10:101.
Wang R et al. Statistics in medicine: reporting of subgroup analyses in clinical trials.
N Engl J Med 2007;357:2189.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.special import logit
from scipy.stats import chi2

from rigoromics.evaluate.calibration import intercept_and_slope
from rigoromics.evaluate.classification import classification
from rigoromics.evaluate.estimate import Estimate, undefined, z_quantile
from rigoromics.evaluate.group import (
    DEVELOPMENT,
    KEY,
    Endpoint,
    Group,
    Settings,
    pooled_groups,
)
from rigoromics.evaluate.horizon import observed_expected
from rigoromics.evaluate.multiplicity import holm

SUBGROUPS = [
    *["endpoint", *KEY, "variable", "level", "metric", "estimate", "lower", "upper", "method"],
    *["n", "events", "p", "p_adjusted"],
]
HETEROGENEITY = "heterogeneity"
UNKNOWN = "not known"
FEWEST = 5
_MOST_LEVELS = 5


def levels(values: pd.Series[Any], development: pd.Series[Any]) -> pd.Series[str]:
    """Return the subgroup of each patient by one variable; `UNKNOWN` where it is missing.

    A number of more than five values is split at its median in development.
    """
    text = values.astype("string")
    if is_numeric_dtype(values) and not is_bool_dtype(values):
        text = values.map(lambda value: f"{value:g}", na_action="ignore").astype("string")
        if development.nunique() > _MOST_LEVELS:
            middle = float(development.median())
            split = values.le(middle).map({True: f"to {middle:.4g}", False: f"above {middle:.4g}"})
            text = split.astype("string").where(values.notna())
    return text.fillna(UNKNOWN).astype(str)


def subgroups(
    everything: list[Group],
    people: pd.DataFrame,
    module: ModuleType,
    endpoint: Endpoint,
    primary: Mapping[str, str],
    settings: Settings,
    seed: int,
) -> pd.DataFrame:
    """Return the primary signature's performance by subgroup, over all patients of each split.

    Parameters
    ----------
    people
        One column per variable, index the patient; those without a row are `UNKNOWN`.

    Returns
    -------
    DataFrame
        Columns `SUBGROUPS`. The row of the level `HETEROGENEITY` holds Cochran's Q of the
        discrimination of all levels that have one, its p, and that corrected by Holm over the
        variables of a cohort.
    """
    rows: list[dict[str, Any]] = []
    own = [g for g in everything if all(g.key[k] == primary[k] for k in ("signature", "model"))]
    learned = people.loc[people.index.intersection(_patients(own, DEVELOPMENT))]
    for group in pooled_groups(own):
        start = len(rows)
        for variable in people.columns:
            place = levels(people[variable], learned[variable])
            member = group.table["patient"].map(place).fillna(UNKNOWN)
            rows += _by_level(group, member, str(variable), module, endpoint, settings, seed)
        tests = [row for row in rows[start:] if row["level"] == HETEROGENEITY]
        adjusted = holm([row["p"] for row in tests])
        for row, p in zip(tests, adjusted, strict=True):
            row["p_adjusted"] = p
    return pd.DataFrame(rows, columns=SUBGROUPS)


def _patients(everything: list[Group], split: str) -> list[str]:
    parts = [g.table["patient"] for g in everything if g.key["split"] == split]
    return sorted(set(pd.concat(parts))) if parts else []


def _by_level(
    group: Group,
    member: pd.Series[str],
    variable: str,
    module: ModuleType,
    endpoint: Endpoint,
    settings: Settings,
    seed: int,
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    judged = []
    where = {"endpoint": endpoint.name, **group.key, "variable": variable}
    names = sorted(set(member) - {UNKNOWN}) + ([UNKNOWN] if (member == UNKNOWN).any() else [])
    for level in names:
        part = Group(group.key, group.table[member == level].reset_index(drop=True))
        found = _measured(part, module, endpoint, settings, seed)
        if level != UNKNOWN:
            judged.append(found[endpoint.discrimination])
        size = {"n": len(part.table), "events": part.events(endpoint)}
        rows += [
            _row({**where, "level": level, "metric": metric, **size}, one)
            for metric, one in found.items()
        ]
    statistic, p, method = heterogeneity(judged, settings.alpha)
    size = {"n": len(group.table), "events": group.events(endpoint)}
    tested = Estimate(statistic, math.nan, math.nan, method)
    key = {**where, "level": HETEROGENEITY, "metric": endpoint.discrimination, **size}
    return [*rows, {**_row(key, tested), "p": p}]


def _row(key: dict[str, Any], found: Estimate) -> dict[str, Any]:
    return {
        **key,
        "estimate": found.value,
        "lower": found.lower,
        "upper": found.upper,
        "method": found.method,
        "p": math.nan,
        "p_adjusted": math.nan,
    }


def _measured(
    part: Group, module: ModuleType, endpoint: Endpoint, settings: Settings, seed: int
) -> dict[str, Estimate]:
    events, size = part.events(endpoint), len(part.table)
    if endpoint.timed:
        names = [endpoint.discrimination, "observed_expected"]
        few = f"{events} events, fewer than {FEWEST}" if events < FEWEST else ""
    else:
        names = [endpoint.discrimination, "sensitivity", "specificity", "calibration_intercept"]
        few = (
            f"{events} with and {size - events} without the event, fewer than {FEWEST}"
            if min(events, size - events) < FEWEST
            else ""
        )
    if few:
        return dict.fromkeys(names, undefined(few))
    alpha = settings.alpha
    found = {endpoint.discrimination: module.discriminate(part, endpoint, settings)}
    probability = part.event_probability(endpoint)
    if endpoint.timed:
        found["observed_expected"] = undefined("the endpoint has no horizon")
        if endpoint.horizon is not None:
            time, event, counts = part.column("time"), part.column("event"), part.counts
            found["observed_expected"] = observed_expected(
                time, event, probability, endpoint.horizon, counts(settings, seed), alpha
            )
        return found
    called = classification(part.column("y"), part.column("cutoff_class"), alpha)
    found |= {name: called[name] for name in ("sensitivity", "specificity")}
    found["calibration_intercept"] = intercept_and_slope(part.column("y"), probability, alpha)[0]
    return found


def heterogeneity(estimates: list[Estimate], alpha: float = 0.05) -> tuple[float, float, str]:
    """Return Cochran's Q of independent AUCs or C-indices on the log-odds, its p, and its name.

    Parameters
    ----------
    estimates
        With intervals that are symmetric on the log-odds scale; those without are left out.
    """
    usable = [e for e in estimates if 0.0 < e.lower < e.value < e.upper < 1.0]
    if len(usable) < 2:
        return math.nan, math.nan, "not estimable: fewer than two levels have an estimate"
    table = logit(np.array([[e.value, e.lower, e.upper] for e in usable]))
    weights = (2.0 * z_quantile(alpha) / (table[:, 2] - table[:, 1])) ** 2
    mean = float(weights @ table[:, 0] / weights.sum())
    statistic = float(weights @ (table[:, 0] - mean) ** 2)
    freedom = len(usable) - 1
    name = f"Cochran's Q of {len(usable)} levels on the log-odds, {freedom} degrees of freedom"
    return statistic, float(chi2.sf(statistic, freedom)), name
