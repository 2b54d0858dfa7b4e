"""Everything that is measured on one cohort with an outcome of several classes.

References
----------
Hand DJ, Till RJ. A simple generalisation of the area under the ROC curve for multiple class
classification problems. Mach Learn 2001;45:171 (M).
DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837 (variance of the AUCs in M).
Brier GW. Verification of forecasts expressed in terms of probability. Mon Weather Rev 1950;78:1.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from rigoromics.evaluate.calibration import intercept_and_slope
from rigoromics.evaluate.classification import classification
from rigoromics.evaluate.discrimination import auc, placements
from rigoromics.evaluate.estimate import (
    Comparison,
    Estimate,
    Floats,
    bootstrap_estimate,
    interval_of_proportion,
    no_comparison,
    two_sided_p,
    undefined,
    wilson,
    z_quantile,
)
from rigoromics.evaluate.group import Endpoint, Group, Measured, Settings
from rigoromics.evaluate.ordinal import (
    calibration_rows,
    class_probabilities,
    confusion,
    confusion_rows,
    confusion_samples,
)

_ZERO_VARIANCE = 1e-14


def hand_till(y: Floats, probability: Floats) -> tuple[float, Floats]:
    """Return Hand and Till's M, and each patient's influence on it.

    Parameters
    ----------
    y
        Classes, coded from 0.
    probability
        Predicted probability of each class, shape (patients, classes).

    Returns
    -------
    float, array of shape (patients,)
        The mean over pairs of classes of how well the probability of either tells the two
        apart (0.5: chance); NaN with one class only. The squares of the influences add up to
        its variance, which for two classes is DeLong's.
    """
    there = np.unique(y).astype(int)
    pairs = [(i, j) for i in there for j in there if i != j]
    influence = np.zeros(y.size)
    shares = []
    for i, j in pairs:
        rows = np.flatnonzero((y == i) | (y == j))
        own = y[rows] == i
        among, others = placements(own, probability[rows, i])
        shares.append(float(among.mean()))
        for part, members in ((among, rows[own]), (others, rows[~own])):
            size = members.size
            # With n - 1 in the variance, as DeLong has it; one patient alone shows none.
            scale = math.sqrt(1 / (size * (size - 1))) if size > 1 else math.nan
            influence[members] += (part - part.mean()) * scale / len(pairs)
    return (float(np.mean(shares)) if shares else math.nan), influence


def discriminate(group: Group, endpoint: Endpoint, settings: Settings) -> Estimate:
    """Return M of a group."""
    value, influence = hand_till(group.column("y"), class_probabilities(group, endpoint))
    if math.isnan(value):
        return undefined(f"one class only among {influence.size} patients")
    variance = float(influence @ influence)
    if not variance > _ZERO_VARIANCE or not 0.0 < value < 1.0:
        why = "no interval: zero variance, or a class of one patient"
        return Estimate(value, math.nan, math.nan, f"Hand and Till's M; {why}")
    lower, upper = interval_of_proportion(value, math.sqrt(variance), settings.alpha)
    return Estimate(value, lower, upper, "Hand and Till's M; DeLong interval (logit)")


def compare(a: Group, b: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Comparison:
    """Compare M of two signatures on the same patients, in the same order."""
    y = a.column("y")
    (one, first), (other, second) = (
        hand_till(y, class_probabilities(group, endpoint)) for group in (a, b)
    )
    difference, step = one - other, first - second
    variance = float(step @ step)
    if math.isnan(variance) or math.isnan(difference):
        return no_comparison("a class of fewer than two patients", difference)
    if variance <= _ZERO_VARIANCE:
        if abs(difference) < 1e-12:
            return Comparison(0.0, 0.0, 0.0, 0.0, 1.0, "Hand and Till's M (the same rankings)")
        return no_comparison("the variance of the difference is zero", difference)
    error = math.sqrt(variance)
    half, z = z_quantile(settings.alpha) * error, difference / error
    method = "difference in Hand and Till's M; DeLong test, paired"
    return Comparison(difference, difference - half, difference + half, z, two_sided_p(z), method)


def measure(group: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Measured:
    """Return all measures of a group with several classes."""
    y, called = group.column("y"), group.column("cutoff_class")
    probability, alpha = class_probabilities(group, endpoint), settings.alpha
    counts, many = group.counts(settings, seed), len(endpoint.levels)
    metrics = {"m_auc": discriminate(group, endpoint, settings)}
    table, tables = confusion(y, called, many), confusion_samples(y, called, many, counts)
    metrics["accuracy"] = wilson(int(np.trace(table)), y.size, alpha)
    there = table.sum(axis=1) > 0
    for name, how in (("sensitivity", _sensitivities), ("specificity", _specificities)):
        value, samples = how(table[None])[0, there], how(tables)[:, there]
        metrics[f"macro_{name}"] = bootstrap_estimate(
            float(value.mean()), samples.mean(axis=1), f"mean {name} over classes", alpha
        )
    score, scaled = multiclass_brier(y, probability, counts, alpha)
    metrics |= {"brier_classes": score, "scaled_brier": scaled}
    rows = [confusion_rows(table, endpoint)]
    for k, level in enumerate(endpoint.levels):
        event, own = (y == k).astype(float), probability[:, k]
        metrics[f"auc_of_{level}"] = auc(event, own, alpha)
        called_it = classification(event, (called == k).astype(float), alpha)
        metrics |= {f"{m}_of_{level}": called_it[m] for m in ("sensitivity", "specificity")}
        metrics[f"calibration_slope_of_{level}"] = intercept_and_slope(event, own, alpha)[1]
        if 0 < event.sum() < event.size:
            rows.append(calibration_rows(event, own, level, alpha))
    empty = pd.DataFrame()
    details = pd.concat(rows, ignore_index=True)
    return Measured(metrics, empty, empty, empty, empty, details=details)


def multiclass_brier(
    y: Floats, probability: Floats, counts: Floats, alpha: float
) -> tuple[Estimate, Estimate]:
    """Return Brier's score over all classes (0 perfect, 2 worst), and its scaled form.

    The scaled form is one minus the ratio to the score of the classes' own shares here.
    """
    truth = (y[:, None] == np.arange(probability.shape[1])).astype(float)
    squared = np.sum((probability - truth) ** 2, axis=1)
    shares = counts @ truth / counts.sum(axis=1, keepdims=True)
    samples, chance = counts @ squared / counts.sum(axis=1), 1.0 - np.sum(shares**2, axis=1)
    whole = 1.0 - float(np.sum(truth.mean(axis=0) ** 2))
    ratio = np.divide(samples, chance, out=np.full_like(samples, np.nan), where=chance > 1e-12)
    value = float(squared.mean())
    return (
        bootstrap_estimate(value, samples, "Brier score over all classes", alpha),
        bootstrap_estimate(1.0 - value / whole, 1.0 - ratio, "scaled Brier", alpha)
        if whole > 1e-12
        else undefined("one class only"),
    )


def _sensitivities(tables: Floats) -> Floats:
    hits, own = np.einsum("bkk->bk", tables), tables.sum(axis=2)
    return np.asarray(np.divide(hits, own, out=np.full_like(own, np.nan), where=own > 0))


def _specificities(tables: Floats) -> Floats:
    others = tables.sum(axis=(1, 2))[:, None] - tables.sum(axis=2)
    wrong = tables.sum(axis=1) - np.einsum("bkk->bk", tables)
    share = np.divide(wrong, others, out=np.full_like(others, np.nan), where=others > 0)
    return np.asarray(1.0 - share)
