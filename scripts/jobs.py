"""What a study's jobs left behind: when each ran, what it asked for and took, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.tables import read_rows


@dataclass(frozen=True)
class Job:
    """One job's last attempt.

    Attributes
    ----------
    rule, name
        Which job.
    state
        `done`, `failed`, or `running`: begun and not ended; so is one whose node died.
    started, ended
        Seconds since 1970; `ended` is 0 while it runs.
    wall_s, cpu_s
        Seconds by the clock and of processors.
    used_mb
        Largest memory.
    asked_mb, asked_min
        Memory and minutes that it was given; 0 where nobody knows.
    threads
        Cores that it was given.
    """

    rule: str
    name: str
    state: str
    started: float
    ended: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    used_mb: float = 0.0
    asked_mb: float = 0.0
    asked_min: float = 0.0
    threads: int = 1


def jobs_of(results: Path) -> list[Job]:
    """Return all jobs of a study that began, by the time they did.

    Parameters
    ----------
    results
        The study's results: `results/<study>`.
    """
    return sorted(_jobs(results), key=lambda job: (job.started, job.rule, job.name))


def _jobs(results: Path) -> Iterator[Job]:
    for path in (results / "benchmarks").glob("*/*.json"):
        asked = json.loads(path.read_text(encoding="utf-8"))
        # What the process says itself; the benchmark adds up several, but looks now and then.
        peak, spent = _number(asked.get("peak_mb")), _number(asked.get("cpu_s"))
        rule, name, started = path.parent.name, path.stem, float(asked["started"])
        given: dict[str, Any] = {
            "asked_mb": _number(asked["mem_mb"]),
            "asked_min": _number(asked["runtime"]),
            "threads": int(asked["threads"]),
        }
        benchmark, log = path.with_suffix(".tsv"), results / "logs" / rule / f"{name}.log"
        record = results / "tracking/records" / rule / f"{name}.json"
        if _is_newer(benchmark, started):
            (row,) = read_rows(benchmark)[-1:]
            used = {
                "wall_s": _number(row["s"]),
                "cpu_s": max(_number(row["cpu_time"]), spent),
                "used_mb": max(_number(row["max_rss"]), peak),
            }
            yield Job(rule, name, "done", started, benchmark.stat().st_mtime, **used, **given)
        elif _is_newer(record, started):
            # The sheet and the retrieval have no benchmark, which would be an output of theirs.
            ended = record.stat().st_mtime
            used = {"wall_s": ended - started, "cpu_s": spent, "used_mb": peak}
            yield Job(rule, name, "done", started, ended, **used, **given)
        elif errors_in(log):
            ended = log.stat().st_mtime
            yield Job(rule, name, "failed", started, ended, ended - started, **given)
        else:
            yield Job(rule, name, "running", started, **given)


def _is_newer(path: Path, started: float) -> bool:
    """Return whether a file is there and not one of an earlier run of the same job."""
    return path.is_file() and path.stat().st_mtime >= started


def errors_in(log: Path) -> list[str]:
    """Return the lines of a job's log from its last error on."""
    if not log.is_file():
        return []
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    last = [number for number, line in enumerate(lines) if line.startswith("ERROR ")]
    return lines[last[-1] :] if last else []


def _number(text: object) -> float:
    """Read a number; a dash or a word, where nothing was measured, is 0."""
    try:
        return float(str(text))
    except ValueError:
        return 0.0
