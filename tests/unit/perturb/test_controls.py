"""Negative controls keep what they promise to keep, and put the rest out of order."""

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics.extract.rows import CONTROLS, is_perturbation
from rigoromics.perturb.controls import control_image

INSIDE = np.zeros((12, 16, 16), bool)
INSIDE[3:9, 4:12, 4:12] = True


@pytest.fixture(params=[np.int16, np.float32, np.float64])
def image(request):
    """A ramp: every voxel's value says where it was."""
    z, y, x = np.indices(INSIDE.shape)
    return sitk.GetImageFromArray((100 * z + 10 * y + x - 600).astype(request.param))


def changed_by(control):
    return {"": INSIDE, "outside": ~INSIDE, "whole": np.ones_like(INSIDE)}[
        control.partition("_")[2]
    ]


@pytest.mark.parametrize("control", CONTROLS)
def test_only_the_voxels_it_names_change(image, control):
    before = sitk.GetArrayFromImage(image)
    after = sitk.GetArrayFromImage(control_image(image, INSIDE, control, 3))
    where = changed_by(control)
    assert after.dtype == before.dtype
    assert np.array_equal(after[~where], before[~where])
    assert (after[where] != before[where]).mean() > 0.9
    assert np.array_equal(before, sitk.GetArrayFromImage(image))


@pytest.mark.parametrize("where", ["", "_outside", "_whole"])
def test_shuffled_keeps_the_histogram_and_no_order(image, where):
    before = sitk.GetArrayFromImage(image).astype(float)
    after = sitk.GetArrayFromImage(control_image(image, INSIDE, f"shuffled{where}", 3))
    region = changed_by(f"shuffled{where}")
    assert np.array_equal(np.sort(after[region]), np.sort(before[region]))
    assert abs(np.corrcoef(before[region], after[region])[0, 1]) < 0.15


def test_sampled_draws_from_the_voxels_and_repeats_some(image):
    before = sitk.GetArrayFromImage(image)[INSIDE]
    after = sitk.GetArrayFromImage(control_image(image, INSIDE, "sampled", 3))[INSIDE]
    assert set(after) <= set(before)
    # Drawn n times with replacement, a share of 1 - 1/e of n different values is expected.
    share = len(set(after)) / len(set(before))
    assert share == pytest.approx(1 - np.exp(-1), abs=0.08)


def test_randomised_is_even_between_the_ends(image):
    before = sitk.GetArrayFromImage(image)[INSIDE].astype(float)
    skewed = sitk.GetArrayFromImage(image)
    skewed[INSIDE] = np.where(skewed[INSIDE] > np.median(before), before.max(), before.min())
    peaked = sitk.GetImageFromArray(skewed)
    after = sitk.GetArrayFromImage(control_image(peaked, INSIDE, "randomised", 3))[INSIDE]
    assert after.min() >= before.min()
    assert after.max() <= before.max()
    quarters = np.quantile(after.astype(float), [0.25, 0.5, 0.75])
    expected = before.min() + np.array([0.25, 0.5, 0.75]) * np.ptp(before)
    assert quarters == pytest.approx(expected, abs=0.12 * np.ptp(before))


@pytest.mark.parametrize("control", CONTROLS)
def test_the_seed_decides(image, control):
    first, again, other = (control_image(image, INSIDE, control, seed) for seed in (1, 1, 2))
    values = [sitk.GetArrayFromImage(one) for one in (first, again, other)]
    assert np.array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])


def test_a_mask_that_fills_the_image_has_no_outside():
    image = sitk.GetImageFromArray(np.arange(27, dtype=np.int16).reshape(3, 3, 3))
    for control in CONTROLS:
        if control.endswith("_outside"):
            same = control_image(image, np.ones((3, 3, 3), bool), control, 1)
            assert np.array_equal(sitk.GetArrayFromImage(same), sitk.GetArrayFromImage(image))


def test_unknown_control_is_named(image):
    with pytest.raises(ValueError, match="'mixed'; there are shuffled, shuffled_outside"):
        control_image(image, INSIDE, "mixed", 1)


def test_a_control_is_no_perturbation():
    assert not is_perturbation("none")
    assert not any(is_perturbation(name) for name in CONTROLS)
    assert is_perturbation("rotate+6")
