"""All validation tables of one endpoint of a study, from the table of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from types import ModuleType

import numpy as np
import pandas as pd

from rigoromics.evaluate import binary, counts, incidence, multiclass, ordinal, timed
from rigoromics.evaluate.added import added_value
from rigoromics.evaluate.centres import pooled_discrimination
from rigoromics.evaluate.estimate import Comparison, Estimate
from rigoromics.evaluate.group import (
    EXTERNAL,
    KEY,
    Endpoint,
    Group,
    Measured,
    Settings,
    check_direction,
    check_predictions,
    groups,
    same_patients,
)
from rigoromics.evaluate.multiplicity import holm
from rigoromics.evaluate.operating import at_sensitivity
from rigoromics.evaluate.over_time import auc_over_time_table
from rigoromics.evaluate.recalibration import recalibration
from rigoromics.evaluate.subgroups import subgroups

CONTROLS = ("volume", "shuffled", "clinical")
METRICS = ["endpoint", *KEY, "metric", "estimate", "lower", "upper", "method", "n", "events"]
COMPARISONS = [
    *["endpoint", "cohort", "split", "policy", "a", "b", "metric", "difference", "lower", "upper"],
    *["statistic", "p", "p_adjusted", "method", "n", "events"],
]
ROC = [*KEY, "fpr", "tpr", "threshold"]
CALIBRATION = [*KEY, "predicted", "observed", "lower", "upper", "kind"]
DECISION = [*KEY, "threshold", "net_benefit", "treat_all", "lower", "upper"]
KAPLAN_MEIER = [*KEY, "group", "time", "survival", "lower", "upper", "at_risk"]
PRECISION_RECALL = [*KEY, "recall", "precision", "threshold"]
CENTRES = [
    *["signature", "model", "centre", "metric", "estimate", "lower", "upper", "n", "events"],
    *["split", "policy", "method"],
]
DETAILS = [*KEY, "table", "series", "x", "value", "lower", "upper"]
MODULES = {
    "binary": binary,
    "ordinal": ordinal,
    "multiclass": multiclass,
    "count": counts,
    "survival": timed,
    "competing": incidence,
}
POOL, PREDICTION = "random-effects pool", "prediction interval"


@dataclass(frozen=True)
class Tables:
    """The validation tables, columns as the constants above name them."""

    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    roc: pd.DataFrame
    calibration: pd.DataFrame
    decision: pd.DataFrame
    kaplan_meier: pd.DataFrame
    centres: pd.DataFrame
    reclassification: pd.DataFrame
    recalibration: pd.DataFrame
    precision_recall: pd.DataFrame
    auc_over_time: pd.DataFrame
    subgroups: pd.DataFrame
    details: pd.DataFrame


def evaluate(
    predictions: pd.DataFrame,
    endpoint: Endpoint,
    primary: Mapping[str, str],
    settings: Settings,
    seed: int,
    people: pd.DataFrame | None = None,
) -> Tables:
    """Judge every signature on every cohort, and compare what the study asks about.

    Parameters
    ----------
    predictions
        One row per patient, signature, model and policy: patient, cohort, centre, split
        (``development_cv`` or ``external``), signature, model, policy, risk (higher is worse),
        probability (of the event; for survival of being free of it at the horizon), cutoff_class
        (0, 1), and ``y`` or ``time`` and ``event``. Levels and classes have ``probability_0`` and
        so on and their code as cutoff_class, counts ``expected``, competing events ``cause``.
        Survival curves are ``survival_01`` and so on, at equal steps of which the last is the
        horizon.
    primary
        Keys ``signature``, ``model``, ``policy``: what the study is about.
    people
        Variables of the subgroups, index the patient.

    Raises
    ------
    DataError
        As :func:`~rigoromics.evaluate.group.check_predictions` and
        :func:`~rigoromics.evaluate.group.check_direction`.
    """
    table = check_predictions(predictions, endpoint)
    module = MODULES[endpoint.kind]
    everything = list(groups(table))
    measured = []
    for group in everything:
        check_direction(group, endpoint)
        measured.append(module.measure(group, endpoint, settings, seed))
    extra = at_sensitivity(everything, endpoint, settings)
    measured = [
        replace(result, metrics=result.metrics | more)
        for result, more in zip(measured, extra, strict=True)
    ]
    known = pd.DataFrame() if people is None else people
    # One probability of one event is what can be reclassified or recalibrated.
    one = everything if endpoint.kind in ("binary", "survival") else []
    asked = (one, endpoint, primary, settings, seed)
    return Tables(
        metrics=_metrics(everything, measured, endpoint),
        comparisons=_comparisons(everything, module, endpoint, primary, settings, seed),
        roc=_stack(everything, measured, "roc", ROC),
        calibration=_stack(everything, measured, "calibration", CALIBRATION),
        decision=_stack(everything, measured, "decision", DECISION),
        kaplan_meier=_stack(everything, measured, "kaplan_meier", KAPLAN_MEIER),
        centres=_centres(table, module, endpoint, settings),
        reclassification=added_value(*asked),
        recalibration=recalibration(*asked),
        precision_recall=_stack(everything, measured, "precision_recall", PRECISION_RECALL),
        auc_over_time=auc_over_time_table(one, endpoint, primary, settings),
        subgroups=subgroups(one, known, module, *asked[1:]),
        details=_stack(everything, measured, "details", DETAILS),
    )


def _metrics(everything: list[Group], measured: list[Measured], endpoint: Endpoint) -> pd.DataFrame:
    rows = []
    for group, result in zip(everything, measured, strict=True):
        size = {"n": len(group.table), "events": group.events(endpoint)}
        for metric, estimate in result.metrics.items():
            row = {"endpoint": endpoint.name, **group.key, "metric": metric, **size}
            rows.append({**row, **_columns(estimate)})
    return pd.DataFrame(rows, columns=METRICS)


def _columns(estimate: Estimate) -> dict[str, float | str]:
    return {
        "estimate": estimate.value,
        "lower": estimate.lower,
        "upper": estimate.upper,
        "method": estimate.method,
    }


def _stack(
    everything: list[Group], measured: list[Measured], name: str, columns: list[str]
) -> pd.DataFrame:
    parts = []
    for group, result in zip(everything, measured, strict=True):
        part: pd.DataFrame = getattr(result, name)
        if len(part):
            parts.append(part.assign(**group.key)[columns])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def questions(primary: str) -> list[tuple[str, str]]:
    """Return the pairs of signatures that a study compares: one family of tests per cohort."""
    pairs = [(primary, control) for control in CONTROLS]
    pairs += [("combined", "clinical"), ("combined", "radiomics")]
    pairs += [(primary, "deep"), ("deep_stacked", "deep"), ("deep_stacked", "radiomics")]
    return list(dict.fromkeys((a, b) for a, b in pairs if a != b))


def _comparisons(
    everything: list[Group],
    module: ModuleType,
    endpoint: Endpoint,
    primary: Mapping[str, str],
    settings: Settings,
    seed: int,
) -> pd.DataFrame:
    rows = []

    def place(group: Group) -> tuple[str, ...]:
        return tuple(group.key[name] for name in ("split", "cohort", "policy", "model"))

    for _, members in groupby(sorted(everything, key=place), key=place):
        by_name = {group.key["signature"]: group for group in members}
        family = []
        for a, b in questions(primary["signature"]):
            if a in by_name and b in by_name:
                one, other = same_patients(by_name[a], by_name[b])
                found = module.compare(one, other, endpoint, settings, seed)
                row = _comparison_row(one, other, found, endpoint, endpoint.discrimination)
                family.append(row)
        adjusted = holm([float(row["p"]) for row in family])
        rows += [{**r, "p_adjusted": p} for r, p in zip(family, adjusted, strict=True)]
        if endpoint.timed:
            rows += [
                {**_risk_group_row(group, endpoint, settings), "p_adjusted": np.nan}
                for group in by_name.values()
            ]
    return pd.DataFrame(rows, columns=COMPARISONS)


def _comparison_row(
    a: Group, b: Group, found: Comparison, endpoint: Endpoint, metric: str
) -> dict[str, float | str]:
    return {
        "endpoint": endpoint.name,
        **{name: a.key[name] for name in ("cohort", "split", "policy")},
        "a": f"{a.key['signature']}.{a.key['model']}",
        "b": f"{b.key['signature']}.{b.key['model']}",
        "metric": metric,
        **{
            name: getattr(found, name)
            for name in ("difference", "lower", "upper", "statistic", "p", "method")
        },
        "n": len(a.table),
        "events": a.events(endpoint),
    }


def _risk_group_row(group: Group, endpoint: Endpoint, settings: Settings) -> dict[str, float | str]:
    """Return the log-rank test of the risk groups; a description, in no family of tests."""
    found = timed.compare_risk_groups(group, settings)
    row = _comparison_row(group, group, found, endpoint, "log_rank")
    return {**row, "a": f"{row['a']}:high", "b": f"{row['b']}:low"}


def _centres(
    table: pd.DataFrame, module: ModuleType, endpoint: Endpoint, settings: Settings
) -> pd.DataFrame:
    """Return discrimination at every centre and, outside, the pool over centres."""
    rows = []
    keys = ["signature", "model", "split", "policy"]
    for values, part in table.groupby(keys, sort=True):
        key = dict(zip(keys, map(str, values), strict=True))
        found: list[Estimate] = []
        size = np.zeros(2, dtype=int)
        for centre, patients in part.groupby("centre", sort=True):
            group = Group({**key, "cohort": ""}, patients)
            estimate = module.discriminate(group, endpoint, settings)
            own = np.array([len(patients), group.events(endpoint)])
            found.append(estimate)
            size += own
            rows.append(_centre_row(key, str(centre), estimate, own, endpoint))
        pool = pooled_discrimination(found, settings.alpha) if key["split"] == EXTERNAL else None
        if pool is not None:
            for name, estimate in zip((POOL, PREDICTION), pool, strict=True):
                rows.append(_centre_row(key, name, estimate, size, endpoint))
    return pd.DataFrame(rows, columns=CENTRES)


def _centre_row(
    key: dict[str, str],
    centre: str,
    estimate: Estimate,
    size: np.ndarray,
    endpoint: Endpoint,
) -> dict[str, float | str]:
    row = {**key, "centre": centre, "metric": endpoint.discrimination}
    return {**row, **_columns(estimate), "n": int(size[0]), "events": int(size[1])}
