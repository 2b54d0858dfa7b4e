"""AUC over time and integrated Brier score against scikit-survival, on its WHAS500 data.

Ties are broken: where an event and a censoring share a time, scikit-survival weights by the
censoring distribution just after it, this project by that just before it, as Uno 2007 does.
"""

import numpy as np
import pytest
from sksurv.datasets import load_whas500
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import brier_score, cumulative_dynamic_auc, integrated_brier_score

from rigoromics.evaluate.estimate import bootstrap_counts
from rigoromics.evaluate.horizon import brier_at
from rigoromics.evaluate.over_time import (
    auc_over_time,
    integrated_brier,
    integrated_brier_to,
    time_grid,
)
from rigoromics.evaluate.survival import survival_at_times


@pytest.fixture(scope="module")
def whas():
    X, y = load_whas500()
    X = X[["age", "bmi", "hr"]].astype(float)
    y = y.copy()
    y["lenfol"] += np.linspace(0.0, 0.4, len(y))
    model = CoxPHSurvivalAnalysis().fit(X, y)
    at = np.linspace(100.0, 1900.0, 10)
    survival = np.array([function(at) for function in model.predict_survival_function(X)])
    return y, model.predict(X), at, survival


def test_auc_over_time_is_scikit_survivals(whas):
    y, risk, at, _ = whas
    expected, _ = cumulative_dynamic_auc(y, y, risk, at)
    found = auc_over_time(y["lenfol"], y["fstat"].astype(float), risk, at)
    assert found["auc"].to_numpy() == pytest.approx(expected, abs=1e-9)
    assert (found["lower"] < found["auc"]).all()
    assert (found["auc"] < found["upper"]).all()


def test_integrated_brier_is_scikit_survivals(whas):
    y, _, at, survival = whas
    expected = integrated_brier_score(y, y, survival, at)
    time, event = y["lenfol"], y["fstat"].astype(float)
    counts = bootstrap_counts(np.zeros(time.size), 100, np.random.default_rng(0))
    score, index = integrated_brier(time, event, survival, at, counts)
    assert score.value == pytest.approx(expected, abs=1e-9)
    assert score.lower < score.value < score.upper
    from lifelines import KaplanMeierFitter

    curve = KaplanMeierFitter().fit(time, event).predict(at).to_numpy()
    null = integrated_brier_score(y, y, np.tile(curve, (time.size, 1)), at)
    assert index.value == pytest.approx(1 - expected / null, abs=1e-9)
    assert index.lower < index.value < index.upper


def test_times_can_be_judged():
    time, event = np.arange(1.0, 21.0), np.tile([1.0, 0.0], 10)
    grid = time_grid(time, event)
    assert (np.diff(grid) > 0).all()
    assert grid.min() >= 1.0
    assert grid.max() < 20.0
    assert len(auc_over_time(time, event, -time, grid)) == len(grid)
    assert time_grid(time, np.zeros(20)).size == 0


def test_what_cannot_be_integrated_says_so(whas):
    y, _, at, survival = whas
    time, event = y["lenfol"], y["fstat"].astype(float)
    counts = bootstrap_counts(np.zeros(time.size), 10, np.random.default_rng(0))
    with pytest.raises(ValueError, match="per patient and time"):
        integrated_brier(time, event, survival[:, :3], at, counts)
    late = integrated_brier(time, event, survival, at + 2000.0, counts)
    assert "followed to" in late[0].method
    gone = survival.copy()
    gone[3, 2] = np.nan
    assert "missing" in integrated_brier(time, event, gone, at, counts)[1].method


def to_horizon(y, curves, horizon, seed=0):
    time, event = y["lenfol"], y["fstat"].astype(float)
    counts = bootstrap_counts(np.zeros(time.size), 200, np.random.default_rng(seed))
    return integrated_brier_to(time, event, curves, horizon, counts)


def test_from_time_zero_to_the_horizon_is_scikit_survivals_and_the_first_triangle(whas):
    """Scikit-survival starts at the first time asked for; before it the error rises from none."""
    y, _, at, survival = whas
    horizon = float(at[-1])
    # Equal steps from 0 with the last at the horizon: take every curve there.
    steps = np.linspace(0.0, horizon, 11)[1:]
    curves = np.array([np.interp(steps, at, curve) for curve in survival])
    theirs = integrated_brier_score(y, y, curves, steps) * (horizon - steps[0])
    _, first = brier_score(y, y, curves[:, :1], steps[:1])
    expected = (theirs + first[0] * steps[0] / 2) / horizon
    score, index = to_horizon(y, curves, horizon)
    assert score.value == pytest.approx(expected, abs=1e-9)
    assert score.lower < score.value < score.upper
    assert index.value > 0
    assert index.lower < index.value < index.upper
    assert "from time 0 to 1900" in score.method


def test_kaplan_meiers_curve_for_everybody_is_worth_nothing_and_the_truth_everything(whas):
    y = whas[0]
    time, event = y["lenfol"], y["fstat"].astype(float)
    steps = np.linspace(0.0, 1500.0, 21)[1:]
    curve = survival_at_times(time, event, np.ones((1, time.size)), steps)[0]
    null = np.tile(curve, (time.size, 1))
    assert to_horizon(y, null, 1500.0)[1].value == pytest.approx(0.0, abs=1e-12)
    # Any other curve that is the same for all is worse than the cohort's own.
    assert to_horizon(y, null * 0.9, 1500.0)[1].value < -0.01
    assert to_horizon(y, np.roll(null, 1, axis=1), 1500.0)[1].value < -0.01
    truth = (time[:, None] > steps).astype(float)
    score, index = to_horizon(y, truth, 1500.0)
    assert score.value == pytest.approx(0.0, abs=1e-12)
    assert index.value == pytest.approx(1.0, abs=1e-12)


def test_the_last_time_is_the_brier_score_at_the_horizon(external):
    """Also where all follow-up ends at the horizon, whose censored patients are known to be free.

    With one step the integral is a triangle under the score at the horizon.
    """
    time, event, probability = external.time, external.event, external.probability
    assert time.max() == 5.0
    counts = bootstrap_counts(np.zeros(time.size), 50, np.random.default_rng(1))
    at = brier_at(time, event, probability, 5.0, counts)
    once = integrated_brier_to(time, event, 1.0 - probability[:, None], 5.0, counts)
    assert once[0].value == pytest.approx(at[0].value / 2, abs=1e-12)
    assert once[0].lower == pytest.approx(at[0].lower / 2, abs=1e-12)
    assert once[1].value == pytest.approx(at[1].value, abs=1e-12)
    assert once[1].upper == pytest.approx(at[1].upper, abs=1e-12)


def test_curves_that_cannot_be_judged_say_so(whas):
    y = whas[0]
    curves = np.full((len(y), 4), 0.5)
    assert "followed to" in to_horizon(y, curves, 9000.0)[0].method
    curves[0, 1] = 1.2
    assert "leave 0 to 1" in to_horizon(y, curves, 1000.0)[1].method
    curves[0, 1] = np.nan
    assert "missing" in to_horizon(y, curves, 1000.0)[0].method
    assert "no event" in to_horizon(y, np.full((len(y), 4), 0.5), 1e-3)[0].method
