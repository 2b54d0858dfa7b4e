"""Each check of grey values: an image that must trip it, and one that must not."""

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics.quality.images import GreyValues, check_image, check_roi
from rigoromics.quality.settings import Limits

INSIDE = np.zeros((6, 20, 20), bool)
INSIDE[2:4, 5:15, 5:15] = True


def ct():
    rng = np.random.default_rng(1)
    values = rng.normal(40, 60, (6, 20, 20)).round()
    values[:, :3] = rng.normal(-990, 60, (6, 3, 20)).round()
    return values


def pet():
    return np.random.default_rng(2).gamma(2, 1.5, (6, 20, 20))


def ultrasound():
    return np.clip(np.random.default_rng(3).normal(90, 40, (6, 20, 20)).round(), 0, 255)


GOOD = {"CT": (ct, "HU"), "PT": (pet, "SUVbw"), "US": (ultrasound, "stored")}


def grey(array, modality, units=None):
    image = sitk.GetImageFromArray(np.asarray(array, dtype=np.float32))
    return GreyValues.of(image, modality, GOOD[modality][1] if units is None else units)


def tripped(array, modality, units=None, limits=Limits()):  # noqa: B008
    values = grey(array, modality, units)
    found = [*check_image(values, limits), *check_roi(values, INSIDE, limits)]
    assert len({finding.check for finding in found}) == len(found)
    return {finding.check: finding for finding in found if finding.problem}


@pytest.mark.parametrize("modality", GOOD)
def test_sound_images_pass(modality):
    assert tripped(GOOD[modality][0](), modality) == {}


def changed(array, where, value):
    array = array.copy()
    array[where] = value
    return array


@pytest.mark.parametrize(
    ("check", "array", "modality", "words"),
    [
        ("not_finite", changed(pet(), np.s_[0, 0, :3], np.nan), "PT", "3 voxels of the image"),
        ("not_finite", changed(pet(), np.s_[0, 0, 0], np.inf), "PT", "1 voxels of the image"),
        ("constant_image", np.full((6, 20, 20), 7), "US", "have the same value (7)"),
        ("ct_not_hu", ct() + 1300, "CT", "no voxel of the CT lies below 0 HU"),
        ("ct_not_hu", changed(ct() + 1300, np.s_[:, 0], -2000), "CT", "below 0 HU"),
        ("ct_grey_levels", (np.clip(ct(), -160, 240) + 160) // 2 - 160, "CT", "picture of it"),
        ("constant_roi", changed(pet(), INSIDE, 2.5), "PT", "the same grey value (2.5)"),
        ("ct_range", changed(ct(), np.s_[2, 5:9, 5:15], 12_000), "CT", "20.0% of the ROI's"),
        ("ct_range", ct() - 1500, "CT", "outside -1100 to 4000 HU"),
        ("suv_range", pet() * 1000, "PT", "a lesion has 0.05 to 200"),
        ("suv_range", pet() / 1000, "PT", "the highest SUV of the ROI is 0.0"),
        ("pet_negative", pet() - 1, "PT", "have a negative uptake"),
        ("clipped", np.clip(ultrasound(), 0, 100), "US", "its grey values are clipped"),
    ],
)
def test_what_trips_each_check(check, array, modality, words):
    found = tripped(array, modality)
    assert words in found[check].problem
    assert found[check].outcome("refused") == "refused"


def test_units_that_are_not_hounsfield_are_said():
    assert "not in Hounsfield units" in tripped(ct(), "CT", "mgml")["ct_not_hu"].problem
    assert tripped(ct(), "CT", "stored") == {}


def test_padding_around_the_field_is_no_air():
    padded = changed(ct(), np.s_[:, :2], -3024)
    assert tripped(padded, "CT") == {}


def test_a_ct_of_little_noise_is_no_picture_though_its_values_are_few():
    lumps = np.where(ct() < -500, -1000, 40) + np.random.default_rng(4).integers(
        -50, 50, ct().shape
    )
    assert len(np.unique(lumps)) <= 256
    assert tripped(lumps, "CT") == {}


def test_checks_of_other_modalities_do_not_apply():
    values = grey(ultrasound(), "US")
    found = [*check_image(values, Limits()), *check_roi(values, INSIDE, Limits())]
    outcomes = {finding.check: finding.outcome("refused") for finding in found}
    for check in ("ct_not_hu", "ct_grey_levels", "ct_range", "suv_range", "pet_negative"):
        assert outcomes[check] == "not applicable"


def test_limits_come_from_the_config():
    assert "ct_range" in tripped(ct(), "CT", limits=Limits(ct_hu=(-1100, 50)))
    assert tripped(pet() * 1000, "PT", limits=Limits(suv=(0, 1e6))) == {}
    assert tripped(pet() - 1, "PT", limits=Limits(negative_share=1)) == {}
    clipped = np.clip(ultrasound(), 0, 100)
    assert tripped(clipped, "US", limits=Limits(clipped_share=1)) == {}


def test_an_image_of_nothing_but_nan_is_refused_without_a_crash():
    values = grey(np.full((6, 20, 20), np.nan), "CT")
    assert [f.check for f in check_image(values, Limits()) if f.problem] == ["not_finite"]
