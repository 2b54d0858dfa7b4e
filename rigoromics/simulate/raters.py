"""How people outline a lesion: a smooth misjudged boundary, redrawn slice by slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from rigoromics.simulate.geometry import Bool, Float, Grid, StarShape
from rigoromics.simulate.settings import Rater

# A cross-section smaller than this is not drawn, mm: no one outlines four pixels.
SMALLEST_RADIUS_MM = 2.0


@dataclass(frozen=True)
class Outline:
    """Closed polygons of one structure in one scan.

    Attributes
    ----------
    name
        What the structure is called.
    polygons
        Slice index to the polygon's vertices (points, 2): world x and y, mm.
    """

    name: str
    polygons: dict[int, Float]

    def volume(self, grid: Grid) -> float:
        """Return the polygons' area times the distance of slices, mm3."""
        return sum(abs(_area(points)) for points in self.polygons.values()) * grid.spacing[2]

    def mask(self, grid: Grid) -> Bool:
        """Return the voxels whose centres lie inside, (slices, rows, columns)."""
        mask = np.zeros(grid.shape, dtype=bool)
        for index, points in self.polygons.items():
            mask[index] = _inside(points, grid.x, grid.y)
        return mask


def true_mask(lesion: StarShape, grid: Grid) -> Bool:
    """Return the voxels whose centres lie in the lesion, (slices, rows, columns)."""
    level = lesion.level(grid.x[None, None, :], grid.y[None, :, None], grid.z[:, None, None])
    return level < 0


def outline_lesion(
    rng: np.random.Generator, rater: Rater, lesion: StarShape, grid: Grid
) -> Outline:
    """Return a lesion's outline as one rater draws it in one scan.

    Parameters
    ----------
    rng
        Source of chance; the same rater draws anew with another.
    rater
        The person.
    lesion
        The lesion in world coordinates.
    grid
        The scan's voxels.
    """
    shape = lesion.displaced(rng, rater.bias_mm, rater.spread_mm)
    near = np.abs(grid.z - shape.centre[2]) < shape.reach() + 1
    sections = {int(i): _section(shape, float(grid.z[i])) for i in np.nonzero(near)[0]}
    drawn = {i: part for i, part in sections.items() if part is not None}
    drawn = _slip(rng, drawn, rater.slice_slip, grid.shape[0])
    polygons = {
        i: _polygon(rng, centre, radii, rater.wobble_mm)
        for i, (centre, radii) in sorted(drawn.items())
    }
    return Outline(rater.roi_name, polygons)


def outline_region(name: str, fraction: Float, grid: Grid) -> Outline:
    """Return a large organ's outline from the part of each voxel it fills.

    Each slice's polygon is where rays from the region's middle leave it, so a deep notch is cut
    off, as in a quickly drawn structure.

    Parameters
    ----------
    name
        What to call it.
    fraction
        Part of each voxel (slices, rows, columns).
    grid
        The scan's voxels.
    """
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    steps = np.arange(0, max(grid.shape[1], grid.shape[2]), 0.5)
    polygons = {}
    for index, plane in enumerate(fraction):
        rows, columns = np.nonzero(plane > 0.5)
        if len(rows) < 50:
            continue
        row = np.rint(rows.mean() + np.outer(np.sin(angles), steps)).astype(int)
        column = np.rint(columns.mean() + np.outer(np.cos(angles), steps)).astype(int)
        ok = (row >= 0) & (row < plane.shape[0]) & (column >= 0) & (column < plane.shape[1])
        filled = np.zeros(ok.shape, dtype=bool)
        filled[ok] = plane[row[ok], column[ok]] > 0.5
        last = filled.shape[1] - 1 - np.argmax(filled[:, ::-1], axis=1)
        far = steps[last] * filled.any(axis=1)
        x = grid.origin[0] + grid.spacing[0] * (columns.mean() + far * np.cos(angles))
        y = grid.origin[1] + grid.spacing[1] * (rows.mean() + far * np.sin(angles))
        polygons[index] = np.stack([x, y], axis=1)
    return Outline(name, polygons)


Section = tuple[Float, Float]


def _section(shape: StarShape, z: float) -> Section | None:
    """Return the middle (2,) and the radii (angles,) of a cross-section, or None."""
    axis = np.arange(-36.0, 36.1, 1.5)
    x, y = shape.centre[0] + axis[None, :], shape.centre[1] + axis[:, None]
    inside = shape.level(x, y, np.array(z)) < 0
    if not inside.any():
        return None
    rows, columns = np.nonzero(inside)
    middle = np.array([shape.centre[0] + axis[columns].mean(), shape.centre[1] + axis[rows].mean()])
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    along = np.arange(0.0, 44.0, 0.5)
    level = shape.level(
        middle[0] + np.outer(np.cos(angles), along),
        middle[1] + np.outer(np.sin(angles), along),
        np.array(z),
    )
    out = np.argmax(level > 0, axis=1)
    before = np.maximum(out - 1, 0)
    index = np.arange(len(angles))
    low, high = level[index, before], level[index, out]
    part = np.where(out > 0, -low / np.where(high - low == 0, 1, high - low), 0.0)
    radii = along[before] + 0.5 * part
    return (middle, radii) if radii.mean() >= SMALLEST_RADIUS_MM else None


def _slip(
    rng: np.random.Generator, drawn: dict[int, Section], chance: float, slices: int
) -> dict[int, Section]:
    """Return the sections with an end slice now and then forgotten or drawn too far."""
    made = dict(drawn)
    for end, step in ((min(drawn), -1), (max(drawn), 1)):
        slip, further = rng.uniform() < chance, rng.uniform() < 0.5
        if not slip:
            continue
        if further and 0 <= end + step < slices:
            middle, radii = drawn[end]
            if 0.7 * radii.mean() >= SMALLEST_RADIUS_MM:
                made[end + step] = (middle, 0.7 * radii)
        elif not further and len(made) > 4:
            del made[end]
    return made


def _polygon(rng: np.random.Generator, middle: Float, radii: Float, wobble: float) -> Float:
    """Return the hand-drawn polygon (points, 2) of a section, vertices about 2 mm apart."""
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    orders = np.arange(0, 5)
    size = wobble * np.sqrt(2 / len(orders)) * rng.normal(size=len(orders))
    phase = rng.uniform(0, 2 * np.pi, len(orders))
    drawn = radii + (size[:, None] * np.cos(np.outer(orders, angles) + phase[:, None])).sum(axis=0)
    drawn = np.maximum(drawn, 1.0)
    points = int(np.clip(2 * np.pi * drawn.mean() / 2.0, 16, 72))
    keep = np.linspace(0, 2 * np.pi, points, endpoint=False)
    radius = np.interp(keep, np.append(angles, 2 * np.pi), np.append(drawn, drawn[0]))
    return np.stack([middle[0] + radius * np.cos(keep), middle[1] + radius * np.sin(keep)], axis=1)


def _area(points: Float) -> float:
    """Return the signed area of a polygon (points, 2)."""
    x, y = points[:, 0], points[:, 1]
    return float(0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _inside(points: Float, x: Float, y: Float) -> Bool:
    """Return which of the positions (y, x) a polygon holds, by the even-odd rule."""
    x1, y1 = points[:, 0], points[:, 1]
    x2, y2 = np.roll(x1, -1), np.roll(y1, -1)
    row = y[:, None]
    crosses = (y1 > row) != (y2 > row)
    height = np.where(y2 == y1, 1.0, y2 - y1)
    at = x1 + (row - y1) / height * (x2 - x1)
    left = crosses[:, None, :] & (x[None, :, None] < at[:, None, :])
    return cast(Bool, left.sum(axis=2) % 2 == 1)
