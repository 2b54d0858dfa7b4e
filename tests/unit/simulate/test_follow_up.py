"""Simulated follow-up: the planted change is there, and nothing at baseline knows of it."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy.stats import spearmanr

from rigoromics.simulate.follow_up import FEATURES, FollowUpSettings, follow_up_tables
from scripts.simulate_follow_up import main

VOLUME, TEXTURE = "original_shape_MeshVolume", "original_glcm_Contrast"


@pytest.fixture(scope="module")
def tables():
    return follow_up_tables(FollowUpSettings({"A": 200, "B": 200}), 5)


def largest(table):
    return table.loc[table.groupby("patient")[VOLUME].idxmax()].set_index("patient")


def test_the_largest_lesion_s_texture_changes_with_the_response(tables):
    before, after = largest(tables["baseline"]), largest(tables["week6"])
    response = tables["truth"].set_index("patient")["response"]
    change = (after[TEXTURE] / before[TEXTURE]).dropna()
    assert spearmanr(change, response[change.index]).statistic > 0.6
    assert abs(spearmanr(before[TEXTURE], response[before.index]).statistic) < 0.12
    smallest = tables["baseline"].groupby("patient")[VOLUME].idxmin()
    assert len(set(smallest) - set(tables["baseline"].groupby("patient")[VOLUME].idxmax())) > 200
    assert (tables["baseline"][list(FEATURES)] > 0).all().all()


def test_the_hazard_is_the_one_asked_for(tables):
    clinical = tables["clinical"].merge(tables["truth"])
    control = clinical[clinical["treatment"] == "control"]
    rows = control[["months", "progressed", "response"]]
    found = CoxPHFitter().fit(rows, "months", "progressed")
    low, high = found.confidence_intervals_.loc["response"]
    assert low < 1.2 < high
    responders = clinical[clinical["response"] > 0].assign(
        drug=lambda rows: (rows["treatment"] == "drug") * 1.0
    )
    rows = responders[["months", "progressed", "response", "drug"]]
    low, high = CoxPHFitter().fit(rows, "months", "progressed").confidence_intervals_.loc["drug"]
    assert low < -0.7 < high


def test_effects_change_outcomes_only(tables):
    null = follow_up_tables(FollowUpSettings({"A": 200, "B": 200}, effect=0.0), 5)
    for name in ("baseline", "week6", "truth"):
        pd.testing.assert_frame_equal(null[name], tables[name])
    same = [c for c in null["clinical"] if c not in ("months", "progressed")]
    pd.testing.assert_frame_equal(null["clinical"][same], tables["clinical"][same])
    merged = null["clinical"].merge(null["truth"])
    control = merged[merged["treatment"] == "control"]
    assert spearmanr(control["months"], control["response"]).pvalue > 0.01


def test_the_command_writes_what_the_study_reads(tmp_path, capsys):
    assert main([str(tmp_path), "--patients", "A=6", "B=5", "--seed", "2"]) == 0
    assert "clinical.csv: 11 rows" in capsys.readouterr().out
    baseline = pd.read_csv(tmp_path / "baseline.csv")
    assert baseline.groupby("centre")["patient"].nunique().to_dict() == {"A": 6, "B": 5}
    expected = follow_up_tables(FollowUpSettings({"A": 6, "B": 5}), 2)["baseline"]
    np.testing.assert_allclose(baseline[list(FEATURES)], expected[list(FEATURES)], rtol=1e-5)
