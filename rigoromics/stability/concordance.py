"""Lin's concordance correlation between repeats, of all features at once.

Sources
-------
Lin, Biometrics 1989;45:255-268, corrected 2000;56:324-325 (two repeats, and their interval).
Barnhart, Haber and Song, Biometrics 2002;58:1020-1027 (overall concordance of more repeats).
King and Chinchilli, Stat Med 2001;20:2131-2147 (that it is a mean over pairs of repeats).
Feng, Svetnik, Coimbra and Baumgartner, J Biopharm Stat 2014;24:272-293 (that the jackknife on
Fisher's z scale holds its coverage).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from rigoromics.stability.mean_squares import CONSTANT, Array, used


@dataclass(frozen=True)
class Concordance:
    """Concordance correlation of each feature; every array has shape (features,).

    Attributes
    ----------
    estimate, lower, upper
        1: all repeats are equal; NaN where it is undefined. The limits are on Fisher's z scale.
    n
        Subjects used.
    """

    estimate: Array
    lower: Array
    upper: Array
    n: npt.NDArray[np.int64]


def concordance(values: npt.ArrayLike, confidence: float = 0.95) -> Concordance:
    """Return the concordance correlation coefficient of every feature.

    Parameters
    ----------
    values
        Measurements, shape (features, subjects, repeats); NaN where a measurement is missing.
    confidence
        Coverage of the interval.

    Returns
    -------
    Concordance
        Arrays of shape (features,).

    Notes
    -----
    The coefficient is covariance over covariance plus half the mean squared difference, both
    summed over all pairs of repeats and over the subjects that have the pair. Two repeats: Lin's
    coefficient with his interval, which holds for normal values. More: the overall coefficient of
    Barnhart, where subjects that lack repeats count in the pairs they have. Its interval is the
    jackknife's over subjects, with Student's t: an approximation.
    """
    data = np.asarray(values, dtype=np.float64)
    present = used(data)
    weight = present.astype(np.float64)
    total = weight.sum(axis=(1, 2))
    mean = np.where(present, data, 0.0).sum(axis=(1, 2)) / np.maximum(total, 1.0)
    x = np.where(present, data - mean[:, None, None], 0.0)
    n = present.any(axis=2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        common, apart, shifts, pairs = _by_subject(x, weight)
        flat = (x**2).sum(axis=(1, 2)) <= total * (CONSTANT * np.abs(mean)) ** 2
        undefined = flat | (n < 2)
        shared, differing = common.sum(axis=1), apart.sum(axis=1)
        if data.shape[2] == 2:
            estimate = np.where(undefined, np.nan, shared / (shared + differing))
            z, error = np.arctanh(estimate), _lin_error(x, n, estimate)
            width = ndtri(1.0 - (1.0 - confidence) / 2.0)
        else:
            # Barnhart's variances are divided by one subject less than their mean squares.
            estimate = np.where(undefined, np.nan, shared / (shared + differing - shifts))
            z, error = _jackknife(common, apart, np.asarray(present.any(axis=2)), n, pairs)
            width = stdtrit(n - 1.0, 1.0 - (1.0 - confidence) / 2.0)
        # Equal repeats leave neither an error nor room above.
        equal = estimate >= 1.0
        lower = np.where(equal, 1.0, np.tanh(z - width * error))
        upper = np.where(equal, 1.0, np.tanh(z + width * error))
        lower, upper = (np.where(undefined, np.nan, limit) for limit in (lower, upper))
    return Concordance(estimate, lower, upper, n.astype(np.int64))


def _by_subject(x: Array, weight: Array) -> tuple[Array, Array, Array, Array]:
    """Return what each subject adds to covariance, and to half the squared differences.

    Both of shape (features, subjects), summed over the ordered pairs of a subject's repeats, each
    repeat less its mean over the subjects that have both. Then, of shape (features,), the squared
    differences of these means summed over pairs, and the mean number of subjects of a pair.
    """
    together = weight.swapaxes(1, 2) @ weight
    # mean[j, l]: of repeat j, over the subjects that have j and l.
    mean = (x.swapaxes(1, 2) @ weight) / np.maximum(together, 1.0)
    diagonal = np.arange(x.shape[2])
    mean[:, diagonal, diagonal] = together[:, diagonal, diagonal] = 0.0
    sums, squares, repeats = x.sum(axis=2), (x**2).sum(axis=2), weight.sum(axis=2)
    common = sums**2 - squares
    common -= 2.0 * np.einsum("fsr,fsr->fs", x, weight @ mean)
    common += np.einsum("fsr,fsr->fs", weight, weight @ (mean * mean.swapaxes(1, 2)))
    shifts = ((mean - mean.swapaxes(1, 2)) ** 2).sum(axis=(1, 2)) / 2.0
    pairs = together.sum(axis=(1, 2)) / (together > 0).sum(axis=(1, 2))
    return common, repeats * squares - sums**2, shifts, pairs


def _jackknife(
    common: Array,
    apart: Array,
    kept: npt.NDArray[np.bool_],
    n: npt.NDArray[np.int64],
    pairs: Array,
) -> tuple[Array, Array]:
    """Return Fisher's z without its bias, and its standard error, from leaving subjects out.

    Without a subject the sums of products about the mean fall by `pairs` / (`pairs` - 1) times
    its own: exactly so where nothing is missing.
    """
    shared, differing = common.sum(axis=1), apart.sum(axis=1)
    factor = (pairs / (pairs - 1.0))[:, None]
    left = shared[:, None] - factor * common
    z = np.arctanh(shared / (shared + differing))
    without = np.arctanh(left / (left + differing[:, None] - apart))
    pseudo = np.where(kept, n[:, None] * z[:, None] - (n[:, None] - 1.0) * without, 0.0)
    mean = pseudo.sum(axis=1) / n
    off = np.where(kept, pseudo - mean[:, None], 0.0)
    return mean, np.sqrt((off**2).sum(axis=1) / (n - 1.0) / n)


def _lin_error(x: Array, n: npt.NDArray[np.int64], estimate: Array) -> Array:
    """Return the standard error of Fisher's z of Lin's coefficient, as corrected in 2000."""
    a, b = x[:, :, 0], x[:, :, 1]
    kept = (a != 0.0) | (b != 0.0)
    mean_a, mean_b = a.sum(axis=1) / n, b.sum(axis=1) / n
    off_a = np.where(kept, a - mean_a[:, None], 0.0)
    off_b = np.where(kept, b - mean_b[:, None], 0.0)
    spread = np.sqrt((off_a**2).sum(axis=1) * (off_b**2).sum(axis=1)) / n
    r = (off_a * off_b).sum(axis=1) / n / spread
    shift = (mean_a - mean_b) ** 2 / spread
    c = estimate
    variance = (
        (1.0 - r**2) * c**2 * (1.0 - c**2) / r**2
        + 2.0 * c**3 * (1.0 - c) * shift / r
        - c**4 * shift**2 / (2.0 * r**2)
    ) / (n - 2.0)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)) / (1.0 - c**2))
