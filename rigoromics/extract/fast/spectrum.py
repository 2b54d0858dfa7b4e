"""The second largest eigenvalue that the maximal correlation coefficient asks for (GLCM).

Of a symmetric matrix P of chances with margins m, PyRadiomics takes the second largest eigenvalue
of Q, where Q_ij = sum_k P_ik P_jk / (m_i m_k + e) and e is the smallest number that changes 1. But
for e, Q is similar to the square of S_ij = P_ij / sqrt(m_i m_j), whose largest eigenvalue is 1 and
belongs to sqrt(m). With that taken off, the method of Lanczos finds the largest that is left in a
few products of matrix and vector (Parlett, The Symmetric Eigenvalue Problem, 1998, chapter 13).

Where levels are rare, e changes the eighth digit. It adds G S to the square of S, where
G_ij = -S_ij e / (m_i m_j + e); so it moves an eigenvalue by what perturbation theory says to first
order, unless another one lies so close that they mix. There the answer is NaN: let Q itself be
solved.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rigoromics.extract.fast.jit import njit

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]

EPSILON = float(np.spacing(1))
# How far off an eigenvalue may be, relatively; features are to agree to 1e-9.
CLOSE = 1e-10
# Eigenvalues below it need not be closer than this one would be.
SMALL = 1e-3
# How much less than that second order must be: how far apart eigenvalues lie is an estimate.
SURE = 0.1
# Lanczos steps before the first look at what was found, and by how much more from look to look.
FIRST_LOOK, MORE = 5, 1.25
# Share of what is random in the first vector.
NOISE = 0.01


@njit
def second_eigenvalues(chances: FloatArray) -> FloatArray:
    """Return the second largest eigenvalue of Q of each matrix; NaN where it is not that simple.

    Parameters
    ----------
    chances
        (matrices, levels, levels) symmetric chances of pairs, each adding up to 1.
    """
    found = np.empty(len(chances))
    for k in range(len(chances)):
        found[k] = _second(chances[k])
    return found


@njit
def _second(p: FloatArray) -> float:
    every = p.sum(axis=1)
    places = np.flatnonzero(every > 0)
    n = len(places)
    if n < 2:
        return 0.0
    m = every[places]
    top = np.sqrt(m)
    s = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            s[i, j] = p[places[i], places[j]] / (top[i] * top[j])
    parts = _parts(s)
    if parts.max() > 0:
        return _second_of_parts(s, m, parts)
    root, next_root, vector = _largest_but_one(s, top)
    value = root * root
    along, across = _moved(s, m, vector)
    near = CLOSE * max(value, SMALL)
    gap = min(value - next_root * next_root, 1.0 - value)
    # What second order adds is at most |root| across^2 / gap.
    if abs(root) * across > near and abs(root) * across * across > SURE * near * gap:
        return np.nan
    return value + root * along


@njit
def _parts(s: FloatArray) -> IntArray:
    """Return the part of the matrix that each level is in; no pair is of two parts."""
    n = len(s)
    parts = np.full(n, -1, np.int32)
    waiting = np.empty(n, np.int32)
    number = 0
    for first in range(n):
        if parts[first] >= 0:
            continue
        parts[first] = number
        waiting[0], length = first, 1
        while length > 0:
            length -= 1
            i = waiting[length]
            for j in range(n):
                if s[i, j] > 0 and parts[j] < 0:
                    parts[j] = number
                    waiting[length] = j
                    length += 1
        number += 1
    return parts


@njit
def _second_of_parts(s: FloatArray, m: FloatArray, parts: IntArray) -> float:
    """Return the second largest eigenvalue of Q where S has one of 1 for each of several parts.

    The share of P in which e counts is what each of them loses, to first order.
    """
    number = int(parts.max()) + 1
    chance, lost = np.zeros(number), np.zeros(number)
    least, most = np.ones(number), np.zeros(number)
    for i in range(len(m)):
        part = parts[i]
        chance[part] += m[i]
        for j in range(len(m)):
            if s[i, j] > 0:
                share = EPSILON / (m[i] * m[j] + EPSILON)
                lost[part] += s[i, j] * np.sqrt(m[i] * m[j]) * share
                least[part], most[part] = min(least[part], share), max(most[part], share)
    if (most * (most - least)).max() > CLOSE:
        return np.nan
    return float(1.0 - np.sort(lost / chance)[1])


@njit
def _moved(s: FloatArray, m: FloatArray, vector: FloatArray) -> tuple[float, float]:
    """Return how far G moves an eigenvector of S along itself, and at right angles to itself."""
    n = len(m)
    shift = np.zeros(n)
    for i in range(n):
        for j in range(n):
            shift[i] -= s[i, j] * (EPSILON / (m[i] * m[j] + EPSILON)) * vector[j]
    along = _dot(shift, vector)
    _take_off(shift, vector, along)
    return along, np.sqrt(_dot(shift, shift))


@njit
def _largest_but_one(s: FloatArray, top: FloatArray) -> tuple[float, float, FloatArray]:
    """Return what a symmetric matrix has beside the eigenvalue 1, whose eigenvector is `top`.

    The eigenvalue of the largest size, the next one, as far as is known, and the eigenvector of the
    first.
    """
    n = len(s)
    most = n - 1
    basis = np.empty((most, n))
    diagonal, beside = np.empty(most), np.empty(most)
    new = _start(top)
    look = FIRST_LOOK
    for k in range(most):
        basis[k] = new
        new[:] = 0.0
        # Rows, and not columns, are summed up: the matrix is symmetric.
        for i in range(n):
            weight = basis[k, i]
            for j in range(n):
                new[j] += weight * s[i, j]
        diagonal[k] = _dot(new, basis[k])
        for i in range(k, -1, -1):
            _take_off(new, basis[i], _dot(new, basis[i]))
        _take_off(new, top, _dot(new, top))
        length = np.sqrt(_dot(new, new))
        last = k == most - 1 or length < CLOSE
        if last or k + 1 >= look:
            look = int(MORE * look) + 1
            root, next_root, error = _extremes(diagonal[: k + 1], beside[: k + 1], length)
            if last or error < CLOSE * abs(root):
                break
        beside[k] = length
        new /= length
    vector = np.zeros(n)
    weights = _eigenvector(diagonal[: k + 1], beside[: k + 1], root)
    for i in range(k + 1):
        _take_off(vector, basis[i], -weights[i])
    return root, next_root, vector


@njit
def _start(top: FloatArray) -> FloatArray:
    """Return a vector at right angles to `top` that is unlikely to be so to another eigenvector.

    Mostly it grows with the level, as the eigenvector that is looked for does in most images.
    """
    n = len(top)
    vector = np.empty(n)
    state = 1
    for i in range(n):
        state = (state * 16807) % 2147483647
        noise = state / 2147483647 - 0.5
        vector[i] = top[i] * ((i + 0.5) / n - 0.5) + NOISE * noise
    for _ in range(2):
        _take_off(vector, top, _dot(vector, top))
        vector /= np.sqrt(_dot(vector, vector))
    return vector


@njit
def _dot(a: FloatArray, b: FloatArray) -> float:
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit
def _take_off(a: FloatArray, b: FloatArray, times: float) -> None:
    for i in range(len(a)):
        a[i] -= times * b[i]


@njit
def _eigenvector(d: FloatArray, e: FloatArray, root: float) -> FloatArray:
    """Return the eigenvector of a tridiagonal matrix that belongs to an eigenvalue.

    From factors of the matrix from either end, joined where they fit best (Dhillon and Parlett,
    SIAM J Matrix Anal Appl 2004;25:858).
    """
    n = len(d)
    tiny = EPSILON * EPSILON
    down, up = np.empty(n), np.empty(n)
    down[0], up[n - 1] = d[0] - root, d[n - 1] - root
    for i in range(1, n):
        before = down[i - 1] if abs(down[i - 1]) > tiny else tiny
        down[i] = d[i] - root - e[i - 1] * e[i - 1] / before
    for i in range(n - 2, -1, -1):
        after = up[i + 1] if abs(up[i + 1]) > tiny else tiny
        up[i] = d[i] - root - e[i] * e[i] / after
    best = 0
    for i in range(n):
        here = abs(down[i] + up[i] - (d[i] - root))
        if here < abs(down[best] + up[best] - (d[best] - root)):
            best = i
    vector = np.empty(n)
    vector[best] = 1.0
    for i in range(best - 1, -1, -1):
        vector[i] = -e[i] * vector[i + 1] / (down[i] if abs(down[i]) > tiny else tiny)
    for i in range(best + 1, n):
        vector[i] = -e[i - 1] * vector[i - 1] / (up[i] if abs(up[i]) > tiny else tiny)
    vector /= np.sqrt(_dot(vector, vector))
    return vector


@njit
def _extremes(
    diagonal: FloatArray, beside: FloatArray, length: float
) -> tuple[float, float, float]:
    """Return the two eigenvalues of a tridiagonal matrix that have the largest sizes.

    And how far the first may be off as one of the matrix that this is the beginning of. By implicit
    QL steps that keep the last element of each eigenvector (Golub and Welsch, Math Comput
    1969;23:221): times `length`, it is that pair's residual.

    Parameters
    ----------
    diagonal, beside
        The matrix; the last of `beside` does not count.
    length
        What would stand beside the diagonal next.
    """
    d, e = diagonal.copy(), beside.copy()
    n = len(d)
    e[n - 1] = 0.0
    ends = np.zeros(n)
    ends[n - 1] = 1.0
    for first in range(n):
        while True:
            m = first
            while m < n - 1 and abs(e[m]) > EPSILON * (abs(d[m]) + abs(d[m + 1])):
                m += 1
            if m == first:
                break
            _implicit_step(d, e, ends, first, m)
    best = np.argmax(np.abs(d))
    next_root, apart = 0.0, 1.0
    for i in range(n):
        if i != best:
            next_root = d[i] if abs(d[i]) > abs(next_root) else next_root
            apart = min(apart, abs(d[i] - d[best]))
    residual = abs(ends[best]) * length
    return d[best], next_root, min(residual, residual * residual / max(apart, CLOSE))


@njit
def _implicit_step(d: FloatArray, e: FloatArray, ends: FloatArray, first: int, m: int) -> None:
    """Do one QL step on rows `first` to `m` of a tridiagonal matrix."""
    g = (d[first + 1] - d[first]) / (2.0 * e[first])
    r = np.sqrt(g * g + 1.0)
    g = d[m] - d[first] + e[first] / (g + (r if g >= 0 else -r))
    sine, cosine, p = 1.0, 1.0, 0.0
    for i in range(m - 1, first - 1, -1):
        f, b = sine * e[i], cosine * e[i]
        r = np.sqrt(f * f + g * g)
        e[i + 1] = r
        if r == 0.0:
            d[i + 1] -= p
            e[m] = 0.0
            return
        sine, cosine = f / r, g / r
        g = d[i + 1] - p
        r = (d[i] - g) * sine + 2.0 * cosine * b
        p = sine * r
        d[i + 1] = g + p
        g = cosine * r - b
        f = ends[i + 1]
        ends[i + 1] = sine * ends[i] + cosine * f
        ends[i] = cosine * ends[i] - sine * f
    d[first] -= p
    e[first] = g
    e[m] = 0.0
