"""Filling polygons, against areas known by formula and rules that must not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics.segment.polygons import fill_polygons, polygon_area, sort_out_overlaps

SHAPE = (50, 60)


def circle(x, y, radius, points=400):
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])


def square(x0, y0, side):
    return np.array([[x0, y0], [x0 + side, y0], [x0 + side, y0 + side], [x0, y0 + side]], float)


def stars():
    """Random star-shaped polygons inside the slice."""
    return st.integers(0, 2**32 - 1).map(_star)


def _star(seed):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 40)))
    radius = rng.uniform(2, 20, angle.size)
    return np.column_stack([30 + radius * np.cos(angle), 25 + radius * np.sin(angle)])


def inside_by_winding(polygon, x, y):
    """An independent answer: the sum of the angles under which the edges are seen."""
    a, b = polygon - (x, y), np.roll(polygon, -1, axis=0) - (x, y)
    turn = np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1)).sum()
    return abs(turn) > np.pi


@given(stars())
@settings(max_examples=25, deadline=None)
def test_a_voxel_is_inside_when_the_edges_turn_around_its_centre(polygon):
    filled = fill_polygons([polygon], SHAPE)
    rng = np.random.default_rng(0)
    for x, y in zip(rng.integers(5, 55, 60), rng.integers(0, 50, 60), strict=True):
        assert filled[y, x] == inside_by_winding(polygon, x, y)


@given(stars(), st.integers(0, 39))
@settings(max_examples=50, deadline=None)
def test_neither_starting_point_nor_sense_of_rotation_matters(polygon, start):
    expected = fill_polygons([polygon], SHAPE)
    assert np.array_equal(fill_polygons([np.roll(polygon, start, axis=0)], SHAPE), expected)
    assert np.array_equal(fill_polygons([polygon[::-1]], SHAPE), expected)


@given(stars())
@settings(max_examples=50, deadline=None)
def test_points_added_on_edges_change_nothing(polygon):
    middle = (polygon + np.roll(polygon, -1, axis=0)) / 2
    denser = np.stack([polygon, middle], axis=1).reshape(-1, 2)
    assert np.array_equal(fill_polygons([denser], SHAPE), fill_polygons([polygon], SHAPE))


@pytest.mark.parametrize("radius", [5.3, 11.0, 20.7])
def test_a_circle_has_the_area_of_a_circle(radius):
    # Gauss's circle problem: the count strays from the area by about the square root of radius.
    counts = [
        fill_polygons([circle(30 + dx, 25 + dy, radius)], SHAPE).sum()
        for dx in np.linspace(0, 0.9, 10)
        for dy in np.linspace(0, 0.9, 10)
    ]
    assert np.mean(counts) == pytest.approx(np.pi * radius**2, rel=0.005)
    assert polygon_area(circle(30, 25, radius)) == pytest.approx(np.pi * radius**2, rel=1e-3)


def test_a_square_with_corners_on_voxel_centres_has_its_own_area():
    # Centres on the lower edges count, those on the upper ones do not.
    filled = fill_polygons([square(10, 7, 6)], SHAPE)
    assert filled.sum() == 36
    assert filled[7:13, 10:16].all()


def test_neighbours_share_no_voxel_and_lose_none():
    whole = fill_polygons([square(10, 7, 12)], SHAPE)
    tiles = [fill_polygons([square(x, y, 6)], SHAPE).astype(int) for x in (10, 16) for y in (7, 13)]
    assert np.array_equal(sum(tiles), whole.astype(int))


def test_noise_below_a_millionth_of_a_voxel_does_not_decide_about_edges():
    exact = fill_polygons([square(10, 7, 6)], SHAPE)
    noise = np.random.default_rng(1).uniform(-4e-7, 4e-7, (4, 2))
    assert np.array_equal(fill_polygons([square(10, 7, 6) + noise], SHAPE), exact)


def test_a_keyhole_equals_outer_without_inner():
    outer, inner = circle(30, 25, 18), circle(31, 24, 7)
    hole = fill_polygons([outer, inner], SHAPE)
    expected = fill_polygons([outer], SHAPE) & ~fill_polygons([inner], SHAPE)
    assert np.array_equal(hole, expected)
    keyhole = np.concatenate([outer, outer[:1], inner[::-1], inner[-1:]])
    assert np.array_equal(fill_polygons([keyhole], SHAPE), expected)


def test_an_island_in_a_hole_is_filled():
    rings = [circle(30, 25, radius) for radius in (20, 12, 4)]
    filled = fill_polygons(rings, SHAPE)
    assert filled[25, 30]
    assert not filled[25, 38]
    assert filled[25, 46]


def test_what_lies_beyond_the_slice_is_cut_off():
    filled = fill_polygons([square(-20.5, -20.5, 200)], SHAPE)
    assert filled.all()
    assert not fill_polygons([square(-20.5, 3, 10)], SHAPE).any()


def test_a_contour_drawn_twice_counts_once_and_partial_overlap_is_counted():
    one, two = square(5, 5, 10), square(5, 5, 10)[::-1]
    kept, repeats, partial = sort_out_overlaps([one, two], SHAPE)
    assert (len(kept), repeats, partial) == (1, 1, 0)
    kept, repeats, partial = sort_out_overlaps([one, square(10, 10, 10)], SHAPE)
    assert (len(kept), repeats, partial) == (2, 0, 1)
    kept, repeats, partial = sort_out_overlaps([square(5, 5, 20), square(8, 8, 3)], SHAPE)
    assert (len(kept), repeats, partial) == (2, 0, 0)
