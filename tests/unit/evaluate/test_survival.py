"""Kaplan-Meier, log-rank and Cox regression against lifelines."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.datasets import load_rossi, load_waltons
from lifelines.statistics import logrank_test

from rigoromics.evaluate.cox import breslow_hazard, fit_cox, one_step_bootstrap
from rigoromics.evaluate.estimate import bootstrap_counts
from rigoromics.evaluate.survival import hazard_ratio, kaplan_meier, log_rank, survival_at


@pytest.fixture(scope="module")
def waltons():
    table = load_waltons()
    return table["T"].to_numpy(), table["E"].to_numpy(), (table["group"] == "miR-137").to_numpy()


def test_kaplan_meier_equals_lifelines(waltons):
    time, event, _ = waltons
    event = event * (np.arange(time.size) % 3 > 0)
    found = kaplan_meier(time, event).set_index("time")
    witness = KaplanMeierFitter().fit(time, event)
    curve = witness.survival_function_["KM_estimate"]
    limits = witness.confidence_interval_
    assert found["survival"].to_numpy() == pytest.approx(curve.loc[found.index].to_numpy())
    inside = (found["survival"] > 0) & (found["survival"] < 1)
    for ours, theirs in (("lower", "KM_estimate_lower_0.95"), ("upper", "KM_estimate_upper_0.95")):
        wanted = limits.loc[found.index, theirs][inside]
        assert found.loc[inside, ours].to_numpy() == pytest.approx(wanted.to_numpy(), abs=1e-9)
    at_risk = witness.event_table["at_risk"]
    assert (found["at_risk"].iloc[1:] == at_risk.loc[found.index[1:]]).all()


def test_survival_of_samples_is_that_of_copied_patients():
    rng = np.random.default_rng(1)
    time, event = rng.integers(1, 20, 60).astype(float), rng.integers(0, 2, 60)
    counts = bootstrap_counts(np.zeros(60), 20, rng)
    found = survival_at(time, event, counts, 9.5)
    for sample, value in zip(counts, found, strict=True):
        copies = np.repeat(np.arange(60), sample.astype(int))
        curve = kaplan_meier(time[copies], event[copies])
        assert value == pytest.approx(curve[curve["time"] <= 9.5]["survival"].iloc[-1])


def test_survival_beyond_the_follow_up_is_unknown():
    assert np.isnan(survival_at([1.0, 2.0], [1, 0], np.ones((1, 2)), 5.0)).all()
    assert survival_at([1.0, 2.0], [1, 1], np.ones((1, 2)), 5.0)[0] == 0.0


def test_log_rank_equals_lifelines(waltons):
    time, event, group = waltons
    found = log_rank(time, event, group)
    witness = logrank_test(time[group], time[~group], event[group], event[~group])
    assert found.statistic == pytest.approx(witness.test_statistic, rel=1e-10)
    # The value that lifelines' documentation prints for this data set.
    assert found.statistic == pytest.approx(122.25, abs=5e-3)


def test_cox_equals_lifelines_on_rossi():
    table = load_rossi()
    names = ["fin", "age", "prio"]
    witness = CoxPHFitter().fit(table[["week", "arrest", *names]], "week", "arrest")
    found = fit_cox(table["week"], table["arrest"], table[names].to_numpy(float))
    assert found.coefficients == pytest.approx(witness.params_.to_numpy(), abs=1e-6)
    errors = np.sqrt(np.diag(found.covariance))
    assert errors == pytest.approx(witness.standard_errors_.to_numpy(), abs=1e-6)


def test_breslow_hazard_without_covariates_is_nelson_aalen():
    time, event = np.array([1.0, 2.0, 2.0, 3.0]), np.array([1, 1, 0, 1])
    found = breslow_hazard(time, event, np.zeros(4), np.ones((1, 4)), 2.5)
    assert found[0] == pytest.approx(1 / 4 + 1 / 3)


def test_one_step_bootstrap_is_close_to_refitting():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 2))
    hidden, censored = rng.exponential(np.exp(-x[:, 0])), rng.exponential(2.0, 200)
    time, event = np.minimum(hidden, censored), hidden <= censored
    fit, counts = fit_cox(time, event, x), bootstrap_counts(np.zeros(200), 100, rng)
    quick = one_step_bootstrap(time, event, x, fit, counts)
    full = []
    for sample in counts[:40]:
        drawn = np.repeat(np.arange(200), sample.astype(int))
        jittered = time[drawn] + 1e-9 * np.arange(drawn.size)
        full.append(fit_cox(jittered, event[drawn], x[drawn]).coefficients)
    spread = np.std(full, axis=0)
    assert (np.abs(quick[:40] - full).mean(axis=0) < 0.2 * spread).all()


@pytest.mark.parametrize(
    ("event", "x", "words"),
    [
        ([0, 0, 0, 0], [1, 2, 3, 4], "no events"),
        ([1, 1, 0, 1], [2, 2, 2, 2], "constant"),
        ([1, 1, 0, 0], [1, 1, 0, 0], "not estimable"),
        ([1, 1, 0, 0], [1, np.nan, 0, 0], "missing"),
    ],
)
def test_a_hazard_ratio_that_does_not_exist_says_why(event, x, words):
    found = hazard_ratio([1.0, 2.0, 3.0, 4.0], event, x, "made")
    assert np.isnan(found.value)
    assert words in found.method


def test_one_risk_group_or_no_cut_off_has_no_log_rank():
    time, event = [1.0, 2.0, 3.0], [1, 1, 0]
    assert "one risk group" in log_rank(time, event, [1, 1, 1]).method
    assert "no risk group" in log_rank(time, event, [1, np.nan, 0]).method
    assert np.isnan(log_rank(time, event, [1, 1, 1]).p)


def test_curve_of_no_one_is_empty():
    assert isinstance(kaplan_meier([], []), pd.DataFrame)
    assert kaplan_meier([], []).empty
