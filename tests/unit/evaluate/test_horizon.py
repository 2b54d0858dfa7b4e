"""Accuracy at a horizon against scikit-survival, and its limits."""

import numpy as np
import pytest
from sksurv.metrics import brier_score

from rigoromics.evaluate.estimate import bootstrap_counts
from rigoromics.evaluate.horizon import (
    brier_at,
    calibration_groups_at,
    calibration_slope,
    observed_expected,
    smooth_calibration_at,
)


def cohort(seed, n=150):
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=n)
    hidden, censored = rng.exponential(np.exp(-risk)), rng.exponential(2.0, n)
    time, event = np.minimum(hidden, censored), (hidden <= censored).astype(float)
    return time, event, 1.0 - np.exp(-np.exp(risk)), bootstrap_counts(np.zeros(n), 200, rng)


@pytest.mark.parametrize("seed", range(3))
def test_brier_equals_scikit_survival(seed):
    time, event, p, counts = cohort(seed)
    y = np.array(list(zip(event == 1, time, strict=True)), dtype=[("e", bool), ("t", float)])
    found = brier_at(time, event, p, 1.0, counts)[0]
    assert found.value == pytest.approx(brier_score(y, y, (1 - p)[:, None], 1.0)[1][0], abs=1e-10)
    assert found.lower < found.value < found.upper


def test_the_true_model_is_calibrated():
    time, event, p, counts = cohort(11, n=2000)
    ratio = observed_expected(time, event, p, 1.0, counts[:, :2000])
    assert ratio.lower < 1.0 < ratio.upper
    slope = calibration_slope(time, event, p)
    assert slope.lower < 1.0 < slope.upper
    found, _ = smooth_calibration_at(time, event, p, 1.0, counts)
    assert found["ici"].value < 0.03
    groups = calibration_groups_at(time, event, p, 1.0)
    assert len(groups["predicted"]) == 5
    assert np.abs(groups["predicted"] - groups["observed"]).max() < 0.08


@pytest.mark.parametrize(
    ("horizon", "words"), [(1e-6, "no event by"), (1e6, "no patient was followed")]
)
def test_a_horizon_out_of_reach_says_so(horizon, words):
    time, event, p, counts = cohort(12, n=40)
    time = np.where(event == 1, time, np.minimum(time, 5.0))
    for found in (
        brier_at(time, event, p, horizon, counts)[0],
        observed_expected(time, event, p, horizon, counts),
        smooth_calibration_at(time, event, p, horizon, counts)[0]["e90"],
    ):
        assert np.isnan(found.value)
        assert words in found.method
    assert calibration_groups_at(time, event, p, horizon)["predicted"].size == 0


def test_forests_that_predict_one_value_have_no_slope():
    time, event, _, counts = cohort(13)
    constant = np.full(150, 0.4)
    assert "constant" in calibration_slope(time, event, constant).method
    assert "constant" in smooth_calibration_at(time, event, constant, 1.0, counts)[0]["ici"].method
