"""Overlap and surface distances against brute force, surface-distance, and geometry."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics.segment.agreement import Agreement, agreement, surface, surface_agreement

SPACING = (0.9, 1.3, 2.5)


def mask(values, spacing=SPACING):
    image = sitk.GetImageFromArray(np.asarray(values).astype(np.uint8))
    image.SetSpacing(spacing)
    return image


def ball(shape, centre, radius, spacing):
    """Return the voxels within a radius; shape, centre in mm and spacing are (k, j, i)."""
    axes = [np.arange(n) * step - c for n, step, c in zip(shape, spacing, centre, strict=True)]
    return sum(part**2 for part in np.meshgrid(*axes, indexing="ij")) <= radius**2


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
    assert agreement(mask(a), mask(a)) == Agreement(1.0, 0.0, 0.0, 1.0)
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
    assert agreement(full, empty).surface_dice == 0
    assert np.isnan(agreement(full, empty).hausdorff95_mm)
    assert np.isnan(agreement(full, empty).mean_surface_mm)
    assert np.isnan(agreement(empty, empty).dice)


# surface-distance 0.1 (DeepMind): surface Dice at 1, 2 and 3 mm; the mean of its two average
# surface distances, weighted by the two areas it gives.
REFERENCE = [
    (
        ((30, 40, 40), (1, 1, 1), ((15, 20, 20), 8), ((15, 20, 20), 10)),
        (0.11289679708296406, 0.9047597841327047, 1.0),
        1.6254274438752077,
    ),
    (
        ((20, 40, 40), (3, 1, 1), ((30, 20, 20), 10), ((30, 23, 21), 9)),
        (0.565623414439466, 0.7353741434316912, 0.902688949047469),
        1.294425824112263,
    ),
    (
        ((24, 32, 36), (2.5, 0.8, 0.8), ((30, 12, 14), 7.3), ((33, 14, 13), 6.1)),
        (0.3898421547000473, 0.5581705368922832, 0.8494275992654339),
        1.6697657384771776,
    ),
]


@pytest.mark.parametrize(("balls", "shares", "mean"), REFERENCE)
def test_surfaces_agree_as_surface_distance_has_it(balls, shares, mean):
    shape, spacing, *pair = balls
    a, b = (ball(shape, centre, radius, spacing) for centre, radius in pair)
    for tolerance, share in zip((1.0, 2.0, 3.0), shares, strict=True):
        found = surface_agreement(a, b, spacing[::-1], tolerance=tolerance)
        assert found[1] == pytest.approx(share, abs=1e-9)
        # SimpleITK's distances are in single precision.
        assert found[0] == pytest.approx(mean, rel=1e-6)
    image = agreement(mask(a, spacing[::-1]), mask(b, spacing[::-1]))
    assert (image.mean_surface_mm, image.surface_dice) == pytest.approx((mean, shares[2]), rel=1e-6)


def test_spheres_about_one_centre_are_their_radii_apart():
    spacing = (0.5, 0.5, 0.5)
    a, b = (ball((90, 90, 90), (22.5, 22.5, 22.5), radius, spacing) for radius in (15.0, 19.0))
    for tolerance, share in ((3.0, 0.0), (5.0, 1.0)):
        mean, near = surface_agreement(a, b, spacing, tolerance=tolerance)
        # Surfaces are as thick as the voxels of half a millimetre between which they pass.
        assert 3.5 < mean <= 4.0
        assert near == pytest.approx(share)


def test_a_distance_that_equals_the_tolerance_is_within_it():
    a, b = np.zeros((2, 12, 12, 12), dtype=bool)
    a[3:6, 2:10, 2:10] = True
    b[3:7, 2:10, 2:10] = True
    # The upper face is one slice of 3 mm away.
    assert agreement(mask(a, (1, 1, 3)), mask(b, (1, 1, 3))).surface_dice == 1.0


def test_an_image_of_one_slice_has_contours_and_no_flat_sides():
    spacing = (0.5, 0.5, 7.0)
    a, b = (ball((1, 120, 120), (0, 30, 30), radius, (7.0, 0.5, 0.5)) for radius in (14.0, 20.0))
    pair = agreement(mask(a, spacing), mask(b, spacing))
    assert 5.5 < pair.mean_surface_mm <= 6.0
    assert pair.hausdorff95_mm == pytest.approx(6.0, abs=0.5)
    assert pair.surface_dice == 0.0
    # In a volume the discs' flat sides count, and those that overlap are the same.
    volume = [np.concatenate([np.zeros_like(x), x, np.zeros_like(x)]) for x in (a, b)]
    flat = agreement(*(mask(x, spacing) for x in volume))
    assert flat.mean_surface_mm < 2.0
    assert flat.dice == pair.dice
