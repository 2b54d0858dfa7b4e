"""How a scanner turns a patient into grey values. CT now; others join the table at the end.

A modality needs grey values for every tissue, a way to blur and add noise, and the attributes
that its DICOM object demands. The anatomy, the lesions, the raters and the writing of files do
not know which modality they serve.
"""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy import ndimage

from rigoromics.simulate.anatomy import Single
from rigoromics.simulate.geometry import Grid
from rigoromics.simulate.phantom import Phantom, Tissue
from rigoromics.simulate.settings import Centre

FWHM = 2 * np.sqrt(2 * np.log(2))
SHARPEN_MM = 1.6
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


class Modality(Protocol):
    """What the simulation asks of a kind of image."""

    name: str
    sop_class: str

    def blur_mm(self, centre: Centre) -> tuple[float, float, float]:
        """Return the standard deviation of the blur along (x, y, z), mm."""

    def acquire(
        self, phantom: Phantom, grid: Grid, centre: Centre, rng: np.random.Generator
    ) -> NDArray[np.int16]:
        """Return the stored pixel values (slices, rows, columns)."""

    def describe(self, dataset: Dataset, centre: Centre) -> None:
        """Add the attributes that every image of a series shares."""


class ComputedTomography:
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

    def blur_mm(self, centre: Centre) -> tuple[float, float, float]:
        """Return the standard deviation of the blur along (x, y, z), mm."""
        plane = centre.blur_mm / FWHM
        return (plane, plane, centre.slice_thickness / np.sqrt(12))

    def acquire(
        self, phantom: Phantom, grid: Grid, centre: Centre, rng: np.random.Generator
    ) -> NDArray[np.int16]:
        """Return HU + 1024, 12 bit: drawn, blurred by the kernel, shifted, with the kernel's noise.

        Parameters
        ----------
        phantom
            The patient, already in place.
        grid
            The scan's voxels.
        centre
            The scanner.
        rng
            Source of the noise.
        """
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
        return cast(NDArray[np.int16], stored.astype(np.int16))

    def describe(self, dataset: Dataset, centre: Centre) -> None:
        """Add what the CT Image and Image Pixel modules ask for."""
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated = 16
        dataset.BitsStored = 12
        dataset.HighBit = 11
        dataset.PixelRepresentation = 0
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


MODALITIES: dict[str, Modality] = {"CT": ComputedTomography()}
