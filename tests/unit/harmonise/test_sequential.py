import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from rigoromics.errors import DataError
from rigoromics.harmonise.combat import ComBat
from rigoromics.harmonise.covbat import CovBat
from rigoromics.harmonise.sequential import SequentialComBat, harmoniser

VARIABLES = ("study.batch.maker", "study.batch.kernel")


def cohort(n=120, seed=0, features=20):
    """Two variables that each shift every feature; together they make six batches."""
    rng = np.random.default_rng(seed)
    maker, kernel = rng.integers(0, 2, n), rng.integers(0, 3, n)
    values = rng.normal(size=(n, features))
    values += rng.normal(0, 2, (2, features))[maker] + rng.normal(0, 2, (3, features))[kernel]
    table = pd.DataFrame(values, columns=[f"f{i}" for i in range(features)])
    table["study.batch.maker"] = np.array(["GE", "Siemens"])[maker]
    table["study.batch.kernel"] = np.array(["a", "b", "c"])[kernel]
    table["study.batch"] = table["study.batch.maker"] + "+" + table["study.batch.kernel"]
    table["clinical.age"] = rng.normal(60, 9, n)
    return table


def values_of(table):
    return table.filter(regex=r"^f\d").to_numpy()


def gap(table, variable):
    """Largest distance between the levels' means of a feature."""
    means = table.groupby(variable)[[f"f{i}" for i in range(20)]].mean()
    return (means.max() - means.min()).max()


def test_each_variable_learns_from_what_the_one_before_left():
    table = cohort()
    first = ComBat(VARIABLES[0]).fit(table)
    second = ComBat(VARIABLES[1]).fit(first.transform(table))
    wanted = second.transform(first.transform(table))
    got = SequentialComBat(VARIABLES).fit(table).transform(table)
    pd.testing.assert_frame_equal(got, wanted)
    for variable in VARIABLES:
        assert gap(got, variable) < 0.25 * gap(table, variable)


def test_the_order_is_the_one_that_was_declared():
    table = cohort()
    forth = values_of(SequentialComBat(VARIABLES).fit(table).transform(table))
    back = values_of(SequentialComBat(VARIABLES[::-1]).fit(table).transform(table))
    assert np.abs(forth - back).max() > 1e-6


def test_joined_batches_too_small_to_learn_from_are_no_problem_in_sequence():
    table = cohort(n=14, seed=3)
    assert table["study.batch"].value_counts().min() <= 2
    assert np.isfinite(values_of(SequentialComBat(VARIABLES).fit(table).transform(table))).all()


def test_the_policy_holds_for_every_variable():
    table = cohort()
    new = table.head(6).assign(**{"study.batch.kernel": "d"})
    fitted = SequentialComBat(VARIABLES).fit(table)
    only_first = fitted.steps_[0].transform(new)
    pd.testing.assert_frame_equal(fitted.transform(new), only_first)
    aligned = fitted.set_params(unseen="align").transform(new)
    assert not np.allclose(values_of(aligned), values_of(only_first))
    with pytest.raises(DataError, match="meets d"):
        fitted.set_params(unseen="refuse").transform(new)


def test_held_out_rows_move_nothing():
    table = cohort()
    fitted = SequentialComBat(VARIABLES).fit(table.head(80))
    before = values_of(fitted.transform(table.iloc[80:90]))
    table.loc[90:, "f0"] = 1e9
    np.testing.assert_array_equal(values_of(fitted.transform(table.iloc[80:]))[:10], before)


def test_settings_choose_the_harmoniser():
    table = cohort()
    assert type(harmoniser({}, table)) is ComBat
    assert type(harmoniser({"method": "covbat", "reference": "GE+a"}, table)) is CovBat
    asked = {"order": "sequential", "batch": ["maker", "kernel"], "covariates": ["age"]}
    chosen = clone(harmoniser({**asked, "mean_only": True}, table))
    assert chosen.variables == VARIABLES
    assert chosen.mean_only
    assert chosen.covariates == ("clinical.age",)
    one = harmoniser({"order": "sequential", "batch": ["maker"]}, table)
    assert type(one) is ComBat
    assert one.batch == "study.batch"
    with pytest.raises(DataError, match=r"study\.batch\.dose"):
        harmoniser({"order": "sequential", "batch": ["maker", "dose"]}, table)
    with pytest.raises(DataError, match="no harmonisation method"):
        harmoniser({"method": "magic"}, table)
    with pytest.raises(DataError, match="no batch variable"):
        SequentialComBat(()).fit(table)
