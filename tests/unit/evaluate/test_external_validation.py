"""The published external validation of Giardiello et al. (Ann Intern Med 2023), Rotterdam to GBSG.

The values are those of the authors' tables, to the digits that they give.
"""

import numpy as np
import pytest

from rigoromics.evaluate.concordance import (
    concordance,
    harrell_pairs,
    horizon_pairs,
    uno_pairs,
)
from rigoromics.evaluate.decision import decision_curve_at
from rigoromics.evaluate.estimate import bootstrap_counts
from rigoromics.evaluate.horizon import (
    brier_at,
    calibration_slope,
    observed_expected,
    smooth_calibration_at,
)


@pytest.fixture(scope="module")
def counts(external):
    return bootstrap_counts(np.zeros(external.time.size), 200, np.random.default_rng(1))


def test_harrell_c(external):
    pairs = harrell_pairs(external.time, external.event)
    found = concordance(pairs, external.linear_predictor, scale="plain")
    assert [found.value, found.lower, found.upper] == pytest.approx([0.652, 0.620, 0.685], abs=5e-4)


def test_uno_c_and_auc_at_five_years(external):
    uno = concordance(uno_pairs(external.time, external.event), external.linear_predictor)
    assert uno.value == pytest.approx(0.635, abs=5e-4)
    # The authors ask at 4.99: everyone was cut off at 5.
    pairs = horizon_pairs(external.time, external.event, 4.99)
    assert concordance(pairs, external.linear_predictor).value == pytest.approx(0.677, abs=5e-4)


def test_observed_to_expected_and_slope(external, counts):
    found = observed_expected(external.time, external.event, external.probability, 5.0, counts)
    # 1.0176 here against 1.017: the baseline hazards of lifelines and R differ in the fourth digit.
    assert found.value == pytest.approx(1.017, abs=1e-3)
    assert found.lower < 1.0 < found.upper
    slope = calibration_slope(external.time, external.event, external.probability)
    assert slope.value == pytest.approx(1.056, abs=5e-4)


def test_smooth_calibration(external, counts):
    found, curve = smooth_calibration_at(
        external.time, external.event, external.probability, 5.0, counts
    )
    values = [found[name].value for name in ("ici", "e50", "e90")]
    assert values == pytest.approx([0.030, 0.026, 0.075], abs=1e-3)
    assert (curve["lower"] <= curve["observed"]).all()
    assert (curve["observed"] <= curve["upper"]).all()


def test_brier_and_prediction_accuracy(external, counts):
    score, scaled = brier_at(external.time, external.event, external.probability, 4.99, counts)
    assert score.value == pytest.approx(0.225, abs=5e-4)
    assert scaled.value == pytest.approx(0.101, abs=1e-3)


def test_net_benefit(external, counts):
    curve = decision_curve_at(
        external.time, external.event, external.probability, 5.0, [0.23], counts
    )
    assert curve.loc[0, "net_benefit"] == pytest.approx(0.3615, abs=5e-5)
    assert curve.loc[0, "lower"] < 0.3615 < curve.loc[0, "upper"]
