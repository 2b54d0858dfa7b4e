"""Tables: lossless, deterministic, untouched when nothing changed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from rigoromics.errors import DataError
from scripts.tables import (
    read_any,
    read_rows,
    read_tsv,
    write_if_changed,
    write_parquet,
    write_rows,
    write_tsv,
    write_values,
)


def test_same_content_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x"
    assert write_if_changed(path, b"1")
    before = path.stat().st_mtime_ns
    assert not write_if_changed(path, b"1")
    assert path.stat().st_mtime_ns == before
    assert write_if_changed(path, b"2")
    assert [item.name for item in path.parent.iterdir()] == ["x"]


def test_tsv_keeps_strings_and_full_precision(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["007", "NA", ""], "x": [0.1 + 0.2, 1e-300, np.pi]})
    write_tsv(table, tmp_path / "t.tsv")
    back = read_tsv(tmp_path / "t.tsv")
    assert back["id"].tolist() == ["007", "NA", ""]
    assert back["x"].astype(float).tolist() == table["x"].tolist()
    assert b"\r" not in (tmp_path / "t.tsv").read_bytes()


def test_rows_and_a_table_are_the_same_file(tmp_path: Path) -> None:
    rows = [{"id": "007", "why": 'says "no",\nand\ttabs'}, {"id": "", "why": "häm"}]
    assert write_rows(rows, ["why", "id"], tmp_path / "rows.tsv")
    write_tsv(pd.DataFrame(rows, columns=["why", "id"]), tmp_path / "table.tsv")
    assert (tmp_path / "rows.tsv").read_bytes() == (tmp_path / "table.tsv").read_bytes()
    assert read_rows(tmp_path / "rows.tsv") == read_tsv(tmp_path / "rows.tsv").to_dict("records")


@pytest.mark.parametrize("number", [0, 1, 9])
def test_values_are_read_as_a_table_is(tmp_path: Path, number: int) -> None:
    values = np.where(np.arange(number) % 3 == 1, np.nan, np.arange(number) / 7)
    names = [f"Ünïcode {k}" for k in range(number)]
    write_values({"id": names}, {"x": list(values), "y": -values}, tmp_path / "v.parquet")
    table = pd.DataFrame({"id": names, "x": values, "y": -values}).astype({"id": "str"})
    write_parquet(table, tmp_path / "t.parquet")
    ours, its = (pq.read_table(tmp_path / f"{name}.parquet") for name in "vt")
    assert ours.equals(its.cast(ours.schema))
    for column in ours.itercolumns():
        column.validate(full=True)
    assert ours.column("x").null_count == its.column("x").null_count == np.isnan(values).sum()


def test_parquet_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["a", "b"], "x": [1.5, np.nan]})
    write_parquet(table, tmp_path / "1.parquet")
    write_parquet(table.copy(), tmp_path / "2.parquet")
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "1.parquet"), table)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "patient,age,code\n007,61.5,1\n012,,0\n"),
        ("t.csv", "\ufeffpatient;age;code\n007;61.5;1\n012;;0\n"),
        ("t.TSV", "patient \tage\tcode\n007\t61.5\t1\n012\t\t0\n"),
    ],
)
def test_a_persons_table_keeps_ids_with_leading_zeros(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    table = read_any(tmp_path / name)
    assert table["patient"].tolist() == ["007", "012"]
    assert table["age"].tolist()[0] == 61.5
    assert table["age"].isna().tolist() == [False, True]
    assert table["code"].tolist() == [1, 0]


@pytest.mark.parametrize("name", ["t.xlsx", "gone.csv", "bad.csv", "bad.parquet"])
def test_unusable_tables_are_refused_in_words(tmp_path: Path, name: str) -> None:
    for bad in ("t.xlsx", "bad.csv", "bad.parquet"):
        (tmp_path / bad).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError) as caught:
        read_any(tmp_path / name)
    assert caught.value.remedy
