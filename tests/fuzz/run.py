"""Send fuzzed patients through the sheet and the images step, and count what became of them.

`python -m tests.fuzz.run 10000` prints the figures of a full run.
"""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from rigoromics.config.load import load_study
from rigoromics.read.keys import Keys
from scripts import images, sheet
from scripts.tables import read_tsv
from tests.fuzz.cohort import write_fuzzed

STUDY = {
    "name": "fuzz",
    "seed": 1,
    "paper": {"title": "Fuzzed", "authors": ["Test"]},
    "cohorts": {"development": {"role": "development"}},
    "scans": {"ct": {"modality": "CT", "extraction": "config/extraction/ct_quick.yaml"}},
    "rois": {"lesion": {"names": ["gtv"]}},
    "clinical": {"table": "none.csv"},
    "endpoints": {"outcome": {"type": "binary", "column": "outcome", "label": "outcome"}},
    "models": {"signatures": ["radiomics"]},
}
BATCH = 500


@dataclass
class Outcome:
    """What became of the fuzzed files.

    Attributes
    ----------
    counts
        (what was spoiled, what became of its patient) to the number of patients: `unnoticed`
        (used, nothing to say), `noted` or `repaired` (used, and said), `refused` (in words),
        `gone` (the file no longer says whose it is, or what it is).
    unexpected
        Problems that are no words for a user: failures nobody had thought of.
    seconds
        For reading headers and making images, without writing the fuzzed files.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def table(self) -> pd.DataFrame:
        """Return the counts, a row per kind of file."""
        rows = pd.Series(self.counts).unstack(fill_value=0)
        return rows.assign(files=rows.sum(axis=1))


def run(number: int, seed: int, folder: Path, first: int = 0) -> Outcome:
    """Fuzz `number` files, from patient `first` on; a crash of a step is not caught here."""
    outcome = Outcome()
    for start in range(first, first + number, BATCH):
        part = folder / f"batch{start}"
        _run_batch(range(start, min(start + BATCH, first + number)), seed, part, outcome)
        shutil.rmtree(part)
    return outcome


def _run_batch(numbers: range, seed: int, folder: Path, outcome: Outcome) -> None:
    study = load_study(STUDY)
    raw, private = folder / "raw", folder / "private"
    private.mkdir(parents=True)
    with quiet():
        spoiled = dict(write_fuzzed(raw, numbers, seed))
    began = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()), quiet():
        sheet.main(
            raw=raw,
            private=private,
            sheet=folder / "cases.tsv",
            problems=folder / "problems.tsv",
            acquisition=folder / "acquisition.tsv",
            study=_parts(study),
        )
    cases = read_tsv(folder / "cases.tsv").astype(str)
    rows = cases[cases["include"] == "yes"].to_dict("records")
    out = folder / "images"
    out.mkdir()
    names = ("index", "problems", "agreement", "quality")
    settings = {**study.part("images"), "contact_sheet": False, "quality": study.part("quality")}
    tables = {name: out / f"{name}.tsv" for name in names}
    with quiet():
        images.main(**tables, raw=raw, private=private, rows=rows, settings=settings)
    outcome.seconds += time.monotonic() - began
    said = pd.concat([read_tsv(folder / "problems.tsv"), read_tsv(out / "problems.tsv")])
    keys = Keys((private / "salt.txt").read_text().strip(), public=False)
    _count(outcome, spoiled, said.fillna(""), set(read_tsv(out / "index.tsv")["patient"]), keys)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence pydicom's warnings, as the runner of every step does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _parts(study: object) -> dict[str, object]:
    """Return the settings that rule sheet passes on."""
    names = ["privacy", "cohorts", "centre", "scans", "rois", "raters", "images"]
    return {name: study.part(name) for name in names} | {
        "masks": None,
        "reference_rater": study.reference_rater,
        "clinical_id": study.clinical.id,
    }


def _count(
    outcome: Outcome, spoiled: dict[str, str], said: pd.DataFrame, used: set[str], keys: Keys
) -> None:
    severities = said.groupby("patient")["severity"].agg(set).to_dict()
    for name, turn in spoiled.items():
        key = keys.patient(name)
        grave = severities.get(key, set())
        if key in used:
            what = "repaired" if "repaired" in grave else "noted" if grave else "unnoticed"
        else:
            what = "refused" if "refused" in grave else "gone"
        outcome.counts[turn, what] += 1
    strange = said["problem"].str.contains("unexpected failure")
    outcome.unexpected += sorted(said.loc[strange, "problem"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory() as place:
        result = run(total, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1, folder=Path(place))
    print(result.table().to_string())
    print(f"{len(result.unexpected)} unexpected failures, {result.seconds:.0f} s")
    for line, count in Counter(result.unexpected).most_common():
        print(count, line)
