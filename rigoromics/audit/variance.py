"""How much of each feature's variance each factor of acquisition explains.

A linear model of all factors together (:mod:`rigoromics.audit.model`), on normal scores of the
feature, gives each factor what it explains beyond the others (type II sums of squares). Shares
are partial omega squared: partial eta squared grows with the number of levels even where there is
nothing to explain, by about df / (n - 1), so that a factor of ten levels would look worse than one
of two for no other reason; omega squared takes that part away (Olejnik and Algina, Psychol Methods
2003;8:434). Both are reported.

Whether a factor changes features at all is asked once per factor: the sum of what it explains over
all features, against the same sum after the residuals of the model without it have been permuted,
patients as wholes (Freedman and Lane, J Bus Econ Stat 1983;1:292; Anderson and Legendre, J Stat
Comput Simul 1999;62:271). That the features are many and resemble one another then does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import f as f_distribution

from rigoromics.audit.factors import Array, normal_scores
from rigoromics.audit.model import Index, Model, basis
from rigoromics.evaluate.multiplicity import benjamini_hochberg

VARIANCE_COLUMNS = [
    *("feature", "factor", "n", "df", "partial_eta2", "partial_omega2", "f", "p", "p_adjusted"),
]
_CONSTANT = 1e-10
# Permutations worked on at once.
_AT_ONCE = 50


def variance_explained(values: Array, features: Sequence[str], model: Model) -> pd.DataFrame:
    """Return what each factor explains of each feature.

    Parameters
    ----------
    values
        Features of all patients offered to the model, shape (patients, features); NaN missing.
        Development patients only.
    features
        Names of the features.
    model
        See :func:`rigoromics.audit.model.build_model`.

    Returns
    -------
    pandas.DataFrame
        Columns :data:`VARIANCE_COLUMNS`; one row per factor and feature. Of a constant feature, or
        one with too few values, shares and p are NaN. `p` is that of the F test; `p_adjusted`
        controls the false discovery rate over all features and factors of the table.
    """
    if not model.columns:
        return pd.DataFrame(columns=VARIANCE_COLUMNS)
    own = values[model.rows]
    known = np.isfinite(own)
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    parts = []
    for number in range(patterns.shape[1]):
        chosen = np.flatnonzero(which.ravel() == number)
        parts.append(_explained(own, features, chosen, patterns[:, number], model))
    if not parts:
        return pd.DataFrame(columns=VARIANCE_COLUMNS)
    table = pd.concat(parts, ignore_index=True)
    order = {name: place for place, name in enumerate(features)}
    ranked = table.assign(_place=table["feature"].map(order))
    factor_order = {name: place for place, name in enumerate(model.columns)}
    ranked = ranked.assign(_factor=table["factor"].map(factor_order))
    table = ranked.sort_values(["_factor", "_place"], ignore_index=True)
    table["p_adjusted"] = benjamini_hochberg(table["p"].to_numpy())
    return table[VARIANCE_COLUMNS]


def _explained(
    values: Array,
    features: Sequence[str],
    chosen: Index,
    rows: npt.NDArray[np.bool_],
    model: Model,
) -> pd.DataFrame:
    """Return the shares of features that are known in the same patients."""
    scores = normal_scores(values[np.ix_(np.flatnonzero(rows), chosen)])
    n = int(rows.sum())
    total = ((scores - scores.mean(axis=0)) ** 2).sum(axis=0) if n else np.zeros(len(chosen))
    parts = []
    for name in model.columns:
        full, rest = (basis(design[rows]) for design in model.designs(name))
        error = _residual(scores, full)
        free = n - full.shape[1]
        usable = (total > _CONSTANT) & (error > _CONSTANT * np.maximum(total, 1e-300))
        df = full.shape[1] - rest.shape[1]
        gained = np.maximum(_residual(scores, rest) - error, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = error / free if free > 0 else np.full(len(chosen), np.nan)
            ratio = gained / df / mean if df else np.full(len(chosen), np.nan)
            eta = gained / (gained + error)
            omega = (gained - df * mean) / (gained + (n - df) * mean)
        valid = usable & (df > 0) & (free > 0)
        parts.append(
            pd.DataFrame(
                {
                    "feature": [features[place] for place in chosen],
                    "factor": name,
                    "n": n,
                    "df": df,
                    "partial_eta2": np.where(valid, eta, np.nan),
                    "partial_omega2": np.where(valid, omega, np.nan),
                    "f": np.where(valid, ratio, np.nan),
                    "p": np.where(
                        valid, f_distribution.sf(ratio, max(df, 1), max(free, 1)), np.nan
                    ),
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _residual(scores: Array, basis: Array) -> Array:
    """Return the residual sum of squares of each column."""
    return np.asarray(((scores - basis @ (basis.T @ scores)) ** 2).sum(axis=0))


def global_p(values: Array, model: Model, permutations: int, seed: int) -> dict[str, float]:
    """Return for each factor the p-value that it changes no feature at all.

    Parameters
    ----------
    values
        As in :func:`variance_explained`; a missing value stands at the middle of its feature.
    model
        The model.
    permutations
        How many times residuals are permuted; the least p is 1 / (1 + permutations).
    seed
        Seed of the permutations.
    """
    scores = normal_scores(values[model.rows])
    scores = np.nan_to_num(scores[:, np.isfinite(scores).any(axis=0)])
    found = {}
    for number, name in enumerate(model.columns):
        rng = np.random.default_rng([seed, number])
        full, rest = (basis(design) for design in model.designs(name))
        own = basis(full - rest @ (rest.T @ full))
        residual = scores - rest @ (rest.T @ scores)
        whole = float((residual**2).sum())
        observed = _pseudo_f(residual, whole, own[None], rest[None])[0]
        larger = 0
        for start in range(0, permutations, _AT_ONCE):
            count = min(_AT_ONCE, permutations - start)
            # Moving the patients of the model moves those of the residuals the other way.
            orders = rng.permuted(np.tile(np.arange(len(scores)), (count, 1)), axis=1)
            permuted = _pseudo_f(residual, whole, own[orders], rest[orders])
            larger += int((permuted >= observed * (1 - 1e-12)).sum())
        found[name] = (1 + larger) / (1 + permutations)
    return found


def _pseudo_f(residual: Array, whole: float, own: Array, rest: Array) -> Array:
    """Return what a factor explains over what the full model leaves, summed over features.

    Parameters
    ----------
    residual
        The patients' residuals, shape (rows, features).
    whole
        The sum of their squares.
    own, rest
        Orthonormal bases, shape (permutations, rows, columns): of the factor beyond the others,
        and of the model of the others.
    """
    gained, others = (_explained_of(residual, basis) for basis in (own, rest))
    return np.asarray(gained / np.maximum(whole - gained - others, 1e-300))


def _explained_of(residual: Array, bases: Array) -> Array:
    """Return the sum of squares along each basis, over all features."""
    count, rows, width = bases.shape
    flat = bases.transpose(1, 0, 2).reshape(rows, count * width)
    along = ((residual.T @ flat) ** 2).sum(axis=0)
    return np.asarray(along.reshape(count, width).sum(axis=1))
