"""Rules for several lesions, compared where the largest one carries the outcome."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from rigoromics import table as tables
from rigoromics.evaluate.alternatives import ALTERNATIVES, alternatives_table
from rigoromics.evaluate.discrimination import delong_paired
from rigoromics.evaluate.group import Endpoint, Settings
from rigoromics.lesions import LesionRule
from scripts import fit, lesions

VOLUME = "original_shape_MeshVolume"
ENDPOINT = {"name": "met", "type": "binary", "label": "metastasis"}
PLAN = {
    "harmonisation": {"method": "none"},
    "selection": {"max_features": 2},
    "validation": {"outer_folds": 4, "inner_folds": 3},
    "elastic_net": {},
}
RULES = {"rule": "largest", "worst_by": "", "compare": ["smallest", "mean"]}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Eighty patients of three lesions each; only the largest one knows the outcome."""
    folder = tmp_path_factory.mktemp("lesions")
    rng = np.random.default_rng(4)
    names = [f"P-{i:03d}" for i in range(80)]
    latent = rng.normal(size=80)
    rows = []
    for name, z in zip(names, latent, strict=True):
        for size in (9.0, 3.0, 1.0):
            # Of the lesions, the largest alone follows the latent variable.
            signal = z if size == 9.0 else rng.normal()
            values = {f"original_firstorder_F{k}": rng.normal() for k in range(6)}
            values["original_firstorder_F0"] = signal + 0.2 * rng.normal()
            volume = size + rng.uniform(0, 0.5)
            case = {
                "patient": name,
                "cohort": "a",
                "timepoint": "baseline",
                "scan": "ct",
                "roi": "lesion",
            }
            rows.append({**case, "rater": "r1", "perturbation": "none", VOLUME: volume, **values})
    long = pd.DataFrame(rows)
    long.to_parquet(folder / "features.parquet")
    wide = tables.one_row_per_patient(long, "r1", "none", LesionRule("largest", VOLUME))
    people = pd.DataFrame({"study.cohort": "a", "study.role": "development"}, index=wide.index)
    people["study.centre"] = people["study.batch"] = "A"
    people["endpoint.met"] = (latent + 0.5 * rng.normal(size=80) > 0).astype(float)
    # One more whose outcome nobody knows, and one outside.
    people.loc["P-000", "endpoint.met"] = np.nan
    people.loc["P-001", ["study.role", "study.cohort"]] = ["external", "b"]
    people.join(wide).reset_index().to_parquet(folder / "table.parquet")
    tables.repeats(long, list(wide.index), "r1", {}, LesionRule("largest", VOLUME)).to_parquet(
        folder / "repeats.parquet"
    )
    return folder


def compared(folder, **changes):
    lesions.main(
        features=folder / "features.parquet",
        table=folder / "table.parquet",
        comparison=folder / "lesions.tsv",
        endpoint=ENDPOINT,
        signature="radiomics",
        model="elastic_net",
        settings=PLAN,
        lesions=RULES | changes,
        segmentations={"reference_rater": "r1", "retest_of": {}},
        evaluation={"bootstrap": 50},
        seed=8,
    )
    return pd.read_csv(folder / "lesions.tsv", sep="\t").set_index("alternative")


def test_the_study_s_own_rule_does_as_its_fit_and_the_others_worse(study):
    found = compared(study)
    out = {name: study / name for name in ("oof", "locked", "description", "selection", "tuning")}
    fit.main(
        table=study / "table.parquet", repeats=study / "repeats.parquet",
        shuffled=study / "table.parquet", **out, endpoint=ENDPOINT, signature="radiomics",
        model="elastic_net", settings=PLAN, seed=8,
    )  # fmt: skip
    risk = pd.read_parquet(out["oof"]).groupby("patient")["risk"].mean()
    people = pd.read_parquet(study / "table.parquet").set_index("patient")
    auc = roc_auc_score(people.loc[risk.index, "endpoint.met"], risk)
    assert found.loc["largest", "estimate"] == pytest.approx(auc, abs=1e-12)
    assert found.index.tolist() == ["largest", "mean", "smallest"]
    assert (found["n"] == 78).all()
    assert auc > 0.85
    assert found.loc["smallest", "estimate"] < 0.65
    assert found.loc["smallest", "difference_upper"] < 0
    assert found.loc["smallest", "p_adjusted"] < 0.01
    assert found.loc["largest", ["difference", "p", "p_adjusted"]].isna().all()


def test_no_external_patient_is_looked_at(study):
    found = compared(study)
    table = pd.read_parquet(study / "table.parquet")
    outside = table["study.role"] == "external"
    values = [name for name in table if name.startswith("original_")]
    table.loc[outside, values] = 1e6
    table.loc[outside, "endpoint.met"] = 1 - table.loc[outside, "endpoint.met"]
    features = pd.read_parquet(study / "features.parquet")
    theirs = features["patient"].isin(table.loc[outside, "patient"])
    features.loc[theirs, values] = 1e6
    table.to_parquet(study / "table.parquet")
    features.to_parquet(study / "features.parquet")
    pd.testing.assert_frame_equal(compared(study), found)


def test_differences_are_delong_s_with_holm_s_correction():
    rng = np.random.default_rng(2)
    y = np.arange(60) % 2
    base = pd.DataFrame({"patient": [f"P{i}" for i in range(60)], "cohort": "a", "centre": "A"})
    base = base.assign(split="development_cv", model="m", policy="none", y=y, probability=0.5)
    risks = {name: y + rng.normal(0, s, 60) for name, s in (("b", 1), ("a", 2), ("c", 4))}
    rows = [base.assign(signature=name, risk=risk) for name, risk in risks.items()]
    table = alternatives_table(pd.concat(rows), "b", Endpoint("y", "binary"), Settings(), 1)
    assert table.columns.tolist() == ALTERNATIVES
    assert table["alternative"].tolist() == ["b", "a", "c"]
    table = table.set_index("alternative")
    witness = {name: delong_paired(y, risks[name], risks["b"]) for name in "ac"}
    for name, found in witness.items():
        assert table.loc[name, "difference"] == pytest.approx(found.difference, abs=1e-12)
        assert table.loc[name, "p"] == pytest.approx(found.p, rel=1e-9)
    small, large = sorted(found.p for found in witness.values())
    assert sorted(table["p_adjusted"].dropna()) == pytest.approx([2 * small, max(2 * small, large)])
