"""Contours to voxels: which contour belongs to which slice, and what lies between.

Contours are taken into the image's continuous index space, whatever its orientation. Those of
one height make a plane; each slice takes the nearest plane within half a slice, and the voxels
whose centres lie inside its contours (even-odd rule) are set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.errors import DataError, Problem
from rigoromics.segment.grid import affine, describe_grid
from rigoromics.segment.notes import note
from rigoromics.segment.polygons import Polygon, fill_polygons, sort_out_overlaps

Gaps = Literal["keep", "fill"]

# In slices. A contour may rest up to half a slice from its slice's plane; from a tenth on, it is
# said. A contour that itself spans more than half a slice was drawn in another plane.
OFF_PLANE_NOTED = 0.1
TILT_REFUSED = 0.5

# Coordinates are written with rounding; contours closer than this (mm) share a plane.
SAME_PLANE_MM = 0.1

# Empty slices in a row that `fill` may fill: contours on every second or third slice.
FILLED_AT_MOST = 2

# Share of the contours that may be left out without touching what is kept.
STRAY_REFUSED = 0.1


@dataclass(frozen=True)
class Plane:
    """Contours of one height: height in slices, corners as (column, row) in voxels."""

    height: float
    polygons: list[Polygon]

    @property
    def slice(self) -> int:
        """The nearest slice; half a slice up is the upper slice's."""
        # Rounding halves to even would put two planes on one slice.
        return int(np.floor(round(self.height, 4) + 0.5))


def rasterise(
    contours: Sequence[NDArray[np.float64]], image: sitk.Image, *, gaps: Gaps = "keep"
) -> tuple[NDArray[np.bool_], list[Problem]]:
    """Return the voxels whose centres lie inside the contours, and notes.

    Each slice takes the nearest contour plane within half a slice. Where planes lie denser than
    slices, the others are left out, and said so. Parts of contours beyond the image's edge are
    cut off and noted.

    Parameters
    ----------
    contours
        Closed contours, each of shape (n, 3), patient LPS in mm.
    image
        The image they were drawn on.
    gaps
        What becomes of one or two empty slices between contoured ones whose contours overlap:
        `keep` them empty, or `fill` them with the contours of the nearest plane (of two as near,
        the lower slice's).

    Returns
    -------
    tuple
        Boolean array of shape (k, j, i), and what a person should know.

    Raises
    ------
    DataError
        When contours lie more than half a slice above the last or below the first slice, or
        wholly beside the image; when they are tilted against the slices by more than half a
        slice; when planes that fall on one slice do not fit together.
    """
    columns, rows, slices = image.GetSize()
    to_index = np.linalg.inv(affine(image))
    indexed = [points @ to_index[:3, :3].T + to_index[:3, 3] for points in contours]
    _refuse_misfits(indexed, image)
    spacing = float(image.GetSpacing()[2])
    planes = _group(indexed, min(SAME_PLANE_MM / spacing, OFF_PLANE_NOTED))
    chosen, left_out = _choose(planes)
    if left_out:
        _refuse_tilted(indexed, spacing)
    mask = np.zeros((slices, rows, columns), dtype=np.bool_)
    repeats = partial = 0
    for number, plane in chosen.items():
        polygons = plane.polygons
        if len(polygons) > 1:
            polygons, dropped, overlapping = sort_out_overlaps(polygons, (rows, columns))
            repeats, partial = repeats + dropped, partial + overlapping
        mask[number] = fill_polygons(polygons, (rows, columns))
    notes = _edge_notes(indexed, image) + _height_notes(chosen, spacing)
    notes += _left_out_notes(left_out, mask, len(indexed), spacing)
    notes += _gap_notes(chosen, mask, gaps)
    counts = {
        f"{repeats} contours were drawn twice on their slice and count once": repeats,
        f"{partial} pairs of contours on one slice overlap partly; the overlap counts as "
        "outside": partial,
    }
    return mask, notes + _counted(counts)


def _refuse_misfits(indexed: Sequence[NDArray[np.float64]], image: sitk.Image) -> None:
    """Refuse contours that lie in other planes than the slices, or outside the image."""
    columns, rows, slices = image.GetSize()
    height = np.array([points[:, 2].mean() for points in indexed])
    spread = np.array([np.ptp(points[:, 2]) for points in indexed])
    low = np.array([points[:, :2].min(axis=0) for points in indexed]).reshape(-1, 2)
    high = np.array([points[:, :2].max(axis=0) for points in indexed]).reshape(-1, 2)
    beside = (high < -0.5).any(axis=1) | (low > np.array([columns, rows]) - 0.5).any(axis=1)
    nearest = np.floor(np.round(height, 4) + 0.5)
    outside = beside | (nearest < 0) | (nearest >= slices)
    if (spread > TILT_REFUSED).any():
        raise DataError(
            f"{int((spread > TILT_REFUSED).sum())} of {len(indexed)} contours do not lie in the "
            "planes of the image's slices",
            "take the series the contours were drawn on, or redraw them on this one",
        )
    if outside.any():
        raise DataError(
            f"{int(outside.sum())} of {len(indexed)} contours lie outside the image "
            f"({describe_grid(image)})",
            "take the series the contours were drawn on; if the scan was cropped or slices are "
            "missing, use the whole scan",
        )


def _group(indexed: Sequence[NDArray[np.float64]], same: float) -> list[Plane]:
    """Return the planes from low to high; heights up to `same` slices apart are one plane."""
    planes: list[Plane] = []
    for points in sorted(indexed, key=lambda points: float(points[:, 2].mean())):
        height = float(points[:, 2].mean())
        if not planes or height - planes[-1].height > same:
            planes.append(Plane(height, []))
        planes[-1].polygons.append(points[:, :2])
    return planes


def _choose(planes: Sequence[Plane]) -> tuple[dict[int, Plane], list[Plane]]:
    """Return the plane that each slice takes, from low to high, and the planes left out."""
    rivals: dict[int, list[Plane]] = defaultdict(list)
    for plane in planes:
        rivals[plane.slice].append(plane)
    chosen = {
        number: min(near, key=lambda plane: (round(abs(plane.height - number), 4), plane.height))
        for number, near in rivals.items()
    }
    return chosen, [plane for plane in planes if plane is not chosen[plane.slice]]


def _refuse_tilted(indexed: Sequence[NDArray[np.float64]], spacing: float) -> None:
    """Refuse several planes on one slice where contours are tilted: their heights mean little."""
    if max(float(np.ptp(points[:, 2])) for points in indexed) > OFF_PLANE_NOTED:
        raise DataError(
            "contours of different planes fall on one slice, and they are tilted against it: "
            f"they were drawn on other slices than this image's, which lie {spacing:.4g} mm apart",
            "take the series the contours were drawn on, or resample the segmentation to "
            "this series and look at the result before using it",
        )


def _left_out_notes(
    left_out: Sequence[Plane], mask: NDArray[np.bool_], contours: int, spacing: float
) -> list[Problem]:
    """Say how many contours lie between the planes that count, or refuse if they fit nowhere."""
    shape = (mask.shape[1], mask.shape[2])
    dropped = stray = 0
    for plane in left_out:
        for polygon in plane.polygons:
            filled = fill_polygons([polygon], shape)
            dropped += 1
            stray += bool(filled.any() and not (filled & mask[plane.slice]).any())
    if stray > contours * STRAY_REFUSED:
        raise DataError(
            f"contours of different planes fall on one slice, and {stray} of {contours} touch "
            "nothing on the plane nearest to the slice: they seem to be drawn on slices of "
            f"another series than this image's, which lie {spacing:.4g} mm apart",
            "take the series the contours were drawn on, or resample the segmentation to "
            "this series and look at the result before using it",
        )
    lost = f"; {stray} of them touch nothing that counts" if stray else ""
    return _counted(
        {
            f"contours lie denser than the slices, which are {spacing:.4g} mm apart: each slice "
            f"takes the nearest plane, and {dropped} contours between are left out{lost}": dropped
        }
    )


def _gap_notes(chosen: Mapping[int, Plane], mask: NDArray[np.bool_], gaps: Gaps) -> list[Problem]:
    """Fill the gaps between contoured slices where that is wished, and say what is empty."""
    filled = empty = 0
    for (low, below), (high, above) in pairwise(sorted(chosen.items())):
        between = range(low + 1, high)
        common = bool((mask[low] & mask[high]).any())
        if gaps == "fill" and 0 < len(between) <= FILLED_AT_MOST and common:
            for number in between:
                nearer = round(number - below.height, 4) <= round(above.height - number, 4)
                mask[number] = mask[low if nearer else high]
            filled += len(between)
        else:
            empty += len(between)
    return _counted(
        {
            f"{filled} slices between contoured slices were given the nearest contour": filled,
            f"{empty} slices between the first and the last contoured slice have no contour": empty,
        }
    )


def _edge_notes(indexed: Sequence[NDArray[np.float64]], image: sitk.Image) -> list[Problem]:
    edge = np.array(image.GetSize()[:2]) - 0.5
    cut = sum(bool((p[:, :2] < -0.5).any() or (p[:, :2] > edge).any()) for p in indexed)
    return _counted(
        {f"{cut} contours reach beyond the image's edge; what lies beyond is cut off": cut}
    )


def _height_notes(chosen: Mapping[int, Plane], spacing: float) -> list[Problem]:
    away = {number: abs(plane.height - number) for number, plane in chosen.items()}
    off = [number for number, distance in away.items() if distance > OFF_PLANE_NOTED]
    contours = sum(len(chosen[number].polygons) for number in off)
    mm = max((away[number] for number in off), default=0.0) * spacing
    return _counted(
        {
            f"{contours} contours lie between slices, up to {mm:.2f} mm away; each counts on the "
            "nearest slice": contours
        }
    )


def _counted(found: Mapping[str, int]) -> list[Problem]:
    """Return a note for each remark that was met at all."""
    look = "look at the contact sheet; redraw if it is wrong"
    return [note(text, look) for text, count in found.items() if count]
