"""What a study's jobs took, rule by rule: for the terminal, for a page, and for a profile."""

from __future__ import annotations

import base64
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from rigoromics.report.style import style
from rigoromics.report.usage_figure import Lane, usage_figure
from scripts.jobs import Job

WIDTH = 40
# Longer pauses, such as the review of the case sheet, are cut out of time lines.
IDLE_S = 600.0
# What to ask for: a fifth more memory than the largest, half as much time again as the longest.
# Below 500 MB, Snakemake itself has no room in a job.
SPARE_MEMORY, SPARE_TIME, LEAST_MB, STEP_MB, LEAST_MIN = 1.2, 1.5, 500, 250, 5


@dataclass(frozen=True)
class RuleUsage:
    """What the jobs of one rule took; where nothing was measured, a share is NaN.

    Attributes
    ----------
    rule
        Which rule.
    done, failed, running
        Jobs by how their last attempt ended; `running`: begun and not ended.
    cpu_s, wall_s
        Seconds of processors and by the clock, summed over the jobs that are done.
    cpu_share
        Processor time over wall-clock time times threads, where processor time was measured.
    longest_s, asked_s
        The longest job that is done, and the longest time that one was given.
    used_mb, asked_mb
        Largest memory that a job that is done took, and that one was given.
    memory_share
        Largest share of its own memory that any job took.
    most_at_once
        Most jobs of the rule that ran at the same time.
    """

    rule: str
    done: int
    failed: int
    running: int
    cpu_s: float
    wall_s: float
    cpu_share: float
    longest_s: float
    asked_s: float
    used_mb: float
    asked_mb: float
    memory_share: float
    most_at_once: int


@dataclass(frozen=True)
class Timeline:
    """The time in which a study's jobs ran, without the long pauses between them.

    Attributes
    ----------
    busy
        Stretches of time with a job at least every `IDLE_S`: first and last second since 1970.
    """

    busy: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> Timeline:
        """Return the time line of jobs, of which at least one ended."""
        busy: list[tuple[float, float]] = []
        for start, end in sorted((job.started, job.ended) for job in jobs if job.ended):
            if busy and start - busy[-1][1] <= IDLE_S:
                busy[-1] = (busy[-1][0], max(busy[-1][1], end))
            else:
                busy.append((start, end))
        return cls(tuple(busy))

    @property
    def length(self) -> float:
        """Seconds without the pauses; one at least."""
        return max(sum(end - start for start, end in self.busy), 1.0)

    @property
    def pauses(self) -> list[tuple[float, float]]:
        """Where pauses were cut out, and how long they were, in seconds."""
        return [
            (self.at(after[0]), after[0] - before[1])
            for before, after in zip(self.busy, self.busy[1:], strict=False)
        ]

    def at(self, moment: float) -> float:
        """Return where a moment (seconds since 1970) lies, in seconds from the first job on."""
        return sum(min(max(moment - start, 0.0), end - start) for start, end in self.busy)


def grouped(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """Group jobs, rules in the order in which their first job began."""
    found: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        found[job.rule].append(job)
    return dict(found)


def usage_of(jobs: Iterable[Job]) -> list[RuleUsage]:
    """Return what each rule took, rules in the order in which their first job began."""
    return [_usage_of_rule(rule, its) for rule, its in grouped(jobs).items()]


def _usage_of_rule(rule: str, jobs: Sequence[Job]) -> RuleUsage:
    states = [job.state for job in jobs]
    done = [job for job in jobs if job.state == "done"]
    # Where a job left no word of what it took, its time says nothing of how well it was used.
    paid = sum(job.wall_s * job.threads for job in done if job.used_mb)
    cpu = sum(job.cpu_s for job in done)
    shares = [job.used_mb / job.asked_mb for job in done if job.used_mb and job.asked_mb]
    return RuleUsage(
        rule,
        len(done),
        states.count("failed"),
        states.count("running"),
        cpu,
        sum(job.wall_s for job in done),
        cpu / paid if paid else math.nan,
        max((job.wall_s for job in done), default=0.0),
        60 * max((job.asked_min for job in done), default=0.0),
        max((job.used_mb for job in done), default=0.0),
        max((job.asked_mb for job in done), default=0.0),
        max(shares, default=math.nan),
        max(
            (running for _, running in _running([(job.started, job.ended) for job in done])),
            default=0,
        ),
    )


def _running(spans: Iterable[tuple[float, float]]) -> list[tuple[float, int]]:
    """Return how many of some spans of time hold from each moment on at which that changes."""
    changes: defaultdict[float, int] = defaultdict(int)
    for start, end in spans:
        changes[start] += 1
        changes[end] -= 1
    running, found = 0, []
    for moment in sorted(changes):
        running += changes[moment]
        found.append((moment, running))
    return found


def usage(jobs: Sequence[Job]) -> list[str]:
    """Return what each rule took beside what it asked for, and when it ran, for the terminal."""
    done = [job for job in jobs if job.state == "done"]
    if not done:
        return []
    line, by_rule = Timeline.of(done), grouped(done)
    rows = [["rule", "jobs", "CPU h", "CPU %", "longest", "asked", "MB used", "asked", "when"]]
    rows += [
        [
            rule.rule,
            str(rule.done),
            f"{rule.cpu_s / 3600:.2f}",
            percent(rule.cpu_share),
            duration(rule.longest_s),
            duration(rule.asked_s),
            f"{rule.used_mb:.0f}",
            f"{rule.asked_mb:.0f}",
            _bar(by_rule[rule.rule], line),
        ]
        for rule in usage_of(done)
    ]
    idle = sum(pause for _, pause in line.pauses)
    pauses = f", without {duration(idle)} in which nothing ran" if idle else ""
    return [*aligned(rows), f"From first to last: {duration(line.length)}{pauses}"]


def tuned(jobs: Iterable[Job]) -> list[str]:
    """Return memory and time to ask for by rule, as part of a profile."""
    done = usage_of(job for job in jobs if job.state == "done")
    lines = ["set-resources:"] if done else []
    for rule in sorted(done, key=lambda rule: rule.rule):
        memory = rule.used_mb * SPARE_MEMORY
        minutes = rule.longest_s / 60 * SPARE_TIME
        asked = max(LEAST_MB, STEP_MB * math.ceil(memory / STEP_MB))
        lines += [
            f"  {rule.rule}:",
            f"    mem_mb: {asked} * attempt",
            f"    runtime: {max(LEAST_MIN, math.ceil(minutes))} * attempt",
        ]
    return lines


def usage_page(
    study: str,
    jobs: Sequence[Job],
    stages: Sequence[Sequence[str]],
    failures: Sequence[str],
    report: Path,
) -> str:
    """Return the page of what a study took: a file of its own that opens offline.

    Parameters
    ----------
    study
        The study's name.
    jobs
        All jobs that began, of which at least one is done.
    stages
        Table of stages with its header: what `scripts.progress` shows.
    failures
        A line for each job that failed.
    report
        Folder of the page's template and of the style that it shares with the report.
    """
    done = [job for job in jobs if job.state == "done"]
    rules, line = usage_of(jobs), Timeline.of(jobs)
    figure = io.BytesIO()
    lanes = [
        _lane(rule, its, line) for rule, its in zip(rules, grouped(jobs).values(), strict=True)
    ]
    with style():
        drawn = usage_figure(lanes, line.length, [at for at, _ in line.pauses])
        drawn.savefig(figure, format="svg", metadata={"Date": None, "Creator": None})
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"duration": duration, "percent": percent}
    template = environment.from_string((report / "usage.html.j2").read_text(encoding="utf-8"))
    return template.render(
        study=study,
        stylesheet=(report / "report.css").read_text(encoding="utf-8"),
        figure=base64.b64encode(figure.getvalue()).decode(),
        rules=rules,
        stages=stages,
        failures=failures,
        totals=_totals(done, rules),
        length=line.length,
        pauses=line.pauses,
    )


def _totals(done: Sequence[Job], rules: Sequence[RuleUsage]) -> Mapping[str, float]:
    """Sum up a study: jobs by state, seconds of processors, and core seconds held."""
    paid = sum(job.wall_s * job.threads for job in done)
    measured = sum(job.wall_s * job.threads for job in done if job.used_mb)
    cpu = sum(rule.cpu_s for rule in rules)
    return {
        "done": len(done),
        "failed": sum(rule.failed for rule in rules),
        "running": sum(rule.running for rule in rules),
        "cpu_s": cpu,
        "paid_s": paid,
        "cpu_share": cpu / measured if measured else math.nan,
    }


def _lane(rule: RuleUsage, jobs: Sequence[Job], line: Timeline) -> Lane:
    """Return what the picture shows of a rule."""
    done = [(line.at(job.started), line.at(job.ended)) for job in jobs if job.state == "done"]
    failed = [line.at(job.ended) for job in jobs if job.state == "failed"]
    return Lane(rule.rule, _running(done), failed, rule.used_mb, rule.asked_mb)


def _bar(jobs: Sequence[Job], line: Timeline) -> str:
    """Draw when jobs of a rule ran, on the time line of the study."""
    cells = [" "] * WIDTH
    for job in jobs:
        start = min(int(line.at(job.started) / line.length * WIDTH), WIDTH - 1)
        end = min(int(line.at(job.ended) / line.length * WIDTH), WIDTH - 1)
        cells[start : end + 1] = "#" * (end + 1 - start)
    return f"|{''.join(cells)}|"


def duration(seconds: float) -> str:
    """Write a time with the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def percent(share: float) -> str:
    """Write a share in percent, and nothing where it is not known."""
    return "" if math.isnan(share) else f"{100 * share:.0f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; all but the first and the last column end at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if 0 < place < len(row) - 1 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
