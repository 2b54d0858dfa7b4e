"""Proportions, bootstrap samples, corrections and pools against statsmodels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from rigoromics.evaluate.centres import pooled_discrimination, random_effects
from rigoromics.evaluate.classification import classification
from rigoromics.evaluate.estimate import (
    Estimate,
    bootstrap_counts,
    bootstrap_estimate,
    interval_of_proportion,
    percentile_interval,
    wilson,
)
from rigoromics.evaluate.multiplicity import benjamini_hochberg, holm


@given(st.integers(1, 200), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_wilson_equals_statsmodels(n, share):
    k = round(n * share)
    found = wilson(k, n)
    assert (found.lower, found.upper) == pytest.approx(
        proportion_confint(k, n, method="wilson"), abs=1e-12
    )


def test_classification_counts_by_hand():
    found = classification([1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 1])
    values = {name: estimate.value for name, estimate in found.items()}
    assert values == pytest.approx(
        {"sensitivity": 2 / 3, "specificity": 3 / 4, "ppv": 2 / 3, "npv": 3 / 4, "accuracy": 5 / 7}
    )


def test_classification_without_positives_or_cut_off():
    found = classification([1, 1, 0], [0, 0, 0])
    assert np.isnan(found["ppv"].value)
    assert "denominator" in found["ppv"].method
    assert np.isnan(classification([1, 0], [np.nan, 1])["accuracy"].value)
    assert np.isnan(classification([1, 1], [1, 0])["specificity"].value)


p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(p_values)
@settings(max_examples=50, deadline=None)
def test_corrections_equal_statsmodels(p):
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)


def test_a_missing_p_is_no_test():
    assert holm([0.01, np.nan, 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert benjamini_hochberg([np.nan]).size == 1


def test_bootstrap_keeps_the_size_of_every_stratum():
    strata = np.array(["a"] * 7 + ["b"] * 3)
    counts = bootstrap_counts(strata, 50, np.random.default_rng(0))
    assert (counts[:, :7].sum(axis=1) == 7).all()
    assert (counts[:, 7:].sum(axis=1) == 3).all()
    assert counts.std(axis=0).min() > 0


def test_percentiles_of_too_few_samples_are_missing():
    samples = np.array([1.0, *[np.nan] * 9])
    assert np.isnan(percentile_interval(samples)).all()
    assert "defined in 1 of 10" in bootstrap_estimate(1.0, samples, "made").method


def test_logit_interval_stays_inside():
    lower, upper = interval_of_proportion(0.97, 0.03)
    assert 0 < lower < 0.97 < upper < 1
    assert logit(0.97) - logit(lower) == pytest.approx(logit(upper) - logit(0.97))
    assert interval_of_proportion(0.97, 0.03, scale="plain")[1] == 1.0


def test_pool_equals_statsmodels():
    effects, errors = np.array([0.2, 0.9, 1.4, 0.1]), np.array([0.2, 0.25, 0.3, 0.15])
    witness = combine_effects(effects, errors**2, method_re="iterated", atol=1e-12)
    frame = witness.summary_frame()
    found = random_effects(effects, errors)
    assert found.between == pytest.approx(witness.tau2, rel=1e-6)
    assert found.mean == pytest.approx(frame.loc["random effect", "eff"], rel=1e-6)
    # Paule-Mandel's weights make the Hartung-Knapp factor one.
    assert found.error == pytest.approx(frame.loc["random effect", "sd_eff"], rel=1e-4)


def test_homogeneous_centres_are_pooled_as_one():
    found = random_effects([0.5, 0.5, 0.5], [0.1, 0.1, 0.1])
    assert found.between == 0.0
    assert found.error == pytest.approx(0.1 / np.sqrt(3))


def test_prediction_interval_is_wider_and_needs_three_centres():
    centres = [Estimate(v, *interval_of_proportion(v, 0.05), "made") for v in (0.6, 0.7, 0.85)]
    pool, prediction = pooled_discrimination(centres)
    assert prediction.lower < pool.lower < pool.value < pool.upper < prediction.upper
    unusable = Estimate(1.0, 0.8, 1.0, "made")
    assert pooled_discrimination([*centres[:2], unusable]) is None
    assert "1 centres without" in pooled_discrimination([*centres, unusable])[0].method
