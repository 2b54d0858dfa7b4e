"""Shipped studies of a design of their own, on simulated data, from config to report."""

import json

import pandas as pd
import pytest
import yaml

from scripts import simulate_follow_up
from tests.workflow.project import ROOT, Project, new_project

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


def shipped(folder, name, **changes) -> Project:
    """A shipped study in a copy of the project, some of its parts made smaller."""
    project = new_project(folder / "project")
    ready = yaml.safe_load((ROOT / f"config/studies/{name}.yaml").read_text())
    for key, value in changes.items():
        ready[key] |= value
    (project.folder / "quick.yaml").write_text(yaml.safe_dump(ready, sort_keys=False))
    return project


def table(project, path):
    return pd.read_csv(project.results / path, sep="\t")


def discrimination(project, endpoint, metric, split, signature="radiomics"):
    rows = table(project, f"validation/{endpoint}/metrics.tsv")
    rows = rows[(rows["metric"] == metric) & (rows["split"] == split)]
    rows = rows[(rows["signature"] == signature) & (rows["policy"] != "none")]
    return rows["estimate"].iloc[-1]


def test_change_of_lesions_and_markers_to_report(tmp_path):
    project = shipped(
        tmp_path,
        "sim_pet_delta",
        controls={"permutations": 9},
        validation={"outer_folds": 3, "inner_folds": 3, "bootstrap": 60},
        univariate={"bootstrap": 20, "permutations": 40},
        lesions={"compare": ["mean", "worst"]},
    )
    simulate_follow_up.main([str(project.folder / "data/sim_pet_delta")])
    project.snakemake()
    wide = pd.read_parquet(project.results / "model/table.parquet")
    assert len(wide) == 220
    assert "clinical.ldh@relative.week6" in wide
    described = json.loads(
        (project.results / "model/progression/radiomics.cox_elastic_net/signature.json").read_text()
    )
    used = [
        f["feature"] for f in described["features"] if f["feature"] in described["features_used"]
    ]
    # What is planted is a change of texture; a baseline value alone knows nothing.
    assert any("@relative" in name for name in used)
    folder = "model/progression/radiomics.cox_elastic_net"
    assert table(project, f"{folder}/selection.tsv")["stability"].notna().all()
    assert discrimination(project, "progression", "c_index", "external") > 0.65
    assert discrimination(project, "progression", "c_index", "external", "volume") < 0.62
    rules = table(project, "model/progression/lesions.tsv").set_index("alternative")
    assert rules.index.tolist() == ["largest", "mean", "worst"]
    assert rules["n"].nunique() == 1
    own = rules.loc["largest", "estimate"]
    metrics = table(project, "validation/progression/metrics.tsv")
    cv = metrics.query(
        "signature == 'radiomics' and split == 'development_cv' and metric == 'c_index'"
    )
    assert cv["estimate"].iloc[-1] == pytest.approx(own, abs=1e-12)
    report = (project.results / "paper/report.html").read_text()
    for words in (
        "Which lesions speak for a patient",
        "Treatment was allocated at random",
        "Features one by one: progression-free survival",
    ):
        assert words in report


def test_an_ordinal_endpoint_from_dicom_to_report(tmp_path):
    project = shipped(
        tmp_path,
        "sim_us_fibrosis",
        simulation={
            "centres": {
                "A": {"style": "us_linear", "patients": 60},
                "B": {"style": "us_colour", "patients": 40},
            }
        },
        controls={"permutations": 9},
        validation={"outer_folds": 3, "inner_folds": 3, "bootstrap": 60},
    )
    project.snakemake("--", "simulate")
    project.run()
    wide = pd.read_parquet(project.results / "model/table.parquet")
    assert set(wide["endpoint.fibrosis"]) == {0.0, 1.0, 2.0, 3.0, 4.0}
    metrics = table(project, "validation/fibrosis/metrics.tsv")
    assert {"ordinal_c", "kappa_quadratic", "auc_from_F2"} <= set(metrics["metric"])
    cv = metrics.query("signature == 'radiomics' and metric == 'ordinal_c'")
    assert cv["estimate"].between(0.4, 1.0).all()
    verdict = json.loads((project.results / "validation/fibrosis/verdict.json").read_text())
    report = (project.results / "paper/report.html").read_text()
    assert verdict["sentence"] in report.replace("&#39;", "'")
    assert "Features one by one: stage of fibrosis" in report
