"""Rules of evidence 1 to 4, at the level of the library."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from rigoromics.model.concordance import pooled
from rigoromics.model.folds import Fold, patient_folds
from rigoromics.model.locking import lock
from rigoromics.model.nested import (
    fit_all,
    nested_cross_validation,
    permutation_p_value,
    permutation_statistics,
    sort_patients,
)
from rigoromics.model.outcome import survival_outcome
from rigoromics.model.pipeline import blind_steps, configurations, seeing_steps
from rigoromics.model.signature import make_signature
from rigoromics.model.tuning import fit_prepared, prepare_training, risk_of
from tests.unit.model.cohort import cohort, procedure

MODELS = ["elastic_net", "random_forest", "cox_elastic_net", "random_survival_forest"]


def outcomes(model, binary, survival):
    return binary if model in ("elastic_net", "random_forest") else survival


def fold_of(X, y, held_out=15):
    return Fold(np.arange(held_out, len(X)), np.arange(held_out))


def fitted_bytes(X, y, repeats, plan, fold):
    """Return everything that was learned in one fold, as bytes, and every score on the way."""
    training = prepare_training(X, y, plan, repeats, fold)
    fitted = fit_prepared(training, y[fold.train], plan)
    scores = [(trial.configuration, trial.folds) for trial in fitted.trials]
    return lock(make_signature(fitted, plan, y[fold.train])), scores


def corrupt(X, y, repeats, fold):
    """Return the same study with everything of the held-out patients replaced by garbage."""
    rng = np.random.default_rng(99)
    X, y, repeats = X.copy(), y.copy(), repeats.copy()
    held_out = X.index[fold.test]
    features = [name for name in X if name.startswith("original_")]
    X.loc[held_out, features] = rng.normal(size=(len(held_out), len(features))) * 1e6
    X.loc[held_out, "study.batch"] = "garbage"
    X.loc[held_out, "clinical.age"] = -1e5
    X.loc[held_out, "clinical.sex"] = "garbage"
    if y.dtype.names:
        y[fold.test] = survival_outcome(~y["event"], y["time"] * 17 + 3)[fold.test]
    else:
        y[fold.test] = 1 - y[fold.test]
    rows = repeats["patient"].isin(held_out)
    repeats.loc[rows, features] = rng.normal(size=(int(rows.sum()), len(features))) * 1e6
    return X, y, repeats


@pytest.mark.parametrize("model", MODELS)
def test_nothing_learned_depends_on_held_out_patients(model):
    X, binary, survival, repeats = cohort(patients=60, batches=2)
    y = outcomes(model, binary, survival)
    fold, plan = fold_of(X, y), procedure("combined", model)
    before = fitted_bytes(X, y, repeats, plan, fold)
    after = fitted_bytes(*corrupt(X, y, repeats, fold), plan, fold)
    assert before == after


@pytest.mark.parametrize("part", ["features", "outcomes", "repeats"])
def test_the_corruption_would_be_seen(part):
    X, y, _, repeats = cohort(patients=60)
    # Judged loosely, for even garbage in all repeats to leave some features.
    plan = procedure(stability={design: {"threshold": -1} for design in ("raters", "retest")})
    everybody = Fold(np.arange(60), np.arange(0))
    study = {"features": X, "outcomes": y, "repeats": repeats}
    spoiled = dict(zip(study, corrupt(X, y, repeats, fold_of(X, y)), strict=True))
    mixed = {**study, part: spoiled[part]}
    before = fitted_bytes(X, y, repeats, plan, everybody)
    assert fitted_bytes(*mixed.values(), plan, everybody) != before


@pytest.mark.parametrize("rows_each", [1, 3])
def test_patients_not_rows_are_split(rows_each):
    rng = np.random.default_rng(0)
    patients = pd.Index(np.repeat([f"p{i}" for i in range(40)], rows_each))
    patients = patients[rng.permutation(len(patients))]
    y = patients.str[1:].astype(int).to_numpy() % 2
    folds = patient_folds(patients, y, 5, seed=3)
    for fold in folds:
        assert not set(patients[fold.train]) & set(patients[fold.test])
        assert sorted([*fold.train, *fold.test]) == list(range(len(patients)))
        assert 0.3 <= y[fold.test].mean() <= 0.7
    held_out = np.concatenate([fold.test for fold in folds])
    assert sorted(held_out) == list(range(len(patients)))


def test_several_rows_of_a_patient_stay_together_through_the_nested_procedure():
    X, y, _, repeats = cohort(patients=40)
    doubled = pd.concat([X, X])
    held_out = nested_cross_validation(doubled, np.r_[y, y], procedure("volume"), repeats)
    rows, _ = sort_patients(doubled, np.r_[y, y])
    for part in held_out:
        assert not set(rows.index[part.fold.train]) & set(rows.index[part.fold.test])


@pytest.mark.parametrize("model", ["elastic_net", "cox_elastic_net"])
def test_sharing_the_blind_steps_equals_refitting_the_whole_pipeline(model):
    X, binary, survival, repeats = cohort(patients=50)
    y, plan = outcomes(model, binary, survival), procedure("combined", model, max_features=3)
    fold = fold_of(X, y, 10)
    training = prepare_training(X, y, plan, repeats, fold)
    fitted = fit_prepared(training, y[fold.train], plan)
    rows, known = X.iloc[fold.train], y[fold.train]
    assert len(fitted.trials) == len(configurations(plan, known)) == 18
    for trial in fitted.trials:
        for part in training.inner:
            whole = Pipeline(
                [
                    *clone(blind_steps(plan, repeats)).steps,
                    *seeing_steps(plan, trial.configuration, final=False).steps,
                ]
            ).fit(rows.iloc[part.fold.train], known[part.fold.train])
            risk = risk_of(whole, rows.iloc[part.fold.test])
            assert risk.tolist() == trial.risk[part.fold.test].tolist()


@pytest.mark.parametrize("model", ["elastic_net", "random_survival_forest"])
def test_neither_the_order_of_rows_nor_processes_matter(model):
    X, binary, survival, repeats = cohort(patients=48, features=40)
    y, plan = outcomes(model, binary, survival), procedure("radiomics", model)
    order = np.random.default_rng(1).permutation(len(X))
    first = nested_cross_validation(X, y, plan, repeats)
    shuffled_repeats = repeats.sample(frac=1, random_state=1)
    second = nested_cross_validation(X.iloc[order], y[order], plan, shuffled_repeats, threads=2)
    for one, two in zip(first, second, strict=True):
        assert one.risk.tolist() == two.risk.tolist()
        assert one.probability.tolist() == two.probability.tolist()
        assert one.fitted.cutoff == two.fitted.cutoff
    one, two = (
        lock(make_signature(fit_all(a, b, plan, c), plan, b))
        for a, b, c in ((X, y, repeats), (X.iloc[order], y[order], shuffled_repeats))
    )
    assert one == two


def test_null_data_give_an_auc_of_one_half():
    found = []
    for seed in range(20):
        X, _, _, repeats = cohort(seed=seed, patients=48, features=60)
        y = np.random.default_rng(1000 + seed).permutation(np.repeat([0, 1], 24))
        plan = procedure(seed=seed, grids={"elastic_net": {"l1_ratio": (0.1,)}})
        held_out = nested_cross_validation(X, y, plan, repeats)
        found.append(pooled(part.pairs for part in held_out))
    # One such AUC has a standard deviation near 0.1, their mean one of 0.02.
    assert abs(np.mean(found) - 0.5) < 0.06


@pytest.mark.parametrize("model", MODELS)
def test_a_planted_signal_is_found(model):
    X, binary, survival, repeats = cohort(seed=3, patients=120, features=60, signal=3)
    y, plan = outcomes(model, binary, survival), procedure("radiomics", model)
    held_out = nested_cross_validation(X, y, plan, repeats)
    assert pooled(part.pairs for part in held_out) > 0.7
    used = make_signature(fit_all(X, y, plan, repeats), plan, y).used
    assert {f"original_f00{i}" for i in range(4)} & set(used)
    # Every fifth feature is unstable, however well it predicts.
    assert "original_f004" not in used


def test_permuted_outcomes_lose_what_the_observed_have():
    X, y, _, repeats = cohort(seed=3, patients=60, features=30, signal=4)
    plan = procedure(outer_folds=3, grids={"elastic_net": {"alpha": (0.05,)}})
    statistics = permutation_statistics(X, y, plan, 19, repeats)
    held_out = nested_cross_validation(X, y, plan, repeats)
    assert statistics[0] == pooled(part.pairs for part in held_out)
    assert permutation_p_value(statistics) == 0.05
    assert abs(statistics[1:].mean() - 0.5) < 0.1
    again = permutation_statistics(X, y, plan, 19, repeats, threads=2)
    assert again.tolist() == statistics.tolist()


def test_the_p_value_counts_the_observed():
    assert permutation_p_value(np.array([0.7, 0.5, 0.7, 0.8])) == 0.75
    assert permutation_p_value(np.array([0.9, 0.5, 0.7, 0.8])) == 0.25
