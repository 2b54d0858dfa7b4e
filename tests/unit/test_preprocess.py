import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics import preprocess
from rigoromics.errors import DataError
from rigoromics.grid import Region, target_grid

WHOLE = (0, 0, 0)


def volume(shape, spacing=(1.0, 1.0, 1.0), seed=0):
    """A random image of (slices, rows, columns), placed obliquely in space."""
    image = sitk.GetImageFromArray(np.random.default_rng(seed).normal(0, 100, shape))
    image.SetSpacing(spacing)
    image.SetOrigin((-20.0, 35.5, 7.0))
    angle = 0.3
    image.SetDirection((np.cos(angle), -np.sin(angle), 0, np.sin(angle), np.cos(angle), 0, 0, 0, 1))
    return image


@pytest.mark.parametrize("interpolator", ["bspline", "linear", "nearest"])
def test_a_region_has_the_values_of_the_whole(interpolator):
    image = volume((70, 72, 80), (0.9, 0.9, 1.1))
    grid = target_grid(image, (1.3, 1.3, 1.3))
    whole = preprocess.resample_image(image, grid, Region(WHOLE, grid.size), interpolator, False)
    region = Region((20, 22, 25), (6, 5, 7))
    part = preprocess.resample_image(image, grid, region, interpolator, False)
    expected = preprocess.crop(whole, region)
    np.testing.assert_allclose(part.GetOrigin(), expected.GetOrigin(), atol=1e-9)
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(part), sitk.GetArrayFromImage(expected), atol=1e-9
    )


def test_a_linear_ramp_keeps_its_values_in_space():
    image = volume((20, 20, 20), (1.0, 1.0, 2.0))
    z, y, x = np.indices((20, 20, 20))
    image = preprocess.like(image, 3.0 * x - 2.0 * y + 5.0 * z)
    grid = target_grid(image, (1.5, 0.0, 1.0))
    assert grid.size == (13, 20, 40)
    resampled = preprocess.resample_image(image, grid, Region(WHOLE, grid.size), "linear", False)
    inner = (6, 10, 21)
    where = resampled.TransformIndexToPhysicalPoint(inner)
    i, j, k = image.TransformPhysicalPointToContinuousIndex(where)
    assert resampled[inner] == pytest.approx(3 * i - 2 * j + 5 * k)


def test_grid_stays_inside_the_scan():
    image = volume((10, 10, 10), (1.0, 1.0, 3.1))
    grid = target_grid(image, (3.0, 3.0, 3.0))
    for axis in range(3):
        centres = grid.along(axis, 0, grid.size[axis])
        assert centres.min() >= -0.5
        assert centres.max() <= 9.5


def test_grid_aligned_by_centres_is_that_of_ibsi():
    """IBSI's CT phantom has 100 x 99 x 60 voxels in configuration B, 2 x 2 x 3 mm."""
    image = sitk.Image((204, 201, 60), sitk.sitkUInt8)
    image.SetSpacing((0.9765625, 0.9765625, 3.0))
    grid = target_grid(image, (2.0, 2.0, 0.0), "centre")
    assert grid.size == (100, 99, 60)
    for axis in range(3):
        centres = grid.along(axis, 0, grid.size[axis])
        assert centres.mean() == pytest.approx((image.GetSize()[axis] - 1) / 2)
        assert centres.min() >= -0.5
    assert grid.along(2, 0, 60).tolist() == list(range(60))


def test_hounsfield_units_are_rounded_to_the_nearest():
    image = preprocess.like(volume((4, 4, 4)), np.full((4, 4, 4), -10.7))
    grid = target_grid(image, (0.8, 0.8, 0.8))
    region = Region(WHOLE, grid.size)
    values = sitk.GetArrayFromImage(preprocess.resample_image(image, grid, region, "linear", True))
    assert values.dtype == np.int32
    assert (values == -11).all()


def test_same_spacing_crops_only():
    image = sitk.Cast(volume((8, 8, 8)), sitk.sitkInt16)
    grid = target_grid(image, (1.0, 1.0, 0.0))
    assert grid.is_original
    cropped = preprocess.resample_image(image, grid, Region((1, 2, 3), (4, 3, 2)), "linear", True)
    assert cropped.GetPixelID() == sitk.sitkInt16
    expected = sitk.GetArrayFromImage(image)[3:5, 2:5, 1:5]
    np.testing.assert_array_equal(sitk.GetArrayFromImage(cropped), expected)


def test_nearest_mask_is_that_of_simpleitk():
    rng = np.random.default_rng(1)
    inside = rng.random((12, 14, 16)) < 0.4
    image = volume((12, 14, 16), (1.0, 1.0, 2.5))
    grid = target_grid(image, (1.37, 1.37, 1.37))
    region = Region(WHOLE, grid.size)
    mine = preprocess.resample_mask(inside, grid, region, "nearest", 0.5)
    reference = preprocess.resample_image(
        preprocess.like(image, inside.astype(float)), grid, region, "nearest", False
    )
    np.testing.assert_array_equal(mine, sitk.GetArrayFromImage(reference) == 1)


def test_linear_mask_halves_at_the_edge():
    inside = np.zeros((4, 4, 4), bool)
    inside[:, :, :2] = True
    image = volume((4, 4, 4))
    grid = target_grid(image, (2.0, 0.0, 0.0))
    # New centres at old 0.5 (inside) and 2.5 (outside).
    mask = preprocess.resample_mask(inside, grid, Region(WHOLE, grid.size), "linear", 0.5)
    np.testing.assert_array_equal(mask[0, 0], [True, False])
    inside[:, :, 2] = True
    mask = preprocess.resample_mask(inside, grid, Region(WHOLE, grid.size), "linear", 0.5)
    np.testing.assert_array_equal(mask[0, 0], [True, True])


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(*[st.floats(0.4, 3.0)] * 3),
    st.integers(0, 2**31),
    st.sampled_from(["linear", "nearest"]),
    st.sampled_from(["corner", "centre"]),
)
def test_covering_region_loses_no_voxel(spacing, seed, interpolator, align):
    rng = np.random.default_rng(seed)
    inside = np.zeros((9, 10, 11), bool)
    corner = rng.integers(0, 7, 3)
    inside[corner[0] : corner[0] + 2, corner[1] : corner[1] + 3, corner[2] : corner[2] + 2] = True
    image = volume((9, 10, 11))
    grid = target_grid(image, spacing, align)
    whole = preprocess.resample_mask(inside, grid, Region(WHOLE, grid.size), interpolator, 0.5)
    box = preprocess.bounding_box(inside)
    assert box is not None
    part = preprocess.resample_mask(inside, grid, grid.covering(box), interpolator, 0.5)
    assert part.sum() == whole.sum()


def test_bounding_box_is_in_image_order():
    inside = np.zeros((4, 5, 6), bool)
    inside[1:3, 2:5, 3] = True
    assert preprocess.bounding_box(inside) == Region((3, 2, 1), (1, 3, 2))
    assert preprocess.bounding_box(np.zeros((2, 2, 2), bool)) is None


def test_normalise_over_the_whole_image():
    image = volume((9, 9, 9))
    values = sitk.GetArrayFromImage(preprocess.normalise(image, 100.0, 2.0))
    raw = sitk.GetArrayFromImage(image)
    expected = np.clip((raw - raw.mean()) / raw.std(ddof=1), -2, 2) * 100
    np.testing.assert_allclose(values, expected, atol=1e-9)


def test_geometry_is_checked():
    image = volume((5, 5, 5))
    mask = sitk.Cast(image, sitk.sitkUInt8)
    preprocess.check_geometry(image, mask)
    moved = sitk.Image(mask)
    moved.SetOrigin((-20.0, 35.5, 7.5))
    with pytest.raises(DataError, match=r"0\.5 mm off"):
        preprocess.check_geometry(image, moved)
    with pytest.raises(DataError, match="size"):
        preprocess.check_geometry(image, mask[:4])
