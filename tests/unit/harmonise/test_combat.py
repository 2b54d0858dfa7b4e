import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from rigoromics.errors import DataError
from rigoromics.harmonise.combat import ComBat

MODES = {
    "R_par": {},
    "R_nonpar": {"parametric": False},
    "R_ref": {"reference": "A"},
    "R_meanonly": {"mean_only": True},
    "R_nocov": {"covariates": ()},
}


def cohort(sizes=(20, 16, 12), features=30, seed=0) -> pd.DataFrame:
    """Patients with a latent signal in every feature, and batches that shift and scale them."""
    rng = np.random.default_rng(seed)
    batch = np.repeat(np.arange(len(sizes)), sizes)
    n = len(batch)
    age = rng.normal(60, 10, n)
    values = rng.normal(size=(n, features)) + 0.05 * age[:, None] * rng.normal(size=features)
    values = values * rng.uniform(0.5, 2, (len(sizes), features))[batch]
    values = values + rng.normal(size=(len(sizes), features))[batch]
    table = pd.DataFrame(values, columns=[f"f{i}" for i in range(features)])
    table.insert(0, "patient", [f"P-{i:03d}" for i in range(n)])
    table["study.batch"] = np.array(list("ABCDEFGH"))[batch]
    table["clinical.age"] = age
    table["clinical.sex"] = rng.choice(["female", "male"], n)
    table["endpoint.y"] = rng.integers(0, 2, n)
    return table


def features_of(table: pd.DataFrame) -> np.ndarray:
    return table.filter(regex=r"^f\d").to_numpy()


@pytest.fixture(scope="module")
def sva(shared_data):
    folder = shared_data / "statistics" / "combat_sva"
    table = pd.concat([pd.read_csv(folder / "X.csv"), pd.read_csv(folder / "cov.csv")], axis=1)
    return table, {mode: pd.read_csv(folder / f"{mode}.csv") for mode in MODES}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("extremes", [None, 10.0])
def test_it_equals_sva(sva, mode, extremes):
    table, expected = sva
    settings = {"covariates": ("age", "sex"), **MODES[mode]}
    combat = ComBat("batch", extremes=extremes, **settings)
    combat.set_params(features=list(expected[mode].columns))
    result = combat.fit(table).transform(table)
    difference = np.abs(result[combat.features_].to_numpy() - expected[mode].to_numpy())
    assert difference.max() < 1e-9


def test_categorical_covariates_are_coded_as_numbers_would_be(sva):
    table, expected = sva
    table = table.assign(sex=np.where(table["sex"] == 1, "m", "f"))
    combat = ComBat("batch", ("age", "sex"), list(expected["R_par"].columns))
    result = combat.fit_transform(table)[combat.features_].to_numpy()
    assert np.abs(result - expected["R_par"].to_numpy()).max() < 1e-9


def test_it_lives_in_a_pipeline_and_changes_features_only():
    table = cohort()
    combat = ComBat(covariates=("clinical.age", "clinical.sex"))
    pipeline = clone(make_pipeline(FunctionTransformer(), combat))
    result = pipeline.fit(table, table["endpoint.y"]).transform(table)
    assert list(result.columns) == list(table.columns)
    assert result.index.equals(table.index)
    others = table.columns.drop(combat.fit(table).features_)
    pd.testing.assert_frame_equal(result[others], table[others])
    assert "endpoint.y" not in combat.features_
    assert list(combat.get_feature_names_out()) == list(table.columns)
    assert clone(combat).get_params() == combat.get_params()


@pytest.mark.parametrize("unseen", ["none", "refuse"])
def test_a_row_is_transformed_alone_as_in_company(unseen):
    table = cohort()
    combat = ComBat(covariates=("clinical.age",), unseen=unseen).fit(table)
    together = features_of(combat.transform(table))
    for row in (0, 21, 47):
        alone = features_of(combat.transform(table.iloc[[row]]))
        np.testing.assert_array_equal(alone[0], together[row])


def test_neither_outcomes_nor_held_out_rows_move_what_is_learned():
    table = cohort()
    train, held = table.iloc[::2], table.iloc[1::2].copy()
    first = ComBat(covariates=("clinical.age",)).fit(train, train["endpoint.y"])
    shift = first.shift_.copy()
    held[[f"f{i}" for i in range(30)]] *= 1e6
    first.transform(held)
    second = ComBat(covariates=("clinical.age",)).fit(train.assign(**{"endpoint.y": -99}), None)
    np.testing.assert_array_equal(first.shift_, shift)
    for name in ("mean_", "sd_", "shift_", "scale_", "covariate_effects_"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


@settings(max_examples=25, deadline=None)
@given(shift=st.floats(-5, 5), scale=st.floats(0.2, 5), seed=st.integers(0, 1000))
def test_with_a_reference_a_further_shift_and_scale_of_a_batch_does_not_matter(shift, scale, seed):
    table = cohort(seed=seed)
    combat = ComBat(reference="A", extremes=None)
    before = features_of(combat.fit_transform(table))
    rows = table["study.batch"] == "B"
    columns = combat.features_
    moved = table.copy()
    standard = (table.loc[rows, columns] - combat.mean_) / combat.sd_
    moved.loc[rows, columns] = (scale * standard + shift) * combat.sd_ + combat.mean_
    after = features_of(combat.fit_transform(moved))
    # The iteration stops at changes of 1e-4, which is what may remain.
    assert np.abs(after - before).max() < 2e-3 * combat.sd_.max()


def test_batch_means_and_spreads_come_together():
    table = cohort(sizes=(200, 200), features=50)
    after = ComBat(covariates=("clinical.age",)).fit_transform(table)
    before_gap, after_gap = (
        np.abs(
            np.diff(t.groupby("study.batch")[[f"f{i}" for i in range(50)]].mean(), axis=0)
        ).mean()
        for t in (table, after)
    )
    assert after_gap < 0.15 * before_gap


def test_the_effect_of_a_covariate_is_kept():
    rng = np.random.default_rng(3)
    table = cohort(sizes=(60, 60), features=20)
    # Batch B is older: without the covariate its age would be taken for scanner.
    table["clinical.age"] = np.r_[rng.normal(50, 5, 60), rng.normal(70, 5, 60)]
    values = 0.2 * table["clinical.age"].to_numpy()[:, None] + rng.normal(size=(120, 20))
    table[[f"f{i}" for i in range(20)]] = values
    kept = ComBat(covariates=("clinical.age",)).fit_transform(table)
    lost = ComBat().fit_transform(table)
    slope = [np.polyfit(table["clinical.age"], t["f0"], 1)[0] for t in (kept, lost)]
    assert slope[0] == pytest.approx(0.2, abs=0.03)
    assert slope[1] < 0.1


@pytest.mark.parametrize("parametric", [True, False])
def test_small_batches_give_numbers(parametric):
    table = cohort(sizes=(20, 15, 1, 2, 1))
    combat = ComBat(parametric=parametric, unseen="align").fit(table)
    result = combat.transform(table)
    assert np.isfinite(features_of(result)).all()
    assert (combat.scale_[[2, 4]] == 1).all()
    assert (combat.scale_[[0, 1, 3]] != 1).any()
    lone = table[table["study.batch"] == "A"].iloc[[0]].assign(**{"study.batch": "new"})
    assert np.isfinite(features_of(combat.transform(lone))).all()


def test_one_training_batch_is_left_as_it_is():
    table = cohort(sizes=(20,))
    np.testing.assert_array_equal(features_of(ComBat().fit_transform(table)), features_of(table))


def test_missing_values_stay_missing_and_touch_their_feature_only():
    table = cohort(sizes=(40, 40))
    whole = ComBat(covariates=("clinical.age",)).fit_transform(table)
    holes = table.copy()
    holes.loc[[3, 50], "f2"] = [np.nan, np.inf]
    result = ComBat(covariates=("clinical.age",)).fit_transform(holes)
    assert np.isnan(result.at[3, "f2"])
    assert np.isinf(result.at[50, "f2"])
    rest = [f"f{i}" for i in range(30) if i != 2]
    assert result[rest].notna().all().all()
    # The priors are shared: tiny changes elsewhere, small ones here.
    assert np.abs(result[rest] - whole[rest]).max().max() < 0.02
    assert np.abs(result["f2"].drop([3, 50]) - whole["f2"].drop([3, 50])).max() < 0.3


def test_least_squares_with_holes_equals_dropping_the_rows():
    from rigoromics.harmonise.least_squares import masked_least_squares

    rng = np.random.default_rng(1)
    design = np.column_stack([np.eye(2)[np.repeat([0, 1], 20)], rng.normal(size=40)])
    values = rng.normal(size=(40, 5)) + 1e6
    values[rng.random((40, 5)) < 0.2] = np.nan
    found = masked_least_squares(design, values)
    for feature in range(5):
        known = np.isfinite(values[:, feature])
        expected = np.linalg.lstsq(design[known], values[known, feature], rcond=None)[0]
        np.testing.assert_allclose(found[:, feature], expected, atol=1e-6)


def test_a_feature_missing_in_a_whole_batch_gives_numbers():
    table = cohort()
    table.loc[table["study.batch"] == "B", "f1"] = np.nan
    result = ComBat().fit_transform(table)
    assert result.loc[table["study.batch"] != "B", "f1"].notna().all()


def test_features_without_spread_are_passed_through():
    table = cohort()
    table["f0"] = 3.0
    table.loc[table["study.batch"] == "B", "f1"] = 7.0
    table["f2"] = np.where(np.arange(len(table)) % 8 == 0, table["f2"], 1.0)
    table.loc[3:, "f3"] = np.nan
    combat = ComBat()
    result = combat.fit_transform(table)
    assert combat.passed_through_ == ["f0", "f1", "f2", "f3"]
    pd.testing.assert_frame_equal(result[["f0", "f1", "f2", "f3"]], table[["f0", "f1", "f2", "f3"]])


def test_one_extreme_patient_does_not_write_the_batch_into_a_feature():
    rng = np.random.default_rng(0)
    table = cohort(sizes=(40, 40))
    table["f0"] = rng.normal(size=80)
    table.loc[0, "f0"] = 1e6
    gap = {}
    for extremes in (None, 10.0):
        after = ComBat(extremes=extremes).fit_transform(table).iloc[1:]
        means = after.groupby("study.batch")["f0"].median()
        gap[extremes] = abs(means["A"] - means["B"])
    assert gap[None] > 1000
    assert gap[10.0] < 0.5


def test_unseen_batches_follow_the_policy():
    table = cohort(sizes=(60, 60, 60), seed=4)
    train, new = table[table["study.batch"] != "C"], table[table["study.batch"] == "C"]
    untouched = ComBat(unseen="none").fit(train).transform(new)
    pd.testing.assert_frame_equal(untouched, new)
    with pytest.raises(DataError, match="learned the batches A, B and meets C"):
        ComBat(unseen="refuse").fit(train).transform(new)
    combat = ComBat(unseen="align").fit(train)
    aligned = features_of(combat.transform(new))
    target = features_of(combat.transform(train)).mean(axis=0)
    before = np.abs(features_of(new).mean(axis=0) - target).mean()
    assert np.abs(aligned.mean(axis=0) - target).mean() < 0.2 * before


def test_aligning_uses_the_new_rows_features_only_and_leaves_training_frozen():
    table = cohort(sizes=(30, 30, 30), seed=5)
    train, new = table[table["study.batch"] != "C"], table[table["study.batch"] == "C"]
    combat = ComBat(unseen="align").fit(train)
    alone = combat.transform(new)
    changed = new.assign(**{"endpoint.y": 1 - new["endpoint.y"]})
    np.testing.assert_array_equal(features_of(combat.transform(changed)), features_of(alone))
    mixed = combat.transform(table)
    np.testing.assert_array_equal(features_of(mixed)[60:], features_of(alone))
    np.testing.assert_array_equal(features_of(mixed)[:60], features_of(combat.transform(train)))


def test_rows_without_a_batch_are_unseen():
    table = cohort()
    combat = ComBat(unseen="align").fit(table)
    new = table.iloc[:2].assign(**{"study.batch": [None, np.nan]})
    np.testing.assert_array_equal(features_of(combat.transform(new)), features_of(new))
    with pytest.raises(DataError, match="patients without a batch"):
        combat.set_params(unseen="refuse").transform(new)


def test_covariates_unknown_at_prediction_count_as_the_training_mean():
    table = cohort()
    combat = ComBat(covariates=("clinical.age", "clinical.sex")).fit(table)
    row = table.iloc[[0]]
    missing = row.assign(**{"clinical.age": np.nan, "clinical.sex": None})
    unknown = row.assign(**{"clinical.age": np.nan, "clinical.sex": "other"})
    absent = row.drop(columns=["clinical.age", "clinical.sex"])
    first = features_of(combat.transform(missing))
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, features_of(combat.transform(unknown)))
    np.testing.assert_array_equal(first, features_of(combat.transform(absent)))
    assert np.abs(first - features_of(combat.transform(row))).max() > 0


def test_a_covariate_without_variation_is_left_out():
    table = cohort()
    plain = ComBat().fit_transform(table)
    for value in (0.1, "all the same"):
        result = ComBat(covariates=("clinical.age",)).fit_transform(
            table.assign(**{"clinical.age": value})
        )
        np.testing.assert_allclose(features_of(result), features_of(plain), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({"clinical.sex": lambda t: t["study.batch"]}, {"covariates": ("clinical.sex",)},
         "covariate 'clinical.sex' cannot be told from the batch"),
        ({}, {"covariates": ("endpoint.y",)}, "outcome 'endpoint.y' is listed as a covariate"),
        ({}, {"covariates": ("clinical.weight",)}, "'clinical.weight' of harmonisation is not in"),
        ({"clinical.age": np.nan}, {"covariates": ("clinical.age",)}, "is empty in the training"),
        ({"study.batch": None}, {}, "48 training patient"),
        ({}, {"batch": "scanner"}, "batch column 'scanner' is not in the table"),
        ({}, {"reference": "Z"}, "reference batch 'Z' has no training patient"),
        ({}, {"features": ("f0", "g")}, "feature 'g' to harmonise"),
        ({}, {"unseen": "ignore"}, "policy 'ignore' for unseen batches"),
    ],
)  # fmt: skip
def test_mistakes_are_refused_in_words(change, arguments, message):
    with pytest.raises(DataError, match=message):
        ComBat(**arguments).fit(cohort().assign(**change))


def test_more_refusals():
    table = cohort(sizes=(20, 2))
    with pytest.raises(DataError, match=r"'B' has 2 patient"):
        ComBat(reference="B").fit(table)
    with pytest.raises(DataError, match="4 training patients for 2 batches and 2"):
        ComBat(covariates=("clinical.age", "clinical.sex")).fit(table.iloc[[0, 1, 20, 21]])
    with pytest.raises(DataError, match=r"1 feature\(s\) that harmonisation learned are missing"):
        ComBat().fit(table).transform(table.drop(columns="f3"))
    with pytest.raises(TypeError, match="DataFrame"):
        ComBat().fit(features_of(table))


def test_a_locked_pipeline_can_be_stored_without_pickle():
    import skops.io

    table = cohort()
    combat = ComBat(covariates=("clinical.age", "clinical.sex"), unseen="align").fit(table)
    stored = skops.io.dumps(combat)
    unknown = skops.io.get_untrusted_types(data=stored)
    assert all(name.startswith("rigoromics.") for name in unknown)
    again = skops.io.loads(stored, trusted=unknown)
    new = table.assign(**{"study.batch": "new"})
    np.testing.assert_array_equal(
        features_of(again.transform(new)), features_of(combat.transform(new))
    )


def test_aligning_draws_towards_what_training_showed_not_towards_the_new_features():
    table = cohort(sizes=(30, 30, 8), seed=6)
    train, new = table[table["study.batch"] != "C"], table[table["study.batch"] == "C"]
    combat = ComBat(unseen="align").fit(train)
    first = combat.transform(new)
    # Other features shifted alike by the new scanner say nothing of this one: the prior is frozen.
    others = [f"f{i}" for i in range(1, 30)]
    moved = combat.transform(new.assign(**{name: new[name] + 50 for name in others}))
    np.testing.assert_allclose(moved["f0"], first["f0"], rtol=1e-3)


def test_aligning_brings_the_spread_too_unless_mean_only():
    table = cohort(sizes=(80, 80, 80), seed=7)
    columns = [f"f{i}" for i in range(30)]
    table.loc[table["study.batch"] == "C", columns] *= 4
    train, new = table[table["study.batch"] != "C"], table[table["study.batch"] == "C"]
    ratio = {}
    for mean_only in (False, True):
        combat = ComBat(unseen="align", mean_only=mean_only).fit(train)
        ratio[mean_only] = (combat.transform(new)[columns].std() / combat.sd_).median()
    assert ratio[False] < 0.5 * ratio[True]
    assert ratio[True] == pytest.approx((new[columns].std() / combat.sd_).median())
