"""What a study is doing, what it took, and why a case is missing.

python -m scripts.progress show                 stages, with cases done, failed, and time left
python -m scripts.progress why P-0123456789     why a case failed, with its log
python -m scripts.progress usage                what each rule took, beside what it asked for
python -m scripts.progress tune                 memory and time to ask for, from what ran
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from rigoromics.config.load import load_study
from rigoromics.config.study import Study
from rigoromics.errors import DataError
from scripts.casesheet import CaseSheet
from scripts.jobs import Job, errors_in, jobs_of
from scripts.names import scan_stem
from scripts.tables import read_rows

# Rules that run once a chunk, and the file that each leaves of it.
CHUNK_FILES = {"images": "images/{}/index.tsv", "extract": "features/chunks/{}.parquet"}
WIDTH = 40
# What to ask for: a fifth more memory than the largest, half as much time again as the longest.
# Below 500 MB, Snakemake itself has no room in a job.
SPARE_MEMORY, SPARE_TIME, LEAST_MB, STEP_MB, LEAST_MIN = 1.2, 1.5, 500, 250, 5


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
        "usage": lambda: usage(jobs_of(results)),
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
    """Return a table of stages: jobs and cases done, failed jobs, time left, cost so far."""
    by_rule = _by_rule(jobs_of(results))
    rows = [["stage", "jobs", "cases", "refused", "running", "failed", "CPU h", "time left"]]
    for rule in [*CHUNK_FILES, *(set(by_rule) - CHUNK_FILES.keys())]:
        jobs = by_rule.get(rule, [])
        states = [job.state for job in jobs]
        done, cases, left = str(states.count("done")), "", ""
        if rule in CHUNK_FILES and sheet.chunks:
            whole = [c for c in sheet.chunks if (results / CHUNK_FILES[rule].format(c)).is_file()]
            done = f"{len(whole)}/{len(sheet.chunks)}"
            in_all = sum(map(sheet.cases, sheet.chunks))
            cases = f"{sum(map(sheet.cases, whole))}/{in_all}"
            left = _time_left(jobs, len(sheet.chunks) - len(whole), now)
        elif not jobs:
            continue
        hours = sum(job.cpu_s for job in jobs) / 3600
        refused = str(_refused(results, rule)) if rule in CHUNK_FILES else ""
        failed, running = str(states.count("failed")), str(states.count("running"))
        rows.append([rule, done, cases, refused, running, failed, f"{hours:.2f}", left])
    failures = [
        f"{job.rule} {job.name}: {' '.join(errors_in(_log(results, job))[:1])}"
        for jobs in by_rule.values()
        for job in jobs
        if job.state == "failed"
    ]
    return [*_aligned(rows), *failures]


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
        for rule in CHUNK_FILES:
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


def usage(jobs: list[Job]) -> list[str]:
    """Return what each rule took beside what it asked for, and when it ran."""
    done = [job for job in jobs if job.state == "done"]
    if not done:
        return []
    first, last = min(job.started for job in done), max(job.ended for job in done)
    span = max(last - first, 1.0)
    head = ["rule", "jobs", "CPU h", "CPU %", "longest", "asked", "MB used", "asked", "when"]
    rows = [head]
    for rule, its in _by_rule(done).items():
        cpu, wall = sum(job.cpu_s for job in its), sum(job.wall_s for job in its)
        rows.append(
            [
                rule,
                str(len(its)),
                f"{cpu / 3600:.2f}",
                f"{100 * cpu / wall:.0f}" if wall else "",
                _duration(max(job.wall_s for job in its)),
                _duration(60 * max(job.asked_min for job in its)),
                f"{max(job.used_mb for job in its):.0f}",
                f"{max(job.asked_mb for job in its):.0f}",
                _bar(its, first, span),
            ]
        )
    return [*_aligned(rows), f"From first to last: {_duration(span)}"]


def tuned(jobs: list[Job]) -> list[str]:
    """Return memory and time to ask for by rule, as part of a profile."""
    done = _by_rule(job for job in jobs if job.state == "done")
    lines = ["set-resources:"] if done else []
    for rule, its in sorted(done.items()):
        memory = max(job.used_mb for job in its) * SPARE_MEMORY
        minutes = max(job.wall_s for job in its) / 60 * SPARE_TIME
        asked = max(LEAST_MB, STEP_MB * math.ceil(memory / STEP_MB))
        lines += [
            f"  {rule}:",
            f"    mem_mb: {asked} * attempt",
            f"    runtime: {max(LEAST_MIN, math.ceil(minutes))} * attempt",
        ]
    return lines


def _by_rule(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """Group jobs, rules in the order in which their first job began."""
    found: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        found[job.rule].append(job)
    return dict(found)


def _names(case: str, row: dict[str, str]) -> bool:
    """Return whether a row is of a patient, or of one of its timepoints."""
    return case in (row["patient"], f"{row['patient']}_{row['timepoint']}")


def _log(results: Path, job: Job) -> Path:
    return results / "logs" / job.rule / f"{job.name}.log"


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
    return _duration(left * (now - min(job.started for job in done)) / len(done))


def _bar(jobs: list[Job], first: float, span: float) -> str:
    """Draw when jobs of a rule ran, on the time line of the study."""
    cells = [" "] * WIDTH
    for job in jobs:
        start = min(int((job.started - first) / span * WIDTH), WIDTH - 1)
        end = min(int((job.ended - first) / span * WIDTH), WIDTH - 1)
        cells[start : end + 1] = "#" * (end + 1 - start)
    return f"|{''.join(cells)}|"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if 0 < place < len(row) - 1 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
