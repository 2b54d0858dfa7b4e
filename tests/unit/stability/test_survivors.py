import numpy as np
import pandas as pd
import pytest

from rigoromics.stability.precision import precision
from rigoromics.stability.survivors import (
    OVERLAP_COLUMNS,
    SIZE_COLUMNS,
    SURVIVOR_COLUMNS,
    overlap_table,
    size_table,
    survivors_table,
)
from rigoromics.stability.table import stability_table

VOLUME = "original_shape_MeshVolume"


def judged(**stable: str) -> pd.DataFrame:
    """Features f, g, h, i: those named are stable under a design."""
    names = ["original_glcm_F", "original_glcm_G", "wavelet-LLH_glcm_F", "original_shape_H"]
    return pd.concat(
        [
            pd.DataFrame(
                {"feature": names, "design": design, "stable": [str(i) in chosen for i in range(4)]}
            )
            for design, chosen in stable.items()
        ],
        ignore_index=True,
    )


def test_survivors_are_counted_by_family_and_filter():
    table = judged(raters="02", retest="0")
    table.loc[len(table)] = ["place.ct.roi:original_glcm_F", "retest", True]
    result = survivors_table(table)
    assert list(result.columns) == SURVIVOR_COLUMNS
    counts = result.set_index(["design", "image_type", "class"])
    assert counts.loc[("raters", "original", "glcm")].tolist() == [2, 1, 0.5]
    assert counts.loc[("raters", "original", "shape")].tolist() == [1, 0, 0.0]
    assert counts.loc[("raters", "wavelet-LLH", "glcm")].tolist() == [1, 1, 1.0]
    # Features of another place are of the same family.
    assert counts.loc[("retest", "original", "glcm")].tolist() == [3, 2, 2 / 3]


def test_every_feature_is_in_one_combination_of_designs():
    result = overlap_table(judged(raters="013", retest="03", perturbations="0"))
    assert list(result.columns) == OVERLAP_COLUMNS
    assert result["stable_under"].tolist() == [
        "perturbations + raters + retest",
        "perturbations + raters",
        "perturbations + retest",
        "raters + retest",
        "perturbations",
        "raters",
        "retest",
        "none",
    ]
    assert result["features"].tolist() == [1, 0, 0, 1, 0, 1, 0, 1]
    assert result["share"].sum() == pytest.approx(1.0)


def test_one_design_has_two_combinations():
    result = overlap_table(judged(raters="0"))
    assert result[["stable_under", "features"]].to_numpy().tolist() == [["raters", 1], ["none", 3]]


def sized(patients: int = 30, place: str = "") -> pd.DataFrame:
    """Two raters; small ROIs differ between raters by a tenth, large ones hardly."""
    rng = np.random.default_rng(1)
    volume = rng.permutation(np.geomspace(1.0, 100.0, patients))
    noise = np.where(volume < np.quantile(volume, 1 / 3), 0.1, 0.01)
    texture = rng.lognormal(2.0, 0.3, size=patients)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "patient": [f"P-{i:02d}" for i in range(patients)],
                    "design": "raters",
                    "repeat": rater,
                    f"{place}{VOLUME}": volume * (1 + 0.01 * rng.normal(size=patients)),
                    f"{place}original_glcm_F": texture * (1 + noise * rng.normal(size=patients)),
                }
            )
            for rater in "ab"
        ],
        ignore_index=True,
    )


def test_patients_are_cut_into_thirds_by_volume():
    table = sized()
    result = size_table(table, {"raters": {"icc": "ICC(A,1)"}}, VOLUME)
    assert list(result.columns) == SIZE_COLUMNS
    glcm = result[result["class"] == "glcm"].set_index("size")
    assert glcm.index.tolist() == ["small", "medium", "large"]
    assert glcm["n"].tolist() == [10, 10, 10]
    assert glcm["volume_high"].iloc[0] < glcm["volume_low"].iloc[1]
    volume = table.groupby("patient")[VOLUME].mean()
    small = table[table["patient"].isin(volume.nsmallest(10).index)]
    wide = small.pivot_table("original_glcm_F", "patient", "repeat").to_numpy()[None]
    assert glcm.at["small", "within_cv"] == pytest.approx(precision(wide).cv.estimate[0])
    own = stability_table(small).set_index("feature")
    assert glcm.at["small", "icc"] == pytest.approx(own.at["original_glcm_F", "icc"])
    assert glcm.at["small", "within_cv"] > 3 * glcm.at["large", "within_cv"]


def test_a_third_is_more_alike_than_all_and_its_icc_lower():
    # The reason for the caveat: volume is as reproducible in every third, relative to itself.
    table = sized(60)
    thirds = size_table(table, {}, VOLUME)
    shape = thirds[thirds["class"] == "shape"]
    whole = stability_table(table).set_index("feature").at[VOLUME, "icc"]
    assert (shape["icc"] < whole).all()


def test_each_place_is_cut_by_its_own_volume():
    both = sized(place="a.ct.gtv:").merge(
        sized(place="a.ct.node:"), on=["patient", "design", "repeat"]
    )
    result = size_table(both, {}, VOLUME)
    assert (result["features"] == 2).all()
    alone = size_table(both.drop(columns=f"a.ct.node:{VOLUME}"), {}, VOLUME)
    assert (alone["features"] == 1).all()


def test_too_few_patients_or_no_volume_give_no_rows():
    assert size_table(sized(8), {}, VOLUME).empty
    assert size_table(sized(), {}, "other_volume").empty
    assert list(size_table(sized(8), {}, VOLUME).columns) == SIZE_COLUMNS


def test_nothing_judged_gives_empty_tables():
    empty = stability_table(pd.DataFrame(columns=["patient", "design", "repeat", "f"]))
    assert list(survivors_table(empty).columns) == SURVIVOR_COLUMNS
    assert overlap_table(empty).empty
