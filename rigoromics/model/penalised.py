"""Penalised likelihoods, solved to the last digits: one solver for all models with coefficients.

A model hands in its mean loss with gradient and Hessian; the lasso part of the penalty is kept
apart, because it has no gradient where coefficients are zero.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rigoromics.errors import DataError

Array = npt.NDArray[np.float64]
Loss = Callable[[Array], tuple[float, Array, Array]]

MOST_STEPS = 200
# Largest violation of the optimum's conditions that is left: gradients of mean losses are about 1.
TOLERANCE = 1e-10
# A ridge so small that no digit of a coefficient tells, where the Hessian alone has no inverse.
JITTER = 1e-11
SWEEPS = 100
HALVINGS = 40


def elastic_net(loss: Loss, start: Array, penalised: Array, alpha: float, l1_ratio: float) -> Array:
    """Return the minimum of loss + alpha (l1_ratio |b|_1 + (1 - l1_ratio) / 2 |b|_2^2).

    Proximal Newton steps: each solves the lasso of the local quadratic by coordinate descent
    (Friedman et al., J Stat Softw 2010;33:1-22), and is halved until the loss falls (Lee et al.,
    SIAM J Optim 2014;24:1420-1443).

    Parameters
    ----------
    loss
        Parameters, shape (parameters,), to loss, gradient and Hessian. Infinite outside of where
        parameters make sense.
    start
        Where the loss is finite.
    penalised
        1 where a parameter is penalised, 0 where not (intercepts); shape (parameters,).
    alpha, l1_ratio
        Strength of the penalty, and the share of it that is lasso.

    Raises
    ------
    DataError
        If no minimum is found: without a penalty there may be none.
    """
    lasso, ridge = alpha * l1_ratio * penalised, alpha * (1 - l1_ratio) * penalised

    def smooth(at: Array) -> tuple[float, Array, Array]:
        value, gradient, hessian = loss(at)
        return (
            value + 0.5 * float(ridge @ at**2),
            gradient + ridge * at,
            hessian + np.diag(ridge),
        )

    at = start.astype(np.float64)
    value, gradient, hessian = smooth(at)
    for _ in range(MOST_STEPS):
        if violation(at, gradient, lasso) < TOLERANCE:
            return at
        step = _lasso_of_quadratic(at, gradient, hessian, lasso) - at
        moved = _shorten(smooth, at, step, value, gradient, lasso)
        if moved is None:
            break
        at, value, gradient, hessian = moved
    # Rounding ends some descents a little before the tolerance.
    if violation(at, gradient, lasso) < 1e3 * TOLERANCE:
        return at
    raise DataError(
        f"a penalised model does not converge at a penalty of {alpha:g}",
        "look for features of extreme size in the analysis table, or raise the smallest `alpha`",
    )


def violation(at: Array, gradient: Array, lasso: Array) -> float:
    """Return by how much a point misses the conditions of the optimum (0: it is the optimum)."""
    inside = np.maximum(np.abs(gradient) - lasso, 0.0)
    outside = np.abs(gradient + lasso * np.sign(at))
    return float(np.max(np.where(at == 0.0, inside, outside), initial=0.0))


def _shorten(
    smooth: Loss, at: Array, step: Array, value: float, gradient: Array, lasso: Array
) -> tuple[Array, float, Array, Array] | None:
    """Return the point down the step where the penalised loss falls enough, or None."""
    norm = float(lasso @ np.abs(at))
    slope = float(gradient @ step) + float(lasso @ np.abs(at + step)) - norm
    # What rounding may add to a loss near its minimum.
    noise = 1e-15 * max(1.0, abs(value + norm))
    share = 1.0
    for _ in range(HALVINGS):
        # Exactly zero stays exactly zero at the whole step.
        there = at + share * step
        found = smooth(there)
        if found[0] + float(lasso @ np.abs(there)) <= value + norm + 1e-4 * share * slope + noise:
            return (there, *found)
        share /= 2
    return None


def _lasso_of_quadratic(at: Array, gradient: Array, hessian: Array, lasso: Array) -> Array:
    """Return the minimum of the quadratic around a point plus the lasso."""
    matrix = hessian + JITTER * np.eye(at.size)
    linear = gradient - matrix @ at
    free = np.flatnonzero(lasso == 0)
    bound = np.flatnonzero(lasso)
    # Near the optimum signs change no more, and one solve does for all sweeps.
    exact = _with_signs(at, matrix, linear, lasso)
    if exact is not None:
        return exact
    there = at.copy()
    for _ in range(SWEEPS):
        before = there.copy()
        if free.size:
            rest = linear[free] + matrix[np.ix_(free, bound)] @ there[bound]
            there[free] = -np.linalg.solve(matrix[np.ix_(free, free)], rest)
        for j in bound:
            rest = linear[j] + matrix[j] @ there - matrix[j, j] * there[j]
            there[j] = -np.sign(rest) * max(abs(rest) - lasso[j], 0.0) / matrix[j, j]
        if np.array_equal(np.sign(there[bound]), np.sign(before[bound])):
            exact = _with_signs(there, matrix, linear, lasso)
            if exact is not None:
                return exact
    return there


def _with_signs(there: Array, matrix: Array, linear: Array, lasso: Array) -> Array | None:
    """Return the exact minimum if its signs are those found so far, else None."""
    active = np.flatnonzero((there != 0) | (lasso == 0))
    exact = np.zeros(there.size)
    signs = np.sign(there[active])
    right = linear[active] + lasso[active] * signs
    exact[active] = -np.linalg.solve(matrix[np.ix_(active, active)], right)
    bound = lasso > 0
    if not np.array_equal(np.sign(exact[bound]), np.sign(there[bound])):
        return None
    slack = np.abs(linear + matrix @ exact) - lasso
    return exact if (slack[bound & (exact == 0)] <= 1e-12).all() else None
