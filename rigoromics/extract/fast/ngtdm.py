"""Neighbourhood grey tone difference features (IBSI IPET), by PyRadiomics' formulas."""

from __future__ import annotations

import numpy as np

from rigoromics.extract.fast.discretise import Levels
from rigoromics.extract.fast.kernels import FloatArray

# What PyRadiomics gives for an image without any difference.
COARSEST = 1e6


def tone_differences(apart: FloatArray, levels: Levels) -> dict[str, float]:
    """Return NGTDM features.

    Parameters
    ----------
    apart
        (levels,) sum over the voxels of each level of their distance to their neighbours' mean.
    levels
        The ROI in grey levels.
    """
    n = float(levels.counts.sum())
    share = levels.counts / n
    grey = levels.grey
    number = len(grey)
    differences = float(apart.sum())
    weighted = float(share @ apart)
    between = grey[:, None] - grey
    weights = grey * share
    spread = float(np.abs(weights[:, None] - weights).sum())
    both = share[:, None] + share
    mixed = share * apart
    contrast = float((share[:, None] * share * between**2).sum()) * differences / n
    complexity = np.abs(between) * (mixed[:, None] + mixed) / both
    strength = float((both * between**2).sum())
    return {
        "Coarseness": 1 / weighted if weighted != 0 else COARSEST,
        "Contrast": contrast / (number * (number - 1)) if number > 1 else 0.0,
        "Busyness": weighted / spread if spread != 0 else 0.0,
        "Complexity": float(complexity.sum()) / n,
        "Strength": strength / differences if differences != 0 else 0.0,
    }
