"""Perturbed ROIs: grown, shrunk, or redrawn along supervoxels.

After Zwanenburg et al. (Sci Rep 2019;9:614, doi:10.1038/s41598-018-36938-4). Both work on the
feature grid, on a part of it that the ROI alone decides: other masks of the scan change nothing.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from rigoromics import preprocess
from rigoromics.errors import DataError
from rigoromics.grid import FloatArray
from rigoromics.perturb.variants import MaskChange
from rigoromics.preprocess import BoolArray

# A supervoxel belongs to the ROI above the upper share of overlap, and never below the lower.
SURELY_IN, SURELY_OUT = 0.9, 0.2
# Edge of a supervoxel: half a millilitre, or less for small ROIs, so that each has many of them.
SUPERVOXEL_MM = 8.0
SUPERVOXELS_PER_ROI = 30
# Weight of distance against grey value, for grey values between 0 and 255; and its iterations.
PROXIMITY, ITERATIONS = 10.0, 10


def changed_mask(image: sitk.Image, inside: BoolArray, change: MaskChange, seed: int) -> BoolArray:
    """Return an ROI grown or shrunk, then redrawn.

    Parameters
    ----------
    image
        The image on the feature grid, with :func:`margin_mm` around the ROI.
    inside
        (slices, rows, columns) the ROI on the same grid; it is not changed.
    change
        What to do.
    seed
        Seed of what is drawn.

    Raises
    ------
    DataError
        Nothing is left of the ROI.
    """
    rng = np.random.default_rng(seed)
    changed = inside
    if change.volume:
        changed = grown(changed, image.GetSpacing(), change.volume, rng)
    if change.contour is not None:
        changed = redrawn(image, changed, rng)
    if not changed.any():
        raise DataError("Nothing is left of the ROI", "nothing, if few; it is too small for this")
    return changed


def margin_mm(volume_mm3: float, change: MaskChange) -> float:
    """Return how far beyond its contour an ROI can reach when changed, mm, two voxels aside.

    Of all bodies of one volume, a ball has to grow furthest for a given gain (Brunn-Minkowski).
    """
    radius = math.cbrt(3 * volume_mm3 / (4 * math.pi))
    further = radius * (math.cbrt(1 + max(change.volume, 0.0)) - 1)
    return further + (2 * SUPERVOXEL_MM if change.contour is not None else 0.0)


def grown(
    inside: BoolArray,
    spacing: tuple[float, float, float],
    share: float,
    rng: np.random.Generator,
) -> BoolArray:
    """Return an ROI with a share more voxels, or fewer if negative: those nearest to its contour.

    Parameters
    ----------
    inside
        (slices, rows, columns).
    spacing
        Voxel size (x, y, z), mm.
    share
        Of the ROI's volume; 0.1 is ten percent more.
    rng
        Chooses between voxels at the same distance.
    """
    number = int(np.count_nonzero(inside))
    wanted = round(abs(share) * number)
    far = _distance(inside if share > 0 else ~inside, spacing)
    candidates = np.flatnonzero((~inside if share > 0 else inside).ravel())
    # Equal distances differ in their last bits.
    away = far.ravel()[candidates].round(6)
    order = np.lexsort((rng.random(len(candidates)), away))
    changed = inside.ravel().copy()
    changed[candidates[order[:wanted]]] = share > 0
    return changed.reshape(inside.shape)


def redrawn(image: sitk.Image, inside: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Return an ROI made anew from supervoxels that overlap with it.

    SLIC supervoxels (Achanta et al., IEEE TPAMI 2012;34:2274, doi:10.1109/TPAMI.2012.120) follow
    the edges in the image, as a rater would. One that lies in the ROI by 90% or more is taken
    whole, one by less than 20% not at all, one between with that share as probability.

    Parameters
    ----------
    image, inside
        The image, and the ROI on its grid.
    rng
        Draws.
    """
    box = preprocess.bounding_box(inside)
    if box is None:
        return inside
    spacing = image.GetSpacing()
    part = box.grown([math.ceil(2 * SUPERVOXEL_MM / s) for s in spacing], image.GetSize())
    within = preprocess.part_of(inside, part)
    labels = _supervoxels(preprocess.crop(image, part), within)
    whole = np.bincount(labels.ravel())
    share = np.bincount(labels[within], minlength=len(whole)) / np.maximum(whole, 1)
    chance = np.where(share >= SURELY_IN, 1.0, np.where(share < SURELY_OUT, 0.0, share))
    taken = rng.random(len(whole)) < chance
    changed = np.zeros_like(inside)
    preprocess.part_of(changed, part)[...] = taken[labels]
    return changed


def _supervoxels(image: sitk.Image, within: BoolArray) -> npt.NDArray[np.int64]:
    """Return the number of each voxel's supervoxel, (slices, rows, columns).

    Grey values count within the range that the ROI and its surroundings mostly have: bone or air
    nearby must not make everything else alike.
    """
    spacing = image.GetSpacing()
    values = sitk.GetArrayFromImage(image).astype(np.float64)
    low, high = np.percentile(values[within], [1, 99])
    wide = max(high - low, 1e-12)
    scaled = np.clip((values - low + wide / 2) / (2 * wide), 0, 1) * 255
    flat = len(values) == 1
    size_mm3 = np.count_nonzero(within) * math.prod(spacing)
    if flat:
        edge = min(SUPERVOXEL_MM, (size_mm3 / spacing[2] / SUPERVOXELS_PER_ROI) ** (1 / 2))
    else:
        edge = min(SUPERVOXEL_MM, (size_mm3 / SUPERVOXELS_PER_ROI) ** (1 / 3))
    slic = sitk.SLICImageFilter()
    slic.SetSuperGridSize([max(round(edge / s), 1) for s in spacing])
    slic.SetSpatialProximityWeight(PROXIMITY)
    slic.SetMaximumNumberOfIterations(ITERATIONS)
    slic.SetNumberOfThreads(1)
    found = slic.Execute(preprocess.like(image, scaled.astype(np.float32)))
    labels: npt.NDArray[np.int64] = sitk.GetArrayFromImage(found).astype(np.int64)
    return labels


def _distance(inside: BoolArray, spacing: tuple[float, float, float]) -> FloatArray:
    """Return each voxel's distance to the nearest one inside, mm."""
    from scipy.ndimage import distance_transform_edt

    distance: FloatArray = distance_transform_edt(~inside, sampling=spacing[::-1])
    return distance
