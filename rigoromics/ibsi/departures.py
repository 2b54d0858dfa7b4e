"""Where PyRadiomics' definitions differ from IBSI's, each with words and a proof.

The proof of a departure is the value computed as IBSI has it, all else being as in the engine. A
mismatch counts as explained only if that value meets the reference: words alone explain nothing.
Where a proof starts from the image and not from the engine's value, it also computes that value
anew, and fails if the engine's is another: a wrong value is no departure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rigoromics import preprocess
from rigoromics.extract.fast.discretise import Levels, levels_of
from rigoromics.extract.fast.layout import Layout
from rigoromics.extract.fast.texture import texture
from rigoromics.extract.options import Options
from rigoromics.ibsi.measure import TEXTURES, Phantom
from rigoromics.ibsi.reference import Reference

AXES = ("MajorAxisLength", "MinorAxisLength", "LeastAxisLength")
# How far apart a value and the same computed anew may lie, relative.
SAME = 1e-9
# Takes the reference, the phantom and the engine's value; returns the value as IBSI has it, or
# None where the departure does not concern the feature.
Proof = Callable[[Reference, Phantom, float], float | None]


@dataclass(frozen=True)
class Departure:
    """One way in which an engine differs from IBSI.

    Attributes
    ----------
    name
        A few words, for tables.
    words
        What the engine does, what IBSI asks for, and what the proof does.
    proof
        The value as IBSI has it.
    """

    name: str
    words: str
    proof: Proof


def _excess_kurtosis(reference: Reference, _: Phantom, value: float) -> float | None:
    return value - 3 if reference.ours == ("firstorder", "Kurtosis") else None


def _sample_covariance(reference: Reference, phantom: Phantom, value: float) -> float | None:
    feature_class, name = reference.ours or ("", "")
    if feature_class != "shape" or name not in AXES:
        return None
    voxels = int(phantom.drawn.sum())
    return value * math.sqrt(voxels / (voxels - 1))


def _levels_from_the_bound(reference: Reference, phantom: Phantom, value: float) -> float | None:
    feature_class, name = reference.ours or ("", "")
    bounds = phantom.settings.intensity.resegmentation
    width = phantom.settings.discretisation.bin_width
    way = reference.way
    if feature_class not in TEXTURES or way is None or bounds is None or width is None:
        return None
    options = Options(
        force_2d=not way.setting.startswith("3D"),
        merged=way.setting.endswith("merged"),
        by_slice=way.setting.startswith("2D"),
    )
    lowest = math.floor(phantom.grey.min() / width) * width
    box = preprocess.bounding_box(phantom.kept)
    inside = phantom.kept if box is None else preprocess.part_of(phantom.kept, box)
    layout = Layout.of(inside, options)
    engines, ibsis = (
        texture(layout, levels_from(phantom, first, width), {feature_class: [name]}, options)
        for first in (lowest, bounds[0])
    )
    column = f"{feature_class}_{name}"
    return ibsis[column] if math.isclose(value, engines[column], rel_tol=SAME) else None


def levels_from(phantom: Phantom, bound: float, width: float) -> Levels:
    """Return a phantom's grey levels of a fixed bin size (IBSI 2.7, Q3RU).

    Parameters
    ----------
    phantom
        The phantom.
    bound
        Where the first level begins; IBSI takes the lower bound of resegmentation.
    width
        Bin size.
    """
    return levels_of(np.floor((phantom.grey - bound) / width).astype(np.int32) + 1)


DEPARTURES = (
    Departure(
        "kurtosis, not excess kurtosis",
        "PyRadiomics gives the fourth standardised moment, which is 3 for a normal distribution; "
        "IBSI (IPH6) takes 3 off. Proof: with 3 taken off, the value meets the reference.",
        _excess_kurtosis,
    ),
    Departure(
        "axis lengths from n voxels, not n - 1",
        "PyRadiomics divides the covariance of voxel positions by the number of voxels n, IBSI by "
        "n - 1. It shows in an ROI of some hundred voxels or fewer. Proof: multiplied by the root "
        "of n / (n - 1), the length meets the reference.",
        _sample_covariance,
    ),
    Departure(
        "first grey level at the ROI's lowest bin",
        "With a fixed bin size, PyRadiomics' edges are multiples of the width and its first level "
        "is the bin of the ROI's lowest grey value; IBSI's (Q3RU) first level begins at the lower "
        "bound of resegmentation. Where the bound is a multiple of the width, bins are the same "
        "and their numbers are shifted, and so is every feature that takes the number for "
        "brightness. Proof: with levels counted from the bound, the same formulas meet the "
        "reference.",
        _levels_from_the_bound,
    ),
)
