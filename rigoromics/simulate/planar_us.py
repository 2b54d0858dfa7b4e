"""Ultrasound of the breast: speckle, a probe's own view, text burnt in around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset
from scipy import ndimage

from rigoromics.simulate.geometry import Float, Grid
from rigoromics.simulate.headers import Scan
from rigoromics.simulate.modality import Body, Look, Rng, grey_modules
from rigoromics.simulate.planar import Byte, Scene, pixel_mm, plane_grid, plane_image, scene
from rigoromics.simulate.settings import Centre, CohortSettings
from rigoromics.simulate.styles import UsDevice

US_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.6.1"
US_MULTIFRAME_STORAGE = "1.2.840.10008.5.1.4.1.1.3.1"
UNIT_MM = (0.6, 0.6)
LOOK = Look(contrast=-13.0, contrast_spread=1.2, texture_sd=4.0, length=1.15)
DYNAMIC_DB = 58.0
# Independent views averaged: a compound image has less speckle.
VIEWS = 3
# Widths of the pulse along the beam and across it, mm (standard deviations).
PULSE_MM = (0.13, 0.26)
# Pixels of frame around the picture: above, below, left, right.
ABOVE, BELOW, LEFT, RIGHT = 46, 16, 14, 74
# Scene units between the frames of a clip.
SWEEP = 0.7


@dataclass(frozen=True)
class View:
    """What a probe sees.

    Attributes
    ----------
    width_mm, depth_mm
        Of the picture.
    radius_mm, angle
        Of a curved probe's face, and half its opening, radians; radius 0 is a linear probe.
    """

    width_mm: float
    depth_mm: float
    radius_mm: float = 0.0
    angle: float = 0.0


VIEWS_OF = {
    "linear": View(42.0, 40.0),
    "curved": View(74.0, 56.0, 50.0, 0.36),
}


class Ultrasound:
    """One picture, or one clip."""

    name = "US"
    tag = ""
    drawn = True

    def __init__(self, device: UsDevice) -> None:
        self.device = device
        self.view = VIEWS_OF[device.probe]
        self.sop_class = US_MULTIFRAME_STORAGE if device.frames > 1 else US_IMAGE_STORAGE

    def title(self, scan: Scan) -> str:
        """Return the SeriesDescription."""
        return f"Breast US {self.device.probe}{scan.retest_text}"

    def grid(self, settings: CohortSettings, centre: Centre, body: Body, plan: Rng) -> Grid:
        """Return the pixels of the whole picture, frame and text included, in scene units."""
        pixel = pixel_mm(settings, centre)
        inner = plane_grid(
            (self.view.width_mm, self.view.depth_mm),
            (pixel, pixel),
            UNIT_MM,
            self.device.frames,
            SWEEP,
        )
        dx, dy, _ = inner.spacing
        frames, rows, columns = inner.shape
        origin = (inner.origin[0] - LEFT * dx, inner.origin[1] - ABOVE * dy, inner.origin[2])
        return Grid(origin, inner.spacing, (frames, rows + ABOVE + BELOW, columns + LEFT + RIGHT))

    def images(self, scan: Scan, body: Body, rng: np.random.Generator) -> list[Dataset]:
        """Return the one image."""
        assert isinstance(body, Scene)
        frame = _frame(scan, self.view)
        pictures = []
        for picture in self.pictures(scan, body, rng):
            page = frame.copy()
            page[ABOVE:-BELOW, LEFT:-RIGHT] = picture[..., None]
            pictures.append(page)
        pixels = np.stack(pictures) if len(pictures) > 1 else pictures[0]
        # A system that stores grey images has no coloured frame either.
        made = plane_image(scan, self, pixels if self.device.colour else pixels[..., 0])
        if self.device.frames > 1:
            made.FrameTime = "66.7"
            made.FrameIncrementPointer = 0x00181063
        return [made]

    def pictures(self, scan: Scan, body: Scene, rng: np.random.Generator) -> list[Byte]:
        """Return the ultrasound pictures (rows, columns) without their frame."""
        inner = _inner(scan.grid)
        beams = _beams(self.view, inner)
        shape = beams[0].shape
        depth = np.linspace(0, 1, shape[0])[:, None]
        step = (self.view.depth_mm / shape[0], self.view.width_mm / shape[1])
        # A linear probe's pulse keeps its width; a curved one's beams diverge by themselves.
        sigma = [pulse / size for pulse, size in zip(PULSE_MM, step, strict=True)]
        still = _white(rng, shape)
        pictures = []
        for z in inner.z:
            echo = echo_db(body, self.view, beams[0], beams[1], float(z)) - 5.0 * depth
            # Speckle of neighbouring frames is alike, but not the same.
            white = 0.8 * still + 0.6 * _white(rng, shape)
            field = white * np.sqrt(10 ** (echo / 10))
            power = (np.abs(_blurred(field, sigma)) ** 2).mean(axis=0)
            shown = 10 * np.log10(power / _blurred_power(sigma) + 1e-9)
            grey = np.clip(255 * (shown + DYNAMIC_DB - 8) / DYNAMIC_DB, 0, 255)
            pictures.append(_converted(self.view, inner, grey))
        return pictures

    def describe(self, dataset: Dataset, scan: Scan) -> None:
        """Add the US Image and US Region Calibration modules (DICOM PS3.3 C.8.5)."""
        rows, columns = scan.grid.shape[1:]
        grey_modules(dataset, 8)
        if self.device.colour:
            dataset.SamplesPerPixel = 3
            dataset.PhotometricInterpretation = "RGB"
            dataset.PlanarConfiguration = 0
        if self.device.frames > 1:
            dataset.StartTrim, dataset.StopTrim = 1, self.device.frames
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "SMALL PARTS", "0001"]
        dataset.LossyImageCompression = "00"
        dataset.PatientOrientation = ""
        dataset.Laterality = "L" if scan.seed % 2 else "R"
        dataset.TransducerType = "LINEAR" if self.device.probe == "linear" else "CURVED LINEAR"
        dataset.TransducerData = ["L12-5" if self.device.probe == "linear" else "C5-1"]
        dataset.BodyPartExamined = "BREAST"
        if self.device.says_burnt_in:
            dataset.BurnedInAnnotation = "YES"
        region = Dataset()
        region.RegionSpatialFormat = 1
        region.RegionDataType = 1
        region.RegionFlags = 0
        region.RegionLocationMinX0 = LEFT
        region.RegionLocationMinY0 = ABOVE
        region.RegionLocationMaxX1 = columns - RIGHT - 1
        region.RegionLocationMaxY1 = rows - BELOW - 1
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX = scan.grid.spacing[0] * UNIT_MM[0] / 10
        region.PhysicalDeltaY = scan.grid.spacing[1] * UNIT_MM[1] / 10
        region.TransducerFrequency = 12000 if self.device.probe == "linear" else 5000
        dataset.SequenceOfUltrasoundRegions = [region]


def echo_db(body: Scene, view: View, x: Float, y: Float, z: float) -> Float:
    """Return the mean echo of the breast at points of a scene, dB.

    Parameters
    ----------
    body
        The scene.
    view
        What the probe sees; layers are as thick as it sees deep.
    x, y, z
        Scene units.
    """
    rng = np.random.default_rng(body.seed)
    x0, y0 = x - body.place[0], y - body.place[1]
    deep = view.depth_mm / UNIT_MM[1]
    top = -deep / 2

    def wave(length: float, size: float) -> Float:
        phase = rng.uniform(0, 2 * np.pi, 2)
        slow: Float = size * (
            np.sin(2 * np.pi * x0 / length + phase[0] + 0.02 * z)
            + 0.5 * np.sin(4.7 * np.pi * x0 / length + phase[1])
        )
        return slow

    # Skin, fat with bright septa, gland, muscle with bright fascia, from the probe down.
    fat_end, muscle = top + 0.24 * deep + wave(60, 2.2), top + 0.79 * deep + wave(90, 1.6)
    levels = [(top + 3.5 + wave(70, 0.4), -19.0), (fat_end, -7.0), (muscle, -18.0)]
    total = np.full(x0.shape, -6.0)
    for border, level in levels:
        part = 1 / (1 + np.exp(np.clip(-(y0 - border) / 0.6, -50, 50)))
        total = total + part * (level - total)
    for border, height in ((fat_end, 5.0), (muscle, 9.0)):
        total += height * np.exp(-(((y0 - border) / 0.7) ** 2))
    for _ in range(6):
        start, slope = rng.uniform(-40, 40), rng.uniform(-0.5, 0.5)
        line = np.abs(y0 - (top + 0.13 * deep + slope * (x0 - start) + wave(35, 0.8)))
        near = (y0 < fat_end) & (np.abs(x0 - start) < 14)
        total += near * 7.0 * np.exp(-((line / 0.55) ** 2))
    gland = (y0 > fat_end) & (y0 < muscle)
    kx, ky = rng.normal(0, 0.35, (2, 9))
    phases = rng.uniform(0, 2 * np.pi, 9)
    patches = sum(
        np.cos(a * x0 + b * y0 + c + 0.1 * z) for a, b, c in zip(kx, ky, phases, strict=True)
    )
    total += gland * 1.3 * patches
    muscles = y0 > muscle
    fibres = np.sin(1.5 * (y0 - muscle) + 0.05 * x0 + 2.5 * np.sin(0.09 * x0 + 0.23 * y0))
    total += muscles * 2.0 * fibres
    part, value = body.lesion_at(x, y, z)
    # Behind a lesion that lets more sound through, tissue looks brighter.
    lesion = body.lesion_in_world
    behind = np.clip((y - lesion.centre[1]) / lesion.radius, 0, 1)
    beside = np.exp(-(((x - lesion.centre[0]) / (0.75 * lesion.radius)) ** 4))
    total += 4.0 * behind * beside
    made: Float = total + part * (-7.0 + value - total)
    return made


def _inner(grid: Grid) -> Grid:
    """Return the pixels of the picture without its frame."""
    dx, dy, _ = grid.spacing
    frames, rows, columns = grid.shape
    origin = (grid.origin[0] + LEFT * dx, grid.origin[1] + ABOVE * dy, grid.origin[2])
    return Grid(origin, grid.spacing, (frames, rows - ABOVE - BELOW, columns - LEFT - RIGHT))


def _beams(view: View, inner: Grid) -> tuple[Float, Float]:
    """Return x and y of every sample (along the beam, beam), scene units."""
    _, rows, columns = inner.shape
    if not view.radius_mm:
        x, y = np.meshgrid(inner.x, inner.y)
        return x, y
    angle = np.linspace(-view.angle, view.angle, columns)
    depth = np.linspace(0, view.depth_mm, rows)[:, None]
    x = (view.radius_mm + depth) * np.sin(angle) / UNIT_MM[0]
    y = ((view.radius_mm + depth) * np.cos(angle) - view.radius_mm) / UNIT_MM[1] + inner.y[0]
    return x, y


def _converted(view: View, inner: Grid, grey: Float) -> Byte:
    """Return the picture (rows, columns) from samples along beams."""
    if not view.radius_mm:
        return np.rint(grey).astype(np.uint8)
    x, y = np.meshgrid(inner.x * UNIT_MM[0], (inner.y - inner.y[0]) * UNIT_MM[1])
    radius = np.hypot(x, y + view.radius_mm)
    angle = np.arctan2(x, y + view.radius_mm)
    rows, columns = grey.shape
    row = (radius - view.radius_mm) / view.depth_mm * (rows - 1)
    column = (angle / view.angle + 1) / 2 * (columns - 1)
    shown = ndimage.map_coordinates(grey, [row, column], order=1, cval=0.0)
    made: Byte = np.rint(shown).astype(np.uint8)
    return made


def _white(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.complex128]:
    """Return the scatterers of all views: complex white noise (views, rows, columns)."""
    real, imaginary = rng.standard_normal((2, VIEWS, *shape))
    made: NDArray[np.complex128] = (real + 1j * imaginary) / np.sqrt(2)
    return made


def _blurred(field: NDArray[np.complex128], sigma: list[float]) -> NDArray[np.complex128]:
    widths = (0.0, *sigma)
    made: NDArray[np.complex128] = ndimage.gaussian_filter(
        field.real, widths, truncate=3.0
    ) + 1j * ndimage.gaussian_filter(field.imag, widths, truncate=3.0)
    return made


def _blurred_power(sigma: list[float]) -> float:
    """Return what is left of white noise's power after the blur."""
    point = np.zeros((33, 33))
    point[16, 16] = 1.0
    return float((ndimage.gaussian_filter(point, sigma, truncate=3.0) ** 2).sum())


def _frame(scan: Scan, view: View) -> Byte:
    """Return what surrounds the picture (rows, columns, 3): who, where, when; scale and wedge."""
    rows, columns = scan.grid.shape[1:]
    page = Image.new("RGB", (columns, rows))
    draw = ImageDraw.Draw(page)
    # A bitmap font: its pixels do not hang on any library's version.
    font = ImageFont.load_default_imagefont()
    who = scan.person
    family, given = who.name.split("^")[:2]
    day = who.study_date
    texts = [
        (4, 2, f"{family.upper()}, {given.upper()}"),
        (4, 16, f"{who.patient_id}  *{who.birth_date}"),
        (4, 30, who.hospital),
        (columns - 70, 2, f"{day[6:]}/{day[4:6]}/{day[:4]}"),
        (columns - 70, 16, f"{scan.time[:2]}:{scan.time[2:4]}:{scan.time[4:]}"),
        (columns - 70, 30, "MI 1.1"),
        (columns - 66, ABOVE + 14, f"{view.depth_mm / 10:.1f} cm"),
        (columns - 66, ABOVE + 28, f"DR {DYNAMIC_DB:.0f} dB"),
    ]
    for x, y, text in texts:
        draw.text((x, y), text, fill=(215, 215, 215), font=font)
    height = rows - ABOVE - BELOW
    for centimetre in range(int(view.depth_mm / 10) + 1):
        y = ABOVE + round(centimetre * 10 / view.depth_mm * (height - 1))
        draw.line([(columns - RIGHT + 2, y), (columns - RIGHT + 7, y)], fill=(180, 180, 180))
    steps = height // 3
    for row in range(steps):
        y, grey = rows - BELOW - steps + row, 255 - round(255 * row / steps)
        draw.line([(columns - 16, y), (columns - 8, y)], fill=(grey, grey, grey))
    return np.asarray(page, dtype=np.uint8).copy()


class UsStudy:
    """One picture or clip of the breast."""

    body_part = "BREAST"
    female = 1.0
    planar = True
    # One frame of a clip is frozen and outlined.
    every_frame = False

    def body(
        self, settings: CohortSettings, centre: Centre, length: float, seed: int, rng: Rng
    ) -> Scene:
        """Return a plane through a breast."""
        return scene(settings, LOOK, UNIT_MM, (-9, 9, -6, 4), length, seed, rng)

    def series(self, centre: Centre) -> tuple[Ultrasound, ...]:
        """Return the one series."""
        assert isinstance(centre.device, UsDevice)
        return (Ultrasound(centre.device),)
