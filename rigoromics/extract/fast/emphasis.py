"""Run length, size zone and dependence features: one set of formulas for three matrices.

IBSI TP0I (GLRLM), 9SAK (GLSZM) and REK0 (NGLDM, PyRadiomics' GLDM) sum up a matrix of grey level by
size in the same ways; only the names differ.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from rigoromics.extract.fast import kernels
from rigoromics.extract.fast.discretise import IntArray, Levels
from rigoromics.extract.fast.kernels import FloatArray
from rigoromics.extract.fast.layout import Layout, LongArray

# In the order of `kernels.emphases`. {0} is the size's name, {1} what a small and {2} a large one
# is called, {3} what is counted.
NAMES = [
    "{1}Emphasis",
    "{2}Emphasis",
    "GrayLevelNonUniformity",
    "GrayLevelNonUniformityNormalized",
    "{0}NonUniformity",
    "{0}NonUniformityNormalized",
    "{3}Percentage",
    "GrayLevelVariance",
    "{3}Variance",
    "{3}Entropy",
    "LowGrayLevel{4}Emphasis",
    "HighGrayLevel{4}Emphasis",
    "{1}LowGrayLevelEmphasis",
    "{1}HighGrayLevelEmphasis",
    "{2}LowGrayLevelEmphasis",
    "{2}HighGrayLevelEmphasis",
]
WORDS = {
    "glrlm": ("RunLength", "ShortRun", "LongRun", "Run", "Run"),
    "glszm": ("SizeZone", "SmallArea", "LargeArea", "Zone", "Zone"),
    "gldm": ("Dependence", "SmallDependence", "LargeDependence", "Dependence", ""),
}


def run_lengths(cells: IntArray, layout: Layout, levels: Levels, merged: bool) -> dict[str, float]:
    """Return GLRLM features: of the summed matrix, or averaged over directions.

    PyRadiomics leaves out a direction along which no line holds two voxels of the ROI.
    """
    matrices, touching = kernels.runs(
        cells, layout.voxels, layout.lines, levels.counts, layout.longest
    )
    if not touching.all():
        matrices = matrices[touching | layout.shared_lines]
    if not len(matrices):
        return named("glrlm", without_runs(merged))
    if merged:
        matrices = matrices.sum(axis=0, keepdims=True)
    sizes = np.arange(1.0, matrices.shape[2] + 1)
    return named("glrlm", kernels.mean_emphases(matrices, levels.grey, sizes))


def without_runs(merged: bool) -> FloatArray:
    """Return GLRLM features of an ROI in which no two voxels lie in line.

    PyRadiomics leaves out every direction, and all is NaN; but never the sum of directions, of
    which the variance and entropy of runs are sums over nothing.
    """
    values = np.full(kernels.EMPHASES, np.nan)
    if merged:
        values[[NAMES.index("{3}Variance"), NAMES.index("{3}Entropy")]] = 0.0
    return values


def size_zones(cells: IntArray, layout: Layout, levels: Levels) -> dict[str, float]:
    """Return GLSZM features."""
    of_level, of_size = kernels.zones(cells, layout.voxels, layout.lines)
    sizes = np.flatnonzero(np.bincount(of_size))
    column = np.zeros(sizes[-1] + 1, np.int64)
    column[sizes] = np.arange(len(sizes))
    cell = of_level * len(sizes) + column[of_size]
    matrix = np.bincount(cell, minlength=len(levels.present) * len(sizes)).reshape(-1, len(sizes))
    return named("glszm", kernels.emphases(matrix, levels.grey, sizes.astype(np.float64)))


def dependences(alike: LongArray, levels: Levels) -> dict[str, float]:
    """Return GLDM features from the voxels by level and number of like neighbours."""
    sizes = np.arange(1.0, alike.shape[1] + 1)
    return named("gldm", kernels.emphases(alike, levels.grey, sizes))


def named(feature_class: str, values: FloatArray) -> dict[str, float]:
    """Return a class's features by PyRadiomics' names, in the order of `NAMES`."""
    return dict(zip(_names(feature_class), values.tolist(), strict=True))


@cache
def _names(feature_class: str) -> list[str]:
    return [name.format(*WORDS[feature_class]) for name in NAMES]
