"""The pictures of stability per family: every feature named, unstable ones marked."""

import numpy as np
import pandas as pd
import pytest

from rigoromics.report.family_figures import MOST_ROWS, family_figures


def table(names: list[str], designs: tuple[str, ...] = ("raters", "retest")) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        (name, design, icc, icc > 0.6)
        for design in designs
        for name, icc in zip(names, rng.uniform(size=len(names)), strict=True)
    ]
    return pd.DataFrame(rows, columns=["feature", "design", "icc", "stable"])


NAMES = [
    f"{image}_{family}_{name}"
    for image in ("original", "wavelet-LLH", "log-sigma-2-0-mm-3D")
    for family, name in (("glcm", "Idmn"), ("glcm", "JointEntropy"), ("firstorder", "Mean"))
]


def test_each_family_has_a_picture_with_rows_columns_and_designs():
    figures = family_figures(table(NAMES))
    assert sorted(figures) == ["firstorder", "glcm"]
    panels = figures["glcm"].axes[:2]
    assert [panel.get_title(loc="left") for panel in panels] == [
        "Between raters",
        "Test and retest",
    ]
    assert {label.get_text() for label in panels[0].get_yticklabels()} == {"IDMN", "Joint entropy"}
    columns = [label.get_text() for label in panels[0].get_xticklabels()]
    assert columns == ["original", "LoG 2.0 mm", "wavelet LLH"]


def test_colours_are_the_iccs_and_crosses_the_unstable():
    judged = table(NAMES)
    panel = family_figures(judged)["glcm"].axes[0]
    rows = [label.get_text() for label in panel.get_yticklabels()]
    columns = [label.get_text() for label in panel.get_xticklabels()]
    shown = panel.get_images()[0].get_array()
    crosses = {tuple(place) for place in panel.collections[0].get_offsets().astype(int)}
    own = judged[judged["design"] == "raters"].set_index("feature")
    names = {
        "original": "original",
        "LoG 2.0 mm": "log-sigma-2-0-mm-3D",
        "wavelet LLH": "wavelet-LLH",
    }
    features = {"IDMN": "Idmn", "Joint entropy": "JointEntropy"}
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            one = own.loc[f"{names[column]}_glcm_{features[row]}"]
            assert shown[y, x] == pytest.approx(one["icc"])
            assert ((x, y) in crosses) == (not one["stable"])


def test_the_most_stable_feature_comes_first():
    judged = table(NAMES)
    mean = judged[judged["feature"].str.contains("_glcm_")]
    mean = mean.groupby(mean["feature"].str.rpartition("_")[2])["icc"].mean()
    first = family_figures(judged)["glcm"].axes[0].get_yticklabels()[0].get_text()
    assert first == {"Idmn": "IDMN", "JointEntropy": "Joint entropy"}[mean.idxmax()]


def test_a_long_family_goes_on_and_cells_keep_their_size():
    figures = family_figures(table([f"deep_{i}" for i in range(MOST_ROWS + 5)], ("raters",)))
    assert list(figures) == ["other", "other-2"]
    rows = [len(figure.axes[0].get_yticklabels()) for figure in figures.values()]
    assert rows == [MOST_ROWS, 5]
    heights = [figure.get_size_inches()[1] for figure in figures.values()]
    assert (heights[0] - heights[1]) / (MOST_ROWS - 5) == pytest.approx(0.17)


def test_several_places_are_columns_of_their_own():
    names = [f"{place}:original_glcm_Idmn" for place in ("pre.ct.gtv", "post.ct.gtv")]
    panel = family_figures(table(names, ("raters",)))["glcm"].axes[0]
    columns = [label.get_text() for label in panel.get_xticklabels()]
    assert columns == ["post ct gtv: original", "pre ct gtv: original"]


def test_an_undefined_icc_is_a_cross_without_colour():
    judged = table(NAMES, ("raters",))
    judged.loc[0, ["icc", "stable"]] = [np.nan, False]
    panel = family_figures(judged)["glcm"].axes[0]
    assert np.ma.getmaskarray(panel.get_images()[0].get_array()).sum() == 1
    place = np.argwhere(np.ma.getmaskarray(panel.get_images()[0].get_array()))[0][::-1]
    assert tuple(place) in {tuple(p) for p in panel.collections[0].get_offsets().astype(int)}


def test_nothing_judged_gives_no_picture():
    assert family_figures(table([])) == {}
