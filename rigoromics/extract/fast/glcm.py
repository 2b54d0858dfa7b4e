"""Grey level co-occurrence features (IBSI LFYI), by PyRadiomics' formulas."""

from __future__ import annotations

import numpy as np

from rigoromics.extract.fast import kernels
from rigoromics.extract.fast.discretise import Levels
from rigoromics.extract.fast.grid import Flat
from rigoromics.extract.fast.jit import njit
from rigoromics.extract.fast.kernels import FloatArray

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
EPSILON = float(np.spacing(1))
# Up to so many levels the eigenvalues are found directly.
FEW_LEVELS = 8
# Eigenvalues closer than this, or than ten times what rounding moves them, are found directly.
CLOSE, MOVED_MOST = 1e-4, 0.05
# Steps of inverse iteration; each squares the error.
POLISH = 2


def cooccurrence(flat: Flat, levels: Levels, merged: bool, mcc: bool) -> dict[str, float]:
    """Return GLCM features: of the summed matrix, or averaged over directions.

    Parameters
    ----------
    flat, levels
        The ROI.
    merged
        Sum the matrices of all directions first.
    mcc
        Whether the maximal correlation coefficient is wanted; it costs as much as the rest.
    """
    pairs = kernels.cooccurrences(flat.cells, flat.voxels, flat.halves, flat.levels)
    if merged:
        pairs = pairs.sum(axis=0, keepdims=True)
    pairs = pairs + pairs.transpose(0, 2, 1)
    totals = pairs.sum(axis=(1, 2))
    pairs, totals = pairs[totals > 0], totals[totals > 0]
    if not len(pairs):
        return dict.fromkeys([*NAMES, "MCC"], np.nan)
    chances = pairs / totals[:, None, None]
    grey = levels.present.astype(np.float64)
    each = np.array([summaries(p, grey, levels.highest) for p in chances])
    # Rounding can make one direction's coefficient undefined; PyRadiomics leaves it out.
    known = np.isfinite(each)
    means = np.where(known, each, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    means[~known.any(axis=0)] = np.nan
    found = {name: float(value) for name, value in zip(NAMES, means, strict=True)}
    if mcc:
        found["MCC"] = _maximal_correlation(chances)
    return found


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
        for j in range(n):
            product = margin[i] * margin[j]
            log_product = np.log2(product + EPSILON)
            apart -= product * log_product
            chance = p[i, j]
            if chance == 0.0:
                continue
            off = off_i + grey[j] - mean
            off_2 = off * off
            gap = abs(grey[i] - grey[j])
            auto += chance * grey[i] * grey[j]
            tendency += chance * off_2
            shade += chance * off_2 * off
            prominence += chance * off_2 * off_2
            contrast += chance * gap * gap
            variance += chance * off_i * off_i
            covariance += chance * off_i * (grey[j] - mean)
            energy += chance * chance
            entropy -= chance * np.log2(chance + EPSILON)
            as_if_apart -= chance * log_product
            highest_chance = max(highest_chance, chance)
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


def _maximal_correlation(chances: FloatArray) -> float:
    """Return the mean over directions of the root of the second largest eigenvalue of Q.

    PyRadiomics adds a small number where it divides, which makes Q not quite symmetric and, where a
    level is rare, changes the value from the eighth digit on. So the symmetric problem gives the
    starting point, and inverse iteration on Q itself the value.
    """
    levels = chances.shape[1]
    if levels < 2:
        return 1.0
    margins = chances.sum(axis=2)
    q = chances / (margins[:, :, None] * margins[:, None, :] + EPSILON)
    q = q @ chances.transpose(0, 2, 1)
    seconds = np.full(len(q), np.nan)
    if levels > FEW_LEVELS:
        seconds = _polished(q, chances, margins)
    direct = np.isnan(seconds)
    seconds[direct] = np.sort(np.linalg.eigvals(q[direct]).real, axis=1)[:, -2]
    return float(np.sqrt(np.maximum(seconds, 0.0)).mean())


def _polished(q: FloatArray, chances: FloatArray, margins: FloatArray) -> FloatArray:
    """Return the second largest eigenvalue of each Q; NaN where it lies too close to another.

    Without the small number, Q is similar to the square of a symmetric matrix.
    """
    roots = np.sqrt(np.where(margins > 0, margins, 1.0))
    roots_of_q, vectors = np.linalg.eigh(chances / (roots[:, :, None] * roots[:, None, :]))
    order = np.argsort(np.abs(roots_of_q), axis=1)[:, -3:]
    largest = np.take_along_axis(roots_of_q, order, axis=1) ** 2
    # How far the small number may move an eigenvalue: closer ones may trade places.
    rarest = np.where(margins > 0, margins, 1.0).min(axis=1)
    apart = np.clip(10 * EPSILON / rarest**2, CLOSE, MOVED_MOST)
    clear = np.diff(largest, axis=1).min(axis=1) >= apart
    second = np.take_along_axis(vectors, order[:, None, 1:2], axis=2)[:, :, 0] / roots
    seconds = np.full(len(q), np.nan)
    seconds[clear] = _inverse_iteration(q[clear], largest[clear, 1], second[clear])
    return seconds


def _inverse_iteration(q: FloatArray, values: FloatArray, vectors: FloatArray) -> FloatArray:
    """Return eigenvalues of matrices from approximate values and vectors; NaN where it fails."""
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    try:
        for _ in range(POLISH):
            shifted = q - values[:, None, None] * np.eye(q.shape[1])
            steps = np.linalg.solve(shifted, vectors[:, :, None])[:, :, 0]
            values = values + (vectors * vectors).sum(axis=1) / (vectors * steps).sum(axis=1)
            vectors = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    except np.linalg.LinAlgError:
        return np.full(len(q), np.nan)
    return values
