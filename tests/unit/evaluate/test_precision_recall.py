"""Precision and recall against scikit-learn; cut-offs and calibration error counted by hand."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from rigoromics.evaluate.calibration import expected_calibration_error
from rigoromics.evaluate.estimate import bootstrap_counts
from rigoromics.evaluate.operating import cutoff_at_sensitivity
from rigoromics.evaluate.precision_recall import average_precision, precision_recall_points


def cohort(n=150, decimals=6, seed=2):
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=n).round(decimals)
    y = (rng.random(n) < 1 / (1 + np.exp(1.0 - risk))).astype(float)
    return y, risk, bootstrap_counts(np.zeros(n), 200, rng)


@pytest.mark.parametrize("decimals", [6, 1, 0])
def test_average_precision_and_its_interval_are_scikit_learns(decimals):
    y, risk, counts = cohort(decimals=decimals)
    found = average_precision(y, risk, counts)
    assert found.value == pytest.approx(average_precision_score(y, risk), abs=1e-12)
    values = [average_precision_score(y, risk, sample_weight=row) for row in counts]
    limits = np.quantile(values, [0.025, 0.975])
    assert [found.lower, found.upper] == pytest.approx(limits, abs=1e-12)
    assert f"{y.mean():.3g}" in found.method


@pytest.mark.parametrize("decimals", [6, 0])
def test_points_are_scikit_learns(decimals):
    y, risk, _ = cohort(decimals=decimals)
    recall, precision, threshold = precision_recall_points(y, risk)
    expected = precision_recall_curve(y, risk)
    assert precision == pytest.approx(expected[0][:-1][::-1], abs=1e-12)
    assert recall == pytest.approx(expected[1][:-1][::-1], abs=1e-12)
    assert threshold == pytest.approx(expected[2][::-1], abs=0)


def test_a_monotone_change_of_risk_changes_nothing():
    y, risk, counts = cohort()
    assert average_precision(y, np.exp(risk), counts) == average_precision(y, risk, counts)


def test_the_cutoff_calls_the_wished_share_of_events_and_no_more_than_it_must():
    y = np.array([1, 1, 1, 1, 0, 0, 1, 0, 0, 0.0])
    risk = np.array([9, 8, 7, 6, 6.5, 5, 4, 3, 2, 1.0])
    assert cutoff_at_sensitivity(y, risk, 0.8) == 6
    assert cutoff_at_sensitivity(y, risk, 0.81) == 4
    assert cutoff_at_sensitivity(y, risk, 1.0) == 4
    assert cutoff_at_sensitivity(y, risk, 0.2) == 9
    assert np.isnan(cutoff_at_sensitivity(np.zeros(10), risk, 0.9))
    for share in (0.9, 0.75, 0.5):
        many, values, _ = cohort()
        cut = cutoff_at_sensitivity(many, values, share)
        among = values[many == 1]
        assert (among >= cut).mean() >= share > (among > cut).mean()


def test_expected_calibration_error_by_hand():
    """Two groups of ten: predicted 0.2 with 4 events, 0.7 with 7: half of 0.2 is the error."""
    p = np.repeat([0.2, 0.7], 10)
    y = np.concatenate([np.repeat([1.0, 0.0], [4, 6]), np.repeat([1.0, 0.0], [7, 3])])
    counts = bootstrap_counts(np.zeros(20), 100, np.random.default_rng(0))
    found = expected_calibration_error(y, p, counts)
    assert found.value == pytest.approx(0.1, abs=1e-12)
    assert found.lower <= found.value <= found.upper
    nobody = expected_calibration_error(y, np.full(20, y.mean()), counts)
    assert nobody.value == pytest.approx(0.0, abs=1e-12)


def test_one_class_says_so():
    _, risk, counts = cohort()
    assert "one outcome class" in average_precision(np.ones(risk.size), risk, counts).method
    assert precision_recall_points(np.ones(risk.size), risk)[0].size == 0
