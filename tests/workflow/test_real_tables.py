"""Published feature tables with batch effects of their own, from config to report."""

import json

import pandas as pd
import pytest
import yaml

from benchmarks import spreadsheet
from tests.workflow.test_real_data import study

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


def run(project, permutations=1):
    """Run a shipped study with next to no permutations."""
    path = project.folder / project.config
    config = yaml.safe_load(path.read_text())
    config["controls"]["permutations"] = permutations
    path.write_text(yaml.safe_dump(config))
    project.snakemake()
    return config


def told(project):
    """How well the batch is told, by measure and stage."""
    effect = pd.read_csv(project.results / "harmonisation/batch_effect.tsv", sep="\t")
    return effect.set_index(["measure", "stage"])["value"]


def test_eleven_institutions_idh_and_survival(root, tmp_path, shared_data):
    project = study(root, tmp_path, "arita2018", shared_data)
    run(project)
    table = pd.read_parquet(project.results / "model/table.parquet")
    assert len(table) == 199
    assert table["study.batch"].nunique() == 11
    # Table 1 of the paper: 87 of 134 and 42 of 65 carry the mutation.
    assert table.groupby("study.cohort")["endpoint.idh"].sum().to_dict() == {
        "test": 87,
        "validation": 42,
    }
    # Dates and codes: 53 dead, 112 alive, the rest unknown.
    assert table["endpoint.os.event"].value_counts().to_dict() == {0.0: 112, 1.0: 53}
    assert table.loc[table["endpoint.os.event"].notna(), "endpoint.os.time"].between(0, 200).all()
    auc = told(project)
    assert auc["auc", "before"] > 0.85
    assert auc["auc", "after"] < auc["auc", "before"] - 0.1
    report = (project.results / "paper/report.html").read_text()
    assert "A classifier told the batch of held-out development patients" in report
    for endpoint in ("idh", "os"):
        path = project.results / "validation" / endpoint / "verdict.json"
        assert json.loads(path.read_text())["sentence"] in report.replace("&#39;", "'")


def test_three_batch_variables_one_after_the_other(root, tmp_path, shared_data):
    project = study(root, tmp_path, "nsclc_radiogenomics", shared_data)
    source = shared_data / "features/nsclc_radiogenomics/Sandy-CT-parameters.xlsx"
    spreadsheet.main(source, project.folder / "data/nsclc_radiogenomics/ct-parameters.csv")
    run(project)
    table = pd.read_parquet(project.results / "model/table.parquet")
    for name in ("manufacturer", "kernel", "contrast"):
        assert table[f"study.batch.{name}"].nunique() > 1
    assert set(table["study.cohort"]) == {"stanford", "va"}
    # 57 patients of eight batches per half: ComBat has little to take out and errs by as much.
    auc = told(project)
    assert auc["auc", "before"] < 0.75
    words = project.results / "model/os/radiomics.cox_elastic_net/signature.json"
    described = json.loads(words.read_text())["harmonisation"]
    assert described["order"] == ["manufacturer", "kernel", "contrast"]
    report = (project.results / "paper/report.html").read_text()
    assert "one batch variable after the other" in report
    assert "Outcome groups of overall survival (development) were not shown to differ" in report
    assert "There was no second rater and no second scan" in report
    worse = "Harmonisation made the batch no harder to tell." in report
    assert worse == (auc["auc", "after"] >= auc["auc", "before"])


def test_three_molecular_groups(root, tmp_path, shared_data):
    project = study(root, tmp_path, "arita2018_groups", shared_data)
    run(project)
    table = pd.read_parquet(project.results / "model/table.parquet")
    counts = table.groupby("study.cohort")["endpoint.group"].value_counts().unstack()
    # Table 1 of the paper: 87 of 134 and 42 of 65 carry the IDH mutation; the others are group 3.
    assert counts.loc["test"].tolist()[2] == 134 - 87
    assert counts.loc["validation"].tolist()[2] == 65 - 42
    metrics = pd.read_csv(project.results / "validation/group/metrics.tsv", sep="\t")
    outside = metrics.query(
        "metric == 'm_auc' and signature == 'radiomics' and split == 'external'"
    )
    assert set(outside["policy"]) == {"none", "align"}
    assert outside[["lower", "upper"]].notna().all(axis=None)
    verdict = json.loads((project.results / "validation/group/verdict.json").read_text())
    report = (project.results / "paper/report.html").read_text()
    assert verdict["sentence"] in report.replace("&#39;", "'")
