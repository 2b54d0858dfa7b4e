"""Loess against R."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics.evaluate.loess import kernel, loess, smooth

# R's data set cars.
SPEED = [4, 4, 7, 7, 8, 9, 10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15]
SPEED += [15, 15, 16, 16, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22, 23, 24]
SPEED += [24, 24, 24, 25]
DISTANCE = [2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60]
DISTANCE += [80, 20, 26, 54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64]
DISTANCE += [66, 54, 70, 92, 93, 120, 85]
# example(predict.loess), the part with loess.control(surface = "direct"), speeds 5 to 30.
R = [7.741006, 9.926596, 12.442424, 15.281082, 18.425712, 21.865315, 25.713413, 29.350386]
R += [33.230660, 37.167935, 41.205226, 45.781544, 48.355889, 50.067148, 51.986702, 56.445263]
R += [62.025404, 68.569313, 76.193111, 85.053364, 95.300523, 106.974661, 120.092581, 134.665851]
R += [150.698545, 168.190283]


def test_equals_r():
    assert loess(SPEED, DISTANCE, np.arange(5, 31)) == pytest.approx(R, abs=6e-7)


@given(st.integers(0, 1000), st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_a_parabola_is_met_exactly(seed, slope, bend):
    x = np.random.default_rng(seed).uniform(size=40)
    y = 1.0 + slope * x + bend * x**2
    assert loess(x, y, x) == pytest.approx(y, abs=1e-6)


def test_counts_are_copies_of_patients():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(size=30), rng.normal(size=30)
    counts = rng.integers(0, 3, 30).astype(float)
    weights = kernel(x, np.array([0.3, 0.6]))
    copies = np.repeat(np.arange(30), counts.astype(int))
    ones = np.ones((1, copies.size))
    by_copy = smooth(x[copies], y[copies], np.array([0.3, 0.6]), weights[:, copies], ones)
    by_count = smooth(x, y, np.array([0.3, 0.6]), weights, counts[None, :])
    assert by_count == pytest.approx(by_copy, abs=1e-9)


def test_few_distinct_values_give_their_means():
    x = np.repeat([0.2, 0.8], 20)
    y = np.concatenate([np.arange(20) % 2, np.ones(20)])
    assert loess(x, y, [0.2, 0.8]) == pytest.approx([0.5, 1.0], abs=1e-9)
