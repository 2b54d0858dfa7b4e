"""The .632+ of the whole procedure: what an apparent AUC is worth on noise and on signal."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from rigoromics.evaluate.optimism import _samples
from rigoromics.model.nested import fit_all
from rigoromics.model.outcome import Endpoint
from rigoromics.model.settings import Procedure, Settings
from rigoromics.model.tuning import risk_of
from scripts import optimism
from tests.unit.model.cohort import cohort

ENDPOINT = {"name": "met", "type": "binary"}
PLAN = {
    "harmonisation": {"method": "none"},
    "selection": {"max_features": 3},
    "models": {"elastic_net": {"alpha": [0.02], "l1_ratio": [0.5]}},
    "validation": {"outer_folds": 3, "inner_folds": 3},
}


def run(folder, signal, samples):
    X, y, _, _ = cohort(seed=3, patients=60, features=24, signal=signal)
    table = X.assign(**{"endpoint.met": y.astype(float), "study.role": "development"})
    table["study.cohort"] = table["study.centre"] = "A"
    table.reset_index().to_parquet(folder / "table.parquet")
    pd.DataFrame(columns=["patient", "design", "repeat"]).to_parquet(folder / "repeats.parquet")
    optimism.main(
        table=folder / "table.parquet", repeats=folder / "repeats.parquet",
        optimism=folder / "optimism.tsv", endpoint=ENDPOINT, signature="radiomics",
        model="elastic_net", settings=PLAN, samples=samples, seed=3,
    )  # fmt: skip
    return table, y, pd.read_csv(folder / "optimism.tsv", sep="\t").iloc[0]


def test_an_apparent_auc_of_noise_is_taken_back(tmp_path):
    _, _, noise = run(tmp_path, 0.0, 6)
    assert noise["apparent"] > 0.65
    assert noise["estimate"] < noise["apparent"] - 0.1
    assert noise["lower"] < noise["estimate"] < noise["upper"]


def test_each_sample_runs_the_whole_procedure_anew(tmp_path):
    table, y, found = run(tmp_path, 3.0, 4)
    procedure = Procedure(
        "radiomics", "elastic_net", Endpoint("met", "binary"), Settings.from_dict(PLAN), 3
    )
    nobody = pd.read_parquet(tmp_path / "repeats.parquet")
    outside = []
    for inside, left in _samples(y == 1, 4, 3):
        # A patient drawn twice has two rows and one name, and stays in one inner fold.
        assert table.index[inside].duplicated().any()
        fitted = fit_all(table.iloc[inside], y[inside], procedure, nobody)
        outside.append(roc_auc_score(y[left], risk_of(fitted.pipeline, table.iloc[left])))
    assert found["left_out"] == pytest.approx(np.mean(outside), abs=1e-12)
    assert found["estimate"] < found["apparent"]
    assert found["left_out"] > 0.7
