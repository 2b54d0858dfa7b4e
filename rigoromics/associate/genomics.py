"""Features against genes, mutations or pathway scores: rank correlations and a permutation FDR.

References
----------
Spearman C. Am J Psychol 1904;15:72. Kendall MG. Biometrika 1942;32:277 (partial correlation).
Tusher VG, Tibshirani R, Chu G. Proc Natl Acad Sci USA 2001;98:5116 (plug-in FDR by permutation).
Storey JD, Tibshirani R. Proc Natl Acad Sci USA 2003;100:9440 (share of true nulls).
Freedman D, Lane D. J Bus Econ Stat 1983;1:292 (permuting residuals).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from rigoromics.associate.maxt import standardised_ranks
from rigoromics.errors import DataError
from rigoromics.evaluate.estimate import Floats
from rigoromics.select.columns import feature_columns, feature_values

# Permuted correlations are counted in bins of this width: memory does not grow with them.
BINS = 20_000
BLOCK = 512
FEWEST = 10
MOST_MISSING = 0.2


@dataclass(frozen=True)
class Associations:
    """Every feature against every gene.

    Attributes
    ----------
    features, genes
        Names, in the order of the matrices.
    mutations
        Which genes hold two values only, shape (genes,).
    r, p, q, p_maxt : arrays, shape (features, genes)
        Rank correlation, its asymptotic p, the permutation FDR, and the family-wise p.
    patients, covariates
        How many patients, and how many columns of covariates.
    null_share
        Estimated share of pairs without association.
    left_out
        Features and genes that do not vary, or are missing in more than a fifth of the patients.
    """

    features: list[str]
    genes: list[str]
    mutations: npt.NDArray[np.bool_]
    r: Floats
    p: Floats
    q: Floats
    p_maxt: Floats
    patients: int
    covariates: int
    null_share: float
    left_out: list[str]


def associate(
    X: pd.DataFrame,
    genes: pd.DataFrame,
    covariates: pd.DataFrame | None = None,
    permutations: int = 100,
    seed: int = 1,
) -> Associations:
    """Return the associations of every feature with every gene.

    Parameters
    ----------
    X
        Development patients with their features, index patient.
    genes
        Numbers, index patient; a column of two values counts as a mutation.
    covariates
        Taken out of the ranks of both sides (partial rank correlation): numbers by rank, text by
        level. Missing: the mean.
    permutations
        Patients are permuted jointly for all genes, so that correlations among features and among
        genes stay; with covariates it is the residuals that are permuted.
    seed
        Where permutations come from.

    Notes
    -----
    Two-valued columns: the rank correlation times sqrt(n - 1) is Mann-Whitney's z, ties corrected.
    Others: t with n - 2 - covariates degrees of freedom. A missing value takes the mean rank.

    FDR at |r|: mean number of permuted pairs at least as large, times the share of true nulls, by
    the observed number; then the smallest at any weaker threshold. The share of true nulls is the
    number of observed |r| below the permuted median by half of all pairs, one at most.
    """
    both = sorted(set(X.index) & set(genes.index))
    if len(both) < FEWEST:
        raise DataError(
            f"{len(both)} development patients have both features and genes",
            f"check the IDs of the gene table; at least {FEWEST} are needed",
        )
    names, columns = feature_columns(X), list(map(str, genes.columns))
    x, keep_x = _usable(feature_values(X.loc[both], names))
    g, keep_g = _usable(genes.loc[both].to_numpy(dtype=np.float64))
    if not (keep_x.any() and keep_g.any()):
        raise DataError("no feature or no gene varies", "look at both tables")
    design = _design(covariates.loc[both] if covariates is not None else None, len(both))
    a, b = _residuals(standardised_ranks(x), design), _residuals(standardised_ranks(g), design)
    mutations = np.array([len(np.unique(c[np.isfinite(c)])) == 2 for c in g.T])
    r = np.clip(a.T @ b, -1.0, 1.0)
    lost = [n for n, k in zip([*names, *columns], [*keep_x, *keep_g], strict=True) if not k]
    q, family, share = _permutation_fdr(a, b, r, permutations, np.random.default_rng(seed))
    degrees = len(both) - 1 - design.shape[1]
    return Associations(
        [n for n, k in zip(names, keep_x, strict=True) if k],
        [n for n, k in zip(columns, keep_g, strict=True) if k],
        mutations,
        r,
        _p_values(r, mutations, degrees),
        q,
        family,
        len(both),
        design.shape[1] - 1,
        share,
        lost,
    )


def pairs(found: Associations, most: int = 5000) -> pd.DataFrame:
    """Return the strongest pairs as a table: feature, gene, kind, r, p, q, p_maxt, patients."""
    order = np.argsort(-np.abs(found.r), axis=None, kind="stable")[:most]
    row, column = np.unravel_index(order, found.r.shape)
    return pd.DataFrame(
        {
            "feature": np.array(found.features)[row],
            "gene": np.array(found.genes)[column],
            "kind": np.where(found.mutations[column], "Mann-Whitney", "Spearman"),
            "r": found.r[row, column],
            "p": found.p[row, column],
            "q": found.q[row, column],
            "p_maxt": found.p_maxt[row, column],
            "patients": found.patients,
        }
    )


def _usable(values: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    values = np.where(np.isfinite(values), values, np.nan)
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=0)
    high = np.where(known, values, -np.inf).max(axis=0)
    kept = (known.mean(axis=0) >= 1 - MOST_MISSING) & (high > low)
    return values[:, kept], np.asarray(kept)


def _design(covariates: pd.DataFrame | None, patients: int) -> Floats:
    """Return an intercept and the covariates, shape (patients, columns), of full rank."""
    columns = [np.ones(patients)]
    for name in covariates.columns if covariates is not None else []:
        column = covariates[name]  # type: ignore[index]
        if pd.api.types.is_numeric_dtype(column):
            columns.append(standardised_ranks(column.to_numpy(dtype=np.float64)[:, None])[:, 0])
            continue
        text = column.astype("string").fillna("missing")
        columns += [(text == level).to_numpy(dtype=np.float64) for level in sorted(set(text))[1:]]
    kept: list[Floats] = []
    for column in columns:
        if np.linalg.matrix_rank(np.column_stack([*kept, column])) > len(kept):
            kept.append(column)
    return np.column_stack(kept)


def _residuals(ranks: Floats, design: Floats) -> Floats:
    """Return ranks without what the design explains, each column of length one."""
    basis, _ = np.linalg.qr(design)
    left = ranks - basis @ (basis.T @ ranks)
    length = np.linalg.norm(left, axis=0)
    explained = length < 1e-8 * np.sqrt(len(ranks))
    return np.asarray(np.where(explained, 0.0, left / np.where(explained, 1.0, length)))


def _p_values(r: Floats, mutations: npt.NDArray[np.bool_], degrees: int) -> Floats:
    """Return two-sided p; `degrees` is n - 1 less the covariates' columns, intercept included."""
    with np.errstate(divide="ignore"):
        t = np.abs(r) * np.sqrt((degrees) / np.maximum(1 - r**2, 0))
    spearman = 2 * stats.t.sf(t, degrees)
    whitney = 2 * stats.norm.sf(np.abs(r) * np.sqrt(degrees + 1))
    return np.asarray(np.where(mutations[None, :], whitney, spearman))


def _permutation_fdr(
    a: Floats, b: Floats, r: Floats, permutations: int, rng: np.random.Generator
) -> tuple[Floats, Floats, float]:
    orders = [rng.permutation(len(a)) for _ in range(permutations)]
    null, largest = np.zeros(BINS + 1), np.zeros(permutations)
    for start in range(0, b.shape[1], BLOCK):
        block = b[:, start : start + BLOCK]
        for number, order in enumerate(orders):
            strength = np.abs(a.T @ block[order])
            null += np.bincount(_bins(strength).ravel(), minlength=BINS + 1)
            largest[number] = max(largest[number], float(strength.max()))
    place = _bins(np.abs(r))
    observed = np.bincount(place.ravel(), minlength=BINS + 1).astype(np.float64)
    median = int(np.searchsorted(np.cumsum(null), null.sum() / 2))
    share = min(1.0, float(observed[:median].sum() / r.size / (null[:median].sum() / null.sum())))
    expected = np.cumsum(null[::-1])[::-1] / permutations * share
    at_least = np.cumsum(observed[::-1])[::-1]
    rate = np.minimum(expected / np.maximum(at_least, 1.0), 1.0)
    # A weaker threshold with a smaller rate serves the stronger pairs too.
    q = np.minimum.accumulate(rate)[place]
    counts = permutations - np.searchsorted(np.sort(largest), np.abs(r) * (1 - 1e-12))
    return q, (counts + 1) / (permutations + 1), share


def _bins(strength: Floats) -> npt.NDArray[np.intp]:
    # A hair is added: equal correlations, summed in another order, must share a bin.
    return np.minimum((strength * BINS + 1e-7).astype(np.intp), BINS)
