import math
from pathlib import Path

import pytest

from scripts.jobs import Job
from scripts.usage import Timeline, percent, usage, usage_of, usage_page

REPORT = Path(__file__).parents[3] / "report"


def job(name, start, end, state="done", cpu=0.0, used=0.0, asked=0.0, rule="fit", threads=1):
    return Job(rule, name, state, start, end, end - start, cpu, used, asked, 30.0, threads)


@pytest.fixture
def jobs():
    """Two jobs on two cores that overlap, one that failed, and one of another rule later on."""
    return [
        job("a", 0, 100, cpu=100, used=500, asked=1000, threads=2),
        job("b", 50, 150, cpu=60, used=300, asked=500, threads=2),
        job("c", 100, 140, state="failed"),
        job("all", 1000, 1100, cpu=90, used=200, asked=2000, rule="report"),
    ]


def test_time_lines_leave_out_long_pauses(jobs):
    line = Timeline.of(jobs)
    # Nothing ran from 150 to 1,000 s, more than ten minutes.
    assert line.busy == ((0, 150), (1000, 1100))
    assert line.length == 250
    assert line.pauses == [(150, 850)]
    assert [line.at(moment) for moment in (-5, 0, 120, 500, 1050, 9999)] == [
        0,
        0,
        120,
        150,
        200,
        250,
    ]


def test_short_pauses_stay():
    line = Timeline.of([job("a", 0, 100), job("b", 700, 800)])
    assert (line.length, line.pauses) == (800, [])


def test_rules_are_summed_up(jobs):
    fit, report = usage_of(jobs)
    assert (fit.rule, fit.done, fit.failed, fit.running) == ("fit", 2, 1, 0)
    assert (fit.cpu_s, fit.wall_s, fit.longest_s, fit.asked_s) == (160, 200, 100, 1800)
    # 160 s of processors in 200 s on two cores.
    assert fit.cpu_share == pytest.approx(160 / 400)
    # 500 of 1,000 MB, 300 of 500: the second came nearer to its own limit.
    assert (fit.used_mb, fit.asked_mb, fit.memory_share) == (500, 1000, pytest.approx(0.6))
    assert (fit.most_at_once, report.most_at_once) == (2, 1)
    assert report.cpu_share == pytest.approx(0.9)


def test_jobs_one_after_the_other_are_not_at_once():
    (only,) = usage_of([job("a", 0, 100), job("b", 100, 200)])
    assert only.most_at_once == 1


def test_what_was_not_measured_is_not_a_number():
    (only,) = usage_of([job("a", 0, 100)])
    assert math.isnan(only.cpu_share)
    assert math.isnan(only.memory_share)
    assert percent(only.cpu_share) == ""


def test_the_terminal_draws_both_stretches(jobs):
    head, fit, report, last = usage(jobs)
    # 150 and 100 of 250 s on 40 places.
    assert fit.endswith("|" + "#" * 25 + " " * 15 + "|")
    assert report.endswith("|" + " " * 24 + "#" * 16 + "|")
    assert last == "From first to last: 4 min, without 14 min in which nothing ran"
    assert head.split()[:2] == ["rule", "jobs"]


def test_the_page_says_what_each_rule_took(jobs):
    page = usage_page("a <study>", jobs, [["stage", "jobs"], ["fit", "2"]], ["fit c: full"], REPORT)
    assert "What a &lt;study&gt; took" in page
    assert "3 jobs are done, 1 failed, 0 have begun and not ended." in page
    # 250 of 500 core seconds: 2 x 100 + 2 x 100 + 100.
    assert "jobs used 50% of the cores that they held" in page
    assert "here nothing ran for 14 min, which is left out" in page
    row = page.split('<td class="name">fit</td>')[1].split("</tr>")[0]
    cells = [cell.split(">")[-1] for cell in row.split("</td>")]
    assert cells[:11] == [
        "2",
        "1",
        "2",
        "3 min",
        "3 min",
        "40",
        "2 min",
        "30 min",
        "500",
        "1000",
        "60",
    ]
    assert "<li>fit c: full</li>" in page
    assert "http" not in page.split("<figcaption>")[1]


def test_a_study_of_which_nothing_ended_has_no_table():
    assert usage([job("a", 0, 0, state="running")]) == []
