"""Methods that choose features: each against its definition, another program, or the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LassoLars

from rigoromics.errors import DataError
from rigoromics.model.outcome import survival_outcome
from rigoromics.select.agreement import choice_stability
from rigoromics.select.boruta import boruta, boruta_order
from rigoromics.select.choose import (
    METHODS,
    ChooseFeatures,
    check_limit,
    feature_cap,
    largest_r2,
    riley_cap,
)
from rigoromics.select.lasso import lasso_order
from rigoromics.select.redundancy import RedundancyFilter
from rigoromics.select.relieff import relieff_weights
from rigoromics.select.resampled import most_per_half, stability_selection
from rigoromics.select.significance import fdr_order, p_values
from rigoromics.select.volume import VolumeFilter


def planted(seed, patients=80, features=20, effect=1.5):
    """Binary outcomes that go with the first two of many features."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(patients, features))
    y = (values[:, :2] @ [effect, -effect] + rng.logistic(size=patients) > 0).astype(int)
    return values, y


def levels(values):
    y = np.empty(len(values), dtype=[("level", np.int64)])
    y["level"] = values
    return y


def test_relieff_is_its_definition():
    """Kononenko 1994, written out: one patient, one neighbour, one feature after the other."""
    values, y = planted(0, patients=25, features=4)
    y = y + (values[:, 2] > 0.8)
    spread = values.max(axis=0) - values.min(axis=0)
    expected = np.zeros(4)
    for i in range(25):
        distance = [np.abs((values[i] - other) / spread).sum() for other in values]
        for level in set(y):
            others = sorted((distance[j], j) for j in range(25) if y[j] == level and j != i)[:3]
            factor = -1 if level == y[i] else np.mean(y == level) / (1 - np.mean(y == y[i]))
            for _, j in others:
                share = np.abs(values[i] - values[j]) / spread
                expected += factor * share / (25 * len(others))
    np.testing.assert_allclose(relieff_weights(values, levels(y), 3), expected, atol=1e-12)


def test_relieff_finds_an_interaction_that_no_single_feature_shows():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(300, 10))
    y = (values[:, 3] * values[:, 7] > 0).astype(int)
    assert set(np.argsort(-relieff_weights(values, y))[:2]) == {3, 7}


def test_lasso_order_is_that_of_the_path():
    values, y = planted(2)
    order = list(lasso_order(values, y, 5))
    assert set(order[:2]) == {0, 1}
    # Halving the penalty again and again, scikit-learn lets the same features in, in this order.
    seen = []
    for alpha in np.geomspace(0.5, 0.01, 400):
        weights = LassoLars(alpha=alpha).fit(values, y).coef_
        seen += [i for i in np.flatnonzero(weights) if i not in seen]
    assert order == [int(i) for i in seen[:5]]


def test_lasso_order_of_survival_finds_what_matters():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(150, 15))
    time = rng.exponential(np.exp(-values[:, 4] + values[:, 9]))
    order = lasso_order(values, survival_outcome(np.ones(150), time), 4)
    assert set(order[:2]) == {4, 9}


@pytest.mark.parametrize("ties", [False, True])
def test_p_values_are_scipys(ties):
    values, y = planted(4, patients=40, features=6)
    if ties:
        values = np.round(values)
    whitney = stats.mannwhitneyu(
        values[y == 1], values[y == 0], method="asymptotic", use_continuity=False
    )
    np.testing.assert_allclose(p_values(values, y), whitney.pvalue, rtol=1e-9)
    three = levels(np.repeat([0, 1, 2, 1], 10))
    spearman = [stats.spearmanr(column, three["level"]).pvalue for column in values.T]
    np.testing.assert_allclose(p_values(values, three), spearman, rtol=1e-9)
    classes = np.array(three["level"], dtype=[("class", np.int64)])
    kruskal = stats.kruskal(*(values[three["level"] == c] for c in range(3))).pvalue
    np.testing.assert_allclose(p_values(values, classes), kruskal, rtol=1e-9)


def test_false_discovery_rate_is_that_of_scipy():
    values, y = planted(5, features=30)
    adjusted = stats.false_discovery_control(p_values(values, y))
    assert set(fdr_order(values, y, 30, 0.05)) == set(np.flatnonzero(adjusted <= 0.05))
    noise = np.random.default_rng(6).normal(size=(40, 10))
    assert len(fdr_order(noise, np.repeat([0, 1], 20), 10, 1e-9)) == 1


def test_boruta_confirms_what_matters_and_little_else():
    confirmed = np.zeros(8)
    for seed in range(2):
        values, y = planted(seed, features=8, effect=3.0)
        judged = boruta(values, y, seed, rounds=25)
        assert not (judged.confirmed & judged.rejected).any()
        confirmed += judged.confirmed
    assert confirmed[:2].tolist() == [2, 2]
    assert confirmed[2:].sum() <= 1
    assert list(boruta_order(values, y, 2, 1)) in ([0, 1], [1, 0])


def test_stability_selection_keeps_its_bound_on_nothing():
    """No feature matters: on average no more are chosen than the bound allows."""
    false = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values, y = rng.normal(size=(60, 40)), np.repeat([0, 1], 30)
        share, q = stability_selection(values, y, lasso_order, 0.75, 1.0, seed, pairs=10)
        assert q == most_per_half(40, 0.75, 1.0) == 4
        assert share.sum() == pytest.approx(q, rel=0.05)
        false.append(np.sum(share >= 0.75))
    assert np.mean(false) <= 1.0
    values, y = planted(7, effect=3.0)
    share, _ = stability_selection(values, y, lasso_order, 0.75, 1.0, 0)
    assert (share[:2] >= 0.9).all()


# Boruta's shuffled copies follow the order of columns.
@pytest.mark.parametrize("method", [method for method in METHODS if method != "boruta"])
def test_scale_and_order_of_columns_do_not_matter(method):
    values, y = planted(8)
    table = pd.DataFrame(values, columns=[f"original_f{i:02d}" for i in range(20)])
    chosen = ChooseFeatures(3, method).fit(table, y).features_
    # What reaches this step is standardised; shifts and one scale for all change nothing.
    assert list(ChooseFeatures(3, method).fit(table * 3 + 1, y).features_) == list(chosen)
    turned = table[table.columns[::-1]]
    assert list(ChooseFeatures(3, method).fit(turned, y).features_) == list(chosen)
    assert {"original_f00", "original_f01"} <= {*chosen}


def test_methods_for_classes_refuse_times():
    values, _ = planted(9)
    y = survival_outcome(np.ones(80), np.arange(1.0, 81.0))
    table = pd.DataFrame(values, columns=[f"original_f{i:02d}" for i in range(20)])
    for method in ("relieff", "boruta"):
        with pytest.raises(DataError, match="choose another"):
            ChooseFeatures(3, method).fit(table, y)


def test_stability_of_choices_is_kunchevas_index_for_one_size():
    """Kuncheva 2007: the mean over pairs of (r d - k^2) / (k (d - k)), r shared features."""
    rng = np.random.default_rng(10)
    chosen = np.zeros((8, 15), dtype=bool)
    for row in chosen:
        row[rng.choice(15, 4, replace=False)] = True
    shared = [(chosen[i] & chosen[j]).sum() for i in range(8) for j in range(i)]
    index = np.mean([(r * 15 - 16) / (4 * 11) for r in shared])
    assert choice_stability(chosen).estimate == pytest.approx(index, abs=1e-12)
    same = choice_stability(np.tile(chosen[0], (8, 1)))
    assert (same.estimate, same.lower, same.upper) == (1.0, 1.0, 1.0)
    assert np.isnan(choice_stability(chosen[:1]).estimate)


def test_interval_of_the_stability_of_choices_holds_the_truth():
    """Each feature is chosen with a chance of its own; the true value is known (definition 4)."""
    chance = np.r_[np.full(5, 0.8), np.full(25, 0.1)]
    mean = chance.mean()
    truth = 1 - np.mean(chance * (1 - chance)) / (mean * (1 - mean))
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(300):
        found = choice_stability(rng.random((60, 30)) < chance)
        held += found.lower <= truth <= found.upper
    assert 0.90 <= held / 300 <= 0.99


def test_rileys_criterion_meets_published_examples():
    """Stata's and R's pmsampsize: 623 patients for 24 parameters, 5,143 for 30."""
    y = np.zeros(623, dtype=int)
    y[: round(0.174 * 623)] = 1
    share = 0.288 / largest_r2(623, int(y.sum()), timed=False)
    assert riley_cap(y, share) == 24
    assert riley_cap(y[:-2], share * largest_r2(623, 108, False) / largest_r2(621, 108, False)) < 24
    timed = survival_outcome(np.r_[np.ones(692), np.zeros(4451)], np.ones(5143))
    assert riley_cap(timed, 0.051 / largest_r2(5143, 692, timed=True)) == 30
    assert feature_cap(y, "riley", share) == 24
    with pytest.raises(DataError, match="binary and survival"):
        riley_cap(levels(np.repeat([0, 1, 2], 10)), 0.15)


def test_more_features_than_outcomes_carry_must_be_declared():
    y = np.repeat([0, 1], [160, 40])
    assert (feature_cap(y, "auto"), riley_cap(y, 0.5)) == (4, 8)
    for limit in (4, "auto", "riley"):
        check_limit(y, limit, 0.15, exceed=False)
    check_limit(y, 8, 0.5, exceed=False)
    check_limit(y, 40, 0.15, exceed=True)
    with pytest.raises(DataError, match="is 9, but the development outcomes carry 8"):
        check_limit(y, 9, 0.5, exceed=False)
    with pytest.raises(DataError, match="is 2, but the development outcomes carry 1"):
        check_limit(levels(np.repeat([0, 1, 2], 6)), 2, 0.15, exceed=False)


def correlated():
    """Three groups of near copies, and one feature alone."""
    rng = np.random.default_rng(12)
    base = rng.normal(size=(60, 4))
    columns = {}
    for group, size in enumerate([3, 2, 2, 1]):
        for copy in range(size):
            noise = 0.15 * (copy + 1) * rng.normal(size=60)
            columns[f"original_g{group}_{copy}"] = base[:, group] + noise
    return pd.DataFrame(columns)


@pytest.mark.parametrize("prefer", ["order", "independent"])
def test_of_each_cluster_one_feature_is_kept(prefer):
    table = correlated()
    kept = RedundancyFilter(0.7, prefer, clusters=True).fit(table)
    assert [name.split("_")[1] for name in kept.features_] == ["g0", "g1", "g2", "g3"]
    assert kept.n_dropped_ == 4
    if prefer == "order":
        assert all(name.endswith("_0") for name in kept.features_)


def test_features_that_follow_volume_go():
    table = correlated().assign(original_shape_MeshVolume=lambda t: t["original_g1_0"] ** 3)
    kept = VolumeFilter(0.7, "original_shape_MeshVolume").fit(table)
    gone = set(table) - {*kept.features_}
    assert gone == {"original_g1_0", "original_g1_1", "original_shape_MeshVolume"}
    assert list(kept.transform(table).columns) == list(kept.features_)
    with pytest.raises(DataError, match="no feature"):
        VolumeFilter(0.7, "elsewhere").fit(table)
