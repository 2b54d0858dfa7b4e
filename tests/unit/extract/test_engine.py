import logging

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rigoromics import preprocess
from rigoromics.errors import DataError
from rigoromics.extract import engine
from rigoromics.extract.dictionary import facts
from rigoromics.extract.images import image_names
from rigoromics.perturb.controls import control_image, controlled

from .conftest import ALL_IMAGES, ball, make_settings

RESAMPLED = {"spacing_mm": [1.5, 1.5, 1.5]}


def test_other_masks_and_their_order_do_not_matter(made):
    image, masks = made
    chosen = make_settings(
        images=ALL_IMAGES, resampling=RESAMPLED, classes={"firstorder": "all", "glcm": "all"}
    )
    together = engine.extract_scan(image, masks, chosen)
    reverse = engine.extract_scan(image, dict(reversed(masks.items())), chosen)
    alone = engine.extract_scan(image, {"one": masks["one"]}, chosen)
    assert together.features == reverse.features
    assert alone.features["one"] == pytest.approx(together.features["one"], rel=1e-9)


def test_same_input_same_values(made):
    image, masks = made
    chosen = make_settings(resampling=RESAMPLED)
    first = engine.extract_scan(image, masks, chosen)
    assert first == engine.extract_scan(image, masks, chosen)


def test_all_features_of_all_images_come_out(made):
    image, masks = made
    chosen = make_settings(
        images={"original": {}, "log": {"sigma_mm": [2]}, "wavelet": {"levels": 2}}
    )
    result = engine.extract_scan(image, {"one": masks["one"]}, chosen)
    assert not result.noted
    names = image_names(chosen)
    assert names[:2] == ["original", "log-sigma-2-0-mm-3D"]
    assert len(names) == 17
    expected = {
        f"{image_type}_{feature_class}_{name}"
        for image_type in names
        for feature_class, name in facts()
        if feature_class not in ("shape", "shape2D")
    } | {f"original_shape_{name}" for feature_class, name in facts() if feature_class == "shape"}
    assert set(result.features["one"]) == expected


def test_shuffling_keeps_histogram_and_shape_and_breaks_texture(made):
    image, masks = made
    chosen = make_settings(images={"original": {}, "wavelet": {}}, resampling=RESAMPLED)
    scan = engine.prepare(image, masks, chosen)
    real = engine.extract(scan, chosen).features["one"]
    shuffled = engine.extract(controlled(scan, "one", "shuffled", 7), chosen)
    assert list(shuffled.features) == ["one"]
    mixed = shuffled.features["one"]
    assert mixed.keys() == real.keys()
    for name in real:
        if name.startswith(("original_firstorder", "original_shape")):
            assert mixed[name] == pytest.approx(real[name], rel=1e-9), name
    assert mixed["original_glcm_Contrast"] > 1.2 * real["original_glcm_Contrast"]
    assert abs(mixed["original_glcm_Correlation"]) < 0.1 < real["original_glcm_Correlation"]
    assert mixed["wavelet-HHH_firstorder_Variance"] > real["wavelet-HHH_firstorder_Variance"]
    assert engine.extract(controlled(scan, "one", "shuffled", 7), chosen) == shuffled
    assert engine.extract(controlled(scan, "one", "shuffled", 8), chosen) != shuffled


def test_shuffled_control_is_a_filtered_shuffled_scan(made):
    """Filters see the shuffled voxels: the same as shuffling the whole scan first."""
    image, masks = made
    chosen = make_settings(images=ALL_IMAGES, classes={"firstorder": "all"})
    inside = sitk.GetArrayFromImage(masks["one"]) == 1
    whole = control_image(image, inside, "shuffled", 3)
    expected = engine.extract_scan(whole, {"one": masks["one"]}, chosen)
    scan = engine.prepare(image, masks, chosen)
    assert (
        engine.extract(controlled(scan, "one", "shuffled", 3), chosen).features == expected.features
    )


def box(image, lower, size, label=1):
    values = np.zeros(image.GetSize()[::-1], np.uint8)
    (x, y, z), (nx, ny, nz) = lower, size
    values[z : z + nz, y : y + ny, x : x + nx] = label
    return preprocess.like(image, values)


BAD = {
    "empty": (lambda image: box(image, (0, 0, 0), (0, 0, 0)), "mask is empty"),
    "one voxel": (lambda image: box(image, (9, 9, 9), (1, 1, 1)), "fewer than 27"),
    "one slice": (lambda image: box(image, (9, 9, 9), (20, 20, 1)), "2 of 3 axes"),
    "one line": (lambda image: box(image, (9, 9, 9), (40, 1, 1)), "1 of 3 axes"),
    "two labels": (lambda image: box(image, (9, 9, 9), (9, 9, 9), 2), "other values than 0 and 1"),
    "flat": (lambda image: box(image, (40, 9, 9), (9, 9, 9)), "same grey value"),
    "larger": (lambda image: sitk.ConstantPad(box(image, (9, 9, 9), (9, 9, 9)), [1] * 3), "size"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rois_are_refused_and_the_good_one_goes_on(made, name):
    image, _ = made
    values = sitk.GetArrayFromImage(image)
    values[:, :, 36:] = 100
    image = preprocess.like(image, values)
    make, words = BAD[name]
    chosen = make_settings(smallest_roi={"voxels": 27, "dimensions": 3})
    good = ball(image, (20, 30, 20), 8)
    result = engine.extract_scan(image, {"good": good, "bad": make(image)}, chosen)
    assert set(result.features) == {"good"}
    assert set(result.refused) == {"bad"}
    assert words in result.refused["bad"].problem
    assert result.refused["bad"].remedy


def test_roi_lost_by_resampling_or_resegmentation(made):
    image, masks = made
    tiny = box(image, (9, 9, 9), (1, 1, 1))
    coarse = make_settings(resampling={"spacing_mm": [8, 8, 8]})
    lost = engine.extract_scan(image, {"tiny": tiny}, coarse)
    assert "no voxel left on the feature grid" in lost.refused["tiny"].problem
    far = make_settings(intensity={"resegmentation": [20000, 30000]})
    lost = engine.extract_scan(image, {"one": masks["one"]}, far)
    assert "range of resegmentation" in lost.refused["one"].problem


def test_image_with_nan_is_refused(made):
    image, masks = made
    values = sitk.GetArrayFromImage(image).astype(float)
    values[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="not numbers"):
        engine.extract_scan(preprocess.like(image, values), masks, make_settings())


def test_image_too_small_for_a_filter_is_noted(made):
    image, masks = made
    chosen = make_settings(
        images={"original": {}, "log": {"sigma_mm": [60]}}, classes={"firstorder": "all"}
    )
    result = engine.extract_scan(image, {"one": masks["one"]}, chosen)
    assert "too small for log-sigma-60-0-mm-3D" in result.noted["one"].problem
    assert "original_firstorder_Mean" in result.features["one"]


def test_pyradiomics_keeps_quiet(made, caplog, capfd):
    image, masks = made
    level = logging.getLogger("radiomics").level
    with caplog.at_level(logging.INFO):
        engine.extract_scan(
            image, {"one": masks["one"]}, make_settings(discretisation={"bin_count": 8})
        )
    assert not [record for record in caplog.records if record.name.startswith("radiomics")]
    assert capfd.readouterr().err == ""
    assert logging.getLogger("radiomics").level == level


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    centre=st.tuples(st.integers(0, 63), st.integers(0, 59), st.integers(0, 39)),
    radius=st.floats(3, 9),
)
def test_any_roi_gives_finite_values_or_a_reason(made, centre, radius):
    image, _ = made
    chosen = make_settings(
        images={"original": {}, "log": {"sigma_mm": [2]}},
        smallest_roi={"voxels": 27, "dimensions": 3},
    )
    result = engine.extract_scan(image, {"ball": ball(image, centre, radius)}, chosen)
    assert set(result.features) ^ set(result.refused) == {"ball"}
    for values in result.features.values():
        assert np.isfinite(list(values.values())).all()
        assert values["original_shape_MeshVolume"] > 0
