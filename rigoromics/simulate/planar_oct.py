"""Optical coherence tomography of the macula: B-scans through layers, fovea and a lesion."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from scipy import ndimage

from rigoromics.simulate.geometry import Float, Grid
from rigoromics.simulate.headers import Scan
from rigoromics.simulate.modality import Body, Look, Rng, code, grey_modules
from rigoromics.simulate.planar import (
    FULL_MATRIX,
    Byte,
    Scene,
    fractal,
    pixel_mm,
    plane_grid,
    plane_image,
)
from rigoromics.simulate.planar import scene as draw_scene
from rigoromics.simulate.settings import Centre, CohortSettings
from rigoromics.simulate.styles import OctDevice

OPT_STORAGE = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
# A lesion is six times as wide as it is high.
UNIT_MM = (0.05, 0.008)
WIDTH_MM, DEPTH_MM = 5.6, 1.55
# Scene units, and mm, from one B-scan to the next.
GAP = 2.4
GAP_MM = GAP * UNIT_MM[0]
LOOK = Look(contrast=17.0, contrast_spread=1.0, texture_sd=3.2)
# B-scans averaged by the instrument against noise.
AVERAGED = 12
# Layers from the vitreous down: thickness (scene units) and echo (dB) at the fovea's rim.
LAYERS = (
    (4.0, 24.0),  # nerve fibres
    (7.0, 17.0),  # ganglion cells and inner plexiform
    (4.0, 10.5),  # inner nuclear
    (3.5, 16.0),  # outer plexiform
    (10.0, 8.0),  # outer nuclear
    (1.2, 14.0),  # external limiting membrane
    (1.6, 9.0),
    (2.0, 25.0),  # ellipsoid zone
    (2.2, 12.0),
    (3.0, 28.0),  # pigment epithelium
)
CHOROID_DB = 18.0


class Tomogram:
    """One object with one B-scan or several."""

    name = "OPT"
    tag = ""
    drawn = True
    sop_class = OPT_STORAGE

    def __init__(self, device: OctDevice) -> None:
        self.device = device

    def title(self, scan: Scan) -> str:
        """Return the SeriesDescription."""
        return f"Macula {'raster' if self.device.frames > 1 else 'line'}{scan.retest_text}"

    def grid(self, settings: CohortSettings, centre: Centre, body: Body, plan: Rng) -> Grid:
        """Return the pixels of all B-scans, in scene units."""
        axial = round(self.device.axial_um / 1000 * FULL_MATRIX / settings.matrix, 6)
        pixel = (pixel_mm(settings, centre), axial)
        return plane_grid((WIDTH_MM, DEPTH_MM), pixel, UNIT_MM, self.device.frames, GAP)

    def images(self, scan: Scan, body: Body, rng: np.random.Generator) -> list[Dataset]:
        """Return the one object."""
        assert isinstance(body, Scene)
        grid = scan.grid
        frames = np.stack([self._frame(grid, body, float(z), rng) for z in grid.z])
        image = plane_image(scan, self, frames)
        _functional_groups(image, scan)
        return [image]

    def _frame(self, grid: Grid, body: Scene, z: float, rng: np.random.Generator) -> Byte:
        echo = echo_db(grid, body, z)
        # Speckle does not average out between looks at one place; the beam is wider than a pixel.
        speckle = rng.standard_exponential(echo.shape)
        wide = [0.0035 / (grid.spacing[1] * UNIT_MM[1]), 0.012 / (grid.spacing[0] * UNIT_MM[0])]
        speckle = ndimage.gaussian_filter(speckle, wide, truncate=3.0)
        noise = rng.standard_gamma(AVERAGED, echo.shape) / AVERAGED
        power = 10 ** (echo / 10) * speckle + 0.7 * noise
        shown = 255 * (10 * np.log10(power) + 2.5) / self.device.dynamic_db
        made: Byte = np.clip(np.rint(shown), 0, 255).astype(np.uint8)
        return made

    def describe(self, dataset: Dataset, scan: Scan) -> None:
        """Add the Ophthalmic Tomography modules (DICOM PS3.3 C.8.17.7 to C.8.17.11)."""
        side = "L" if scan.seed % 2 else "R"
        grey_modules(dataset, 8)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "", ""]
        dataset.AcquisitionDateTime = scan.person.study_date + scan.time
        dataset.AcquisitionDuration = 1.2
        dataset.ImageComments = scan.person.comment
        dataset.PresentationLUTShape = "IDENTITY"

        dataset.BurnedInAnnotation = "NO"
        dataset.LossyImageCompression = "00"
        # Type 1 of the Ophthalmic Tomography Image module, concatenated or not.
        dataset.ConcatenationFrameOffsetNumber = 0
        dataset.InConcatenationNumber = dataset.InConcatenationTotalNumber = 1
        dataset.AcquisitionContextSequence = []
        dataset.ImageLaterality = side
        dataset.AnatomicRegionSequence = [code("5665001", "SCT", "Retina")]
        dataset.AxialLengthOfTheEye = 23.9
        dataset.HorizontalFieldOfView = 30.0
        dataset.RefractiveStateSequence = []
        dataset.EmmetropicMagnification = 1.0
        dataset.IntraOcularPressure = 15.0
        dataset.PupilDilated = "NO"
        dataset.AcquisitionDeviceTypeCodeSequence = [
            code("392012008", "SCT", "Optical Coherence Tomography Scanner")
        ]
        dataset.LightPathFilterTypeStackCodeSequence = []
        dataset.DetectorType = "CCD"
        dataset.IlluminationWaveLength = 870.0
        dataset.IlluminationPower = 1200.0
        dataset.IlluminationBandwidth = 50.0
        dataset.DepthSpatialResolution = self.device.axial_um
        dataset.MaximumDepthDistortion = 0.5
        dataset.AlongScanSpatialResolution = 14.0
        dataset.MaximumAlongScanDistortion = 0.5
        dataset.AcrossScanSpatialResolution = 14.0
        dataset.MaximumAcrossScanDistortion = 0.5


def echo_db(grid: Grid, body: Scene, z: float) -> Float:
    """Return the mean echo of the macula (rows, columns) of one B-scan, dB.

    Parameters
    ----------
    grid
        The pixels.
    body
        The scene.
    z
        The B-scan's plane, scene units.
    """
    rng = np.random.default_rng(body.seed)
    x, y = grid.x - body.place[0], (grid.y - body.place[1])[:, None]
    lesion = body.lesion_in_world
    fovea = rng.uniform(-6, 6)
    pit = np.exp(-(((x - fovea) ** 2 + z**2) / 9.0**2))
    slow = 2.0 * np.sin(2 * np.pi * x / rng.uniform(110, 170) + rng.uniform(0, 6))
    base = 24.0 + slow + 0.002 * x**2
    total = np.full((len(y), len(x)), -6.0)
    # The lesion pushes what lies above it up.
    half = np.sqrt(max(lesion.radius**2 - (z - lesion.centre[2]) ** 2, 1.0))
    push = 0.55 * half * np.exp(-(((grid.x - lesion.centre[0]) / (1.15 * half)) ** 2))
    border = base - push - sum(part for part, _ in LAYERS)
    inner = 1 - 0.75 * pit
    for index, (part, level) in enumerate(LAYERS):
        wave = 0.25 * np.sin(2 * np.pi * x / rng.uniform(20, 45) + rng.uniform(0, 6) + 0.3 * z)
        if index == 0:
            border = border + sum(p for p, _ in LAYERS[:4]) * 0.75 * pit
        total = _below(total, y, border + wave, level)
        border = border + part * (inner if index < 4 else 1.0)
        if index == 4:
            # Under the lesion the outer layers keep their course.
            border = border + 0.45 * push
    total = _below(total, y, border, CHOROID_DB)
    deep = np.clip(y - border, 0, None)
    # Vessels of the choroid: dark and bright, fading where the sclera begins.
    vessels = 7.0 * np.tanh(1.5 * fractal(rng, (len(y), len(x)), 3.4))
    window = np.clip(deep / 5, 0, 1) * np.clip((34 - deep) / 12, 0, 1)
    total = np.where(deep > 0, total - 0.22 * deep + vessels * window, total)
    inside, value = body.lesion_at(grid.x[None, :], grid.y[:, None], z)
    total += inside * (value - total)
    # Less light gets through to what lies below the lesion.
    shade = np.clip((grid.y[:, None] - lesion.centre[1]) / lesion.radius, 0, 1) * (1 - inside)
    made: Float = total - 3.0 * shade * np.exp(-(((grid.x - lesion.centre[0]) / half) ** 4))
    return made


def _below(total: Float, y: Float, border: Float, level: float) -> Float:
    """Return the picture with everything below a border at a new level."""
    part = 1 / (1 + np.exp(np.clip(-(y - border) / 0.35, -50, 50)))
    made: Float = total + part * (level - total)
    return made


def _functional_groups(image: Dataset, scan: Scan) -> None:
    """Add the Multi-frame Functional Groups and Dimension modules (DICOM PS3.3 C.7.6.16, 17)."""
    grid = scan.grid
    frames = grid.shape[0]
    image.NumberOfFrames = frames
    image.FrameOfReferenceUID = scan.frame_of_reference_uid
    image.PositionReferenceIndicator = ""
    organization = Dataset()
    organization.DimensionOrganizationUID = scan.uid("dimensions")
    image.DimensionOrganizationSequence = [organization]
    index = Dataset()
    index.DimensionOrganizationUID = organization.DimensionOrganizationUID
    index.DimensionIndexPointer = 0x00209057
    index.FunctionalGroupPointer = 0x00209111
    image.DimensionIndexSequence = [index]
    measures = Dataset()
    measures.PixelSpacing = [
        f"{grid.spacing[1] * UNIT_MM[1]:.6g}",
        f"{grid.spacing[0] * UNIT_MM[0]:.6g}",
    ]
    measures.SliceThickness = f"{GAP_MM:g}"
    if frames > 1:
        measures.SpacingBetweenSlices = f"{GAP_MM:g}"
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    anatomy = Dataset()
    anatomy.FrameLaterality = image.ImageLaterality
    anatomy.AnatomicRegionSequence = [code("5665001", "SCT", "Retina")]
    shared.FrameAnatomySequence = [anatomy]
    image.SharedFunctionalGroupsSequence = [shared]
    orientation = Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = [orientation]
    groups = []
    for number in range(1, frames + 1):
        content = Dataset()
        content.FrameAcquisitionDateTime = scan.person.study_date + scan.time
        content.FrameReferenceDateTime = scan.person.study_date + scan.time
        content.FrameAcquisitionDuration = 80.0
        content.StackID = "1"
        content.InStackPositionNumber = number
        content.DimensionIndexValues = [number]
        group = Dataset()
        position = Dataset()
        where = (grid.origin[0] * UNIT_MM[0], grid.origin[1] * UNIT_MM[1])
        position.ImagePositionPatient = [
            *(f"{value:.6g}" for value in where),
            f"{grid.z[number - 1] * UNIT_MM[0]:.6g}",
        ]
        group.FrameContentSequence = [content]
        group.PlanePositionSequence = [position]
        groups.append(group)
    image.PerFrameFunctionalGroupsSequence = groups


class OctStudy:
    """One line or raster of B-scans."""

    body_part = ""
    female = None
    planar = True
    every_frame = True

    def body(
        self, settings: CohortSettings, centre: Centre, length: float, seed: int, rng: Rng
    ) -> Scene:
        """Return a macula with a lesion above the pigment epithelium."""
        return draw_scene(settings, LOOK, UNIT_MM, (-16, 16, 3, 5), length, seed, rng)

    def series(self, centre: Centre) -> tuple[Tomogram, ...]:
        """Return the one series."""
        assert isinstance(centre.device, OctDevice)
        return (Tomogram(centre.device),)
