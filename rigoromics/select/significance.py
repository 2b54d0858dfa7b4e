"""Which features go with the outcome beyond chance, one by one, at a false discovery rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from rigoromics.select.columns import Array
from rigoromics.select.rank import cox_score, relevance


def p_values(values: Array, y: npt.NDArray[Any]) -> Array:
    """Return each feature's two-sided p-value of a test of its own.

    Binary: Mann and Whitney's test, normal approximation with ties and without continuity
    correction. Survival: the score test of a univariate Cox model. Levels and counts: Spearman's
    correlation by Student's t. Classes: Kruskal and Wallis' test.

    Parameters
    ----------
    values
        Shape (patients, features), without missing values.
    y
        Outcome as in :func:`~rigoromics.select.rank.relevance`.
    """
    kind = (y.dtype.names or [""])[0]
    strength, n = relevance(values, y), len(y)
    if kind == "event":
        z = cox_score(values, y["time"], y["event"])
        return np.asarray(2 * stats.norm.sf(np.abs(z)))
    if kind in ("level", "count"):
        limited = np.minimum(strength, 1 - 1e-15)
        t = limited * np.sqrt((n - 2) / (1 - limited**2))
        return np.asarray(2 * stats.t.sf(t, n - 2))
    if kind == "class":
        groups = len(np.unique(y[kind]))
        return np.asarray(stats.chi2.sf((n - 1) * strength**2, groups - 1))
    n1 = int(np.sum(y == 1))
    n0 = n - n1
    if not n1 or not n0:
        return np.ones(values.shape[1])
    ties = np.apply_along_axis(stats.tiecorrect, 0, stats.rankdata(values, axis=0))
    variance = n1 * n0 * (n + 1) / 12 * ties
    z = strength * n1 * n0 / 2 / np.sqrt(np.where(variance > 0, variance, np.inf))
    return np.asarray(2 * stats.norm.sf(z))


def fdr_order(values: Array, y: npt.NDArray[Any], k: int, level: float) -> npt.NDArray[np.intp]:
    """Return the positions of the features within a false discovery rate, the best first.

    Benjamini and Hochberg, J R Stat Soc B 1995;57:289-300. If there is none, the one of the
    smallest p-value alone: a signature has at least one feature.
    """
    p = p_values(values, y)
    order = np.argsort(p, kind="stable")
    count = int(np.sum(stats.false_discovery_control(p) <= level))
    return order[: min(max(count, 1), k)]
