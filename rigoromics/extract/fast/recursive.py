"""Recursive Gaussian filters as ITK has them, of as much of an image as is wanted.

The filter is Deriche's (INRIA research report 1893, 1993) with the constants and the normalisation
of Farnebäck and Westin (J Math Imaging Vis 26, 2006), which ITK uses. ITK keeps 32-bit numbers
between its passes, so each operation is done here in ITK's order and each pass is rounded: the
result is ITK's, bit for bit, wherever a processor rounds as IEEE 754 says.

A pass along an axis needs that axis as a whole, but what lies beside the wanted box on an axis
already passed is needed no more. So most of the second and third passes need not be done.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rigoromics.extract.fast.jit import njit

Four = tuple[float, float, float, float]
Values = npt.NDArray[np.float32]
Lines = npt.NDArray[np.float64]

# Two damped waves: frequency and damping; cosine and sine weight for smoothing and for the second
# derivative.
WAVES = ((0.6681, -1.3932), (2.0787, -1.3732))
SMOOTHING = ((1.3530, 1.8151), (-0.3531, 0.0902))
SECOND = ((-1.3563, 5.2318), (0.3446, -2.2355))
# Fewer voxels along an axis are too few for the recursion to start.
SHORTEST = 4
# Lines filtered side by side: few enough for a processor's cache, enough to fill its registers.
SIDE_BY_SIDE = 64


class Recursion(NamedTuple):
    """Coefficients of one filter along one axis.

    Attributes
    ----------
    forward, backward
        Weights of a voxel and the three before it; of the four after it.
    feedback
        Weights of the four results before, taken off.
    edge_forward, edge_backward
        The same as `feedback`, for what the image's border goes on to beyond it.
    """

    forward: Four
    backward: Four
    feedback: Four
    edge_forward: Four
    edge_backward: Four


def laplacian_of_gaussian(
    values: npt.NDArray[Any], spacing: Sequence[float], sigma_mm: float, wanted: Sequence[slice]
) -> Values:
    """Return a part of the Laplacian of Gaussian, normalised across scales.

    Parameters
    ----------
    values
        (slices, rows, columns) grey values; at least four along each axis.
    spacing
        Voxel size (x, y, z), mm.
    sigma_mm
        Width of the Gaussian, mm.
    wanted
        Slices, rows and columns to be returned.
    """
    # Two types to compile kernels for; both hold what the others hold.
    values = values.astype(np.result_type(values.dtype, np.float32), copy=False)
    total = np.zeros([part.stop - part.start for part in wanted], np.float32)
    for axis in range(3):
        part = _along(values, 2 - axis, recursion(sigma_mm / spacing[axis], sigma_mm**2), wanted)
        for other in range(3):
            if other != axis:
                part = _along(part, 2 - other, recursion(sigma_mm / spacing[other]), wanted)
        weight = 1.0 / (spacing[axis] * spacing[axis])
        total = (total.astype(np.float64) + part.astype(np.float64) * weight).astype(np.float32)
    return total


def recursion(sigma: float, derivative: float | None = None) -> Recursion:
    """Return the coefficients of a Gaussian, or of its second derivative.

    Parameters
    ----------
    sigma
        Width, voxels.
    derivative
        The second derivative is wanted, multiplied by this; else the Gaussian itself.
    """
    d = _denominator(sigma)
    sd, dd, ed = 1.0 + d[0] + d[1] + d[2] + d[3], _first(d), _second(d)
    n = _numerator(sigma, SMOOTHING)
    sn = n[0] + n[1] + n[2] + n[3]
    if derivative is None:
        factor = 1.0 / (2 * sn / sd - n[0])
    else:
        n2 = _numerator(sigma, SECOND)
        sn2 = n2[0] + n2[1] + n2[2] + n2[3]
        beta = -(2 * sn2 - sd * n2[0]) / (2 * sn - sd * n[0])
        dn = _first(n2[1:]) + beta * _first(n[1:])
        en = _second(n2[1:]) + beta * _second(n[1:])
        sn = sn2 + beta * sn
        n = [b + beta * a for a, b in zip(n, n2, strict=True)]
        norm = en * sd * sd - ed * sn * sd - 2 * dn * dd * sd + 2 * dd * dd * sn
        factor = derivative / (norm / (sd * sd * sd))
    n0, n1, n2_, n3 = (value * factor for value in n)
    backward = (n1 - d[0] * n0, n2_ - d[1] * n0, n3 - d[2] * n0, -d[3] * n0)
    sn, sm = n0 + n1 + n2_ + n3, backward[0] + backward[1] + backward[2] + backward[3]
    return Recursion(
        (n0, n1, n2_, n3),
        backward,
        (d[0], d[1], d[2], d[3]),
        (d[0] * sn / sd, d[1] * sn / sd, d[2] * sn / sd, d[3] * sn / sd),
        (d[0] * sm / sd, d[1] * sm / sd, d[2] * sm / sd, d[3] * sm / sd),
    )


def _first(c: Sequence[float]) -> float:
    """Return the sum of c_k k, in order."""
    total = c[0]
    for k, value in enumerate(c[1:], 2):
        total += k * value
    return total


def _second(c: Sequence[float]) -> float:
    """Return the sum of c_k k squared, in order."""
    total = c[0]
    for k, value in enumerate(c[1:], 2):
        total += k * k * value
    return total


def _denominator(sigma: float) -> list[float]:
    (w1, l1), (w2, l2) = WAVES
    c1, c2 = math.cos(w1 / sigma), math.cos(w2 / sigma)
    e1, e2 = math.exp(l1 / sigma), math.exp(l2 / sigma)
    d3 = -2 * c1 * e1 * e2 * e2
    d3 += -2 * c2 * e2 * e1 * e1
    d2 = 4 * c2 * c1 * e1 * e2
    d2 += e1 * e1 + e2 * e2
    return [-2 * (e2 * c2 + e1 * c1), d2, d3, e1 * e1 * e2 * e2]


def _numerator(sigma: float, weights: tuple[tuple[float, float], ...]) -> list[float]:
    (a1, b1), (a2, b2) = weights
    (w1, l1), (w2, l2) = WAVES
    s1, s2 = math.sin(w1 / sigma), math.sin(w2 / sigma)
    c1, c2 = math.cos(w1 / sigma), math.cos(w2 / sigma)
    e1, e2 = math.exp(l1 / sigma), math.exp(l2 / sigma)
    n1 = e2 * (b2 * s2 - (a2 + 2 * a1) * c2)
    n1 += e1 * (b1 * s1 - (a1 + 2 * a2) * c1)
    n2 = (a1 + a2) * c2 * c1
    n2 -= b1 * c2 * s1 + b2 * c1 * s2
    n2 *= 2 * e1 * e2
    n2 += a2 * e1 * e1 + a1 * e2 * e2
    n3 = e2 * e1 * e1 * (b2 * s2 - a2 * c2)
    n3 += e1 * e2 * e2 * (b1 * s1 - a1 * c1)
    return [a1 + a2, n1, n2, n3]


def _along(values: npt.NDArray[Any], axis: int, how: Recursion, wanted: Sequence[slice]) -> Values:
    """Return values filtered along an axis, of which only what is wanted is kept."""
    lines = np.moveaxis(values, axis, 0)
    across = lines.shape[1:]
    kept = wanted[axis]
    found = _filtered(lines.reshape(len(lines), -1), how, kept.start, kept.stop)
    return np.moveaxis(found.reshape(len(found), *across), 0, axis)


@njit
def _filtered(values: npt.NDArray[Any], how: Recursion, start: int, stop: int) -> Values:
    """Return the wanted rows of (voxels, lines) filtered along the first axis.

    The border's value is taken to go on for ever.
    """
    length, lines = values.shape
    found = np.empty((stop - start, lines), np.float32)
    given = np.empty((length + 2 * SHORTEST, SIDE_BY_SIDE))
    forward = np.empty((length, SIDE_BY_SIDE))
    backward = np.empty((length, SIDE_BY_SIDE))
    for first in range(0, lines, SIDE_BY_SIDE):
        width = min(SIDE_BY_SIDE, lines - first)
        for i in range(len(given)):
            row = values[min(max(i - SHORTEST, 0), length - 1)]
            for j in range(width):
                given[i, j] = row[first + j]
        one, other = how.forward, how.backward
        _one_way(given, forward, stop, 1, 0, one, how.feedback, how.edge_forward, width)
        number = length - start
        _one_way(given, backward, number, -1, 1, other, how.feedback, how.edge_backward, width)
        for i in range(start, stop):
            for j in range(width):
                found[i - start, first + j] = forward[i, j] + backward[i, j]
    return found


@njit
def _one_way(
    given: Lines,
    results: Lines,
    number: int,
    way: int,
    lag: int,
    weights: Four,
    feedback: Four,
    beyond: Four,
    width: int,
) -> None:
    """Fill the first rows of results from one end on, forward (1) or backward (-1).

    The voxels weighed are that `lag` before the row's own, and three more before it.
    """
    n0, n1, n2, n3 = weights
    d1, d2, d3, d4 = feedback
    last = len(results) - 1
    for n in range(number):
        i = n if way > 0 else last - n
        at = i + SHORTEST - way * lag
        r = results[i]
        g0, g1, g2, g3 = given[at], given[at - way], given[at - 2 * way], given[at - 3 * way]
        for j in range(width):
            r[j] = g0[j] * n0 + g1[j] * n1 + g2[j] * n2 + g3[j] * n3
        if n < SHORTEST:
            border = given[0 if way > 0 else len(given) - 1]
            _start(results, i, n, way, border, feedback, beyond, width)
            continue
        r1, r2 = results[i - way], results[i - 2 * way]
        r3, r4 = results[i - 3 * way], results[i - 4 * way]
        for j in range(width):
            r[j] -= r1[j] * d1 + r2[j] * d2 + r3[j] * d3 + r4[j] * d4


@njit
def _start(
    results: Lines,
    i: int,
    before: int,
    way: int,
    border: Lines,
    feedback: Four,
    beyond: Four,
    width: int,
) -> None:
    """Take off what went before from a row with fewer than four `before` it."""
    for j in range(width):
        total = results[i - way, j] * feedback[0] if before > 0 else border[j] * beyond[0]
        for k in range(1, SHORTEST):
            if before > k:
                total += results[i - way * (k + 1), j] * feedback[k]
            else:
                total += border[j] * beyond[k]
        results[i, j] -= total
