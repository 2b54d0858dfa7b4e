import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigoromics.errors import DataError
from rigoromics.lesions import RULES, LesionRule

VOLUME, PEAK = "original_shape_MeshVolume", "original_firstorder_Maximum"
NAMES = [VOLUME, PEAK]


def lesions(*values: tuple[str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(values, columns=["patient", *NAMES])


TWO = lesions(("P-1", 3.0, 10.0), ("P-1", 1.0, 30.0), ("P-2", 5.0, np.nan))


# By hand: the weighted maximum is (3 x 10 + 1 x 30) / 4 = 15, the weighted volume (9 + 1) / 4.
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("largest", [3.0, 10.0]),
        ("smallest", [1.0, 30.0]),
        ("mean", [2.0, 20.0]),
        ("median", [2.0, 20.0]),
        ("volume_weighted", [2.5, 15.0]),
        ("worst", [1.0, 30.0]),
    ],
)
def test_each_rule_gives_one_row_per_patient(rule, expected):
    found = LesionRule(rule, VOLUME, PEAK).one_each(TWO, ["patient"], NAMES).set_index("patient")
    assert sorted(found.index) == ["P-1", "P-2"]
    assert found.loc["P-1", NAMES].tolist() == expected
    assert found.loc["P-2", VOLUME] == 5.0
    assert np.isnan(found.loc["P-2", PEAK])


@given(st.permutations(range(4)), st.sampled_from(RULES))
def test_the_order_of_lesions_does_not_matter(order, rule):
    rows = lesions(("P", 1.0, 9.0), ("P", 2.0, 7.0), ("P", 4.0, 5.0), ("Q", 3.0, 1.0))
    chosen = LesionRule(rule, VOLUME, PEAK)
    first = chosen.one_each(rows, ["patient"], NAMES).sort_values("patient")
    other = chosen.one_each(rows.iloc[list(order)], ["patient"], NAMES).sort_values("patient")
    np.testing.assert_allclose(other[NAMES], first[NAMES], rtol=1e-15)


@pytest.mark.parametrize("rule", RULES)
def test_one_lesion_is_itself_under_every_rule(rule):
    one = lesions(("P-2", 5.0, 2.0), ("P-1", 4.0, 1.0))
    found = LesionRule(rule, "absent").one_each(one, ["patient"], NAMES)
    assert found[VOLUME].tolist() == [4.0, 5.0]


def test_what_a_rule_lacks_is_said_in_words():
    with pytest.raises(DataError, match="which is the worst"):
        LesionRule("worst", VOLUME, "absent").one_each(TWO, ["patient"], NAMES)
    with pytest.raises(DataError, match="how large"):
        LesionRule("volume_weighted", "absent").one_each(TWO, ["patient"], NAMES)
    nothing = TWO.assign(**{VOLUME: [0.0, 1.0, 1.0]})
    with pytest.raises(DataError, match=r"patient P-1 .* not positive"):
        LesionRule("volume_weighted", VOLUME).one_each(nothing, ["patient"], NAMES)
    with pytest.raises(DataError, match="no lesion rule"):
        LesionRule("best", VOLUME).one_each(TWO, ["patient"], NAMES)
