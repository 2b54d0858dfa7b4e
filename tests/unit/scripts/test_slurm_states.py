"""Slurm's own words for ended jobs (squeue(1) and sacct(1), JOB STATE CODES)."""

import asyncio
import logging

import pytest
import snakemake_executor_plugin_slurm as plugin

from scripts.slurm_states import understand_states

SAID = {"1": "RUNNING", "2": "CANCELLED by 1000", "3": "CANCELLED", "4": "PREEMPTED", "5": ""}


@pytest.mark.parametrize(("requeued", "preempted"), [(False, "CANCELLED"), (True, "PREEMPTED")])
def test_the_plugin_hears_words_that_it_knows(monkeypatch, tmp_path, requeued, preempted):
    monkeypatch.setattr(plugin, "query_job_status", plugin.query_job_status)
    listed = tmp_path / "states"
    listed.write_text("".join(f"{job}|{state}\n" for job, state in SAID.items()))
    understand_states(requeued=requeued)
    states, seconds = asyncio.run(plugin.query_job_status(f"cat {listed}", logging.getLogger()))
    assert states == {"1": "RUNNING", "2": "CANCELLED", "3": "CANCELLED", "4": preempted, "5": ""}
    assert seconds >= 0


def test_a_question_that_slurm_does_not_answer_stays_without_answer(monkeypatch):
    monkeypatch.setattr(plugin, "query_job_status", plugin.query_job_status)
    understand_states(requeued=False)
    answer = asyncio.run(plugin.query_job_status("false", logging.getLogger()))
    assert answer == (None, None)
