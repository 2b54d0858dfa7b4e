import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from benchmarks.tracking import address, free_port, make_study, server
from scripts import track as script
from scripts.track import main

METRICS = pd.DataFrame(
    {
        "endpoint": "m",
        "signature": "radiomics",
        "model": "elastic_net",
        "cohort": "all external",
        "split": "external",
        "policy": "align",
        "metric": "auc",
        "estimate": [0.8],
        "lower": [0.6],
        "upper": [0.9],
    }
)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A small finished study in a folder of its own; returns a function that tracks it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    results = tmp_path / "results/s"
    for chunk in ("a", "b"):
        record = results / f"tracking/records/extract/{chunk}.json"
        record.parent.mkdir(parents=True, exist_ok=True)
        values = {
            "rule": "extract",
            "name": chunk,
            "params": {"settings": {"bin_width": 25}, "seed": chunk},
            "inputs": {"index": "0" * 64},
            "outputs": {},
            "code": "1" * 64,
            "metrics": {"masks": 3},
            "versions": {"numpy": "2"},
        }
        record.write_text(json.dumps(values))
        benchmark = results / f"benchmarks/extract/{chunk}.tsv"
        benchmark.parent.mkdir(parents=True, exist_ok=True)
        benchmark.write_text("s\tmax_rss\tcpu_time\n2.0\t100.0\t1.5\n")
        benchmark.with_suffix(".json").write_text(json.dumps({"peak_mb": 140.5}))
    folder = results / "validation/m"
    folder.mkdir(parents=True)
    METRICS.to_csv(folder / "metrics.tsv", sep="\t", index=False)
    (folder / "verdict.json").write_text(json.dumps({"sentence": "No evidence."}))
    (results / "tracking").mkdir(exist_ok=True)
    for name in ("report.html", "manuscript.pdf"):
        (results / name).write_text(name)

    def track(run: str = "abc", **changes: object) -> dict[str, str]:
        (results / "numbers.json").write_text(json.dumps({"run_id": run}))
        main(
            numbers=results / "numbers.json",
            html=results / "report.html",
            pdf=results / "manuscript.pdf",
            metrics=[folder / "metrics.tsv"],
            verdicts=[folder / "verdict.json"],
            state=results / "tracking/mlflow.json",
            **{
                "study": "s",
                "experiment": "",
                "config": {"name": "s", "seed": 1, "selection": {"redundancy": 0.9}},
                "logs": "results/s/logs",
                "jobs": {"extract": ["a", "b"]},
                "retry": "",
                **changes,
            },
        )
        return json.loads((results / "tracking/mlflow.json").read_text())

    return track


def runs(folder):
    client = MlflowClient(f"sqlite:///{folder}/results/mlflow.db")
    home = client.get_experiment_by_name("s").experiment_id
    return {run.info.run_name: run for run in client.search_runs([home])}


def test_a_study_is_a_parent_with_steps_and_models_below(study, tmp_path):
    state = study()
    assert state["state"] == "ok"
    found = runs(tmp_path)
    assert set(found) == {"s abc", "extract", "m/radiomics/elastic_net"}
    parent = found["s abc"]
    assert parent.data.params["selection.redundancy"] == "0.9"
    assert parent.data.tags["verdict.m"] == "No evidence."
    headline = "m.radiomics.elastic_net.auc.all_external.external.align"
    assert parent.data.metrics[headline] == 0.8
    step = found["extract"]
    assert step.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert step.data.metrics == {
        "jobs": 2,
        "masks": 6,
        "wall_seconds": 4,
        "cpu_seconds": 3,
        "max_rss_mb": 140.5,
    }
    assert step.data.params["settings.bin_width"] == "25"
    assert step.data.params["seed"] == "2 values"


def test_the_same_run_is_written_once_and_another_beside_it(study, tmp_path):
    study()
    study()
    assert len(runs(tmp_path)) == 3
    study("def", config={"name": "s", "seed": 2})
    client = MlflowClient(f"sqlite:///{tmp_path}/results/mlflow.db")
    home = client.get_experiment_by_name("s").experiment_id
    assert len(client.search_runs([home])) == 6


def test_a_store_that_fails_never_fails_the_study_and_is_caught_up(study, tmp_path, monkeypatch):
    (tmp_path / "no_folder").write_text("a file where the store's folder should be")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/no_folder/mlflow.db")
    state = study()
    assert state["state"] == "failed"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert study()["state"] == "ok"
    assert "s abc" in runs(tmp_path)


def test_an_attempt_that_was_cut_off_is_removed_before_the_next(study, tmp_path, monkeypatch):
    child = script._child

    def cut_off(client, home, parent, name, kind, *rest):
        if kind == "model":
            raise ConnectionError("the server went away")
        child(client, home, parent, name, kind, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(script, "_child", cut_off)
        assert study()["state"] == "failed"
    assert set(runs(tmp_path)) == {"s abc", "extract"}
    assert study()["state"] == "ok"
    client = MlflowClient(f"sqlite:///{tmp_path}/results/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("s").experiment_id])
    names = sorted(run.info.run_name for run in found)
    assert names == ["extract", "m/radiomics/elastic_net", "s abc"]
    assert {run.info.status for run in found} == {"FINISHED"}


def test_a_server_that_is_down_is_caught_up_when_it_is_back(study, tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address(port))
    assert study()["state"] == "failed"
    with server(tmp_path, port):
        state = study()
        assert state["state"] == "ok"
        client = MlflowClient(address(port))
        assert client.get_run(state["mlflow_run"]).data.tags["rigoromics.run"] == "abc"
        found = client.search_runs([client.get_experiment_by_name("s").experiment_id])
        assert len(found) == 3
        assert {file.path for file in client.list_artifacts(state["mlflow_run"])} == {
            "config.json",
            "manuscript.pdf",
            "numbers.json",
            "report.html",
        }


def test_two_studies_of_other_folders_write_at_once_to_a_database_not_there_yet(tmp_path):
    """Two processes that migrate a new database at once fail each other, unless one waits."""
    store = f"sqlite:///{tmp_path}/team/mlflow.db"
    writers = []
    for name in ("s", "t"):
        folder = tmp_path / name
        make_study(folder, name, 2, (1, 2, 2))
        env = os.environ | {"MLFLOW_TRACKING_URI": store, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "benchmarks.tracking", "--one", name]
        writers.append(subprocess.Popen(command, cwd=folder, env=env))
    assert [writer.wait() for writer in writers] == [0, 0]
    for name in ("s", "t"):
        state = json.loads((tmp_path / name / f"results/{name}/tracking/mlflow.json").read_text())
        assert state["state"] == "ok"
    client = MlflowClient(store)
    found = client.search_runs([client.get_experiment_by_name("team").experiment_id])
    assert len(found) == 2 * (1 + 2 + 4)


def test_an_experiment_that_another_study_made_in_between_is_taken():
    class Client:
        made = None

        def get_experiment_by_name(self, name):
            return self.made

        def create_experiment(self, name, artifact_location=None):
            self.made = type("Experiment", (), {"experiment_id": 7})
            raise MlflowException("it exists")

    assert script._experiment(Client(), "team") == "7"
