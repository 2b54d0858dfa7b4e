"""Differences between groups: scipy as the witness, planted confounding, and no false alarm."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, chi2_contingency, fisher_exact, kruskal
from scipy.stats.contingency import association

from rigoromics.audit.differences import COHORTS, Comparison, cramers_v, differences
from rigoromics.audit.factors import Factor, find_factors
from rigoromics.audit.sentences import shouts
from rigoromics.audit.study import outcome_comparisons, outcome_groups
from tests.unit.audit.made import Made


def _groups(made: Made, seed: int = 0) -> pd.Series:
    rng = np.random.default_rng(seed)
    return pd.Series(rng.choice(["yes", "no"], len(made.acquisition)), made.acquisition.index)


def _differences(made: Made, groups: pd.Series, outcome: bool = True) -> pd.DataFrame:
    comparison = Comparison("m (development)" if outcome else COHORTS, groups, outcome)
    factors = find_factors(made.acquisition)
    return differences(factors, comparison, alpha=0.05, permutations=999, seed=3)


def _shouts(table: pd.DataFrame) -> tuple[str, ...]:
    return shouts(table.assign(scan="baseline.ct"), False, {"m": "metastasis"})


def test_tests_and_effects_equal_those_of_scipy() -> None:
    made = Made(11)
    groups = _groups(made)
    table = _differences(made, groups).set_index("factor")
    counts = pd.crosstab(made.acquisition["kernel"], groups)
    assert table.loc["kernel", "p"] == pytest.approx(fisher_exact(counts).pvalue, rel=1e-12)
    numbers = made.acquisition["exposure"].astype(float)
    parts = [part.to_numpy() for _, part in numbers.groupby(groups)]
    statistic, p = kruskal(*parts)
    assert table.loc["exposure", "p"] == pytest.approx(p, rel=1e-12)
    # Tomczak and Tomczak (2014): H (n + 1) / (n^2 - 1).
    n = len(numbers)
    epsilon = statistic * (n + 1) / (n**2 - 1)
    assert table.loc["exposure", "effect"] == pytest.approx(epsilon, rel=1e-12)
    # Three levels of two groups: the permuted p lies about that of the chi-square distribution.
    counts = pd.crosstab(made.acquisition["kv"], groups)
    assert table.loc["kv", "test"] == "permuted chi-square"
    expected = chi2_contingency(counts, correction=False).pvalue
    error = 3.3 * np.sqrt(expected * (1 - expected) / 999)
    assert table.loc["kv", "p"] == pytest.approx(expected, abs=error + 0.02)


def test_cramers_v_is_corrected_for_its_bias() -> None:
    """Plain V (scipy) is far above zero for many levels that mean nothing; the corrected is not."""
    rng = np.random.default_rng(1)
    plain, corrected = [], []
    for _ in range(100):
        counts = pd.crosstab(rng.integers(0, 8, 80), rng.integers(0, 3, 80)).to_numpy()
        plain.append(association(counts, method="cramer"))
        corrected.append(cramers_v(counts))
    assert np.mean(plain) > 0.25
    assert np.mean(corrected) < 0.1
    # Bergsma (2013), section 3, worked through by hand for one table.
    counts = np.array([[20, 5], [10, 15], [5, 25]])
    chi2, n = chi2_contingency(counts, correction=False).statistic, 80
    phi2 = chi2 / n - 2 * 1 / (n - 1)
    expected = np.sqrt(phi2 / (min(3 - 4 / (n - 1), 2 - 1 / (n - 1)) - 1))
    assert cramers_v(counts) == pytest.approx(expected, rel=1e-12)


def test_a_protocol_that_gives_away_the_outcome_is_shouted() -> None:
    made = Made(12)
    wholly = pd.Series(np.where(made.acquisition["kernel"] == "B70f", "yes", "no"),
                       made.acquisition.index)  # fmt: skip
    table = _differences(made, wholly).set_index("factor")
    assert table.loc["kernel", "finding"] == "separates"
    (said,) = _shouts(table.reset_index())
    assert "wholly separates the outcome metastasis: reconstruction kernel." in said
    partly = wholly.mask(np.random.default_rng(1).random(len(wholly)) < 0.4, "no")
    table = _differences(made, partly).set_index("factor")
    assert table.loc["kernel", "finding"] == "predicts"
    (said,) = _shouts(table.reset_index())
    assert "goes strongly with the outcome" in said


def test_cohorts_without_a_common_level_are_shouted_and_shifted_ones_only_noted() -> None:
    made = Made(13)
    cohorts = pd.Series(["a"] * 48 + ["b"] * 48, made.acquisition.index)
    made.acquisition["kernel"] = ["B30f"] * 24 + ["B31f"] * 24 + ["C"] * 24 + ["D"] * 24
    made.acquisition["exposure"] = np.r_[np.linspace(100, 150, 48), np.linspace(140, 190, 48)]
    table = _differences(made, cohorts, outcome=False).set_index("factor")
    assert table.loc["kernel", "finding"] == "separates"
    assert table.loc["exposure", "finding"] == "differs"
    (said,) = _shouts(table.reset_index())
    assert "have no reconstruction kernel in common" in said
    made.acquisition["exposure"] = np.r_[np.linspace(100, 150, 48), np.linspace(151, 190, 48)]
    table = _differences(made, cohorts, outcome=False).set_index("factor")
    assert table.loc["exposure", "finding"] == "separates"


def test_silence_of_headers_is_a_level_and_may_differ() -> None:
    made = Made(14)
    cohorts = pd.Series(["a"] * 48 + ["b"] * 48, made.acquisition.index)
    made.acquisition["contrast"] = ["yes"] * 48 + ["unknown"] * 48
    row = _differences(made, cohorts, outcome=False).set_index("factor").loc["contrast"]
    assert row["finding"] == "separates"
    assert row["summary"] == "a: yes (48); b: unknown (48)"


def test_false_alarms_are_as_rare_as_stated() -> None:
    """Outcomes that have nothing to do with the protocol, a hundred times."""
    repeats, any_finding, shouted = 100, 0, 0
    for seed in range(repeats):
        made = Made(3000 + seed, patients=60, features=6)
        table = _differences(made, _groups(made, seed))
        any_finding += (table["finding"] != "").any()
        shouted += bool(_shouts(table))
    low = float(beta.ppf(0.025, any_finding, repeats - any_finding + 1)) if any_finding else 0.0
    print(f"any finding {any_finding}/{repeats} (from {low:.3f}), shouted {shouted}")
    # With no true difference the false discovery rate is the chance of any finding.
    assert low <= 0.05


def test_aliases_share_one_name_in_the_sentence() -> None:
    made = Made(15)
    made.acquisition["model"] = made.acquisition["kernel"].map({"B70f": "X", "B30f": "Y"})
    groups = pd.Series(np.where(made.acquisition["kernel"] == "B70f", "yes", "no"),
                       made.acquisition.index)  # fmt: skip
    table = _differences(made, groups)
    assert table.set_index("factor").loc["kernel", "aliases"] == "model"
    assert "reconstruction kernel (with it scanner model)." in _shouts(table)[0]


def test_outcome_groups_of_survival_are_known_at_the_horizon() -> None:
    table = pd.DataFrame(
        {
            "study.cohort": ["d"] * 5,
            "study.role": ["development"] * 5,
            "endpoint.os.time": [6.0, 6.0, 24.0, 30.0, np.nan],
            "endpoint.os.event": [1.0, 0.0, 1.0, 1.0, np.nan],
        },
        index=list("abcde"),
    )
    endpoint = {"type": "survival", "horizon": 24}
    groups = outcome_groups(table, "os", endpoint)
    assert groups.fillna("?").to_list() == ["yes", "?", "yes", "no", "?"]
    (comparison,) = outcome_comparisons(table, {"os": endpoint})
    assert comparison.name == "os (development)"


def test_factors_are_read_from_the_table_as_they_are() -> None:
    table = pd.DataFrame(
        {
            "kv": ["120", "unknown", "100"],
            "pixel_spacing": ["0.7 x 0.7", "0.8 x 0.8", "0.9 x 0.9"],
            "kernel": ["B30f", "60", "unknown"],
            "tracer": ["", "", ""],
            "slices": ["10", "20", "30"],
            "institution": ["centre-1", "centre-2", "centre-3"],
            "own_factor": ["x", "y", "x"],
        },
        index=list("abc"),
    )
    factors = {factor.name: factor for factor in find_factors(table)}
    assert list(factors) == ["kernel", "pixel_spacing", "kv", "own_factor"]
    assert factors["kv"].numeric
    assert not factors["kernel"].numeric
    assert factors["pixel_spacing"].column.to_list() == [0.7, 0.8, 0.9]
    assert factors["kv"].texts.to_list() == ["120", "unknown", "100"]
    assert [f.name for f in find_factors(table, ["kv", "slices"])] == ["kv", "slices"]
    assert "kv" not in [f.name for f in find_factors(table, (), ["kv"])]
    assert isinstance(factors["kv"], Factor)
