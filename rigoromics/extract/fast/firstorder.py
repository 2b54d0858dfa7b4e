"""First-order features (IBSI: UHIW, ZVCW), by PyRadiomics' formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rigoromics.extract.dictionary import names_of
from rigoromics.extract.fast.discretise import Levels
from rigoromics.extract.options import Options

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
EPSILON = np.spacing(1)
PERCENTS = (10, 25, 75, 90)


class Moments(NamedTuple):
    """What the values of an ROI add up to.

    Attributes
    ----------
    mean, deviation
        Mean, and mean absolute deviation from it.
    m2, m3, m4
        Moments about the mean.
    energy
        Sum of squares of the values, shifted.
    robust
        Mean absolute deviation of the values between the 10th and the 90th percentile.
    """

    mean: float
    deviation: float
    m2: float
    m3: float
    m4: float
    energy: float
    robust: float


def firstorder(
    values: npt.NDArray[Any],
    levels: Levels,
    spacing: Sequence[float],
    names: Sequence[str],
    options: Options,
) -> dict[str, float]:
    """Return first-order features by PyRadiomics' names.

    Parameters
    ----------
    values
        (voxels,) grey values of the ROI.
    levels
        The ROI in grey levels, for entropy and uniformity.
    spacing
        Voxel size, mm, in any order: only its product counts.
    names
        Features wanted; none: all.
    options
        `voxel_array_shift`.
    """
    values = values.astype(np.float64)
    number = len(values)
    wanted = places(number)
    # Only these places are put in order: a whole sort costs several times as much.
    ordered = np.partition(values, wanted)
    order = order_statistics(
        number, dict(zip(wanted.tolist(), ordered[wanted].tolist(), strict=True))
    )
    off = values - values.mean()
    squares = off * off
    shifted = values + options.voxel_array_shift
    robust = values[(values >= order["10Percentile"]) & (values <= order["90Percentile"])]
    moments = Moments(
        mean=float(values.mean()),
        deviation=float(np.abs(off).mean()),
        m2=float(squares.mean()),
        m3=float((squares * off).mean()),
        m4=float((squares * squares).mean()),
        energy=float(np.sum(shifted * shifted)),
        robust=float(np.abs(robust - robust.mean()).mean()) if robust.size else math.nan,
    )
    return named(order, moments, float(np.prod(spacing)), number, levels, names)


def named(
    order: dict[str, float],
    moments: Moments,
    voxel_volume: float,
    number: int,
    levels: Levels,
    names: Sequence[str],
) -> dict[str, float]:
    """Return first-order features by PyRadiomics' names, from what was summed up.

    Parameters
    ----------
    order, moments
        What :func:`order_statistics` returned, and the sums.
    voxel_volume, number
        mm³, and number of voxels.
    levels
        The ROI in grey levels, for entropy and uniformity.
    names
        Features wanted; none: all.
    """
    mean, deviation, m2, m3, m4, energy, robust = moments
    scale = m2 if m2 != 0 else 1.0
    shares = levels.counts / levels.counts.sum()
    found = {
        **order,
        "RobustMeanAbsoluteDeviation": robust,
        "Mean": mean,
        "MeanAbsoluteDeviation": deviation,
        "Variance": m2,
        "StandardDeviation": math.sqrt(m2),
        "Skewness": m3 / scale**1.5,
        "Kurtosis": m4 / scale**2,
        "Energy": energy,
        "TotalEnergy": energy * voxel_volume,
        "RootMeanSquared": math.sqrt(energy / number),
        "Entropy": float(-np.sum(shares * np.log2(shares + EPSILON))),
        "Uniformity": float(np.sum(shares * shares)),
    }
    return {name: found[name] for name in names or names_of("firstorder")}


def places(number: int) -> IntArray:
    """Return the places, of so many values in order, that order statistics look at."""
    last, half = number - 1, number // 2
    found = {0, half, last, max(half - 1, 0)}
    for percent in PERCENTS:
        below = int(last * (percent / 100))
        found |= {below, min(below + 1, last)}
    return np.array(sorted(found))


def order_statistics(number: int, ordered: dict[int, float]) -> dict[str, float]:
    """Return what hangs on the order of values.

    Parameters
    ----------
    number
        Number of values.
    ordered
        Of :func:`places`, place to value.
    """
    last, half = number - 1, number // 2
    p10, p25, p75, p90 = (_between(ordered, last * (percent / 100), last) for percent in PERCENTS)
    return {
        "Minimum": ordered[0],
        "10Percentile": p10,
        "Median": ordered[half] if number % 2 else (ordered[half - 1] + ordered[half]) / 2,
        "90Percentile": p90,
        "Maximum": ordered[last],
        "InterquartileRange": p75 - p25,
        "Range": ordered[last] - ordered[0],
    }


def _between(ordered: dict[int, float], place: float, last: int) -> float:
    """Return the value at a place between two of sorted values, as numpy's percentiles are."""
    below = int(place)
    low, high = ordered[below], ordered[min(below + 1, last)]
    share = place - below
    # numpy counts from the nearer end.
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
