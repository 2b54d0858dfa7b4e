"""Estimates of several centres, pooled by a random-effects meta-analysis.

References
----------
Debray TPA et al. A guide to systematic review and meta-analysis of prediction model performance.
BMJ 2017;356:i6460 (discrimination is pooled on the log-odds scale).
Paule RC, Mandel J. Consensus values and weighting factors. J Res Natl Bur Stand 1982;87:377.
Knapp G, Hartung J. Improved tests for a random effects meta-regression with a single covariate.
Stat Med 2003;22:2693.
Higgins JPT, Thompson SG, Spiegelhalter DJ. A re-evaluation of random-effects meta-analysis.
J R Stat Soc A 2009;172:137 (prediction interval).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import t as student

from rigoromics.evaluate.estimate import Estimate, Floats, as_floats, z_quantile

FEWEST_CENTRES = 3


@dataclass(frozen=True)
class Pool:
    """A random-effects mean with its standard error and the variance between centres."""

    mean: float
    error: float
    between: float
    centres: int


def random_effects(values: ArrayLike, errors: ArrayLike) -> Pool:
    """Pool estimates by Paule-Mandel's variance and Hartung-Knapp's standard error.

    The standard error is never let below the one that takes the variances as known (the ad hoc
    correction of Knapp and Hartung), so that chance agreement of few centres is no certainty.

    Parameters
    ----------
    values, errors
        Estimates and their standard errors on a scale where they are about normal, at least two.
    """
    effects, variances = as_floats(values), as_floats(errors) ** 2
    freedom = effects.size - 1

    def weigh(between: float) -> tuple[Floats, float, float]:
        weights = 1.0 / (variances + between)
        mean = float(weights @ effects / weights.sum())
        return weights, mean, float(weights @ (effects - mean) ** 2)

    between = 0.0
    if weigh(0.0)[2] > freedom:
        ceiling = float(np.ptp(effects) ** 2) + 1e-12
        between = float(brentq(lambda b: weigh(b)[2] - freedom, 0.0, ceiling, xtol=1e-14))
    weights, mean, spread = weigh(between)
    error = math.sqrt(max(1.0, spread / freedom) / float(weights.sum()))
    return Pool(mean, error, between, effects.size)


def pooled_discrimination(
    estimates: Sequence[Estimate], alpha: float = 0.05
) -> tuple[Estimate, Estimate] | None:
    """Pool AUCs or C-indices of centres on the log-odds scale.

    Parameters
    ----------
    estimates
        One per centre, with intervals that are symmetric on the log-odds scale.

    Returns
    -------
    tuple or None
        The pool with its confidence interval, and the same with its prediction interval: where
        a new centre's true value is expected. None with fewer than three usable centres.
    """
    usable = [e for e in estimates if 0.0 < e.lower < e.value < e.upper < 1.0]
    if len(usable) < FEWEST_CENTRES:
        return None
    table = logit(np.array([[e.value, e.lower, e.upper] for e in usable]))
    pool = random_effects(table[:, 0], (table[:, 2] - table[:, 1]) / (2 * z_quantile(alpha)))
    left_out = len(estimates) - len(usable)
    note = f"; {left_out} centres without a usable interval left out" if left_out else ""
    value = float(expit(pool.mean))
    confidence = float(student.ppf(1.0 - alpha / 2.0, pool.centres - 1)) * pool.error
    prediction = float(student.ppf(1.0 - alpha / 2.0, pool.centres - 2)) * math.hypot(
        pool.error, math.sqrt(pool.between)
    )
    name = f"random effects of {pool.centres} centres on the log-odds (Paule-Mandel)"
    return (
        Estimate(
            value,
            float(expit(pool.mean - confidence)),
            float(expit(pool.mean + confidence)),
            f"{name}; Hartung-Knapp interval{note}",
        ),
        Estimate(
            value,
            float(expit(pool.mean - prediction)),
            float(expit(pool.mean + prediction)),
            f"{name}; prediction interval{note}",
        ),
    )
