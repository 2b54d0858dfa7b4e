"""Run length, size zone and dependence features: one set of formulas for three matrices.

IBSI TP0I (GLRLM), 9SAK (GLSZM) and REK0 (NGLDM, PyRadiomics' GLDM) sum up a matrix of grey level by
size in the same ways; only the names differ.
"""

from __future__ import annotations

import numpy as np

from rigoromics.extract.fast import kernels
from rigoromics.extract.fast.discretise import Levels
from rigoromics.extract.fast.grid import Flat, LongArray
from rigoromics.extract.fast.kernels import FloatArray

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


def run_lengths(flat: Flat, levels: Levels, merged: bool) -> dict[str, float]:
    """Return GLRLM features: of the summed matrix, or averaged over directions.

    PyRadiomics leaves out a direction along which no line holds two voxels of the ROI.
    """
    matrices, touching = kernels.runs(
        flat.cells, flat.voxels, flat.lines, flat.levels, flat.longest
    )
    kept = [
        touches or _share_a_line(levels, direction)
        for touches, direction in zip(touching, flat.along, strict=True)
    ]
    matrices = matrices[kept]
    if merged:
        matrices = matrices.sum(axis=0, keepdims=True)
    grey = levels.present.astype(np.float64)
    sizes = np.arange(1.0, flat.longest + 1)
    each = [kernels.emphases(matrix, grey, sizes) for matrix in matrices]
    return _named("glrlm", np.mean(each, axis=0) if each else np.full(kernels.EMPHASES, np.nan))


def _share_a_line(levels: Levels, direction: LongArray) -> bool:
    """Return whether two voxels of an ROI, gaps between them or not, lie along a direction."""
    voxels = np.argwhere(levels.values)
    axis = int(np.flatnonzero(direction)[0])
    # Every voxel is slid along the direction to the same place on that axis.
    slid = voxels - np.outer(voxels[:, axis] * direction[axis], direction)
    return len(np.unique(slid, axis=0)) < len(voxels)


def size_zones(flat: Flat, levels: Levels) -> dict[str, float]:
    """Return GLSZM features."""
    of_level, of_size = kernels.zones(flat.cells, flat.voxels, flat.lines)
    sizes = np.flatnonzero(np.bincount(of_size))
    column = np.zeros(sizes[-1] + 1, np.int64)
    column[sizes] = np.arange(len(sizes))
    cell = of_level * len(sizes) + column[of_size]
    matrix = np.bincount(cell, minlength=flat.levels * len(sizes)).reshape(-1, len(sizes))
    grey = levels.present.astype(np.float64)
    return _named("glszm", kernels.emphases(matrix, grey, sizes.astype(np.float64)))


def dependences(alike: LongArray, levels: Levels) -> dict[str, float]:
    """Return GLDM features from the voxels by level and number of like neighbours."""
    grey = levels.present.astype(np.float64)
    sizes = np.arange(1.0, alike.shape[1] + 1)
    return _named("gldm", kernels.emphases(alike, grey, sizes))


def _named(feature_class: str, values: FloatArray) -> dict[str, float]:
    words = WORDS[feature_class]
    return {name.format(*words): float(value) for name, value in zip(NAMES, values, strict=True)}
