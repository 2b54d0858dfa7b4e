"""A small made case, and the real cases that PyRadiomics ships."""

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics.extract.settings import ExtractionSettings

CLASSES = ["shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]


def make_settings(**changes):
    return ExtractionSettings.model_validate(
        {
            "discretisation": {"bin_width": 25},
            "images": {"original": {}},
            "classes": dict.fromkeys(CLASSES, "all"),
            "smallest_roi": {"voxels": 2, "dimensions": 2},
            **changes,
        }
    )


ALL_IMAGES = {"original": {}, "log": {"sigma_mm": [1.5, 3]}, "wavelet": {}}


def ball(image, centre, radius_mm):
    """A ball around a continuous index (x, y, z) as a mask on the image's grid."""
    z, y, x = np.indices(image.GetSize()[::-1])
    dx, dy, dz = (
        (index - middle) * spacing
        for index, middle, spacing in zip((x, y, z), centre, image.GetSpacing(), strict=True)
    )
    mask = sitk.GetImageFromArray((dx**2 + dy**2 + dz**2 <= radius_mm**2).astype(np.uint8))
    mask.CopyInformation(image)
    return mask


@pytest.fixture(scope="session")
def made():
    """A smooth random image of 16-bit integers, anisotropic, with three overlapping masks."""
    rng = np.random.default_rng(0)
    image = sitk.GetImageFromArray(rng.normal(0, 400, (40, 60, 64)))
    image = sitk.Cast(sitk.DiscreteGaussian(image, 1.0), sitk.sitkInt16)
    image.SetSpacing((0.9, 0.9, 2.0))
    image.SetOrigin((10.0, -30.0, 100.0))
    masks = {
        "one": ball(image, (30, 30, 20), 8),
        "two": ball(image, (31, 29, 20), 9),
        "border": ball(image, (8, 30, 5), 9),
    }
    return image, masks


@pytest.fixture(scope="session")
def real_case(shared_data):
    """Return a function: name of a PyRadiomics case to its image and mask."""
    folder = shared_data / "pyradiomics_data" / "data"
    special = {"prostate": ("prostate_phantom_subvolume", "prostate_phantom_subvolume-label")}

    def read(name):
        image, label = special.get(name, (f"{name}_image", f"{name}_label"))
        mask = sitk.ReadImage(str(folder / f"{label}.nrrd"))
        return sitk.ReadImage(str(folder / f"{image}.nrrd")), sitk.Cast(mask == 1, sitk.sitkUInt8)

    return read
