import pandas as pd
import pytest

from rigoromics.errors import DataError
from scripts.clinical import main


@pytest.fixture
def keyed(tmp_path):
    """Write a table, run the script, return what it wrote."""
    (tmp_path / "salt.txt").write_text("pepper\n")

    def run(text: str, public: bool = True, name: str = "clinical.csv") -> pd.DataFrame:
        (tmp_path / name).write_text(text, encoding="utf-8")
        main(
            table=tmp_path / name,
            salt=tmp_path / "salt.txt",
            clinical=tmp_path / "clinical.parquet",
            id_column="id",
            columns=["age"],
            public=public,
        )
        return pd.read_parquet(tmp_path / "clinical.parquet")

    return run


def test_keeps_the_named_columns_and_no_other(keyed):
    table = keyed("id,age,name\n1,60,Doe\n2,70,Roe\n")
    assert list(table.columns) == ["patient", "age"]
    assert table["patient"].tolist() == ["1", "2"]


def test_patients_get_salted_keys(keyed):
    table = keyed("id,age\n1,60\n", public=False)
    assert table["patient"].tolist() == ["P-02d2c8a776"]  # printf pepper1 | sha256sum


def test_spreadsheets_blank_lines_and_decimal_commas(keyed):
    table = keyed("id;age\n1;60,5\n2;70\n;\n")
    assert table["patient"].tolist() == ["1", "2"]
    assert table["age"].tolist() == [60.5, 70.0]


def test_ids_stay_as_they_are_written(keyed):
    assert keyed("id,age\n1E5,60\n007,70\n")["patient"].tolist() == ["007", "1E5"]


def test_the_same_patient_twice_is_refused(keyed):
    with pytest.raises(DataError, match="more than once"):
        keyed("id,age\n1,60\n1,61\n")


def test_a_missing_column_names_those_that_are_there(keyed):
    with pytest.raises(DataError, match="its columns are: id, weight"):
        keyed("id,weight\n1,60\n")
