"""Grey level co-occurrence features (IBSI LFYI), by PyRadiomics' formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.extract.fast.discretise import Levels
from rigoromics.extract.fast.jit import njit
from rigoromics.extract.fast.kernels import FloatArray
from rigoromics.extract.fast.layout import LongArray
from rigoromics.extract.fast.spectrum import second_eigenvalues

NAMES = [
    "Autocorrelation",
    "JointAverage",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "JointEnergy",
    "JointEntropy",
    "Imc1",
    "Imc2",
    "Idm",
    "Idmn",
    "Id",
    "Idn",
    "InverseVariance",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
]
FEATURES = len(NAMES)
EPSILON = float(np.spacing(1))
# Below it a second eigenvalue may be nothing but rounding.
NOISE = 1e-12


def cooccurrence(pairs: LongArray, levels: Levels, merged: bool, mcc: bool) -> dict[str, float]:
    """Return GLCM features: of the summed matrix, or averaged over directions.

    Parameters
    ----------
    pairs
        (directions, levels, levels) pairs of levels in each direction, one way only.
    levels
        The ROI in grey levels.
    merged
        Sum the matrices of all directions first.
    mcc
        Whether the maximal correlation coefficient is wanted; it costs as much as the rest.
    """
    if merged:
        pairs = pairs.sum(axis=0, keepdims=True)
    chances = chances_of(pairs)
    if not len(chances):
        return dict.fromkeys([*NAMES, "MCC"], np.nan)
    means = mean_summaries(chances, levels.grey, levels.highest)
    found = dict(zip(NAMES, means.tolist(), strict=True))
    if mcc:
        found["MCC"] = maximal_correlation(chances)
    return found


@njit
def chances_of(pairs: LongArray) -> FloatArray:
    """Return the chance of each pair of levels, either way, in directions that have any."""
    totals = pairs.sum(axis=2).sum(axis=1)
    directions = np.flatnonzero(totals)
    chances = np.empty((len(directions), *pairs.shape[1:]))
    for k, direction in enumerate(directions):
        both = pairs[direction] + pairs[direction].T
        chances[k] = both / (2.0 * totals[direction])
    return chances


@njit
def mean_summaries(chances: FloatArray, grey: FloatArray, highest: int) -> FloatArray:
    """Return the mean over directions of each of :func:`summaries`.

    Rounding can make one direction's coefficient undefined; PyRadiomics leaves it out.
    """
    total, number = np.zeros(FEATURES), np.zeros(FEATURES)
    for p in chances:
        each = summaries(p, grey, highest)
        for i, value in enumerate(each):
            if np.isfinite(value):
                total[i] += value
                number[i] += 1
    return total / number


@njit
def summaries(p: FloatArray, grey: FloatArray, highest: int) -> FloatArray:
    """Return the features of one symmetric matrix, in the order of `NAMES`.

    Parameters
    ----------
    p
        (levels, levels) chance of each pair of levels.
    grey
        (levels,) grey level of each row.
    highest
        The highest grey level.
    """
    n = len(grey)
    margin = p.sum(axis=1)
    mean = (margin * grey).sum()
    sums = np.zeros(2 * highest + 1)
    gaps = np.zeros(highest)
    auto, prominence, shade, tendency, contrast = 0.0, 0.0, 0.0, 0.0, 0.0
    variance, covariance, energy, entropy, highest_chance = 0.0, 0.0, 0.0, 0.0, 0.0
    as_if_apart, apart = 0.0, 0.0
    for i in range(n):
        off_i = grey[i] - mean
        variance += margin[i] * off_i * off_i
        # The matrix is symmetric: a pair of levels stands for itself and its mirror image.
        for j in range(i, n):
            times = 1.0 if i == j else 2.0
            product = margin[i] * margin[j]
            log_product = np.log2(product + EPSILON)
            apart -= times * product * log_product
            each = p[i, j]
            if each == 0.0:
                continue
            chance = times * each
            off = off_i + grey[j] - mean
            off_2 = off * off
            gap = abs(grey[i] - grey[j])
            auto += chance * grey[i] * grey[j]
            tendency += chance * off_2
            shade += chance * off_2 * off
            prominence += chance * off_2 * off_2
            contrast += chance * gap * gap
            covariance += chance * off_i * (grey[j] - mean)
            energy += chance * each
            entropy -= chance * np.log2(each + EPSILON)
            as_if_apart -= chance * log_product
            highest_chance = max(highest_chance, each)
            sums[int(grey[i] + grey[j])] += chance
            gaps[int(gap)] += chance
    margin_entropy = -(margin * np.log2(margin + EPSILON)).sum()
    correlation = covariance / (variance + EPSILON) if variance != 0.0 else 1.0
    imc1 = (entropy - as_if_apart) / margin_entropy if margin_entropy != 0.0 else 0.0
    imc2 = np.sqrt(1.0 - np.exp(-2.0 * (apart - entropy))) if apart != entropy else 0.0
    k = np.arange(float(highest))
    difference = (k * gaps).sum()
    inverse_variance = (gaps[1:] / k[1:] ** 2).sum()
    return np.array(
        [
            auto,
            mean,
            prominence,
            shade,
            tendency,
            contrast,
            correlation,
            difference,
            -(gaps * np.log2(gaps + EPSILON)).sum(),
            (gaps * (k - difference) ** 2).sum(),
            energy,
            entropy,
            imc1,
            imc2,
            (gaps / (1.0 + k * k)).sum(),
            (gaps / (1.0 + k * k / highest**2)).sum(),
            (gaps / (1.0 + k)).sum(),
            (gaps / (1.0 + k / highest)).sum(),
            inverse_variance,
            highest_chance,
            (np.arange(2.0 * highest + 1) * sums).sum(),
            -(sums * np.log2(sums + EPSILON)).sum(),
            variance,
        ]
    )


def maximal_correlation(chances: FloatArray) -> float:
    """Return the mean over directions of the root of the second largest eigenvalue of Q.

    Parameters
    ----------
    chances
        (directions, levels, levels) symmetric chances of pairs.
    """
    if chances.shape[1] < 2:
        return 1.0
    seconds = second_eigenvalues_of_q(chances)
    if (seconds < NOISE).any():
        # What rounding leaves below zero has no root, and PyRadiomics' mean does without it, but
        # not where another direction's eigenvalues are complex: all are solved together.
        with np.errstate(invalid="ignore"):
            roots = np.sqrt(_eigenvalues_of_q(chances)[:, -2])
        return float(np.nanmean(roots).real)
    return float(np.sqrt(seconds).mean())


def second_eigenvalues_of_q(chances: FloatArray) -> FloatArray:
    """Return the second largest eigenvalue of PyRadiomics' Q of each matrix.

    Parameters
    ----------
    chances
        (matrices, levels, levels) symmetric chances of pairs, at least two levels.
    """
    seconds = second_eigenvalues(chances)
    direct = np.isnan(seconds)
    if direct.any():
        seconds[direct] = _eigenvalues_of_q(chances[direct])[:, -2].real
    return seconds


def _eigenvalues_of_q(chances: FloatArray) -> npt.NDArray[np.inexact[Any]]:
    """Return the eigenvalues of each Q, the largest last, summed up in PyRadiomics' order.

    Where one is zero, what is found is rounding; the order makes it the same rounding.
    """
    p = np.ascontiguousarray(chances.transpose(1, 2, 0))
    left, right = p.sum(axis=1), p.sum(axis=0)
    q = np.zeros(p.shape)
    for level in range(len(p)):
        q += p[:, None, level] * p[None, :, level] / (left[:, None] * right[level] + EPSILON)
    found: npt.NDArray[np.inexact[Any]] = np.linalg.eigvals(q.transpose(2, 0, 1))
    found.sort()
    return found
