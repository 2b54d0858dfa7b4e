import pandas as pd
import pytest

from rigoromics.errors import DataError, Problem, problems_table
from scripts.assemble import INDEX, main
from scripts.tables import read_tsv, write_parquet, write_tsv


def chunk(patients, **features):
    rows = {"cohort": "A", "timepoint": "baseline", "scan": "ct", "roi": "lesion", "rater": "R1"}
    table = pd.DataFrame({"patient": patients, **rows, "perturbation": "none"})
    return table.assign(**features)


MASK = ["patient", "timepoint", "scan", "roi", "rater"]


def mask(patient, rater="R1"):
    return dict(zip(MASK, (patient, "baseline", "ct", "lesion", rater), strict=True))


def pair(patient, one="R1", other="R2"):
    where = {name: value for name, value in mask(patient).items() if name != "rater"}
    return {**where, "rater_a": one, "rater_b": other, "dice": 0.9}


def run(folder, chunks, problems=(), refused=()):
    paths = []
    for number, table in enumerate(chunks):
        paths.append(folder / f"{number}.parquet")
        write_parquet(table, paths[-1])
    tables = []
    for number, rows in enumerate([*problems, []]):
        tables.append(folder / f"{number}.tsv")
        write_tsv(problems_table(rows), tables[-1])
    out = {"table": folder / "t.parquet", "dictionary": folder / "d.tsv"}
    agreements = []
    for number in (2, 1):
        agreements.append(folder / f"agreement{number}.tsv")
        write_tsv(pd.DataFrame([pair(f"P-{number}")]), agreements[-1])
    write_tsv(pd.DataFrame([mask(*one) for one in refused], columns=MASK), folder / "r.tsv")
    metrics = main(
        features=paths,
        problems=tables,
        agreements=agreements,
        refused=folder / "r.tsv",
        all_problems=folder / "p.tsv",
        all_agreements=folder / "a.tsv",
        **out,
    )
    return pd.read_parquet(out["table"]), read_tsv(out["dictionary"]), metrics


def test_columns_are_united_and_rows_sorted(tmp_path):
    empty = pd.DataFrame(columns=INDEX, dtype=str)
    first = chunk(["P-3", "P-1"], original_glcm_Contrast=[3.0, 1.0])
    second = chunk(["P-2"], original_firstorder_Mean=[5.0], original_glcm_Contrast=[2.0])
    table, explained, metrics = run(tmp_path, [empty, first, second])
    assert list(table["patient"]) == ["P-1", "P-2", "P-3"]
    assert list(table["original_glcm_Contrast"]) == [1, 2, 3]
    assert table["original_firstorder_Mean"].isna().tolist() == [True, False, True]
    assert list(explained["feature"]) == ["original_firstorder_Mean", "original_glcm_Contrast"]
    assert list(explained["ibsi_code"]) == ["Q4LE", "ACUI"]
    assert metrics == {"rows": 3, "features": 2, "problems": 0}


def test_only_empty_chunks(tmp_path):
    table, _, _ = run(tmp_path, [pd.DataFrame(columns=INDEX, dtype=str)] * 2)
    assert list(table.columns) == INDEX


def test_order_of_chunks_does_not_matter(tmp_path):
    first = chunk(["P-1"], b_glcm_X=[1.0])
    second = chunk(["P-2"], a_glcm_X=[2.0])
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    run(tmp_path / "one", [first, second])
    run(tmp_path / "two", [second, first])
    read = (tmp_path / "one" / "t.parquet").read_bytes()
    assert read == (tmp_path / "two" / "t.parquet").read_bytes()


def test_masks_that_the_cohort_checks_refuse_are_left_out(tmp_path):
    first = chunk(["P-1", "P-2"], original_glcm_Contrast=[1.0, 2.0])
    second = first.assign(rater="R2", perturbation="shuffled")
    refused = [("P-1", "R2"), ("P-9", "R1")]
    table, _, metrics = run(tmp_path, [first, second], refused=refused)
    assert table[["patient", "rater"]].to_numpy().tolist() == [
        ["P-1", "R1"],
        ["P-2", "R1"],
        ["P-2", "R2"],
    ]
    assert metrics["rows"] == 3
    assert list(read_tsv(tmp_path / "a.tsv")["patient"]) == ["P-2"]


def test_problems_are_joined_once(tmp_path):
    one = Problem("images", "noted", "a", "b", patient="P-1")
    two = Problem("extract", "refused", "c", "d", patient="P-1")
    run(tmp_path, [chunk(["P-1"])], [[one], [two, one]])
    assert list(read_tsv(tmp_path / "p.tsv")["stage"]) == ["extract", "images"]
    assert list(read_tsv(tmp_path / "a.tsv")["patient"]) == ["P-1", "P-2"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (chunk(["P-1"], original_glcm_Contrast=["high"]), "not numbers: original_glcm_Contrast"),
        (chunk(["P-1"]).drop(columns="rater"), "lacks rater"),
        (chunk(["P-2"]), "come twice, first: patient P-2"),
    ],
)
def test_chunks_that_disagree(tmp_path, bad, words):
    with pytest.raises(DataError, match=words):
        run(tmp_path, [chunk(["P-2"], original_glcm_Contrast=[1.0]), bad])
