"""First-order features (IBSI: UHIW, ZVCW), by PyRadiomics' formulas."""

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
        **_order_statistics(values),
        **_moments(values),
        **_energy(values + options.voxel_array_shift, float(np.prod(spacing))),
        **_histogram(levels.counts / levels.counts.sum()),
    }
    return {name: found[name] for name in names or names_of("firstorder")}


def _order_statistics(values: FloatArray) -> dict[str, float]:
    last, half = len(values) - 1, len(values) // 2
    shares = [last * (percent / 100) for percent in (10, 25, 75, 90)]
    # Only these places are put in order: a whole sort costs several times as much.
    places = {0, half - 1, half, last} | {
        min(int(share) + step, last) for share in shares for step in (0, 1)
    }
    ordered = np.partition(values, sorted(places - {-1}))
    p10, p25, p75, p90 = (_between(ordered, share) for share in shares)
    robust = values[(values >= p10) & (values <= p90)]
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


def _between(ordered: FloatArray, place: float) -> float:
    """Return the value at a place between two of sorted values, as numpy's percentiles are."""
    below = int(place)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    share = place - below
    # numpy counts from the nearer end.
    return float(low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share))


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
