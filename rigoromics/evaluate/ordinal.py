"""Everything that is measured on one cohort with an ordinal outcome.

References
----------
Harrell FE. Regression Modeling Strategies. Springer 2015, chapter 13 (concordance of ordered
outcomes, Somers' D).
Cohen J. Weighted kappa. Psychol Bull 1968;70:213.
Epstein ES. A scoring system for probability forecasts of ranked categories. J Appl Meteorol
1969;8:985.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from rigoromics.evaluate.calibration import calibration_groups, intercept_and_slope
from rigoromics.evaluate.concordance import (
    Pairs,
    concordance,
    concordance_difference,
    harrell_pairs,
)
from rigoromics.evaluate.discrimination import auc
from rigoromics.evaluate.estimate import (
    Comparison,
    Estimate,
    Floats,
    bootstrap_estimate,
    undefined,
    wilson,
)
from rigoromics.evaluate.group import Endpoint, Group, Measured, Settings


def ordered_pairs(y: Floats, name: str = "ordinal C") -> Pairs:
    """Return all pairs of different outcomes: those of Somers' D, as C = (D + 1) / 2.

    Parameters
    ----------
    y
        Levels or counts, shape (patients,).
    name
        What the statistic is called.
    """
    # Read as times, a higher level comes earlier; nobody is censored.
    return replace(harrell_pairs(-y, np.ones(y.size)), name=name)


def discriminate(group: Group, endpoint: Endpoint, settings: Settings) -> Estimate:
    """Return the share of pairs of different level that risks put in the right order."""
    return concordance(ordered_pairs(group.column("y")), group.column("risk"), settings.alpha)


def compare(a: Group, b: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Comparison:
    """Compare the ordinal C of two signatures on the same patients, in the same order."""
    pairs, counts = ordered_pairs(a.column("y")), a.counts(settings, seed)
    return concordance_difference(pairs, a.column("risk"), b.column("risk"), counts, settings.alpha)


def measure(group: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Measured:
    """Return all measures of a group with an ordinal outcome."""
    y, called = group.column("y"), group.column("cutoff_class")
    probability, alpha = class_probabilities(group, endpoint), settings.alpha
    counts = group.counts(settings, seed)
    many = len(endpoint.levels)
    metrics = {"ordinal_c": discriminate(group, endpoint, settings)}
    steps = threshold_measures(y, probability, endpoint, counts, alpha)
    metrics |= steps
    tables = confusion_samples(y, called, many, counts)
    whole = confusion(y, called, many)
    for name in ("linear", "quadratic"):
        samples = np.array([weighted_kappa(table, name) for table in tables])
        value = weighted_kappa(whole, name)
        metrics[f"kappa_{name}"] = (
            undefined("one level only")
            if np.isnan(value)
            else bootstrap_estimate(value, samples, f"Cohen's kappa, {name} weights", alpha)
        )
    off = np.abs(y - called)
    metrics["accuracy"] = wilson(int(np.sum(off == 0)), y.size, alpha)
    metrics["within_one_level"] = wilson(int(np.sum(off <= 1)), y.size, alpha)
    metrics["mean_levels_off"] = _mean(off, counts, "mean absolute difference of levels", alpha)
    metrics["ranked_probability"] = _mean(
        ranked_probability(y, probability), counts, "ranked probability score", alpha
    )
    empty = pd.DataFrame()
    details = pd.concat(
        [confusion_rows(whole, endpoint), _calibration_rows(y, probability, endpoint, alpha)],
        ignore_index=True,
    )
    return Measured(metrics, empty, empty, empty, empty, details=details)


def class_probabilities(group: Group, endpoint: Endpoint) -> Floats:
    """Return the predicted probability of each level or class, shape (patients, levels)."""
    return np.column_stack([group.column(f"probability_{k}") for k in range(len(endpoint.levels))])


def threshold_measures(
    y: Floats, probability: Floats, endpoint: Endpoint, counts: Floats, alpha: float
) -> dict[str, Estimate]:
    """Return AUC and calibration at each step of the scale, and the mean AUC over the steps.

    At a step, patients of this level and above are told from those below, by the probability
    of this level and above.
    """
    found: dict[str, Estimate] = {}
    shares, samples = [], []
    for k in range(1, len(endpoint.levels)):
        event, above = (y >= k).astype(float), probability[:, k:].sum(axis=1)
        level = endpoint.levels[k]
        own = auc(event, above, alpha)
        found[f"auc_from_{level}"] = own
        intercept, slope = intercept_and_slope(event, above, alpha)
        found[f"calibration_intercept_from_{level}"] = intercept
        found[f"calibration_slope_from_{level}"] = slope
        if np.isfinite(own.value):
            shares.append(own.value)
            samples.append(_auc_samples(event == 1, above, counts))
    mean = undefined("one level only")
    if shares:
        name = f"mean AUC over {len(shares)} steps"
        mean = bootstrap_estimate(float(np.mean(shares)), np.mean(samples, axis=0), name, alpha)
    return {"mean_threshold_auc": mean, **found}


def _auc_samples(event: np.ndarray, risk: Floats, counts: Floats) -> Floats:
    higher = (risk[event][:, None] > risk[~event]) + 0.5 * (risk[event][:, None] == risk[~event])
    one, other = counts[:, event], counts[:, ~event]
    agree = np.einsum("bi,bi->b", one, other @ higher.T)
    total = one.sum(axis=1) * other.sum(axis=1)
    return np.asarray(np.divide(agree, total, out=np.full_like(agree, np.nan), where=total > 0))


def confusion(y: Floats, called: Floats, many: int) -> Floats:
    """Return how many patients of each true level (rows) were given each level (columns)."""
    table = np.zeros((many, many))
    np.add.at(table, (y.astype(int), called.astype(int)), 1.0)
    return table


def confusion_samples(y: Floats, called: Floats, many: int, counts: Floats) -> Floats:
    """Return the table of each bootstrap sample, shape (samples, levels, levels)."""
    cell = (y.astype(int) * many + called.astype(int))[:, None] == np.arange(many * many)
    return np.asarray(counts @ cell.astype(float)).reshape(-1, many, many)


def weighted_kappa(table: Floats, weights: str) -> float:
    """Return Cohen's kappa weighted by the distance of levels.

    Parameters
    ----------
    table
        Patients by true and given level, shape (levels, levels).
    weights
        `linear` or `quadratic` in the number of levels between the two.

    Returns
    -------
    float
        1 for agreement, 0 for as much as chance gives; NaN where all patients are of one level
        and given it.
    """
    places = np.arange(len(table))
    distance = np.abs(places[:, None] - places).astype(float)
    cost = distance if weights == "linear" else distance**2
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    chance = float((cost * expected).sum())
    return 1.0 - float((cost * table).sum()) / chance if chance > 0 else float("nan")


def ranked_probability(y: Floats, probability: Floats) -> Floats:
    """Return each patient's ranked probability score: 0 is perfect, 1 the worst.

    The mean over steps of the squared error of the cumulative probability: a Brier score per
    step of the scale.
    """
    steps = np.arange(1, probability.shape[1])
    above = np.cumsum(probability[:, ::-1], axis=1)[:, ::-1][:, 1:]
    return np.asarray(np.mean((above - (y[:, None] >= steps)) ** 2, axis=1))


def confusion_rows(table: Floats, endpoint: Endpoint) -> pd.DataFrame:
    """Return a table of true and given levels as rows of the details table."""
    rows = [
        {"table": "confusion", "series": level, "x": column, "value": value}
        for level, line in zip(endpoint.levels, table, strict=True)
        for column, value in enumerate(line)
    ]
    return pd.DataFrame(rows).assign(lower=np.nan, upper=np.nan)


def calibration_rows(event: Floats, probability: Floats, name: str, alpha: float) -> pd.DataFrame:
    """Return observed shares by groups of predicted probability as rows of the details table."""
    points = calibration_groups(event, probability, alpha)
    rows = {"x": points["predicted"], "value": points["observed"]}
    return pd.DataFrame(
        {"table": "calibration", "series": name, **rows}
        | {"lower": points["lower"], "upper": points["upper"]}
    )


def _calibration_rows(
    y: Floats, probability: Floats, endpoint: Endpoint, alpha: float
) -> pd.DataFrame:
    parts = []
    for k in range(1, len(endpoint.levels)):
        event = (y >= k).astype(float)
        if 0 < event.sum() < event.size:
            name, above = f"{endpoint.levels[k]} and above", probability[:, k:].sum(axis=1)
            parts.append(calibration_rows(event, above, name, alpha))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _mean(values: Floats, counts: Floats, name: str, alpha: float) -> Estimate:
    samples = counts @ values / counts.sum(axis=1)
    return bootstrap_estimate(float(values.mean()), samples, name, alpha)
