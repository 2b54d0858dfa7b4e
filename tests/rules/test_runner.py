"""The runner under a real Snakemake: arguments, plain errors, records, redaction."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow

SNAKEFILE = """
rule step:
    input:
        table="in.txt",
        code=["scripts_/step.py"],
    output:
        result="results/s/out.txt",
    params:
        factor=3,
        rows=[{{"patient": "Doe"}}],
        raw="/pacs",
    log:
        "results/s/logs/step/all.log",
    script:
        "scripts_/step.py"
"""
SCRIPT = """
import logging
from pathlib import Path
from rigoromics.errors import DataError

def main(*, table: Path, result: Path, factor: int, rows: list, raw: Path, threads: int):
    logging.getLogger("step").info("and %s", raw / "O'Brien^Pat/IM1")
    logging.getLogger("step").info("reading %s", "data/s/raw/Doe^Jane/scan 1.dcm")
    number = int(table.read_text())
    if number < 0:
        raise DataError("the number is negative", "give a positive one", "in.txt")
    if number == 0:
        raise ZeroDivisionError("a bug")
    held = len(b"x" * (300 << 20)) if number == 300 else 0
    result.write_text(str(number * factor + threads))
    return {"answer": number * factor}

if __name__ == "__main__":
    from scripts.runner import run
    run(main, snakemake)
"""


@pytest.fixture
def workflow(tmp_path, root):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("{{", "{").replace("}}", "}"))
    (tmp_path / "scripts_").mkdir()
    (tmp_path / "scripts_/step.py").write_text(SCRIPT)

    def run(number: int, raw: str = "/pacs") -> tuple[int, Path]:
        path = tmp_path / "Snakefile"
        path.write_text(path.read_text().replace('raw="/pacs"', f"raw={raw!r}"))
        (tmp_path / "in.txt").write_text(str(number))
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "results/s/out.txt"]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(root)}, check=False
        )
        return done.returncode, tmp_path / "results/s"

    return run


def test_named_items_become_arguments_and_a_record(workflow):
    code, results = workflow(4)
    assert code == 0
    assert (results / "out.txt").read_text() == "13"
    record = json.loads((results / "tracking/records/step/all.json").read_text())
    assert record["metrics"] == {"answer": 12}
    assert record["params"] == {"factor": 3, "raw": "/pacs"}
    assert set(record["inputs"]) == {"table"}
    assert len(record["outputs"]["result"]) == 64


def test_a_job_says_the_most_memory_it_held_however_short_it_was(workflow):
    _, results = workflow(4)
    asked = results / "benchmarks/step/all.json"
    bare = json.loads(asked.read_text())["peak_mb"]
    _, results = workflow(300)
    used = json.loads(asked.read_text())
    assert used["peak_mb"] - bare == pytest.approx(300, abs=10)
    assert 0 < used["cpu_s"] < time.time() - used["started"] + 5


def test_paths_below_raw_folders_are_cut_out_of_logs(workflow):
    _, results = workflow(4)
    log = (results / "logs/step/all.log").read_text()
    assert "<raw file>" in log
    assert "Doe" not in log
    assert "Pat" not in log


def test_a_users_mistake_is_a_sentence_without_a_traceback(workflow):
    code, results = workflow(-1)
    assert code != 0
    log = (results / "logs/step/all.log").read_text()
    assert "the number is negative (in.txt). What to do: give a positive one" in log
    assert "Traceback" not in log


def test_a_bug_leaves_its_traceback_in_the_log(workflow):
    code, results = workflow(0, raw="")
    assert code != 0
    assert "ZeroDivisionError: a bug" in (results / "logs/step/all.log").read_text()


def test_a_bug_while_raw_data_are_read_leaves_its_place_but_not_its_message(workflow):
    """`could not convert 'Doe^Jane' to float` would be such a message."""
    code, results = workflow(0)
    assert code != 0
    log = (results / "logs/step/all.log").read_text()
    assert "ZeroDivisionError" in log
    assert "step.py" in log
    assert "a bug" not in log.replace('raise ZeroDivisionError("a bug")', "")
