"""Treatment by risk group: Cox against lifelines, logistic against hand-made 2 x 2 tables."""

import itertools
import math

import numpy as np
import pytest
from lifelines import CoxPHFitter
from lifelines.datasets import load_rossi
from scipy.stats import chi2

from rigoromics.evaluate.treatment import curves_by_arm, treatment_effects
from rigoromics.report.treatment_figure import treatment_figure


@pytest.fixture(scope="module")
def rossi():
    """The Rossi trial of financial aid (fin), with prior convictions as risk groups."""
    table = load_rossi()
    return table.assign(high=(table["prio"] >= 3).astype(int))


def test_hazard_ratios_and_both_tests_equal_lifelines(rossi):
    found = treatment_effects(rossi["arrest"], rossi["fin"], rossi["high"], rossi["week"])
    found = found.set_index("contrast")
    columns = rossi[["week", "arrest", "high", "fin"]].assign(both=rossi["high"] * rossi["fin"])
    precise = {"fit_options": {"precision": 1e-12}}
    whole = CoxPHFitter().fit(columns, "week", "arrest", **precise)
    without = CoxPHFitter().fit(columns.drop(columns="both"), "week", "arrest", **precise)
    summary = whole.summary
    both = found.loc["interaction"]
    assert both["estimate"] == pytest.approx(summary.loc["both", "exp(coef)"], rel=1e-6)
    assert both["lower"] == pytest.approx(summary.loc["both", "exp(coef) lower 95%"], rel=1e-6)
    assert both["upper"] == pytest.approx(summary.loc["both", "exp(coef) upper 95%"], rel=1e-6)
    assert both["p"] == pytest.approx(summary.loc["both", "p"], rel=1e-6)
    gain = 2 * (whole.log_likelihood_ - without.log_likelihood_)
    assert both["p_lr"] == pytest.approx(chi2.sf(gain, 1), rel=1e-6)
    # Coding the groups the other way round makes the high group the reference.
    turned = columns.assign(high=1 - columns["high"])
    turned["both"] = turned["high"] * turned["fin"]
    other = CoxPHFitter().fit(turned, "week", "arrest", **precise).summary
    for effect, witness in (("treatment in low", summary), ("treatment in high", other)):
        row = found.loc[effect]
        assert row["estimate"] == pytest.approx(witness.loc["fin", "exp(coef)"], rel=1e-6)
        assert row["upper"] == pytest.approx(witness.loc["fin", "exp(coef) upper 95%"], rel=1e-6)


def patients(counts):
    """Rows of (event, treated, high) from counts of [high][treated] = (events, none)."""
    rows = [
        (event, treated, high)
        for high, treated in itertools.product((0, 1), (0, 1))
        for event, n in zip((1, 0), counts[high][treated], strict=True)
        for _ in range(n)
    ]
    return np.array(rows).T


def test_odds_ratios_equal_woolf_by_hand():
    # Woolf, Ann Hum Genet 1955;19:251: log(ad/bc), variance 1/a + 1/b + 1/c + 1/d.
    event, treated, high = patients([[(10, 30), (9, 31)], [(25, 15), (12, 28)]])
    found = treatment_effects(event, treated, high).set_index("contrast")
    low, upper = math.log(9 * 30 / (31 * 10)), math.log(12 * 15 / (28 * 25))
    v_low, v_high = 1 / 9 + 1 / 30 + 1 / 31 + 1 / 10, 1 / 12 + 1 / 15 + 1 / 28 + 1 / 25
    for effect, value, variance in (
        ("treatment in low", low, v_low),
        ("treatment in high", upper, v_high),
        ("interaction", upper - low, v_low + v_high),
    ):
        row = found.loc[effect]
        assert row["estimate"] == pytest.approx(math.exp(value), rel=1e-8)
        half = 1.959963984540054 * math.sqrt(variance)
        assert row["lower"] == pytest.approx(math.exp(value - half), rel=1e-7)
        assert row["upper"] == pytest.approx(math.exp(value + half), rel=1e-7)
    assert found.loc["treatment in high", ["n", "events"]].tolist() == [80, 37]


def test_what_cannot_be_estimated_says_why():
    event, treated, high = patients([[(10, 30), (0, 31)], [(25, 15), (12, 28)]])
    found = treatment_effects(event, treated, high)
    assert found["estimate"].isna().all()
    assert found["method"].str.contains("no events among patients of low risk with the tr").all()
    event, treated, high = patients([[(10, 30), (1, 0)], [(25, 15), (12, 28)]])
    assert "1 patients of low risk" in treatment_effects(event, treated, high)["method"].iloc[0]
    event, treated, high = patients([[(10, 30), (9, 31)], [(25, 0), (12, 28)]])
    assert "separated" in treatment_effects(event, treated, high)["method"].iloc[0]


def test_curves_of_four_groups_and_their_figure(rossi, tmp_path):
    arms = ("no aid", "aid")
    curves = curves_by_arm(rossi["week"], rossi["arrest"], rossi["fin"], rossi["high"], arms)
    starts = curves[curves["time"] == 0].set_index(["group", "arm"])["at_risk"]
    counts = rossi.groupby(["high", "fin"]).size()
    assert starts.tolist() == counts.tolist()
    effects = treatment_effects(rossi["arrest"], rossi["fin"], rossi["high"], rossi["week"])
    curves, effects = (t.assign(split="external") for t in (curves, effects))
    figure = treatment_figure(curves, effects, arms, "free of arrest", "weeks")
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["Low risk", "High risk"]
    path = tmp_path / "treatment.png"
    figure.savefig(path)
    assert path.stat().st_size > 10_000
