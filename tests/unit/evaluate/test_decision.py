"""Net benefit against dcurves in Python and in R."""

import numpy as np
import pandas as pd
import pytest

from rigoromics.evaluate.decision import decision_curve, decision_curve_at

ONE = np.ones((2, 750))


def expected(folder, name, variable):
    table = pd.read_csv(folder / name)
    table = table[(table["variable"] == variable) & table["threshold"].between(0.005, 0.985)]
    return table["threshold"].to_numpy(), table["net_benefit"].to_numpy()


@pytest.fixture(scope="module")
def folder(shared_data):
    return shared_data / "statistics" / "dcurves"


def test_binary_equals_r_and_python(folder):
    table = pd.read_csv(folder / "df_binary.csv")
    y = table["cancer"].astype(int)
    thresholds, treat_all = expected(folder, "r_simple_binary_dca_result_df.csv", "all")
    found = decision_curve(y, table["cancerpredmarker"], thresholds, ONE)
    assert found["treat_all"].to_numpy() == pytest.approx(treat_all, abs=1e-12)
    from dcurves import dca

    data = table.assign(cancer=y)
    witness = dca(
        data=data, outcome="cancer", modelnames=["cancerpredmarker"], thresholds=thresholds
    )
    witness = witness[witness["model"] == "cancerpredmarker"]
    assert found["net_benefit"].to_numpy() == pytest.approx(
        witness["net_benefit"].to_numpy(), abs=1e-12
    )


def test_survival_equals_r(folder):
    table = pd.read_csv(folder / "df_time_to_cancer_dx.csv")
    thresholds, treat_all = expected(folder, "dca_tut_r_stdca_coxph_df.csv", "all")
    wanted = expected(folder, "dca_tut_r_stdca_coxph_df.csv", "pr_failure18")[1]
    risk = pd.read_csv(folder / "dca_tut_coxph_pr_failure18_vals.csv")["pr_failure18"]
    found = decision_curve_at(table["ttcancer"], table["cancer"], risk, 1.5, thresholds, ONE)
    assert found["treat_all"].to_numpy() == pytest.approx(treat_all, abs=1e-12)
    both = np.isfinite(found["net_benefit"].to_numpy()[: wanted.size])
    assert both.sum() > 40
    assert found["net_benefit"].to_numpy()[: wanted.size][both] == pytest.approx(
        wanted[both], abs=1e-9
    )


def test_one_outcome_class_has_no_curve():
    assert decision_curve(np.ones(5), np.full(5, 0.3), [0.1], np.ones((2, 5))).empty


def test_no_one_above_the_threshold_is_treating_none():
    found = decision_curve_at(
        [1, 2, 3, 9], [1, 1, 0, 0], np.full(4, 0.1), 2, [0.5], np.ones((2, 4))
    )
    assert found.loc[0, "net_benefit"] == 0.0
