"""Plan how slices become a volume: what is as it should be, what is repaired, what is refused.

The plan is made from headers alone, so that the case sheet says before any pixel is decoded what
reading will do. Every repair is told in a note with its numbers; whatever is neither in order nor
repaired by a rule below is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rigoromics.errors import DataError, Problem
from rigoromics.read.geometry import (
    DUPLICATE_MM,
    GRID_TOLERANCE,
    ROUNDING_MM,
    UNKNOWN_THICKNESS_MM,
    CommonFrame,
    Floats,
    SliceHeader,
    VolumeGeometry,
    common_frame,
    count_slices,
    judge_gaps,
    name_positions,
)

Uneven = Literal["refuse", "resample"]

STAGE = "images"
TILT_AGREES_DEGREES = 1.0
"""The header's tilt and that of the positions agree within this."""
TILT_AT_MOST_DEGREES = 45.0
"""No gantry tilts further; slices stacked more obliquely are something else."""
SAME_PLACE = 1e-4
"""Places nearer than this, in voxels, are the same: headers round."""
_LOOK = "look at the contact sheet; places in the patient stay true"


@dataclass(frozen=True)
class Blend:
    """Which slices each slice of the volume is made of: (1 - weight) x lower + weight x upper.

    Attributes
    ----------
    lower, upper
        Numbers of slices in the order of the plan's geometry, shape (m,).
    weight
        Share of the upper slice, shape (m,).
    """

    lower: NDArray[np.intp]
    upper: NDArray[np.intp]
    weight: Floats


@dataclass(frozen=True)
class VolumePlan:
    """How slices become a volume.

    Attributes
    ----------
    geometry
        Of the volume; its `order` lists the slices used, without dropped copies.
    notes
        What is repaired.
    offsets
        Gantry tilt: where the first voxel of each used slice lies in the volume's plane, along
        the row and down the column from the volume's first voxel (mm), shape (n, 2); else None.
    blend
        How slices are interpolated onto an even grid; None where each is used as it is.
    """

    geometry: VolumeGeometry
    notes: tuple[Problem, ...] = ()
    offsets: Floats | None = None
    blend: Blend | None = None

    @property
    def shifts(self) -> Floats | None:
        """The in-plane shift of each slice of the volume (mm), shape (m, 2); None if upright."""
        if self.offsets is None or self.blend is None:
            return self.offsets
        weight = self.blend.weight[:, None]
        offsets = self.offsets
        mixed: Floats = (
            offsets[self.blend.lower] * (1 - weight) + offsets[self.blend.upper] * weight
        )
        return mixed

    @property
    def nearest(self) -> NDArray[np.intp]:
        """The used slice nearest to each slice of the volume, in the order of the geometry."""
        if self.blend is None:
            return np.arange(len(self.geometry.order))
        return np.where(self.blend.weight > 0.5, self.blend.upper, self.blend.lower)


def plan_volume(
    slices: Sequence[SliceHeader],
    *,
    pixels: Callable[[int], str] | None = None,
    uneven: Uneven = "refuse",
    header_tilt: float | None = None,
) -> VolumePlan:
    """Plan the volume that slices form, or refuse them in plain words.

    Parameters
    ----------
    slices
        The slices in any order.
    pixels
        Gives a text for the slice of an index that is equal where pixels are, empty where that
        is not known; asked only of slices that share a place.
    uneven
        What becomes of missing slices and uneven gaps: `refuse`, or `resample` by linear
        interpolation between neighbours, never over more than one missing slice.
    header_tilt
        GantryDetectorTilt (degrees), where the header has it.

    Returns
    -------
    VolumePlan
        Its geometry does not depend on the order of the slices.

    Raises
    ------
    DataError
        No slices; no position; slices that differ in size, pixel spacing or orientation; two
        different slices at one place; missing slices or uneven gaps; slices shifted against each
        other in no steady way. The message names the places in mm along the slice normal.
    """
    frame = common_frame(slices)
    order, notes = _without_copies(frame, pixels)
    positions, along = frame.positions[order], frame.along[order]
    gap, blend, even_notes = _even_grid(along, slices[order[0]].thickness, uneven)
    offsets, tilt_notes = _tilt(positions, frame.direction, gap, header_tilt)
    rows, columns = slices[0].shape
    origin, pad = positions[0], np.zeros(2, dtype=int)
    if offsets is not None:
        offsets, pad, origin = _upright_grid(offsets, origin, frame)
    count = len(order) if blend is None else len(blend.weight)
    geometry = VolumeGeometry(
        order=order,
        origin=origin,
        spacing=np.array([frame.spacing[1], frame.spacing[0], gap]),
        direction=frame.direction,
        size=(columns + int(pad[0]), rows + int(pad[1]), count),
    )
    return VolumePlan(geometry, tuple(notes + even_notes + tilt_notes), offsets, blend)


def _without_copies(
    frame: CommonFrame, pixels: Callable[[int], str] | None
) -> tuple[NDArray[np.intp], list[Problem]]:
    """Return the slices along the normal, each place once, and a note on dropped copies."""
    order = np.argsort(frame.along, kind="stable")
    along = frame.along[order]
    doubled = np.concatenate([[False], np.diff(along) < DUPLICATE_MM])
    if not doubled.any():
        return order, []
    different = [
        number
        for number in np.flatnonzero(doubled)
        if not _is_copy(frame, pixels, order[number - 1], order[number])
    ]
    if different:
        verb = "lies" if len(different) == 1 else "lie"
        raise DataError(
            f"{count_slices(len(different))} of the series {verb} where another slice lies, with "
            f"other pixels, at {name_positions(along[different])}",
            "remove the doubled files, or split the series if it holds several phases or echoes",
        )
    dropped = int(doubled.sum())
    note = Problem(
        STAGE,
        "repaired",
        f"{count_slices(dropped)} of the series lie{'s' * (dropped == 1)} where another slice "
        f"lies and equal{'s' * (dropped == 1)} it pixel for pixel, at "
        f"{name_positions(along[doubled])}; one of each counts",
        "nothing; remove the copies to save space",
    )
    return order[~doubled], [note]


def _is_copy(
    frame: CommonFrame, pixels: Callable[[int], str] | None, one: np.intp, other: np.intp
) -> bool:
    if pixels is None:
        return False
    apart = float(np.linalg.norm(frame.positions[one] - frame.positions[other]))
    mine = pixels(int(one))
    return apart < DUPLICATE_MM and mine != "" and mine == pixels(int(other))


def _even_grid(
    along: Floats, thickness: float, uneven: Uneven
) -> tuple[float, Blend | None, list[Problem]]:
    """Return the gap between the volume's slices (mm), and how they are interpolated, if at all."""
    if len(along) == 1:
        return (thickness if thickness > 0 else UNKNOWN_THICKNESS_MM), None, []
    gaps = judge_gaps(along)
    missing = len(gaps.missing)
    length = float(along[-1] - along[0])
    if not gaps.uneven and not missing:
        return length / len(gaps.steps), None, []
    if uneven == "refuse":
        _refuse_uneven(gaps.uneven, gaps.described, gaps.missing, gaps.usual)
    if gaps.widest > (2 + GRID_TOLERANCE) * gaps.usual:
        raise DataError(
            "More than one slice in a row is missing from the series: its slices lie "
            f"{gaps.usual:.4g} mm apart, but its gaps are {gaps.described}",
            "copy the missing files from the archive; so wide a gap is not interpolated over",
        )
    if gaps.uneven:
        count = round(length / gaps.usual)
        gap = length / max(count, 1)
        blend = _between(along, along[0] + gap * np.arange(count + 1))
        made = along[0] + gap * np.flatnonzero(blend.weight > 0)
        what = f"The gaps between the slices of the series are uneven ({gaps.described})"
    else:
        gap = length / float(np.sum(gaps.steps))
        blend = _filled(gaps.steps)
        made = gaps.missing
        what = f"{_are_missing(missing)} (the slices lie {gaps.usual:.4g} mm apart)"
    note = Problem(
        STAGE,
        "repaired",
        f"{what}; {count_slices(len(made))} of the volume, at {name_positions(made)}, "
        f"{'was' if len(made) == 1 else 'were'} interpolated linearly between neighbours onto an "
        f"even grid of {gap:.4g} mm",
        "better take a complete and even reconstruction; interpolated slices are smoother",
    )
    return gap, blend, [note]


def _refuse_uneven(uneven: bool, described: str, missing: Floats, usual: float) -> None:
    if uneven:
        raise DataError(
            f"The gaps between the slices of the series are uneven ({described})",
            "use a reconstruction with even slices, or set `images: uneven_slices: resample`",
        )
    raise DataError(
        f"{_are_missing(len(missing))}, at {name_positions(missing)} "
        f"(the slices lie {usual:.4g} mm apart)",
        "copy the missing files from the archive, or set `images: uneven_slices: resample` to "
        "have single missing slices interpolated",
    )


def _are_missing(count: int) -> str:
    return f"{count_slices(count)} of the series {'is' if count == 1 else 'are'} missing"


def _filled(steps: Floats) -> Blend:
    """Blend where the even grid has every slice but some: those lie midway between two."""
    lower: list[int] = []
    weight: list[float] = []
    for number, step in enumerate(steps):
        lower += [number] * int(step)
        weight += [part / step for part in range(int(step))]
    below = np.array([*lower, len(steps)], dtype=np.intp)
    shares = np.array([*weight, 0.0])
    return Blend(below, np.minimum(below + (shares > 0), len(steps)), shares)


def _between(along: Floats, wanted: Floats) -> Blend:
    """Blend for any places within the stack."""
    lower = np.clip(np.searchsorted(along, wanted, side="right") - 1, 0, len(along) - 2)
    weight = (wanted - along[lower]) / (along[lower + 1] - along[lower])
    # What lies on a slice is that slice, whatever the last digit of its position.
    weight = np.where(weight < SAME_PLACE, 0.0, np.where(weight > 1 - SAME_PLACE, 1.0, weight))
    exact = weight == 1
    below = np.where(exact, lower + 1, lower)
    weight = np.where(exact, 0.0, weight)
    return Blend(below, np.where(weight > 0, below + 1, below), weight)


def _tilt(
    positions: Floats, direction: Floats, gap: float, header_tilt: float | None
) -> tuple[Floats | None, list[Problem]]:
    """Return the in-plane offsets of slices that are stacked obliquely, else None.

    Offsets are from the first slice, along the row and down the column (mm), shape (n, 2).
    """
    steps = positions - positions[0]
    offsets: Floats = steps @ direction[:, :2]
    along = steps @ direction[:, 2]
    largest = float(np.linalg.norm(offsets, axis=1).max())
    tolerance = max(GRID_TOLERANCE * gap, ROUNDING_MM)
    if largest <= tolerance:
        return None, []
    centred = along - along.mean()
    slope = centred @ (offsets - offsets.mean(axis=0)) / (centred @ centred)
    residual = offsets - offsets.mean(axis=0) - np.outer(centred, slope)
    angle = float(np.degrees(np.arctan(np.linalg.norm(slope))))
    known = header_tilt is not None and abs(abs(header_tilt) - angle) <= TILT_AGREES_DEGREES
    steady = float(np.linalg.norm(residual, axis=1).max()) <= tolerance
    if not steady or (len(positions) < 3 and not known):
        raise DataError(
            f"The slices of the series are shifted sideways by up to {largest:.4g} mm against "
            "their stack, "
            + ("not in a steady way" if not steady else "and two slices do not tell a tilt")
            + ": the table moved between them, or slices of several scans are mixed",
            "use a reconstruction from one table position, or split the series and export it again",
        )
    if angle > TILT_AT_MOST_DEGREES:
        raise DataError(
            f"The slices of the series are stacked obliquely, by {angle:.1f} degrees: more than "
            "any gantry tilts",
            "use a reconstruction whose slices are stacked upright",
        )
    note = Problem(
        STAGE,
        "repaired",
        f"The slices of the series are stacked obliquely, by {angle:.1f} degrees: the gantry was "
        f"tilted{_header_says(header_tilt, known)}. Each slice was moved within its plane, by up "
        f"to {largest:.4g} mm, onto an upright grid (linear interpolation); what no slice covers "
        "holds air (CT) or the lowest value",
        _LOOK,
    )
    return offsets, [note]


def _header_says(header_tilt: float | None, agrees: bool) -> str:
    if header_tilt is None:
        return " (the header names no angle)"
    told = f"{abs(header_tilt):.1f} degrees"
    return f" (the header agrees: {told})" if agrees else f" (although the header says {told})"


def _upright_grid(
    offsets: Floats, origin: Floats, frame: CommonFrame
) -> tuple[Floats, NDArray[np.int_], Floats]:
    """Return offsets from a grid that holds all slices, its extra columns and rows, its origin.

    The grid goes through the voxels of the first slice, which is thus only copied.
    """
    size = frame.spacing[::-1]
    voxels = np.round(offsets / size, 4)
    first = np.floor(voxels.min(axis=0))
    pad = np.ceil(voxels.max(axis=0)).astype(int) - first.astype(int)
    return offsets - first * size, pad, origin + frame.direction[:, :2] @ (first * size)
