"""Standard terms for ROIs: the shipped table, and how it is used."""

import re
import time
from pathlib import Path

import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.read.rules import match_rois
from rigoromics.read.synonyms import check_synonyms, expand, expand_rois


@pytest.fixture(scope="module")
def terms(root: Path) -> dict[str, list[str]]:
    table = pd.read_csv(root / "config" / "roi_synonyms.tsv", sep="\t", dtype=str)
    assert set(table["source"]) == {"TG-263", "SNOMED CT", "usage"}
    assert not table.duplicated(["term", "pattern"]).any()
    return check_synonyms(table)


# Names as the report of AAPM Task Group 263 spells them, and as people do.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GTV", {"gtv", "tumour"}),
        ("GTVp", {"gtv", "gtv_primary", "tumour"}),
        ("GTV-1", {"gtv", "tumour"}),
        ("GTV_Mass_PET", {"gtv", "tumour"}),
        ("gtv primary", {"gtv", "gtv_primary", "tumour"}),
        ("GTVn", {"gtv_nodes"}),
        ("GTV nodes left", {"gtv_nodes"}),
        ("IGTV", {"igtv"}),
        ("CTVp", {"ctv"}),
        ("PTV_6000", {"ptv"}),
        ("PTV-GTV", set()),
        ("Liver", {"liver"}),
        ("LIVER ROI 2", {"liver"}),
        ("Liver-GTV", set()),
        ("zLiver", set()),
        ("Lungs-GTV", set()),
        ("Lung_L", {"lung_l"}),
        ("left lung", {"lung_l"}),
        ("Lung R", {"lung_r"}),
        ("Lungs", {"lungs"}),
        ("Spleen", {"spleen"}),
        ("SpinalCord", {"spinal_cord"}),
        ("spinal cord", {"spinal_cord"}),
        ("Esophagus", {"oesophagus"}),
        ("Oesophagus", {"oesophagus"}),
        ("Glnd_Thyroid", {"thyroid"}),
        ("Parotid_R", {"parotid_r"}),
        ("Rt. Parotid", {"parotid_r"}),
        ("Cavity_Oral", {"oral_cavity"}),
        ("Tumor", {"tumour"}),
        ("Neoplasm, Primary", {"tumour"}),
        ("lesion 3", {"lesion", "tumour"}),
        ("Lymph node", {"lymph_node"}),
        ("LN_Neck_IIA_L", {"lymph_node"}),
        ("Peripheral zone of the prostate", {"peripheral_zone"}),
        ("Prostate", {"prostate"}),
        ("External", {"body"}),
        ("Bladder", {"bladder"}),
        ("Gallbladder", {"gallbladder"}),
        ("delivered dose", set()),
        ("couch", set()),
    ],
)
def test_names_fit_their_own_terms_and_no_other(
    terms: dict[str, list[str]], name: str, expected: set[str]
) -> None:
    found = {
        term
        for term, patterns in terms.items()
        if any(re.search(pattern, name, re.IGNORECASE) for pattern in patterns)
    }
    assert found == expected


def test_no_name_makes_a_pattern_run_away(terms: dict[str, list[str]]) -> None:
    # Not how quick it is, but that it comes back: backtracking without end takes years.
    start = time.process_time()
    for front in ("GTV", "liver", "left lung", "GTV n", "lymph node", "brain"):
        for filling in ("a", "1", " ", "_", "-", "a ", "1-", "roi"):
            for patterns in terms.values():
                for pattern in patterns:
                    re.search(pattern, front + filling * 500 + "!", re.IGNORECASE)
    assert time.process_time() - start < 300


def test_a_term_stands_for_its_patterns_in_order() -> None:
    table = {"liver": ["^Liver$", "^hepar"], "gtv": ["^gtv"]}
    assert expand(["^my liver$", "@Liver", "^hepar"], table) == ["^my liver$", "^Liver$", "^hepar"]
    assert expand(["a@b"], table) == ["a@b"]
    rois = expand_rois({"organ": {"names": ["@liver"], "volume_ml": None}}, table)
    assert rois == {"organ": {"names": ["^Liver$", "^hepar"], "volume_ml": None}}


def test_an_unknown_term_is_refused_with_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean '@spleen'") as caught:
        expand(["@splen"], {"spleen": ["^spleen$"], "liver": ["^liver$"]})
    assert "'@splen', named under `rois`" in caught.value.problem
    with pytest.raises(DataError, match="add it to the table"):
        expand(["@zzz"], {})


def test_a_broken_table_is_refused() -> None:
    with pytest.raises(DataError, match="no column pattern, source"):
        check_synonyms(pd.DataFrame({"term": ["a"]}))
    broken = pd.DataFrame({"term": ["liver"], "pattern": ["(liver"], "source": ["usage"]})
    with pytest.raises(DataError, match="a pattern of 'liver' is no regular expression"):
        check_synonyms(broken)


def test_the_standard_name_wins_over_looser_ones(terms: dict[str, list[str]]) -> None:
    study = {"rois": {"organ": {"names": expand(["@liver"], terms)}}}
    assert match_rois(study, [("Liver 2", ""), ("LIVER", "")]) == {"organ": [1]}
