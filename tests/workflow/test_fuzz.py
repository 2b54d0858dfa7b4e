"""Files spoiled by chance never end a run: each is used, refused in words, or left out."""

import pytest

from tests.fuzz.run import run


def test_a_few_hundred_spoiled_files(tmp_path):
    outcome = run(300, seed=20, folder=tmp_path)
    assert sum(outcome.counts.values()) == 300
    assert outcome.unexpected == []
    table = outcome.table()
    # The faults must bite, and not everything may be refused: else the test tests nothing.
    assert table["refused"].sum() > 50
    assert table[["unnoticed", "noted"]].sum().sum() > 20


@pytest.mark.slow
def test_ten_thousand_spoiled_files(tmp_path):
    outcome = run(10_000, seed=1, folder=tmp_path)
    print(outcome.table().to_string(), f"\n{outcome.seconds:.0f} s")
    assert sum(outcome.counts.values()) == 10_000
    assert outcome.unexpected == []
