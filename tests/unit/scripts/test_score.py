"""New patients: by the command, by MLflow and by hand from the JSON, with the same scores."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.extract.fingerprint import fingerprints, refuse_other_settings
from rigoromics.model.locking import lock, sha256, unlock
from rigoromics.model.nested import fit_all
from rigoromics.model.signature import describe, make_signature
from scripts import score
from scripts.export_mlflow import export
from scripts.tables import EXTRACTION, write_parquet
from tests.unit.model.cohort import cohort, procedure

OWN = fingerprints({"ct": {"bin_width": 25.0}})


@pytest.fixture(scope="module", params=["elastic_net", "cox_elastic_net"])
def study(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("score")
    X, binary, survival, repeats = cohort(patients=60, features=24, signal=3)
    plan = procedure("combined", request.param, harmonisation={"covariates": ["age", "sex"]})
    y = binary if request.param == "elastic_net" else survival
    signature = make_signature(fit_all(X, y, plan, repeats), plan, y, OWN)
    content = lock(signature)
    words = {**describe(signature, plan, X, y), "sha256": sha256(content)}
    (folder / "signature.skops").write_bytes(content)
    (folder / "signature.json").write_text(json.dumps(words, allow_nan=False))
    new, *_ = cohort(seed=9, patients=30, features=24, first="N")
    return folder, signature, new


def files(folder, new, extraction=OWN):
    """Write new patients as two files of a hospital; return the command's arguments."""
    clinical = new[["clinical.age", "clinical.sex", "study.batch"]]
    clinical.columns = ["age", "sex", "scanner"]
    clinical.reset_index().to_csv(folder / "clinical.csv", index=False)
    table = new.drop(columns=["clinical.age", "clinical.sex", "study.batch"]).reset_index()
    table.attrs[EXTRACTION] = extraction
    write_parquet(table, folder / "new.parquet")
    return {
        "--signature": folder / "signature.skops",
        "--features": folder / "new.parquet",
        "--clinical": folder / "clinical.csv",
        "--batch": "scanner",
        "--output": folder / "scores.tsv",
    }


def command(given, *more):
    return score.main([*(str(x) for pair in given.items() for x in pair), *more])


def test_the_command_gives_the_signatures_own_scores(study):
    folder, signature, new = study
    assert command(files(folder, new)) == 0
    scores = pd.read_csv(folder / "scores.tsv", sep="\t").set_index("patient")
    expected = signature.predict(new)
    np.testing.assert_allclose(scores[expected.columns], expected, rtol=0, atol=1e-12)
    assert set(scores["batch_seen"]) == {"yes"}


def test_features_of_other_settings_are_refused(study, capsys):
    folder, _, new = study
    assert command(files(folder, new, fingerprints({"ct": {"bin_width": 10.0}}))) == 2
    assert "extracted with other settings" in capsys.readouterr().err
    assert command(files(folder, new, {})) == 2
    assert "nothing says with which settings" in capsys.readouterr().err
    assert command(files(folder, new, {}), "--settings-unchecked") == 0


def test_an_unseen_scanner_is_refused_unless_a_policy_is_named(study, capsys):
    folder, signature, new = study
    other = new.assign(**{"study.batch": new["study.batch"].replace("scanner1", "elsewhere")})
    given = files(folder, other)
    assert command(given) == 2
    assert "meets elsewhere" in capsys.readouterr().err
    assert command(given, "--policy", "align") == 0
    scores = pd.read_csv(folder / "scores.tsv", sep="\t").set_index("patient")
    expected = signature.predict(other, "align")
    np.testing.assert_allclose(scores["risk"], expected["risk"], rtol=0, atol=1e-12)
    assert (scores["batch_seen"] == "no").equals(other["study.batch"] == "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda g: g.pop("--clinical"), "needs the clinical predictor|harmonised by batch"),
        (lambda g: g.pop("--batch"), "harmonised by batch"),
        (lambda g: g.update({"--batch": "centre"}), "no column 'centre'"),
        (lambda g: g.update({"--signature": "none.skops"}), "does not exist"),
        (lambda g: g.update({"--sha256": "0" * 64}), "not the one that was locked"),
        (lambda g: g.update({"--id": "name"}), "no column 'name'"),
    ],
)
def test_plain_errors(study, capsys, spoil, said):
    folder, _, new = study
    given = files(folder, new)
    spoil(given)
    assert command(given) == 2
    text = capsys.readouterr().err
    assert any(part in text for part in said.split("|"))
    assert "Traceback" not in text


def test_a_lacking_feature_is_refused(study, capsys):
    folder, _, new = study
    assert command(files(folder, new.drop(columns="original_f003"))) == 2
    assert "'original_f003'" in capsys.readouterr().err


def test_mlflow_gives_the_same_scores_and_holds_no_pickle(study, tmp_path, monkeypatch):
    import mlflow

    folder, signature, new = study
    if signature.endpoint.type == "survival":
        pytest.skip("one kind of signature shows it")
    export(folder / "signature.skops", tmp_path / "model")
    names = {path.suffix for path in (tmp_path / "model").rglob("*")}
    assert not names & {".pkl", ".pickle", ".joblib"}
    # Loading puts the model's own copy of the library first; the tests go on with the project's.
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    table = new.copy()
    with pytest.raises(Exception, match="nothing says with which settings"):
        loaded.predict(table)
    scores = loaded.predict(table, params={"settings_unchecked": True})
    expected = signature.predict(new)
    np.testing.assert_allclose(scores[expected.columns], expected, rtol=0, atol=1e-12)
    with pytest.raises(DataError, match="exists"):
        export(folder / "signature.skops", tmp_path / "model")


def by_hand(words, row):
    """Apply the recipe of signature.json to one patient with arithmetic alone."""
    hand = words["by_hand"]
    row = row.where(row.notna() | ~row.index.isin(["clinical.sex"]), "missing")
    z = []
    for column in hand["covariates"]:
        value = row["clinical." + column["name"]]
        if "levels" in column:
            known = value in column["levels"]
            number = float(value == column["level"]) if known else column["mean"]
        else:
            number = column["if_missing"] if pd.isna(value) else value
        z.append((number - column["mean"]) / column["scale"])
    total = hand["intercept"]
    for item in hand["inputs"]:
        name, _, level = item["input"].partition("=")
        value = row[name]
        if level:
            value = float(value == level)
        elif pd.isna(value):
            value = item["if_missing"]
        steps = item.get("harmonisation")
        if steps and row["study.batch"] in steps["shift"]:
            batch = row["study.batch"]
            effects = zip(steps["covariate_effects"], z, strict=True)
            expected = steps["mean"] + sum(a * b for a, b in effects)
            shifted = value - expected - steps["sd"] * steps["shift"][batch]
            value = shifted / steps["scale"][batch] + expected
        total += item["coefficient"] * (value - item["mean"]) / item["standard_deviation"]
    return 1 / (1 + np.exp(-total)) if hand["link"] == "logistic" else total


def test_the_json_applied_by_hand_gives_the_same_risk(study):
    folder, signature, new = study
    words = json.loads((folder / "signature.json").read_text())
    assert any("harmonisation" in item for item in words["by_hand"]["inputs"])
    assert words["by_hand"]["covariates"]
    new = new.copy()
    new.loc[new.index[0], [c for c in new if c.startswith("original_f")]] = np.nan
    new.loc[new.index[1], "study.batch"] = "elsewhere"
    found = [by_hand(words, row) for _, row in new.iterrows()]
    np.testing.assert_allclose(found, signature.predict(new)["risk"], rtol=0, atol=1e-12)


def test_the_fingerprint_is_locked_with_the_signature(study):
    folder, *_ = study
    content = (folder / "signature.skops").read_bytes()
    assert unlock(content, sha256(content)).extraction == OWN
    two = OWN | {"pet": "b" * 64}
    refuse_other_settings({}, {})
    refuse_other_settings(OWN, {"chest": OWN["ct"]})
    refuse_other_settings(two, two | {"mr": "c" * 64})
    with pytest.raises(DataError, match="other settings"):
        refuse_other_settings(two, OWN)


def test_a_long_feature_table_gives_the_same_scores_and_asks_which_lesion(study, capsys):
    folder, _, new = study
    given = files(folder, new)
    assert command(given) == 0
    wide = pd.read_csv(folder / "scores.tsv", sep="\t")
    table = pd.read_parquet(folder / "new.parquet")
    keys = {"cohort": "new", "timepoint": "baseline", "scan": "ct", "roi": "tumour"}
    keys |= {"rater": "r1", "perturbation": "none"}
    long = pd.concat([table[["patient"]].assign(**keys), table.drop(columns="patient")], axis=1)
    long.attrs[EXTRACTION] = OWN
    write_parquet(long, folder / "new.parquet")
    assert command(given) == 0
    pd.testing.assert_frame_equal(pd.read_csv(folder / "scores.tsv", sep="\t"), wide)
    twice = pd.concat([long, long.head(1)])
    twice.attrs[EXTRACTION] = OWN
    write_parquet(twice, folder / "new.parquet")
    assert command(given) == 2
    assert "several lesions" in capsys.readouterr().err
    assert command(given, "--lesions", "largest") == 0
