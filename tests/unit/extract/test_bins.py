"""Bin settings: the number of levels is PyRadiomics' own, and the advice follows from it."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from radiomics import imageoperations

from rigoromics.errors import DataError
from rigoromics.extract import engine
from rigoromics.extract.bins import (
    RANGE_COLUMNS,
    advice,
    bins_table,
    candidate_widths,
    chosen_bins,
    levels_of_width,
    ranges_of,
)
from rigoromics.extract.images import image_names
from rigoromics.extract.settings import Discretisation
from rigoromics.report.bins_figure import bins_figure
from scripts.bins import main
from scripts.tables import read_tsv, write_tsv

from .conftest import ALL_IMAGES, make_settings


@given(
    st.lists(st.integers(-2000, 3000), min_size=2, max_size=20),
    st.sampled_from([0.5, 1.0, 7.0, 25.0]),
)
def test_levels_are_those_of_pyradiomics(values, width):
    image = np.array(values, float)
    everywhere = np.ones(image.shape, bool)
    levels, _ = imageoperations.binImage(image, everywhere, binWidth=width)
    assert levels_of_width(image.min(), image.max(), width) == levels.max()


def test_candidates_are_round_and_cover_what_suits():
    widths = candidate_widths([90.0, 100.0, 2000.0])
    assert widths == [10.0, 5.0, 2.5, 2.0, 1.0, 0.5]
    assert candidate_widths([0.0, 0.0]) == []


def test_ranges_are_those_of_the_filtered_images(made):
    image, masks = made
    chosen = make_settings(images=ALL_IMAGES)
    rows = ranges_of(engine.prepare(image, masks, chosen), chosen)
    assert len(rows) == len(masks) * len(image_names(chosen))
    features = engine.extract_scan(image, masks, chosen).features
    for row in rows:
        first = f"{row['image_type']}_firstorder_"
        values = features[row["mask"]]
        assert row["minimum"] == values[first + "Minimum"]
        assert row["maximum"] == values[first + "Maximum"]
        assert row["iqr"] == pytest.approx(values[first + "InterquartileRange"], rel=1e-12)


def test_a_filter_may_have_bins_of_its_own():
    chosen = make_settings(
        images={
            "original": {},
            "log": {"sigma_mm": [2], "discretisation": {"bin_width": 5}},
            "wavelet": {"levels": 2},
        }
    )
    bins = chosen_bins(chosen)
    assert list(bins) == image_names(chosen)
    assert {name: own.bin_width for name, own in bins.items() if own.bin_width != 25} == {
        "log-sigma-2-0-mm-3D": 5
    }


def made_ranges(spans):
    rows = [
        (f"P{n}", cohort, "baseline", "ct", "lesion", "original", 500.0, 1.0, 1.0 + span, span / 3)
        for n, (cohort, span) in enumerate(spans)
    ]
    return pd.DataFrame(rows, columns=RANGE_COLUMNS)


def test_table_and_advice():
    ranges = made_ranges([("A", 200.0), ("A", 240.0), ("A", 280.0), ("B", 1000.0)])
    table = bins_table(ranges, {("ct", "original"): Discretisation(bin_width=25)})
    own = table[table["chosen"]].set_index("cohort")
    assert own.loc["A", "levels_median"] == 10
    assert own.loc["A", "suitable"] == 0
    assert own.loc["B", "levels_median"] == 41
    assert own.loc["B", "suitable"] == 1
    assert set(table.loc[table["cohort"] == "A", "setting"]) == set(
        table.loc[table["cohort"] == "B", "setting"]
    )
    (sentence,) = advice(table)
    assert sentence.startswith("A, ct, original: width 25 gives")
    assert "0% of ROIs have 16 to 128; width 10 would suit 100%." in sentence


def test_fixed_number_of_bins_shows_their_width():
    table = bins_table(
        made_ranges([("A", 320.0), ("A", 640.0)]),
        {("ct", "original"): Discretisation(bin_count=32)},
    )
    own = table[table["chosen"]].iloc[0]
    assert (own["setting"], own["levels_median"], own["width_median"]) == ("32 bins", 32, 15)
    assert advice(table) == []


def test_script_writes_table_and_picture(tmp_path, capsys):
    ranges = tmp_path / "one.tsv"
    write_tsv(made_ranges([("A", 200.0), ("B", 900.0)]), ranges)
    empty = tmp_path / "empty.tsv"
    write_tsv(made_ranges([]), empty)
    files = {"table": tmp_path / "bins.tsv", "picture": tmp_path / "bins.png"}
    chosen = {"ct": make_settings().model_dump(mode="json")}
    main(ranges=[empty, ranges], settings=chosen, **files)
    assert "A, ct, original: width 25 gives 9 to 9 levels" in capsys.readouterr().out
    assert set(read_tsv(files["table"])["cohort"]) == {"A", "B"}
    size = sitk.ReadImage(str(files["picture"])).GetSize()
    assert min(size) > 300
    with pytest.raises(DataError, match="no ROI could be used"):
        main(ranges=[empty], settings=chosen, **files)


def test_picture_has_a_panel_per_image_and_names_what_was_chosen():
    bins = {("ct", name): Discretisation(bin_width=25) for name in ("original", "wavelet-LLL")}
    ranges = made_ranges([("A", 200.0), ("B", 900.0)])
    both = pd.concat([ranges, ranges.assign(image_type="wavelet-LLL")])
    figure = bins_figure(bins_table(both, bins))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == ["original", "wavelet-LLL"]
    bold = [
        label.get_text() for label in shown[0].get_yticklabels() if label.get_weight() == "bold"
    ]
    assert bold == ["width 25"]
