"""Figures: drawn for every endpoint, the same bytes every time, true to their tables."""

import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rigoromics.report.chance import permutation_figure, permuted, selection_figure
from rigoromics.report.curves import (
    calibration_figure,
    decision_figure,
    event_probability,
    roc_figure,
)
from rigoromics.report.flow_figure import exclusion_reasons, flow_figure
from rigoromics.report.intervals import PREDICTION, centres_figure, controls_figure
from rigoromics.report.style import save
from tests.unit.report.conftest import KINDS, draw

PRIMARY = {"signature": "radiomics", "model": "elastic_net", "policy": "align"}
BINARY = {"type": "binary", "label": "metastasis"}


def png_size(path: Path) -> tuple[int, int]:
    """Width and height from the file's own header."""
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def table(folder: Path, name: str, endpoint: str = "metastasis") -> pd.DataFrame:
    if name == "permutation":
        return pd.read_csv(folder / "model" / endpoint / "permutation.tsv", sep="\t")
    return pd.read_csv(folder / "validation" / endpoint / f"{name}.tsv", sep="\t")


def labels(figure) -> str:
    """All words of a figure."""
    words = []
    for axes in figure.axes:
        legend = axes.get_legend()
        words += [t.get_text() for t in axes.texts] + [t.get_text() for t in axes.get_yticklabels()]
        words += [t.get_text() for t in legend.get_texts()] if legend else []
    return "\n".join(words)


@pytest.mark.parametrize("endpoint", ["metastasis", "survival"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_is_a_picture_of_print_size(full_study, endpoint, kind):
    folder, _ = full_study
    png = folder / "paper/figures" / endpoint / f"{kind}.png"
    width, height = png_size(png)
    others = {"survival": ("roc", "precision_recall"), "metastasis": ("kaplan_meier",)}
    others["metastasis"] += ("auc_over_time",)
    missing = kind in others[endpoint]
    assert (height == 210) if missing else (width > 900 and height > 450)
    assert png.with_suffix(".svg").read_text().startswith("<?xml")


def test_figures_have_the_same_bytes_when_drawn_again(full_study, tmp_path):
    folder, config = full_study
    draw_again = tmp_path / "again"
    for part in ("validation", "model"):
        (draw_again / part).parent.mkdir(parents=True, exist_ok=True)
        (draw_again / part).symlink_to(folder / part)
    draw(draw_again, config)
    for first in sorted((folder / "paper/figures").rglob("*.??g")):
        if first.parent.name in config["endpoints"]:
            second = draw_again / first.relative_to(folder)
            assert first.read_bytes() == second.read_bytes(), first.name


def test_figures_carry_no_date_and_no_program(full_study):
    folder, _ = full_study
    svg = (folder / "paper/figures/metastasis/roc.svg").read_text()
    assert "dc:date" not in svg
    assert "Matplotlib" not in (folder / "paper/figures/metastasis/roc.png").read_bytes().decode(
        "latin-1"
    )


def test_roc_legend_shows_the_auc_of_the_metrics_table(full_study):
    folder, _ = full_study
    metrics = table(folder, "metrics")
    row = metrics[
        (metrics["metric"] == "auc")
        & (metrics["signature"] == "radiomics")
        & (metrics["model"] == "elastic_net")
        & (metrics["cohort"] == "all external")
        & (metrics["policy"] == "align")
    ].iloc[0]
    text = labels(roc_figure(table(folder, "roc"), metrics, PRIMARY))
    assert f"AUC {row.estimate:.2f} ({row.lower:.2f} to {row.upper:.2f})" in text


def test_curves_of_a_study_without_external_cohort_have_one_panel(full_study):
    folder, _ = full_study
    for draw_one, name in ((calibration_figure, "calibration"), (decision_figure, "decision")):
        rows = table(folder, name)
        inside = rows[rows["split"] == "development_cv"]
        more = (BINARY,) if name == "calibration" else ()
        assert len(draw_one(rows, PRIMARY, *more).axes) == 2
        assert len(draw_one(inside, PRIMARY, *more).axes) == 1


def test_survival_probabilities_are_turned_into_those_of_the_event():
    predictions = pd.DataFrame({"probability": [0.9, np.nan, 0.2]})
    assert list(event_probability(predictions, survival=True).round(6)) == [0.1, 0.8]
    assert list(event_probability(predictions, survival=False)) == [0.9, 0.2]


def test_permutation_p_counts_the_real_result_and_is_never_zero():
    null = pd.DataFrame({"permutation": [-1, 0, 1, 2, 3], "statistic": [0.7, 0.5, 0.6, 0.7, 0.8]})
    assert permuted(null) == (0.7, 3 / 5, 4)
    best = null.assign(statistic=[0.9, 0.5, 0.6, 0.7, 0.8])
    assert permuted(best)[1] == 1 / 5
    nothing = null[null["permutation"] < 0]
    assert np.isnan(permuted(nothing)[1])
    assert permutation_figure(nothing, BINARY).axes


def test_controls_figure_names_every_control_and_puts_the_primary_first(full_study):
    folder, _ = full_study
    figure = controls_figure(
        table(folder, "metrics"), table(folder, "permutation"), PRIMARY, BINARY
    )
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert names[0] == "Radiomics"
    assert set(names[1:]) == {"Radiomics + clinical", "Clinical alone", "Volume alone",
                              "Voxels shuffled", "Outcomes permuted"}  # fmt: skip


def test_forest_plot_shows_centres_pool_and_prediction_interval(full_study):
    folder, _ = full_study
    centres = table(folder, "centres")
    extra = centres[centres["split"] == "external"].iloc[:1].assign(centre=PREDICTION)
    figure = centres_figure(pd.concat([centres, extra]), table(folder, "metrics"), PRIMARY, BINARY)
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert names == ["A", "B", "C", "D", "all external patients", PREDICTION]


@pytest.mark.parametrize(
    ("kind", "metric", "head"),
    [("binary", "auc", "events / n"), ("multiclass", "m_auc", "fewest / n")],
)
def test_forest_plot_says_what_it_counts_beside_patients(full_study, kind, metric, head):
    folder, _ = full_study
    centres, metrics = (
        table(folder, name).replace("auc", metric) for name in ("centres", "metrics")
    )
    endpoint = {"type": kind, "levels": ["1", "2", "3"] if kind == "multiclass" else []}
    assert head in labels(centres_figure(centres, metrics, PRIMARY, endpoint))


def test_forest_plot_leaves_out_the_other_policy(full_study):
    folder, _ = full_study
    centres = table(folder, "centres")
    other = centres[centres["split"] == "external"].assign(policy="none", estimate=0.111)
    figure = centres_figure(
        pd.concat([centres, other], ignore_index=True), table(folder, "metrics"), PRIMARY, BINARY
    )
    assert "0.11" not in labels(figure)


def test_selection_figure_marks_what_is_in_the_locked_signature():
    selection = pd.DataFrame(
        {
            "feature": ["original_glcm_Idmn", "original_shape_MeshVolume", "never"],
            "frequency": [1.0, 0.4, 0.0],
            "in_final": [True, False, False],
        }
    )
    axes = selection_figure(selection).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["shape · mesh volume", "GLCM · IDMN"]
    assert [bar.get_width() for bar in axes.patches] == [0.4, 1.0]
    assert axes.patches[0].get_facecolor() != axes.patches[1].get_facecolor()


def test_flow_diagram_says_every_number(full_study):
    folder, _ = full_study
    flow = pd.read_csv(folder / "model/flow.tsv", sep="\t")
    gone = pd.read_csv(folder / "model/exclusions.tsv", sep="\t")
    roles = {"development": "development", "external": "external"}
    text = labels(flow_figure(flow, gone, roles, {"metastasis": "metastasis"}))
    for words in ("n = 59", "n = 29", "Excluded, n = 3", "Excluded, n = 1", "Analysed, n = 56",
                  "metastasis known: 28"):  # fmt: skip
        assert words in text


def test_many_reasons_are_summed_up_and_none_is_lost():
    gone = pd.DataFrame({"cohort": "a", "reason": [f"reason {i % 9}" for i in range(40)]})
    reasons = exclusion_reasons(gone, "a")
    assert len(reasons) == 6
    assert sum(n for _, n in reasons) == 40
    assert reasons[-1][0] == "other (4 reasons)"


def test_figures_of_empty_tables_do_not_fail(tmp_path):
    key = ["signature", "model", "cohort", "split", "policy"]
    metrics = pd.DataFrame(columns=[*key, "metric", "estimate", "lower", "upper", "n", "events"])
    roc = pd.DataFrame(columns=[*key, "fpr", "tpr"])
    save(roc_figure(roc, metrics, PRIMARY), tmp_path / "roc.png")
    assert png_size(tmp_path / "roc.png")[0] > 0
