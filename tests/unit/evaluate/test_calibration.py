"""Calibration against maximum likelihood by another route, scikit-learn and known truths."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss

from rigoromics.evaluate.calibration import (
    brier,
    calibration_groups,
    intercept_and_slope,
    smooth_calibration,
)
from rigoromics.evaluate.estimate import bootstrap_counts


def cohort(seed, n=400, slope=1.0, intercept=0.0):
    rng = np.random.default_rng(seed)
    p = expit(rng.normal(size=n))
    y = (rng.random(n) < expit(intercept + slope * logit(p))).astype(float)
    return y, p, bootstrap_counts(np.zeros(n), 200, rng)


def test_intercept_and_slope_maximise_the_likelihood():
    y, p, _ = cohort(1, slope=0.6, intercept=0.4)

    def loss(theta):
        eta = theta[0] + theta[1] * logit(p)
        return np.logaddexp(0, eta).sum() - y @ eta

    def loss_large(theta):
        return loss([theta[0], 1.0])

    intercept, slope = intercept_and_slope(y, p)
    assert slope.value == pytest.approx(minimize(loss, [0, 1]).x[1], abs=1e-4)
    assert intercept.value == pytest.approx(minimize(loss_large, [0]).x[0], abs=1e-4)
    assert slope.lower < 0.6 < slope.upper


def test_recalibrated_predictions_have_slope_one_and_intercept_zero():
    y, p, _ = cohort(2, slope=0.5)
    from sklearn.linear_model import LogisticRegression

    x = logit(p)[:, None]
    again = LogisticRegression(C=1e10, tol=1e-10).fit(x, y).predict_proba(x)[:, 1]
    intercept, slope = intercept_and_slope(y, again)
    assert (intercept.value, slope.value) == pytest.approx((0.0, 1.0), abs=1e-4)


def test_certain_predictions_are_moved_and_counted():
    y, p, _ = cohort(3)
    p[:5] = [0, 1, 0, 1, 1]
    intercept, slope = intercept_and_slope(y, p)
    assert np.isfinite([intercept.value, slope.value]).all()
    assert "5 probabilities moved" in slope.method


@pytest.mark.parametrize(
    ("y", "p", "words"),
    [
        ([1, 1, 1], [0.2, 0.5, 0.7], "only one outcome class"),
        ([0, 1, 1, 0], [0.4, 0.4, 0.4, 0.4], "same predicted probability"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], "separated"),
        ([0, 1], [0.3, np.nan], "missing"),
        ([0, 1], [0.3, 1.2], "leave 0 to 1"),
    ],
)
def test_what_cannot_be_estimated_says_why(y, p, words):
    slope = intercept_and_slope(y, p)[1]
    assert np.isnan(slope.value)
    assert words in slope.method


def test_brier_equals_sklearn_and_is_zero_scaled_for_the_mean():
    y, p, counts = cohort(4)
    score, scaled = brier(y, p, counts)
    assert score.value == pytest.approx(brier_score_loss(y, p))
    assert score.lower < score.value < score.upper
    assert scaled.value > 0
    assert brier(y, np.full(400, y.mean()), counts)[1].value == pytest.approx(0.0, abs=1e-12)


def test_smooth_curve_sees_what_is_wrong():
    y, p, counts = cohort(5, n=1000)
    good, _ = smooth_calibration(y, p, counts)
    off, _ = smooth_calibration(y, np.clip(p + 0.2, 0, 1), counts)
    assert good["ici"].value < 0.04
    assert off["ici"].value == pytest.approx(0.2, abs=0.05)
    assert off["ici"].lower > good["ici"].upper


def test_band_holds_the_diagonal_where_it_is_the_truth():
    inside = []
    for seed in range(5):
        _, curve = smooth_calibration(*cohort(seed, n=400))
        diagonal = curve["predicted"]
        inside.append(((curve["lower"] <= diagonal) & (diagonal <= curve["upper"])).mean())
    assert np.mean(inside) > 0.9


def test_small_and_coarse_predictions_have_no_curve():
    y, p, counts = cohort(6, n=12)
    assert "at least" in smooth_calibration(y, p, counts)[0]["ici"].method
    y, p, counts = cohort(6, n=60)
    assert "distinct" in smooth_calibration(y, np.round(p), counts)[0]["ici"].method


def test_groups_hold_every_patient_once():
    y, p, _ = cohort(7, n=95)
    groups = calibration_groups(y, p)
    assert len(groups["predicted"]) == 9
    assert (np.diff(groups["predicted"]) > 0).all()
    assert ((groups["lower"] <= groups["observed"]) & (groups["observed"] <= groups["upper"])).all()
