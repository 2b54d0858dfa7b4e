"""Local quadratic regression, computed directly at every point.

References
----------
Cleveland WS, Devlin SJ. Locally weighted regression: an approach to regression analysis by local
fitting. J Am Stat Assoc 1988;83:596. Equal to R's ``loess(degree = 2, family = "gaussian")`` with
``surface = "direct"``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rigoromics.evaluate.estimate import Floats, as_floats

SPAN = 0.75
_SMALLEST = 4


def kernel(x: Floats, at: Floats, span: float = SPAN) -> Floats:
    """Return the tricube weights of the observations ``x`` around each point ``at``.

    Returns
    -------
    array, shape (points, observations)
        The bandwidth reaches the nearest ``span`` of the observations; beyond span 1 it grows.
    """
    distance = np.abs(at[:, None] - x[None, :])
    near = min(x.size, max(_SMALLEST, int(np.floor(x.size * span + 1e-5))))
    reach = np.partition(distance, near - 1, axis=1)[:, near - 1] * max(1.0, span)
    # Many equal predictions can leave no reach at all; the nearest other value gives it back.
    bare = reach <= 0.0
    if bare.any():
        beyond = np.where(distance[bare] > 0.0, distance[bare], np.inf).min(axis=1)
        reach[bare] = 1.5 * np.where(np.isfinite(beyond), beyond, 1.0)
    share = np.clip(distance / reach[:, None], 0.0, 1.0)
    return np.asarray((1.0 - share**3) ** 3)


def smooth(x: Floats, y: Floats, at: Floats, weights: Floats, counts: Floats) -> Floats:
    """Return local quadratic fits at ``at`` for many weightings of the observations.

    Parameters
    ----------
    weights : array, shape (points, observations)
        From :func:`kernel`.
    counts : array, shape (samples, observations)
        How often each observation is in each bootstrap sample; ones for the data themselves.

    Returns
    -------
    array, shape (samples, points)
        Where the neighbours hold too few distinct values for a parabola, the straight line or
        mean through them (the least-squares solution of smallest norm); NaN without neighbours.
    """
    scale = max(float(np.ptp(x)), 1e-12)
    away = (x[None, :] - at[:, None]) / scale
    powers = [counts @ (weights * away**k).T for k in range(5)]
    crossed = [counts @ (weights * away**k * y).T for k in range(3)]
    moments = np.stack([np.stack(powers[k : k + 3], axis=-1) for k in range(3)], axis=-2)
    target = np.stack(crossed, axis=-1)
    total = np.where(powers[0] > 0, powers[0], np.nan)
    inverse = np.full_like(moments, np.nan)
    present = np.isfinite(total)
    inverse[present] = np.linalg.pinv(
        moments[present] / total[present][:, None, None], rcond=1e-12, hermitian=True
    )
    return np.asarray((inverse[..., 0, :] * target).sum(axis=-1) / total)


def loess(x: ArrayLike, y: ArrayLike, at: ArrayLike, span: float = SPAN) -> Floats:
    """Return the loess fit of ``y`` on ``x`` at the points ``at``.

    Examples
    --------
    >>> x = np.arange(10.0)
    >>> bool(np.allclose(loess(x, x**2, [2.5, 4.0]), [6.25, 16.0]))
    True
    """
    observed, values, points = as_floats(x), as_floats(y), as_floats(at)
    fits = np.empty(points.size)
    # Blocks keep memory flat for thousands of patients.
    for start in range(0, points.size, 512):
        part = slice(start, start + 512)
        weights = kernel(observed, points[part], span)
        ones = np.ones((1, observed.size))
        fits[part] = smooth(observed, values, points[part], weights, ones)[0]
    return fits
