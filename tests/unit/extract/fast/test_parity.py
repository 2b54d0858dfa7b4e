"""The fast kernels against PyRadiomics' own classes, on random ROIs and real ones."""

import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from radiomics.featureextractor import RadiomicsFeatureExtractor

from rigoromics import preprocess
from rigoromics.extract import engine, fast
from rigoromics.extract.options import Options

CLASSES = ["shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]
RELATIVE = 1e-9
# Roots and differences of nearly equal sums: where the value itself is near zero, rounding is what
# is left of it, in PyRadiomics as here.
ABSOLUTE = {
    "glcm_Imc1": 1e-12,
    "glcm_Imc2": 1e-6,
    "glcm_Correlation": 1e-12,
    "shape_LeastAxisLength": 1e-6,
    "shape_MinorAxisLength": 1e-6,
    "shape_Flatness": 1e-6,
    "shape_Elongation": 1e-6,
}


def reference(image, mask, options):
    """What PyRadiomics computes."""
    setting = {"label": 1, "additionalInfo": False, "distances": list(options.distances)}
    setting |= {"force2D": options.force_2d, "voxelArrayShift": options.voxel_array_shift}
    setting["minimumROIDimensions"] = 1
    if options.bin_count is None:
        setting["binWidth"] = options.bin_width
    else:
        setting["binCount"] = options.bin_count
    if options.merged:
        setting["weightingNorm"] = "no_weighting"
    with engine.one_quiet_thread(), np.errstate(all="ignore"):
        extractor = RadiomicsFeatureExtractor(
            {
                "setting": setting,
                "imageType": {"Original": {}},
                "featureClass": {name: [] for name in CLASSES},
            }
        )
        found = extractor.execute(image, mask)
    return {name.partition("_")[2]: float(value) for name, value in found.items()}


def ours(image, mask, options):
    inside = sitk.GetArrayFromImage(mask) == 1
    box = preprocess.bounding_box(inside)
    part = preprocess.part_of(sitk.GetArrayFromImage(image), box)
    wanted = {name: [] for name in CLASSES}
    cut = preprocess.part_of(inside, box)
    layout = fast.Layout.of(cut, options)
    found = fast.features(part[cut], layout, image.GetSpacing(), wanted, options)
    shape = fast.shape(inside, image.GetSpacing(), [])
    return found | {f"shape_{name}": value for name, value in shape.items()}


def differences(found, expected):
    """Features that differ by more than rounding, with both values."""
    assert set(found) == set(expected)
    # A third moment about the mean vanishes by cancellation; its terms are of this size.
    spread = expected["glcm_ClusterTendency"]
    absolute = {**ABSOLUTE, "glcm_ClusterShade": 1e-12 * (1 + np.nan_to_num(spread) ** 1.5)}
    return {
        name: (found[name], value)
        for name, value in expected.items()
        if not (
            (math.isnan(value) and math.isnan(found[name]))
            or math.isclose(found[name], value, rel_tol=RELATIVE, abs_tol=absolute.get(name, 1e-14))
        )
    }


@st.composite
def rois(draw):
    """A small image of few or many levels, and an ROI with holes, islands and thin parts."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(2, 7), st.integers(2, 7)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(0, draw(st.sampled_from([3, 30, 300])), shape)
    values = values.astype(draw(st.sampled_from([np.int16, np.float32, np.float64])))
    inside = rng.random(shape) < draw(st.sampled_from([0.15, 0.5, 0.9, 1.0]))
    inside.flat[rng.choice(inside.size, 3, replace=False)] = True
    # PyRadiomics refuses a mask without any background.
    values, inside = np.pad(values, 1), np.pad(inside, 1)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.7, 1.1, 2.5))
    return image, preprocess.like(image, inside.astype(np.uint8))


options = st.builds(
    Options,
    bin_width=st.sampled_from([1.0, 7.5, 25.0]),
    bin_count=st.sampled_from([None, None, 4, 32]),
    distances=st.sampled_from([(1,), (1, 2), (1, 3)]),
    force_2d=st.booleans(),
    merged=st.booleans(),
    voxel_array_shift=st.sampled_from([0, 100]),
)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(rois(), options)
def test_random_rois_equal_pyradiomics(roi, chosen):
    image, mask = roi
    assert not differences(ours(image, mask, chosen), reference(image, mask, chosen))


def on_grid(values, inside):
    image = sitk.GetImageFromArray(np.pad(np.asarray(values, np.int16), 1))
    return image, preprocess.like(image, np.pad(np.asarray(inside), 1).astype(np.uint8))


@pytest.mark.parametrize("merged", [False, True])
def test_levels_that_are_independent_along_a_line(merged):
    """The correlation is zero, and what is found is rounding: PyRadiomics' own."""
    image, mask = on_grid([[[0, 0, 1, 1, 0]]], np.ones((1, 1, 5)))
    chosen = Options(bin_width=1.0, merged=merged)
    expected = reference(image, mask, chosen)
    assert expected["glcm_MCC"] < 1e-7
    assert not differences(ours(image, mask, chosen), expected)


@pytest.mark.parametrize("merged", [False, True])
def test_voxels_of_which_no_two_lie_in_line(merged):
    image, mask = on_grid([[[1, 2, 3], [4, 5, 6]]], [[[1, 0, 0], [0, 0, 1]]])
    chosen = Options(bin_width=1.0, merged=merged)
    expected = reference(image, mask, chosen)
    assert math.isnan(expected["glrlm_RunPercentage"])
    assert not differences(ours(image, mask, chosen), expected)
