"""`snakemake --profile slurm` on a real Slurm, and what becomes of a study when parts of it die.

The scripts of these studies only write small files, but one test; rules, profile, Slurm and its
nodes are real. Each ends in the files of an undisturbed local run, and counts the jobs it took.
"""

import collections
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import orphans
from tests.workflow.project import ROOT, Project
from tests.workflow.stubbed import stubbed

pytestmark = pytest.mark.workflow

TOOL = ROOT.parent / "shared" / "slurm-cluster"
Head = subprocess.Popen[str]
# Heads of each project, to be stopped where a test fails before they end.
HEADS: dict[Path, list[Head]] = {}
PATIENTS = 3
LONG = 600.0
# Nodes that claim room for some jobs each, as those of a real cluster have, and a partition whose
# jobs push out those of others.
URGENT = """PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=urgent Nodes=n1,n2 PriorityTier=10
"""
CLUSTER = {**os.environ, "SLURM_LAB_MEM": "16000", "SLURM_LAB_CONF": URGENT}
# Each job starts Snakemake twice, and Slurm says late that one has ended: few jobs are enough.
ALONE = {"compute": {"cases_per_chunk": 1}}
TARGET = "results/quick/features/features.parquet"


@pytest.fixture(scope="module")
def slurm() -> dict[str, str]:
    """The environment of a private, real Slurm cluster, started if it is not up."""
    if not TOOL.is_file():
        pytest.skip("needs the tool that starts a private Slurm cluster")
    if os.getuid():
        pytest.skip("starting a private Slurm cluster takes root")
    up = subprocess.run([TOOL, "up"], env=CLUSTER, capture_output=True, text=True, check=False)
    if up.returncode:
        pytest.skip(f"no Slurm cluster could be started: {up.stderr[-300:]}")
    said = subprocess.run([TOOL, "env"], capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"export (\w+)=(.*)", said))
    mine = {"SBATCH_ACCOUNT": "lab", "SBATCH_PARTITION": "cpu", "RIGOROMICS_FIRST_CHECK": "2"}
    return {**os.environ, **found, **mine, "MLFLOW_TRACKING_URI": ""}


def cluster(*words: str) -> None:
    """Have the tool change something about the cluster that is up."""
    subprocess.run([TOOL, *words], env=CLUSTER, check=True, capture_output=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, str]:
    """Hashes of the results of a local run."""
    project = stubbed(tmp_path_factory.mktemp("local") / "project", PATIENTS, **ALONE)
    project.snakemake("--", TARGET)
    return hashes(project)


@pytest.fixture
def project(tmp_path, slurm) -> Project:
    """A study that a test runs on the cluster; its jobs are cancelled in the end."""
    made = stubbed(tmp_path / "project", PATIENTS, **ALONE)
    (made.folder / "slurm").symlink_to("profiles/slurm")
    yield made
    cancel(made, slurm)


def hashes(project: Project) -> dict[str, str]:
    left_out = {"logs", "benchmarks", "code"}
    return {
        str(path.relative_to(project.results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(project.results.rglob("*"))
        if path.is_file() and path.relative_to(project.results).parts[0] not in left_out
    }


def start(project: Project, slurm: dict[str, str], *options: str) -> Head:
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm"]
    log = (project.folder / "head.log").open("a")
    head = subprocess.Popen(
        [*command, "--configfile", project.config, "--latency-wait", "20", *options, "--", TARGET],
        cwd=project.folder,
        env=slurm,
        stdout=log,
        stderr=log,
        start_new_session=True,
        text=True,
    )
    HEADS.setdefault(project.folder, []).append(head)
    return head


def finish(project: Project, head: Head) -> None:
    code = head.wait(timeout=LONG)
    assert code == 0, (project.folder / "head.log").read_text()[-4000:]


def journal(project: Project) -> list[str]:
    path = project.folder / "journal.txt"
    return path.read_text().splitlines() if path.is_file() else []


def jobs(project: Project, what: str) -> collections.Counter[str]:
    lines = [line.split(" ", 1) for line in journal(project)]
    return collections.Counter(name for kind, name in lines if kind == what)


def wait_for(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.3)


def running(project: Project, slurm: dict[str, str], what: str = "%i") -> list[str]:
    """What Slurm says of a project's jobs that run: their numbers."""
    command = ["squeue", "--me", "--noheader", "--states=RUNNING", f"--format=%Z|{what}"]
    said = subprocess.run(command, env=slurm, capture_output=True, text=True, check=True).stdout
    jobs = [line.strip().rsplit("|", 1) for line in said.splitlines()]
    return [answer for folder, answer in jobs if folder == str(project.folder)]


def cancel(project: Project, slurm: dict[str, str]) -> None:
    """Stop the head and the jobs of a test that failed."""
    for head in HEADS.pop(project.folder, []):
        if head.poll() is None:
            os.killpg(head.pid, signal.SIGKILL)
    if left := orphans.queued(project.folder):
        subprocess.run(["scancel", *left], env=slurm, check=False)


def test_the_same_files_as_a_local_run_and_each_job_once(project, slurm, undisturbed):
    finish(project, start(project, slurm))
    assert hashes(project) == undisturbed
    assert set(jobs(project, "start").values()) == {1}
    assert len(jobs(project, "done")) == len(jobs(project, "start")) > 2 * PATIENTS


def mid_job(project: Project, slurm: dict[str, str], patients: int, *options: str) -> Head:
    """Start a study, and return when the image jobs of so many patients have begun; they wait."""
    held = [f"images P-{number:010x}_baseline" for number in range(patients)]
    (project.folder / "held.txt").write_text("\n".join(held))
    head = start(project, slurm, *options)
    wait_for(lambda: set(held) <= set(jobs(project, "start")), LONG)
    return head


def release(project: Project) -> None:
    """Let the jobs that wait go on."""
    (project.folder / "held.txt").unlink()


def images_started(project: Project) -> list[int]:
    return [n for name, n in jobs(project, "start").items() if name.startswith("images")]


def test_a_killed_head_leaves_no_second_writer(project, slurm, undisturbed):
    """Jobs of the dead head are cancelled before the new one submits: none ends beside its twin."""
    head = mid_job(project, slurm, PATIENTS)
    os.killpg(head.pid, signal.SIGKILL)
    head.wait()
    left = running(project, slurm)
    assert len(left) == PATIENTS
    # Jobs of another study in the same folder are not this one's.
    assert orphans.cancel_orphans(project.folder, [project.folder / "other.yaml"]) == []
    subprocess.run(
        [sys.executable, "-m", "snakemake", "--configfile", project.config, "--unlock"],
        cwd=project.folder,
        check=True,
        capture_output=True,
    )
    again = start(project, slurm)
    wait_for(lambda: "Cancelled 3 jobs of" in (project.folder / "head.log").read_text(), LONG)
    assert not set(left) & set(running(project, slurm))
    release(project)
    finish(project, again)
    assert hashes(project) == undisturbed
    # Started twice, since the first were cancelled in mid-job; done once.
    assert images_started(project) == [2] * PATIENTS
    assert set(jobs(project, "done").values()) == {1}


@pytest.mark.parametrize("asked", ["squeue", pytest.param("sacct", marks=pytest.mark.slow)])
def test_a_cancelled_job_comes_back(project, slurm, undisturbed, asked):
    head = mid_job(project, slurm, PATIENTS, "--slurm-status-command", asked)
    number = running(project, slurm)[0]
    subprocess.run(["scancel", number], env=slurm, check=True)
    wait_for(lambda: number not in running(project, slurm))
    release(project)
    finish(project, head)
    assert hashes(project) == undisturbed
    assert sorted(images_started(project)) == [1, 1, 2]
    assert set(jobs(project, "done").values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["squeue", "sacct"])
def test_a_preempted_job_comes_back(project, slurm, undisturbed, asked):
    head = mid_job(project, slurm, PATIENTS, "--slurm-status-command", asked)
    nodes = running(project, slurm, "%N")
    urgent = ["--partition=urgent", f"--nodelist={nodes[0]}", "--exclusive", "--wrap=sleep 1"]
    subprocess.run(["sbatch", *urgent, "--output=/dev/null"], env=slurm, check=True)
    wait_for(lambda: nodes[0] not in running(project, slurm, "%N"))
    release(project)
    finish(project, head)
    assert hashes(project) == undisturbed
    assert sum(images_started(project)) == PATIENTS + nodes.count(nodes[0])
    assert set(jobs(project, "done").values()) == {1}


@pytest.mark.slow
def test_a_node_that_dies_in_mid_job(project, slurm, undisturbed):
    head = mid_job(project, slurm, PATIENTS)
    nodes = running(project, slurm, "%N")
    cluster("kill-node", nodes[0], "--now")
    try:
        wait_for(lambda: nodes[0] not in running(project, slurm, "%N"))
        release(project)
        finish(project, head)
    finally:
        cluster("start-node", nodes[0])
    assert hashes(project) == undisturbed
    assert sum(images_started(project)) == PATIENTS + nodes.count(nodes[0])
    assert set(jobs(project, "done").values()) == {1}


@pytest.mark.slow
def test_a_controller_that_is_restarted(project, slurm, undisturbed):
    head = mid_job(project, slurm, PATIENTS)
    pid_file = Path(slurm["SLURM_CONF"]).parents[1] / "run/slurmctld.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    time.sleep(5)
    cluster("up")
    release(project)
    finish(project, head)
    assert hashes(project) == undisturbed
    assert set(jobs(project, "start").values()) == set(jobs(project, "done").values()) == {1}


@pytest.mark.slow
def test_a_job_over_its_memory_comes_back_with_more(project, slurm, undisturbed):
    (project.folder / "megabytes.txt").write_text("2700")
    finish(project, start(project, slurm, "--until", "images"))
    (project.folder / "megabytes.txt").unlink()
    finish(project, start(project, slurm))
    assert hashes(project) == undisturbed
    assert images_started(project) == [2] * PATIENTS
    assert set(jobs(project, "done").values()) == {1}


@pytest.mark.slow
def test_a_job_over_its_time_comes_back_with_more(project, slurm, undisturbed):
    """One minute at first; the second time it gets two."""
    head = mid_job(project, slurm, PATIENTS, "--set-resources", "images:runtime=attempt")
    wait_for(lambda: images_started(project) == [2] * PATIENTS, LONG)
    release(project)
    finish(project, head)
    assert hashes(project) == undisturbed
    assert set(jobs(project, "done").values()) == {1}


@pytest.mark.slow
def test_files_that_show_late(project, slurm, undisturbed):
    (project.folder / "late.txt").write_text("4")
    finish(project, start(project, slurm))
    assert hashes(project) == undisturbed
    assert set(jobs(project, "start").values()) == {1}


@pytest.mark.slow
def test_a_whole_study_gives_the_bytes_of_the_local_run(planted, slurm, tmp_path):
    """Real scripts, from the reviewed sheet to the paper's numbers."""
    made = planted.copy_to(tmp_path / "project")
    (made.folder / "slurm").symlink_to("profiles/slurm")
    for path in made.results.iterdir():
        if path.name != "sheet":
            shutil.rmtree(path)
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--configfile", made.config]
    done = subprocess.run(
        [*command, "--", "results/quick/paper/numbers.json"],
        cwd=made.folder,
        env=slurm,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert tables(made) == tables(planted)


@pytest.mark.slow
def test_extraction_on_a_gpu_partition_says_where_it_computed(planted, slurm, tmp_path):
    """It asks for one GPU there; these are none, so it computes on the CPU, with the same bytes."""
    made = planted.copy_to(tmp_path / "project")
    (made.folder / "slurm").symlink_to("profiles/slurm")
    made.edit_config(compute={"gpu": True})
    target = "results/quick/features/chunks/chunk-0000.parquet"
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--configfile", made.config]
    done = subprocess.run(
        [*command, "--", target],
        cwd=made.folder,
        env={**slurm, "RIGOROMICS_GPU_PARTITION": "gpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    (number,) = re.findall(r"SLURM jobid (\d+)", done.stderr)
    asked = ["sacct", "-X", "--noheader", "--parsable2", "--format=Partition,ReqTRES"]
    said = subprocess.run(
        [*asked, f"--jobs={number}"], env=slurm, capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("gpu|")
    assert "gres/gpu=1" in said
    record = made.results / "tracking/records/extract/chunk-0000.json"
    assert json.loads(record.read_text())["metrics"]["device"] == "CPU"
    assert (made.folder / target).read_bytes() == (planted.folder / target).read_bytes()


def tables(project: Project) -> dict[str, str]:
    """Hashes of a study's tables; what ran and for how long is no result."""
    kinds, left_out = {".parquet", ".tsv"}, {"logs", "benchmarks", "tracking", "code", "bins"}
    return {
        str(path.relative_to(project.results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(project.results.rglob("*"))
        if path.suffix in kinds and path.relative_to(project.results).parts[0] not in left_out
    }


@contextlib.contextmanager
def full_disk(project: Project) -> Iterator[Path]:
    """Put a study's results on a small disk; yields the file that fills it.

    What planning writes has its place there; of the jobs' files, some have.
    """
    small = project.folder.with_name("small")
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes more rights than there are")
    try:
        shutil.copytree(project.results, small / project.name)
        shutil.rmtree(project.folder / "results")
        (project.folder / "results").symlink_to(small)
        project.snakemake("-n", "--", TARGET)
        filler = small / "filler"
        filler.write_bytes(b"x" * (shutil.disk_usage(small).free - 8 * 4096))
        yield filler
    finally:
        subprocess.run(["umount", "-l", small], check=False)


def test_a_disk_that_is_full_fails_jobs_and_leaves_no_half_result(tmp_path, undisturbed):
    """Freed, the study goes on where it stopped."""
    made = stubbed(tmp_path / "project", PATIENTS, **ALONE)
    with full_disk(made) as filler:
        failed = made.snakemake("--", TARGET, check=False)
        assert failed.returncode != 0
        assert "No space left on device" in failed.stderr + failed.stdout
        assert "MB are free where results lie" in failed.stdout
        assert len(jobs(made, "done")) < 2 * PATIENTS + 2
        filler.unlink()
        made.snakemake("--rerun-incomplete", "--", TARGET)
        assert hashes(made) == undisturbed
        # A job whose log or benchmark found no room is done again, and no other.
        assert max(jobs(made, "start").values()) <= 2


@pytest.mark.slow
def test_a_disk_that_is_full_under_jobs_of_the_cluster(project, slurm, undisturbed):
    with full_disk(project) as filler:
        # Nodes see what was mounted before they started.
        cluster("down")
        cluster("up")
        head = start(project, slurm)
        assert head.wait(timeout=LONG) != 0
        assert "MB are free where results lie" in (project.folder / "head.log").read_text()
        assert len(jobs(project, "done")) < 2 * PATIENTS + 2
        filler.unlink()
        finish(project, start(project, slurm))
        assert hashes(project) == undisturbed
        # Four attempts in vain and one more; done again only where log or benchmark found no room.
        assert max(jobs(project, "start").values()) <= 5
        assert max(jobs(project, "done").values()) <= 2
        # Down again, or the nodes hold the small disk.
        cluster("down")
        cluster("up")
