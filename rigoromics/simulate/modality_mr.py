"""Magnetic resonance imaging: a T1 and a T2 weighted series of the abdomen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from scipy import ndimage

from rigoromics.simulate.anatomy import Single
from rigoromics.simulate.geometry import Grid
from rigoromics.simulate.headers import Scan
from rigoromics.simulate.modality import (
    FWHM,
    Look,
    Rng,
    VolumeKind,
    abdomen,
    clipped,
    grey_modules,
    relook,
)
from rigoromics.simulate.phantom import Phantom, Tissue
from rigoromics.simulate.series import Acquired
from rigoromics.simulate.settings import Centre, CohortSettings
from rigoromics.simulate.styles import MrDevice

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
# Signal of the brightest tissue, before a scanner's own scale.
BRIGHTEST = 420.0
# Standard deviation of the logarithm of what a scan's scale differs from its scanner's usual one.
SCALE_SPREAD = 0.35
MHZ_PER_TESLA = 42.577


@dataclass(frozen=True)
class Weighting:
    """One sequence.

    Attributes
    ----------
    tag
        ``t1`` or ``t2``.
    order
        Its place in a device's ``titles`` and ``timing``.
    look
        The lesion in it.
    tissues
        Signal of every tissue.
    scanning, variant
        DICOM ScanningSequence and SequenceVariant.
    sequence
        Siemens' name of the sequence.
    """

    tag: str
    order: int
    look: Look
    tissues: dict[str, Tissue]
    scanning: str
    variant: list[str]
    sequence: str


T1 = Weighting(
    tag="t1",
    order=0,
    look=Look(-75.0, 9.0, 20.0),
    tissues={
        "air": Tissue(0),
        "couch": Tissue(0),
        "skin": Tissue(150, 12),
        "fat": Tissue(400, 12),
        "muscle": Tissue(150, 9),
        "cartilage": Tissue(120, 8),
        "cortex": Tissue(20, 4),
        "marrow": Tissue(270, 22),
        "disc": Tissue(130, 8),
        "epidural": Tissue(70, 5),
        "cord": Tissue(150, 4),
        "liver": Tissue(215, 7),
        "spleen": Tissue(155, 6),
        "kidney": Tissue(150, 12),
        "wall": Tissue(140, 10),
        "fluid": Tissue(60, 6),
        "gas": Tissue(4),
        "bowel": Tissue(150, 30),
        "aorta": Tissue(60, 8),
        "cava": Tissue(75, 8),
        "portal": Tissue(95, 6),
        "vein": Tissue(110, 5),
    },
    scanning="GR",
    variant=["SP"],
    sequence="*fl2d1",
)
T2 = Weighting(
    tag="t2",
    order=1,
    look=Look(105.0, 12.0, 30.0),
    tissues={
        "air": Tissue(0),
        "couch": Tissue(0),
        "skin": Tissue(130, 12),
        "fat": Tissue(285, 12),
        "muscle": Tissue(62, 8),
        "cartilage": Tissue(110, 10),
        "cortex": Tissue(12, 3),
        "marrow": Tissue(170, 20),
        "disc": Tissue(120, 12),
        "epidural": Tissue(400, 10),
        "cord": Tissue(165, 5),
        "liver": Tissue(95, 6),
        "spleen": Tissue(185, 8),
        "kidney": Tissue(235, 18),
        "wall": Tissue(130, 12),
        "fluid": Tissue(BRIGHTEST, 12),
        "gas": Tissue(3),
        "bowel": Tissue(190, 45),
        "aorta": Tissue(18, 4),
        "cava": Tissue(30, 8),
        "portal": Tissue(34, 6),
        "vein": Tissue(42, 5),
    },
    scanning="SE",
    variant=["SK", "SP"],
    sequence="*tse2d1_15",
)


class MagneticResonance(VolumeKind):
    """One sequence: grey values of no unit, on a scale of each scan's own, under a bias field."""

    name = "MR"
    sop_class = MR_IMAGE_STORAGE

    def __init__(self, weighting: Weighting) -> None:
        self.weighting = weighting
        self.tag = weighting.tag

    def title(self, scan: Scan) -> str:
        """Return the SeriesDescription."""
        return _device(scan.centre).titles[self.weighting.order] + scan.retest_text

    def acquire(self, phantom: Phantom, scan: Scan, rng: np.random.Generator) -> Acquired:
        """Return magnitudes, 12 bit.

        Parameters
        ----------
        phantom
            The patient, already in place; its lesion as the T2 weighted series shows it.
        scan
            The scan.
        rng
            Source of noise, bias field and scale.
        """
        grid, centre, device = scan.grid, scan.centre, _device(scan.centre)
        seen = relook(phantom, T2.look, self.weighting.look)
        image, _ = seen.render(grid, self.weighting.tissues)
        scale = device.gain * float(np.exp(rng.normal(0, SCALE_SPREAD)))
        image *= bias_field(rng, grid, device.bias)
        sigma = centre.blur_mm / FWHM / grid.spacing[0]
        image = ndimage.gaussian_filter(image, (0, sigma, sigma), truncate=3.0)
        noise = np.float32(device.noise * BRIGHTEST)
        real, imaginary = rng.standard_normal((2, *grid.shape), dtype=np.float32)
        # Magnitude of a complex signal: Rician noise, never zero in air.
        magnitude = np.hypot(image + noise * real, noise * imaginary)
        return Acquired(clipped(scale * magnitude, 4095))

    def describe(self, dataset: Dataset, scan: Scan) -> None:
        """Add what the MR Image and Image Pixel modules ask for (DICOM PS3.3 C.8.3.1)."""
        device, weighting = _device(scan.centre), self.weighting
        repetition, echo, flip, train = device.timing[weighting.order]
        grey_modules(dataset, 12)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
        dataset.ScanningSequence = weighting.scanning
        dataset.SequenceVariant = weighting.variant
        dataset.ScanOptions = "FC"
        dataset.MRAcquisitionType = "2D"
        dataset.SequenceName = weighting.sequence
        dataset.ProtocolName = self.title(scan)
        dataset.RepetitionTime = f"{repetition:g}"
        dataset.EchoTime = f"{echo:g}"
        dataset.FlipAngle = f"{flip:g}"
        dataset.EchoTrainLength = train
        dataset.EchoNumbers = 1
        dataset.NumberOfAverages = 1
        dataset.MagneticFieldStrength = f"{device.field_t:g}"
        dataset.ImagingFrequency = f"{MHZ_PER_TESLA * device.field_t:.6f}"
        dataset.ImagedNucleus = "1H"
        dataset.PixelBandwidth = "260"
        rows, columns = scan.grid.shape[1:]
        dataset.AcquisitionMatrix = [0, columns, round(0.75 * rows), 0]
        dataset.InPlanePhaseEncodingDirection = "COL"
        dataset.PercentSampling = "75"
        dataset.SpacingBetweenSlices = f"{scan.grid.spacing[2]:g}"
        dataset.TransmitCoilName = "Body"
        dataset.BodyPartExamined = "ABDOMEN"


def bias_field(rng: np.random.Generator, grid: Grid, spread: float) -> Single:
    """Return a smooth factor of about 1 (slices, rows, columns): how the coils see the body.

    Parameters
    ----------
    rng
        Source of chance.
    grid
        The voxels.
    spread
        Standard deviation of its logarithm.
    """
    total = np.zeros(grid.shape)
    waves = 5
    for _ in range(waves):
        # Half a wave to a whole one over an abdomen.
        direction = rng.normal(size=3)
        direction *= 2 * np.pi / rng.uniform(250, 550) / np.linalg.norm(direction)
        phase = rng.uniform(0, 2 * np.pi)
        x = direction[0] * (grid.x - grid.x.mean())[None, None, :]
        y = direction[1] * (grid.y - grid.y.mean())[None, :, None]
        z = direction[2] * (grid.z - grid.z.mean())[:, None, None]
        total += np.cos(x + y + z + phase)
    factor: Single = np.exp(spread * np.sqrt(2 / waves) * total).astype(np.float32)
    return factor


class MrStudy:
    """T1 and T2 weighted series in one frame of reference; raters draw on both."""

    body_part = "ABDOMEN"
    female = None
    planar = False
    every_frame = True
    _kinds = (MagneticResonance(T1), MagneticResonance(T2))

    def body(
        self, settings: CohortSettings, centre: Centre, length: float, seed: int, rng: Rng
    ) -> Phantom:
        """Return a patient's abdomen, the lesion as the T2 weighted series shows it."""
        return abdomen(settings, self._kinds[1].blur_mm(centre), T2.look, length, seed, rng)

    def series(self, centre: Centre) -> tuple[MagneticResonance, ...]:
        """Return both series."""
        return self._kinds


def _device(centre: Centre) -> MrDevice:
    assert isinstance(centre.device, MrDevice)
    return centre.device
