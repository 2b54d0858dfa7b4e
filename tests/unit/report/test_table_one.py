"""Standardised differences, against formulas written out and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis

from rigoromics.report.table_one import categorical_difference, numeric_difference

values = st.lists(st.floats(-100, 100).map(lambda v: round(v, 3)), min_size=3, max_size=20)
levels = st.lists(st.sampled_from("abc"), min_size=3, max_size=30)


def test_numeric_difference_by_hand():
    # Means 2 and 5, variances 1 and 1.
    assert numeric_difference([1, 2, 3], [4, 5, 6]) == pytest.approx(3.0)
    assert numeric_difference([1, 2, 3, np.nan], [4, 5, 6]) == pytest.approx(3.0)
    assert np.isnan(numeric_difference([1], [1, 2]))
    assert np.isnan(numeric_difference([2, 2], [2, 2]))


def test_two_levels_give_the_textbook_formula():
    a, b = ["x"] * 3 + ["y"] * 7, ["x"] * 5 + ["y"] * 5
    p, q = 0.7, 0.5
    expected = abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert categorical_difference(a, b) == pytest.approx(expected)


def test_three_levels_equal_scipys_mahalanobis_distance():
    a, b = list("aaabbc"), list("abbbcccc")
    p, q = (np.array([g.count(v) / len(g) for v in "bc"]) for g in (a, b))
    covariance = sum(np.diag(r) - np.outer(r, r) for r in (p, q)) / 2
    expected = mahalanobis(p, q, np.linalg.inv(covariance))
    assert categorical_difference(a, b) == pytest.approx(expected)


def test_levels_that_tell_the_groups_apart_are_infinitely_different():
    assert categorical_difference(list("aaa"), list("bbc")) == np.inf
    assert categorical_difference(list("aab"), list("aab")) == 0


@given(values, values, st.floats(0.5, 10), st.floats(-50, 50))
def test_numeric_difference_does_not_depend_on_unit_or_order(a, b, scale, shift):
    first = numeric_difference(a, b)
    moved = numeric_difference([v * scale + shift for v in b], [v * scale + shift for v in a])
    if np.isnan(first) or first > 1e6:
        return
    assert moved == pytest.approx(first, rel=1e-4, abs=1e-6)


@given(levels, levels)
def test_categorical_difference_does_not_depend_on_names_or_order(a, b):
    renamed = {"a": "z", "b": "k", "c": "m"}
    first = categorical_difference(a, b)
    second = categorical_difference([renamed[v] for v in b], [renamed[v] for v in a])
    assert second == pytest.approx(first, nan_ok=True, abs=1e-6)
