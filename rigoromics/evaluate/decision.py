"""Decision curves: the net benefit of treating by a predicted probability.

References
----------
Vickers AJ, Elkin EB. Decision curve analysis: a novel method for evaluating prediction models.
Med Decis Making 2006;26:565.
Vickers AJ et al. Extensions to decision curve analysis. BMC Med Inform Decis Mak 2008;8:53.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rigoromics.evaluate.calibration import why_not
from rigoromics.evaluate.estimate import Floats, as_events, as_floats, percentile_interval
from rigoromics.evaluate.horizon import why_not as why_not_at
from rigoromics.evaluate.survival import survival_at

DECISION_COLUMNS = ["threshold", "net_benefit", "lower", "upper", "treat_all"]


def decision_curve(
    y: ArrayLike,
    probability: ArrayLike,
    thresholds: Sequence[float],
    counts: Floats,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return the net benefit of treating where the probability reaches each threshold.

    Returns
    -------
    DataFrame
        ``threshold``, ``net_benefit`` with its bootstrap interval, ``treat_all``. Treating
        none has net benefit 0. Without rows where it cannot be judged.
    """
    events, values = as_events(y), as_floats(probability)
    if why_not(events, values):
        return pd.DataFrame(columns=DECISION_COLUMNS, dtype=float)
    rows = []
    for threshold in thresholds:
        harm = threshold / (1.0 - threshold)
        worth = events - (~events) * harm
        gain = worth * (values >= threshold)
        lower, upper = percentile_interval(counts @ gain / counts.sum(axis=1), alpha)
        rows.append([threshold, gain.mean(), lower, upper, worth.mean()])
    return pd.DataFrame(rows, columns=DECISION_COLUMNS)


def decision_curve_at(
    time: ArrayLike,
    event: ArrayLike,
    probability: ArrayLike,
    horizon: float,
    thresholds: Sequence[float],
    counts: Floats,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return the net benefit for an event by a horizon, by Kaplan-Meier among those treated.

    Where no one reaches a threshold the net benefit is 0. Where those who reach it were not
    followed to the horizon it is NaN.
    """
    times, events, values = as_floats(time), as_events(event), as_floats(probability)
    if why_not_at(times, events, values, horizon):
        return pd.DataFrame(columns=DECISION_COLUMNS, dtype=float)

    def benefit(drawn: Floats, treated: np.ndarray, harm: float) -> Floats:
        part = drawn[:, treated]
        share = part.sum(axis=1) / drawn.sum(axis=1)
        incidence = 1.0 - survival_at(times[treated], events[treated], part, horizon)
        gain = share * (incidence - (1.0 - incidence) * harm)
        return np.where(share == 0.0, 0.0, gain)

    one = np.ones((1, times.size))
    rows = []
    for threshold in thresholds:
        harm = threshold / (1.0 - threshold)
        treated = values >= threshold
        value = float(benefit(one, treated, harm)[0])
        lower, upper = percentile_interval(benefit(counts, treated, harm), alpha)
        everyone = float(benefit(one, np.ones(times.size, dtype=bool), harm)[0])
        rows.append([threshold, value, lower, upper, everyone])
    return pd.DataFrame(rows, columns=DECISION_COLUMNS)
