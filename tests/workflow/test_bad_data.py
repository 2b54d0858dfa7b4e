"""Bad patients are refused in words, and the study goes on without them."""

import pandas as pd
import pytest

from rigoromics.simulate.damage import damage

pytestmark = pytest.mark.workflow

KINDS = {
    "truncated_slice": "cut short",
    "empty_mask": "empty",
    "missing_slice": "missing",
    "wrong_frame_of_reference": "frame of reference",
}


def test_one_corrupt_patient_of_each_kind(copied):
    people = pd.read_csv(copied.folder / "data/quick/clinical.csv", dtype=str)["patient"]
    for kind, patient in zip(KINDS, people.iloc[[1, 3, 5, 7]], strict=True):
        damage(copied.folder / "data/quick/raw", kind, patient)
    copied.run()
    tables = [copied.results / "sheet/problems.tsv", copied.results / "features/problems.tsv"]
    problems = pd.concat([pd.read_csv(path, sep="\t", dtype=str) for path in tables])
    refused = problems[problems["severity"] == "refused"]
    assert refused["remedy"].str.len().min() > 10
    for word in KINDS.values():
        assert refused["problem"].str.contains(word, case=False).any(), word
    table = pd.read_parquet(copied.results / "model/table.parquet")
    assert len(table) >= len(people) - len(KINDS)
    assert (copied.results / "paper/manuscript.pdf").stat().st_size > 10_000
