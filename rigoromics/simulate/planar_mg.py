"""Digital mammography: what the detector saw, and what radiologists look at."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydicom.dataset import Dataset
from scipy import ndimage

from rigoromics.simulate.geometry import Float, Grid
from rigoromics.simulate.headers import Scan
from rigoromics.simulate.modality import Body, Look, Rng, code, grey_modules
from rigoromics.simulate.planar import Scene, fractal, pixel_mm, plane_grid, plane_image, scene
from rigoromics.simulate.settings import Centre, CohortSettings
from rigoromics.simulate.styles import MgDevice

FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.2"
FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.2.1"
UNIT_MM = (0.5, 0.5)
WIDTH_MM, HEIGHT_MM = 62.0, 80.0
# Attenuation in parts of that of the compressed breast's fat.
LOOK = Look(contrast=0.115, contrast_spread=0.012, texture_sd=0.034)
TOP = 4095
# Photons of a raw pixel in air, in stored values, and their noise.
RAW_AIR = 3600.0
QUANTA = 900.0


class Mammogram:
    """One view of one breast, raw or processed."""

    name = "MG"

    def __init__(self, intent: Literal["PRESENTATION", "PROCESSING"], device: MgDevice) -> None:
        self.intent = intent
        self.device = device
        self.drawn = intent == "PRESENTATION"
        self.tag = "" if self.drawn else "raw"
        self.sop_class = FOR_PRESENTATION if self.drawn else FOR_PROCESSING

    def title(self, scan: Scan) -> str:
        """Return the SeriesDescription."""
        return f"{_side(scan)} CC{'' if self.drawn else ' RAW'}{scan.retest_text}"

    def grid(self, settings: CohortSettings, centre: Centre, body: Body, plan: Rng) -> Grid:
        """Return the pixels, in scene units."""
        pixel = pixel_mm(settings, centre)
        return plane_grid((WIDTH_MM, HEIGHT_MM), (pixel, pixel), UNIT_MM)

    def images(self, scan: Scan, body: Body, rng: np.random.Generator) -> list[Dataset]:
        """Return the one image."""
        assert isinstance(body, Scene)
        matter, thickness = attenuation(scan.grid, body)
        pixel = scan.grid.spacing[0] * UNIT_MM[0]
        matter = ndimage.gaussian_filter(matter, 0.06 / pixel)
        arriving = np.exp(-1.25 * matter)
        arriving += rng.standard_normal(arriving.shape) * np.sqrt(arriving / QUANTA) * 0.35
        raw = np.clip(RAW_AIR * arriving, 1, TOP)
        if not self.drawn:
            return [plane_image(scan, self, np.rint(raw).astype(np.uint16))]
        # Processing undoes the thinning of the breast towards its border.
        seen = -np.log(raw / RAW_AIR) / 1.25 - 0.9 * thickness
        shown = TOP / (1 + np.exp(-9.0 * (seen - 0.26)))
        shown *= np.clip(thickness / 0.12, 0, 1)
        grey = np.clip(np.rint(shown), 0, TOP).astype(np.uint16)
        return [plane_image(scan, self, TOP - grey if self.device.inverted else grey)]

    def describe(self, dataset: Dataset, scan: Scan) -> None:
        """Add the DX and Mammography modules (DICOM PS3.3 C.8.11)."""
        centre, side = scan.centre, _side(scan)
        grey_modules(dataset, 12)
        white_is_low = self.device.inverted or not self.drawn
        if white_is_low:
            dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.PresentationLUTShape = "INVERSE" if white_is_low else "IDENTITY"
        dataset.PresentationIntentType = f"FOR {self.intent}"
        dataset.PixelIntensityRelationship = "LOG" if self.drawn else "LIN"
        dataset.PixelIntensityRelationshipSign = -1 if self.drawn != self.device.inverted else 1
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
        dataset.ImageType = ["ORIGINAL" if not self.drawn else "DERIVED", "PRIMARY", ""]
        if self.drawn:
            dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
        dataset.LossyImageCompression = "00"
        dataset.BurnedInAnnotation = "NO"
        dataset.ImageLaterality = side
        dataset.PatientOrientation = ["A", "R"] if side == "L" else ["P", "L"]
        dataset.BodyPartExamined = "BREAST"
        dataset.AnatomicRegionSequence = [code("76752008", "SCT", "Breast")]
        dataset.OrganExposed = "BREAST"
        dataset.PositionerType = "MAMMOGRAPHIC"
        dataset.BreastImplantPresent = "NO"
        dataset.PartialView = "NO"
        dataset.ViewCodeSequence = [code("399162004", "SCT", "cranio-caudal")]
        dataset.ViewCodeSequence[0].ViewModifierCodeSequence = []
        dataset.AcquisitionContextSequence = []
        dataset.DetectorType = "SCINTILLATOR" if not self.device.inverted else "DIRECT"
        dataset.DetectorID = "D1"
        pixel = f"{scan.grid.spacing[0] * UNIT_MM[0]:g}"
        dataset.ImagerPixelSpacing = [pixel, pixel]
        dataset.KVP = f"{centre.kv:g}"
        dataset.Exposure = centre.exposure_mas
        dataset.AnodeTargetMaterial = "TUNGSTEN" if self.device.inverted else "RHODIUM"
        dataset.FilterMaterial = "RHODIUM"
        dataset.BodyPartThickness = "52"
        dataset.CompressionForce = "95"
        dataset.EstimatedRadiographicMagnificationFactor = "1"


def attenuation(grid: Grid, body: Scene) -> tuple[Float, Float]:
    """Return what the rays cross, fat being 1 (rows, columns), and the breast's thickness.

    Parameters
    ----------
    grid
        The pixels.
    body
        The scene.
    """
    rng = np.random.default_rng(body.seed)
    x, y = grid.x[None, :] - body.place[0], grid.y[:, None] - body.place[1]
    wall = grid.x[0] - body.place[0]
    # The chest wall is the picture's left border; the breast bulges to the right.
    reach, half = rng.uniform(100, 112), rng.uniform(64, 74)
    wave = 1 + 0.02 * np.sin(3 * np.arctan2(y, x - wall) + rng.uniform(0, 6))
    radius = np.sqrt(((x - wall) / reach) ** 2 + (y / half) ** 2) * wave
    thickness = np.sqrt(np.clip(1 - np.clip((radius - 0.72) / 0.28, 0, 1) ** 2, 0, 1))
    # Gland lies behind the nipple, fat around and before the chest wall.
    shape = (grid.shape[1], grid.shape[2])
    cloud = fractal(rng, shape, 3.0)
    where = np.exp(-(((x - wall - 0.5 * reach) / (0.3 * reach)) ** 2) - (y / (0.55 * half)) ** 2)
    dense = 1 / (1 + np.exp(-(1.6 * cloud + 4.0 * where - 2.6)))
    strands = np.abs(fractal(rng, shape, 2.4))
    matter = 0.2 * dense + 0.055 * np.exp(-((strands / 0.09) ** 2)) * (radius < 0.97)
    skin = np.exp(-(((radius - 0.985) / 0.012) ** 2))
    part, value = body.lesion_at(grid.x[None, :], grid.y[:, None], 0.0)
    matter = matter * (1 - 0.6 * part) + part * value + _spicules(grid, body, rng, part)
    inside = radius < 1
    total = np.where(inside, 0.9 * thickness + thickness * matter + 0.12 * skin, 0.0)
    return total, np.where(inside, thickness, 0.0)


def _spicules(grid: Grid, body: Scene, rng: np.random.Generator, part: Float) -> Float:
    """Return the fine rays around a malignant mass (rows, columns)."""
    lesion = body.lesion_in_world
    dx, dy = grid.x[None, :] - lesion.centre[0], grid.y[:, None] - lesion.centre[1]
    away, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    total = np.zeros(away.shape)
    for _ in range(int(rng.integers(8, 14))):
        ray, long = rng.uniform(-np.pi, np.pi), rng.uniform(1.25, 1.75) * lesion.radius
        side = np.abs((angle - ray + np.pi) % (2 * np.pi) - np.pi) * away
        fade = np.clip((long - away) / (0.6 * lesion.radius), 0, 1)
        total = np.maximum(total, 0.05 * fade * np.exp(-((side / 0.7) ** 2)))
    spicules: Float = total * (1 - part)
    return spicules


def _side(scan: Scan) -> str:
    return "L" if scan.seed % 2 else "R"


class MgStudy:
    """One view for presentation and, at some centres, the same for processing."""

    body_part = "BREAST"
    female = 1.0
    planar = True
    every_frame = True

    def body(
        self, settings: CohortSettings, centre: Centre, length: float, seed: int, rng: Rng
    ) -> Scene:
        """Return the projection of a compressed breast."""
        return scene(settings, LOOK, UNIT_MM, (-24, 2, -18, 18), length, seed, rng)

    def series(self, centre: Centre) -> tuple[Mammogram, ...]:
        """Return the view for processing, if it is archived, and that for presentation."""
        device = centre.device
        assert isinstance(device, MgDevice)
        raw = (Mammogram("PROCESSING", device),) if device.raw_too else ()
        return (*raw, Mammogram("PRESENTATION", device))
