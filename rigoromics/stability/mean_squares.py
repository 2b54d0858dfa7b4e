"""Mean squares of the analysis of variance of repeated measurements, for all features at once.

Sources
-------
Henderson, Biometrics 1953;9:226-252 (method 3: fitting constants, for cells that are missing).
Searle, Casella and McCulloch, Variance Components, 1992, chapter 5 (expectations of the sums).
Thomas and Hultquist, Ann Stat 1978;6:582-587 (unweighted means, for intervals).
Burdick and Graybill, Confidence Intervals on Variance Components, 1992, chapter 6 (the same for
two-way layouts).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# A spread below this share of the mean is rounding, not variation between patients.
CONSTANT = 1e-12


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares, and what they are made of; every array has shape (features,).

    Attributes
    ----------
    subjects
        Between subjects, adjusted for raters in the two-way layout; its expectation is
        ``k`` subject variances and one error variance.
    raters
        Between raters, adjusted for subjects: ``per_rater`` rater variances and one error
        variance. NaN in the one-way layout.
    error
        Within subjects; what neither subject nor rater explains in the two-way layout.
    means, k_means
        The variance of the unweighted subject means times ``k_means``; its expectation is
        ``k_means`` subject variances and one error variance. Unlike `subjects` it is close to a
        multiple of chi-square however large the subject variance is, so intervals take it.
    n
        Subjects with two measurements or more.
    k, per_rater
        Effective numbers of repeats per subject, and of subjects per rater.
    df_raters, df_error
        Degrees of freedom.
    balanced
        Whether every subject has every measurement. Then `means` is `subjects`.
    """

    subjects: Array
    raters: Array
    error: Array
    means: Array
    k_means: Array
    n: Array
    k: Array
    per_rater: Array
    df_raters: Array
    df_error: Array
    balanced: Flags


def one_way(data: Array) -> MeanSquares:
    """Return the mean squares of the one-way layout, which does not tell raters apart.

    Parameters
    ----------
    data
        Shape (features, subjects, raters); NaN where a measurement is missing.
    """
    present = used(data)
    repeats = present.sum(axis=2).astype(np.float64)
    n = (repeats > 0).sum(axis=1).astype(np.float64)
    total = repeats.sum(axis=1)
    centred, mean = _centred(data, present, total)
    by_subject = centred.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        ss_total = np.einsum("fsr,fsr->f", centred, centred)
        ss_subjects = (by_subject**2 / np.maximum(repeats, 1.0)).sum(axis=1)
        undefined = _undefined(ss_total, mean, n, total)
        k = (total - (repeats**2).sum(axis=1) / total) / (n - 1.0)
        error = np.maximum(ss_total - ss_subjects, 0.0) / (total - n)
        subjects = ss_subjects / (n - 1.0)
        balanced = _equal(repeats, n, total)
        k_means = n / _inverse(repeats).sum(axis=1)
        means = k_means * _variance(by_subject * _inverse(repeats), repeats > 0, n)
        return MeanSquares(
            subjects=np.where(undefined, np.nan, subjects),
            raters=np.full_like(n, np.nan),
            error=np.where(undefined, np.nan, error),
            means=np.where(undefined, np.nan, np.where(balanced, subjects, means)),
            k_means=np.where(balanced, k, k_means),
            n=n,
            k=np.where(n >= 2, k, np.nan),
            per_rater=np.full_like(n, np.nan),
            df_raters=np.full_like(n, np.nan),
            df_error=total - n,
            balanced=balanced,
        )


def two_way(data: Array) -> MeanSquares:
    """Return the mean squares of the layout of subjects by raters.

    Parameters
    ----------
    data
        Shape (features, subjects, raters); NaN where a measurement is missing.
    """
    present = used(data)
    total = present.sum(axis=(1, 2))
    # Nothing is missing where every subject that counts has all raters.
    full = np.asarray(total == present.any(axis=2).sum(axis=1) * data.shape[2])
    if full.all():
        return _complete(data, present)
    parts = [_complete(data[full], present[full]), _incomplete(data[~full], present[~full])]
    order = np.argsort(np.argsort(~full, kind="stable"), kind="stable")
    return MeanSquares(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])[order]
            for field in fields(MeanSquares)
        }
    )


def used(data: Array) -> Flags:
    """Return which measurements count: those of subjects that have two or more."""
    present = np.isfinite(data)
    present &= (present.sum(axis=2) >= 2)[:, :, None]
    return present


def _complete(data: Array, present: Flags) -> MeanSquares:
    """Return the two-way mean squares where every subject has every rater, or none."""
    k = data.shape[2]
    complete = np.asarray(present.all(axis=2))
    n = complete.sum(axis=1).astype(np.float64)
    centred, mean = _centred(data, complete[:, :, None], n * k)
    by_subject = centred.sum(axis=2)
    by_rater = centred.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ss_total = np.einsum("fsr,fsr->f", centred, centred)
        ss_subjects = np.einsum("fs,fs->f", by_subject, by_subject) / k
        ss_raters = np.einsum("fr,fr->f", by_rater, by_rater) / n
        # The difference of sums can fall a rounding error below zero.
        ss_error = np.maximum(ss_total - ss_subjects - ss_raters, 0.0)
        undefined = _undefined(ss_total, mean, n, n * k) | (k < 2)
        df_error = (n - 1.0) * (k - 1.0)
        subjects = np.where(undefined, np.nan, ss_subjects / (n - 1.0))
        repeats = np.full_like(n, k)
        return MeanSquares(
            subjects=subjects,
            raters=np.where(undefined, np.nan, ss_raters / (k - 1.0)),
            error=np.where(undefined, np.nan, ss_error / df_error),
            means=subjects,
            k_means=repeats,
            n=n,
            k=repeats,
            per_rater=n,
            df_raters=repeats - 1.0,
            df_error=df_error,
            balanced=np.ones(n.shape, dtype=bool),
        )


def _incomplete(data: Array, present: Flags) -> MeanSquares:
    """Return the two-way mean squares by fitting constants: subjects, and raters, by least squares.

    The subjects are absorbed: what is solved, for all features together, are normal equations of
    the size of the raters. Their matrix is singular once for each group of raters that share no
    subject with any other; ones are added within each group to make it regular.
    """
    weight = present.astype(np.float64)
    repeats, rated = weight.sum(axis=2), weight.sum(axis=1)
    n = (repeats > 0).sum(axis=1).astype(np.float64)
    raters, total = (rated > 0).sum(axis=1), repeats.sum(axis=1)
    centred, mean = _centred(data, present, total)
    shares = weight * _inverse(repeats)[:, :, None]
    by_subject = centred.sum(axis=2) * _inverse(repeats)
    by_rater = centred.sum(axis=1)
    # What each rater adds to the means of the subjects, and the normal equations without it.
    deviation = by_rater - np.einsum("fs,fsr->fr", by_subject, weight)
    normal = -shares.swapaxes(1, 2) @ weight
    linked = _linked(normal < 0.0)
    groups = np.where(rated > 0, 1.0 / linked.sum(axis=2), 0.0).sum(axis=1).round()
    normal[:, np.arange(data.shape[2]), np.arange(data.shape[2])] += rated
    inverse = np.linalg.inv(normal + linked)
    effect = np.einsum("frt,ft->fr", inverse, deviation)
    with np.errstate(divide="ignore", invalid="ignore"):
        ss_total = np.einsum("fsr,fsr->f", centred, centred)
        ss_subjects = (repeats * by_subject**2).sum(axis=1)
        ss_raters = np.einsum("fr,fr->f", deviation, effect)
        ss_error = np.maximum(ss_total - ss_subjects - ss_raters, 0.0)
        ss_only_raters = (by_rater**2 * _inverse(rated)).sum(axis=1)
        df_subjects, df_raters = n - groups, raters - groups
        df_error = total - n - df_raters
        undefined = _undefined(ss_total, mean, n, total) | (df_subjects < 1) | (df_error < 1)
        subjects = (ss_subjects + ss_raters - ss_only_raters) / df_subjects
        k = (total - raters) / df_subjects
        fitted = by_subject - np.einsum("fsr,fr->fs", shares, effect)
        k_means = _repeats_of_means(shares, inverse, repeats, n)
        means = k_means * _variance(fitted, repeats > 0, n)
        # Means of subjects that no chain of raters links cannot be compared.
        whole = groups == 1
        return MeanSquares(
            subjects=np.where(undefined, np.nan, subjects),
            raters=np.where(undefined, np.nan, ss_raters / df_raters),
            error=np.where(undefined, np.nan, ss_error / df_error),
            means=np.where(undefined, np.nan, np.where(whole, means, subjects)),
            k_means=np.where(whole, k_means, k),
            n=n,
            k=k,
            per_rater=(total - n) / df_raters,
            df_raters=df_raters,
            df_error=df_error,
            balanced=np.zeros(n.shape, dtype=bool),
        )


def _linked(shared: Flags) -> Array:
    """Return which raters are linked through subjects, directly or by others: ones and zeros.

    Parameters
    ----------
    shared
        Which two raters share a subject, shape (features, raters, raters).
    """
    linked = (shared | np.eye(shared.shape[1], dtype=bool)).astype(np.float64)
    reach = 1
    while reach < shared.shape[1] and not (linked > 0).all():
        linked = ((linked @ linked) > 0).astype(np.float64)
        reach *= 2
    return linked


def _repeats_of_means(shares: Array, inverse: npt.NDArray[Any], repeats: Array, n: Array) -> Array:
    """Return how many repeats the least-squares means of the subjects are worth, on average.

    It is the error variance over the mean variance of the differences of these means, halved:
    the harmonic mean of the repeats, less what estimating the raters' effects costs.
    """
    off = shares - (shares.sum(axis=1) / n[:, None])[:, None, :]
    off *= (repeats > 0)[:, :, None]
    cost = np.einsum("frt,ftr->f", inverse, off.swapaxes(1, 2) @ off)
    return np.asarray((n - 1.0) / ((1.0 - 1.0 / n) * _inverse(repeats).sum(axis=1) + cost))


def _equal(repeats: Array, n: Array, total: Array) -> Flags:
    """Return for which features all subjects that count have equally many repeats."""
    return np.asarray(repeats.max(axis=1, initial=0.0) * n == total)


def _inverse(counts: Array) -> Array:
    """Return one over counts, and zero over zero."""
    return np.asarray(np.where(counts > 0, 1.0 / np.maximum(counts, 1.0), 0.0))


def _variance(values: Array, kept: Flags, n: Array) -> Array:
    """Return the sample variance of each row's kept values."""
    mean = np.where(kept, values, 0.0).sum(axis=1) / n
    off = np.where(kept, values - mean[:, None], 0.0)
    return np.asarray((off**2).sum(axis=1) / (n - 1.0))


def _centred(data: Array, kept: Flags, count: Array) -> tuple[Array, Array]:
    """Return the used values less their mean (zero where unused), and that mean, per feature."""
    if kept.size and kept.all():
        mean = data.mean(axis=(1, 2))
        return data - mean[:, None, None], mean
    values = np.where(kept, data, 0.0)
    mean = values.sum(axis=(1, 2)) / np.maximum(count, 1.0)
    return np.where(kept, values - mean[:, None, None], 0.0), mean


def _undefined(ss_total: Array, mean: Array, n: Array, count: Array) -> Flags:
    """Return which features do not vary, or have fewer than two subjects."""
    return np.asarray((n < 2) | (ss_total <= count * (CONSTANT * np.abs(mean)) ** 2))
