import numpy as np
import pandas as pd
import pytest

from rigoromics.stability.concordance import concordance
from rigoromics.stability.measures import (
    BLAND_ALTMAN_COLUMNS,
    REPEATABILITY_COLUMNS,
    bland_altman_table,
    repeatability_table,
)
from tests.unit.stability.test_concordance import MINI, WRIGHT
from tests.unit.stability.test_table import repeats


def meters() -> pd.DataFrame:
    """The peak flow of Bland and Altman 1986 as test and retest with either meter."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "patient": [f"P-{i}" for i in range(17)],
                    "design": "retest",
                    "repeat": repeat,
                    "wright": WRIGHT[number],
                    "mini": MINI[number],
                }
            )
            for number, repeat in enumerate(("test", "retest"))
        ]
    )


def test_test_and_retest_of_two_meters():
    result = repeatability_table(meters()).set_index("feature")
    assert list(result.reset_index()) == sorted(
        REPEATABILITY_COLUMNS, key=REPEATABILITY_COLUMNS.index
    )
    # Bland and Altman 1986: within-subject standard deviations 15.3 and 19.6 l/min.
    assert result["within_sd"].round(1).tolist() == pytest.approx([15.3, 19.9], abs=0.35)
    mean_square = np.mean((np.array(WRIGHT[0]) - WRIGHT[1]) ** 2) / 2
    assert result.at["wright", "within_sd"] == pytest.approx(np.sqrt(mean_square))
    assert result.at["wright", "repeatability"] == pytest.approx(1.96 * np.sqrt(2 * mean_square))
    assert result[["n", "repeats"]].to_numpy().tolist() == [[17, 2], [17, 2]]
    pair = concordance(np.array(MINI, dtype=float).T[None])
    assert result.at["mini", "ccc"] == pytest.approx(pair.estimate[0])
    assert result.at["mini", "ccc_upper"] == pytest.approx(pair.upper[0])


def test_a_retest_is_compared_with_its_test():
    result = bland_altman_table(meters())
    assert list(result.columns) == BLAND_ALTMAN_COLUMNS
    assert result[["first", "second"]].to_numpy().tolist() == [["test", "retest"]] * 2
    bias = np.mean(np.array(WRIGHT[1]) - WRIGHT[0])
    assert result.set_index("feature").at["wright", "bias"] == pytest.approx(bias)


def test_raters_are_compared_in_pairs_and_perturbations_are_not():
    table = pd.concat([repeats(), repeats(5, ("none", "noise"), "perturbations", 1)])
    result = bland_altman_table(table)
    assert set(result["design"]) == {"raters"}
    pairs = result[["first", "second"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert len(result) == 3 * 4
    assert set(repeatability_table(table)["design"]) == {"raters", "perturbations"}


def test_without_repeats_the_tables_are_empty():
    empty = pd.DataFrame(columns=["patient", "design", "repeat", "f"])
    assert list(repeatability_table(empty).columns) == REPEATABILITY_COLUMNS
    assert list(bland_altman_table(empty).columns) == BLAND_ALTMAN_COLUMNS
