"""First-order features (IBSI: UHIW, ZVCW), by PyRadiomics' formulas and one sort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.extract.dictionary import names_of
from rigoromics.extract.fast.discretise import Levels
from rigoromics.extract.options import Options
from rigoromics.preprocess import BoolArray

FloatArray = npt.NDArray[np.float64]
EPSILON = np.spacing(1)


def firstorder(
    image: npt.NDArray[Any],
    inside: BoolArray,
    levels: Levels,
    spacing: Sequence[float],
    names: Sequence[str],
    options: Options,
) -> dict[str, float]:
    """Return first-order features by PyRadiomics' names.

    Parameters
    ----------
    image, inside
        (slices, rows, columns) grey values and the ROI.
    levels
        The ROI in grey levels, for entropy and uniformity.
    spacing
        Voxel size, mm, in any order: only its product counts.
    names
        Features wanted; none: all.
    options
        `voxel_array_shift`.
    """
    values = image[inside].astype(np.float64)
    found = {
        **_order_statistics(np.sort(values)),
        **_moments(values),
        **_energy(values + options.voxel_array_shift, float(np.prod(spacing))),
        **_histogram(levels.counts / levels.counts.sum()),
    }
    return {name: found[name] for name in names or names_of("firstorder")}


def _percentile(ordered: FloatArray, percent: float) -> float:
    """Return a percentile of sorted values, linear between neighbours (as numpy's default)."""
    place = (len(ordered) - 1) * (percent / 100)
    below = int(np.floor(place))
    above = min(below + 1, len(ordered) - 1)
    share = place - below
    low, high = ordered[below], ordered[above]
    # numpy counts from the nearer end.
    return float(low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share))


def _order_statistics(ordered: FloatArray) -> dict[str, float]:
    p10, p25, p75, p90 = (_percentile(ordered, percent) for percent in (10, 25, 75, 90))
    first, last = np.searchsorted(ordered, p10, "left"), np.searchsorted(ordered, p90, "right")
    robust = ordered[first:last]
    half = len(ordered) // 2
    middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return {
        "Minimum": float(ordered[0]),
        "10Percentile": p10,
        "Median": float(middle),
        "90Percentile": p90,
        "Maximum": float(ordered[-1]),
        "InterquartileRange": p75 - p25,
        "Range": float(ordered[-1] - ordered[0]),
        "RobustMeanAbsoluteDeviation": float(np.abs(robust - robust.mean()).mean()),
    }


def _moments(values: FloatArray) -> dict[str, float]:
    mean = values.mean()
    off = values - mean
    squares = off * off
    m2, m3, m4 = squares.mean(), (squares * off).mean(), (squares * squares).mean()
    scale = m2 if m2 != 0 else 1.0
    return {
        "Mean": float(mean),
        "MeanAbsoluteDeviation": float(np.abs(off).mean()),
        "Variance": float(m2),
        "StandardDeviation": float(np.sqrt(m2)),
        "Skewness": float(m3 / scale**1.5),
        "Kurtosis": float(m4 / scale**2),
    }


def _energy(shifted: FloatArray, voxel_volume: float) -> dict[str, float]:
    energy = float(np.sum(shifted * shifted))
    return {
        "Energy": energy,
        "TotalEnergy": energy * voxel_volume,
        "RootMeanSquared": float(np.sqrt(energy / len(shifted))),
    }


def _histogram(shares: FloatArray) -> dict[str, float]:
    return {
        "Entropy": float(-np.sum(shares * np.log2(shares + EPSILON))),
        "Uniformity": float(np.sum(shares * shares)),
    }
