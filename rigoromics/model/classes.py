"""What models of several classes or levels have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

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
