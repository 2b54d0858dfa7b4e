import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from matplotlib.path import Path as WitnessPath

from rigoromics.simulate.geometry import Grid, lesion_shape
from rigoromics.simulate.raters import Outline, outline_lesion, true_mask
from rigoromics.simulate.settings import Rater
from rigoromics.simulate.texture import gaussian_field, lesion_texture

FINE = Grid((-40, -40, -40), (0.8, 0.8, 0.8), (101, 101, 101))


@given(seed=st.integers(0, 10**6), diameter=st.floats(20, 46))
@hypothesis_settings(max_examples=15, deadline=None)
def test_lesion_has_the_volume_asked_for(seed, diameter):
    shape = lesion_shape(np.random.default_rng(seed), (0.3, -0.2, 0.1), diameter)
    counted = true_mask(shape, FINE).sum() * 0.8**3
    assert counted == pytest.approx(np.pi / 6 * diameter**3, rel=0.02)
    assert shape.volume() == pytest.approx(np.pi / 6 * diameter**3, rel=1e-3)


@given(seed=st.integers(0, 10**6))
@hypothesis_settings(max_examples=15, deadline=None)
def test_mask_agrees_with_matplotlib_and_with_the_polygon_area(seed):
    rng = np.random.default_rng(seed)
    grid = Grid((-40, -40, 0), (0.7, 1.1, 3.0), (1, 73, 115))
    angles = np.sort(rng.uniform(0, 2 * np.pi, 30))
    radii = rng.uniform(10, 30, 30)
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    outline = Outline("x", {0: points})
    mask = outline.mask(grid)[0]
    x, y = np.meshgrid(grid.x, grid.y)
    witness = WitnessPath(points).contains_points(np.stack([x.ravel(), y.ravel()], axis=1))
    # matplotlib counts points on an edge its own way; random vertices put none there.
    assert np.array_equal(mask, witness.reshape(mask.shape))
    assert mask.sum() * 0.7 * 1.1 * 3.0 == pytest.approx(outline.volume(grid), rel=0.08)


def test_a_rater_without_error_draws_the_lesion():
    shape = lesion_shape(np.random.default_rng(2), (0.0, 0.0, 0.0), 34.0)
    grid = Grid((-40, -40, -40), (0.8, 0.8, 2.0), (41, 101, 101))
    sure = Rater("S", "x", bias_mm=0, spread_mm=0, wobble_mm=0, slice_slip=0)
    outline = outline_lesion(np.random.default_rng(0), sure, shape, grid)
    drawn, true = outline.mask(grid), true_mask(shape, grid)
    assert 2 * (drawn & true).sum() / (drawn.sum() + true.sum()) > 0.985
    assert outline.volume(grid) == pytest.approx(shape.volume(), rel=0.02)


def test_a_generous_rater_draws_more_and_a_strict_one_less():
    shape = lesion_shape(np.random.default_rng(2), (0.0, 0.0, 0.0), 34.0)
    volumes = [
        outline_lesion(np.random.default_rng(0), Rater("G", "x", bias_mm=b), shape, FINE).volume(
            FINE
        )
        for b in (-1.0, 0.0, 1.0)
    ]
    assert volumes[0] < volumes[1] < volumes[2]


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_field_has_the_correlation_length_asked_for(sigma):
    field = gaussian_field(np.random.default_rng(0), (64, 64, 64), (sigma,) * 3)
    assert field.mean() == pytest.approx(0, abs=1e-3)
    assert field.std() == pytest.approx(1, abs=1e-3)
    # White noise smoothed by a Gaussian of sigma is correlated as exp(-d^2 / 4 sigma^2).
    for lag in (1, 2, 3):
        seen = float((field * np.roll(field, lag, axis=2)).mean())
        assert seen == pytest.approx(np.exp(-(lag**2) / (4 * sigma**2)), abs=0.05)


@pytest.mark.parametrize("length", [1.3, 2.6, 5.2])
def test_texture_inside_the_lesion_keeps_mean_and_spread(length):
    from scipy import ndimage

    shape = lesion_shape(np.random.default_rng(5), (0.0, 0.0, 0.0), 34.0)
    texture = lesion_texture(np.random.default_rng(6), shape, length, (1.0, 1.0, 0.9))
    blurred = ndimage.gaussian_filter(texture.values, (0.9, 1.0, 1.0), mode="wrap")
    axis = texture.corner[0] + texture.step * np.arange(len(texture.values))
    inside = shape.level(axis[None, None, :], axis[None, :, None], axis[:, None, None]) < 0
    assert blurred[inside].mean() == pytest.approx(0, abs=0.02)
    assert blurred[inside].std() == pytest.approx(1, abs=0.03)
