"""Gaussian random fields: the grain of tissues, and the texture that carries the signal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, special

from rigoromics.simulate.geometry import Bool, Float, StarShape


def _transfer(shape: tuple[int, ...], sigma: tuple[float, ...]) -> Float:
    """Return the transfer function of Gaussian smoothing, sigma in voxels, for `rfftn`."""
    axes = [fft.fftfreq(n) for n in shape[:-1]] + [fft.rfftfreq(shape[-1])]
    total: Float = np.ones((1,) * len(shape))
    for axis, (frequency, width) in enumerate(zip(axes, sigma, strict=True)):
        gain = np.exp(-2 * (np.pi * frequency * width) ** 2)
        total = total * gain.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return total


def gaussian_field(
    rng: np.random.Generator, shape: tuple[int, ...], sigma: tuple[float, ...]
) -> NDArray[np.float32]:
    """Return a periodic Gaussian random field of mean 0 and standard deviation 1.

    Parameters
    ----------
    rng
        Source of chance.
    shape
        Shape of the field.
    sigma
        Correlation length along each axis (smoothing Gaussian's standard deviation), voxels.
    """
    white = rng.standard_normal(shape, dtype=np.float32)
    spectrum = fft.rfftn(white, workers=1) * _transfer(shape, sigma).astype(np.float32)
    smooth = fft.irfftn(spectrum, s=shape, workers=1)
    return cast(NDArray[np.float32], (smooth - smooth.mean()) / smooth.std())


@dataclass(frozen=True)
class Texture:
    """A field on a fine cubic grid, read anywhere by linear interpolation.

    Attributes
    ----------
    values
        The field, indexed (z, y, x).
    corner
        Position (x, y, z) of the first voxel relative to the lesion's centre, mm.
    step
        Voxel size, mm.
    """

    values: NDArray[np.float32]
    corner: tuple[float, float, float]
    step: float

    def sample(self, x: Float, y: Float, z: Float) -> Float:
        """Return the field at positions relative to the lesion's centre, mm."""
        index = [
            (np.asarray(axis, dtype=np.float64) - start) / self.step
            for axis, start in zip((z, y, x), self.corner[::-1], strict=True)
        ]
        return cast(
            Float,
            ndimage.map_coordinates(
                self.values, np.broadcast_arrays(*index), order=1, mode="nearest"
            ),
        )


def lesion_texture(
    rng: np.random.Generator,
    shape: StarShape,
    length_mm: float,
    blur_mm: tuple[float, float, float],
    step: float = 1.0,
    section: bool = False,
) -> Texture:
    """Return a lesion's texture with a given correlation length.

    The field is scaled so that, once blurred as the scanner will blur it, its mean inside the
    lesion is 0 and its standard deviation 1. So the correlation length changes how grey values
    are arranged, but neither their mean nor their spread: a signature that reads the histogram
    alone, or the voxels shuffled, finds nothing.

    Parameters
    ----------
    rng
        Source of chance.
    shape
        The lesion.
    length_mm
        Correlation length (standard deviation of the smoothing Gaussian), mm.
    blur_mm
        Standard deviation of the scanner's blur along (x, y, z), mm.
    step
        Voxel size of the field, mm.
    section
        Scale it by the plane through the middle, which is all that a planar image shows.
    """
    half = shape.reach() + 4.0
    # The field is periodic; the margin keeps its two ends from resembling each other.
    n = fft.next_fast_len(int(np.ceil((2 * half + 2 * length_mm) / step)), real=True)
    size = (n, n, n)
    white = fft.rfftn(rng.standard_normal(size, dtype=np.float32), workers=1)
    spectrum = white * _transfer(size, (length_mm / step,) * 3).astype(np.float32)
    seen = _transfer(size, tuple(b / step for b in reversed(blur_mm))).astype(np.float32)
    field = fft.irfftn(spectrum, s=size, workers=1)
    axis = step * (np.arange(n) - (n - 1) / 2)
    cx, cy, cz = shape.centre
    inside = (
        shape.level(cx + axis[None, None, :], cy + axis[None, :, None], cz + axis[:, None, None])
        < 0
    )
    if section:
        inside &= (np.abs(axis) <= step / 2 + 1e-6)[:, None, None]
        field = _evened(field, inside)
        spectrum = fft.rfftn(field, workers=1)
    blurred = fft.irfftn(spectrum * seen, s=size, workers=1)
    scaled = (field - blurred[inside].mean()) / blurred[inside].std()
    start = float(axis[0])
    return Texture(scaled.astype(np.float32), (start, start, start), step)


def _evened(field: NDArray[np.float32], inside: Bool) -> NDArray[np.float32]:
    """Return a field whose values inside are spread as a normal distribution's, order kept.

    A plane holds few grains of a coarse texture. Left alone, their histogram would be narrower and
    odder than that of many fine ones, and tell the coarseness without any texture.
    """
    seen = np.sort(field[inside])
    levels = special.ndtri((np.arange(len(seen)) + 0.5) / len(seen))
    return cast(NDArray[np.float32], np.interp(field, seen, levels).astype(np.float32))
