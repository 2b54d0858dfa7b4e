"""The whole study on simulated cohorts: what is there is found, what is not is not."""

import gzip
import hashlib
import json
import re
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from rigoromics.extract.rows import is_perturbation
from tests.workflow import canary
from tests.workflow.project import new_project

pytestmark = pytest.mark.workflow


def tables(results: Path) -> dict[str, str]:
    """Hash of every result that must be the same on every run: all but logs and tracking."""
    left_out = {"logs", "benchmarks", "tracking"}
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file() and path.relative_to(results).parts[0] not in left_out
    }


def metric(results: Path, endpoint: str, name: str, **where: str) -> pd.Series:
    table = pd.read_csv(results / f"validation/{endpoint}/metrics.tsv", sep="\t")
    for column, value in {"metric": name, **where}.items():
        table = table[table[column] == value]
    assert len(table) == 1, table
    return table.iloc[0]


EXTERNAL = {"signature": "radiomics", "split": "external", "cohort": "all external"}


def test_planted_signal_is_found_outside(planted):
    auc = metric(
        planted.results, "metastasis", "auc", model="elastic_net", policy="align", **EXTERNAL
    )
    assert auc["lower"] > 0.5
    assert auc["estimate"] > 0.7
    c = metric(
        planted.results, "survival", "c_index", model="cox_elastic_net", policy="align", **EXTERNAL
    )
    assert c["estimate"] > 0.55
    verdict = json.loads((planted.results / "validation/metastasis/verdict.json").read_text())
    assert verdict["level"] in ("evidence", "weak")
    assert "no evidence" not in verdict["sentence"]


def test_null_cohort_is_reported_as_no_evidence_on_the_first_page(tmp_path):
    null = new_project(tmp_path / "null", name="null")
    null.edit_config(
        simulation={"effect": 0.0, "clinical_effect": 0.0},
        clinical={"table": "data/null/clinical.csv"},
        perturbations=[],
        compute={"cases_per_chunk": 20},
    )
    null.snakemake("--", "simulate")
    null.run()
    for endpoint in ("metastasis", "survival"):
        verdict = json.loads((null.results / f"validation/{endpoint}/verdict.json").read_text())
        assert verdict["level"] == "none"
        assert "no evidence" in verdict["sentence"].lower()
    # The first screen of the report and the first page of the manuscript carry the verdict.
    html = (null.results / "paper/report.html").read_text()
    body = re.sub(r"<style.*?</style>|<img[^>]*>", "", html, flags=re.S)
    assert body.lower().find("no evidence") < body.lower().find("methods</h2>")
    source = (null.results / "paper/manuscript.typ").read_text().lower()
    assert source.find("no evidence") < source.find("introduction")


def test_same_bytes_on_one_core_and_in_another_folder(planted, tmp_path):
    again = new_project(tmp_path / "again")
    shutil.copytree(planted.folder / "data", again.folder / "data")
    again.run(cores=1)
    first, second = tables(planted.results), tables(again.results)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []
    assert len(first) > 50


def test_no_planted_identifier_leaves_the_private_folder(planted):
    private = planted.folder / "data/quick/private/planted_identifiers.txt"
    identifiers = [line for line in private.read_text().splitlines() if len(line) > 3]
    assert len(identifiers) > 100
    raw_ids = pd.read_csv(planted.folder / "data/quick/clinical.csv", dtype=str)["patient"]
    wanted = sorted(text.encode() for text in {*identifiers, *raw_ids})
    files = [p for p in (planted.folder / "results").rglob("*") if p.is_file()]
    assert len(files) > 100
    assert [(p.name, text) for p in files for text in stands_in(content(p), wanted)] == []


def test_no_canary_leaves_the_private_folder(planted):
    """Identifiers in every kind of tag: none in results, logs, MLflow or paper."""
    files = [p for p in (planted.folder / "results").rglob("*") if p.is_file()]
    assert len(files) > 300
    assert canary.found((str(p.relative_to(planted.folder)), content(p)) for p in files) == []
    # The canaries were there to be found: the private tables of problems and names hold some.
    private = (planted.folder / "data/quick/private").glob("*")
    assert canary.found((p.name, content(p)) for p in private)


def content(path: Path) -> bytes:
    """What a file says once unpacked. A PDF's text stands in its source beside it."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_csv().encode()
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".skops":
        with zipfile.ZipFile(path) as archive:
            return b"\n".join(archive.read(name) for name in archive.namelist())
    return path.read_bytes()


def stands_in(content: bytes, texts: list[bytes]) -> list[bytes]:
    """Texts found as whole words: a birth date's digits occur by chance inside long decimals."""
    return [
        text
        for text in texts
        if text in content
        and re.search(rb"(?<![0-9A-Za-z.])" + re.escape(text) + rb"(?![0-9A-Za-z])", content)
    ]


def test_development_patients_alone_are_perturbed_under_the_reference_rater(planted):
    rows = pd.read_parquet(planted.results / "features" / "features.parquet")
    perturbed = rows[rows["perturbation"].map(is_perturbation)]
    names = {"noise1_rotate+5", "volume-10", "volume+10"}
    assert set(perturbed["perturbation"]) == names
    assert set(perturbed["cohort"]) == {"development"}
    assert set(perturbed["rater"]) == {"r1"}
    assert set(perturbed["scan"]) == {"ct"}
    drawn = rows.query("cohort == 'development' and rater == 'r1' and scan == 'ct'")
    unperturbed = set(drawn.loc[drawn["perturbation"] == "none", "patient"])
    for _, variant in perturbed.groupby("perturbation"):
        assert set(variant["patient"]) == unperturbed


def test_every_number_in_the_paper_is_in_its_table(planted):
    paper = json.loads((planted.results / "paper/numbers.json").read_text())
    assert len(paper["numbers"]) > 100
    for number in paper["numbers"]:
        if number["table"] == "config.yaml, resolved":
            assert number["sha256"] == paper["config_sha256"]
            continue
        path = planted.results / number["table"]
        path = path if path.is_file() else planted.folder / number["table"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == number["sha256"], number


def test_tracked_runs_are_complete(planted):
    state = json.loads((planted.results / "tracking/mlflow.json").read_text())
    assert state["state"] == "ok"
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{planted.folder}/results/mlflow.db")
    home = client.get_experiment_by_name("quick").experiment_id
    runs = client.search_runs([home], max_results=1000)
    kinds = [run.data.tags.get("rigoromics.kind", "study") for run in runs]
    assert kinds.count("study") == 1
    assert kinds.count("model") == 10
    assert kinds.count("step") >= 12
    names = {run.info.run_name for run in runs}
    assert {"images", "extract", "fit", "metastasis/radiomics/elastic_net"} <= names


def test_bin_report_looks_at_every_chunk_and_changes_nothing(copied):
    """Every chunk is planned; one is run, and the study stays finished."""
    jobs = copied.planned("--", "bins")
    chunks = sorted(path.stem for path in (copied.results / "features/chunks").glob("*.parquet"))
    assert jobs == {"bin_ranges": len(chunks), "bins": 1}
    ranges = copied.results / f"bins/chunks/{chunks[0]}.tsv"
    copied.snakemake("--", str(ranges.relative_to(copied.folder)))
    rows = pd.read_csv(ranges, sep="\t")
    assert set(rows["image_type"]) == {"original"}
    assert (rows["maximum"] > rows["minimum"]).all()
    assert copied.planned() == {}
