"""Subgroups: split by what development knows, judged like cohorts, tested by Cochran's Q."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from rigoromics.evaluate import binary, timed
from rigoromics.evaluate.discrimination import auc
from rigoromics.evaluate.estimate import Estimate
from rigoromics.evaluate.group import Endpoint, Settings, groups
from rigoromics.evaluate.multiplicity import holm
from rigoromics.evaluate.subgroups import HETEROGENEITY, UNKNOWN, heterogeneity, levels, subgroups

PRIMARY = {"signature": "radiomics", "model": "elastic_net", "policy": "none"}
BINARY = Endpoint("response", "binary")
FAST = Settings(bootstrap=20)


@pytest.fixture(scope="module")
def judged(make_predictions):
    predictions = make_predictions("binary", {"radiomics": 1.5})
    patients = sorted(set(predictions["patient"]))
    rng = np.random.default_rng(3)
    people = pd.DataFrame(
        {"sex": rng.choice(["f", "m"], len(patients)), "age": rng.normal(60, 9, len(patients))},
        index=patients,
    )
    people.loc[patients[::9], "sex"] = None
    everything = list(groups(predictions))
    return predictions, people, subgroups(everything, people, binary, BINARY, PRIMARY, FAST, 1)


def test_each_level_is_judged_like_a_cohort_of_its_own(judged):
    predictions, people, table = judged
    own = predictions.query("signature == 'radiomics' and split == 'external'")
    women = own[own["patient"].map(people["sex"]) == "f"]
    row = table.query("level == 'f' and metric == 'auc' and cohort == 'all external'").iloc[0]
    expected = auc(women["y"], women["risk"])
    assert (row["estimate"], row["lower"]) == (expected.value, expected.lower)
    assert (row["n"], row["events"]) == (len(women), women["y"].sum())
    assert set(table["cohort"]) == {"A", "all external"}
    sizes = table.query("variable == 'sex' and metric == 'auc' and cohort == 'all external'")
    parts = sizes[sizes["level"] != HETEROGENEITY]
    assert set(parts["level"]) == {"f", "m", UNKNOWN}
    assert parts["n"].sum() == 120


def test_numbers_are_split_at_the_median_of_development(judged):
    _, people, table = judged
    middle = people.loc[people.index.str.startswith("P-A"), "age"].median()
    names = set(table.loc[table["variable"] == "age", "level"]) - {HETEROGENEITY}
    assert names == {f"to {middle:.4g}", f"above {middle:.4g}"}
    other = people.copy()
    outside = ~other.index.str.startswith("P-A")
    other.loc[outside, "age"] += 50.0
    moved = levels(other["age"], other.loc[~outside, "age"])
    assert set(moved[outside]) == {f"above {middle:.4g}"}


def test_few_values_are_levels_and_missing_ones_are_said():
    values = pd.Series([1.0, 2.0, 2.0, np.nan, 4.0])
    assert list(levels(values, values)) == ["1", "2", "2", UNKNOWN, "4"]
    assert list(levels(pd.Series(["a", None]), pd.Series(["a"]))) == ["a", UNKNOWN]
    assert list(levels(pd.Series([True, False]), pd.Series([True]))) == ["True", "False"]


def test_too_few_patients_say_so(judged, make_predictions):
    predictions, people, _ = judged
    rare = people.assign(sex=np.where(np.arange(len(people)) % 40 == 0, "x", "y"))
    everything = list(groups(predictions))
    table = subgroups(everything, rare[["sex"]], binary, BINARY, PRIMARY, FAST, 1)
    rows = table[table["level"] == "x"]
    assert len(rows)
    assert rows["estimate"].isna().all()
    assert rows["method"].str.contains("fewer than 5").all()
    tests = table[table["level"] == HETEROGENEITY]
    assert tests["method"].str.contains("fewer than two levels").all()


def test_heterogeneity_is_cochrans_q_of_statsmodels():
    values, errors = np.array([0.9, 0.2, 1.4, 0.5]), np.array([0.3, 0.25, 0.4, 0.2])
    z = 1.959963984540054
    estimates = [
        Estimate(*(1 / (1 + np.exp(-x)) for x in (v, v - z * e, v + z * e)), "made")
        for v, e in zip(values, errors, strict=True)
    ]
    expected = combine_effects(values, errors**2)
    q, p, name = heterogeneity(estimates)
    assert q == pytest.approx(expected.q, abs=1e-9)
    assert p == pytest.approx(expected.test_homogeneity().pvalue, abs=1e-9)
    assert "3 degrees" in name


def test_tests_are_corrected_over_the_variables_of_a_cohort(judged):
    _, _, table = judged
    tests = table[table["level"] == HETEROGENEITY]
    for _, family in tests.groupby("cohort"):
        assert len(family) == 2
        assert list(family["p_adjusted"]) == pytest.approx(holm(list(family["p"])))


def test_survival_and_no_variables(make_predictions):
    predictions = make_predictions("survival", {"radiomics": 1.5})
    patients = sorted(set(predictions["patient"]))
    people = pd.DataFrame({"sex": np.tile(["f", "m"], len(patients) // 2)}, index=patients)
    everything, endpoint = list(groups(predictions)), Endpoint("death", "survival", 3.0)
    primary = {**PRIMARY, "model": "cox_elastic_net"}
    table = subgroups(everything, people, timed, endpoint, primary, FAST, 1)
    assert set(table["metric"]) == {"c_index", "observed_expected"}
    assert table["estimate"].notna().all()
    assert subgroups(everything, people[[]], timed, endpoint, primary, FAST, 1).empty
