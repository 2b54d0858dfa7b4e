"""Folds by centre: each is held out once as a whole, or refused in words."""

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.model.folds import centre_folds
from rigoromics.model.nested import nested_cross_validation, outer_folds, sort_patients
from rigoromics.model.settings import Settings
from tests.unit.model.cohort import cohort, procedure

CENTRES = np.array(["lyon", "turin", "ghent"])


def table(patients=60):
    X, y, _, repeats = cohort(patients=patients, features=20)
    X.insert(0, "study.centre", CENTRES[np.arange(patients) % 3])
    return X, y, repeats


def test_each_centre_is_held_out_once_as_a_whole():
    X, y, _ = table()
    folds = centre_folds(X["study.centre"], y, 4)
    assert [set(X["study.centre"].iloc[fold.test]) for fold in folds] == [
        {"ghent"}, {"lyon"}, {"turin"}
    ]  # fmt: skip
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(60))
        assert not set(X["study.centre"].iloc[fold.train]) & set(X["study.centre"].iloc[fold.test])


def test_the_nested_procedure_learns_without_the_centre():
    X, y, repeats = table()
    X["study.batch"] = X["study.centre"]
    chosen = procedure(folds="centre", repeats=3)
    held_out = nested_cross_validation(X, y, chosen, repeats)
    assert len(held_out) == 3
    ordered, _ = sort_patients(X, y)
    for part in held_out:
        centre = set(ordered["study.centre"].iloc[part.fold.test])
        assert len(centre) == 1
        batches = part.fitted.pipeline.named_steps["harmonise"].batches_
        assert not centre & set(batches)
        assert np.isfinite(part.risk).all()


def test_the_order_of_rows_and_the_seed_change_nothing():
    X, y, _ = table()
    order = np.random.default_rng(0).permutation(60)
    there = outer_folds(*sort_patients(X, y), procedure(folds="centre"))
    again = outer_folds(*sort_patients(X.iloc[order], y[order]), procedure(folds="centre", seed=9))
    for one, other in zip(there[0], again[0], strict=True):
        assert (one.test == other.test).all()


def test_the_config_reaches_the_settings():
    assert Settings.from_dict({}).folds == "patient"
    assert Settings.from_dict({"validation": {"folds": "centre"}}).folds == "centre"


@pytest.mark.parametrize(
    ("centres", "words"),
    [
        (["a"] * 20, "of one centre"),
        (["a"] * 18 + ["b"] * 2, "without centre 'a'"),
    ],
)
def test_what_cannot_be_divided_is_refused(centres, words):
    index = [f"P{i}" for i in range(20)]
    y = np.tile([0, 1], 10)
    with pytest.raises(DataError, match=words):
        centre_folds(pd.Series(centres, index=index), y, 4)


def test_a_patient_of_two_centres_is_refused():
    centres = pd.Series(["a", "b", "b"], index=["P1", "P1", "P2"])
    with pytest.raises(DataError, match="patient P1 is of two centres"):
        centre_folds(centres, np.array([0, 1, 1]), 1)
