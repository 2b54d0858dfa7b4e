"""Signatures on CovBat, on batch variables in sequence, and with unseen batches refused."""

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.model.locking import lock, sha256, unlock
from rigoromics.model.nested import fit_all, nested_cross_validation, outer_folds
from rigoromics.model.signature import describe, make_signature
from rigoromics.model.tuning import prepare_training
from tests.unit.model.cohort import cohort, procedure

KINDS = {
    "covbat": {"method": "covbat", "unseen": "align"},
    "reference": {"method": "combat", "reference": "scanner0", "mean_only": True},
    "sequential": {
        "method": "combat",
        "order": "sequential",
        "batch": ["maker", "kernel"],
        "unseen": "align",
    },
}


def patients(seed=0, first="P"):
    X, y, _, repeats = cohort(seed, patients=48, features=24, first=first)
    X.insert(1, "study.batch.maker", X["study.batch"])
    X.insert(2, "study.batch.kernel", np.array(["soft", "sharp"])[np.arange(48) // 3 % 2])
    return X, y, repeats


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_locked_opened_described_and_blind_to_held_out_rows(kind):
    X, y, repeats = patients()
    plan = procedure("radiomics", "elastic_net", harmonisation=KINDS[kind])
    fitted = fit_all(X, y, plan, repeats)
    signature = make_signature(fitted, plan, y)
    content = lock(signature)
    opened = unlock(content, sha256(content))
    assert lock(opened) == content
    new, _, _ = patients(3, "E")
    new = new.assign(**{"study.batch": "new", "study.batch.maker": "new"})
    for policy in ("none", "align"):
        before = signature.predict(new, policy)
        pd.testing.assert_frame_equal(opened.predict(new, policy), before)
    with pytest.raises(DataError, match="new"):
        signature.predict(new, "refuse")
    words = describe(signature, plan, X, y)["harmonisation"]
    assert words["method"] == ("CovBat" if kind == "covbat" else "ComBat")
    assert words["order"] == (["maker", "kernel"] if kind == "sequential" else "joined")
    assert words["reference"] == KINDS[kind].get("reference", "")

    # Rule 2: held-out rows move nothing that is learned.
    fold = outer_folds(X, y, plan)[0][0]
    spoilt = X.copy()
    spoilt.loc[X.index[fold.test], spoilt.filter(like="original_").columns] *= 1e3
    learned = [prepare_training(rows, y, plan, repeats, fold).whole.steps for rows in (X, spoilt)]
    for one, other in zip(*learned, strict=True):
        assert contents(one) == contents(other)


def contents(step):
    """Every array and value a fitted step holds, as text."""
    found = []
    for name, value in sorted(vars(step).items()):
        if hasattr(value, "get_params"):
            found.append((name, contents(value)))
        elif isinstance(value, list):
            found.append((name, [contents(v) if hasattr(v, "get_params") else v for v in value]))
        elif isinstance(value, np.ndarray) and value.dtype != object:
            found.append((name, value.tobytes()))
        else:
            found.append((name, value))
    return repr(found)


def test_a_study_that_refuses_learns_all_the_same_from_batches_of_one():
    X, y, repeats = patients()
    X.loc[X.index[5], "study.batch"] = "alone"
    plan = procedure("radiomics", "elastic_net", harmonisation={"unseen": "refuse"})
    risks = np.concatenate([h.risk for h in nested_cross_validation(X, y, plan, repeats)])
    assert len(risks) == 48
    assert np.isfinite(risks).all()
