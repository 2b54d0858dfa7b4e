import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.harmonise.batch_effect import (
    EFFECT_COLUMNS,
    FEATURE_COLUMNS,
    batch_effect,
    explained,
    principal_plane,
    to_ranks,
)
from rigoromics.harmonise.combat import ComBat
from rigoromics.harmonise.confounding import refuse_confounded_outcome


def cohort(shift: float, sizes=(60, 60), features=40, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    batch = np.repeat(np.arange(len(sizes)), sizes)
    latent = rng.normal(size=(len(batch), 5)) @ rng.normal(size=(5, features))
    values = latent + rng.normal(size=latent.shape)
    values += (shift * rng.normal(size=(len(sizes), features)))[batch]
    table = pd.DataFrame(values, columns=[f"f{i}" for i in range(features)])
    table["study.batch"] = np.array(list("ABCD"))[batch]
    return table


def measure(effect: pd.DataFrame, name: str) -> pd.DataFrame:
    return effect[effect["measure"] == name].set_index("stage")


def test_a_scanner_is_told_before_and_hardly_after():
    effect, features = batch_effect(cohort(1.5), ComBat(), seed=1, splits=4)
    assert list(effect.columns) == EFFECT_COLUMNS
    assert list(features.columns) == FEATURE_COLUMNS
    auc = measure(effect, "auc")
    assert auc.at["before", "value"] > 0.95
    assert auc.at["after", "value"] < 0.85
    assert (auc["lower"] <= auc["value"]).all()
    assert (auc["n"] == 120).all()
    assert features["r2_before"].mean() > 0.05
    assert abs(features["r2_after"].mean()) < 0.02


def test_where_there_is_no_scanner_chance_is_found_on_both_sides():
    values = [
        measure(batch_effect(cohort(0, seed=seed), ComBat(), 1, after=False, splits=3)[0], "auc")
        .at["before", "value"]
        for seed in range(6)
    ]  # fmt: skip
    assert np.mean(values) == pytest.approx(0.5, abs=0.06)
    shares = [
        batch_effect(cohort(0, seed=s), ComBat(), 1, after=False, splits=3)[1] for s in (7, 8)
    ]
    assert pd.concat(shares)["r2_before"].mean() == pytest.approx(0, abs=0.02)


def test_three_batches_without_after():
    effect, features = batch_effect(cohort(1, (20, 20, 20)), ComBat(), 1, after=False, splits=2)
    assert set(effect["stage"]) == {"before"}
    assert features["r2_after"].isna().all()


def test_the_same_seed_gives_the_same_numbers():
    table = cohort(1, (15, 15))
    first, second = (batch_effect(table, ComBat(), 3, splits=2) for _ in range(2))
    pd.testing.assert_frame_equal(first[0], second[0])
    pd.testing.assert_frame_equal(first[1], second[1])


def test_combat_learns_on_the_other_half_only(monkeypatch):
    table = cohort(1, (20, 20))
    table["row"] = [f"{i}" for i in range(len(table))]
    seen = {}
    fit, transform = ComBat.fit, ComBat.transform

    def spy_fit(self, X, y=None):
        seen["learned"] = set(X["row"])
        return fit(self, X)

    def spy_transform(self, X):
        assert not seen["learned"] & set(X["row"])
        seen["held"] = len(X)
        return transform(self, X)

    monkeypatch.setattr(ComBat, "fit", spy_fit)
    monkeypatch.setattr(ComBat, "transform", spy_transform)
    batch_effect(table, ComBat(), 1, splits=2)
    assert seen["held"] == 20


def test_small_batches_are_left_out_and_one_batch_is_refused():
    table = cohort(1, (20, 20, 4))
    effect, _ = batch_effect(table, ComBat(), 1, splits=2)
    assert (effect["n"] == 40).all()
    with pytest.raises(DataError, match="fewer than two batches have 6 patients"):
        batch_effect(table[table["study.batch"] != "B"], ComBat(), 1)


def test_a_covariate_that_no_half_can_separate_is_refused():
    table = cohort(1, (20, 20))
    table["clinical.site"] = table["study.batch"]
    with pytest.raises(DataError, match="cannot be told from the batch"):
        batch_effect(table, ComBat(covariates=("clinical.site",)), 1, splits=2)


def test_explained_variance_is_the_adjusted_r2_of_a_regression():
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    batch = np.repeat([0, 1, 2], 15)
    age = rng.normal(size=45)
    values = rng.normal(size=(45, 2)) + np.array([0.0, 1.0]) * batch[:, None] + age[:, None]
    values[3, 1] = np.nan
    found = explained(values, batch, age[:, None])
    for feature in range(2):
        known = np.isfinite(values[:, feature])
        full = np.column_stack([np.eye(3)[batch], age])[known]
        plain = np.column_stack([np.ones(45), age])[known]
        y = values[known, feature]
        expected = 1 - sm.OLS(y, full).fit().mse_resid / sm.OLS(y, plain).fit().mse_resid
        assert found[feature] == pytest.approx(expected)
    assert np.isnan(explained(np.ones((45, 1)), batch, np.empty((45, 0)))[0])


def test_ranks_are_places_among_the_learned():
    learned = np.array([[1.0], [2.0], [2.0], [np.nan], [9.0]])
    ranks, placed = to_ranks(learned, np.array([[0.0], [2.0], [100.0], [np.inf]]))
    np.testing.assert_allclose(ranks[:, 0], [0.125, 0.5, 0.5, np.nan, 0.875])
    np.testing.assert_allclose(placed[:, 0], [0.0, 0.5, 1.0, np.nan])


def test_the_plane_is_that_of_the_learned_rows():
    rng = np.random.default_rng(2)
    learned, others = rng.normal(size=(30, 6)), rng.normal(size=(10, 6))
    points, projected, share = principal_plane(learned, others)
    assert points.shape == (30, 2)
    assert share[0] >= share[1] > 0
    alone, none, _ = principal_plane(learned, others[:0])
    np.testing.assert_allclose(points, alone)
    assert none.shape == (0, 2)
    again, _, _ = principal_plane(learned, learned)
    np.testing.assert_allclose(principal_plane(learned, learned)[1], again)
    np.testing.assert_allclose(principal_plane(learned, others[:3])[1], projected[:3])


def test_a_batch_that_gives_away_the_outcome_is_refused():
    batch = pd.Series(list("AABBCC"))
    with pytest.raises(DataError, match="gives away the outcome 'relapse': each of the 3 batches"):
        refuse_confounded_outcome(batch, pd.Series([0, 0, 1, 1, 0, np.nan]), "relapse")
    refuse_confounded_outcome(batch, pd.Series([0, 0, 1, 1, 0, 1]), "relapse")
    refuse_confounded_outcome(batch, pd.Series([0] * 6), "relapse")
    refuse_confounded_outcome(pd.Series(list("AAAAAA")), pd.Series([0, 1] * 3), "relapse")
