import pandas as pd
import pytest

from rigoromics.errors import DataError
from scripts.simulate import main

SETTINGS = {
    "size": "tiny",
    "centres": {"A": {"patients": 1}, "B": {"patients": 1}},
    "retest_fraction": 0,
}


def run(folder, threads=1, settings=SETTINGS):
    return main(
        raw=folder / "raw",
        clinical=folder / "clinical.csv",
        truth=folder / "private" / "truth.parquet",
        salt=folder / "private" / "salt.txt",
        planted=folder / "private" / "planted_identifiers.txt",
        settings=settings,
        seed=3,
        threads=threads,
    )


def test_writes_everything_the_same_each_time(tmp_path):
    metrics = run(tmp_path / "one")
    assert metrics is not None
    assert metrics["patients"] == 2
    run(tmp_path / "two", threads=2)
    one = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    for name in one:
        if (tmp_path / "one" / name).is_file():
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    clinical = pd.read_csv(tmp_path / "one" / "clinical.csv")
    truth = pd.read_parquet(tmp_path / "one" / "private" / "truth.parquet")
    assert list(clinical["patient"]) == list(truth["patient"]) == ["SIM-A-0001", "SIM-B-0001"]
    assert len((tmp_path / "one" / "private" / "salt.txt").read_text().strip()) == 64
    n = sum(path.is_file() for path in (tmp_path / "one" / "raw").rglob("*"))
    assert metrics["files"] == n - 1  # the marker is no image


def test_an_earlier_simulation_is_replaced_and_real_data_never(tmp_path):
    run(tmp_path)
    run(tmp_path)
    (tmp_path / "raw" / "from_the_hospital.dcm").write_bytes(b"real")
    with pytest.raises(DataError, match="no simulation wrote"):
        run(tmp_path)
    assert (tmp_path / "raw" / "from_the_hospital.dcm").is_file()


def test_a_study_without_simulation_is_refused_in_words(tmp_path):
    with pytest.raises(DataError, match="no `simulation` section"):
        run(tmp_path, settings={})
