"""AUC over time and integrated Brier score against scikit-survival, on its WHAS500 data.

Ties are broken: where an event and a censoring share a time, scikit-survival weights by the
censoring distribution just after it, this project by that just before it, as Uno 2007 does.
"""

import numpy as np
import pytest
from sksurv.datasets import load_whas500
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import cumulative_dynamic_auc, integrated_brier_score

from rigoromics.evaluate.estimate import bootstrap_counts
from rigoromics.evaluate.over_time import auc_over_time, integrated_brier, time_grid


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
    assert "followed beyond" in late[0].method
    gone = survival.copy()
    gone[3, 2] = np.nan
    assert "missing" in integrated_brier(time, event, gone, at, counts)[1].method
