"""The fast engine gives PyRadiomics' values through the whole pass: resampling, filters, masks."""

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics.extract import engine

from .conftest import ALL_IMAGES, make_settings

CASES = ["brain1", "brain2", "breast1", "prostate"]
WAYS = {
    "native": {"discretisation": {"bin_width": 25}},
    "resampled, range": {
        "resampling": {"spacing_mm": [1.7, 1.7, 1.7]},
        "discretisation": {"bin_count": 32},
        "intensity": {"outlier_sigma": 2.5},
    },
    "merged": {"discretisation": {"bin_count": 16}, "texture": {"aggregation": "3D merged"}},
    "2.5D": {
        "discretisation": {"bin_width": 40},
        "texture": {"aggregation": "2.5D average", "distances": [1, 2]},
    },
}


def both(image, masks, **changes):
    return [
        engine.extract_scan(image, masks, make_settings(engine=name, **changes))
        for name in ("pyradiomics", "fast")
    ]


def worst(found, expected):
    """The feature with the largest relative difference, and that difference."""
    assert set(found) == set(expected)
    return max(
        (abs(found[name] - value) / max(abs(value), 1e-6), name) for name, value in expected.items()
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_real_cases(real_case, name, way):
    image, mask = real_case(name)
    masks = {"drawn": mask, "grown": sitk.BinaryDilate(mask, [2, 1, 1])}
    images = {"original": {}} if way == "2.5D" else ALL_IMAGES
    expected, found = both(image, masks, images=images, **WAYS[way])
    assert set(found.features) == set(expected.features) != set()
    assert found.refused.keys() == expected.refused.keys()
    for mask_name, values in expected.features.items():
        difference, feature = worst(found.features[mask_name], values)
        assert difference < 1e-9, (mask_name, feature)


def test_the_same_masks_are_refused_with_the_same_words(made):
    image, masks = made
    values = np.zeros(image.GetSize()[::-1], np.uint8)
    values[5, 5, 5] = 1
    one = sitk.GetImageFromArray(values)
    one.CopyInformation(image)
    expected, found = both(image, {**masks, "voxel": one})
    assert [str(error) for error in found.refused.values()] == [
        str(error) for error in expected.refused.values()
    ]
    assert list(found.refused) == ["voxel"]


def test_chosen_features_only(made):
    image, masks = made
    classes = {"shape": ["Sphericity"], "firstorder": ["Mean"], "glcm": ["Contrast", "MCC"]}
    expected, found = both(image, masks, classes=classes)
    assert found.features["one"] == pytest.approx(expected.features["one"], rel=1e-9)
    assert len(found.features["one"]) == 6


def test_roi_narrower_than_the_distance_is_refused(made):
    image, _ = made
    values = np.zeros(image.GetSize()[::-1], np.uint8)
    values[5:7, 5:7, 5:7] = 1
    small = sitk.GetImageFromArray(values)
    small.CopyInformation(image)
    for result in both(image, {"small": small}, texture={"distances": [2, 3]}):
        assert "2 voxel(s) wide" in str(result.refused["small"])
        assert not result.features


def test_same_bytes_again(made):
    image, masks = made
    chosen = make_settings(engine="fast", images=ALL_IMAGES)
    first, again = (engine.extract_scan(image, masks, chosen) for _ in range(2))
    assert first.features == again.features


@pytest.mark.parametrize("how", ["average", "merged"])
def test_of_one_slice_the_mean_over_slices_is_its_own(made, how):
    """Averaged over slices (2D) or slices summed (2.5D, PyRadiomics): the same of one slice."""
    image, masks = made
    values = sitk.GetArrayFromImage(masks["one"])
    values[np.arange(len(values)) != 20] = 0
    one = sitk.GetImageFromArray(values)
    one.CopyInformation(image)
    by_slice, summed = (
        engine.extract_scan(
            image,
            {"one": one},
            make_settings(engine=name, texture={"aggregation": f"{dimensions} {how}"}),
        ).features["one"]
        for name, dimensions in (("fast", "2D"), ("pyradiomics", "2.5D"))
    )
    difference, feature = worst(by_slice, summed)
    assert difference < 1e-9, feature


def test_a_slice_without_neighbours_counts_only_where_it_can(made):
    """One voxel alone has no co-occurrence, but is a zone."""
    image, masks = made
    values = sitk.GetArrayFromImage(masks["one"])
    values[np.arange(len(values)) != 20] = 0
    more = values.copy()
    more[30, 30, 30] = 1
    chosen = make_settings(
        engine="fast",
        texture={"aggregation": "2D merged"},
        discretisation={"bin_width": 5000},
        classes={"glcm": ["Contrast"], "glszm": ["ZonePercentage"]},
    )
    masks = {name: sitk.GetImageFromArray(array) for name, array in (("a", values), ("b", more))}
    for mask in masks.values():
        mask.CopyInformation(image)
    found = engine.extract_scan(image, masks, chosen).features
    assert found["a"]["original_glcm_Contrast"] == found["b"]["original_glcm_Contrast"]
    share = found["a"]["original_glszm_ZonePercentage"]
    assert found["b"]["original_glszm_ZonePercentage"] == pytest.approx((share + 1) / 2)
