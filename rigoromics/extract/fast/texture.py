"""Texture features of an ROI in grey levels, all classes, each matrix counted once."""

from __future__ import annotations

import numpy as np

from rigoromics.extract.dictionary import names_of
from rigoromics.extract.fast import emphasis, glcm, kernels, ngtdm
from rigoromics.extract.fast.discretise import Levels, levels_of
from rigoromics.extract.fast.layout import Layout
from rigoromics.extract.options import Options, Wanted

CLASSES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")


def texture(layout: Layout, levels: Levels, wanted: Wanted, options: Options) -> dict[str, float]:
    """Return texture features as `<class>_<Feature>`, by PyRadiomics' names.

    Parameters
    ----------
    layout, levels
        The ROI, and its voxels' grey levels.
    wanted
        Classes and their features; classes other than `CLASSES` are passed over.
    options
        Aggregation.
    """
    if not options.by_slice:
        return _texture(layout, levels, wanted, options)
    each = [
        _texture(part, levels_of(levels.values[chosen], levels.highest), wanted, options)
        for part, chosen in layout.slices()
    ]
    return {name: _mean([values[name] for values in each]) for name in each[0]}


def _mean(values: list[float]) -> float:
    """Return the mean over the slices in which a feature is defined; NaN if it is in none."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan


def _texture(layout: Layout, levels: Levels, wanted: Wanted, options: Options) -> dict[str, float]:
    cells, grey = layout.cells(levels.ranks), levels.grey
    found: dict[str, dict[str, float]] = {}
    if "glcm" in wanted:
        mcc = "MCC" in (wanted["glcm"] or ["MCC"])
        pairs = kernels.cooccurrences(cells, layout.voxels, layout.halves, len(grey))
        found["glcm"] = glcm.cooccurrence(pairs, levels, options.merged, mcc)
    if "glrlm" in wanted:
        found["glrlm"] = emphasis.run_lengths(cells, layout, levels, options.merged)
    if "glszm" in wanted:
        found["glszm"] = emphasis.size_zones(cells, layout, levels)
    if "gldm" in wanted or "ngtdm" in wanted:
        alike, apart = kernels.neighbourhoods(cells, layout.voxels, layout.halves, grey)
        found["gldm"] = emphasis.dependences(alike, levels)
        found["ngtdm"] = ngtdm.tone_differences(apart, levels)
    return {
        f"{name}_{feature}": found[name][feature]
        for name in CLASSES
        if name in wanted
        for feature in wanted[name] or names_of(name)
    }
