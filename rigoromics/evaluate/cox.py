"""Cox regression on few covariates, fast enough to be refitted for every cohort and signature.

References
----------
Efron B. The efficiency of Cox's likelihood function for censored data. J Am Stat Assoc
1977;72:557.
Breslow N. Covariance analysis of censored survival data. Biometrics 1974;30:89.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rigoromics.evaluate.estimate import Floats, as_events, as_floats

_ITERATIONS = 50
_LARGEST_COEFFICIENT = 30.0
# On standardised covariates: a standard error of 1,000. Separated groups end up here.
_LEAST_INFORMATION = 1e-6


@dataclass(frozen=True)
class CoxFit:
    """Coefficients (per unit of each column) and their covariance; ``why`` if there are none."""

    coefficients: Floats
    covariance: Floats
    why: str = ""


def fit_cox(time: ArrayLike, event: ArrayLike, covariates: ArrayLike) -> CoxFit:
    """Fit a Cox model by Newton's method with Efron's handling of ties.

    Parameters
    ----------
    covariates : array, shape (patients,) or (patients, columns)
        A few columns.

    Returns
    -------
    CoxFit
        With ``why`` filled and NaN inside where the likelihood has no maximum (no events, a
        constant column, one group without events).
    """
    times, events = as_floats(time), as_events(event)
    X = np.asarray(covariates, dtype=np.float64).reshape(times.size, -1)
    columns = X.shape[1]
    nothing = np.full(columns, np.nan), np.full((columns, columns), np.nan)
    if not events.any():
        return CoxFit(*nothing, why="no events")
    spread = X.std(axis=0)
    if not np.isfinite(X).all() or (spread < 1e-12).any():
        return CoxFit(*nothing, why="a covariate is constant or missing")
    order = np.argsort(-times, kind="stable")
    Z = ((X - X.mean(axis=0)) / spread)[order]
    beta = np.zeros(columns)
    value, gradient, information = _likelihood(times[order], events[order], Z, beta)
    for _ in range(_ITERATIONS):
        if np.linalg.eigvalsh(information)[0] < _LEAST_INFORMATION:
            return CoxFit(*nothing, why="the partial likelihood has no maximum")
        step = np.linalg.solve(information, gradient)
        proposal = _likelihood(times[order], events[order], Z, beta + step)
        while proposal[0] < value - 1e-9 and np.abs(step).max() > 1e-10:
            step = step / 2.0
            proposal = _likelihood(times[order], events[order], Z, beta + step)
        beta = beta + step
        value, gradient, information = proposal
        if np.abs(beta).max() > _LARGEST_COEFFICIENT:
            return CoxFit(*nothing, why="the groups are separated: the estimate is infinite")
        if np.abs(step).max() < 1e-9:
            covariance = np.linalg.inv(information) / np.outer(spread, spread)
            return CoxFit(beta / spread, covariance)
    return CoxFit(*nothing, why="the fit did not converge")


def _likelihood(
    times: Floats, events: np.ndarray, Z: Floats, beta: Floats
) -> tuple[float, Floats, Floats]:
    """Return the log partial likelihood, its gradient and information; times descend."""
    weight = np.exp(Z @ beta)
    last = np.searchsorted(-times, -times, side="right") - 1
    s0 = np.cumsum(weight)[last]
    s1 = np.cumsum(weight[:, None] * Z, axis=0)[last]
    s2 = np.cumsum(weight[:, None, None] * Z[:, :, None] * Z[:, None, :], axis=0)[last]
    rows = np.flatnonzero(events)
    _, tie, size = np.unique(times[rows], return_inverse=True, return_counts=True)
    # Efron: of d tied events the l-th sees the risk set less l/d of the tied ones.
    by_tie = np.argsort(tie, kind="stable")
    starts = np.cumsum(size) - size
    rank = np.empty(rows.size)
    rank[by_tie] = np.arange(rows.size) - starts[tie[by_tie]]
    share = rank / size[tie]
    own0, own1 = np.zeros(size.size), np.zeros((size.size, beta.size))
    own2 = np.zeros((size.size, beta.size, beta.size))
    np.add.at(own0, tie, weight[rows])
    np.add.at(own1, tie, weight[rows, None] * Z[rows])
    np.add.at(own2, tie, weight[rows, None, None] * Z[rows, :, None] * Z[rows, None, :])
    r0 = s0[rows] - share * own0[tie]
    mean = (s1[rows] - share[:, None] * own1[tie]) / r0[:, None]
    square = (s2[rows] - share[:, None, None] * own2[tie]) / r0[:, None, None]
    value = float((Z[rows] @ beta - np.log(r0)).sum())
    gradient = (Z[rows] - mean).sum(axis=0)
    information = (square - mean[:, :, None] * mean[:, None, :]).sum(axis=0)
    return value, gradient, information


def breslow_hazard(
    time: ArrayLike, event: ArrayLike, linear_predictor: Floats, counts: Floats, at: float
) -> Floats:
    """Return Breslow's cumulative baseline hazard at one time, for many weightings of patients.

    Parameters
    ----------
    linear_predictor : array, shape (patients,) or (samples, patients)
    counts : array, shape (samples, patients)
        How often each patient is in each sample.

    Returns
    -------
    array, shape (samples,)
    """
    times, events = as_floats(time), as_events(event)
    order = np.argsort(-times, kind="stable")
    descending = times[order]
    last = np.searchsorted(-descending, -descending, side="right") - 1
    drawn = counts[:, order]
    weight = drawn * np.exp(np.atleast_2d(linear_predictor)[:, order])
    at_risk = np.cumsum(weight, axis=1)[:, last]
    counted = drawn * (events[order] & (descending <= at))
    steps = np.divide(counted, at_risk, out=np.zeros_like(weight), where=at_risk > 0)
    return np.asarray(steps.sum(axis=1))


def one_step_bootstrap(
    time: ArrayLike, event: ArrayLike, covariates: Floats, fit: CoxFit, counts: Floats
) -> Floats:
    """Return the coefficients of each bootstrap sample after one Newton step from the fit.

    The usual cheap bootstrap of a smooth estimator; ties are Breslow's within the step.

    Returns
    -------
    array, shape (samples, columns)
        NaN where a sample's information is singular.
    """
    times, events = as_floats(time), as_events(event)
    order = np.argsort(-times, kind="stable")
    descending, Z = times[order], covariates[order]
    last = np.searchsorted(-descending, -descending, side="right") - 1
    drawn = counts[:, order]
    weight = drawn * np.exp(Z @ fit.coefficients - np.max(Z @ fit.coefficients))
    counted = drawn * events[order]

    def risk_set(values: Floats) -> Floats:
        return np.asarray(np.cumsum(weight * values, axis=1)[:, last])

    s0 = risk_set(np.ones(times.size))
    s0[s0 <= 0] = np.nan
    means = [risk_set(column) / s0 for column in Z.T]
    columns = Z.shape[1]
    gradient = np.stack(
        [np.nansum(counted * (Z[:, k] - means[k]), axis=1) for k in range(columns)], axis=1
    )
    information = np.empty((counts.shape[0], columns, columns))
    for k in range(columns):
        for m in range(k, columns):
            square = risk_set(Z[:, k] * Z[:, m]) / s0 - means[k] * means[m]
            information[:, k, m] = information[:, m, k] = np.nansum(counted * square, axis=1)
    regular = np.linalg.cond(information) < 1e12
    steps = np.full((counts.shape[0], columns), np.nan)
    steps[regular] = np.linalg.solve(information[regular], gradient[regular][:, :, None])[:, :, 0]
    return np.asarray(fit.coefficients + steps)


def log_likelihood(
    time: ArrayLike, event: ArrayLike, covariates: ArrayLike, coefficients: Floats
) -> float:
    """Return Efron's log partial likelihood at given coefficients, for likelihood-ratio tests."""
    times, events = as_floats(time), as_events(event)
    X = np.asarray(covariates, dtype=np.float64).reshape(times.size, -1)
    order = np.argsort(-times, kind="stable")
    centred = (X - X.mean(axis=0))[order]
    return _likelihood(times[order], events[order], centred, np.asarray(coefficients))[0]
