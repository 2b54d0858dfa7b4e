"""What models of classes or levels have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.model.outcome import Outcome

Array = npt.NDArray[np.float64]


def shares(codes: npt.NDArray[Any], classes: int) -> Array:
    """Return the share of each class among the training patients, shape (classes,)."""
    return np.asarray(np.bincount(codes, minlength=classes) / len(codes))


def most_likely(probability: Array, shares: Array, class_weight: str) -> npt.NDArray[np.int64]:
    """Return the class each patient is given, of equal ones the first.

    Balanced: the largest probability / share in training, which makes the mean sensitivity over
    classes largest where probabilities are right, as Youden's index does for two classes.
    """
    if class_weight == "balanced":
        probability = probability / np.where(shares > 0, shares, np.inf)
    # Rounded, so that the last bit never decides between classes.
    return np.asarray(np.argmax(np.round(probability, 12), axis=1), dtype=np.int64)


def spread(probability: Array, present: npt.NDArray[Any], classes: int) -> Array:
    """Return probabilities with columns of zeros for the classes that training lacked."""
    full = np.zeros((len(probability), classes))
    full[:, present] = probability
    return full


def case_weights(y: Outcome, class_weight: str) -> Array:
    """Return the weight of each patient: `balanced` gives both classes the same in all."""
    positive = y == 1
    if class_weight != "balanced":
        return np.ones(len(y))
    return np.asarray(len(y) / (2 * np.where(positive, positive.sum(), (~positive).sum())))


def prior_shift(y: Outcome, class_weight: str) -> float:
    """Return by how much balanced weights raise the log odds."""
    if class_weight != "balanced":
        return 0.0
    return float(np.log(np.sum(y == 0) / np.sum(y == 1)))
