"""Recalibration repairs what was bent on purpose, and nobody is judged by their own outcome."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from rigoromics.evaluate import recalibration as recalibrated
from rigoromics.evaluate.group import ALL_EXTERNAL, EXTERNAL, Endpoint, Group, Settings

BINARY, SURVIVAL = Endpoint("response", "binary"), Endpoint("death", "survival", 3.0)
PRIMARY = {"signature": "radiomics", "model": "m", "policy": "none"}
KEY = {"signature": "radiomics", "model": "m", "cohort": ALL_EXTERNAL,
       "split": EXTERNAL, "policy": "none"}  # fmt: skip
FAST = Settings(bootstrap=50)


def patients(n):
    return {"patient": [f"P{i:04d}" for i in range(n)], "cohort": "B", "centre": "b"}


def binary(n=800, shift=-1.0, slope=0.5, seed=4):
    """True log-odds are x; the signature says x / slope + shift."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = (rng.random(n) < expit(x)).astype(float)
    said = expit(x / slope + shift)
    return Group(KEY, pd.DataFrame({**patients(n), "y": y, "risk": said, "probability": said}))


def survival(n=800, factor=3.0, seed=4):
    """The signature says a hazard `factor` times too high, and twice too spread."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    hidden, censored = rng.exponential(6.0 * np.exp(-x)), rng.uniform(1.0, 10.0, n)
    free = np.exp(-factor * 3.0 / 6.0 * np.exp(2 * x))
    table = {
        **patients(n), "time": np.minimum(hidden, censored),
        "event": (hidden <= censored).astype(float), "risk": x, "probability": free,
    }  # fmt: skip
    return Group(KEY, pd.DataFrame(table))


def table(group, endpoint):
    found = recalibrated.recalibration([group], endpoint, PRIMARY, FAST, 1)
    return found.set_index(["recalibration", "metric"])["estimate"]


def test_what_was_bent_is_made_straight():
    found = table(binary(), BINARY)
    assert abs(found["untouched", "calibration_intercept"]) > 0.5
    assert found["untouched", "calibration_slope"] == pytest.approx(0.5, abs=0.1)
    assert abs(found["intercept", "calibration_intercept"]) < 0.05
    assert found["intercept", "calibration_slope"] == pytest.approx(0.5, abs=0.1)
    assert found["intercept and slope", "calibration_slope"] == pytest.approx(1.0, abs=0.05)
    scores = [found[name, "brier"] for name in ("untouched", "intercept", "intercept and slope")]
    assert scores == sorted(scores, reverse=True)


def test_the_same_for_survival():
    found = table(survival(), SURVIVAL)
    assert found["untouched", "observed_expected"] < 0.8
    assert found["intercept", "observed_expected"] == pytest.approx(1.0, abs=0.02)
    assert found["untouched", "calibration_slope"] == pytest.approx(0.5, abs=0.1)
    assert found["intercept and slope", "calibration_slope"] == pytest.approx(1.0, abs=0.05)
    assert found["intercept and slope", "brier_horizon"] < found["untouched", "brier_horizon"]


def test_corrections_are_those_of_statsmodels_without_the_held_out_patients():
    import statsmodels.api as sm

    group = binary(n=200)
    p, y = group.column("probability"), group.column("y")
    folds = recalibrated._folds(group, BINARY, 1)
    assert sorted(np.concatenate(folds)) == list(range(200))
    corrected, why = recalibrated._cross_fitted(group, BINARY, p, folds, slope=True)
    assert not why
    x = sm.add_constant(logit(p.clip(0.001, 0.999)))
    for held_out in folds[:3]:
        known = np.setdiff1d(np.arange(200), held_out)
        fit = sm.Logit(y[known], x[known]).fit(disp=0)
        assert corrected[held_out] == pytest.approx(fit.predict(x[held_out]), abs=1e-8)


def test_nobodys_own_outcome_moves_their_probability():
    group = binary(n=200)
    p, folds = group.column("probability"), recalibrated._folds(group, BINARY, 1)
    before, _ = recalibrated._cross_fitted(group, BINARY, p, folds, slope=True)
    changed = group.table.copy()
    mine = folds[0]
    changed.loc[mine, "y"] = 1.0 - changed.loc[mine, "y"]
    after, _ = recalibrated._cross_fitted(Group(KEY, changed), BINARY, p, folds, slope=True)
    assert (before[mine] == after[mine]).all()
    assert (before != after).any()


def test_too_few_say_so_and_the_untouched_result_stays():
    group = binary(n=16)
    found = recalibrated.recalibration([group], BINARY, PRIMARY, FAST, 1)
    rows = found[found["recalibration"] != "untouched"]
    assert rows["estimate"].isna().all()
    assert rows["method"].str.contains("at least 10").all()
    assert found.loc[found["recalibration"] == "untouched", "estimate"].notna().any()


def test_other_signatures_and_single_cohorts_are_left_alone():
    group = binary(n=60)
    for change in ({"signature": "clinical"}, {"cohort": "B"}):
        other = Group({**KEY, **change}, group.table)
        assert recalibrated.recalibration([other], BINARY, PRIMARY, FAST, 1).empty
