"""Each rule of evidence 1 to 6 broken on purpose: the check that guards it must fail."""

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.evaluate import estimate, study, verdict
from rigoromics.model import nested, tuning
from rigoromics.select.impute import Imputer
from rigoromics.select.stable import StabilityFilter
from scripts import fit
from tests.unit.evaluate import conftest as made
from tests.unit.evaluate import test_study as estimates
from tests.unit.evaluate import test_verdict as verdicts
from tests.unit.evaluate.conftest import make_permutations  # noqa: F401
from tests.unit.model import test_evidence as evidence
from tests.unit.model import test_scripts as scripts
from tests.unit.model.cohort import cohort
from tests.unit.model.test_scripts import files  # noqa: F401

PATIENTS = 60


def split_rows(monkeypatch):
    """Rule 1: folds that take each row for a patient."""
    own = nested.patient_folds

    def by_rows(patients, y, folds, seed):
        return own(pd.Index([f"row{i:04d}" for i in range(len(patients))]), y, folds, seed)

    monkeypatch.setattr(nested, "patient_folds", by_rows)


def everybody_prepares(monkeypatch):
    """Rule 2: every outcome-blind step (ComBat, scaling, filters) learns from all rows."""
    own = tuning.prepare

    def prepare(blind, X, fold):
        steps = own(blind, X, tuning.Fold(np.arange(len(X)), fold.test)).steps
        parts = steps.transform(X.iloc[fold.train]), steps.transform(X.iloc[fold.test])
        return tuning.Prepared(steps, *parts, fold)

    monkeypatch.setattr(tuning, "prepare", prepare)


def remember_everybody(monkeypatch):
    """Return a list whose last item is the whole table of the fold being fitted."""
    own, seen = tuning.prepare_training, []

    def remember(X, *others):
        seen.append(X)
        return own(X, *others)

    monkeypatch.setattr(evidence, "prepare_training", remember)
    return seen


def everybody_imputes(monkeypatch):
    """Rule 2: medians of all patients, and nothing else from them."""
    seen, own = remember_everybody(monkeypatch), Imputer.fit

    def impute(self, X, y=None):
        own(self, X)
        whole = seen[-1][list(self.features_)].to_numpy(dtype=float)
        self.medians_ = np.nanmedian(whole, axis=0)
        return self

    monkeypatch.setattr(Imputer, "fit", impute)


def held_out_cutoff(monkeypatch):
    """Rule 2: a cut-off that looks at the held-out patients."""
    seen, own = remember_everybody(monkeypatch), tuning.learn_cutoff

    def cutoff(y, risk):
        held_out = seen[-1].iloc[: PATIENTS - len(y)]
        return own(y, risk) + 1e-6 * float(held_out["original_f000"].mean())

    monkeypatch.setattr(tuning, "learn_cutoff", cutoff)


def everybody_repeats(monkeypatch):
    """Rules 2 and 4: stability judged on all repeated patients, held-out and external ones too."""
    own = StabilityFilter._table

    def table(self, X, names):
        return own(self, pd.DataFrame(index=self.repeats["patient"].unique()), names)

    monkeypatch.setattr(StabilityFilter, "_table", table)


@pytest.mark.parametrize(
    "mutation", [everybody_prepares, everybody_imputes, held_out_cutoff, everybody_repeats]
)
def test_learning_from_held_out_patients_is_caught(monkeypatch, mutation):
    mutation(monkeypatch)
    # Garbage that reaches a filter may leave no feature at all: that check fails too.
    with pytest.raises((AssertionError, DataError)):
        evidence.test_nothing_learned_depends_on_held_out_patients("elastic_net")


def test_splitting_rows_is_caught(monkeypatch):
    split_rows(monkeypatch)
    with pytest.raises(AssertionError):
        evidence.test_several_rows_of_a_patient_stay_together_through_the_nested_procedure()


def quick(monkeypatch):
    settings = {
        **scripts.SETTINGS,
        "models": {"elastic_net": {"alpha": [0.05], "l1_ratio": [0.1]}},
        "validation": {"outer_folds": 2, "inner_folds": 2, "repeats": 1},
    }
    monkeypatch.setattr(scripts, "SETTINGS", settings)


def test_touching_the_external_cohort_before_the_lock_is_caught(
    monkeypatch,
    tmp_path,
    files,  # noqa: F811
):
    quick(monkeypatch)
    own = fit.rows_of_role

    def all_roles(table, role, endpoint):
        return own(table.assign(**{"study.role": role}), role, endpoint)

    monkeypatch.setattr(fit, "rows_of_role", all_roles)
    with pytest.raises(AssertionError):
        scripts.test_external_rows_never_reach_fitting(files, tmp_path)


def test_a_control_that_nobody_must_beat_is_caught(monkeypatch, make_permutations):  # noqa: F811
    own = verdict._beats

    def always(case, control):
        reason = own(case, control)
        return verdict.Reason(**{**vars(reason), "met": True})

    monkeypatch.setattr(verdict, "_beats", always)
    with pytest.raises(AssertionError):
        verdicts.test_a_signal_that_is_volume_is_weak(made._predictions, make_permutations)


def tables_of():
    predictions = made._predictions("binary", estimates.SIGNAL)
    return predictions, estimates.evaluate(predictions)


class Request:
    """What a test asks pytest for a fixture by name."""

    def __init__(self, value):
        self.value = value

    def getfixturevalue(self, name):
        return self.value


def test_an_estimate_without_interval_is_caught(monkeypatch):
    monkeypatch.setattr(estimate, "percentile_interval", lambda *_: (float("nan"),) * 2)
    with pytest.raises(AssertionError):
        estimates.test_every_estimate_has_an_interval_and_a_method("binary", Request(tables_of()))


def test_a_family_without_correction_is_caught(monkeypatch):
    monkeypatch.setattr(study, "holm", np.asarray)
    found = tables_of()
    with pytest.raises(AssertionError):
        estimates.test_families_are_corrected_by_holm(found, found)


def test_unbroken_the_same_checks_pass(
    monkeypatch,
    tmp_path,
    files,  # noqa: F811
    make_permutations,  # noqa: F811
):
    assert len(cohort(patients=PATIENTS)[0]) == PATIENTS
    quick(monkeypatch)
    scripts.test_external_rows_never_reach_fitting(files, tmp_path)
    found = tables_of()
    estimates.test_every_estimate_has_an_interval_and_a_method("binary", Request(found))
    verdicts.test_a_signal_that_is_volume_is_weak(made._predictions, make_permutations)
