import time

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.stability.families import split_feature
from rigoromics.stability.icc import icc
from rigoromics.stability.table import COLUMNS, stability_rules, stability_table, stable_features


def repeats(patients=20, raters=("a", "b", "c"), design="raters", seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(patients, 3))
    noise = np.array([0.05, 0.5, 3.0])
    parts = []
    for rater in raters:
        values = truth + noise * rng.normal(size=truth.shape)
        part = pd.DataFrame(values, columns=["steady", "middling", "noisy"])
        part["constant"] = 1.0
        part.insert(0, "patient", [f"P-{i:02d}" for i in range(patients)])
        part.insert(1, "design", design)
        part.insert(2, "repeat", rater)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def test_every_feature_of_every_design_is_judged():
    table = pd.concat([repeats(), repeats(8, ("1", "2"), "retest", 1)])
    result = stability_table(table, {"raters": {}, "retest": {"icc": "ICC(1,1)"}})
    assert list(result.columns) == COLUMNS
    assert len(result) == 8
    steady = result[(result["feature"] == "steady")].set_index("design")
    assert steady.loc["raters", ["n", "k", "icc_type"]].tolist() == [20, 3, "ICC(A,1)"]
    assert steady.loc["retest", ["n", "k", "icc_type"]].tolist() == [8, 2, "ICC(1,1)"]
    wide = table[table["design"] == "raters"].pivot_table("steady", "patient", "repeat")
    assert steady.at["raters", "lower"] == pytest.approx(icc(wide.to_numpy()[None]).lower[0])


def test_the_bound_decides():
    table = repeats()
    row = stability_table(table).set_index("feature").loc["middling"]
    between = (row["lower"] + row["icc"]) / 2
    for bound, stable in (("lower", False), ("estimate", True)):
        rule = {"raters": {"threshold": between, "bound": bound}}
        judged = stability_table(table, rule).set_index("feature")
        assert judged.at["middling", "stable"] == stable


def test_an_undefined_icc_is_not_stable():
    result = stability_table(repeats(), {"raters": {"threshold": 0.0}}).set_index("feature")
    assert np.isnan(result.at["constant", "icc"])
    assert not result.at["constant", "stable"]


def test_stable_features_are_stable_under_every_design():
    retest = repeats(20, ("1", "2"), "retest")
    retest["steady"] = np.random.default_rng(9).normal(size=len(retest))
    result = stability_table(pd.concat([repeats(), retest]))
    by_raters = result[(result["design"] == "raters") & result["stable"]]["feature"].tolist()
    assert by_raters == ["steady"]
    assert stable_features(result) == []
    assert stable_features(result[result["design"] == "raters"]) == ["steady"]


def test_without_repeats_the_table_is_empty_and_keeps_its_types():
    empty = stability_table(pd.DataFrame(columns=["patient", "design", "repeat", "f"]))
    full = stability_table(repeats())
    assert empty.empty
    assert list(empty.columns) == COLUMNS
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    assert stable_features(empty) == []


def test_row_order_does_not_matter():
    table = repeats()
    shuffled = table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(stability_table(table), stability_table(shuffled))


def test_a_patient_measured_twice_by_one_rater_is_refused():
    table = repeats()
    with pytest.raises(DataError, match="patient P-00 has more than one row for repeat 'a'"):
        stability_table(pd.concat([table, table.iloc[:1]]))


def test_mistakes_are_told_in_words():
    with pytest.raises(DataError, match=r"lacks the column\(s\) repeat"):
        stability_table(repeats().drop(columns="repeat"))
    with pytest.raises(DataError, match="stability bound 'upper'"):
        stability_rules({"raters": {"bound": "upper"}})
    with pytest.raises(DataError, match="no form of the intraclass"):
        stability_rules({"raters": {"icc": "kappa"}})


def test_the_whole_table_takes_less_than_a_second():
    rng = np.random.default_rng(1)
    names = [f"f{i}" for i in range(1500)]
    parts = []
    for rater in range(30):
        part = pd.DataFrame(rng.normal(size=(100, 1500)), columns=names)
        keys = pd.DataFrame({"patient": np.arange(100), "design": "raters", "repeat": rater})
        parts.append(pd.concat([keys, part], axis=1))
    table = pd.concat(parts, ignore_index=True)
    start = time.process_time()
    stability_table(table)
    # Measured: 0.5 s of CPU; the margin is for busy machines.
    assert time.process_time() - start < 3.0


@pytest.mark.parametrize(
    ("feature", "parts"),
    [
        ("original_shape_MeshVolume", ("original", "shape")),
        ("log-sigma-2-0-mm-3D_glcm_Idmn", ("log-sigma-2-0-mm-3D", "glcm")),
        ("pre.mr.gtv:wavelet-LLL_glszm_ZoneEntropy", ("wavelet-LLL", "glszm")),
        ("SUVmax", ("other", "other")),
    ],
)
def test_names_tell_image_type_and_family(feature, parts):
    assert split_feature(feature) == parts


def test_the_way_to_the_interval_is_told():
    table = repeats(12, ("a", "b", "c"))
    whole = stability_table(table).set_index("feature")
    assert whole.at["steady", "interval"] == "Satterthwaite"
    holes = stability_table(table.drop(index=[3, 20])).set_index("feature")
    assert holes.at["steady", "interval"] == "unweighted means"
    assert holes.at["steady", "n"] == 12
    assert 2 < holes.at["steady", "k"] < 3
