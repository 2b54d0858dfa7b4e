"""Computed tomography."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy import ndimage

from rigoromics.simulate.anatomy import Single
from rigoromics.simulate.geometry import Grid
from rigoromics.simulate.headers import Scan
from rigoromics.simulate.modality import FWHM, Look, Rng, VolumeKind, abdomen, grey_modules
from rigoromics.simulate.phantom import Phantom, Tissue
from rigoromics.simulate.series import Acquired
from rigoromics.simulate.settings import Centre, CohortSettings

SHARPEN_MM = 1.6
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


class ComputedTomography(VolumeKind):
    """Portal-venous CT of the upper abdomen, in HU."""

    name = "CT"
    sop_class = CT_IMAGE_STORAGE
    tissues: dict[str, Tissue] = {  # noqa: RUF012
        "air": Tissue(-1000),
        "couch": Tissue(-420),
        "skin": Tissue(10, 8),
        "fat": Tissue(-98, 7),
        "muscle": Tissue(58, 10),
        "cartilage": Tissue(110, 12),
        "cortex": Tissue(560, 40),
        "marrow": Tissue(190, 35),
        "disc": Tissue(85, 8),
        "epidural": Tissue(-20, 5),
        "cord": Tissue(38, 3),
        "liver": Tissue(110, 5),
        "spleen": Tissue(124, 5),
        "kidney": Tissue(178, 14),
        "wall": Tissue(75, 8),
        "fluid": Tissue(14, 5),
        "gas": Tissue(-970),
        "bowel": Tissue(42, 26),
        "aorta": Tissue(158, 3),
        "cava": Tissue(138, 4),
        "portal": Tissue(165, 3),
        "vein": Tissue(172, 3),
    }

    def title(self, scan: Scan) -> str:
        """Return the SeriesDescription."""
        centre = scan.centre
        return f"Abd pv {scan.thickness_text} {centre.kernel}{scan.retest_text}"

    def acquire(self, phantom: Phantom, scan: Scan, rng: np.random.Generator) -> Acquired:
        """Return HU + 1024, 12 bit: drawn, blurred by the kernel, shifted, with the kernel's noise.

        Parameters
        ----------
        phantom
            The patient, already in place.
        scan
            The scan.
        rng
            Source of the noise.
        """
        grid, centre = scan.grid, scan.centre
        image, inside = phantom.render(grid, self.tissues)
        image += np.float32(centre.shift_hu) * inside
        image = self._kernel(image, grid, centre)
        white = rng.standard_normal(grid.shape, dtype=np.float32)
        noise = self._kernel(white, grid, centre)
        noise *= np.float32(centre.noise_hu) / noise.std()
        # Rays through more of the body are weaker: noise is least in air, most in the middle.
        attenuation = ndimage.gaussian_filter(
            inside[:: max(1, grid.shape[0] // 3)].mean(axis=0), 22 / grid.spacing[0]
        )
        image += noise * (np.float32(0.45) + np.float32(0.55) * attenuation.astype(np.float32))
        stored = np.clip(np.rint(image) + 1024, 0, 4095)
        return Acquired(cast(NDArray[np.int16], stored.astype(np.int16)))

    def describe(self, dataset: Dataset, scan: Scan) -> None:
        """Add what the CT Image and Image Pixel modules ask for."""
        centre = scan.centre
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        grey_modules(dataset, 12)
        dataset.RescaleIntercept = -1024
        dataset.RescaleSlope = 1
        dataset.RescaleType = "HU"
        dataset.WindowCenter = 50
        dataset.WindowWidth = 350
        dataset.KVP = f"{centre.kv:g}"
        dataset.Exposure = centre.exposure_mas
        dataset.ExposureTime = 500
        dataset.XRayTubeCurrent = 2 * centre.exposure_mas
        dataset.ConvolutionKernel = centre.kernel
        dataset.GantryDetectorTilt = 0
        dataset.ScanOptions = "HELICAL MODE"
        dataset.ContrastBolusAgent = "IOHEXOL"
        dataset.ContrastBolusRoute = "IV"
        dataset.BodyPartExamined = "ABDOMEN"

    @staticmethod
    def _kernel(image: Single, grid: Grid, centre: Centre) -> Single:
        """Return the image as the reconstruction kernel shows it, slice by slice."""
        sigma = centre.blur_mm / FWHM / grid.spacing[0]
        soft: Single = ndimage.gaussian_filter(image, (0, sigma, sigma), truncate=3.0)
        if centre.sharpen > 0:
            wide = SHARPEN_MM / grid.spacing[0]
            softer = ndimage.gaussian_filter(soft, (0, wide, wide), truncate=3.0)
            soft = soft + np.float32(centre.sharpen) * (soft - softer)
        return soft


class CtStudy:
    """One portal-venous series."""

    body_part = "ABDOMEN"
    female = None
    planar = False
    every_frame = True
    _kind = ComputedTomography()

    def body(
        self, settings: CohortSettings, centre: Centre, length: float, seed: int, rng: Rng
    ) -> Phantom:
        """Return a patient's abdomen."""
        liver = self._kind.tissues["liver"].value
        look = Look(settings.lesion_contrast_hu, 6, settings.texture_sd_hu, liver=liver)
        return abdomen(settings, self._kind.blur_mm(centre), look, length, seed, rng)

    def series(self, centre: Centre) -> tuple[ComputedTomography, ...]:
        """Return the one series."""
        return (self._kind,)
