"""The shared pass gives what PyRadiomics gives when it is called once per mask."""

import numpy as np
import pytest
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from rigoromics import preprocess
from rigoromics.extract import engine
from rigoromics.grid import Region, target_grid

from .conftest import ALL_IMAGES, make_settings

CASES = ["brain1", "brain2", "breast1", "prostate"]


def plain(image, mask, settings, *, preprocessed=False):
    """What PyRadiomics computes by itself."""
    with engine.one_quiet_thread():
        extractor = RadiomicsFeatureExtractor(settings.to_pyradiomics(preprocessed=preprocessed))
        return {key: float(value) for key, value in extractor.execute(image, mask).items()}


def assert_same(features, reference, relative):
    assert set(features) == set(reference)
    for name, value in reference.items():
        assert features[name] == pytest.approx(value, rel=relative, abs=1e-12), name


def redrawn(mask):
    """The mask, and the same a little larger, as another rater might draw it."""
    return {"drawn": mask, "grown": sitk.BinaryDilate(mask, [2, 1, 1])}


@pytest.mark.parametrize("name", CASES)
def test_native_grid_equals_pyradiomics_bit_for_bit(real_case, name):
    image, mask = real_case(name)
    masks = redrawn(mask)
    settings = make_settings(images=ALL_IMAGES, discretisation={"bin_width": 40})
    result = engine.extract_scan(image, masks, settings)
    assert not result.refused
    for key, one in masks.items():
        assert_same(result.features[key], plain(image, one, settings), 0)


@pytest.mark.parametrize("name", CASES)
def test_resampled_grid_equals_pyradiomics_on_the_resampled_scan(real_case, name):
    """The witness is given the whole scan, resampled; the engine a crop of it."""
    image, mask = real_case(name)
    resampling = {"spacing_mm": [1.7, 1.7, 1.7], "round_intensities": name == "brain1"}
    settings = make_settings(images=ALL_IMAGES, resampling=resampling)
    masks = redrawn(mask)
    result = engine.extract_scan(image, masks, settings)
    grid = target_grid(image, resampling["spacing_mm"])
    whole = Region((0, 0, 0), grid.size)
    resampled = preprocess.resample_image(
        image, grid, whole, "bspline", resampling["round_intensities"]
    )
    for key, one in masks.items():
        inside = sitk.GetArrayFromImage(one) == 1
        inside = preprocess.resample_mask(inside, grid, whole, "linear", 0.5)
        witness = preprocess.like(resampled, inside.astype(np.uint32))
        reference = plain(resampled, witness, settings, preprocessed=True)
        assert_same(result.features[key], reference, 1e-9)


@pytest.mark.parametrize("name", CASES)
def test_resampling_is_pyradiomics_own(real_case, name):
    """Resampled by PyRadiomics too: original image and shape agree. 1.7 mm puts no new voxel's
    centre halfway between two old ones, where PyRadiomics' choice hangs on the last bit. Grey
    values are made floats, as PyRadiomics cuts decimals off integers instead of rounding.
    """
    image, mask = real_case(name)
    settings = make_settings(
        resampling={"spacing_mm": [1.7, 1.7, 1.7], "mask_interpolator": "nearest"},
        intensity={"normalise": True},
        discretisation={"bin_count": 16},
    )
    image = sitk.Cast(image, sitk.sitkFloat64)
    result = engine.extract_scan(image, {"drawn": mask}, settings)
    assert_same(result.features["drawn"], plain(image, mask, settings), 1e-9)


def test_made_case_near_a_border(made):
    """Where the wavelet wraps around the scan's border, cropping must not change what it sees."""
    image, masks = made
    settings = make_settings(
        images={"log": {"sigma_mm": [1.5]}, "wavelet": {"levels": 2}},
        classes={"firstorder": "all", "glszm": "all"},
    )
    result = engine.extract_scan(image, masks, settings)
    for key, mask in masks.items():
        assert_same(result.features[key], plain(image, mask, settings), 0)


def test_two_and_a_half_dimensions(made):
    image, masks = made
    settings = make_settings(
        images={"original": {}, "wavelet": {}}, texture={"aggregation": "2.5D merged"}
    )
    result = engine.extract_scan(image, {"one": masks["one"]}, settings)
    assert_same(result.features["one"], plain(image, masks["one"], settings), 0)


def test_shape_is_that_of_the_drawn_mask(made):
    """PyRadiomics 3.0.1 cuts the drawn mask to the box of the resegmented one before it measures
    shape; here shape does not depend on resegmentation (IBSI: morphological mask).
    """
    image, masks = made
    _, _, z = np.meshgrid(*(np.arange(n) for n in image.GetSize()), indexing="ij")
    values = sitk.GetArrayFromImage(image)
    values[z.transpose(2, 1, 0) > 22] += 5000
    image = preprocess.like(image, values)
    free = make_settings(classes={"shape": "all", "firstorder": "all"})
    limited = free.model_copy(
        update={"intensity": free.intensity.model_copy(update={"resegmentation": [-2000, 2000]})}
    )
    shape = "original_shape_VoxelVolume"
    without = engine.extract_scan(image, {"one": masks["one"]}, free).features["one"]
    with_range = engine.extract_scan(image, {"one": masks["one"]}, limited).features["one"]
    assert with_range[shape] == without[shape]
    assert plain(image, masks["one"], limited)[shape] < without[shape]
    assert with_range["original_firstorder_Maximum"] < 2000 < without["original_firstorder_Maximum"]
    grey = "original_firstorder_Mean"
    assert with_range[grey] == plain(image, masks["one"], limited)[grey]
