"""Classification at the cut-off that reaches a wished sensitivity in development.

The cut-off is learned from the out-of-fold risks of development patients, as the locked one is,
and applied to external patients as it stands. In development itself it has no row: the patients
that chose it cannot judge it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from rigoromics.evaluate.classification import classification
from rigoromics.evaluate.estimate import Estimate, as_events, as_floats, undefined
from rigoromics.evaluate.group import DEVELOPMENT, EXTERNAL, Endpoint, Group, Settings

AT_SENSITIVITY = ("sensitivity", "specificity", "ppv", "npv")


def cutoff_at_sensitivity(y: ArrayLike, risk: ArrayLike, sensitivity: float) -> float:
    """Return the highest risk from which on at least this share of events is called.

    Parameters
    ----------
    y, risk
        Outcomes, 0 or 1, and risks of development patients that the model did not know.
    sensitivity
        The share, above 0 and at most 1.

    Returns
    -------
    float
        NaN without events.
    """
    among = np.sort(as_floats(risk)[as_events(y)])[::-1]
    if not among.size:
        return math.nan
    return float(among[math.ceil(sensitivity * among.size - 1e-9) - 1])


def at_sensitivity(
    everything: list[Group], endpoint: Endpoint, settings: Settings
) -> list[dict[str, Estimate]]:
    """Return further metrics of each group: those of external groups of a binary endpoint.

    Their names end in ``_at_sensitivity``; the method says which cut-off.
    """
    cutoffs: dict[tuple[str, str], tuple[int, float]] = {}
    for group in everything:
        if group.key["split"] == DEVELOPMENT and endpoint.type == "binary":
            name = (group.key["signature"], group.key["model"])
            y, risk = group.column("y"), group.column("risk")
            known = len(group.table), cutoff_at_sensitivity(y, risk, settings.sensitivity)
            # The pooled cohort, where there are several, is the largest.
            cutoffs[name] = max(cutoffs.get(name, known), known, key=lambda found: found[0])
    found = []
    for group in everything:
        name = (group.key["signature"], group.key["model"])
        wanted = group.key["split"] == EXTERNAL and name in cutoffs
        found.append(_classified(group, cutoffs[name][1], settings) if wanted else {})
    return found


def _classified(group: Group, cutoff: float, settings: Settings) -> dict[str, Estimate]:
    if math.isnan(cutoff):
        nothing = undefined("no event in development to learn a cut-off from")
        return {f"{name}_at_sensitivity": nothing for name in AT_SENSITIVITY}
    measured = classification(group.column("y"), group.column("risk") >= cutoff, settings.alpha)
    rule = f"cut-off {cutoff:.4g}, sensitivity {settings.sensitivity:g} in development"
    return {
        f"{name}_at_sensitivity": Estimate(one.value, one.lower, one.upper, f"{one.method}; {rule}")
        for name, one in measured.items()
        if name in AT_SENSITIVITY
    }
