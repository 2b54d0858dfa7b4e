"""The stacked signature: risks out of fold inside, nothing from outside, one locked file."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from rigoromics.errors import DataError
from rigoromics.model.folds import patient_folds
from rigoromics.model.learners import ElasticNetLogistic
from rigoromics.model.locking import lock, sha256, unlock
from rigoromics.model.nested import fit_all, nested_cross_validation
from rigoromics.model.outcome import Endpoint
from rigoromics.model.pipeline import seeing_steps
from rigoromics.model.scoring import needed, score
from rigoromics.model.settings import Procedure, Settings
from rigoromics.model.signature import make_signature
from rigoromics.model.stacking import Stacked
from rigoromics.model.tuning import fit_prepared, prepare_training
from tests.unit.model.cohort import cohort, procedure


def design(patients=90, features=40, seed=2):
    """A design matrix of noise features, one true clinical column, and outcomes."""
    rng = np.random.default_rng(seed)
    index = [f"P{i:03d}" for i in range(patients)]
    table = pd.DataFrame(
        rng.normal(size=(patients, features)), index, [f"f{i}" for i in range(features)]
    )
    table.insert(0, "clinical.age", rng.normal(size=patients))
    y = (rng.random(patients) < 1 / (1 + np.exp(-1.5 * table["clinical.age"]))).astype(np.int64)
    return table, np.asarray(y)


def learner(**changes):
    base = ElasticNetLogistic(alpha=0.01, l1_ratio=0.1)
    top = ElasticNetLogistic(alpha=1e-4, l1_ratio=0.1)
    return Stacked(**{"base": base, "top": top, "k": 8, "folds": 4, "seed": 7} | changes)


def test_the_regression_learns_from_risks_of_patients_left_out():
    X, y = design()
    fitted = learner().fit(X, y)
    features = X.drop(columns="clinical.age")
    risk = np.zeros(len(y))
    for fold in patient_folds(X.index, y, 4, 7):
        choose, base = fitted._radiomics(features.iloc[fold.train], y[fold.train])
        chosen = choose.transform(features.iloc[fold.test])
        odds = base.risk(chosen)
        risk[fold.test] = np.log(odds / (1 - odds))
    standard = (risk - risk.mean()) / risk.std()
    columns = np.column_stack([X["clinical.age"], standard])
    witness = ElasticNetLogistic(alpha=1e-4, l1_ratio=0.1).fit(columns, y)
    np.testing.assert_allclose(fitted.top_.weights_, witness.weights_, rtol=1e-6)
    # In-sample risks of forty noise features would look like knowledge; these do not.
    own = np.asarray(fitted._score(fitted.choose_, fitted.base_, X))
    naive = np.column_stack([X["clinical.age"], (own - own.mean()) / own.std()])
    fooled = ElasticNetLogistic(alpha=1e-4, l1_ratio=0.1).fit(naive, y)
    assert fooled.weights_[1] > 0.7
    assert fitted.top_.weights_[1] < 0.3


def test_weights_say_which_columns_play_a_part():
    X, y = design()
    fitted = learner(k=3).fit(X, y)
    used = set(X.columns[fitted.weights_ != 0])
    assert "clinical.age" in used
    assert used <= {"clinical.age", *fitted.choose_.features_}


@pytest.mark.parametrize("model", ["elastic_net", "cox_elastic_net"])
def test_it_goes_through_the_one_pipeline_and_locks_the_same_bytes(model):
    table, y, survival, repeats = cohort(patients=60, features=30)
    outcome = y if model == "elastic_net" else survival
    plan = procedure("stacked", model)
    final = fit_all(table, outcome, plan, repeats)
    signature = make_signature(final, plan, outcome)
    assert {"clinical.age"} <= set(signature.used)
    content = lock(signature)
    turned = np.arange(len(table))[::-1]
    again = fit_all(table.iloc[turned], outcome[turned], plan, repeats)
    assert lock(make_signature(again, plan, outcome)) == content
    opened = unlock(content, sha256(content))
    pd.testing.assert_frame_equal(opened.predict(table), signature.predict(table))
    curves = opened.survival(table)
    pd.testing.assert_frame_equal(curves, signature.survival(table))
    if model == "elastic_net":
        assert curves.shape == (60, 0)
    else:
        last = curves["survival_20"].rename("probability")
        pd.testing.assert_series_equal(last, opened.predict(table)["probability"])


def test_held_out_patients_change_nothing_that_was_learned():
    table, y, _, repeats = cohort(patients=60, features=20)
    plan = procedure("stacked", "elastic_net", outer_folds=3)
    first = nested_cross_validation(table, y, plan, repeats)[0]
    other = table.copy()
    features = [name for name in table if name.startswith("original_f")]
    rows = first.fold.test
    other.iloc[rows, [table.columns.get_loc(n) for n in features]] *= 100.0
    other.iloc[rows, table.columns.get_loc("clinical.age")] += 50.0
    flipped = y.copy()
    flipped[rows] = 1 - flipped[rows]
    training = prepare_training(other, flipped, plan, repeats, first.fold)
    second = fit_prepared(training, flipped[first.fold.train], plan)
    models = [fitted.pipeline[-1] for fitted in (first.fitted, second)]
    np.testing.assert_array_equal(models[0].weights_, models[1].weights_)
    assert models[0].centre_ == models[1].centre_


def test_other_endpoints_are_refused():
    plan = Procedure("stacked", "elastic_net", Endpoint("met", "binary"), Settings(), 1)
    object.__setattr__(plan, "endpoint", Endpoint("grade", "ordinal"))
    with pytest.raises(DataError, match="no regression for ordinal"):
        seeing_steps(plan, {"k": 2, "alpha": 0.1, "l1_ratio": 0.5}, final=True)


def with_scores():
    """The cohort with the score of another model that knows the outcome better than age does."""
    table, y, survival, repeats = cohort(patients=60, features=30)
    rng = np.random.default_rng(3)
    table["clinical.deep"] = 2.0 * y + rng.normal(size=len(y))
    return table, y, survival, repeats


@pytest.mark.parametrize("signature", ["deep", "deep_stacked"])
def test_the_score_of_another_model_is_a_signature_alone_and_beside_radiomics(signature):
    table, y, _, repeats = with_scores()
    plan = procedure(signature, "elastic_net", scores=("deep",))
    made = make_signature(fit_all(table, y, plan, repeats), plan, y)
    content = lock(made)
    opened = unlock(content, sha256(content))
    # Clinical predictors stay out, but for the covariate that ComBat preserves.
    assert "clinical.deep" in opened.inputs
    assert not {"clinical.age", "clinical.sex"} & {name.split("=")[0] for name in opened.inputs}
    if signature == "deep":
        assert opened.used == ["clinical.deep"]
        assert roc_auc_score(y, opened.predict(table)["risk"]) == roc_auc_score(
            y, table["clinical.deep"]
        )
    moved = table.assign(**{"clinical.deep": table["clinical.deep"] + 1.0})
    assert (opened.predict(moved)["risk"] > opened.predict(table)["risk"]).all()
    assert needed(opened)[0] == "deep"
    with pytest.raises(DataError, match="deep"):
        opened.predict(table.drop(columns="clinical.deep"))
    assert len(score(opened, table, "none")) == 60
    gone = table.copy()
    gone.loc["P0005", "clinical.deep"] = np.nan
    with pytest.raises(DataError, match=r"1 patients .* score 'deep' \(first: P0005\)"):
        score(opened, gone, "none")


def test_scores_change_no_other_signature():
    table, y, _, repeats = with_scores()
    for name in ("clinical", "combined"):
        plans = [procedure(name, "elastic_net", **more) for more in ({}, {"scores": ("deep",)})]
        one, other = (lock(make_signature(fit_all(table, y, p, repeats), p, y)) for p in plans)
        assert one == other


def test_a_study_without_the_score_is_told_where_to_name_it():
    table, y, _, repeats = cohort(patients=60, features=30)
    with pytest.raises(DataError, match="the config names none"):
        fit_all(table, y, procedure("deep", "elastic_net"), repeats)
    with pytest.raises(DataError, match="needs the column 'deep'"):
        fit_all(table, y, procedure("deep", "elastic_net", scores=("deep",)), repeats)
