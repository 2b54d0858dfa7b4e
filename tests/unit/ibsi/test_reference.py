"""IBSI's tables read right, and what counts as agreement."""

import pytest

from rigoromics.errors import DataError
from rigoromics.extract.dictionary import facts
from rigoromics.ibsi.reference import BESIDES, Reference, codes, read_references, rounding

NUMBERS = {
    "digital_phantom": 487,
    "config_A": 411,
    "config_B": 411,
    "config_C": 275,
    "config_D": 275,
    "config_E": 275,
}


def reference(value, tolerance=0.0, tag="stat_mean"):
    return Reference("made", "Statistics", tag, tag, "≥ 10", value, tolerance)


@pytest.mark.parametrize("name", NUMBERS)
def test_every_value_of_ibsi_1_is_read(shared_data, name):
    folder = shared_data / "ibsi1_reference_values"
    rows = read_references(folder / f"ibsi_1_reference_values_{name}.csv")
    assert len(rows) == NUMBERS[name]
    # IBSI standardises all but four densities and the area under the volume histogram.
    assert [row.stem for row in rows if row.value is None] == [
        "morph_vol_dens_ombb",
        "morph_area_dens_ombb",
        "morph_vol_dens_mvee",
        "morph_area_dens_mvee",
        "ivh_auc",
    ]
    assert {row.stem for row in rows if not row.is_diagnostic} == set(codes())


def test_every_value_of_ibsi_2_is_read(shared_data):
    rows = read_references(shared_data / "ibsi1_reference_values/ibsi_2_reference_values.csv")
    assert len(rows) == 324
    assert len({row.dataset for row in rows}) == 18
    assert (rows[16].dataset, rows[16].tag) == ("filter 1.A", "stat_energy")
    assert (rows[16].value, rows[16].tolerance, rows[16].code) == (6.96e9, 4.5e8, "N8CA")


def test_every_feature_of_ours_with_a_code_is_judged():
    ours = {fact.ibsi_code for fact in facts().values() if fact.ibsi_code}
    assert ours <= set(codes().values())
    assert not ours & set(BESIDES)
    assert reference(1.0, tag="cm_sum_var_3D_avg").ours == ("glcm", "ClusterTendency")
    assert reference(1.0, tag="szm_sze_2D").ours == ("glszm", "SmallAreaEmphasis")
    assert reference(1.0, tag="ivh_v10").ours is None


def test_codes_are_ibsis(shared_data):
    file = shared_data / "pyradiomics_data/ibsi_map/ibsi_concepts.csv"
    known = {line.split("\t")[1] for line in file.read_text().splitlines() if "\t" in line}
    assert set(codes().values()) <= known


@pytest.mark.parametrize(
    ("tag", "stem", "setting", "code"),
    [
        ("cm_contrast_2D_avg", "cm_contrast", "2D average", "BTW3"),
        ("cm_contrast_2_5D_comb", "cm_contrast", "2.5D merged", "ZW7Z"),
        ("szm_sze_2_5D", "szm_sze", "2.5D average", "62GR"),
        ("ngl_lde_3D", "ngl_lde", "3D average", "KOBO"),
    ],
)
def test_a_tag_says_how_matrices_are_made(tag, stem, setting, code):
    row = reference(1.0, tag=tag)
    assert (row.stem, row.way.setting, row.way.code) == (stem, setting, code)


def test_a_tag_without_a_way():
    assert reference(1.0).way is None
    assert reference(1.0).stem == "stat_mean"


def test_agreement():
    assert reference(556.0, 4.0).met_by(560.0)
    assert not reference(556.0, 4.0).met_by(560.1)
    # A tolerance below the rounding is not widened.
    assert not reference(5.5, 0.001).met_by(5.504)
    # Without a tolerance: the same after rounding to three digits, or to all that are written.
    assert reference(0.0604).met_by(0.06044)
    assert not reference(0.0604).met_by(0.06046)
    assert not reference(125256.0).met_by(125257.0)
    assert not reference(None, None).met_by(0.0)
    assert not reference(1.0).met_by(float("nan"))


def test_rounding_of_what_is_written():
    halves = {0.5: 5e-4, 1490.0: 5.0, 125256.0: 0.5, 6.96e9: 5e6, -0.0604: 5e-5}
    assert {value: rounding(value) for value in halves} == pytest.approx(halves, rel=1e-3)


def test_a_missing_table_says_where_to_get_it(tmp_path):
    with pytest.raises(DataError, match="theibsi/data_sets"):
        read_references(tmp_path / "ibsi_1_reference_values_config_A.csv")


@pytest.mark.parametrize("text", ["a,b\n1,2\n", ""])
def test_a_strange_table_is_refused(tmp_path, text):
    (tmp_path / "values.csv").write_text(text)
    with pytest.raises(DataError, match="columns"):
        read_references(tmp_path / "values.csv")
