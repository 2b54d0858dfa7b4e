import pandas as pd
import pytest

from rigoromics.errors import DataError
from scripts.import_features import main

SETTINGS = {
    "tables": [
        {"path": "a.csv", "cohort": "dev", "centre": "A"},
        {"path": "b.csv", "cohort": "ext", "centre": "B"},
    ],
    "id": "id",
    "columns": "^original",
    "exclude": None,
}


def run(folder, first, second):
    first.to_csv(folder / "a.csv", index=False)
    second.to_csv(folder / "b.csv", index=False)
    names = ["features.parquet", "clinical.parquet", "cases.tsv", "acquisition.tsv", "problems.tsv"]
    outputs = {name.split(".")[0]: folder / name for name in names}
    main(
        tables=[folder / "a.csv", folder / "b.csv"],
        settings=SETTINGS,
        columns=["y"],
        reference_rater="r1",
        **outputs,
    )
    return outputs


def table(**changes):
    columns = {"id": [1, 2], "y": [0, 1], "original_x": [1.0, 2.0], "original_z": [3.0, 4.0]}
    return pd.DataFrame({**columns, **changes})


def test_the_same_number_at_two_centres_is_two_patients(tmp_path):
    outputs = run(tmp_path, table(), table())
    features = pd.read_parquet(outputs["features"])
    assert features["patient"].tolist() == ["dev-A-0001", "dev-A-0002", "ext-B-0001", "ext-B-0002"]
    assert features["original_x"].tolist() == [1.0, 2.0, 1.0, 2.0]
    clinical = pd.read_parquet(outputs["clinical"])
    assert clinical["y"].tolist() == [0, 1, 0, 1]


def test_columns_that_one_table_lacks_are_left_out_and_said_so(tmp_path):
    outputs = run(tmp_path, table(), table().drop(columns="original_z"))
    assert "original_z" not in pd.read_parquet(outputs["features"])
    problems = pd.read_csv(outputs["problems"], sep="\t")
    assert "not in every table" in problems["problem"].iloc[0]


def test_rows_without_an_id_or_without_features_are_refused_one_by_one(tmp_path):
    outputs = run(
        tmp_path,
        table(id=[1, None]),
        table(original_x=[None, 2.0], original_z=[None, 4.0]),
    )
    assert pd.read_parquet(outputs["features"])["patient"].tolist() == ["dev-A-0001", "ext-B-0002"]
    problems = pd.read_csv(outputs["problems"], sep="\t").set_index("patient")["problem"]
    assert problems["dev-A-line-3"] == "the row has no patient ID"
    assert problems["ext-B-0001"] == "the row has no feature value at all"


def test_several_rows_of_a_patient_are_refused(tmp_path):
    with pytest.raises(DataError, match="more than one row"):
        run(tmp_path, table(id=[1, 1]), table())


def test_no_shared_feature_is_said_in_words(tmp_path):
    with pytest.raises(DataError, match="share no feature column"):
        run(tmp_path, table().drop(columns="original_z"), table().drop(columns="original_x"))


def test_columns_of_acquisition_are_kept_for_the_audit(tmp_path, monkeypatch):
    monkeypatch.setitem(SETTINGS, "acquisition", {"Kernel": "kernel"})
    outputs = run(tmp_path, table(Kernel=["B30f", None]), table(Kernel=["FC08", "FC08"]))
    acquired = pd.read_csv(outputs["acquisition"], sep="\t")
    assert acquired["kernel"].tolist() == ["B30f", "unknown", "FC08", "FC08"]
    monkeypatch.setitem(SETTINGS, "acquisition", {"Kernl": "kernel"})
    with pytest.raises(DataError, match="no column 'Kernl'"):
        run(tmp_path, table(), table())
