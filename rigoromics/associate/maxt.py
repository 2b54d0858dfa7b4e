"""Family-wise error by permutation: the largest statistic of all features under no association.

References
----------
Westfall PH, Young SS. Resampling-Based Multiple Testing. Wiley 1993 (single-step maxT).
Phipson B, Smyth GK. Stat Appl Genet Mol Biol 2010;9:39 (why one is added).
Therneau TM, Grambsch PM, Fleming TR. Martingale-based residuals for survival models. Biometrika
1990;77:147.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from rigoromics.evaluate.estimate import Bools, Floats

BLOCK = 256


def standardised_ranks(values: Floats) -> Floats:
    """Return the ranks of each column with mean 0 and variance 1; missing and constant: 0."""
    ranks = rankdata(values, axis=0, nan_policy="omit")
    spread = np.nanstd(ranks, axis=0)
    centred = (ranks - np.nanmean(ranks, axis=0)) / np.where(spread > 0, spread, 1.0)
    return np.asarray(np.nan_to_num(centred))


def martingale_residuals(time: Floats, event: Bools) -> Floats:
    """Return event - cumulative hazard (Nelson-Aalen) at each patient's time."""
    distinct, place = np.unique(time, return_inverse=True)
    at_risk = (time[None, :] >= distinct[:, None]).sum(axis=1)
    deaths = np.bincount(place, weights=event, minlength=len(distinct))
    return np.asarray(event - np.cumsum(deaths / at_risk)[place])


def class_contrasts(codes: npt.NDArray[np.int64]) -> Floats:
    """Return one column per class: 1 / sqrt(size) for its patients.

    Squared sums of ranks then add to Kruskal and Wallis' statistic, but for a constant.
    """
    indicators = (codes[:, None] == np.unique(codes)[None, :]).astype(np.float64)
    return np.asarray(indicators / np.sqrt(indicators.sum(axis=0)))


def max_t(
    columns: Floats, contrasts: Floats, permutations: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return family-wise adjusted p-values of all features.

    Parameters
    ----------
    columns
        Standardised features, shape (patients, features).
    contrasts
        What the outcome says of each patient, shape (patients, contrasts). Patients' rows are
        permuted jointly, so that correlations between features stay.
    permutations
        How many.
    rng
        Where they come from.

    Returns
    -------
    p, adjusted : arrays, shape (features,)
        Permutation p-value of each feature alone, and by the largest statistic of all.
    """
    observed = _statistic(columns, contrasts[None])[0]
    above = np.zeros(columns.shape[1])
    above_largest = np.zeros(columns.shape[1])
    for start in range(0, permutations, BLOCK):
        count = min(BLOCK, permutations - start)
        drawn = np.stack([contrasts[rng.permutation(len(contrasts))] for _ in range(count)])
        found = _statistic(columns, drawn)
        # Sums in another order differ in the last digits: equal statistics must count as equal.
        above += (found >= observed * (1 - 1e-9)).sum(axis=0)
        above_largest += (found.max(axis=1)[:, None] >= observed * (1 - 1e-9)).sum(axis=0)
    return (above + 1) / (permutations + 1), (above_largest + 1) / (permutations + 1)


def _statistic(columns: Floats, contrasts: Floats) -> Floats:
    """Return the sum of squared contrasts, shape (permutations, features)."""
    return np.asarray((np.einsum("pnk,nf->pkf", contrasts, columns, optimize=True) ** 2).sum(1))
