"""Corrections of a family of p-values.

References
----------
Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 1979;6:65.
Benjamini Y, Hochberg Y. Controlling the false discovery rate. J R Stat Soc B 1995;57:289.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rigoromics.evaluate.estimate import Floats, as_floats


def holm(p: ArrayLike) -> Floats:
    """Return Holm's adjusted p-values; a missing p is no test and stays missing."""
    values = as_floats(p)
    present = np.flatnonzero(np.isfinite(values))
    adjusted = np.full(values.size, np.nan)
    order = present[np.argsort(values[present], kind="stable")]
    steps = values[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Return Benjamini and Hochberg's adjusted p-values; missing ones stay missing."""
    values = as_floats(p)
    present = np.flatnonzero(np.isfinite(values))
    adjusted = np.full(values.size, np.nan)
    order = present[np.argsort(-values[present], kind="stable")]
    steps = values[order] * order.size / np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1.0)
    return adjusted
