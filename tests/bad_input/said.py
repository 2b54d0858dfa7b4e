"""Run the study of bad input as a user would, and collect what it says of each patient."""

from __future__ import annotations

import csv
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tests.bad_input.cohort import spoil_later, write_cohort
from tests.bad_input.kinds import Kind
from tests.workflow.project import Project, new_project

STUDY = Path(__file__).with_name("study.yaml")
FEATURES = "results/bad/features/features.parquet"


@dataclass(frozen=True)
class Said:
    """What the study of bad input came to.

    Attributes
    ----------
    project
        Where it ran.
    problems
        All tables of problems as one, with the PatientID in the column `patient_id`.
    features
        The feature table, with the same column.
    """

    project: Project
    problems: pd.DataFrame
    features: pd.DataFrame

    def of(self, kind: Kind) -> pd.DataFrame:
        """Return the problems of the kind's own patient that say what the kind expects."""
        rows = self.problems
        if not kind.anonymous:
            rows = rows[rows["patient_id"] == kind.patient_id]
        fits = rows["problem"].str.contains(kind.said, case=False, regex=True)
        return rows[fits & rows["severity"].isin(kind.severity.split("|"))]


def run(folder: Path) -> Said:
    """Write the cohort, draft the sheet, spoil more, run up to the feature table."""
    project = new_project(folder)
    shutil.copy(STUDY, project.folder / "bad.yaml")
    project.config = "bad.yaml"
    raw = project.folder / "data/bad/raw"
    write_cohort(raw)
    project.snakemake("--", "sheet")
    spoil_later(raw)
    project.snakemake("--", FEATURES)
    tables = [project.results / f"{stage}/problems.tsv" for stage in ("sheet", "features")]
    problems = pd.concat([pd.read_csv(path, sep="\t", dtype=str).fillna("") for path in tables])
    features = pd.read_parquet(project.folder / FEATURES)
    people = pd.read_csv(project.folder / "data/bad/private/patients.tsv", sep="\t", dtype=str)
    names = dict(zip(people["patient"], people["patient_id"], strict=True))
    names |= _keys_of_absent(project, set(names.values()))
    problems["patient_id"] = problems["patient"].map(names).fillna("")
    features = features.reset_index(drop=True)
    features["patient_id"] = features["patient"].map(names)
    return Said(project, problems.drop_duplicates(ignore_index=True), features)


def _keys_of_absent(project: Project, known: set[str]) -> dict[str, str]:
    """Return key to PatientID of those who are in the clinical table only."""
    from rigoromics.read.keys import Keys

    salt = (project.folder / "data/bad/private/salt.txt").read_text(encoding="utf-8").strip()
    with (project.folder / "data/bad/clinical.csv").open() as stream:
        listed = {row["patient"] for row in csv.DictReader(stream)}
    return {Keys(salt, public=False).patient(name): name for name in listed - known}


def shown(text: str) -> str:
    """Return a message as the docs show it: without the salted keys of this run."""
    return re.sub(r"\b(?:P|[A-Z]{2,8})-[0-9a-f]{10}\b", "...", text).replace("|", "\\|")
