"""What decides the features of one image under one mask, apart from image and mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Feature class to names of features; no names: all that PyRadiomics computes unasked.
Wanted = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Options:
    """Settings of feature classes, with PyRadiomics' meaning.

    Attributes
    ----------
    bin_width, bin_count
        Grey levels: one of the two.
    distances
        Distances between neighbours, voxels (Chebyshev norm).
    force_2d
        Neighbours within each slice only.
    merged
        One matrix summed over the directions, in place of features averaged over matrices.
    by_slice
        Features of each slice, averaged over slices (IBSI 2D); PyRadiomics has no such thing.
    voxel_array_shift
        Added to grey values before energy, total energy and root mean square.
    """

    bin_width: float | None = None
    bin_count: int | None = None
    distances: tuple[int, ...] = (1,)
    force_2d: bool = False
    merged: bool = False
    by_slice: bool = False
    voxel_array_shift: float = 0
