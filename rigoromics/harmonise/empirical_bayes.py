"""Empirical Bayes estimates of a batch's shift and scale, over all features together.

Source: Johnson, Li and Rabinovic, Biostatistics 2007;8:118-127. Numerical conventions (moments of
the priors, stopping rule of the iteration) follow the reference implementation in R, sva, so that
results can be compared to the last digits.

Shapes: all arrays (features,), for one batch; `n` counts the values a feature has in that batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

TOLERANCE = 1e-4
MAX_ITERATIONS = 10_000
# Features of one batch that are weighed against all others at once: bounds memory.
BLOCK = 512


@dataclass(frozen=True)
class Moments:
    """What one batch shows of each standardised feature.

    Attributes
    ----------
    n
        Number of values.
    mean
        Their mean, which is the batch's estimated shift; zero where there are none.
    squares
        Sum of their squared distances from the mean.
    variance
        Their variance, squares / (n - 1); NaN below two values, one where scale is not adjusted.
    shift_only
        Whether the batch's scale is left as it is.
    """

    n: Array
    mean: Array
    squares: Array
    variance: Array
    shift_only: bool


@dataclass(frozen=True)
class Prior:
    """Prior of one batch: shift ~ N(centre, spread); variance inverse gamma, by its moments."""

    centre: float
    spread: float
    variance_mean: float
    variance_spread: float

    def values(self) -> tuple[float, float, float, float]:
        """Return the four numbers, in the order of the constructor."""
        return self.centre, self.spread, self.variance_mean, self.variance_spread


def prior_of(moments: Moments) -> Prior | None:
    """Return the prior that a batch's own features imply; None when they are fewer than two."""
    shift = moments.mean[moments.n > 0]
    variance = moments.variance[np.isfinite(moments.variance)]
    if len(shift) < 2 or len(variance) < 2:
        return None
    return Prior(
        float(shift.mean()),
        float(shift.var(ddof=1)),
        float(variance.mean()),
        float(variance.var(ddof=1)),
    )


def pooled_prior(moments: list[Moments]) -> Prior | None:
    """Return the prior of a further batch, from all features of all batches seen so far.

    A batch whose scale was not estimated says nothing about scales. None without any batch.
    """
    if not moments:
        return None
    scaled = [batch.variance for batch in moments if not batch.shift_only]
    return prior_of(
        Moments(
            n=np.concatenate([batch.n for batch in moments]),
            mean=np.concatenate([batch.mean for batch in moments]),
            squares=np.concatenate([batch.squares for batch in moments]),
            variance=np.concatenate(scaled or [batch.variance for batch in moments]),
            shift_only=not scaled,
        )
    )


def parametric(moments: Moments, prior: Prior) -> tuple[Array, Array]:
    """Return posterior shift and variance of each feature, by the parametric iteration.

    The iteration ends when no value grows by more than `TOLERANCE` of itself. As in sva, the change
    of a shift is divided by the shift with its sign: a negative shift never keeps it going.
    """
    shift = moments.mean
    variance = np.where(np.isnan(moments.variance), prior.variance_mean, moments.variance)
    for _ in range(MAX_ITERATIONS):
        new_shift = posterior_shift(moments.mean, moments.n, variance, prior)
        squares = moments.squares + moments.n * (moments.mean - new_shift) ** 2
        new_variance = _posterior_variance(squares, moments.n, prior)
        change = max(_growth(new_shift, shift), _growth(new_variance, variance))
        shift, variance = new_shift, new_variance
        if change <= TOLERANCE:
            break
    return shift, variance


def posterior_shift(shift: Array, n: Array, variance: Array, prior: Prior) -> Array:
    """Return the shift, drawn towards the prior's centre."""
    weight = prior.spread * n
    with np.errstate(invalid="ignore"):
        posterior = (weight * shift + variance * prior.centre) / (weight + variance)
    # Neither spread nor variance: every feature has the same shift.
    return np.where(weight + variance > 0.0, posterior, prior.centre)


def _posterior_variance(squares: Array, n: Array, prior: Prior) -> Array:
    """Return the variance, drawn towards the prior's mean.

    The usual (squares / 2 + b) / (n / 2 + a - 1) with a and b by moments, multiplied through by
    the prior's spread, so that a spread of zero gives the prior's mean.
    """
    mean, spread = prior.variance_mean, prior.variance_spread
    upper = 0.5 * squares * spread + mean * spread + mean**3
    return np.asarray(upper / ((0.5 * n + 1.0) * spread + mean**2))


def _growth(new: Array, old: Array) -> float:
    moved = old != 0.0
    if not moved.any():
        return 0.0
    return float((np.abs(new[moved] - old[moved]) / old[moved]).max())


def non_parametric(moments: Moments) -> tuple[Array, Array]:
    """Return posterior shift and variance, weighing all other features by their likelihood.

    A feature without values in the batch takes the plain average of the others. With fewer than
    two features to learn from, the estimates stay as they are.
    """
    features = len(moments.n)
    known = np.flatnonzero((moments.n > 0) & (moments.variance > 0.0))
    shift, variance = np.empty(features), np.empty(features)
    if len(known) < 2:
        return unshrunken(moments)
    for start in range(0, features, BLOCK):
        rows = np.arange(start, min(start + BLOCK, features))
        weight = _likelihood(moments, rows, known)
        shift[rows] = weight @ moments.mean[known]
        variance[rows] = weight @ moments.variance[known]
    return shift, variance


def unshrunken(moments: Moments) -> tuple[Array, Array]:
    """Return the estimates as they are, for want of anything to borrow strength from."""
    return moments.mean, np.where(moments.variance > 0.0, moments.variance, 1.0)


def _likelihood(moments: Moments, rows: npt.NDArray[np.intp], known: npt.NDArray[np.intp]) -> Array:
    """Return how well each known feature's shift and variance explain each row's values."""
    n, variance = moments.n[rows, None], moments.variance[None, known]
    squares = (
        moments.squares[rows, None]
        + n * (moments.mean[rows, None] - moments.mean[None, known]) ** 2
    )
    log_likelihood = -0.5 * (n * np.log(2.0 * np.pi * variance) + squares / variance)
    log_likelihood[rows[:, None] == known[None, :]] = -np.inf
    weight = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
