import numpy as np
import pandas as pd
import pytest

from rigoromics import table
from rigoromics.errors import DataError
from rigoromics.lesions import LesionRule
from rigoromics.select.columns import feature_columns

VOLUME = "original_shape_MeshVolume"
LARGEST = LesionRule("largest", VOLUME)


def rows(*cases: tuple[str, ...], **values: float) -> pd.DataFrame:
    """Feature rows: (patient, scan, roi, rater, perturbation); values count up from 1."""
    frame = pd.DataFrame(cases, columns=["patient", "scan", "roi", "rater", "perturbation"])
    frame = frame.assign(cohort="dev", timepoint="baseline")
    frame[VOLUME] = np.arange(1.0, len(frame) + 1)
    frame["original_firstorder_Mean"] = frame[VOLUME] * 10
    return frame


def test_one_row_per_patient_takes_the_reference_rater_and_plain_names():
    features = rows(
        ("P-2", "ct", "lesion", "r1", "none"),
        ("P-1", "ct", "lesion", "r1", "none"),
        ("P-1", "ct", "lesion", "r2", "none"),
        ("P-1", "ct", "lesion", "r1", "shuffled"),
    )
    wide = table.one_row_per_patient(features, "r1", "none", LARGEST)
    assert wide.index.tolist() == ["P-1", "P-2"]
    assert wide["original_firstorder_Mean"].tolist() == [20.0, 10.0]
    control = table.one_row_per_patient(features, "r1", "shuffled", LARGEST)
    assert control["original_firstorder_Mean"].tolist() == [40.0]


def test_the_largest_of_several_lesions_counts():
    features = rows(("P-1", "ct", "lesion", "r1", "none"), ("P-1", "ct", "lesion", "r1", "none"))
    assert table.one_row_per_patient(features, "r1", "none", LARGEST)[VOLUME].tolist() == [2.0]


def test_several_scans_give_prefixed_names_and_missing_values():
    features = rows(
        ("P-1", "ct", "lesion", "r1", "none"),
        ("P-1", "pet", "lesion", "r1", "none"),
        ("P-2", "ct", "lesion", "r1", "none"),
    )
    wide = table.one_row_per_patient(features, "r1", "none", LARGEST)
    assert wide.loc["P-1", f"baseline.pet.lesion:{VOLUME}"] == 2.0
    assert np.isnan(wide.loc["P-2", f"baseline.pet.lesion:{VOLUME}"])


def test_repeats_hold_development_patients_only_and_both_designs():
    features = rows(
        ("P-1", "ct", "lesion", "r1", "none"),
        ("P-1", "ct", "lesion", "r2", "none"),
        ("P-1", "again", "lesion", "r1", "none"),
        ("P-2", "ct", "lesion", "r1", "none"),
        ("P-ext", "ct", "lesion", "r1", "none"),
        ("P-ext", "ct", "lesion", "r2", "none"),
    )
    found = table.repeats(features, ["P-1", "P-2"], "r1", {"again": "ct"}, LARGEST)
    pairs = list(zip(found["design"], found["repeat"], found["patient"], strict=True))
    assert pairs == [
        ("raters", "r1", "P-1"),
        ("raters", "r1", "P-2"),
        ("raters", "r2", "P-1"),
        ("retest", "retest", "P-1"),
        ("retest", "test", "P-1"),
    ]
    assert set(feature_columns(found)) == {VOLUME, "original_firstorder_Mean"}


def test_perturbations_repeat_the_reference_raters_scan():
    features = rows(
        ("P-1", "ct", "lesion", "r1", "none"),
        ("P-1", "ct", "lesion", "r1", "noise-1"),
        ("P-1", "ct", "lesion", "r1", "rotated-1"),
        ("P-1", "ct", "lesion", "r1", "shuffled"),
        ("P-1", "ct", "lesion", "r2", "noise-1"),
        ("P-2", "ct", "lesion", "r1", "none"),
        ("P-3", "ct", "lesion", "r1", "none"),
        ("P-3", "ct", "lesion", "r1", "noise-1"),
        ("P-ext", "ct", "lesion", "r1", "none"),
        ("P-ext", "ct", "lesion", "r1", "noise-1"),
        ("P-1", "again", "lesion", "r1", "noise-1"),
    )
    found = table.repeats(features, ["P-1", "P-2", "P-3"], "r1", {"again": "ct"}, LARGEST)
    assert set(found["design"]) == {"perturbations"}
    assert found.set_index(["patient", "repeat"])[VOLUME].to_dict() == {
        ("P-1", "none"): 1.0,
        ("P-1", "noise-1"): 2.0,
        ("P-1", "rotated-1"): 3.0,
        ("P-3", "none"): 7.0,
        ("P-3", "noise-1"): 8.0,
    }


def test_each_roi_has_its_own_perturbations():
    features = rows(
        ("P-1", "ct", "gtv", "r1", "none"),
        ("P-1", "ct", "gtv", "r1", "noise-1"),
        ("P-1", "ct", "node", "r1", "none"),
    )
    found = table.repeats(features, ["P-1"], "r1", {}, LARGEST).set_index("repeat")
    assert found[f"baseline.ct.gtv:{VOLUME}"].to_dict() == {"noise-1": 2.0, "none": 1.0}
    assert f"baseline.ct.node:{VOLUME}" not in found


def test_no_repeats_give_an_empty_table():
    found = table.repeats(rows(("P-1", "ct", "lesion", "r1", "none")), ["P-1"], "r1", {}, LARGEST)
    assert list(found.columns) == ["patient", "design", "repeat"]
    assert found.empty


@pytest.mark.parametrize(
    ("positive", "values", "expected"),
    [
        (1, [1, 0, None], [1, 0, np.nan]),
        ("Met", ["Met", "UnMet", None], [1, 0, np.nan]),
        ("2", ["2", "1", "2"], [1, 0, 1]),
    ],
)
def test_binary_endpoint(positive, values, expected):
    clinical = pd.DataFrame({"c": values}, index=list("abc"))
    endpoint = {"type": "binary", "column": "c", "positive": positive}
    found = table.endpoint_values(clinical, {"m": endpoint})["endpoint.m"]
    np.testing.assert_array_equal(found, expected)


def test_endpoint_mistakes_are_said_in_words():
    clinical = pd.DataFrame({"c": [0, 0], "t": [5, -1], "e": [1, 0]}, index=["P-1", "P-2"])
    with pytest.raises(DataError, match="no events"):
        table.endpoint_values(clinical, {"m": {"type": "binary", "column": "c", "positive": 1}})
    with pytest.raises(DataError, match="no column 'x'"):
        table.endpoint_values(clinical, {"m": {"type": "binary", "column": "x", "positive": 1}})
    with pytest.raises(DataError, match="first: P-2"):
        table.endpoint_values(clinical, {"s": {"type": "survival", "time": "t", "event": "e"}})


def test_survival_endpoint_needs_time_and_event():
    clinical = pd.DataFrame({"t": [5, None, 3], "e": [1, 1, None]}, index=list("abc"))
    found = table.endpoint_values(clinical, {"s": {"type": "survival", "time": "t", "event": "e"}})
    assert found.notna().all(axis=1).tolist() == [True, False, False]


def test_survival_from_dates_and_codes_of_ones_own():
    clinical = pd.DataFrame(
        {
            "from": ["2010/01/31", "2012-2-1", "2014-01-01", None],
            "to": ["2012/01/31", "2012-03-02", "2015-01-01", "2015-01-01"],
            "state": [0, 1, 9, 0],
        },
        index=list("abcd"),
    )
    endpoint = {"type": "survival", "start": "from", "time": "to", "event": "state"}
    codes = {"positive": 0, "censored": 1, "unknown": [9], "unit": "years"}
    found = table.endpoint_values(clinical, {"os": {**endpoint, **codes}})
    assert found["endpoint.os.event"].tolist()[:2] == [1.0, 0.0]
    np.testing.assert_allclose(found["endpoint.os.time"].iloc[:2] * 365.2425, [730, 30])
    assert found.loc[["c", "d"]].isna().all(axis=None)
    with pytest.raises(DataError, match="neither 0 nor 1"):
        table.endpoint_values(clinical, {"os": {**endpoint, **codes, "unknown": []}})
    # Nobody can say which is the month.
    clinical.loc["a", "from"] = "01/02/2010"
    with pytest.raises(DataError, match=r"column 'from'.*no dates with the year first.*01/02/2010"):
        table.endpoint_values(clinical, {"os": {**endpoint, **codes}})


def test_batch_variables_stand_in_columns_of_their_own():
    cases = pd.DataFrame(
        {
            "patient": ["b", "a"],
            "timepoint": "t",
            "scan": "ct",
            "centre": ["A", "B"],
            "kernel": ["", "soft"],
        }
    )
    found = table.batch_variables(cases, ["centre", "kernel"])
    assert found.loc["a"].to_dict() == {"batch.centre": "B", "batch.kernel": "soft"}
    assert found.loc["b", "batch.kernel"] == "unknown"


def test_text_among_numbers_is_refused_not_lost():
    column = pd.Series(["12,4", "10", None, ""], name="months")
    with pytest.raises(DataError, match=r"1 values of column 'months'.*'12,4'"):
        table.numbers(column, "the clinical table")
    assert table.numbers(column.iloc[1:], "the table").isna().tolist() == [False, True, True]


def test_volume_is_needed_only_to_choose_among_lesions():
    features = rows(("P-1", "ct", "lesion", "r1", "none"), ("P-2", "ct", "lesion", "r1", "none"))
    rule = LesionRule("largest", "no_such_feature")
    assert len(table.one_row_per_patient(features, "r1", "none", rule)) == 2
    features["patient"] = "P-1"
    with pytest.raises(DataError, match="no feature 'no_such_feature'"):
        table.one_row_per_patient(features, "r1", "none", rule)


def test_a_silent_header_is_an_unknown_batch():
    cases = pd.DataFrame(
        {
            "patient": ["P-1", "P-2"],
            "timepoint": "baseline",
            "scan": "ct",
            "centre": "A",
            "kernel": ["B30f", ""],
        }
    )
    batches = table.join_batches(cases, ["centre", "kernel"])
    assert batches.to_dict() == {"P-1": "A+B30f", "P-2": "A+unknown"}
