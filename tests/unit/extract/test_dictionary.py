import csv
import re

import pytest
from radiomics import getFeatureClasses

from rigoromics.extract.dictionary import COLUMNS, dictionary, facts

# How PyRadiomics' own map writes features that the program calls otherwise.
RENAMED = {
    ("glszm", "ZoneSizeVariance"): ("glszm", "ZoneVariance"),
    ("glszm", "ZoneSizeEntropy"): ("glszm", "ZoneEntropy"),
    **{
        ("glcm", name): ("glszm", name)
        for name in (
            "SmallAreaLowGrayLevelEmphasis",
            "SmallAreaHighGrayLevelEmphasis",
            "LargeAreaLowGrayLevelEmphasis",
            "LargeAreaHighGrayLevelEmphasis",
        )
    },
}
# The map gives these two the codes of the distance zone matrix, which PyRadiomics does not have.
WRONG_IN_MAP = {"LowGreyLevelZoneEmphasis": "XMSY", "HighGreyLevelZoneEmphasis": "5GN9"}
# Left empty by the map though the definitions are the same.
ADDED = {("glcm", "Autocorrelation"), ("glcm", "Imc1"), ("glcm", "Imc2")}


def emitted():
    """Every feature that PyRadiomics computes when a whole class is enabled."""
    for name, feature_class in getFeatureClasses().items():
        for feature, deprecated in feature_class.getFeatureNames().items():
            if not deprecated:
                yield name, feature


def test_knows_exactly_what_pyradiomics_emits():
    assert set(facts()) == set(emitted())


def test_codes_are_those_of_pyradiomics_map(shared_data):
    file = shared_data / "pyradiomics_data" / "ibsi_map" / "featuresDict_IBSIv7.tsv"
    with file.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    compared = set()
    for row in rows:
        key = (row["pyradiomics_feature_class"], row["pyradiomics_feature_name"])
        key = RENAMED.get(key, key)
        if key in facts():
            assert facts()[key].ibsi_code == row["IBSI_code"], key
            compared.add(key)
        elif key[1] in WRONG_IN_MAP:
            name = key[1].replace("Grey", "Gray")
            assert facts()["glszm", name].ibsi_code == WRONG_IN_MAP[key[1]]
            compared.add(("glszm", name))
    coded = {key for key, fact in facts().items() if fact.ibsi_code}
    assert coded - compared == ADDED
    every_code = {row["IBSI_code"] for row in rows}
    assert {facts()[key].ibsi_code for key in ADDED} < every_code


def test_codes_are_unique_and_well_formed():
    codes = [fact.ibsi_code for fact in facts().values() if fact.ibsi_code]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[0-9A-Z]{4}", code) for code in codes)


@pytest.mark.parametrize("key", sorted(facts()), ids="_".join)
def test_every_feature_has_a_meaning(key):
    fact = facts()[key]
    assert fact.meaning.endswith(".")
    assert fact.unit
    assert bool(fact.ibsi_code) == bool(fact.ibsi_name)


def test_rows_keep_the_order_and_foreign_names():
    table = dictionary(["wavelet-HHL_glcm_Imc1", "original_shape_Volume", "AgeLike"])
    assert list(table.columns) == COLUMNS
    first, second, third = table.to_dict("records")
    assert (first["image_type"], first["ibsi_code"]) == ("wavelet-HHL", "R8DG")
    assert (second["name"], second["ibsi_code"]) == ("Volume", "")
    assert second["family"].startswith("Morphology")
    assert third["feature"] == "AgeLike"
    assert third["class"] == ""
