"""An estimate, its interval, and the name of the method that gave both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import norm

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Scale = Literal["plain", "logit"]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; NaN where it does not exist, and then ``method`` says why."""

    value: float
    lower: float
    upper: float
    method: str


@dataclass(frozen=True)
class Comparison:
    """A difference of two estimates on one scale, its interval and its two-sided test."""

    difference: float
    lower: float
    upper: float
    statistic: float
    p: float
    method: str


def undefined(why: str) -> Estimate:
    """Return the estimate that does not exist, with the reason in place of the method."""
    return Estimate(math.nan, math.nan, math.nan, f"not estimable: {why}")


def no_comparison(why: str, difference: float = math.nan) -> Comparison:
    """Return the comparison that cannot be made, with the reason in place of the method."""
    return Comparison(difference, math.nan, math.nan, math.nan, math.nan, f"not estimable: {why}")


def as_floats(values: ArrayLike) -> Floats:
    """Return the values as a one-dimensional array of floats."""
    return np.asarray(values, dtype=np.float64).ravel()


def as_events(values: ArrayLike) -> Bools:
    """Return outcomes coded 0 and 1 as booleans.

    Raises
    ------
    ValueError
        If a value is neither 0 nor 1, missing ones included.
    """
    array = as_floats(values)
    if not np.isin(array, (0.0, 1.0)).all():
        raise ValueError("outcomes must be coded 0 and 1, none missing")
    return np.asarray(array == 1.0)


def z_quantile(alpha: float) -> float:
    """Return the two-sided standard normal quantile: 1.96 for ``alpha`` 0.05."""
    return float(norm.ppf(1.0 - alpha / 2.0))


def two_sided_p(z: float) -> float:
    """Return the two-sided p-value of a standard normal statistic."""
    return float(2.0 * norm.sf(abs(z)))


def interval_of_proportion(
    value: float, error: float, alpha: float = 0.05, scale: Scale = "logit"
) -> tuple[float, float]:
    """Return a normal interval of a quantity that lives between 0 and 1.

    Parameters
    ----------
    value, error
        The estimate, strictly between 0 and 1 for the logit scale, and its standard error.
    alpha
        One minus the coverage.
    scale
        ``logit`` builds the interval on the log-odds (it never leaves 0 to 1 and covers better
        in small samples and near the ends); ``plain`` on the value itself, cut off at 0 and 1.

    References
    ----------
    Pepe MS. The Statistical Evaluation of Medical Tests for Classification and Prediction.
    Oxford 2003, section 5.2.
    """
    z = z_quantile(alpha)
    if scale == "plain":
        return max(0.0, value - z * error), min(1.0, value + z * error)
    centre = float(logit(value))
    half = z * error / (value * (1.0 - value))
    return float(expit(centre - half)), float(expit(centre + half))


def wilson(successes: int, total: int, alpha: float = 0.05) -> Estimate:
    """Return a proportion with Wilson's score interval.

    References
    ----------
    Wilson EB. Probable inference, the law of succession, and statistical inference.
    J Am Stat Assoc 1927;22:209.
    """
    if total == 0:
        return undefined("no patient in the denominator")
    z2 = z_quantile(alpha) ** 2
    share = successes / total
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * total)) / total) / (1 + z2 / total)
    lower = 0.0 if successes == 0 else centre - half
    upper = 1.0 if successes == total else centre + half
    return Estimate(share, lower, upper, f"{successes}/{total}, Wilson score interval")


def bootstrap_counts(strata: ArrayLike, repeats: int, rng: np.random.Generator) -> Floats:
    """Draw bootstrap samples of patients, each stratum to its own size.

    Parameters
    ----------
    strata
        A label per patient; patients are drawn with replacement within their label (cohort).
    repeats
        Number of bootstrap samples.

    Returns
    -------
    array, shape (repeats, patients)
        How often each patient is in each sample. A statistic that is a sum over patients is
        then one matrix product for all samples.
    """
    labels = np.asarray(strata).ravel()
    counts = np.zeros((repeats, labels.size))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        share = np.full(members.size, 1.0 / members.size)
        counts[:, members] = rng.multinomial(members.size, share, size=repeats)
    return counts


def percentile_interval(samples: Floats, alpha: float = 0.05) -> tuple[float, float]:
    """Return the percentile interval of the samples that exist; NaN if fewer than half do."""
    finite = samples[np.isfinite(samples)]
    if finite.size < max(2, samples.size // 2):
        return math.nan, math.nan
    lower, upper = np.quantile(finite, [alpha / 2.0, 1.0 - alpha / 2.0])
    return float(lower), float(upper)


def bootstrap_estimate(value: float, samples: Floats, name: str, alpha: float = 0.05) -> Estimate:
    """Return an estimate with the percentile interval of its bootstrap samples."""
    lower, upper = percentile_interval(samples, alpha)
    used = int(np.isfinite(samples).sum())
    method = f"{name}; percentile interval of {used} bootstrap samples of patients"
    if math.isnan(lower):
        method = f"{name}; no interval: defined in {used} of {samples.size} bootstrap samples only"
    return Estimate(value, lower, upper, method)
