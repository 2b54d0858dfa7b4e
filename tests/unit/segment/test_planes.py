"""From contours in the patient to slices: nearest planes, dense planes, gaps, orientations."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics.errors import DataError
from rigoromics.segment.planes import rasterise
from tests.unit.segment.shapes import circle, grid, polygon, to_mm, words


def stack(slices, x=20, y=17, radius=9.0):
    return [polygon(circle(x, y, radius), k) for k in slices]


def drawn(image, contours, gaps="keep"):
    return rasterise([to_mm(image, c) for c in contours], image, gaps=gaps)


def filled_slices(mask):
    return np.flatnonzero(mask.any(axis=(1, 2))).tolist()


@given(st.floats(-180, 180), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_the_orientation_of_the_grid_does_not_matter(degrees, seed):
    rng = np.random.default_rng(seed)
    contours = [
        polygon(circle(*rng.uniform(12, 20, 2), rng.uniform(2, 9), 30), k) for k in range(3, 9)
    ]
    straight, _ = drawn(grid(), contours)
    turned, notes = drawn(grid(degrees=degrees), contours)
    assert straight.any()
    assert np.array_equal(straight, turned)
    assert notes == []


def test_slices_stored_downwards_give_the_same_voxels_in_the_patient():
    up = grid()
    contours = [to_mm(up, c) for c in stack(range(3, 6), radius=6)]
    mask, _ = rasterise(contours, up)
    down = sitk.Flip(up, [False, False, True])
    flipped, _ = rasterise(contours, down)
    assert np.array_equal(flipped[::-1], mask)


@pytest.mark.parametrize(("shift", "slice_"), [(0.4, 5), (0.499, 5), (0.5, 6), (-0.5, 5)])
def test_a_contour_goes_to_the_nearest_slice_and_this_is_said(shift, slice_):
    mask, notes = drawn(grid(), stack([5 + shift]))
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [slice_]
    assert "between slices" in words(notes)


def test_planes_halfway_between_slices_stay_apart():
    mask, _ = drawn(grid(), stack(np.arange(2.5, 8)))
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("contours", "problem"),
    [
        (stack([3, 4, 12]), "1 of 3 contours lie outside"),
        (stack([-0.6, 0]), "1 of 2 contours lie outside"),
        (stack([3], x=90), "1 of 1 contours lie outside"),
        ([np.array([[5, 5, 2], [20, 5, 3], [20, 20, 4.0]])], "planes of the image"),
    ],
)
def test_contours_of_another_series_are_refused(contours, problem):
    with pytest.raises(DataError, match=problem):
        drawn(grid(), contours)


def test_what_is_odd_but_usable_is_noted():
    contours = [*stack([3, 3, 5]), *stack([6], x=38), *stack([8]), *stack([8], x=26)]
    mask, notes = drawn(grid(), contours)
    said = words(notes)
    assert mask[3].any()
    for remark in ("beyond the image's edge", "drawn twice", "no contour", "overlap partly"):
        assert remark in said
    assert all(note.severity == "noted" and note.remedy for note in notes)


def lesion(seed):
    """A lesion with a hole and an island of its own, on slices 3 to 7."""
    rng = np.random.default_rng(seed)
    x, y, radius = *rng.uniform(14, 20, 2), rng.uniform(7, 10)
    rings = [(x, y, radius), (x + 1, y - 1, radius / 2), (x - radius - 3, y, 1.6)]
    return [polygon(circle(*ring, 40), k) for k in range(3, 8) for ring in rings]


@given(st.integers(0, 2**31), st.integers(0, 39), st.booleans())
@settings(max_examples=20, deadline=None)
def test_neither_start_nor_direction_of_contours_matters_with_holes(seed, start, backwards):
    contours = lesion(seed)
    expected, notes = drawn(grid(), contours)
    step = -1 if backwards else 1
    turned = [np.roll(points, start, axis=0)[::step] for points in contours]
    again, _ = drawn(grid(), turned[::-1])
    assert np.array_equal(again, expected)
    assert notes == []
    whole, _ = drawn(grid(), contours[0::3])
    holes, _ = drawn(grid(), contours[1::3])
    islands, _ = drawn(grid(), contours[2::3])
    assert holes.any()
    assert islands.any()
    assert np.array_equal(expected, (whole & ~holes) | islands)


@given(st.integers(0, 2**31), st.tuples(*[st.integers(-2, 4)] * 3))
@settings(max_examples=20, deadline=None)
def test_a_shift_by_whole_voxels_shifts_the_mask(seed, shift):
    contours = [np.add(points, (8, 8, 2)) for points in lesion(seed)]
    expected, _ = drawn(grid(size=(60, 60, 14)), contours)
    moved, _ = drawn(grid(size=(60, 60, 14)), [np.add(points, shift) for points in contours])
    assert np.array_equal(moved, np.roll(expected, shift[::-1], axis=(0, 1, 2)))


def test_of_planes_denser_than_slices_each_slice_takes_the_nearest():
    # A cone drawn every 0.2 slices: its radius tells which plane a slice took.
    heights = np.round(np.arange(2.6, 8.3, 0.2), 6)
    cone = [polygon(circle(20, 17, 3 + height), height) for height in heights]
    mask, notes = drawn(grid(), cone)
    assert filled_slices(mask) == [3, 4, 5, 6, 7, 8]
    for k in range(3, 9):
        expected, _ = drawn(grid(), [polygon(circle(20, 17, 3 + k), k)])
        assert np.array_equal(mask[k], expected[k])
    assert f"{len(heights) - 6} contours between are left out" in words(notes)
    assert "2.5 mm apart" in words(notes)


def test_several_contours_of_a_dense_plane_stay_together():
    pair = [c for k in (4, 4.3, 4.6, 5) for c in (*stack([k], 12, 12, 4), *stack([k], 28, 25, 4))]
    mask, notes = drawn(grid(), pair)
    assert np.array_equal(mask, drawn(grid(), [*pair[:2], *pair[-2:]])[0])
    assert "4 contours between are left out" in words(notes)


def test_numbers_rounded_to_a_tenth_of_a_millimetre_are_one_plane():
    image = grid()
    contours = [*stack([4], 12, 12, 4), *stack([4.03], 28, 25, 4)]
    mask, notes = drawn(image, contours)
    assert mask[4, 12, 12]
    assert mask[4, 25, 28]
    assert notes == []


def test_contours_of_two_series_are_refused_rather_than_halved():
    two = [*stack([3, 4, 5], 12, 12, 4), *stack([3.4, 4.4, 5.4], 28, 25, 4)]
    with pytest.raises(DataError, match="3 of 6 touch nothing on the plane nearest"):
        drawn(grid(), two)
    tip = [*stack(np.round(np.arange(3, 8, 0.25), 6)), *stack([5.25], 4, 5, 2)]
    _, notes = drawn(grid(), tip)
    assert "1 of them touch nothing" in words(notes)


def test_dense_planes_tilted_against_the_slices_are_refused():
    tilted = [c + [[0, 0, 0.2]] * (c[:, :1] > 20) for c in stack([3, 3.3])]
    with pytest.raises(DataError, match="they are tilted against it"):
        drawn(grid(), tilted)


@pytest.mark.parametrize(
    ("heights", "kept", "filled", "sources"),
    [
        ([2, 4, 6], [2, 4, 6], [2, 3, 4, 5, 6], {3: 2, 5: 4}),
        ([2, 5, 8], [2, 5, 8], list(range(2, 9)), {3: 2, 4: 5, 6: 5, 7: 8}),
        ([1.5, 3, 4.5], [2, 3, 5], [2, 3, 4, 5], {4: 4.5}),
        ([2, 6], [2, 6], [2, 6], {}),
        ([2, 3, 4], [2, 3, 4], [2, 3, 4], {}),
    ],
)
def test_one_or_two_empty_slices_are_filled_on_request(heights, kept, filled, sources):
    cone = [polygon(circle(20, 17, 3 + height), height) for height in heights]
    mask, notes = drawn(grid(), cone)
    assert filled_slices(mask) == kept
    empty = max(kept) - min(kept) + 1 - len(kept)
    assert (f"{empty} slices between the first" in words(notes)) == bool(empty)
    mask, notes = drawn(grid(), cone, gaps="fill")
    assert filled_slices(mask) == filled
    for k, height in sources.items():
        expected, _ = drawn(grid(), [polygon(circle(20, 17, 3 + height), k)])
        assert np.array_equal(mask[k], expected[k])
    said = f"{len(sources)} slices between contoured slices were given the nearest"
    assert (said in words(notes)) == bool(sources)


def test_a_gap_between_two_lesions_is_not_filled():
    mask, _ = drawn(grid(), [*stack([3], 10, 10, 4), *stack([5], 28, 25, 4)], gaps="fill")
    assert filled_slices(mask) == [3, 5]
