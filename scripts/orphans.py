"""Cancel the Slurm jobs that a dead head process left behind, before new ones write their files.

A head that was killed leaves its jobs running, and Snakemake, started again, would submit them a
second time: two writers of one output. Who starts holds the lock on the study's files, so whatever
of this study is still queued belongs to nobody. `Snakefile` calls this when a run starts.
"""

import logging
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from rigoromics.errors import DataError

# A job may take a while to die: Slurm asks, and kills what has not gone after half a minute.
PATIENCE_S = 120
# The plugin's own comment on each job it submits.
OURS = "rule_"

logger = logging.getLogger(__name__)


def cancel_orphans(folder: Path, configfiles: Sequence[Path]) -> list[str]:
    """Cancel this study's jobs that are still in the queue, and wait until they are gone.

    Parameters
    ----------
    folder
        The project folder; jobs of other folders are left alone.
    configfiles
        Config files of this run; jobs with others belong to another study.

    Returns
    -------
    list of str
        Numbers of the jobs that were cancelled.

    Raises
    ------
    DataError
        If some are still there after two minutes.
    """
    wanted = [str(path.absolute()) for path in configfiles]
    orphans = [number for number in queued(folder) if _configfiles(_command_of(number)) == wanted]
    if not orphans:
        return []
    logger.warning("Cancelling %d jobs of a head process that is gone", len(orphans))
    _slurm("scancel", *orphans)
    end = time.monotonic() + PATIENCE_S
    while left := sorted({*orphans} & {*queued(folder)}):
        if time.monotonic() > end:
            raise DataError(
                f"{len(left)} jobs of an earlier run are still there after scancel "
                f"({', '.join(left[:5])})",
                "wait until `squeue` lists them no more; a node that does not answer may hold them",
            )
        time.sleep(1)
    return orphans


def queued(folder: Path) -> list[str]:
    """Return the numbers of this user's jobs that Snakemake submitted from a folder."""
    listed = _slurm("squeue", "--me", "--noheader", "--format=%i|%k|%Z")
    jobs = [line.strip().split("|", 2) for line in listed.splitlines() if line.count("|") >= 2]
    here = os.path.realpath(folder)
    return [
        number
        for number, comment, where in jobs
        if comment.startswith(OURS) and os.path.realpath(where) == here
    ]


def _command_of(number: str) -> list[str]:
    """Return the words of a job's batch script; none if the job has just ended."""
    return _slurm("scontrol", "write", "batch_script", number, "-", missing="").split()


def _configfiles(words: Sequence[str]) -> list[str]:
    """Return what stands behind `--configfiles` in a command."""
    quoted = [word.strip("'\"") for word in words]
    if "--configfiles" not in quoted:
        return []
    after = quoted[quoted.index("--configfiles") + 1 :]
    end = next((i for i, word in enumerate(after) if word.startswith("-")), len(after))
    return after[:end]


def _slurm(*command: str, missing: str | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and missing is None:
        raise DataError(
            f"`{' '.join(command[:3])}` failed: {done.stderr.strip()}",
            "start again when Slurm answers; until then nobody knows which jobs still run",
        )
    return done.stdout if not done.returncode else str(missing)
