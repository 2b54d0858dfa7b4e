"""Checks of masks."""

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics.segment.checks import check_mask, disagreement_notes, volume_ml

SPACING = (0.9, 1.3, 2.5)


def mask(values, spacing=SPACING):
    image = sitk.GetImageFromArray(np.asarray(values).astype(np.uint8))
    image.SetSpacing(spacing)
    return image


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
