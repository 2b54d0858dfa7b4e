"""Intraclass correlation coefficients with confidence intervals, for all features at once.

Sources
-------
Shrout and Fleiss, Psychol Bull 1979;86:420-428 (the six forms).
McGraw and Wong, Psychol Methods 1996;1:30-46 (names by definition, intervals of ICC(A,1)).
Donner and Koval, Biometrics 1980;36:19-25 (one-way form with unequal numbers of repeats).
Koo and Li, J Chiropr Med 2016;15:155-163 (which form for which design).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import fdtri

from rigoromics.errors import DataError

Array = npt.NDArray[np.float64]
IccForm = Literal["ICC(1,1)", "ICC(A,1)", "ICC(C,1)", "ICC(1,k)", "ICC(A,k)", "ICC(C,k)"]

SHROUT_FLEISS: dict[str, IccForm] = {
    "ICC(2,1)": "ICC(A,1)",
    "ICC(3,1)": "ICC(C,1)",
    "ICC(2,k)": "ICC(A,k)",
    "ICC(3,k)": "ICC(C,k)",
}

# A spread below this share of the mean is rounding, not variation between patients.
CONSTANT = 1e-12


@dataclass(frozen=True)
class Icc:
    """ICC of each feature; every array has shape (features,).

    Attributes
    ----------
    estimate, lower, upper
        The coefficient and its confidence limits; NaN where it is undefined.
    n
        Subjects used.
    k
        Repeats per subject; with unequal numbers, the average that the one-way model implies.
    """

    estimate: Array
    lower: Array
    upper: Array
    n: npt.NDArray[np.int64]
    k: Array


@dataclass(frozen=True)
class _MeanSquares:
    """Mean squares of the analysis of variance, one value per feature."""

    subjects: Array
    raters: Array
    error: Array
    n: Array
    k: Array
    df_error: Array


def icc_form(name: str) -> IccForm:
    """Return the McGraw and Wong name of an ICC form; Shrout and Fleiss names are understood.

    Examples
    --------
    >>> icc_form("ICC(2,1)")
    'ICC(A,1)'
    """
    form = SHROUT_FLEISS.get(name, name)
    for known in get_args(IccForm):
        if form == known:
            return known  # type: ignore[no-any-return]
    raise DataError(
        f"'{name}' is no form of the intraclass correlation",
        "Choose one of " + ", ".join([*get_args(IccForm), *SHROUT_FLEISS]),
    )


def icc(values: npt.ArrayLike, form: str = "ICC(A,1)", confidence: float = 0.95) -> Icc:
    """Return one form of the ICC for every feature.

    Parameters
    ----------
    values
        Measurements, shape (features, subjects, raters); NaN where a measurement is missing.
    form
        ``ICC(1,1)`` one-way random; ``ICC(A,1)`` two-way, absolute agreement; ``ICC(C,1)``
        two-way, consistency; the same with ``k`` for the mean of all raters.
    confidence
        Coverage of the F-based interval.

    Returns
    -------
    Icc
        Arrays of shape (features,).

    Raises
    ------
    DataError
        If the form is unknown.
    ValueError
        If `values` does not have three axes.

    Notes
    -----
    Missing measurements. The two-way forms use, feature by feature, the subjects measured by
    *every* rater. The one-way form, which does not tell raters apart, uses every subject with at
    least two measurements; with unequal numbers `k` is the average of Donner and Koval and the
    interval, exact when balanced, becomes approximate.

    A feature is undefined (NaN, with its `n`) when fewer than two subjects or raters are left, or
    when it does not vary beyond rounding.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 3:
        raise ValueError(
            f"values must have axes (features, subjects, raters), not {data.ndim} axes"
        )
    which = icc_form(form)
    squares = _one_way(data) if which.startswith("ICC(1") else _two_way(data)
    alpha = (1.0 - confidence) / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        interval = _agreement if which.startswith("ICC(A") else _ratio
        single = interval(squares, alpha)
        estimate, lower, upper = (
            (_average(v, squares.k) for v in single) if which.endswith("k)") else single
        )
    return Icc(estimate, lower, upper, squares.n.astype(np.int64), squares.k)


def _two_way(data: Array) -> _MeanSquares:
    """Return the two-way mean squares over the subjects that all raters measured."""
    k = data.shape[2]
    complete = np.asarray(np.isfinite(data).all(axis=2))
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
        return _MeanSquares(
            subjects=np.where(undefined, np.nan, ss_subjects / (n - 1.0)),
            raters=np.where(undefined, np.nan, ss_raters / (k - 1.0)),
            error=np.where(undefined, np.nan, ss_error / df_error),
            n=n,
            k=np.full_like(n, k),
            df_error=df_error,
        )


def _one_way(data: Array) -> _MeanSquares:
    """Return the one-way mean squares over the subjects with two measurements or more."""
    present = np.isfinite(data)
    present &= (present.sum(axis=2) >= 2)[:, :, None]
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
        return _MeanSquares(
            subjects=np.where(undefined, np.nan, ss_subjects / (n - 1.0)),
            raters=np.full_like(n, np.nan),
            error=np.where(undefined, np.nan, error),
            n=n,
            k=np.where(n >= 2, k, np.nan),
            df_error=total - n,
        )


def _centred(data: Array, used: npt.NDArray[np.bool_], count: Array) -> tuple[Array, Array]:
    """Return the used values less their mean (zero where unused), and that mean, per feature."""
    if used.size and used.all():
        mean = data.mean(axis=(1, 2))
        return data - mean[:, None, None], mean
    kept = np.where(used, data, 0.0)
    mean = kept.sum(axis=(1, 2)) / np.maximum(count, 1.0)
    return np.where(used, kept - mean[:, None, None], 0.0), mean


def _undefined(ss_total: Array, mean: Array, n: Array, count: Array) -> npt.NDArray[np.bool_]:
    """Return which features do not vary, or have fewer than two subjects."""
    return np.asarray((n < 2) | (ss_total <= count * (CONSTANT * np.abs(mean)) ** 2))


def _ratio(squares: _MeanSquares, alpha: float) -> tuple[Array, Array, Array]:
    """Return ICC(1,1), or ICC(C,1) from two-way mean squares, with its limits.

    Written without dividing by the error, so that perfect agreement gives 1 and not NaN.
    """
    between, error, k, df = squares.subjects, squares.error, squares.k, squares.df_error
    f_lower = fdtri(squares.n - 1.0, df, 1.0 - alpha)
    f_upper = 1.0 / fdtri(df, squares.n - 1.0, 1.0 - alpha)

    def coefficient(f: Array | float) -> Array:
        return np.asarray((between - f * error) / (between + (k - 1.0) * f * error))

    return coefficient(1.0), coefficient(f_lower), coefficient(f_upper)


def _agreement(squares: _MeanSquares, alpha: float) -> tuple[Array, Array, Array]:
    """Return ICC(A,1) with its limits, whose degrees of freedom are Satterthwaite's."""
    between, raters, error = squares.subjects, squares.raters, squares.error
    n, k = squares.n, squares.k
    rho = (between - error) / (between + (k - 1.0) * error + k * (raters - error) / n)
    a = k * rho * raters
    b = (n * (1.0 + (k - 1.0) * rho) - k * rho) * error
    df = (k - 1.0) * (n - 1.0) * (a + b) ** 2 / ((n - 1.0) * a**2 + b**2)
    f_lower = fdtri(n - 1.0, df, 1.0 - alpha)
    f_upper = fdtri(df, n - 1.0, 1.0 - alpha)
    noise = k * raters + (k * n - k - n) * error
    lower = n * (between - f_lower * error) / (f_lower * noise + n * between)
    upper = n * (f_upper * between - error) / (noise + n * f_upper * between)
    perfect = (error == 0.0) & (raters == 0.0) & (between > 0.0)
    return rho, np.where(perfect, 1.0, lower), np.where(perfect, 1.0, upper)


def _average(single: Array, k: Array) -> Array:
    """Step a single-measurement coefficient up to the mean of k (Spearman and Brown)."""
    return np.asarray(k * single / (1.0 + (k - 1.0) * single))
