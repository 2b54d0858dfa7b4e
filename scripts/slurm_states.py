"""Let Snakemake's Slurm plugin understand every state in which a job can end.

Plugin 2.4 to 2.8 compares whole words: `sacct` says "CANCELLED by 1000", which is none of those
that it knows, and it would wait for that job forever. It leaves a preempted job to Slurm, which
was told not to start any a second time (`slurm-no-requeue`), and waits as long.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import snakemake_executor_plugin_slurm as plugin

Query = Callable[[str, Any], Awaitable[tuple[dict[str, str] | None, float | None]]]


def understand_states(*, requeued: bool) -> None:
    """Have the plugin ask for the states of jobs through `plain_state`.

    Parameters
    ----------
    requeued
        Slurm itself starts jobs anew that it preempted.
    """
    asked: Query = plugin.query_job_status

    async def query(command: str, log: Any) -> tuple[dict[str, str] | None, float | None]:
        states, seconds = await asked(command, log)
        if states is None:
            return states, seconds
        return {job: plain_state(state, requeued) for job, state in states.items()}, seconds

    plugin.query_job_status = query


def plain_state(state: str, requeued: bool) -> str:
    """Return a job's state in the one word that the plugin compares with."""
    word = state.partition(" ")[0]
    return "CANCELLED" if word == "PREEMPTED" and not requeued else word
