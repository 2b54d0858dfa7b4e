"""Rank features by what they tell of the outcome, all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from rigoromics.select.columns import Array


def relevance(values: Array, y: npt.NDArray[Any]) -> Array:
    """Return how strongly each feature goes with the outcome, from 0 (not) to about 1.

    Parameters
    ----------
    values
        Shape (patients, features), without missing values.
    y
        Binary outcome (0, 1), or a structured array with fields `event` and `time`, or with the
        one field `level`, `class` or `count`.

    Returns
    -------
    numpy.ndarray
        Shape (features,). Binary: the rank-biserial correlation |2 AUC - 1|. Survival: the score
        statistic of a univariate Cox model at zero, |z| over the root of the number of events.
        Levels and counts: Spearman's rank correlation. Classes: the correlation ratio of the
        ranks, the root of Kruskal and Wallis' H over its largest value.
    """
    kind = (y.dtype.names or [""])[0]
    if kind in ("level", "count"):
        return np.abs(_correlation(rankdata(values, axis=0), rankdata(y[kind])))
    if kind == "class":
        return _correlation_ratio(rankdata(values, axis=0), y[kind])
    if y.dtype.names:
        events = max(int(np.sum(y["event"])), 1)
        return np.asarray(np.abs(cox_score(values, y["time"], y["event"])) / np.sqrt(events))
    positive = y.astype(np.bool_)
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if n1 == 0 or n0 == 0:
        return np.zeros(values.shape[1])
    ranks = rankdata(values, axis=0)
    auc = (ranks[positive].sum(axis=0) - n1 * (n1 + 1) / 2) / (n1 * n0)
    return np.asarray(np.abs(2 * auc - 1))


def _correlation(values: Array, one: Array) -> Array:
    """Return Pearson's correlation of each column with one vector; 0 where it is not defined."""
    x, y = values - values.mean(axis=0), one - one.mean()
    length = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
    return np.asarray(x.T @ y / np.where(length > 0, length, 1.0))


def _correlation_ratio(values: Array, classes: npt.NDArray[Any]) -> Array:
    """Return the root of the variance between classes over the whole, of each column."""
    x = values - values.mean(axis=0)
    members = (classes == np.unique(classes)[:, None]).astype(np.float64)
    between = ((members @ x) ** 2 / members.sum(axis=1, keepdims=True)).sum(axis=0)
    whole = (x**2).sum(axis=0)
    return np.asarray(np.sqrt(between / np.where(whole > 0, whole, 1.0)))


def cox_score(values: Array, time: npt.NDArray[Any], event: npt.NDArray[Any]) -> Array:
    """Return the z statistic of each feature's score test in a univariate Cox model.

    Parameters
    ----------
    values
        Shape (patients, features).
    time, event
        Follow-up, and whether it ended with the event; shape (patients,).

    Returns
    -------
    numpy.ndarray
        Shape (features,); positive when high values go with early events; 0 where undefined.

    Notes
    -----
    Score and information of the partial likelihood at zero (Cox 1972), with Breslow's handling
    of ties; for a 0/1 feature without ties this is the log-rank test.
    """
    order = np.argsort(-time, kind="stable")
    latest_first, x, died = time[order], values[order], event[order].astype(np.bool_)
    # At risk at time t: everybody with a time of at least t, so up to the last row of a tie.
    last = np.searchsorted(-latest_first, -latest_first, side="right") - 1
    size = (last + 1.0)[:, None]
    x = x - x.mean(axis=0)
    mean = np.cumsum(x, axis=0)[last] / size
    variance = np.cumsum(x**2, axis=0)[last] / size - mean**2
    score = (x - mean)[died].sum(axis=0)
    information = np.maximum(variance[died].sum(axis=0), 0.0)
    usable = information > 1e-12
    return np.where(usable, score / np.sqrt(np.where(usable, information, 1.0)), 0.0)


def univariate_order(values: Array, y: npt.NDArray[Any], k: int) -> npt.NDArray[np.intp]:
    """Return the positions of the k most relevant features, the best first."""
    return np.argsort(-relevance(values, y), kind="stable")[:k]


def mrmr_order(values: Array, y: npt.NDArray[Any], k: int) -> npt.NDArray[np.intp]:
    """Return k features of maximum relevance and minimum redundancy, the best first.

    One at a time, the feature with the largest relevance x (1 - mean absolute correlation with
    those already taken), after Ding and Peng, J Bioinform Comput Biol 2005;3:185-205. Their
    quotient, relevance / correlation, rewards a feature for being uncorrelated by chance: where
    three of forty latent variables mattered and 60 to 300 patients were at hand, it found worse
    features than plain ranking, and this product better ones from 150 patients on.
    """
    worth = relevance(values, y)
    centred = values - values.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(length > 0, length, 1.0)
    taken = [int(np.argmax(worth))]
    redundancy = np.zeros(values.shape[1])
    for count in range(1, min(k, values.shape[1])):
        redundancy += np.abs(unit.T @ unit[:, taken[-1]])
        merit = worth * (1 - redundancy / count)
        merit[taken] = -np.inf
        taken.append(int(np.argmax(merit)))
    return np.array(taken, dtype=np.intp)
