"""Intraclass correlation coefficients with confidence intervals, for all features at once.

Sources
-------
Shrout and Fleiss, Psychol Bull 1979;86:420-428 (the six forms).
McGraw and Wong, Psychol Methods 1996;1:30-46 (names by definition, intervals of ICC(A,1)).
Donner and Koval, Biometrics 1980;36:19-25 (one-way form with unequal numbers of repeats).
Searle, Casella and McCulloch, Variance Components, 1992 (two-way forms with missing cells).
Burdick and Graybill, Confidence Intervals on Variance Components, 1992 (intervals of both).
Koo and Li, J Chiropr Med 2016;15:155-163 (which form for which design).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import fdtri

from rigoromics.errors import DataError
from rigoromics.stability.mean_squares import Array, MeanSquares, one_way, two_way

IccForm = Literal["ICC(1,1)", "ICC(A,1)", "ICC(C,1)", "ICC(1,k)", "ICC(A,k)", "ICC(C,k)"]

SHROUT_FLEISS: dict[str, IccForm] = {
    "ICC(2,1)": "ICC(A,1)",
    "ICC(3,1)": "ICC(C,1)",
    "ICC(2,k)": "ICC(A,k)",
    "ICC(3,k)": "ICC(C,k)",
}


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
        Repeats per subject; with unequal numbers, the average that the model implies.
    interval
        What the limits rest on: ``exact`` (F distribution), ``Satterthwaite`` (the forms of
        absolute agreement) or ``unweighted means`` (wherever measurements are missing).
    """

    estimate: Array
    lower: Array
    upper: Array
    n: npt.NDArray[np.int64]
    k: Array
    interval: npt.NDArray[np.str_]


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
    Missing measurements. A subject with a single measurement says nothing about repeats and is
    left out; all others count. The estimates are ratios of variance components from the analysis
    of variance: with unequal group sizes in the one-way form, and in the two-way forms from sums
    of squares that are adjusted for raters and subjects by least squares (Henderson's method 3).
    No exact interval exists then. Its limits come from the F distribution of the unweighted
    means of the subjects, with the harmonic mean of the repeats (Thomas and Hultquist 1978), and
    are widened to hold the estimate where they would not.

    A feature is undefined (NaN, with its `n`) when fewer than two subjects or raters are left, or
    when it does not vary beyond rounding.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 3:
        raise ValueError(
            f"values must have axes (features, subjects, raters), not {data.ndim} axes"
        )
    which = icc_form(form)
    squares = one_way(data) if which.startswith("ICC(1") else two_way(data)
    agreement = which.startswith("ICC(A")
    alpha = (1.0 - confidence) / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = _estimate(squares, agreement)
        lower, upper = _agreement(squares, alpha, estimate) if agreement else _ratio(squares, alpha)
        # The interval rests on other sums of squares than the estimate where cells are missing.
        lower = np.where(squares.balanced, lower, np.minimum(lower, estimate))
        upper = np.where(squares.balanced, upper, np.maximum(upper, estimate))
        if which.endswith("k)"):
            estimate, lower, upper = (_average(v, squares.k) for v in (estimate, lower, upper))
    usual = "Satterthwaite" if agreement else "exact"
    interval = np.where(squares.balanced, usual, "unweighted means")
    return Icc(estimate, lower, upper, squares.n.astype(np.int64), squares.k, interval)


def _estimate(squares: MeanSquares, agreement: bool) -> Array:
    """Return the coefficient of a single measurement: subject variance over all variance."""
    between, error, k = squares.subjects, squares.error, squares.k
    if not agreement:
        return np.asarray((between - error) / (between + (k - 1.0) * error))
    shift = k * (squares.raters - error) / squares.per_rater
    return np.asarray((between - error) / (between + (k - 1.0) * error + shift))


def _ratio(squares: MeanSquares, alpha: float) -> tuple[Array, Array]:
    """Return the limits of ICC(1,1), or of ICC(C,1) from two-way mean squares.

    Written without dividing by the error, so that perfect agreement gives 1 and not NaN.
    """
    between, error, k, df = squares.means, squares.error, squares.k_means, squares.df_error
    f_lower = fdtri(squares.n - 1.0, df, 1.0 - alpha)
    f_upper = 1.0 / fdtri(df, squares.n - 1.0, 1.0 - alpha)

    def coefficient(f: Array) -> Array:
        return np.asarray((between - f * error) / (between + (k - 1.0) * f * error))

    return coefficient(f_lower), coefficient(f_upper)


def _agreement(squares: MeanSquares, alpha: float, rho: Array) -> tuple[Array, Array]:
    """Return the limits of ICC(A,1), whose degrees of freedom are Satterthwaite's."""
    between, raters, error = squares.means, squares.raters, squares.error
    # With missing cells n is the effective number of subjects per rater, as in the mean square.
    n, k, subjects = squares.per_rater, squares.k_means, squares.n
    a = k * rho * raters
    b = (n * (1.0 + (k - 1.0) * rho) - k * rho) * error
    df = (a + b) ** 2 / (a**2 / squares.df_raters + b**2 / squares.df_error)
    f_lower = fdtri(subjects - 1.0, df, 1.0 - alpha)
    f_upper = fdtri(df, subjects - 1.0, 1.0 - alpha)
    noise = k * raters + (k * n - k - n) * error
    lower = n * (between - f_lower * error) / (f_lower * noise + n * between)
    upper = n * (f_upper * between - error) / (noise + n * f_upper * between)
    perfect = (error == 0.0) & (raters == 0.0) & (between > 0.0)
    return np.where(perfect, 1.0, lower), np.where(perfect, 1.0, upper)


def _average(single: Array, k: Array) -> Array:
    """Step a single-measurement coefficient up to the mean of k (Spearman and Brown)."""
    return np.asarray(k * single / (1.0 + (k - 1.0) * single))
