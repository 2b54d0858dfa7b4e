"""Precision and recall: how many of those called have the event, and how many events are called.

References
----------
Davis J, Goadrich M. The relationship between precision-recall and ROC curves. ICML 2006:233 (why
points of the curve are not joined by straight lines).
Saito T, Rehmsmeier M. The precision-recall plot is more informative than the ROC plot when
evaluating binary classifiers on imbalanced datasets. PLoS One 2015;10:e0118432.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rigoromics.evaluate.estimate import (
    Bools,
    Estimate,
    Floats,
    as_events,
    as_floats,
    bootstrap_estimate,
    undefined,
)


def _why_not(events: Bools, risk: Floats) -> str:
    if not np.isfinite(risk).all():
        return "a predicted risk is missing"
    if events.all() or not events.any():
        return f"only one outcome class among {events.size} patients"
    return ""


def _steps(events: Bools, risk: Floats, drawn: Floats) -> tuple[Floats, Floats]:
    """Return precision and recall at each distinct risk, from the highest; one row per sample."""
    order = np.argsort(-risk, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(risk[order])), risk.size - 1)
    called = np.cumsum(drawn[:, order], axis=1)[:, ends]
    hits = np.cumsum(drawn[:, order] * events[order], axis=1)[:, ends]
    precision = np.divide(hits, called, out=np.ones_like(hits), where=called > 0)
    happened = hits[:, -1:]
    recall = np.divide(hits, happened, out=np.full_like(hits, np.nan), where=happened > 0)
    return precision, recall


def average_precision(
    y: ArrayLike, risk: ArrayLike, counts: Floats, alpha: float = 0.05
) -> Estimate:
    """Return the average precision: the sum of precisions weighted by the rises of recall.

    It is compared with the share of patients with the event, which the method names: that is what
    a useless signature reaches.

    Parameters
    ----------
    y, risk
        Outcomes, 0 or 1; higher risks for events.
    counts : array, shape (samples, patients)
        From :func:`~rigoromics.evaluate.estimate.bootstrap_counts`.
    """
    events, values = as_events(y), as_floats(risk)
    why = _why_not(events, values)
    if why:
        return undefined(why)

    def area(drawn: Floats) -> Floats:
        precision, recall = _steps(events, values, drawn)
        return np.asarray((precision * np.diff(recall, axis=1, prepend=0.0)).sum(axis=1))

    value = float(area(np.ones((1, events.size)))[0])
    name = f"average precision (of chance: {events.mean():.3g})"
    return bootstrap_estimate(value, area(counts), name, alpha)


def precision_recall_points(y: ArrayLike, risk: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return recall, precision and threshold of each distinct risk, from the highest.

    Empty where only one outcome class is present.
    """
    events, values = as_events(y), as_floats(risk)
    if _why_not(events, values):
        return np.empty(0), np.empty(0), np.empty(0)
    precision, recall = _steps(events, values, np.ones((1, events.size)))
    return recall[0], precision[0], np.unique(values)[::-1]
