import json
import os

import pytest

from scripts import progress
from scripts.casesheet import CaseSheet
from scripts.jobs import Job, jobs_of

ROWS = "include\tpatient\ttimepoint\tscan\troi\trater\tsegmentation\n" + "".join(
    f"yes\tP{n}\tt0\tct\tlesion\tr1\tS{n}\n" for n in range(4)
)
PROBLEMS = (
    "stage\tseverity\tpatient\ttimepoint\tscan\troi\trater\tfile\tproblem\tremedy\n"
    "images\trefused\tP1\tt0\tct\tlesion\tr1\tf\tThe mask is empty\tdraw it again\n"
)


@pytest.fixture
def study(tmp_path):
    """Four cases: P0 done, P1 refused, P2 failed, P3 waits."""
    results = tmp_path / "results"
    (results / "sheet").mkdir(parents=True)
    (results / "sheet/cases.tsv").write_text(ROWS)
    (tmp_path / "segmentations.tsv").write_text("key\tpath\n")
    for n, started in ((0, 1000), (1, 1050), (2, 1060)):
        put(results / f"benchmarks/images/P{n}_t0.json", asked(started))
    for n, ended in ((0, 1100), (1, 1150)):
        benchmark = results / f"benchmarks/images/P{n}_t0.tsv"
        put(benchmark, f"s\tmax_rss\tcpu_time\n{ended - 1000}\t{900 + n}\t45\n")
        os.utime(benchmark, (ended, ended))
        put(results / f"images/P{n}_t0/index.tsv", "\n")
        put(results / f"logs/images/P{n}_t0.log", f"INFO x: 1 of 1 scans: P{n}_t0_ct, 1 masks\n")
    put(results / "images/P1_t0/problems.tsv", PROBLEMS)
    put(results / "logs/images/P2_t0.log", "INFO x: begun\nERROR images: the disk is full\n more\n")
    return results, CaseSheet(results / "sheet/cases.tsv", tmp_path / "segmentations.tsv", 1)


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def asked(started):
    return json.dumps({"started": started, "mem_mb": 2500, "runtime": 16, "threads": 1})


def test_states_of_jobs_follow_from_what_they_left(study):
    results, _ = study
    states = {job.name: job.state for job in jobs_of(results)}
    assert states == {"P0_t0": "done", "P1_t0": "done", "P2_t0": "failed"}


def test_a_benchmark_older_than_the_start_is_of_an_earlier_run(study):
    results, _ = study
    put(results / "benchmarks/images/P0_t0.json", asked(5000))
    assert {job.name: job.state for job in jobs_of(results)}["P0_t0"] == "running"


def test_a_job_without_a_benchmark_is_done_when_its_record_is_there(study):
    results, _ = study
    put(results / "benchmarks/sheet/all.json", asked(990))
    assert jobs_of(results)[0].state == "running"
    record = results / "tracking/records/sheet/all.json"
    put(record, "{}")
    os.utime(record, (1020, 1020))
    first = jobs_of(results)[0]
    assert (first.rule, first.state, first.wall_s, first.used_mb) == ("sheet", "done", 30, 0)
    given = {"peak_mb": 700.0, "cpu_s": 12.5}
    put(results / "benchmarks/sheet/all.json", json.dumps(json.loads(asked(990)) | given))
    first = jobs_of(results)[0]
    assert (first.used_mb, first.cpu_s) == (700, 12.5)


def test_the_most_memory_is_what_the_process_says_where_the_benchmark_missed_it(study):
    results, _ = study
    for name, peak in (("P0_t0", 2400.0), ("P1_t0", 10.0)):
        path = results / f"benchmarks/images/{name}.json"
        put(path, json.dumps(json.loads(path.read_text()) | {"peak_mb": peak, "cpu_s": 44.0}))
    used = {job.name: (job.used_mb, job.cpu_s) for job in jobs_of(results)}
    assert used["P0_t0"] == (2400, 45)
    assert used["P1_t0"] == (901, 45)


def test_progress_counts_cases_and_says_what_is_left(study):
    lines = progress.progress(*study, now=1200.0)
    # 2 of 4 in 200 s: as long again. 2 x 45 s of processor are 0.025 h.
    done = ["images", "2/4", "2/4", "1", "0", "1", "0.03", "3", "min"]
    assert lines[1].split() == done
    assert lines[2].split()[:3] == ["extract", "0/4", "0/4"]
    assert lines[-1] == "images P2_t0: ERROR images: the disk is full"


def test_why_gives_the_problem_and_the_remedy(study):
    said = "\n".join(progress.why(*study, "P1"))
    assert "refused in images: ct lesion r1: The mask is empty. What to do: draw it again." in said
    assert "1 of 1 scans: P1_t0_ct" in said


def test_why_gives_the_error_of_the_job_and_only_its_own(study):
    said = "\n".join(progress.why(*study, "P2_t0"))
    assert "ERROR images: the disk is full" in said
    assert "more" in said
    assert "begun" not in said
    assert "disk" not in "\n".join(progress.why(*study, "P0"))


def test_why_gives_what_slurm_says_of_a_job_that_could_not(study, monkeypatch):
    results, _ = study
    monkeypatch.chdir(results)
    logs = results / ".snakemake/slurm_logs/rule_images"
    put(logs / "P0_t0/3.log", "slurmstepd: error: of an attempt before the one that made it\n")
    for number, (time, cause) in {"7": (50, "oom_kill"), "8": (60, "DUE TO TIME LIMIT")}.items():
        path = logs / f"P2_t0/{number}.log"
        put(path, f"Building DAG\nslurmstepd: error: {cause}\nWorkflowError:\nAt least\n" * 2)
        os.utime(path, (time, time))
    said = "\n".join(progress.why(*study, "P2"))
    assert ".snakemake/slurm_logs/rule_images/P2_t0/8.log:\n  slurmstepd: error: DUE TO" in said
    assert said.count("slurmstepd") == 1
    assert "DAG" not in said
    assert "slurmstepd" not in "\n".join(progress.why(*study, "P0"))


def test_why_of_a_case_that_waits_and_of_one_that_is_none(study):
    assert "images: P3_t0 has not run." in progress.why(*study, "P3")
    assert progress.why(*study, "P9") == ["P9 is no case of the sheet, and no problem names it."]


def test_usage_sets_what_was_taken_beside_what_was_asked(study):
    results, _ = study
    lines = progress.usage(jobs_of(results))
    # 100 s and 150 s by the clock with 45 s of processor each.
    assert lines[1].split()[:9] == ["images", "2", "0.03", "36", "2", "min", "16", "min", "901"]
    assert lines[1].endswith("|" + "#" * 40 + "|")


def test_tuned_asks_for_a_fifth_more_memory_and_half_as_much_time_again():
    def ran(rule, seconds, megabytes):
        return Job(rule, "a", "done", 0, seconds, seconds, seconds, megabytes)

    lines = progress.tuned([ran("fit", 1200, 1000), ran("fit", 60, 10), ran("lock", 1, 1)])
    assert lines == [
        "set-resources:",
        "  fit:",
        "    mem_mb: 1250 * attempt",  # 1,200, to the next 250
        "    runtime: 30 * attempt",
        "  lock:",
        "    mem_mb: 500 * attempt",
        "    runtime: 5 * attempt",
    ]
    assert progress.tuned([]) == []


def test_the_command_says_which_config_is_missing(tmp_path, capsys):
    assert progress.main(["show", "--configfile", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err
