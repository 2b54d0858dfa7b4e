"""Boruta: features that matter more to a forest than the best of shuffled copies does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from rigoromics.errors import DataError
from rigoromics.select.columns import Array

ROUNDS, TREES, LEVEL = 50, 100, 0.01
# Fewest shuffled copies: with less, the best of them is too easy to beat.
SHADOWS = 5


@dataclass(frozen=True)
class Judged:
    """What Boruta makes of each feature.

    Attributes
    ----------
    confirmed, rejected
        Shape (features,); neither: undecided.
    hits
        Rounds in which the feature beat the best shuffled copy.
    importance
        Mean importance over the rounds that it took part in.
    """

    confirmed: npt.NDArray[np.bool_]
    rejected: npt.NDArray[np.bool_]
    hits: npt.NDArray[np.intp]
    importance: Array


def boruta(values: Array, y: npt.NDArray[Any], seed: int, rounds: int = ROUNDS) -> Judged:
    """Return which features are confirmed and which rejected.

    In each round a forest learns from the features that are not rejected and from a shuffled copy
    of each. A feature is confirmed or rejected once its number of hits is too large or too small
    for chance, by a binomial test corrected for all features (Bonferroni), and, so that rounds do
    not add up to false findings, for all rounds as the first authors' program does: not at all.

    Source: Kursa and Rudnicki, J Stat Softw 2010;36(11):1-13.

    Parameters
    ----------
    values
        Shape (patients, features), without missing values.
    y
        Binary outcome (0, 1), or a structured array with the field `level`, `class` or `count`.
    seed
        Of shuffling and forests.
    rounds
        Most rounds.

    Raises
    ------
    DataError
        If the outcome is a time.
    """
    kind = (y.dtype.names or [""])[0]
    if kind == "event":
        raise DataError(
            "Boruta needs a forest for classes or numbers, and the endpoint is a time",
            "choose another `selection: method:`, such as mrmr or lasso",
        )
    target = y[kind] if kind else y
    forest = RandomForestRegressor if kind in ("count", "level") else RandomForestClassifier
    rng = np.random.default_rng(seed)
    features = values.shape[1]
    confirmed, rejected = np.zeros((2, features), dtype=np.bool_)
    hits, total, taken = np.zeros(features, np.intp), np.zeros(features), np.zeros(features)
    for number in range(1, rounds + 1):
        active = np.flatnonzero(~rejected)
        shadows = rng.permuted(values[:, np.resize(active, max(len(active), SHADOWS))], axis=0)
        model = forest(
            n_estimators=TREES, max_features="sqrt", random_state=int(rng.integers(2**31))
        )
        found = model.fit(np.hstack([values[:, active], shadows]), target).feature_importances_
        own = found[: len(active)]
        hits[active] += own > found[len(active) :].max()
        total[active] += own
        taken[active] += 1
        confirmed, rejected = _decide(hits, number, confirmed, rejected)
        if (confirmed | rejected).all():
            break
    return Judged(confirmed, rejected, hits, total / np.maximum(taken, 1))


def boruta_order(values: Array, y: npt.NDArray[Any], k: int, seed: int) -> npt.NDArray[np.intp]:
    """Return up to k confirmed features, the most important first.

    If none is confirmed, the one with the most hits alone: a signature has at least one feature.
    """
    judged = boruta(values, y, seed)
    order = np.lexsort((-judged.importance, -judged.hits, ~judged.confirmed))
    by_importance = order[np.argsort(~judged.confirmed[order], kind="stable")]
    count = int(judged.confirmed.sum())
    if not count:
        return by_importance[:1]
    chosen = by_importance[:count]
    return chosen[np.argsort(-judged.importance[chosen], kind="stable")][:k]


def _decide(
    hits: npt.NDArray[np.intp],
    rounds: int,
    confirmed: npt.NDArray[np.bool_],
    rejected: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    level = LEVEL / len(hits)
    open_ = ~(confirmed | rejected)
    more, fewer = binom.sf(hits - 1, rounds, 0.5), binom.cdf(hits, rounds, 0.5)
    return confirmed | (open_ & (more < level)), rejected | (open_ & (fewer < level))
