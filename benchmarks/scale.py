"""What a study of many patients costs the head node: planning, running, and finding nothing to do.

Writes a reviewed case sheet of so many simulated patients (three raters each, with segmentation
files to watch), in a copy of the project whose scripts only write small files where results
belong. Rules, dependencies, chunks and files are the real ones; what is measured is Snakemake and
the rules alone, in the head process, without its jobs:

    python -m benchmarks.scale --patients 100 1000 10000 --run 10000

`plan` is a dry run of the whole study; `run`, of the sizes given, is the real thing with those
empty scripts; `again` is a run with nothing to do. Of sizes that are not run, `again` finds files
that were made beforehand and marked as done.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.workflow.stubbed import stubbed

# The head process says what it took itself; its jobs are its children, and do not count.
HEAD = """
import atexit, resource
def say():
    use = resource.getrusage(resource.RUSAGE_SELF)
    print(f"HEAD {use.ru_utime + use.ru_stime:.2f} {use.ru_maxrss / 1024:.0f}", flush=True)
atexit.register(say)
from snakemake.cli import main
main()
"""


def main(arguments: list[str]) -> None:
    """Print a row of the table per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--run", type=int, nargs="*", default=[], help="sizes to run, too")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    print(
        "| patients | jobs | plan, CPU s | MB | run, CPU s | MB | s a patient | again, CPU s | MB |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for patients in given.patients:
        with tempfile.TemporaryDirectory() as folder:
            project = stubbed(
                Path(folder) / "project", patients, compute={"cases_per_chunk": "auto"}
            )
            plan, megabytes, said = head(project.folder, "-n")
            jobs = re.findall(r"total\s+(\d+)", said)[0]
            row = [f"{patients:,}", jobs, f"{plan:.1f}", f"{megabytes:.0f}"]
            cores = ["--cores", str(given.cores)]
            if patients in given.run:
                run, megabytes, _ = head(project.folder, *cores)
                row += [f"{run:.1f}", f"{megabytes:.0f}", f"{run / patients:.4f}"]
            else:
                mark_done(project.folder, *cores)
                row += ["", "", ""]
            again, megabytes, said = head(project.folder, *cores)
            assert "Nothing to be done" in said, said[-2000:]
            row += [f"{again:.1f}", f"{megabytes:.0f}"]
            print(f"| {' | '.join(row)} |", flush=True)


def mark_done(project: Path, *cores: str) -> None:
    """Make all files of a study, and have Snakemake take them for its own."""
    _, _, said = head(project, "--summary")
    for line in said.splitlines():
        if line.startswith("results/"):
            path = project / line.split("\t")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"sentence": ""}') if path.suffix else path.mkdir(exist_ok=True)
    head(project, "--touch", *cores)


def head(project: Path, *options: str) -> tuple[float, float, str]:
    """Return CPU seconds and largest memory (MB) of Snakemake's own process, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD, "--configfile", "quick.yaml", *options],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode:
        sys.exit(said[-4000:])
    seconds, megabytes = re.findall(r"HEAD (\S+) (\S+)", said)[0]
    return float(seconds), float(megabytes), said


if __name__ == "__main__":
    main(sys.argv[1:])
