"""Slurm's commands are shell scripts here that answer from files; tests/workflow has the real."""

import os

import pytest

from rigoromics.errors import DataError
from scripts import orphans

SQUEUE = "#!/bin/sh\ncat queue 2>/dev/null || true\n"
SCANCEL = '#!/bin/sh\necho "$@" >> cancelled\n[ -f stuck ] || rm -f queue\n'
SCONTROL = '#!/bin/sh\ncat "script.$3" 2>/dev/null || exit 1\n'


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A folder to work in, with a cluster of two studies, another folder and another's job."""
    (tmp_path / "bin").mkdir()
    for name, text in {"squeue": SQUEUE, "scancel": SCANCEL, "scontrol": SCONTROL}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (work / "queue").write_text(
        f"1|rule_images|{work}\n2|rule_images|{work}\n"
        f"3|rule_images|/elsewhere\n4|(null)|{work}\n5|rule_fit|{work}\n"
    )
    for number, config in {"1": "mine.yaml", "2": "other.yaml", "5": "mine.yaml"}.items():
        command = f"python -m snakemake --configfiles '{work}/{config}' --mode remote\n"
        (work / f"script.{number}").write_text(f"#!/bin/sh\n{command}")
    return work


def test_jobs_of_this_folder_and_study_are_cancelled_and_no_other(cluster):
    assert orphans.cancel_orphans(cluster, [cluster / "mine.yaml"]) == ["1", "5"]
    assert (cluster / "cancelled").read_text() == "1 5\n"


def test_nothing_queued_cancels_nothing(cluster):
    (cluster / "queue").unlink()
    assert orphans.cancel_orphans(cluster, [cluster / "mine.yaml"]) == []
    assert not (cluster / "cancelled").exists()


def test_a_study_without_config_files_is_told_from_one_with(cluster):
    assert orphans.cancel_orphans(cluster, []) == []
    (cluster / "script.2").write_text("python -m snakemake --mode remote\n")
    assert orphans.cancel_orphans(cluster, []) == ["2"]


def test_a_job_that_does_not_go_stops_the_new_run(cluster, monkeypatch):
    (cluster / "stuck").touch()
    monkeypatch.setattr(orphans, "PATIENCE_S", 0)
    with pytest.raises(DataError, match="still there after scancel"):
        orphans.cancel_orphans(cluster, [cluster / "mine.yaml"])


def test_a_slurm_that_does_not_answer_stops_the_new_run(cluster):
    (cluster.parent / "bin/squeue").write_text("#!/bin/sh\necho down >&2\nexit 1\n")
    with pytest.raises(DataError, match="squeue"):
        orphans.cancel_orphans(cluster, [])
