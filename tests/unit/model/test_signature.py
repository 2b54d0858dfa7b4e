import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
import skops.io

from rigoromics.errors import DataError
from rigoromics.model.locking import lock, sha256, unlock
from rigoromics.model.nested import fit_all
from rigoromics.model.signature import describe, make_signature
from tests.unit.model.cohort import cohort, procedure

MODELS = ["elastic_net", "random_forest", "cox_elastic_net", "random_survival_forest"]


def signature_of(model, signature="combined"):
    X, binary, survival, repeats = cohort(patients=50, features=40)
    plan = procedure(signature, model)
    y = binary if plan.endpoint.type == "binary" else survival
    return make_signature(fit_all(X, y, plan, repeats), plan, y), plan, X, y


def external():
    X, _, _, _ = cohort(seed=7, patients=40, features=40, batches=2, first="E")
    return X.assign(**{"study.batch": X["study.batch"].replace("scanner1", "new")})


@pytest.mark.parametrize("model", MODELS)
def test_a_locked_signature_says_the_same_as_before(model):
    signature, *_ = signature_of(model)
    content = lock(signature)
    opened = unlock(content, sha256(content))
    for policy in ("none", "align"):
        pd.testing.assert_frame_equal(
            opened.predict(external(), policy), signature.predict(external(), policy)
        )
    assert opened.used == signature.used
    assert lock(opened) == content


def test_policies_differ_for_the_unseen_batch_only():
    signature, *_ = signature_of("elastic_net", "radiomics")
    new = external()
    none, align = (signature.predict(new, policy)["risk"] for policy in ("none", "align"))
    seen = (new["study.batch"] == "scanner0").to_numpy()
    assert none[seen].tolist() == align[seen].tolist()
    assert (none[~seen] != align[~seen]).any()
    with pytest.raises(DataError, match="meets new"):
        signature.predict(new, "refuse")


def test_predictions_need_no_outcome_and_know_the_cutoff():
    signature, *_ = signature_of("cox_elastic_net")
    predicted = signature.predict(external())
    assert predicted["high"].tolist() == (predicted["risk"] >= signature.cutoff).tolist()
    assert predicted["probability"].between(0, 1).all()


def test_survival_curves_are_locked_and_described():
    signature, plan, X, y = signature_of("cox_elastic_net")
    content = lock(signature)
    opened = unlock(content, sha256(content))
    curves = opened.survival(external(), "align")
    pd.testing.assert_frame_equal(curves, signature.survival(external(), "align"))
    predicted = opened.predict(external(), "align")
    baseline = describe(signature, plan, X, y)["baseline_hazard"]
    assert baseline["times"] == [1.2 * step for step in range(1, 21)]
    by_hand = np.exp(-np.exp(predicted[["risk"]].to_numpy()) * baseline["cumulative"])
    np.testing.assert_allclose(curves, by_hand, rtol=1e-12)
    np.testing.assert_allclose(curves["survival_20"], predicted["probability"], rtol=1e-12)
    # A file of an earlier version still scores, and says what it lacks.
    del opened.pipeline[-1].baseline_hazards_
    pd.testing.assert_frame_equal(opened.predict(external(), "align"), predicted)
    with pytest.raises(DataError, match="earlier version"):
        opened.survival(external())


def test_a_changed_file_is_refused():
    signature, *_ = signature_of("elastic_net")
    content = lock(signature)
    changed = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(DataError, match="not the one that was locked"):
        unlock(changed, sha256(content))
    with pytest.raises(DataError, match="cannot be read"):
        unlock(b"nothing", sha256(b"nothing"))
    other = skops.io.dumps({"format": 99})
    with pytest.raises(DataError, match="no signature of this format"):
        unlock(other, sha256(other))
    foreign = skops.io.dumps({"format": 1, "pipeline": subprocess.Popen})
    with pytest.raises(DataError, match=r"foreign types: .*Popen"):
        unlock(foreign, sha256(foreign))


def test_the_file_holds_no_patient_and_no_time():
    signature, _, X, _ = signature_of("random_survival_forest")
    with zipfile.ZipFile(io.BytesIO(lock(signature))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        everything = b"".join(archive.read(name) for name in archive.namelist())
    for patient in X.index:
        assert patient.encode() not in everything
        assert "\0".join(patient).encode() not in everything
        assert patient.encode("utf-32-le") not in everything


CODE = """
import sys; sys.path.insert(0, {root!r})
from tests.unit.model.test_signature import *
print(sha256(lock(signature_of({model!r})[0])))
"""


@pytest.mark.parametrize("model", ["elastic_net", "random_survival_forest"])
def test_two_processes_lock_the_same_bytes(model, root):
    code = CODE.format(root=str(root), model=model)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == sha256(lock(signature_of(model)[0]))


@pytest.mark.parametrize("model", MODELS)
def test_the_description_rebuilds_the_risk(model):
    signature, plan, X, y = signature_of(model)
    words = describe(signature, plan, X, y)
    assert json.loads(json.dumps(words, allow_nan=False)) == words
    assert words["harmonisation"]["batches"] == ["scanner0", "scanner1"]
    assert words["filters"][2]["dropped"] > 0
    assert words["events"] == (int(y["event"].sum()) if y.dtype.names else int(y.sum()))
    names = [row["feature"] for row in words["features"]]
    assert names == signature.inputs
    if "intercept" not in words or words["features"][0].get("coefficient") is None:
        assert max(row["importance"] for row in words["features"]) > 0
        return
    design = signature.pipeline[:-1].transform(X)[names].to_numpy()
    linear = design @ [row["coefficient"] for row in words["features"]]
    if model == "elastic_net":
        linear = 1 / (1 + np.exp(-(linear + words["intercept"])))
    np.testing.assert_allclose(linear, signature.predict(X)["risk"], rtol=1e-10, atol=1e-14)


def test_one_batch_needs_no_harmonisation_and_says_so():
    X, y, _, repeats = cohort(patients=50, features=40, batches=1)
    plan = procedure(harmonisation={"method": "combat"})
    signature = make_signature(fit_all(X, y, plan, repeats), plan, y)
    words = describe(signature, plan, X, y)
    reason = "the training patients are of one batch"
    assert words["harmonisation"]["training_left_as_it_is"] == reason
    none, align = (signature.predict(external(), policy)["risk"] for policy in ("none", "align"))
    assert (none != align).any()
    alone = external().iloc[[1]]
    assert np.isfinite(signature.predict(alone, "align")["risk"]).all()
    plan = procedure(harmonisation={"method": "none"})
    words = describe(make_signature(fit_all(X, y, plan, repeats), plan, y), plan, X, y)
    assert words["harmonisation"] == {"method": "none", "reason": "the study asks for none"}


def test_the_filter_that_left_nothing_is_named():
    X, y, _, repeats = cohort(patients=50, features=40)
    strict = {"raters": {"icc": "ICC(A,1)", "threshold": 0.9999, "bound": "lower"}}
    with pytest.raises(DataError, match=r"none of the 41 that reached the stability filter"):
        fit_all(X, y, procedure(stability=strict), repeats)
