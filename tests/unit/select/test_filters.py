import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from rigoromics.errors import DataError
from rigoromics.select.harmonised import Harmonise
from rigoromics.select.redundancy import RedundancyFilter, rank_correlation
from rigoromics.select.stable import StabilityFilter
from rigoromics.select.variance import VarianceFilter, hardly_varies

RULES = {"raters": {"icc": "ICC(A,1)", "threshold": 0.8, "bound": "estimate"}}


def patients(n=30):
    return pd.Index([f"p{i:03d}" for i in range(n)], name="patient")


def test_variance_filter_drops_what_hardly_varies():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "clinical.sex": "F",
            "varies": rng.normal(size=30),
            "constant": 0.1,
            "rounding": 1e6 + 1e-8 * np.arange(30),
            "dominated": np.r_[np.zeros(29), 5.0],
            "mixed": np.r_[np.zeros(20), rng.normal(size=10)],
        },
        index=patients(),
    )
    step = VarianceFilter().fit(X)
    assert list(step.transform(X).columns) == ["clinical.sex", "varies", "mixed"]
    assert step.n_dropped_ == 3
    with pytest.raises(DataError, match="no feature is left: all 2 have"):
        VarianceFilter().fit(X[["constant", "dominated"]])


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_dominance_equals_counting(values, dominance):
    column = np.array(values, dtype=np.float64)
    largest = np.unique(column, return_counts=True)[1].max()
    needed = max(2, np.ceil(dominance * len(column)))
    assert bool(hardly_varies(column[:, None], dominance)[0]) == (largest >= needed)


def test_rank_correlation_equals_scipys():
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=(25, 6)), 1)
    np.testing.assert_allclose(rank_correlation(values), spearmanr(values)[0], atol=1e-12)


def test_the_first_of_its_like_represents():
    rng = np.random.default_rng(2)
    base = rng.normal(size=(40, 3))
    X = pd.DataFrame(
        np.column_stack([base[:, 0], base[:, 1], -np.exp(base[:, 0]), base[:, 2]]),
        columns=["a", "b", "minus_exp_a", "c"],
        index=patients(40),
    )
    assert RedundancyFilter(0.9).fit(X).features_.tolist() == ["a", "b", "c"]
    turned = X[["minus_exp_a", "c", "a", "b"]]
    assert RedundancyFilter(0.9).fit(turned).features_.tolist() == ["minus_exp_a", "c", "b"]


def test_without_a_preference_the_most_independent_represents():
    rng = np.random.default_rng(3)
    hub = rng.normal(size=200)
    near = [hub + rng.normal(size=200) * s for s in (0.15, 0.6)]
    X = pd.DataFrame({"hub": hub, "near": near[0], "far": near[1]}, index=patients(200))
    mean = np.abs(spearmanr(X)[0]).mean(axis=0)
    assert mean[1] < mean[0]
    assert "hub" not in RedundancyFilter(0.9, prefer="independent").fit(X).features_


@given(st.integers(0, 10_000), st.floats(0.2, 0.99))
def test_no_two_representatives_are_alike_and_nobody_is_unrepresented(seed, threshold):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(12, 8)) + rng.normal(size=(12, 1)) * 2
    X = pd.DataFrame(values, columns=list("abcdefgh"), index=patients(12))
    kept = list(RedundancyFilter(threshold).fit(X).features_)
    correlation = pd.DataFrame(np.abs(spearmanr(values)[0]), X.columns, X.columns)
    among = correlation.loc[kept, kept].to_numpy()[~np.eye(len(kept), dtype=bool)]
    assert (among <= threshold + 1e-9).all()
    gone = [name for name in X if name not in kept]
    assert (correlation.loc[gone, kept].max(axis=1) > threshold - 1e-9).all()


def stable_case(n=30, noise=(0.1, 0.5, 2.0)):
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["good", "fair", "poor"], index=patients(n))[
        ["poor", "fair", "good"]
    ]
    spread = np.array(noise)[::-1]
    parts = [
        pd.DataFrame(X.to_numpy() + rng.normal(size=X.shape) * spread, columns=X.columns).assign(
            patient=X.index, design="raters", repeat=rater
        )
        for rater in ("r1", "r2", "r3")
    ]
    return X, pd.concat(parts, ignore_index=True)


def test_unstable_features_go_and_the_most_stable_comes_first():
    X, repeats = stable_case()
    step = StabilityFilter(repeats, {"raters": {**RULES["raters"], "threshold": 0.6}}).fit(X)
    assert step.features_.tolist() == ["good", "fair"]
    assert step.judged_ == ["raters"]
    assert step.n_dropped_ == 1
    strict = StabilityFilter(repeats, RULES).fit(X)
    assert set(strict.features_) <= {"good", "fair"}
    with pytest.raises(DataError, match=r"none of the 3 .* \(raters: estimate .* at least 0.999"):
        StabilityFilter(repeats, {"raters": {**RULES["raters"], "threshold": 0.9999}}).fit(X)


def test_only_the_rows_at_hand_judge():
    X, repeats = stable_case()
    train = X.iloc[:15]
    spoiled = repeats.copy()
    held_out = ~spoiled["patient"].isin(train.index)
    spoiled.loc[held_out, ["good", "fair", "poor"]] = 1e9
    before = StabilityFilter(repeats, RULES).fit(train)
    after = StabilityFilter(spoiled, RULES).fit(train)
    assert before.features_.tolist() == after.features_.tolist()
    everybody = StabilityFilter(spoiled, RULES).fit(X)
    assert everybody.features_.tolist() != after.features_.tolist()


def test_without_repeats_all_pass_and_it_says_so():
    X, repeats = stable_case()
    for nothing in (None, repeats.iloc[:0], repeats[repeats["patient"].isin(["p000", "p001"])]):
        step = StabilityFilter(nothing, RULES).fit(X)
        assert step.features_.tolist() == ["poor", "fair", "good"]
        assert step.judged_ == []
        assert step.n_unjudged_ == 3


def test_a_feature_never_repeated_passes_last():
    X, repeats = stable_case()
    step = StabilityFilter(repeats.assign(poor=np.nan), RULES).fit(X)
    assert step.features_.tolist()[-1] == "poor"
    assert step.n_unjudged_ == 1


def test_harmonise_is_skipped_with_one_batch_and_says_why():
    X, _ = stable_case()
    X.insert(0, "study.batch", "one")
    step = Harmonise().fit(X)
    assert step.skipped_ == "the training patients are of one batch"
    pd.testing.assert_frame_equal(step.transform(X), X)
    assert Harmonise(method="none").fit(X).skipped_ == "the study asks for none"
    with pytest.raises(DataError, match="no harmonisation method"):
        Harmonise(method="combat2").fit(X)


def test_policies_for_an_unseen_batch():
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(60, 20)), columns=[f"f{i}" for i in range(20)])
    X.insert(0, "study.batch", np.repeat(["a", "b", "c"], 20))
    X.iloc[20:40, 1:] += rng.normal(scale=4, size=20)
    X.iloc[40:, 1:] += 6
    step = Harmonise().fit(X.iloc[:40])
    new = X.iloc[40:]
    pd.testing.assert_frame_equal(step.transform(new), new)
    aligned = step.with_policy("align").transform(new)
    centre = step.transform(X.iloc[:40]).iloc[:, 1:].mean()
    assert (aligned.iloc[:, 1:].mean() - centre).abs().mean() < 1
    with pytest.raises(DataError, match="meets c"):
        step.with_policy("refuse").transform(new)
    with pytest.raises(DataError, match="no policy 'hope'"):
        step.with_policy("hope")
    pd.testing.assert_frame_equal(step.transform(new), new)
