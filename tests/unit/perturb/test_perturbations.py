import math

import numpy as np
import pytest
import SimpleITK as sitk
from pydantic import ValidationError
from scipy import ndimage

from rigoromics.errors import DataError
from rigoromics.extract import engine
from rigoromics.extract.rows import UNPERTURBED, is_perturbation
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.grid import Pose, Region, target_grid
from rigoromics.perturb import images, masks
from rigoromics.perturb.run import extractions
from rigoromics.perturb.settings import Chain
from rigoromics.perturb.variants import AS_IT_IS, ImageChange, MaskChange, by_image, variants_of
from rigoromics.preprocess import part_of, resample_image, resample_mask
from rigoromics.seeds import derive_seed

SPACING = (0.8, 1.0, 2.0)


def scan(shape=(24, 40, 44), spacing=SPACING, seed=0, rough=12.0):
    rng = np.random.default_rng(seed)
    values = ndimage.gaussian_filter(rng.normal(0, 200, shape), 1.5) + rng.normal(0, rough, shape)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    image.SetOrigin((10.0, -20.0, 30.0))
    return image


def ball(image, radius_mm, at=(0.5, 0.5, 0.5)):
    shape = sitk.GetArrayViewFromImage(image).shape
    spacing = image.GetSpacing()[::-1]
    places = [(np.arange(n) - a * (n - 1)) * s for n, a, s in zip(shape, at, spacing, strict=True)]
    z, y, x = np.meshgrid(*places, indexing="ij")
    return z**2 + y**2 + x**2 <= radius_mm**2


def as_mask(image, inside):
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.CopyInformation(image)
    return mask


def settings(**values):
    return ExtractionSettings.model_validate(
        {
            "engine": "fast",
            "discretisation": {"bin_width": 10},
            "images": {"original": {}, "wavelet": {}},
            "classes": {"shape": "all", "firstorder": "all", "glcm": "all"},
            **values,
        }
    )


def seed_of(drawn, mask):
    return derive_seed(7, drawn, mask)


# What is asked for


def test_chains_multiply_and_singles_add():
    chains = [
        Chain(noise=2),
        Chain(rotate_deg=[-6, 6], volume=[-0.1, 0.1], contour=2),
        Chain(translate=[0.25, 0.75]),
    ]
    found = variants_of(chains)
    assert len(found) == 2 + 8 + 8
    assert found[0].name == "noise1"
    assert found[2].name == "rotate-6_volume-10_contour1"
    assert found[-1].name == "shift0.75x0.75x0.75"
    assert all(is_perturbation(variant.name) for variant in found)
    # One image per noise, angle and shift, beside the scan as it is.
    assert len(by_image(found)) == 1 + 2 + 2 + 8


def test_in_a_plane_nothing_moves_across_slices():
    found = variants_of([Chain(translate=[0.25, 0.75])], dimensions=2)
    assert {variant.image.pose.shift[2] for variant in found} == {0.0}
    assert len(found) == 4


def test_changing_nothing_is_no_perturbation_and_twice_is_once():
    assert variants_of([Chain(translate=[0.0], volume=[0.0])]) == []
    assert len(variants_of([Chain(noise=1), Chain(noise=2)])) == 2


@pytest.mark.parametrize("wrong", [{}, {"noise": 0}, {"volume": [-1]}, {"rotate": [3]}])
def test_empty_or_unknown_chains_are_refused(wrong):
    with pytest.raises(ValidationError):
        Chain.model_validate(wrong)


# Images


@pytest.mark.parametrize("sigma", [2.0, 15.0])
def test_noise_level_is_the_planted_one(sigma):
    z, y, x = np.meshgrid(np.arange(20), np.arange(256), np.arange(256), indexing="ij")
    smooth = 300 * np.sin(x / 20) * np.cos(y / 25) + 2.0 * z
    smooth[:, :, :40] = -1000  # no noise beyond the field of view
    noise = np.random.default_rng(1).normal(0, sigma, smooth.shape)
    noise[:, :, :40] = 0
    assert images.noise_level(smooth + noise) == pytest.approx(sigma, rel=0.03)


def test_noise_is_added_at_the_image_s_own_level_and_seeded():
    image = scan(rough=30.0)
    change = ImageChange(noise=1)
    one, again, other = (images.changed_image(image, change, seed) for seed in (1, 1, 2))
    before = sitk.GetArrayViewFromImage(image)
    added = sitk.GetArrayFromImage(one) - before
    assert np.std(added) == pytest.approx(images.noise_level(before.astype(float)), rel=0.02)
    assert np.array_equal(sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(again))
    assert not np.array_equal(sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(other))


def test_whole_numbers_stay_within_their_type():
    image = sitk.Cast(scan(), sitk.sitkUInt8)
    noisy = images.changed_image(image, ImageChange(noise=1, blur_mm=2.0), 3)
    assert noisy.GetPixelID() == sitk.sitkUInt8


def test_three_times_the_thickness_is_the_mean_of_three_slices():
    values = np.random.default_rng(0).normal(size=(9, 5, 6))
    thick = images.thickened(values, 2.0, 6.0)
    assert np.allclose(thick[1:-1], (values[:-2] + values[1:-1] + values[2:]) / 3)
    # 2.5 mm of 1 mm slices: the slice, and three quarters of a millimetre on each side.
    assert np.allclose(
        images.thickened(values, 1.0, 2.5)[4], (values[4] + 0.75 * (values[3] + values[5])) / 2.5
    )
    with pytest.raises(DataError, match="cannot be made 2 mm"):
        images.thickened(values, 2.0, 2.0)


def test_blur_has_the_width_asked_for():
    point = np.zeros((1, 81, 81))
    point[0, 40, 40] = 1
    spread = images.blurred(point, (0.5, 0.25), 4.0)[0]
    half = spread[40, 40] / 2
    # Half of the maximum at half of the width: 4 voxels of 0.5 mm along x, 8 of 0.25 mm along y.
    assert spread[40, 44] == pytest.approx(half, rel=0.01)
    assert spread[48, 40] == pytest.approx(half, rel=0.01)
    assert spread.sum() == pytest.approx(1)


# Grids


def test_shift_by_a_whole_voxel_is_a_shift_of_the_array():
    image = scan()
    grid = target_grid(image, None, pose=Pose((1.0, 0.0, 1.0)))
    moved = resample_image(image, grid, Region((0, 0, 0), grid.size), "linear", False)
    values = sitk.GetArrayViewFromImage(image)
    assert np.allclose(sitk.GetArrayViewFromImage(moved)[:-1, :, :-1], values[1:, :, 1:])
    # Beyond the scan its last voxel goes on.
    assert np.allclose(sitk.GetArrayViewFromImage(moved)[-1, :, :-1], values[-1, :, 1:])


@pytest.mark.parametrize("interpolator", ["linear", "bspline"])
def test_turned_grid_equals_itk_s_rotation(interpolator):
    image = scan()
    inside = ball(image, 9.0, (0.5, 0.55, 0.45))
    grid = target_grid(image, (1.1, 1.1, 1.1), pose=Pose((0.25, 0.5, 0.75), 11.0))
    region = Region((4, 5, 6), (20, 18, 22))
    turned = resample_image(image, grid, region, interpolator, False)
    mask = resample_mask(inside, grid, region, "linear", 0.5)

    straight = target_grid(image, (1.1, 1.1, 1.1), pose=Pose((0.25, 0.5, 0.75)))
    x, y, z = (float(straight.along(axis, region.lower[axis], 1)[0]) for axis in range(3))
    middle = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    rotation = sitk.Euler3DTransform(middle, 0, 0, math.radians(11))
    resample = sitk.ResampleImageFilter()
    resample.SetSize(region.size)
    resample.SetOutputOrigin(image.TransformContinuousIndexToPhysicalPoint((x, y, z)))
    resample.SetOutputSpacing((1.1, 1.1, 1.1))
    resample.SetTransform(rotation)
    resample.SetOutputPixelType(sitk.sitkFloat64)
    names = {"linear": sitk.sitkLinear, "bspline": sitk.sitkBSpline}
    resample.SetInterpolator(names[interpolator])
    theirs = sitk.GetArrayFromImage(resample.Execute(image))
    assert np.allclose(sitk.GetArrayViewFromImage(turned), theirs, atol=1e-6)
    resample.SetInterpolator(sitk.sitkLinear)
    share = sitk.GetArrayFromImage(resample.Execute(as_mask(image, inside)))
    assert np.array_equal(mask, share >= 0.5 - 1e-6)


def test_turn_by_a_right_angle_keeps_what_knows_no_direction():
    image = scan((12, 41, 41), (1.0, 1.0, 1.5))
    mask = as_mask(image, ball(image, 8.0, (0.5, 0.6, 0.4)))
    wanted = settings(images={"original": {}})
    straight = engine.extract(engine.prepare(image, {"m": mask}, wanted), wanted)
    turned = engine.extract(engine.prepare(image, {"m": mask}, wanted, Pose(angle_deg=90)), wanted)
    values, other = straight.features["m"], turned.features["m"]
    assert values.keys() == other.keys()
    for name, value in values.items():
        assert other[name] == pytest.approx(value, rel=1e-6, abs=1e-6), name


# Masks


@pytest.mark.parametrize("share", [-0.3, -0.1, 0.1, 0.28])
def test_growth_has_the_exact_volume_and_follows_the_contour(share):
    image = scan((60, 60, 60), (1.0, 1.0, 1.0))
    inside = ball(image, 15.0)
    changed = masks.grown(inside, image.GetSpacing(), share, np.random.default_rng(0))
    assert changed.sum() == inside.sum() + round(share * inside.sum())
    # All of the smaller lies in the larger, and both are balls: radius by the cube root.
    assert not (inside & ~changed).any() if share > 0 else not (changed & ~inside).any()
    radius = 15.0 * (1 + share) ** (1 / 3)
    assert not (changed & ~ball(image, radius + 1)).any()
    assert not (ball(image, radius - 1) & ~changed).any()


def test_growth_stays_within_the_margin_of_the_isoperimetric_bound():
    image = scan((60, 60, 60), (1.0, 1.0, 1.0))
    inside = ball(image, 12.0)
    reach = masks.margin_mm(float(inside.sum()), MaskChange(volume=0.5)) + 2 * math.sqrt(3)
    changed = masks.grown(inside, image.GetSpacing(), 0.5, np.random.default_rng(0))
    assert ndimage.distance_transform_edt(~inside)[changed].max() <= reach


def test_redrawn_contour_follows_edges_of_the_image():
    image = scan((40, 40, 40), (1.0, 1.0, 1.0), rough=1.0)
    organ = ball(image, 12.0)
    values = sitk.GetArrayFromImage(image) * 0.05 + 500.0 * organ
    bright = sitk.GetImageFromArray(values)
    sloppy = ball(image, 12.0, (0.5, 0.5, 0.45))

    def dice(one):
        return 2 * (one & organ).sum() / (one.sum() + organ.sum())

    drawn = [masks.redrawn(bright, sloppy, np.random.default_rng(seed)) for seed in range(8)]
    assert np.mean([dice(one) for one in drawn]) > dice(sloppy)
    assert len({one.tobytes() for one in drawn}) > 1
    again = masks.redrawn(bright, sloppy, np.random.default_rng(0))
    assert np.array_equal(drawn[0], again)


def test_redrawn_contour_depends_on_its_own_surroundings_only():
    image = scan((40, 60, 70), (1.0, 1.0, 1.0))
    inside = ball(image, 6.0)
    whole = masks.redrawn(image, inside, np.random.default_rng(5))
    region = Region((5, 4, 0), (60, 52, 40))
    part = sitk.RegionOfInterest(image, region.size, region.lower)
    less = masks.redrawn(part, part_of(inside, region).copy(), np.random.default_rng(5))
    assert np.array_equal(part_of(whole, region), less)


def test_roi_of_which_nothing_is_left_is_refused():
    image = scan()
    inside = np.zeros((24, 40, 44), dtype=bool)
    inside[10, 10, 10] = True
    with pytest.raises(DataError, match="Nothing is left"):
        masks.changed_mask(image, inside, MaskChange(volume=-0.9), 0)


# All together


def test_sharing_changes_no_value():
    image = scan((30, 60, 60))
    rois = {"a": ball(image, 9.0), "b": ball(image, 7.0, (0.4, 0.3, 0.6))}
    drawn = {name: as_mask(image, inside) for name, inside in rois.items()}
    wanted = settings(resampling={"spacing_mm": [1, 1, 1]})
    chains = [
        Chain(volume=[0.2], contour=1),
        Chain(rotate_deg=[5], translate=[0.5]),
        Chain(noise=1),
    ]
    variants = variants_of(chains)
    both = dict(extractions(image, drawn, wanted, {"a", "b"}, variants, ["shuffled"], seed_of))
    assert [*both] == [UNPERTURBED, variants[0].name, "shuffled", *(v.name for v in variants[1:])]
    for name in drawn:
        alone = dict(
            extractions(image, {name: drawn[name]}, wanted, {name}, variants, ["shuffled"], seed_of)
        )
        for variant, result in alone.items():
            if variant == "shuffled":
                continue  # of one mask alone already
            values = both[variant].features[name]
            assert values.keys() == result.features[name].keys()
            for feature, value in result.features[name].items():
                assert values[feature] == pytest.approx(value, rel=1e-9, abs=1e-12), feature
    plain = engine.extract_scan(image, drawn, wanted).features["a"]
    assert both[UNPERTURBED].features["a"] == pytest.approx(plain, rel=1e-9, abs=1e-12)
    for variant in variants:
        assert both[variant.name].features["a"] != pytest.approx(plain, rel=1e-3)


def test_only_the_masks_named_are_perturbed_and_refusals_stay_with_their_variant():
    image = scan()
    drawn = {"a": as_mask(image, ball(image, 9.0)), "b": as_mask(image, ball(image, 7.0))}
    empty = as_mask(image, np.zeros((24, 40, 44), dtype=bool))
    variants = variants_of([Chain(volume=[0.1]), Chain(slice_mm=[1.0]), Chain(rotate_deg=[4])])
    found = dict(
        extractions(image, drawn | {"e": empty}, settings(), {"a", "e"}, variants, [], seed_of)
    )
    assert set(found[UNPERTURBED].features) == {"a", "b"}
    assert set(found["volume+10"].features) == {"a"}
    assert set(found["rotate+4"].features) == {"a"}
    assert "empty" in found[UNPERTURBED].refused["e"].problem
    assert "cannot be made 1 mm" in found["slice1"].refused["a"].problem
    assert AS_IT_IS.name == UNPERTURBED
