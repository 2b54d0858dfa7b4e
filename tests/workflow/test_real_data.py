"""Real images and real tables, from what hospitals and papers left, to the report."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.workflow.project import Project, new_project

pytestmark = pytest.mark.workflow


def study(root: Path, folder: Path, name: str, shared: Path) -> Project:
    """A shipped study in a copy of the project, with the shared data where it expects it."""
    project = new_project(folder / "project")
    (folder / "shared").mkdir()
    (folder / "shared/data").symlink_to(shared)
    project.config = f"config/studies/{name}.yaml"
    return project


@pytest.mark.slow
def test_sts_pet_from_dicom_to_report(root, tmp_path, shared_data):
    project = study(root, tmp_path, "sts_pet", shared_data)
    config = yaml.safe_load((project.folder / project.config).read_text())
    config["controls"]["permutations"] = 19
    (project.folder / project.config).write_text(yaml.safe_dump(config))
    project.run()
    table = pd.read_parquet(project.results / "model/table.parquet")
    assert len(table) == 24
    assert table["endpoint.lung_metastasis"].sum() == 8
    verdict = json.loads((project.results / "validation/lung_metastasis/verdict.json").read_text())
    assert verdict["level"] in ("internal only", "none")
    assert "external" in verdict["sentence"]


def test_hosny_tables_to_report(root, tmp_path, shared_data):
    project = study(root, tmp_path, "hosny2018", shared_data)
    config = yaml.safe_load((project.folder / project.config).read_text())
    config["controls"]["permutations"] = 3
    config["models"]["binary"] = ["elastic_net"]
    (project.folder / project.config).write_text(yaml.safe_dump(config))
    project.snakemake()
    metrics = pd.read_csv(project.results / "validation/surv2yr/metrics.tsv", sep="\t")
    auc = metrics.query("metric == 'auc' and signature == 'radiomics' and split == 'external'")
    assert set(auc["cohort"]) == {"maastro", "radboud", "all external"}
    assert set(auc["policy"]) == {"none", "align"}
    assert auc[["lower", "upper"]].notna().all(axis=None)
    assert "0.70" in (project.results / "paper/report.html").read_text()
