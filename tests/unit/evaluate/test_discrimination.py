"""AUC and DeLong's tests against pROC and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from rigoromics.evaluate.discrimination import (
    auc,
    delong_paired,
    delong_unpaired,
    newcombe_interval,
    roc_points,
)


@pytest.fixture(scope="module")
def haemorrhage(shared_data):
    table = pd.read_csv(shared_data / "statistics" / "delong" / "aSAH.csv")
    return table.assign(y=(table["outcome"] == "Poor").astype(int))


@pytest.mark.parametrize(
    ("marker", "area", "lower", "upper"),
    # pROC::ci.auc on aSAH, plain DeLong interval.
    [
        ("wfns", 0.8237, 0.7485, 0.8988),
        ("s100b", 0.7314, 0.6301, 0.8326),
        ("ndka", 0.6120, 0.5012, 0.7227),
    ],
)
def test_area_and_interval_equal_proc(haemorrhage, marker, area, lower, upper):
    found = auc(haemorrhage["y"], haemorrhage[marker], scale="plain")
    assert [found.value, found.lower, found.upper] == pytest.approx([area, lower, upper], abs=5e-5)


@pytest.mark.parametrize(
    ("a", "b", "z"),
    [("wfns", "s100b", 2.20898), ("wfns", "ndka", 2.79778), ("ndka", "s100b", -1.39077)],
)
def test_paired_test_equals_proc(haemorrhage, a, b, z):
    found = delong_paired(haemorrhage["y"], haemorrhage[a], haemorrhage[b])
    assert found.statistic == pytest.approx(z, abs=5e-6)


def test_paired_p_equals_proc(haemorrhage):
    found = delong_paired(haemorrhage["y"], haemorrhage["wfns"], haemorrhage["s100b"])
    assert found.p == pytest.approx(0.027176, abs=5e-7)


def test_unpaired_test_ignores_the_pairing(haemorrhage):
    y = haemorrhage["y"]
    found = delong_unpaired(y, haemorrhage["wfns"], y, haemorrhage["s100b"])
    limits = [auc(y, haemorrhage[m], scale="plain") for m in ("wfns", "s100b")]
    errors = [(e.upper - e.lower) / (2 * 1.959964) for e in limits]
    assert found.statistic == pytest.approx(found.difference / np.hypot(*errors), rel=1e-6)


cohorts = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@given(cohorts, st.integers(4, 60), st.integers(2, 20))
@settings(max_examples=60, deadline=None)
def test_area_equals_sklearn_and_ignores_monotone_changes(rng, n, levels):
    y = np.append(rng.integers(0, 2, n), [0, 1])
    risk = rng.integers(0, levels, n + 2).astype(float)
    found = auc(y, risk)
    assert found.value == pytest.approx(roc_auc_score(y, risk), abs=1e-12)
    moved = auc(y, np.exp(risk / 3.0) - 5.0)
    assert (moved.value, moved.lower, moved.upper) == pytest.approx(
        (found.value, found.lower, found.upper), abs=1e-12, nan_ok=True
    )
    assert auc(y, -risk).value == pytest.approx(1.0 - found.value, abs=1e-12)


@given(cohorts, st.integers(4, 60))
@settings(max_examples=30, deadline=None)
def test_curve_is_sklearns_and_its_area_the_auc(rng, n):
    y = np.append(rng.integers(0, 2, n), [0, 1])
    risk = np.round(rng.normal(size=n + 2), 1)
    fpr, tpr, threshold = roc_points(y, risk)
    assert np.trapezoid(tpr, fpr) == pytest.approx(auc(y, risk).value, abs=1e-12)
    full_fpr, full_tpr, full_threshold = roc_curve(y, risk, drop_intermediate=False)
    known = {(t, f, s) for f, t, s in zip(full_fpr, full_tpr, full_threshold, strict=True)}
    assert {(t, f, s) for f, t, s in zip(fpr, tpr, threshold, strict=True)} <= known


def test_a_model_against_itself_is_no_difference():
    y = np.array([0, 1] * 20)
    risk = np.random.default_rng(0).normal(size=40)
    found = delong_paired(y, risk, 3.0 * risk + 1.0)
    assert (found.difference, found.p) == (0.0, 1.0)


@pytest.mark.parametrize("y", [[1, 1, 1], [0, 0, 0]])
def test_one_class_is_not_estimable(y):
    found = auc(y, [0.1, 0.2, 0.3])
    assert np.isnan([found.value, found.lower, found.upper]).all()
    assert "only one outcome class" in found.method
    assert np.isnan(delong_paired(y, [1, 2, 3], [3, 2, 1]).p)
    assert roc_points(y, [0.1, 0.2, 0.3])[0].size == 0


def test_two_patients_and_perfect_ranking_have_wide_intervals():
    two = auc([0, 1], [0.1, 0.9])
    assert two.value == 1.0
    assert two.lower < 0.5
    perfect = auc([0] * 20 + [1] * 20, np.arange(40))
    assert 0.85 < perfect.lower < 0.95
    assert perfect.upper == 1.0
    assert "Newcombe" in perfect.method


def test_constant_risk_is_chance_without_interval():
    found = auc([0, 1, 0, 1], np.ones(4))
    assert found.value == 0.5
    assert np.isnan(found.lower)
    assert "same risk" in found.method


def test_opposite_perfect_rankings_are_not_called_certain():
    y = [0, 0, 1, 1]
    found = delong_paired(y, [1, 2, 3, 4], [4, 3, 2, 1])
    assert found.difference == 1.0
    assert np.isnan(found.p)


@given(st.floats(0.05, 0.95), st.integers(2, 50), st.integers(2, 50))
@settings(max_examples=50, deadline=None)
def test_newcombe_interval_mirrors_and_holds_the_area(area, m, n):
    lower, upper = newcombe_interval(area, m, n)
    assert 0.0 <= lower <= area <= upper <= 1.0
    assert newcombe_interval(1.0 - area, m, n) == pytest.approx((1 - upper, 1 - lower), abs=1e-9)


@pytest.mark.parametrize(("m", "n", "shift"), [(10, 20, 0.0), (10, 20, 1.2), (40, 60, 0.7)])
def test_interval_covers_the_truth(m, n, shift):
    from scipy.stats import norm

    rng, truth, covered = np.random.default_rng(5), norm.cdf(shift / np.sqrt(2)), 0
    y = np.repeat([1, 0], [m, n])
    for _ in range(400):
        found = auc(y, rng.normal(size=m + n) + shift * y)
        covered += found.lower <= truth <= found.upper
    # Three standard errors below 0.95 at 400 runs is 0.917.
    assert covered / 400 > 0.917
