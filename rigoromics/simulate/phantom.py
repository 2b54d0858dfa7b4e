"""One patient's inside, drawn on any grid with any modality's grey values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from rigoromics.simulate import anatomy
from rigoromics.simulate.anatomy import Single, Structure, Traits
from rigoromics.simulate.geometry import Float, Grid, StarShape
from rigoromics.simulate.texture import Texture, gaussian_field

# Tissue borders are this soft before the scanner blurs them: partial volume within a voxel, mm.
EDGE_MM = 1.2


@dataclass(frozen=True)
class Tissue:
    """Grey value of a tissue and the standard deviation of its grain, in the image's unit."""

    value: float
    grain: float = 0.0


@dataclass(frozen=True)
class Phantom:
    """A patient with a lesion.

    Attributes
    ----------
    traits
        Sizes and places of the organs.
    lesion
        The lesion, in the patient's own frame.
    texture
        Its texture: mean 0, standard deviation 1 as imaged.
    contrast
        Mean of lesion minus liver, in the image's unit.
    texture_sd
        Standard deviation of the lesion's texture, in the image's unit.
    seed
        Seed of the grain and the warp of the organs.
    place
        World position of the patient's own origin, mm.
    lesion_mean
        Mean of the lesion, where the image's unit means something.
    """

    traits: Traits
    lesion: StarShape
    texture: Texture
    contrast: float
    texture_sd: float
    seed: int
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lesion_mean: float = np.nan

    def at(self, place: tuple[float, float, float]) -> Phantom:
        """Return the same patient lying elsewhere, world mm."""
        return replace(self, place=place)

    @property
    def lesion_in_world(self) -> StarShape:
        """The lesion in world coordinates."""
        return self.lesion.moved(np.array(self.place))

    def volume_ml(self) -> float:
        """Return the lesion's true volume, ml."""
        return self.lesion.volume() / 1000

    def render(self, grid: Grid, tissues: Mapping[str, Tissue]) -> tuple[Single, Single]:
        """Return the noise-free image and the part of each voxel inside the body.

        Parameters
        ----------
        grid
            Where to draw.
        tissues
            The modality's grey values; all names of :mod:`rigoromics.simulate.anatomy`,
            ``air`` and ``couch``.

        Returns
        -------
        image, inside
            Both (slices, rows, columns).
        """
        canvas = _Canvas(self, grid, tissues)
        canvas.couch()
        for structure in anatomy.structures(self.traits, canvas.z):
            canvas.paint(structure)
        canvas.grain()
        self._paint_lesion(canvas, grid, tissues["liver"].value)
        return canvas.image, canvas.clips["body"]

    def outline(self, region: str, grid: Grid) -> Float:
        """Return where a region is: fraction (slices, rows, columns); ``body`` or ``liver``."""
        blank = {name: Tissue(0.0) for name in ("air", "couch")}
        canvas = _Canvas(self, grid, blank)
        return cast(Float, canvas.clips[region])

    def _paint_lesion(self, canvas: _Canvas, grid: Grid, liver: float) -> None:
        lesion = self.lesion_in_world
        reach = lesion.reach() + 3
        sub = 4
        box = tuple(
            slice(*np.searchsorted(axis, (middle - reach, middle + reach)))
            for axis, middle in zip((grid.z, grid.y, grid.x), lesion.centre[::-1], strict=True)
        )
        x = grid.x[box[2]][None, None, :]
        y = grid.y[box[1]][None, :, None]
        drawn = np.zeros(canvas.image[box].shape)
        weight = np.zeros_like(drawn)
        thickness = grid.spacing[2]
        for part in (np.arange(sub) + 0.5) / sub - 0.5:
            z = (grid.z[box[0]] + part * thickness)[:, None, None]
            level = lesion.level(x, y, z)
            alpha = np.clip(0.5 - level / EDGE_MM, 0, 1)
            grain = self.texture.sample(
                x - lesion.centre[0], y - lesion.centre[1], z - lesion.centre[2]
            )
            drawn += alpha * (liver + self.contrast + self.texture_sd * grain)
            weight += alpha
        canvas.image[box] *= (1 - weight / sub).astype(np.float32)
        canvas.image[box] += (drawn / sub).astype(np.float32)


class _Canvas:
    """The image being painted, with the coordinates warped so that no organ is a plain ellipse."""

    def __init__(self, phantom: Phantom, grid: Grid, tissues: Mapping[str, Tissue]) -> None:
        self.tissues = tissues
        self.seed = phantom.seed
        self.traits = phantom.traits
        self.z = grid.z - phantom.place[2]
        self.spacing = grid.spacing
        self.x0 = (grid.x - phantom.place[0]).astype(np.float32)
        self.y0 = (grid.y - phantom.place[1]).astype(np.float32)
        shape = grid.shape
        self.image: Single = np.full(shape, tissues["air"].value, dtype=np.float32)
        self.sd: Single = np.zeros(shape, dtype=np.float32)
        self.wx, self.wy = self._warp()
        self.clips: dict[str, Single] = {}
        traits = phantom.traits
        for name, parts in {
            "body": [anatomy.body(traits)],
            "cavity": [anatomy.cavity(traits)],
            "liver": anatomy.liver(traits),
        }.items():
            self.clips[name] = np.zeros(shape, dtype=np.float32)
            for part in parts:
                box, alpha = self._alpha(part)
                np.maximum(self.clips[name][box], alpha, out=self.clips[name][box])

    def _warp(self) -> tuple[Single, Single]:
        """Return smooth displacements (slices, rows, columns) of x and y, mm."""
        rng = np.random.default_rng(self.seed)
        # A sum of long waves in the patient's frame moves with the patient between scans.
        z = self.z.astype(np.float32)[:, None, None]
        y, x = self.y0[None, :, None], self.x0[None, None, :]
        made = []
        for base in (self.x0[None, None, :], self.y0[None, :, None]):
            total = np.zeros((len(self.z), len(self.y0), len(self.x0)), dtype=np.float32)
            for wavelength, size in ((150, 2.6), (90, 1.6), (48, 0.9)):
                direction = rng.normal(size=3)
                direction *= 2 * np.pi / wavelength / np.linalg.norm(direction)
                kx, ky, kz = (np.float32(v) for v in direction)
                phase = np.float32(rng.uniform(0, 2 * np.pi))
                # cos(a + b) from one-dimensional factors: exact, and no cosine per voxel.
                plane = np.exp(1j * (kx * x + ky * y + phase))
                total += np.float32(size) * (plane * np.exp(1j * kz * z)).real.astype(np.float32)
            made.append(base + total)
        return made[0], made[1]

    def couch(self) -> None:
        """Paint the scanner's table under the patient."""
        y = self.y0[:, None] - np.float32(self.traits.half_depth)
        x = self.x0[None, :]
        top = y - 9 + (x / 62.0) ** 2
        shell = np.clip(1.6 - np.abs(top) + 0.5, 0, 1) + np.clip(
            1.6 - np.abs(top - 22 + 1.6 * (x / 62.0) ** 2) + 0.5, 0, 1
        )
        alpha = (np.minimum(shell, 1) * (np.abs(x) < 130))[None]
        self.image += alpha * (self.tissues["couch"].value - self.image)

    def paint(self, structure: Structure) -> None:
        """Paint one structure over what is there."""
        box, alpha = self._alpha(structure)
        if alpha.size == 0:
            return
        if structure.clip:
            alpha = alpha * self.clips[structure.clip][box]
        tissue = self.tissues[structure.tissue]
        self.image[box] += alpha * (np.float32(tissue.value) - self.image[box])
        self.sd[box] += alpha * (np.float32(tissue.grain) - self.sd[box])

    def grain(self) -> None:
        """Add every tissue's own mild texture."""
        rng = np.random.default_rng([self.seed, 1])
        shape = self.image.shape
        fine = gaussian_field(rng, shape, tuple(2.2 / s for s in reversed(self.spacing)))
        coarse = gaussian_field(rng, shape, tuple(7.0 / s for s in reversed(self.spacing)))
        self.image += self.sd * (np.float32(0.8) * fine + np.float32(0.6) * coarse)

    def _alpha(self, s: Structure) -> tuple[tuple[slice, slice, slice], Single]:
        """Return the box a structure can touch, and its fraction of each voxel there."""
        margin = float(np.max(np.maximum(s.a, s.b))) + 8
        box = (
            slice(*np.searchsorted(self.z, (s.z - s.c - 3, s.z + s.c + 3))),
            slice(*np.searchsorted(self.y0, (np.min(s.y) - margin, np.max(s.y) + margin))),
            slice(*np.searchsorted(self.x0, (np.min(s.x) - margin, np.max(s.x) + margin))),
        )
        column = [self._per_slice(v, box[0]) for v in (s.x, s.y, s.a, s.b, s.angle)]
        cx, cy, a, b, angle = column
        dx, dy = self.wx[box] - cx, self.wy[box] - cy
        cos, sin = np.cos(angle), np.sin(angle)
        u = np.abs((dx * cos + dy * sin) / a)
        v = np.abs((dy * cos - dx * sin) / b)
        if s.power == 2.0:
            total = u * u + v * v
        else:
            total = u ** np.float32(s.power) + v ** np.float32(s.power)
        if np.isfinite(s.c):
            total += (((self.z[box[0]] - s.z) / s.c) ** 2).astype(np.float32)[:, None, None]
        radius = total ** np.float32(1 / s.power)
        level = (radius - 1) * np.minimum(a, b)
        return box, np.clip(np.float32(0.5) - level / np.float32(EDGE_MM), 0, 1)

    def _per_slice(self, value: Float | float, part: slice) -> Single:
        array = np.asarray(value, dtype=np.float32)
        if array.ndim:
            array = array[part]
        return array.reshape(-1, 1, 1)
