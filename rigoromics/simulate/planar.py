"""Images of one plane, without a place in the patient: what ultrasound, mammography, OCT share.

A scene is a plane with a lesion in it. Its lengths are scene units, in which lesions are as large
as those of the abdomen and raters err as much; every modality has its own millimetres per unit. x
goes right, y down, z from frame to frame; the origin is the middle of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy import fft

from rigoromics.errors import DataError
from rigoromics.simulate.geometry import Float, Grid, StarShape, lesion_shape
from rigoromics.simulate.headers import Scan
from rigoromics.simulate.modality import Look, Rng, Triple, lesion_diameter
from rigoromics.simulate.raters import Outline, true_mask
from rigoromics.simulate.series import Described, common_header
from rigoromics.simulate.settings import Centre, CohortSettings
from rigoromics.simulate.texture import Texture, lesion_texture

# `matrix` at which pixels are as large as the style says; fewer make them larger.
FULL_MATRIX = 192
EDGE = 1.5
Byte = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """A plane with a lesion.

    Attributes
    ----------
    lesion
        The lesion, in scene units.
    texture
        Its texture: in the middle plane mean 0, standard deviation 1.
    contrast
        Mean of the lesion minus its surroundings, in the modality's own unit.
    texture_sd
        Standard deviation of the texture, in that unit.
    unit_mm
        Millimetres per scene unit along x and y.
    seed
        Seed of the surroundings.
    place
        Position of the scene's origin, scene units.
    """

    lesion: StarShape
    texture: Texture
    contrast: float
    texture_sd: float
    unit_mm: tuple[float, float]
    seed: int
    place: Triple = (0.0, 0.0, 0.0)
    lesion_mean: float = np.nan

    def at(self, place: Triple) -> Scene:
        """Return the same scene elsewhere."""
        return replace(self, place=place)

    @cached_property
    def lesion_in_world(self) -> StarShape:
        """The lesion where the scene lies."""
        return self.lesion.moved(np.array(self.place))

    def outline(self, region: str, grid: Grid) -> Float:
        """Refuse: a plane has no organ to outline."""
        raise DataError(
            f"no '{region}' can be outlined on a planar image", "leave `extra_roi` of raters empty"
        )

    def volume_ml(self) -> float:
        """Return the volume of the lesion's middle section, 1 mm thick."""
        reach, step = self.lesion.reach(), 0.1
        n = 2 * int(reach / step) + 3
        x, y, z = self.lesion.centre
        grid = Grid((x - step * (n // 2), y - step * (n // 2), z), (step, step, 1.0), (1, n, n))
        area = float(true_mask(self.lesion, grid).sum()) * step**2
        return area * self.unit_mm[0] * self.unit_mm[1] / 1000

    def lesion_at(self, x: Float, y: Float, z: float) -> tuple[Float, Float]:
        """Return the part of each point in the lesion, and the lesion's value there.

        Parameters
        ----------
        x, y
            Scene units, any shapes that fit together.
        z
            The frame's plane.
        """
        lesion = self.lesion_in_world
        x, y = np.broadcast_arrays(x, y)
        part = np.clip(0.5 - lesion.level(x, y, np.array(z)) / EDGE, 0, 1)
        grain = self.texture.sample(
            x - lesion.centre[0], y - lesion.centre[1], np.array(z - lesion.centre[2])
        )
        return part, self.contrast + self.texture_sd * grain


def scene(
    settings: CohortSettings,
    look: Look,
    unit_mm: tuple[float, float],
    wander: tuple[float, float, float, float],
    length: float,
    seed: int,
    rng: Rng,
) -> Scene:
    """Draw a scene.

    Parameters
    ----------
    settings
        The cohort.
    look
        The lesion in the modality's own unit.
    unit_mm
        Millimetres per scene unit along x and y.
    wander
        Smallest and largest x, then y, of the lesion's centre, scene units.
    length
        Correlation length of its texture, scene units, before the look's factor.
    seed, rng
        The patient's seed, and the sources of chance it gives.
    """
    draw = rng("lesion")
    diameter = lesion_diameter(settings, draw)
    centre = (float(draw.uniform(*wander[:2])), float(draw.uniform(*wander[2:])), 0.0)
    lesion = lesion_shape(draw, centre, diameter)
    blur = (0.5, 0.5, 0.0)
    return Scene(
        lesion=lesion,
        texture=lesion_texture(rng("texture"), lesion, look.length * length, blur, section=True),
        contrast=look.contrast + look.contrast_spread * float(draw.standard_normal()),
        texture_sd=look.texture_sd * float(np.exp(0.1 * draw.standard_normal())),
        unit_mm=unit_mm,
        seed=seed,
    )


def pixel_mm(settings: CohortSettings, centre: Centre) -> float:
    """Return the size of a pixel: the scanner's own, or larger in small cohorts."""
    return round(centre.pixel_spacing * FULL_MATRIX / settings.matrix, 5)


def plane_grid(
    size_mm: tuple[float, float],
    pixel: tuple[float, float],
    unit_mm: tuple[float, float],
    frames: int = 1,
    gap: float = 1.0,
) -> Grid:
    """Return the pixels of a picture around the scene's origin, in scene units.

    Parameters
    ----------
    size_mm, pixel
        Width and height of the picture and of a pixel, mm.
    unit_mm
        Millimetres per scene unit along x and y.
    frames, gap
        Number of frames, and scene units between them.
    """
    columns, rows = (round(size / step) for size, step in zip(size_mm, pixel, strict=True))
    dx, dy = (step / unit for step, unit in zip(pixel, unit_mm, strict=True))
    origin = (-dx * (columns - 1) / 2, -dy * (rows - 1) / 2, -gap * (frames - 1) / 2)
    return Grid(origin, (dx, dy, gap), (frames, rows, columns))


def plane_image(scan: Scan, kind: Described, pixels: NDArray[np.generic]) -> Dataset:
    """Return one image of one frame or several.

    Parameters
    ----------
    scan, kind
        The series, and its kind.
    pixels
        (rows, columns), (frames, rows, columns) or, for colour, one more axis of three at the end.
    """
    image = common_header(scan, kind)
    image.SOPInstanceUID = scan.uid("image", "0")
    image.InstanceNumber = 1
    shape = pixels.shape[:-1] if image.SamplesPerPixel == 3 else pixels.shape
    image.Rows, image.Columns = shape[-2:]
    if len(shape) == 3:
        image.NumberOfFrames = shape[0]
    wide = pixels.dtype.itemsize > 1
    content = pixels.astype("<u2" if wide else "u1").tobytes()
    image.PixelData = content + b"\0" * (len(content) % 2)
    image["PixelData"].VR = "OW" if wide else "OB"
    return image


def only_frame(outline: Outline, frames: Sequence[int]) -> Outline:
    """Return an outline on some of its frames."""
    kept = {index: outline.polygons[index] for index in frames if index in outline.polygons}
    return Outline(outline.name, kept)


def fractal(rng: np.random.Generator, shape: tuple[int, int], power: float) -> Float:
    """Return a random field (rows, columns) of mean 0, standard deviation 1 without a scale.

    Parameters
    ----------
    rng
        Source of chance.
    shape
        Rows and columns.
    power
        The power spectrum falls with this power of the frequency.
    """
    rows, columns = fft.fftfreq(shape[0]), fft.rfftfreq(shape[1])
    frequency = np.hypot(rows[:, None], columns[None, :])
    # Nothing slower than the picture itself.
    gain = np.maximum(frequency, 1 / max(shape)) ** (-power / 2)
    gain[0, 0] = 0
    field = fft.irfft2(fft.rfft2(rng.standard_normal(shape)) * gain, s=shape, workers=1)
    made: Float = (field - field.mean()) / field.std()
    return made
