"""How optimistic an apparent result is: the bootstrap .632+ of a whole procedure.

The procedure is a function that turns patients into something that predicts. All that learns must
lie within it (imputation, harmonisation, selection, tuning): what is done before is not repeated
in the samples, and its optimism goes unseen.

References
----------
Efron B, Tibshirani R. Improvements on cross-validation: the .632+ bootstrap method. J Am Stat
Assoc 1997;92:548.
Newcombe RG. Confidence intervals for an effect size measure based on the Mann-Whitney statistic.
Part 2. Stat Med 2006;25:559 (the interval of an AUC of a size, in so many patients).
Sahiner B, Chan HP, Hadjiiski L. Classifier performance prediction for computer-aided diagnosis
using a limited dataset. Med Phys 2008;35:1559 (AUC, whose value without information is one half).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rigoromics.evaluate.discrimination import newcombe_interval, placements
from rigoromics.evaluate.estimate import Bools, Floats, as_events
from rigoromics.seeds import derive_seed

Rows = NDArray[np.intp]
# From rows of a table and their outcomes to predictions for the rows of another.
Procedure = Callable[[Any, Floats], Callable[[Any], ArrayLike]]

_INSIDE = 0.632
_MOST_DRAWS = 100


@dataclass(frozen=True)
class Optimism:
    """A .632+ estimate and what it was made of; `weight` is that of the patients left out.

    The interval, where there is one, is Newcombe's for an AUC of this size among so many patients
    with and without the event: it knows how few they are, and nothing of the procedure.
    """

    apparent: float
    left_out: float
    no_information: float
    weight: float
    value: float
    lower: float = math.nan
    upper: float = math.nan

    @property
    def optimism(self) -> float:
        """By how much the apparent result is better."""
        return abs(self.value - self.apparent)


def weigh(apparent: float, left_out: float, no_information: float) -> Optimism:
    """Return the .632+ of an error (lower is better).

    Parameters
    ----------
    apparent
        Error in the patients that were learned from.
    left_out
        Error in patients outside their bootstrap samples.
    no_information
        Error where predictions and outcomes are independent.
    """
    bounded = min(left_out, no_information)
    overfitting = 0.0
    if bounded > apparent and no_information > apparent:
        overfitting = (bounded - apparent) / (no_information - apparent)
    weight = _INSIDE / (1.0 - (1.0 - _INSIDE) * overfitting)
    value = (1.0 - weight) * apparent + weight * bounded
    return Optimism(apparent, left_out, no_information, weight, value)


def auc_632plus(
    procedure: Procedure,
    X: Any,
    y: ArrayLike,
    repeats: int = 50,
    seed: int = 0,
    alpha: float = 0.05,
) -> Optimism:
    """Return the .632+ AUC of a procedure, with an interval.

    Parameters
    ----------
    procedure
        ``procedure(X, y)`` learns and returns ``predict``; ``predict(X)`` returns risks, higher
        for events.
    X : DataFrame or array, one row per patient
    y
        Outcomes, 0 or 1, of both classes.
    repeats
        Bootstrap samples; the procedure runs once more than that.
    seed
        Of the samples.
    alpha
        One minus the level of the interval.
    """
    events = as_events(y)
    everybody = np.arange(events.size)
    apparent = _auc(events, _predicted(procedure, X, events, everybody, everybody))
    found = []
    for inside, outside in _samples(events, repeats, seed):
        risk = _predicted(procedure, X, events, inside, outside)
        if events[outside].any() and not events[outside].all():
            found.append(_auc(events[outside], risk))
    if not found:
        raise ValueError("no bootstrap sample left patients of both classes out")
    error = weigh(1.0 - apparent, 1.0 - float(np.mean(found)), 0.5)
    value = 1.0 - error.value
    lower, upper = newcombe_interval(value, int(events.sum()), int((~events).sum()), alpha)
    return Optimism(apparent, 1.0 - error.left_out, 0.5, error.weight, value, lower, upper)


def loss_632plus(
    procedure: Procedure,
    X: Any,
    y: ArrayLike,
    loss: Callable[[Floats, Floats], Floats] | None = None,
    repeats: int = 50,
    seed: int = 0,
) -> Optimism:
    """Return the .632+ of a mean loss; without one given, of the Brier score.

    Parameters
    ----------
    procedure, X, y, repeats, seed
        As for :func:`auc_632plus`; predictions are probabilities.
    loss
        From outcomes and predictions, broadcast against each other, to losses.
    """
    events = as_events(y)
    outcome = events.astype(np.float64)
    measure = loss or _squared
    everybody = np.arange(events.size)
    known = _predicted(procedure, X, events, everybody, everybody)
    total, times = np.zeros(events.size), np.zeros(events.size)
    for inside, outside in _samples(events, repeats, seed):
        predicted = _predicted(procedure, X, events, inside, outside)
        total[outside] += measure(outcome[outside], predicted)
        times[outside] += 1.0
    seen = times > 0
    if not seen.any():
        raise ValueError("no bootstrap sample left anybody out")
    # Each patient's mean first, as in the paper's leave-one-out bootstrap.
    left_out = float((total[seen] / times[seen]).mean())
    no_information = float(measure(outcome[:, None], known[None, :]).mean())
    return weigh(float(measure(outcome, known).mean()), left_out, no_information)


def _squared(outcome: Floats, predicted: Floats) -> Floats:
    return np.asarray((outcome - predicted) ** 2)


def _auc(events: Bools, risk: Floats) -> float:
    return float(placements(events, risk)[0].mean())


def _samples(events: Bools, repeats: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Return rows inside and outside of each bootstrap sample; both classes are inside."""
    found = []
    for number in range(repeats):
        rng = np.random.default_rng(derive_seed(seed, "optimism", str(number)))
        for _ in range(_MOST_DRAWS):
            inside = rng.integers(0, events.size, events.size)
            if events[inside].any() and not events[inside].all():
                break
        else:
            raise ValueError("one outcome class is too rare for bootstrap samples")
        found.append((np.sort(inside), np.setdiff1d(np.arange(events.size), inside)))
    return found


def _predicted(procedure: Procedure, X: Any, events: Bools, learn: Rows, judge: Rows) -> Floats:
    """Return predictions for some rows, learned from others."""

    def rows(which: Rows) -> Any:
        return X.iloc[which] if hasattr(X, "iloc") else np.asarray(X)[which]

    predict = procedure(rows(learn), events[learn].astype(np.float64))
    return np.asarray(predict(rows(judge)), dtype=np.float64).ravel()
