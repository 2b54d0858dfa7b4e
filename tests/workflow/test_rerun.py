"""Rerun what changed, and only that: the lists of jobs after every kind of change."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from rigoromics.seeds import derive_seed
from rigoromics.simulate import CohortSettings, damage, write_patient
from rigoromics.simulate.settings import Place
from tests.workflow.project import Project, new_project

pytestmark = pytest.mark.workflow

CHUNK_STEPS = {"images", "extract"}
COHORT_STEPS = {
    "quality",
    "assemble",
    "analysis_table",
    "audit",
    "stability",
    "harmonisation",
    "fit",
    "lock",
    "permute",
    "validate",
    "evaluate",
    "figures",
    "report",
    "track",
}


def touch(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path)


def included(project: Project) -> pd.DataFrame:
    return pd.read_csv(project.results / "sheet/cases.tsv", sep="\t", dtype=str)


def test_nothing_changed_nothing_done(planted):
    assert planted.planned() == {}


def test_a_new_sheet_of_the_same_data_changes_nothing(copied):
    copied.snakemake("--", "sheet")
    assert copied.planned() == {}


def test_touching_all_files_reruns_nothing(copied):
    touch(copied.folder)
    assert copied.planned() == {}


def test_fresh_clone_on_the_same_results_reruns_nothing(planted, tmp_path):
    clone = new_project(tmp_path / "clone")
    for name in ("data", "results", ".snakemake"):
        shutil.copytree(planted.folder / name, clone.folder / name, symlinks=True)
    assert clone.planned() == {}


def test_a_changed_contour_reruns_its_chunk_and_the_cohort_steps(copied):
    people = pd.read_csv(copied.folder / "data/quick/clinical.csv", dtype=str)["patient"]
    damage(copied.folder / "data/quick/raw", "moved_contour", people.iloc[4])
    jobs = copied.planned()
    assert jobs["images"] == 1
    assert jobs["extract"] == 1
    assert set(jobs) - CHUNK_STEPS <= COHORT_STEPS


def test_an_added_patient_reruns_one_chunk_and_the_cohort_steps(copied):
    raw, table = copied.folder / "data/quick/raw", copied.folder / "data/quick/clinical.csv"
    config = yaml.safe_load((copied.folder / copied.config).read_text())
    settings = CohortSettings.from_dict(config["simulation"])
    centre = next(c for c in settings.centres if c.name == "C")
    place = Place(centre, centre.patients + 1)
    write_patient(settings, place, derive_seed(config["seed"], "simulate"), raw)
    people = pd.read_csv(table)
    new = people.iloc[[-1]].assign(patient=place.patient_id)
    pd.concat([people, new]).to_csv(table, index=False)
    copied.snakemake("--", "sheet")
    jobs = copied.planned()
    assert jobs["images"] == 1
    assert jobs["extract"] == 1
    assert set(jobs) - CHUNK_STEPS <= COHORT_STEPS | {"clinical"}


@pytest.mark.parametrize(
    ("module", "rerun", "kept"),
    [
        ("rigoromics/evaluate/decision.py", {"evaluate"}, {"images", "extract", "fit", "validate"}),
        ("rigoromics/extract/engine.py", {"extract"}, {"images", "clinical"}),
        ("rigoromics/segment/rtstruct.py", {"images"}, {"clinical"}),
        ("rigoromics/harmonise/combat.py", {"fit", "harmonisation"}, {"images", "extract"}),
        ("rigoromics/stability/icc.py", {"stability", "fit"}, {"images", "extract"}),
    ],
)
def test_an_edited_library_function_reruns_the_stages_that_use_it(copied, module, rerun, kept):
    path = copied.folder / module
    path.write_text(path.read_text() + "\n# edited\n")
    jobs = set(copied.planned())
    assert rerun <= jobs
    assert not kept & jobs


def test_a_model_setting_reruns_no_image_work(copied):
    copied.edit_config(selection={"redundancy": 0.8})
    jobs = set(copied.planned())
    assert {"fit", "permute"} <= jobs
    assert not {"images", "extract", "assemble", "analysis_table", "stability"} & jobs


def test_paper_metadata_reruns_the_paper_alone(copied):
    copied.edit_config(paper={"title": "Another title"})
    assert set(copied.planned()) <= {"report", "track"}


def test_a_tracking_server_that_is_down_fails_nothing_and_is_caught_up(copied):
    copied.edit_config(paper={"title": "Another title"})
    # Nobody listens there.
    copied.snakemake(store="http://127.0.0.1:9")
    assert "Another title" in (copied.results / "paper/report.html").read_text()
    state = copied.results / "tracking/mlflow.json"
    assert json.loads(state.read_text())["state"] == "failed"
    assert copied.planned() == {"track": 1}
    copied.snakemake()
    assert json.loads(state.read_text())["state"] == "ok"
    assert copied.planned() == {}


def test_without_a_sheet_the_message_says_what_to_do(tmp_path):
    project = new_project(tmp_path / "new")
    said = project.snakemake("-n", check=False)
    assert said.returncode != 0
    assert "snakemake sheet" in said.stderr + said.stdout
    assert "Traceback" not in said.stderr


def test_a_misspelt_key_is_said_before_anything_runs(tmp_path):
    project = new_project(tmp_path / "new", selektion={})
    said = project.snakemake("-n", check=False)
    assert "did you mean `selection`?" in said.stderr + said.stdout
    assert "Traceback" not in said.stderr
