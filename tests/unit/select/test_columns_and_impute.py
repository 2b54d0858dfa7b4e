import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone

from rigoromics.errors import DataError
from rigoromics.select.columns import SignatureColumns
from rigoromics.select.impute import MISSING, Imputer, column_medians

CLINICAL = {"age": "numeric", "sex": "categorical"}


def table():
    return pd.DataFrame(
        {
            "study.batch": ["a", "b", "a", "b"],
            "study.centre": ["x", "x", "y", "y"],
            "clinical.age": [50.0, np.nan, 70.0, 61.0],
            "clinical.sex": ["F", None, "M", "F"],
            "clinical.stage": ["I", "II", "I", "I"],
            "endpoint.met": [0, 1, 0, 1],
            "volume": [1.0, 2.0, 3.0, 4.0],
            "f1": [1.0, np.inf, 3.0, 8.0],
            "f2": [np.nan, np.nan, np.nan, 1.0],
        },
        index=pd.Index(["p1", "p2", "p3", "p4"], name="patient"),
    )


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("clinical", ["clinical.age", "clinical.sex"]),
        ("volume", ["volume"]),
        ("radiomics", ["study.batch", "clinical.stage", "volume", "f1", "f2"]),
        ("shuffled", ["study.batch", "clinical.stage", "volume", "f1", "f2"]),
        (
            "combined",
            ["study.batch", "clinical.age", "clinical.sex", "clinical.stage", "volume", "f1", "f2"],
        ),
    ],
)
def test_a_signature_sees_what_it_is_named_for(signature, expected):
    step = SignatureColumns(signature, CLINICAL, ["stage"], "volume")
    assert list(step.fit_transform(table()).columns) == expected


def test_volume_is_found_behind_a_scan_prefix():
    renamed = table().rename(columns={"volume": "t1.ct.gtv:volume"})
    step = SignatureColumns("volume", {}, [], "volume")
    assert list(step.fit_transform(renamed).columns) == ["t1.ct.gtv:volume"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("guess", CLINICAL, [], "volume"), "no signature 'guess'"),
        (("volume", CLINICAL, [], "v"), "no feature 'v'"),
        (("clinical", {}, [], "volume"), "names none"),
        (("combined", {"grade": "numeric"}, [], "volume"), "the column 'grade'"),
        (("radiomics", CLINICAL, ["grade"], "volume"), "ComBat needs the column 'grade'"),
    ],
)
def test_what_is_wrong_is_said(arguments, words):
    with pytest.raises(DataError, match=words):
        SignatureColumns(*arguments).fit(table())


def test_features_of_other_settings_are_refused():
    step = SignatureColumns("radiomics", CLINICAL, [], "volume").fit(table())
    with pytest.raises(DataError, match=r"lacks 1 of the 4 columns.*'f1'"):
        step.transform(table().drop(columns="f1"))


def test_imputation_by_training_medians_and_a_level_of_its_own():
    step = Imputer(CLINICAL).fit(table())
    done = step.transform(table())
    assert step.n_dropped_ == 1
    assert "f2" not in done
    assert done["f1"].tolist() == [1.0, 3.0, 3.0, 8.0]
    assert done["clinical.age"].tolist() == [50.0, 61.0, 70.0, 61.0]
    assert done["clinical.sex"].tolist() == ["F", MISSING, "M", "F"]
    assert done["clinical.stage"].tolist() == ["I", "II", "I", "I"]
    new = table().iloc[[0]].assign(f1=np.nan, **{"clinical.age": np.nan})
    assert step.transform(new)["f1"].item() == 3.0
    assert step.transform(new)["clinical.age"].item() == 61.0


def test_all_features_missing_is_refused():
    empty = table().assign(volume=np.nan, f1=np.nan)
    with pytest.raises(DataError, match="no feature is left: all 3 are missing in more than 50%"):
        Imputer(CLINICAL).fit(empty)


def test_unknown_kind_is_refused():
    with pytest.raises(DataError, match="unknown kind 'number'"):
        Imputer({"age": "number"}).fit(table())


def test_clone_keeps_parameters():
    step = clone(Imputer(CLINICAL, max_missing=0.2).fit(table()))
    assert step.get_params() == {"clinical": CLINICAL, "max_missing": 0.2}
    assert not hasattr(step, "medians_")


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 9), st.integers(1, 4)),
        elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan)),
    )
)
def test_medians_equal_numpys(values):
    expected = [
        np.median(column[~np.isnan(column)]) if (~np.isnan(column)).any() else 0.0
        for column in values.T
    ]
    np.testing.assert_allclose(column_medians(values), expected, rtol=1e-12)
