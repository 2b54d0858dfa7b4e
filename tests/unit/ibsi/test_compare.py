"""What becomes of one value: matched, a departure whose proof holds, or unexplained."""

import math

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics.extract.settings import ExtractionSettings
from rigoromics.ibsi import summary
from rigoromics.ibsi.compare import NO_FEATURE, NO_SLICES, count, judge
from rigoromics.ibsi.departures import DEPARTURES, Departure, levels_from
from rigoromics.ibsi.measure import diagnostics, features, prepare
from rigoromics.ibsi.reference import Reference


def wanted(tag, value, tolerance=0.0, family="Statistics"):
    return Reference("made", family, tag, tag, "≥ 10", value, tolerance)


@pytest.fixture(scope="module")
def phantom():
    """An image of 12 x 12 x 12 voxels, cut to 0 to 400, whose ROI begins at 60."""
    values = np.random.default_rng(0).integers(60, 500, (12, 12, 12))
    values[4, 4, 4] = 60
    mask = np.zeros(values.shape, np.uint8)
    mask[2:9, 3:10, 2:11] = 1
    settings = ExtractionSettings.model_validate(
        {
            "discretisation": {"bin_width": 25},
            "intensity": {"resegmentation": [0, 400]},
            "images": {"original": {}},
            "classes": {"shape": "all", "firstorder": "all", "glcm": "all"},
        }
    )
    image = sitk.GetImageFromArray(values.astype(np.int16))
    return prepare(image, sitk.GetImageFromArray(mask), settings)


def outcome(phantom, reference, value, departures=DEPARTURES):
    values = {} if value is None else {reference.tag: value}
    (row,) = judge([reference], values, phantom, departures)
    return row


def test_a_value_within_tolerance_is_matched(phantom):
    reference = wanted("stat_mean", 10.0, 1.0)
    assert outcome(phantom, reference, 10.9).outcome == "within tolerance"
    assert outcome(phantom, reference, 10.9).feature == "original_firstorder_Mean"
    assert outcome(phantom, reference, 11.1).outcome == "unexplained"
    assert outcome(phantom, reference, math.nan).outcome == "unexplained"


def test_a_departure_explains_only_what_its_proof_meets(phantom):
    right = outcome(phantom, wanted("stat_kurt", -0.355, 0.01), 2.645)
    assert (right.outcome, right.why) == ("known departure", "kurtosis, not excess kurtosis")
    assert right.as_ibsi == pytest.approx(-0.355)
    # Off by something else as well: the same departure is no excuse.
    wrong = outcome(phantom, wanted("stat_kurt", -0.355, 0.01), 2.7)
    assert (wrong.outcome, wrong.why, wrong.as_ibsi) == ("unexplained", "unexplained", None)
    never = Departure("never", "", lambda *_: None)
    assert outcome(phantom, wanted("stat_mean", 1.0), 2.0, [never]).outcome == "unexplained"


def test_a_proof_from_the_image_excuses_no_wrong_value(phantom):
    """Levels from 0 make the mean level two higher than levels from 50."""
    reference = wanted("cm_joint_avg_3D_avg", None)
    value = features(phantom, [reference])["cm_joint_avg_3D_avg"]
    reference = wanted("cm_joint_avg_3D_avg", value + 2, 1e-9)
    right = outcome(phantom, reference, value)
    assert (right.outcome, right.as_ibsi) == ("known departure", pytest.approx(value + 2))
    assert outcome(phantom, reference, value * 1.001).outcome == "unexplained"


def test_axis_lengths(phantom):
    """The variance of 0 to n - 1, by n and by n - 1."""
    length = 4 * math.sqrt((9**2 - 1) / 12)
    values = features(phantom, [wanted("morph_pca_maj_axis", None)])
    assert values["morph_pca_maj_axis"] == pytest.approx(length)
    reference = wanted("morph_pca_maj_axis", length * math.sqrt(441 / 440), 1e-9)
    row = outcome(phantom, reference, length)
    assert (row.outcome, row.feature) == ("known departure", "original_shape_MajorAxisLength")


def test_what_is_not_computed_says_why(phantom):
    assert outcome(phantom, wanted("ivh_v10", 0.3), None).why == NO_FEATURE
    slices = outcome(phantom, wanted("cm_contrast_2D_avg", 3.0), None)
    assert (slices.outcome, slices.why) == ("not computed", NO_SLICES)
    assert outcome(phantom, wanted("ivh_auc", None), None).outcome == "not standardised"


@pytest.fixture
def rows(phantom):
    references = [
        wanted("stat_mean", 1.0),
        wanted("stat_var", 1.0),
        wanted("stat_kurt", 0.5),
        wanted("ivh_v10", 1.0, family="Intensity volume histogram"),
        wanted("ivh_auc", None),
        wanted("img_dim_x_init_img", 12.0, family="Diagnostics-initial image"),
    ]
    values = {"stat_mean": 1.0, "stat_var": 2.0, "stat_kurt": 3.5, "img_dim_x_init_img": 12.0}
    return judge(references, values, phantom)


def test_counts(rows):
    assert count(rows) == {
        "matched": 2,
        "computed": 4,
        "in the reference": 5,
        "known departure": 1,
        "unexplained": 1,
    }
    table = summary.by_dataset(rows)
    assert [cell.strip() for cell in table.splitlines()[-3].split("|")[1:-1]] == [
        *("all", "1", "3", "4", "1", "1")
    ]
    assert table.endswith("Diagnostics: 1 of 1 matched.")
    assert "| Statistics                 | 1 / 3 / 3 |" in summary.by_family(rows)


def test_the_page_hides_nothing(rows):
    page = summary.page({"fast": rows})
    off = page.partition("## Unexplained")[2].partition("##")[0]
    assert "stat_var" in off
    assert "stat_kurt" not in off
    assert "- Intensity volume histogram: ivh_v10" in page
    table = summary.table({"fast": rows})
    assert table.columns.tolist() == summary.COLUMNS
    assert len(table) == len(rows)
    assert table.loc[1, ["ibsi_code", "value", "match", "why"]].tolist() == [
        *("ECT3", "2", "unexplained", "unexplained")
    ]


def test_levels_from_the_bound(phantom):
    """IBSI 2.7: floor((X - lower bound) / size) + 1."""
    levels = levels_from(phantom, 0.0, 25.0)
    np.testing.assert_array_equal(levels.values, phantom.grey // 25 + 1)
    assert levels.highest == phantom.grey.max() // 25 + 1
    assert levels.counts.sum() == phantom.kept.sum() == len(phantom.grey)


def test_stages_of_the_mask(phantom):
    found = diagnostics(phantom)
    assert found["morph_mask_vox_count_reseg_roi"] == found["int_mask_vox_count_init_roi"] == 441
    assert found["int_mask_vox_count_reseg_roi"] == len(phantom.grey) < 441
    assert found["int_mask_mean_int_reseg_roi"] == pytest.approx(phantom.grey.mean())
    assert [found[f"int_mask_bb_dim_{axis}_interp_roi"] for axis in "xyz"] == [9, 7, 7]
    assert [found[f"img_dim_{axis}_interp_img"] for axis in "xyz"] == [12, 12, 12]


def test_only_what_is_judged_is_run(phantom):
    references = [wanted("stat_mean", 1.0), wanted("szm_sze_2D", 1.0), wanted("ivh_v10", 1.0)]
    assert features(phantom, references).keys() == {"stat_mean"}
