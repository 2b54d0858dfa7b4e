"""The library's face: scikit-learn's conventions for every estimator, and a page that runs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.utils.estimator_checks import (
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_set_params,
)

from rigoromics.model.outcome import Endpoint
from rigoromics.model.pipeline import blind_steps, seeing_steps
from rigoromics.model.settings import GRIDS, KIND, Procedure, Settings

CHECKS = (check_get_params_invariance, check_no_attributes_set_in_init, check_set_params)
PAGE = Path(__file__).parents[3] / "docs/howto/library.md"


def endpoint_of(kind):
    if kind == "competing":
        return Endpoint("e", "survival", 12.0, competing=(2,))
    levels = ("a", "b", "c") if kind in ("ordinal", "multiclass") else ()
    return Endpoint("e", kind, 12.0 if kind == "survival" else None, levels)


def estimators():
    found = {}
    for model, kind in KIND.items():
        plan = Procedure("combined", model, endpoint_of(kind), Settings(), 1)
        values = {name: values[0] for name, values in GRIDS[model].items()}
        for steps in (blind_steps(plan, None), seeing_steps(plan, {"k": 2, **values}, True)):
            found |= {type(step).__name__: step for _, step in steps.steps}
    return found


@pytest.mark.parametrize("name", sorted(estimators()))
def test_every_step_and_learner_keeps_scikit_learns_conventions(name):
    step = estimators()[name]
    assert isinstance(step, BaseEstimator)
    twin = clone(step)
    assert type(twin) is type(step)
    assert twin.get_params() == step.get_params()
    for check in CHECKS:
        check(name, clone(step))


def test_all_models_of_the_catalogue_are_looked_at():
    assert len(estimators()) >= 15


def test_the_page_runs(capsys):
    blocks = PAGE.read_text(encoding="utf-8").split("```python\n")[1:]
    names = {}
    for block in blocks:
        exec(block.split("```")[0], names)
    value = float(capsys.readouterr().out.split("value=")[1].split(",")[0])
    assert value > 0.7
    assert names["scores"]["high"].isin([0, 1]).all()
    assert isinstance(names["harmonised"], pd.DataFrame)
    assert np.isfinite(names["harmonised"]["original_f3"]).all()
