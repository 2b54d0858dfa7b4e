"""What a study is doing, what it took, and why a case is missing.

python -m scripts.progress show                 stages, with cases done, failed, and time left
python -m scripts.progress why P-0123456789     why a case failed, with its log
python -m scripts.progress usage                what each rule took beside what it asked for
python -m scripts.progress tune                 memory and time to ask for, from what ran
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from rigoromics.config.load import load_study
from rigoromics.config.study import Study
from rigoromics.errors import DataError
from scripts.casesheet import CaseSheet
from scripts.jobs import Job, errors_in, jobs_of
from scripts.names import scan_stem
from scripts.tables import read_rows, write_if_changed
from scripts.usage import aligned, duration, grouped, tuned, usage, usage_page

# Rules that run once a chunk, and the file that each leaves of it.
CHUNK_FILES = {"images": "images/{}/index.tsv", "extract": "features/chunks/{}.parquet"}
# What Slurm kept of jobs that run or failed (profiles/slurm/config.yaml), and what in it counts.
SLURM_LOGS = Path(".snakemake/slurm_logs")
SLURM_ERROR = re.compile(r"^(?:\w+: error: .+|\w*Error: .+)$", re.MULTILINE)
# The page of what a study took, in its results: beside what it is made of, and in no hash.
PAGE = "benchmarks/usage.html"


def main(arguments: Sequence[str]) -> int:
    """Print what was asked for; return 1 where it does not exist."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["show", "why", "usage", "tune"])
    parser.add_argument("case", nargs="?", default="", help="patient, or patient_timepoint")
    parser.add_argument("--configfile", type=Path, default=Path("config/config.yaml"))
    given = parser.parse_args(arguments)
    if given.what == "why" and not given.case:
        parser.error("say which case: why P-0123456789")
    try:
        text = yaml.safe_load(given.configfile.read_text(encoding="utf-8"))
        study = load_study(text, str(given.configfile))
    except (DataError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    results = Path("results", study.name)
    lines = {
        "show": lambda: progress(results, sheet_of(study), time.time()),
        "why": lambda: why(results, sheet_of(study), given.case),
        "usage": lambda: used(results, sheet_of(study), time.time()),
        "tune": lambda: tuned(jobs_of(results)),
    }[given.what]()
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        # Whoever reads has seen enough, as `head` does.
        sys.stdout = None  # type: ignore[assignment]
    return 0 if lines else 1


def sheet_of(study: Study) -> CaseSheet:
    """Return a study's case sheet, cut into chunks as its rules cut it."""
    private = Path("data", study.name, "private/segmentations.tsv")
    sheet = Path("results", study.name, "sheet/cases.tsv")
    return CaseSheet(sheet, private, study.compute.cases_per_chunk)


def progress(results: Path, sheet: CaseSheet, now: float) -> list[str]:
    """Return a table of stages, and a line for each job that failed."""
    jobs = jobs_of(results)
    return [*aligned(_stages(results, sheet, jobs, now)), *_failures(results, jobs)]


def _stages(results: Path, sheet: CaseSheet, jobs: list[Job], now: float) -> list[list[str]]:
    """Return stages with jobs and cases done, failed jobs, time left and cost so far."""
    by_rule = grouped(jobs)
    rows = [["stage", "jobs", "cases", "refused", "running", "failed", "CPU h", "time left"]]
    for rule in [*CHUNK_FILES, *(rule for rule in by_rule if rule not in CHUNK_FILES)]:
        its = by_rule.get(rule, [])
        states = [job.state for job in its]
        done, cases, left = str(states.count("done")), "", ""
        if rule in CHUNK_FILES and sheet.chunks:
            whole = [c for c in sheet.chunks if (results / CHUNK_FILES[rule].format(c)).is_file()]
            done = f"{len(whole)}/{len(sheet.chunks)}"
            in_all = sum(map(sheet.cases, sheet.chunks))
            cases = f"{sum(map(sheet.cases, whole))}/{in_all}"
            left = _time_left(its, len(sheet.chunks) - len(whole), now)
        elif not its:
            continue
        hours = sum(job.cpu_s for job in its) / 3600
        refused = str(_refused(results, rule)) if rule in CHUNK_FILES else ""
        failed, running = str(states.count("failed")), str(states.count("running"))
        rows.append([rule, done, cases, refused, running, failed, f"{hours:.2f}", left])
    return rows


def _failures(results: Path, jobs: list[Job]) -> list[str]:
    """Return the error of each job that failed, rule by rule."""
    return [
        f"{job.rule} {job.name}: {' '.join(errors_in(_log(results, job))[:1])}"
        for its in grouped(jobs).values()
        for job in its
        if job.state == "failed"
    ]


def used(results: Path, sheet: CaseSheet, now: float) -> list[str]:
    """Return what each rule took, and write it with a time line as a page."""
    jobs = jobs_of(results)
    lines = usage(jobs)
    if lines:
        stages, failures = _stages(results, sheet, jobs, now), _failures(results, jobs)
        text = usage_page(results.name, jobs, stages, failures, Path("report"))
        write_if_changed(results / PAGE, text.encode())
        lines.append(f"Page: {results / PAGE}")
    return lines


def why(results: Path, sheet: CaseSheet, case: str) -> list[str]:
    """Return what is known of a case that is missing: its problems, its job's errors, its log."""
    rows = [row for row in sheet.rows if _names(case, row)]
    chunks = [chunk for chunk, held in sheet.chunks.items() if any(row in held for row in rows)]
    lines = []
    for path in sorted(results.glob("**/*problems.tsv")):
        # Those of the chunks are in the study's own once it is assembled.
        for row in read_rows(path):
            if _names(case, row):
                where = " ".join(row[key] for key in ("scan", "roi", "rater") if row[key])
                said = f"{row['severity']} in {row['stage']}: {where}: {row['problem']}."
                lines.append(f"{said} What to do: {row['remedy']}.")
    lines = list(dict.fromkeys(lines))
    stems = {scan_stem(row["patient"], row["timepoint"], row["scan"]) for row in rows}
    for chunk in chunks:
        for rule, made in CHUNK_FILES.items():
            if not (results / made.format(chunk)).is_file():
                lines += _slurm_errors(rule, chunk)
            log = results / "logs" / rule / f"{chunk}.log"
            if not log.is_file():
                lines.append(f"{rule}: {chunk} has not run.")
                continue
            said = log.read_text(encoding="utf-8", errors="replace").splitlines()
            about = [line for line in said if any(stem in line for stem in stems)]
            lines += [f"{log}:", *(f"  {line}" for line in [*about, *errors_in(log)])]
    if not rows and not lines:
        return [f"{case} is no case of the sheet, and no problem names it."]
    return lines


def _names(case: str, row: dict[str, str]) -> bool:
    """Return whether a row is of a patient, or of one of its timepoints."""
    return case in (row["patient"], f"{row['patient']}_{row['timepoint']}")


def _log(results: Path, job: Job) -> Path:
    return results / "logs" / job.rule / f"{job.name}.log"


def _slurm_errors(rule: str, chunk: str) -> list[str]:
    """Return what Slurm kept of a job's last attempt, which could not say itself why it ended."""
    logs = (SLURM_LOGS / f"rule_{rule}" / chunk).glob("*.log")
    if not (log := max(logs, key=lambda path: path.stat().st_mtime, default=None)):
        return []
    said = log.read_text(encoding="utf-8", errors="replace")
    return [f"{log}:", *(f"  {line}" for line in dict.fromkeys(SLURM_ERROR.findall(said)))]


def _refused(results: Path, rule: str) -> int:
    """Count scans and masks that a stage refused."""
    pattern = {"images": "images/*/problems.tsv", "extract": "features/chunks/*.problems.tsv"}[rule]
    return sum(
        row["severity"] == "refused" for path in results.glob(pattern) for row in read_rows(path)
    )


def _time_left(jobs: list[Job], left: int, now: float) -> str:
    """Say how long the jobs that are left take, at the rate of those that are done."""
    done = [job for job in jobs if job.state == "done"]
    if not left:
        return "0 s"
    if not done:
        return "?"
    return duration(left * (now - min(job.started for job in done)) / len(done))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
