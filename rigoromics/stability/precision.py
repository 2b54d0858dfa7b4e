"""How far repeats of one patient lie apart, in the feature's own unit, for all features at once.

Sources
-------
Bland and Altman, BMJ 1996;312:1654 (within-subject standard deviation, repeatability).
Bland and Altman, BMJ 1996;313:106, and Quan and Shih, Biometrics 1996;52:1195-1203
(within-subject coefficient of variation).
Raunig et al., Stat Methods Med Res 2015;24:27-67 (intervals of these, by chi-square).
Bland and Altman, Stat Methods Med Res 1999;8:135-160 (limits of agreement and their intervals).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, stdtrit

from rigoromics.stability.mean_squares import Array, used

# Two repeats of one patient differ by less than the repeatability coefficient in 95 of 100 cases.
NORMAL_95 = 1.96
REPEATABILITY = NORMAL_95 * np.sqrt(2.0)


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence limits; every array has shape (features,)."""

    estimate: Array
    lower: Array
    upper: Array

    def times(self, factor: float) -> Interval:
        """Return the interval of a multiple."""
        return Interval(self.estimate * factor, self.lower * factor, self.upper * factor)


@dataclass(frozen=True)
class Precision:
    """Within-subject variation of each feature.

    Attributes
    ----------
    sd
        Within-subject standard deviation, in the feature's unit.
    cv
        Within-subject coefficient of variation; NaN for a feature that is not positive throughout,
        as a share of the mean then means nothing.
    n
        Subjects with two repeats or more, shape (features,).
    """

    sd: Interval
    cv: Interval
    n: npt.NDArray[np.int64]

    @property
    def repeatability(self) -> Interval:
        """Repeatability coefficient: 1.96 times the root of 2 times the standard deviation."""
        return self.sd.times(REPEATABILITY)


def precision(values: npt.ArrayLike, confidence: float = 0.95) -> Precision:
    """Return the within-subject variation of every feature.

    Parameters
    ----------
    values
        Measurements, shape (features, subjects, repeats); NaN where a measurement is missing.
    confidence
        Coverage of the intervals.

    Notes
    -----
    Variances are pooled over subjects by their degrees of freedom, so subjects may have any
    number of repeats. A systematic difference between repeats counts as variation. The interval
    of the standard deviation is exact for normal values; that of the coefficient of variation,
    the root of the pooled squared coefficients, rests on the same chi-square, an approximation.
    """
    data = np.asarray(values, dtype=np.float64)
    present = used(data)
    repeats = present.sum(axis=2)
    n = (repeats > 0).sum(axis=1)
    degrees = repeats.sum(axis=1) - n
    kept = np.where(present, data, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = kept.sum(axis=2) / np.maximum(repeats, 1)
        off = np.where(present, data - mean[:, :, None], 0.0)
        sums = np.einsum("fsr,fsr->fs", off, off)
        positive = ((data > 0.0) | ~present).all(axis=(1, 2))
        relative = np.where(mean > 0.0, sums / np.where(mean > 0.0, mean, 1.0) ** 2, 0.0)
        squared = np.where(positive, relative.sum(axis=1) / degrees, np.nan)
        return Precision(
            _root(sums.sum(axis=1) / degrees, degrees, confidence),
            _root(squared, degrees, confidence),
            n.astype(np.int64),
        )


def _root(variance: Array, degrees: npt.NDArray[np.int64], confidence: float) -> Interval:
    """Return the root of a pooled variance with its chi-square limits."""
    tail = (1.0 - confidence) / 2.0
    lower, upper = (
        np.sqrt(variance * degrees / chdtri(degrees, probability))
        for probability in (tail, 1 - tail)
    )
    return Interval(np.sqrt(variance), lower, upper)


@dataclass(frozen=True)
class Limits:
    """Bland and Altman's limits of agreement of two repeats, of each feature.

    Attributes
    ----------
    bias
        Mean of the second repeat less the first.
    low, high
        The limits between which 95 of 100 differences lie, each with its own interval.
    n
        Subjects with both repeats, shape (features,).
    """

    bias: Interval
    low: Interval
    high: Interval
    n: npt.NDArray[np.int64]


def limits_of_agreement(
    first: npt.ArrayLike, second: npt.ArrayLike, confidence: float = 0.95
) -> Limits:
    """Return bias and limits of agreement of every feature.

    Parameters
    ----------
    first, second
        The same subjects measured twice, shape (features, subjects); NaN where missing.
    confidence
        Coverage of the intervals, by Student's t.

    Notes
    -----
    A limit is the bias and 1.96 standard deviations of the differences; its variance is that of
    the mean and of the standard deviation (Bland and Altman 1999, section 2). NaN with fewer than
    two subjects.
    """
    difference = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    present = np.isfinite(difference)
    n = present.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(present, difference, 0.0).sum(axis=1) / n
        off = np.where(present, difference - mean[:, None], 0.0)
        sd = np.sqrt((off**2).sum(axis=1) / (n - 1))
        width = stdtrit(n - 1.0, 1.0 - (1.0 - confidence) / 2.0)
        mean = np.where(n < 2, np.nan, mean)
        bias = _around(mean, width * sd / np.sqrt(n))
        half = width * sd * np.sqrt(1.0 / n + NORMAL_95**2 / (2.0 * (n - 1.0)))
        low, high = (_around(mean + side * NORMAL_95 * sd, half) for side in (-1.0, 1.0))
    return Limits(bias, low, high, n.astype(np.int64))


def _around(estimate: Array, half: Array) -> Interval:
    return Interval(estimate, estimate - half, estimate + half)
