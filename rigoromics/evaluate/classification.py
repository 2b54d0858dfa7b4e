"""Classification at a cut-off that was locked with the signature."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rigoromics.evaluate.estimate import Estimate, as_events, as_floats, undefined, wilson

MEASURES = ("sensitivity", "specificity", "ppv", "npv", "accuracy")


def classification(y: ArrayLike, called: ArrayLike, alpha: float = 0.05) -> dict[str, Estimate]:
    """Return sensitivity, specificity, PPV, NPV and accuracy with Wilson intervals.

    Parameters
    ----------
    y
        Outcomes, 0 or 1.
    called
        The class the locked cut-off gave each patient, 0 or 1.
    """
    events, calls = as_events(y), as_floats(called)
    if not np.isin(calls, (0.0, 1.0)).all():
        return {name: undefined("no class at the locked cut-off") for name in MEASURES}
    positive = calls == 1.0
    hits, rejections = int((events & positive).sum()), int((~events & ~positive).sum())
    counts = {
        "sensitivity": (hits, int(events.sum())),
        "specificity": (rejections, int((~events).sum())),
        "ppv": (hits, int(positive.sum())),
        "npv": (rejections, int((~positive).sum())),
        "accuracy": (hits + rejections, events.size),
    }
    return {name: wilson(k, n, alpha) for name, (k, n) in counts.items()}
