"""The study's rules."""

import pytest

from rigoromics.errors import DataError
from rigoromics.read import rules

HEADER = {"Modality": "CT", "SeriesDescription": "Thorax SOFT 3.0", "ConvolutionKernel": "B30f"}


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({"modality": "CT"}, True),
        ({"modality": "MR"}, False),
        ({"modality": "CT", "series": {"SeriesDescription": "thorax"}}, True),
        ({"modality": "CT", "series": {"SeriesDescription": "^soft"}}, False),
        (
            {
                "modality": "CT",
                "series": {"SeriesDescription": "thorax", "ConvolutionKernel": "B7"},
            },
            False,
        ),
        ({"modality": "CT", "not_series": {"SeriesDescription": "soft"}}, False),
        ({"modality": "CT", "series": {"ProtocolName": "x"}}, False),
    ],
)
def test_scan_rule(rule: dict, fits: bool) -> None:
    assert rules.is_scan(rule, HEADER) is fits


def test_misspelt_keyword_is_refused_with_the_nearest(study: dict) -> None:
    study["scans"]["ct"]["series"] = {"SeriesDescripton": "x"}
    with pytest.raises(DataError, match="did you mean 'SeriesDescription'"):
        rules.study_keywords(study)


def test_keywords_of_all_rules_are_indexed(study: dict) -> None:
    study["raters"] = {"r1": {"match": {"ROIName": "a", "path": "b", "ProtocolName": "c"}}}
    study["centre"] = {"source": "StationName"}
    assert rules.study_keywords(study) == ["ProtocolName", "SeriesDescription", "StationName"]


@pytest.mark.parametrize(
    ("rule", "header", "value"),
    [
        ({"source": "InstitutionName"}, {"InstitutionName": " A "}, "A"),
        ({"source": "StationName", "pattern": "Ward ([A-Z])"}, {"StationName": "Ward B2"}, "B"),
        ({"source": "StationName", "pattern": "Clinic (.)"}, {"StationName": "Ward B"}, ""),
        ({"source": "path", "pattern": "^([^/]+)/"}, {"path": "maastro/x/y"}, "maastro"),
        ({"source": "clinical"}, {"PatientID": "7"}, "C"),
        ({"source": "clinical"}, {"PatientID": "8"}, ""),
        ({}, {}, ""),
    ],
)
def test_centre_value(study: dict, rule: dict, header: dict, value: str) -> None:
    study["centre"] = rule
    assert rules.centre_value(study, header, {"7": "C"}) == value


def test_cohorts_by_name_and_the_rest(study: dict) -> None:
    assert rules.cohort_of(study, "hospital b") == "external"
    assert rules.cohort_of(study, "elsewhere") == ""
    study["cohorts"]["rest"] = {"role": "external", "centres": []}
    assert rules.cohort_of(study, "elsewhere") == "rest"
    assert rules.cohort_of(study, "Hospital A") == "development"


def test_raters_in_order_and_none_configured(study: dict) -> None:
    assert rules.rater_of(study, {}) == "r1"
    study["raters"] = {
        "ann": {"match": {"OperatorsName": "^ann"}},
        "ben": {"match": {"OperatorsName": "n", "ROIName": "gtv"}},
    }
    assert rules.rater_of(study, {"OperatorsName": "Anna"}) == "ann"
    assert rules.rater_of(study, {"OperatorsName": "Ben", "ROIName": "GTV"}) == "ben"
    assert rules.rater_of(study, {"OperatorsName": "Ben", "ROIName": "PTV"}) == ""


@pytest.mark.parametrize(
    ("names", "hits"),
    [
        (["Lung", "GTV-1"], [1]),
        (["tumor", "gtv"], [1]),  # The first pattern that fits decides.
        (["GTV-1", "GTV-2"], [0, 1]),
        (["tumor old", "Tumour"], [1]),  # One fits as a whole.
        (["Lung"], None),
    ],
)
def test_roi_names(study: dict, names: list[str], hits: list[int] | None) -> None:
    assert rules.match_rois(study, [(name, "") for name in names]).get("lesion") == hits


def test_segment_descriptions_count_too(study: dict) -> None:
    assert rules.match_rois(study, [("1", "Tumor outline")]) == {"lesion": [0]}
