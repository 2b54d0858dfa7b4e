"""Both engines on real ROIs under random perturbations: the values are the same."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from rigoromics.perturb.run import extractions
from rigoromics.perturb.settings import Chain
from rigoromics.perturb.variants import variants_of
from rigoromics.seeds import derive_seed
from rigoromics.segment.planes import rasterise
from rigoromics.segment.rtstruct import list_rois, read_contours
from tests.unit.segment.shapes import volume

from .conftest import make_settings

NEAR = 1e-9
BINS = {"PET": 0.25, "CT": 25, "MR_T1": 20}


def perturbations(seed):
    """Ten random variants: noise, grid, volume and contour, alone and chained."""
    rng = np.random.default_rng(seed)

    def angle():
        return [round(float(rng.uniform(-12, 12)), 2)]

    def share():
        return [round(float(rng.uniform(0.05, 0.95)), 2)]

    def gain():
        return [float(rng.choice([-1, 1])) * round(float(rng.uniform(0.05, 0.25)), 2)]

    chains = [
        Chain(noise=1),
        Chain(rotate_deg=angle()),
        Chain(translate=share()),
        Chain(volume=gain()),
        Chain(contour=2),
        Chain(volume=gain(), contour=1),
        Chain(noise=1, rotate_deg=angle(), volume=gain()),
        Chain(rotate_deg=angle(), translate=share(), contour=1),
        Chain(noise=1, rotate_deg=angle(), translate=share(), volume=gain(), contour=1),
    ]
    found = variants_of(chains)
    assert len(found) == 10
    return found


def compared(name, image, mask, bins, **changes):
    """The largest relative difference between engines, and the number of values compared."""
    variants = perturbations(derive_seed(1, name))

    def seed_of(drawn, roi):
        return derive_seed(1, name, drawn, roi)

    results = []
    for engine in ("pyradiomics", "fast"):
        settings = make_settings(
            engine=engine,
            discretisation=bins,
            smallest_roi={"voxels": 27, "dimensions": 2},
            **changes,
        )
        results.append(
            dict(extractions(image, {name: mask}, settings, {name}, variants, [], seed_of))
        )
    expected, found = results
    values, worst = 0, (0.0, "")
    assert expected.keys() == found.keys()
    for variant, result in expected.items():
        other = found[variant]
        assert result.refused.keys() == other.refused.keys()
        assert result.noted.keys() == other.noted.keys()
        for feature, value in result.features.get(name, {}).items():
            apart = abs(other.features[name][feature] - value) / max(abs(value), 1e-6)
            worst = max(worst, (apart, f"{variant} {feature}"))
            values += 1
    assert worst[0] <= NEAR, worst
    return values


def soft_tissue_sarcomas(shared_data):
    """Name, image and mask of every ROI of the STS cohort; on CT and MR, too."""
    for path in sorted((shared_data / "sts" / "dicom").glob("*/*/mask/*.dcm")):
        image = volume((path.parent.parent / "image").iterdir())
        dataset = pydicom.dcmread(path)
        for roi in list_rois(dataset):
            inside, _ = rasterise(read_contours(dataset, roi).points, image)
            mask = sitk.GetImageFromArray(inside.astype(np.uint8))
            mask.CopyInformation(image)
            yield " ".join(path.parts[-4:-2]), path.parts[-3], image, mask


def test_a_brain_tumour_under_ten_perturbations(real_case):
    image, mask = real_case("brain1")
    assert compared("brain1", image, mask, {"bin_width": 25}) == 11 * (14 + 18 + 75)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["brain1", "brain2", "breast1", "prostate"])
def test_pyradiomics_cases_with_filters(real_case, name):
    image, mask = real_case(name)
    filters = {"original": {}, "log": {"sigma_mm": [3]}, "wavelet": {}}
    assert compared(name, image, mask, {"bin_width": 25}, images=filters)


@pytest.mark.slow
def test_ibsi_ct_phantom(shared_data):
    folder = shared_data / "ibsi1_ct_phantom" / "nifti"
    image = sitk.ReadImage(str(folder / "image" / "phantom.nii.gz"))
    mask = sitk.ReadImage(str(folder / "mask" / "mask.nii.gz"))
    mask.CopyInformation(image)
    resampling = {"spacing_mm": [2, 2, 2], "round_intensities": True}
    assert compared("ibsi", image, mask, {"bin_width": 25}, resampling=resampling)


@pytest.mark.slow
def test_all_rois_of_a_cohort(shared_data):
    rois = list(soft_tissue_sarcomas(shared_data))
    assert len(rois) == 28
    assert {modality for _, modality, _, _ in rois} == {"PET", "CT", "MR_T1"}
    resampling = {"spacing_mm": [4, 4, 4]}
    for name, modality, image, mask in rois:
        width = {"bin_width": BINS[modality]}
        assert compared(name, image, mask, width, resampling=resampling)
