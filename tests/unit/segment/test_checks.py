"""Checks of masks, Dice and Hausdorff distance against brute force."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics.segment.checks import (
    Agreement,
    agreement,
    check_mask,
    disagreement_notes,
    surface,
    volume_ml,
)

SPACING = (0.9, 1.3, 2.5)


def mask(values, spacing=SPACING):
    image = sitk.GetImageFromArray(np.asarray(values).astype(np.uint8))
    image.SetSpacing(spacing)
    return image


def blob(seed):
    rng = np.random.default_rng(seed)
    noise = sitk.GetArrayFromImage(
        sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.normal(size=(9, 10, 11))), 1.2)
    )
    return noise > np.quantile(noise, rng.uniform(0.5, 0.97))


def surface_by_hand(values):
    found = []
    for voxel in np.argwhere(values):
        for axis in range(3):
            for step in (-1, 1):
                near = voxel.copy()
                near[axis] += step
                beyond = (near < 0).any() or (near >= values.shape).any()
                if beyond or not values[tuple(near)]:
                    found.append(tuple(voxel))
    return sorted(set(found))


@given(st.integers(0, 2**31), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_hausdorff_is_what_brute_force_finds_and_symmetric(one, two):
    a, b = blob(one), blob(two)
    points = [np.array(surface_by_hand(x)) * SPACING[::-1] for x in (a, b)]
    between = np.linalg.norm(points[0][:, None] - points[1][None], axis=2)
    expected = max(np.percentile(between.min(axis=n), 95) for n in (0, 1))
    pair = agreement(mask(a), mask(b))
    assert pair.hausdorff95_mm == pytest.approx(expected, abs=1e-5)
    assert pair == agreement(mask(b), mask(a))
    assert agreement(mask(a), mask(a)) == Agreement(1.0, 0.0)
    assert sorted(map(tuple, np.argwhere(surface(a)))) == surface_by_hand(a)


def test_dice_by_hand():
    a, b = np.zeros((2, 9, 9, 9), dtype=bool)
    a[2:6, 2:6, 2:6] = True
    b[2:6, 2:6, 4:8] = True
    pair = agreement(mask(a), mask(b))
    assert pair.dice == 0.5
    # Every voxel of either is within two voxels of the other's surface along i, 0.9 mm each.
    assert pair.hausdorff95_mm == pytest.approx(1.8)


def test_empty_masks_give_no_distance():
    full, empty = mask(np.ones((3, 3, 3))), mask(np.zeros((3, 3, 3)))
    assert agreement(full, empty).dice == 0
    assert np.isnan(agreement(full, empty).hausdorff95_mm)
    assert np.isnan(agreement(empty, empty).dice)


def box(shape, *parts):
    values = np.zeros(shape)
    for part in parts:
        values[part] = 1
    return mask(values)


@pytest.mark.parametrize(
    ("parts", "words"),
    [([], "empty"), ([np.s_[3:6, 3:6, 3:5]], "18 voxels, fewer than the 27")],
)
def test_a_mask_with_too_few_voxels_is_refused(parts, words):
    found = check_mask(box((10, 12, 12), *parts), min_voxels=27)
    assert [problem.severity for problem in found] == ["refused"]
    assert words in found[0].problem
    assert found[0].remedy


def test_a_mask_with_voxels_enough_passes():
    assert check_mask(box((10, 12, 12), np.s_[3:6, 3:6, 3:6]), min_voxels=27) == []


def test_raters_on_different_lesions_are_noted_with_their_distance():
    a = box((10, 12, 40), np.s_[3:6, 3:6, 3:6])
    b = box((10, 12, 40), np.s_[3:6, 3:6, 23:26])
    assert (
        "r2 at all: their centres are 18 mm apart" in disagreement_notes(b, a, 0.0, "r2")[0].problem
    )
    assert disagreement_notes(a, a, 1.0, "r2") == []


def test_volume_is_voxels_times_their_size():
    assert volume_ml(box((4, 4, 4), np.s_[1:3, 1:3, 1:3])) == pytest.approx(8 * 0.9 * 1.3 * 2.5e-3)
