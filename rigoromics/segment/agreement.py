"""How well the masks of two raters agree: overlap, and distances between their surfaces.

Sources
-------
Dice, Ecology 1945;26:297-302.
Huttenlocher, Klanderman and Rucklidge, IEEE PAMI 1993;15:850-863 (Hausdorff distance by quantile).
Nikolov et al., J Med Internet Res 2021;23:e26151 (surface Dice; surfaces weighted by area).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.segment.checks import union_box
from rigoromics.segment.mesh import areas, patterns

Flags = NDArray[np.bool_]
# Surfaces as far apart as this agree. There is no standard: Nikolov et al. take what raters differ
# by, organ by organ; this is the usual slice thickness, below which contours cannot tell.
TOLERANCE_MM = 3.0
# Distances are in single precision; one that equals the tolerance is within it.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Agreement:
    """How well two masks of one ROI agree.

    Parameters
    ----------
    dice
        2 |A and B| / (|A| + |B|); 1 when equal, 0 when apart, NaN when both are empty.
    hausdorff95_mm
        See :func:`hausdorff95`; NaN when either mask is empty.
    mean_surface_mm
        Mean distance from either surface to the other, by area; NaN when either mask is empty.
    surface_dice
        Share of both surfaces' area that lies within `TOLERANCE_MM` of the other; as `dice` for
        empty masks.
    """

    dice: float
    hausdorff95_mm: float
    mean_surface_mm: float
    surface_dice: float


def agreement(a: sitk.Image, b: sitk.Image) -> Agreement:
    """Return how well two masks on the same grid agree.

    In an image of a single slice the surface is the contour: flat sides are none.
    """
    first = sitk.GetArrayViewFromImage(a) > 0
    second = sitk.GetArrayViewFromImage(b) > 0
    nan = float("nan")
    if not (first.any() and second.any()):
        # Of an empty and a full mask nothing overlaps; of two empty ones nothing can be said.
        apart = 0.0 if first.any() or second.any() else nan
        return Agreement(apart, nan, nan, apart)
    planar = first.shape[0] == 1
    box = union_box([first, second])
    first, second = first[box], second[box]
    dice = 2.0 * int((first & second).sum()) / (int(first.sum()) + int(second.sum()))
    far = hausdorff95(first, second, a.GetSpacing(), planar=planar)
    mean, share = surface_agreement(first, second, a.GetSpacing(), planar=planar)
    return Agreement(dice, far, mean, share)


def hausdorff95(a: Flags, b: Flags, spacing: tuple[float, ...], *, planar: bool = False) -> float:
    """Return the 95% Hausdorff distance of two masks on the same grid, in mm.

    The surface of a mask is its voxels with a face next to a voxel outside it (or to the array's
    border), each counting once, at its centre. For every surface voxel of A the distance to the
    nearest surface voxel of B is taken, and the reverse; the result is the larger of the two 95th
    percentiles (linear interpolation). It is symmetric and zero for equal masks.

    Parameters
    ----------
    a, b
        Masks of shape (k, j, i), cropped alike; neither may be empty.
    spacing
        (i, j, k) in mm.
    planar
        Whether the masks are of an image of one slice: then only faces within it count.
    """
    surfaces = [surface(a, planar=planar), surface(b, planar=planar)]
    directed = [
        np.percentile(_distances_to(other, spacing)[own], 95)
        for own, other in (surfaces, surfaces[::-1])
    ]
    return float(max(directed))


def surface(array: Flags, *, planar: bool = False) -> Flags:
    """Return the voxels of a mask, shape (k, j, i), that have a face next to the outside."""
    padded = np.pad(array, 1)
    inner = array.copy()
    for axis in range(1 if planar else 0, 3):
        for step in (-1, 1):
            inner &= np.roll(padded, step, axis=axis)[1:-1, 1:-1, 1:-1]
    return array & ~inner


def surface_agreement(
    a: Flags,
    b: Flags,
    spacing: tuple[float, ...],
    *,
    tolerance: float = TOLERANCE_MM,
    planar: bool = False,
) -> tuple[float, float]:
    """Return the mean distance of two surfaces in mm, and the share within a tolerance.

    A surface is where cubes of eight neighbouring voxels are partly inside; it lies at their
    centres and weighs the area of the marching-cubes mesh in them, as in Nikolov's own program,
    whose values these are. Surfaces so thick are up to a voxel nearer than ideal ones. Both
    numbers are over both surfaces together, so they are symmetric.

    Parameters
    ----------
    a, b
        Masks of shape (k, j, i), cropped alike; neither may be empty.
    spacing
        (i, j, k) in mm.
    tolerance
        Distance in mm up to which surfaces count as the same.
    planar
        Whether the masks are of an image of one slice.
    """
    weights = [_surface_areas(mask, spacing, planar=planar) for mask in (a, b)]
    total = near = distance = 0.0
    for own, other in (weights, weights[::-1]):
        there = own > 0.0
        apart = _distances_to(other > 0.0, spacing)[there].astype(np.float64)
        total += float(own[there].sum())
        distance += float(own[there] @ apart)
        near += float(own[there][apart <= tolerance * (1.0 + ROUNDING)].sum())
    return distance / total, near / total


def _surface_areas(mask: Flags, spacing: tuple[float, ...], *, planar: bool) -> NDArray[np.float64]:
    """Return the area of the mesh around each corner where voxels meet, mm²."""
    i, j, k = spacing
    # A slice that goes on above and below has no flat sides.
    sides = np.repeat(mask, 2, axis=0) if planar else mask
    padded = np.pad(sides, ((0 if planar else 1,) * 2, (1, 1), (1, 1)))
    return np.asarray(areas((k, j, i))[patterns(padded)])


def _distances_to(target: Flags, spacing: tuple[float, ...]) -> NDArray[np.float32]:
    """Return each voxel's distance in mm to the nearest voxel of `target`."""
    image = sitk.GetImageFromArray(target.astype(np.uint8))
    image.SetSpacing(spacing)
    # Maurer's map measures from the object's border voxels, which here is the whole object.
    distances = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    result: NDArray[np.float32] = np.abs(sitk.GetArrayFromImage(distances))
    result[target] = 0.0  # the map leaves rounding errors there
    return result
