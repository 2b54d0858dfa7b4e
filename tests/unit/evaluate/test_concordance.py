"""Concordance against scikit-survival, and its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sksurv.metrics import (
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
)

from rigoromics.evaluate.concordance import (
    concordance,
    concordance_difference,
    harrell_pairs,
    horizon_pairs,
    uno_pairs,
)
from rigoromics.evaluate.discrimination import auc
from rigoromics.evaluate.estimate import bootstrap_counts


def cohort(seed, n=80, signal=1.0):
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=n)
    hidden, censored = rng.exponential(np.exp(-signal * risk)), rng.exponential(1.5, n)
    return np.minimum(hidden, censored), (hidden <= censored).astype(float), risk, rng


def structured(time, event):
    return np.array(list(zip(event == 1, time, strict=True)), dtype=[("e", bool), ("t", float)])


@pytest.mark.parametrize("seed", range(3))
def test_values_equal_scikit_survival(seed):
    time, event, risk, _ = cohort(seed)
    y = structured(time, event)
    harrell = concordance(harrell_pairs(time, event), risk).value
    assert harrell == pytest.approx(concordance_index_censored(event == 1, time, risk)[0])
    tau = float(np.quantile(time[event == 1], 0.8))
    uno = concordance(uno_pairs(time, event, tau), risk).value
    assert uno == pytest.approx(concordance_index_ipcw(y, y, risk, tau=tau)[0], abs=1e-10)
    at = float(np.median(time)) + 1e-6
    area = concordance(horizon_pairs(time, event, at), risk).value
    assert area == pytest.approx(cumulative_dynamic_auc(y, y, risk, [at])[1], abs=1e-10)


@given(st.integers(0, 10_000), st.integers(3, 40))
@settings(max_examples=50, deadline=None)
def test_harrell_with_ties_equals_scikit_survival_and_ignores_monotone_changes(seed, n):
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 8, n).astype(float), rng.integers(0, 2, n).astype(float)
    time, event = np.append(time, [0.5, 9.0]), np.append(event, [1.0, 0.0])
    risk = rng.integers(0, 5, n + 2).astype(float)
    found = concordance(harrell_pairs(time, event), risk)
    # scikit-survival calls risks tied within a tolerance; whole numbers are beyond it.
    assert found.value == pytest.approx(concordance_index_censored(event == 1, time, risk)[0])
    moved = concordance(harrell_pairs(time, event), np.exp(risk))
    assert moved.value == pytest.approx(found.value, abs=1e-12)


def test_without_censoring_the_horizon_auc_is_the_auc():
    time, _, risk, _ = cohort(3)
    at = float(np.median(time))
    found = concordance(horizon_pairs(time, np.ones(80), at), risk)
    assert found.value == pytest.approx(auc((time <= at).astype(int), risk).value, abs=1e-12)


def test_interval_agrees_with_the_bootstrap():
    time, event, risk, rng = cohort(4, n=200)
    pairs = harrell_pairs(time, event)
    found = concordance(pairs, risk, scale="plain")
    draws = [rng.integers(0, 200, 200) for _ in range(300)]
    values = [concordance(harrell_pairs(time[d], event[d]), risk[d]).value for d in draws]
    assert (found.upper - found.lower) / (2 * 1.96) == pytest.approx(np.std(values), rel=0.15)


def test_paired_bootstrap_is_that_of_refitting_and_agrees_with_the_jackknife():
    time, event, risk, rng = cohort(5, n=150)
    other = risk + rng.normal(size=150)
    pairs, counts = harrell_pairs(time, event), bootstrap_counts(np.zeros(150), 400, rng)
    boot = concordance_difference(pairs, risk, other, counts)
    jack = concordance_difference(pairs, risk, other)
    assert boot.difference == jack.difference
    assert boot.upper - boot.lower == pytest.approx(jack.upper - jack.lower, rel=0.2)
    drawn = np.repeat(np.arange(150), counts[0].astype(int))
    again = harrell_pairs(time[drawn], event[drawn])
    by_hand = concordance(again, risk[drawn]).value - concordance(again, other[drawn]).value
    one = concordance_difference(pairs, risk, other, np.vstack([counts[0]] * 100))
    # Copies of a patient are tied with themselves: equal times of events are not comparable.
    assert one.lower == pytest.approx(by_hand, abs=1e-12)


def test_a_model_against_itself_is_no_difference():
    time, event, risk, rng = cohort(6)
    counts = bootstrap_counts(np.zeros(80), 100, rng)
    found = concordance_difference(harrell_pairs(time, event), risk, 2 * risk, counts)
    assert (found.difference, found.p) == (0.0, 1.0)


def test_blocks_give_the_same_as_all_at_once(monkeypatch):
    time, event, risk, _ = cohort(7)
    whole = concordance(uno_pairs(time, event), risk)
    monkeypatch.setattr("rigoromics.evaluate.concordance._PAIRS_AT_ONCE", 200)
    parts = concordance(uno_pairs(time, event), risk)
    assert parts.value == pytest.approx(whole.value, abs=1e-12)
    assert parts.lower == pytest.approx(whole.lower, abs=1e-12)


@pytest.mark.parametrize(
    ("time", "event", "risk", "words"),
    [
        ([1.0, 2.0, 3.0], [0, 0, 0], [1, 2, 3], "no comparable pair"),
        ([2.0, 2.0], [1, 1], [1, 2], "no comparable pair"),
        ([1.0, 2.0, 3.0], [1, 1, 0], [1, 1, 1], "same risk"),
        ([1.0, 2.0, 3.0], [1, 1, 0], [3, 2, 1], "zero variance"),
        ([1.0, 2.0, 3.0], [1, 1, 0], [3, np.nan, 1], "missing"),
    ],
)
def test_what_cannot_be_estimated_says_why(time, event, risk, words):
    found = concordance(harrell_pairs(time, event), risk)
    assert np.isnan(found.lower)
    assert words in found.method
