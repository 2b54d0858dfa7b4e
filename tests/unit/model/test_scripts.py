"""The four scripts, on files."""

import json

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.evaluate.group import Endpoint as Judged
from rigoromics.evaluate.group import Settings as Evaluation
from rigoromics.evaluate.study import evaluate
from rigoromics.model.locking import unlock
from scripts import fit, lock, permute, random_features, validate
from tests.unit.model.cohort import STABILITY, cohort

SETTINGS = {
    "harmonisation": {
        "method": "combat",
        "batch": ["centre"],
        "covariates": ["age"],
        "parametric": True,
        "unseen": "align",
    },
    "stability": STABILITY,
    "selection": {"redundancy": 0.9, "method": "mrmr", "max_features": "auto"},
    "models": {"trees": 10, "class_weight": "balanced"},
    "validation": {"outer_folds": 4, "inner_folds": 3, "repeats": 2, "one_standard_error": False},
    "clinical": {"age": "numeric", "sex": "categorical"},
    "volume_feature": "original_shape_MeshVolume",
}
MET = {"name": "met", "type": "binary", "label": "Metastasis"}
OS = {"name": "os", "type": "survival", "horizon": 24, "unit": "months"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    parts, shuffled = [], []
    for first, role, seed in (("D", "development", 1), ("E", "external", 2)):
        X, y, survival, repeats = cohort(seed, patients=50, features=30, first=first)
        if role == "development":
            repeats.to_parquet(folder / "repeats.parquet")
        X.insert(0, "study.cohort", first)
        X.insert(1, "study.role", role)
        X.insert(2, "study.centre", X["study.batch"])
        X["endpoint.met"] = np.where(np.arange(50) == 7, np.nan, y.astype(float))
        X["endpoint.os.time"], X["endpoint.os.event"] = survival["time"], survival["event"] * 1.0
        parts.append(X.reset_index())
        noise = X.copy()
        names = [name for name in X if name.startswith("original_f")]
        noise[names] = np.random.default_rng(seed).normal(size=(50, len(names)))
        shuffled.append(noise.reset_index())
    pd.concat(parts).to_parquet(folder / "table.parquet")
    pd.concat(shuffled).to_parquet(folder / "shuffled.parquet")
    return folder


def fit_one(files, folder, endpoint, signature, model):
    target = folder / f"{signature}.{model}"
    target.mkdir(parents=True)
    metrics = fit.main(
        table=files / "table.parquet",
        repeats=files / "repeats.parquet",
        shuffled=files / "shuffled.parquet",
        oof=target / "oof.parquet",
        locked=target / "signature.skops",
        description=target / "signature.json",
        selection=target / "selection.tsv",
        tuning=target / "tuning.tsv",
        endpoint=endpoint,
        signature=signature,
        model=model,
        settings=SETTINGS,
        seed=5,
        threads=1,
    )
    return target, metrics


def check_curves(rows, curves, oof, locked, external):
    """Curves fall, end in the probability, and are those of the folds and of the locked file."""
    assert (np.diff(rows[curves], axis=1) <= 0).all()
    assert rows[curves[-1]].to_numpy() == pytest.approx(rows["probability"], abs=1e-12)
    rows = rows.set_index("patient")
    own = rows.query("signature == 'radiomics' and split == 'development_cv'")[curves]
    pd.testing.assert_frame_equal(own, oof.groupby("patient")[curves].mean())
    told = rows.query("signature == 'radiomics' and policy == 'align'")[curves]
    said = locked.survival(external.set_index("patient").sort_index(), "align")
    pd.testing.assert_frame_equal(said, told)
    primary = {"signature": "radiomics", "model": locked.model, "policy": "none"}
    fast = Evaluation(bootstrap=20)
    judged = evaluate(rows.reset_index(), Judged.from_dict(OS), primary, fast, 1).metrics
    integrated = judged[judged["metric"] == "integrated_brier"]
    assert integrated["method"].str.contains("from time 0 to 24").all()
    assert integrated["estimate"].between(0.01, 0.4).all()


@pytest.mark.parametrize(
    ("endpoint", "model"), [(MET, "elastic_net"), (OS, "random_survival_forest")]
)
def test_from_table_to_predictions(files, tmp_path, endpoint, model):
    names = ["radiomics", "shuffled", "volume"]
    targets = [fit_one(files, tmp_path, endpoint, name, model)[0] for name in names]
    signatures = [target / "signature.skops" for target in targets]
    lock.main(signatures=signatures, locks=tmp_path / "locks.tsv")
    locks = pd.read_csv(tmp_path / "locks.tsv", sep="\t")
    assert locks["signature"].tolist() == names
    words = json.loads((targets[0] / "signature.json").read_text())
    assert words["sha256"] == locks["sha256"][0]

    oof = pd.read_parquet(targets[0] / "oof.parquet")
    patients = 49 if endpoint is MET else 50
    assert len(oof) == 2 * patients
    assert oof.groupby("repeat")["patient"].nunique().tolist() == [patients, patients]
    assert oof["patient"].str.startswith("D").all()
    tried = pd.read_csv(targets[0] / "tuning.tsv", sep="\t")
    assert tried.groupby(["repeat", "fold"])["chosen"].sum().tolist() == [1] * 9
    frequency = pd.read_csv(targets[0] / "selection.tsv", sep="\t")
    assert frequency["frequency"].between(0, 1).all()
    assert frequency["in_final"].sum() == locks["n_features"][0]

    arguments = {
        "table": files / "table.parquet",
        "shuffled": files / "shuffled.parquet",
        "locks": tmp_path / "locks.tsv",
        "signatures": signatures,
        "oof": [target / "oof.parquet" for target in targets],
        "predictions": tmp_path / "predictions.parquet",
        "endpoint": endpoint,
        "policies": ["none", "align"],
    }
    validate.main(**arguments)
    rows = pd.read_parquet(tmp_path / "predictions.parquet")
    assert len(rows) == 3 * 3 * patients
    assert set(rows["split"]) == {"external", "development_cv"}
    assert (rows["role"] == "external").equals(rows["split"] == "external")
    assert set(rows.loc[rows["split"] == "development_cv", "policy"]) == {"none"}
    assert rows["risk"].notna().all()
    assert rows["cutoff_class"].isin([0, 1]).all()
    assert ("y" in rows) == (endpoint is MET)
    curves = [name for name in rows if name.startswith("survival_")]
    assert len(curves) == (0 if endpoint is MET else 20)
    if curves:
        external = pd.read_parquet(files / "table.parquet").query("`study.role` == 'external'")
        locked = unlock(signatures[0].read_bytes(), locks["sha256"][0])
        check_curves(rows, curves, oof, locked, external)

    refused = pd.read_parquet(files / "table.parquet")
    new = refused["patient"].isin(refused.loc[refused["study.role"] == "external", "patient"][:9])
    refused.loc[new, "study.batch"] = "new"
    refused.to_parquet(tmp_path / "some_new.parquet")
    refusing = {**arguments, "policies": ["refuse"], "table": tmp_path / "some_new.parquet"}
    validate.main(**{**refusing, "predictions": tmp_path / "refused.parquet"})
    told = pd.read_parquet(tmp_path / "refused.parquet")
    told = told[(told["split"] == "external") & (told["signature"] == "radiomics")]
    assert set(told["policy"]) == {"refuse"}
    assert not set(told["patient"]) & set(refused.loc[new, "patient"])
    # One external patient has no known metastasis, and is among the nine.
    assert len(told) == 41

    signatures[1].write_bytes(signatures[0].read_bytes())
    with pytest.raises(DataError, match="not the one that was locked"):
        validate.main(**arguments)


def test_external_rows_never_reach_fitting(files, tmp_path):
    spoiled = tmp_path / "spoiled"
    spoiled.mkdir()
    for name in ("table", "shuffled"):
        table = pd.read_parquet(files / f"{name}.parquet")
        rows = table["study.role"] == "external"
        features = [column for column in table if column.startswith("original_")]
        table.loc[rows, features] = 1e9
        table.loc[rows, "endpoint.met"] = 1 - table.loc[rows, "endpoint.met"]
        table.sample(frac=1, random_state=0).to_parquet(spoiled / f"{name}.parquet")
    pd.read_parquet(files / "repeats.parquet").to_parquet(spoiled / "repeats.parquet")
    one, metrics = fit_one(files, tmp_path / "one", MET, "combined", "elastic_net")
    two, again = fit_one(spoiled, tmp_path / "two", MET, "combined", "elastic_net")
    assert metrics == again
    for file in one.iterdir():
        assert file.read_bytes() == (two / file.name).read_bytes(), file.name


def test_random_features(files, tmp_path):
    """The first statistic is the one that the permutations start from; draws differ and repeat."""
    arguments = {
        "table": files / "table.parquet",
        "repeats": files / "repeats.parquet",
        "endpoint": MET,
        "signature": "radiomics",
        "model": "elastic_net",
        "settings": SETTINGS,
        "seed": 5,
    }
    found = []
    for name in ("first", "again"):
        metrics = random_features.main(draws=4, random=tmp_path / f"{name}.tsv", **arguments)
        found.append((tmp_path / f"{name}.tsv").read_text())
    assert found[0] == found[1]
    rows = pd.read_csv(tmp_path / "first.tsv", sep="\t")
    assert rows["draw"].tolist() == [-1, 0, 1, 2, 3]
    assert rows["statistic"][1:].nunique() > 1
    observed = permute.main(permutations=0, permutation=tmp_path / "none.tsv", **arguments)
    assert metrics["statistic"] == observed["statistic"]
    with pytest.raises(DataError, match="chooses no image features"):
        random_features.main(
            draws=1, random=tmp_path / "no.tsv", **{**arguments, "signature": "volume"}
        )


def test_permutations(files, tmp_path):
    arguments = {
        "table": files / "table.parquet",
        "repeats": files / "repeats.parquet",
        "permutation": tmp_path / "permutation.tsv",
        "endpoint": MET,
        "signature": "radiomics",
        "model": "elastic_net",
        "settings": SETTINGS,
        "seed": 5,
    }
    metrics = permute.main(permutations=4, **arguments)
    rows = pd.read_csv(tmp_path / "permutation.tsv", sep="\t")
    assert rows["permutation"].tolist() == [-1, 0, 1, 2, 3]
    assert metrics["p"] >= 0.2
    assert permute.main(permutations=0, **arguments).keys() == {"statistic"}


def test_a_patient_in_two_cohorts_is_refused(files, tmp_path):
    table = pd.read_parquet(files / "table.parquet")
    table.loc[table["patient"] == "E0003", "patient"] = "D0003"
    for name in ("table", "shuffled"):
        table.to_parquet(tmp_path / f"{name}.parquet")
    pd.read_parquet(files / "repeats.parquet").to_parquet(tmp_path / "repeats.parquet")
    with pytest.raises(DataError, match=r"more than one row .*first: D0003"):
        fit_one(tmp_path, tmp_path / "fit", MET, "radiomics", "elastic_net")
