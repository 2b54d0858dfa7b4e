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


def run(folder, first, second, written="utf-8", **further):
    first.to_csv(folder / "a.csv", index=False, encoding=written)
    second.to_csv(folder / "b.csv", index=False, encoding=written)
    names = ["features.parquet", "clinical.parquet", "cases.tsv", "acquisition.tsv", "problems.tsv"]
    outputs = {name.split(".")[0]: folder / name for name in names}
    main(
        tables=[folder / "a.csv", folder / "b.csv"],
        settings=SETTINGS,
        columns=["y"],
        reference_rater="r1",
        **outputs,
        **further,
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
    run(tmp_path, table(Kernel=[1, None]), table(Kernel=[0, 1]))
    acquired = pd.read_csv(outputs["acquisition"], sep="\t")
    assert acquired["kernel"].tolist() == ["1", "unknown", "0", "1"]
    monkeypatch.setitem(SETTINGS, "acquisition", {"Kernl": "kernel"})
    with pytest.raises(DataError, match="no column 'Kernl'"):
        run(tmp_path, table(), table())


def test_further_tables_are_joined_by_the_patients_id(tmp_path, monkeypatch):
    monkeypatch.setitem(SETTINGS, "join", [{"path": "c.csv", "id": ""}])
    other = pd.DataFrame({"": [2, 1, 7], "y": [5, 6, 7], "Maker": ["GE", "Siemens", "Philips"]})
    other.to_csv(tmp_path / "c.csv", index=False)
    monkeypatch.setitem(SETTINGS, "acquisition", {"Maker": "manufacturer"})
    plain = table().drop(columns="y")
    outputs = run(tmp_path, plain, plain, joined=[tmp_path / "c.csv"])
    assert pd.read_parquet(outputs["clinical"])["y"].tolist() == [6, 5, 6, 5]
    cases = pd.read_csv(outputs["cases"], sep="\t")
    assert cases["manufacturer"].tolist() == ["Siemens", "GE"] * 2
    with pytest.raises(DataError, match="have a column 'y'"):
        run(tmp_path, table(), table(), joined=[tmp_path / "c.csv"])
    pd.concat([other, other]).to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(DataError, match="more than one row"):
        run(tmp_path, plain, plain, joined=[tmp_path / "c.csv"])


def test_what_stands_for_a_missing_value_is_named(tmp_path, monkeypatch):
    spoilt = table(original_x=["#NAME?", 2.5])
    with pytest.raises(DataError, match=r"not numbers \(first: '#NAME\?'\)"):
        run(tmp_path, spoilt, table())
    monkeypatch.setitem(SETTINGS, "missing", ["#NAME?"])
    features = pd.read_parquet(run(tmp_path, spoilt, table())["features"])
    assert features["original_x"].isna().tolist() == [True, False, False, False]
    assert features["original_x"].iloc[1] == 2.5


def test_centres_and_cohorts_may_stand_in_a_column(tmp_path, monkeypatch):
    entry = {"path": "a.csv", "cohort": "", "centre_column": "Site"}
    monkeypatch.setitem(SETTINGS, "tables", [entry, SETTINGS["tables"][1]])
    cohorts = {"dev": ["X"], "ext": ["Y"]}
    outputs = run(tmp_path, table(Site=["X ", "Y"]), table(), cohorts=cohorts)
    cases = pd.read_csv(outputs["cases"], sep="\t").set_index("patient")
    assert cases.loc["dev-X-0001", ["cohort", "centre"]].tolist() == ["dev", "X"]
    assert cases.loc["ext-Y-0002", ["cohort", "centre"]].tolist() == ["ext", "Y"]
    with pytest.raises(DataError, match="no cohort has the centre 'Z'"):
        run(tmp_path, table(Site=["Z", "Y"]), table(), cohorts=cohorts)
    with pytest.raises(DataError, match="no column 'Site'"):
        run(tmp_path, table(), table(), cohorts=cohorts)


def test_files_of_another_encoding_are_read_when_it_is_named(tmp_path, monkeypatch):
    first = table(note=["caf\u00e9", "x"])
    with pytest.raises(DataError, match="cannot be read"):
        run(tmp_path, first, table(), written="latin-1")
    monkeypatch.setitem(SETTINGS, "encoding", "latin-1")
    run(tmp_path, first, table(), written="latin-1")
    monkeypatch.setitem(SETTINGS, "encoding", "no-such")
    with pytest.raises(DataError, match="cannot be read"):
        run(tmp_path, first, table(), written="latin-1")
