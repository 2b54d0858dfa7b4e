"""Net reclassification improvement and integrated discrimination improvement.

Both are asked for by reviewers, and both mislead: a useless predictor in an overfitted or badly
calibrated model raises them, and their published tests reject too often. So they come with
bootstrap intervals, with events and non-events apart, without a p-value, and with `CAVEAT`. The
test of the question is that of the AUCs or of the models.

References
----------
Pencina MJ et al. Evaluating the added predictive ability of a new marker: from area under the ROC
curve to reclassification and beyond. Stat Med 2008;27:157.
Pencina MJ, D'Agostino RB, Steyerberg EW. Extensions of net reclassification improvement
calculations to measure usefulness of new biomarkers. Stat Med 2011;30:11.
Uno H et al. A unified inference procedure for a class of measures to assess improvement in risk
prediction systems with survival data. Stat Med 2013;32:2430 (IDI under censoring).
Kerr KF et al. Net reclassification indices for evaluating risk prediction instruments: a critical
review. Epidemiology 2014;25:114.
Hilden J, Gerds TA. A note on the evaluation of novel biomarkers: do not rely on integrated
discrimination improvement and net reclassification index. Stat Med 2014;33:3405.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rigoromics.evaluate.calibration import why_not
from rigoromics.evaluate.concordance import censoring_survival
from rigoromics.evaluate.estimate import (
    Bools,
    Estimate,
    Floats,
    as_events,
    as_floats,
    bootstrap_estimate,
    undefined,
)
from rigoromics.evaluate.horizon import why_not as why_not_at
from rigoromics.evaluate.survival import survival_at

CAVEAT = (
    "NRI and IDI can rise although nothing was added, above all where a model is overfitted or "
    "badly calibrated (Kerr 2014, Hilden 2014); they have no p-value here. Read them beside the "
    "difference in discrimination and net benefit."
)
PARTS = ("events", "nonevents", "total")


@dataclass(frozen=True)
class Moves:
    """How many patients a second model moves up and down, events and non-events apart."""

    events_up: int
    events_down: int
    events: int
    nonevents_up: int
    nonevents_down: int
    nonevents: int

    @property
    def improvement(self) -> float:
        """The net reclassification improvement, from -2 to 2."""
        mine = (self.events_up - self.events_down) / self.events
        return mine + (self.nonevents_down - self.nonevents_up) / self.nonevents

    @property
    def statistic(self) -> float:
        """Z of Pencina 2008, equation 10. It rejects too often, so that no table holds it."""
        variance = (self.events_up + self.events_down) / self.events**2
        variance += (self.nonevents_up + self.nonevents_down) / self.nonevents**2
        return self.improvement / math.sqrt(variance) if variance > 0.0 else 0.0


def categories(probability: ArrayLike, cuts: ArrayLike) -> Floats:
    """Return the risk category of each patient: how many of the rising cuts it reaches."""
    return np.searchsorted(as_floats(cuts), as_floats(probability), side="right").astype(float)


def moves(y: ArrayLike, old: ArrayLike, new: ArrayLike) -> Moves:
    """Count who moves up and down between categories (or, continuously, probabilities)."""
    events, change = as_events(y), np.sign(as_floats(new) - as_floats(old))
    up, down = change > 0, change < 0
    return Moves(
        int((up & events).sum()), int((down & events).sum()), int(events.sum()),
        int((up & ~events).sum()), int((down & ~events).sum()), int((~events).sum()),
    )  # fmt: skip


def reclassification(
    y: ArrayLike, old: ArrayLike, new: ArrayLike, counts: Floats, name: str, alpha: float = 0.05
) -> dict[str, Estimate]:
    """Return the net reclassification improvement of events, of non-events, and their sum.

    Parameters
    ----------
    y
        Outcomes, 0 or 1.
    old, new
        Categories or, for the continuous form, probabilities, of the two models.
    counts : array, shape (samples, patients)
        From :func:`~rigoromics.evaluate.estimate.bootstrap_counts`.
    name
        What the method is called.
    """
    events = as_events(y)
    why = _why(events, as_floats(old), as_floats(new))
    if why:
        return dict.fromkeys(PARTS, undefined(why))
    change = np.sign(as_floats(new) - as_floats(old))
    return _parts(change * events, -change * ~events, events, counts, name, alpha)


def discrimination_improvement(
    y: ArrayLike, old: ArrayLike, new: ArrayLike, counts: Floats, alpha: float = 0.05
) -> dict[str, Estimate]:
    """Return the IDI: rise of the mean prediction in events, its fall in others, their sum.

    Parameters
    ----------
    old, new
        Predicted probabilities of the two models.
    """
    events, first, second = as_events(y), as_floats(old), as_floats(new)
    why = why_not(events, first) or why_not(events, second)
    if why:
        return dict.fromkeys(PARTS, undefined(why))
    change = second - first
    return _parts(change * events, -change * ~events, events, counts, "IDI", alpha)


def _why(events: Bools, old: Floats, new: Floats) -> str:
    if not (np.isfinite(old).all() and np.isfinite(new).all()):
        return "a prediction is missing"
    if events.all() or not events.any():
        return f"only one outcome class among {events.size} patients"
    return ""


def _parts(
    gain_events: Floats, gain_others: Floats, events: Bools, counts: Floats, name: str, alpha: float
) -> dict[str, Estimate]:
    """Return means of a gain over events and over the others, and their sum."""

    def ratio(drawn: Floats, gain: Floats, among: Bools) -> Floats:
        size = drawn @ among
        out = np.full(size.shape, np.nan)
        return np.asarray(np.divide(drawn @ gain, size, out=out, where=size > 0))

    one = np.ones((1, events.size))
    values, samples = (
        (ratio(drawn, gain_events, events), ratio(drawn, gain_others, ~events))
        for drawn in (one, counts)
    )
    return _estimates(values, samples, name, alpha)


def _estimates(
    values: tuple[Floats, Floats], samples: tuple[Floats, Floats], name: str, alpha: float
) -> dict[str, Estimate]:
    found = {}
    for part, value, drawn in zip(
        PARTS, (*values, values[0] + values[1]), (*samples, samples[0] + samples[1]), strict=True
    ):
        found[part] = bootstrap_estimate(float(value[0]), drawn, name, alpha)
    return found


def reclassification_at(
    time: ArrayLike,
    event: ArrayLike,
    old: ArrayLike,
    new: ArrayLike,
    horizon: float,
    counts: Floats,
    name: str,
    alpha: float = 0.05,
) -> dict[str, Estimate]:
    """Return the net reclassification improvement for an event by a horizon.

    Kaplan-Meier's incidence among those who move up and down stands for the unknown outcomes of
    the censored (the prospective form of Pencina 2011).
    """
    times, events = as_floats(time), as_events(event)
    first, second = as_floats(old), as_floats(new)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return dict.fromkeys(PARTS, undefined("a prediction is missing"))
    why = why_not_at(times, events, np.full(times.size, 0.5), horizon)
    if why:
        return dict.fromkeys(PARTS, undefined(why))
    change = np.sign(second - first)

    def expected(drawn: Floats, part: Bools) -> tuple[Floats, Floats]:
        """Return how many events and event-free patients there are among some."""
        size = drawn[:, part].sum(axis=1)
        alive = survival_at(times[part], events[part], drawn[:, part], horizon)
        alive = np.where(size == 0.0, 0.0, alive)
        return size * (1.0 - alive), size * alive

    def parts(drawn: Floats) -> tuple[Floats, Floats]:
        everyone = expected(drawn, np.ones(times.size, dtype=bool))
        up, down = expected(drawn, change > 0), expected(drawn, change < 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (up[0] - down[0]) / everyone[0], (down[1] - up[1]) / everyone[1]

    values = parts(np.ones((1, times.size)))
    if not (np.isfinite(values[0][0]) and np.isfinite(values[1][0])):
        why = f"those who change were not followed to time {horizon:g}, or all had the event"
        return dict.fromkeys(PARTS, undefined(why))
    named = f"{name}, Kaplan-Meier incidence at time {horizon:g}"
    return _estimates(values, parts(counts), named, alpha)


def discrimination_improvement_at(
    time: ArrayLike,
    event: ArrayLike,
    old: ArrayLike,
    new: ArrayLike,
    horizon: float,
    counts: Floats,
    alpha: float = 0.05,
) -> dict[str, Estimate]:
    """Return the IDI at a horizon, with inverse probability of censoring weights (Uno 2013)."""
    times, events = as_floats(time), as_events(event)
    first, second = as_floats(old), as_floats(new)
    why = why_not_at(times, events, first, horizon) or why_not_at(times, events, second, horizon)
    if why:
        return dict.fromkeys(PARTS, undefined(why))
    case = events & (times <= horizon)
    free = (times > horizon) | ((times == horizon) & ~events)
    weight = np.zeros(times.size)
    weight[case] = 1.0 / censoring_survival(times, events, times[case])
    weight[free] = 1.0 / censoring_survival(times, events, [horizon])[0]

    def mean(drawn: Floats, among: Bools) -> Floats:
        size = drawn @ (weight * among)
        gain = drawn @ (weight * among * (second - first))
        out = np.full(size.shape, np.nan)
        return np.asarray(np.divide(gain, size, out=out, where=size > 0))

    one = np.ones((1, times.size))
    values, samples = ((mean(d, case), -mean(d, free)) for d in (one, counts))
    named = f"IDI at time {horizon:g}, inverse probability of censoring weights"
    return _estimates(values, samples, named, alpha)
