"""Youden's cut-off of one feature, how far it moves between samples, and how well it divides.

References
----------
Youden WJ. Index for rating diagnostic tests. Cancer 1950;3:32.
Fluss R, Faraggi D, Reiser B. Estimation of the Youden index and its associated cutoff point.
Biom J 2005;47:458 (the empirical estimate is optimistic).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rigoromics.evaluate.estimate import (
    Bools,
    Estimate,
    Floats,
    bootstrap_counts,
    percentile_interval,
    wilson,
)


@dataclass(frozen=True)
class Cutoff:
    """A cut-off; patients at it or beyond are called positive.

    Attributes
    ----------
    value, lower, upper
        Cut-off and its bootstrap percentile interval.
    higher
        Whether high values are the positive ones.
    youden
        Sensitivity + specificity - 1 in the patients that it was chosen on: optimistic.
    """

    value: float
    lower: float
    upper: float
    higher: bool
    youden: float


def youden_cutoffs(ordered: Floats, events: Bools, counts: Floats) -> tuple[Floats, Floats]:
    """Return the cut-off of many weighted samples at once.

    Parameters
    ----------
    ordered
        Values in falling order, shape (patients,).
    events
        Who had the event, in the same order.
    counts
        How often each patient is in each sample, shape (samples, patients).

    Returns
    -------
    cutoff, youden : arrays, shape (samples,)
        The largest index over all cut-offs `value >= cutoff`; of equals, the highest cut-off. NaN
        for a sample with one class only.
    """
    hits = np.cumsum(counts * events, axis=1)
    alarms = np.cumsum(counts * ~events, axis=1)
    last = np.append(np.diff(ordered) != 0, True)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = (hits / hits[:, -1:] - alarms / alarms[:, -1:])[:, last]
    best = np.argmax(np.round(index, 12), axis=1)
    youden = index[np.arange(len(index)), best]
    return np.where(np.isnan(youden), np.nan, ordered[last][best]), youden


def learn_cutoff(
    values: Floats, events: Bools, higher: bool, repeats: int, rng: np.random.Generator
) -> Cutoff:
    """Return the cut-off of one feature with its bootstrap interval (patients drawn by class)."""
    signed = values if higher else -values
    order = np.argsort(-signed, kind="stable")
    ordered, happened = signed[order], events[order]
    whole, youden = youden_cutoffs(ordered, happened, np.ones((1, len(values))))
    samples, _ = youden_cutoffs(ordered, happened, bootstrap_counts(happened, repeats, rng))
    sign = 1.0 if higher else -1.0
    lower, upper = sorted(sign * limit for limit in percentile_interval(samples))
    return Cutoff(sign * float(whole[0]), lower, upper, higher, float(youden[0]))


def divided(
    values: Floats, events: Bools, cutoff: float, higher: bool
) -> tuple[Estimate, Estimate]:
    """Return sensitivity and specificity at a cut-off, with Wilson's intervals."""
    called = values >= cutoff if higher else values <= cutoff
    return (
        wilson(int((called & events).sum()), int(events.sum())),
        wilson(int((~called & ~events).sum()), int((~events).sum())),
    )
