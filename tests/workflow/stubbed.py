"""The real rules with scripts that only write small files: what remains is the workflow itself."""

import re
from pathlib import Path

import pandas as pd

from tests.workflow.project import Project, new_project

RATERS = ("r1", "r2", "r3")
# What a job writes depends on nothing but its rule, its wildcards and its outputs' names. The
# journal holds a line when a job starts and one when it is done, so that a test can count both.
# Files beside it have jobs go wrong: those named in `held.txt` wait while they are; jobs with less
# memory than `megabytes.txt` says need that much; files show `late.txt` seconds late.
SCRIPT = """
import json, os, time
from pathlib import Path
name = " ".join([snakemake.rule, *map(str, snakemake.wildcards)])
def note(what):
    with open("journal.txt", "a") as journal:
        journal.write(f"{what} {name}\\n")
def told(file):
    try:
        return Path(file).read_text()
    except FileNotFoundError:
        return ""
def write():
    for path in map(Path, snakemake.output):
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"sentence": f"{name} {path}"})
        path.write_text(text) if path.suffix else path.mkdir()
note("start")
while name in told("held.txt").splitlines():
    time.sleep(0.5)
needed = int(told("megabytes.txt") or 0)
if needed > snakemake.resources.mem_mb:
    taken = b"x" * (needed * 2**20)
if told("late.txt"):
    if os.fork() == 0:
        time.sleep(float(told("late.txt")))
        write()
        os._exit(0)
else:
    write()
note("done")
"""


def stubbed(folder: Path, patients: int, **changes: object) -> Project:
    """A copy of the project with empty scripts and a reviewed sheet of so many patients."""
    project = new_project(folder, **changes)
    rules = "".join(path.read_text() for path in (folder / "rules").glob("*.smk"))
    for script in set(re.findall(r'"\.\./(scripts/\w+\.py)"', rules)):
        (folder / script).write_text(SCRIPT)
    data, sheet = folder / "data" / project.name, project.results / "sheet"
    for place in (data / "private", data / "raw", sheet):
        place.mkdir(parents=True)
    (data / "private/salt.txt").write_text("salt")
    (data / "clinical.csv").write_text("patient\n")
    for name in ("problems.tsv", "acquisition.tsv", "roi_names.tsv"):
        (sheet / name).write_text("\n")
    rows = pd.DataFrame(
        [
            ("yes", f"P-{number:010x}", "baseline", "ct", "lesion", rater, f"S-{number:x}-{rater}")
            for number in range(patients)
            for rater in RATERS
        ],
        columns=["include", "patient", "timepoint", "scan", "roi", "rater", "segmentation"],
    )
    rows["centre"] = rows["patient"].str[-1]
    rows.to_csv(sheet / "cases.tsv", sep="\t", index=False)
    keys = rows["segmentation"]
    paths = pd.DataFrame({"key": keys, "path": keys + ".dcm"})
    paths.to_csv(data / "private/segmentations.tsv", sep="\t", index=False)
    for path in paths["path"]:
        (data / "raw" / path).write_text(path)
    return project
