import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress

from rigoromics import longitudinal as change
from rigoromics.errors import DataError

ASKED = {
    "baseline": "baseline",
    "follow_up": {"week3": {"days": 21.0}, "week6": {"days": 42.0, "column": "day6"}},
    "values": ["baseline", "absolute", "relative", "slope"],
    "markers": {"ldh": {"baseline": "ldh", "week3": "ldh3", "week6": "ldh6"}},
}
PEOPLE = pd.DataFrame(
    {
        "ldh": [200.0, 100.0, 400.0],
        "ldh3": [220.0, np.nan, 300.0],
        "ldh6": [300.0, 150.0, 200.0],
        "day6": [50.0, np.nan, 42.0],
    },
    index=pd.Index(["P-1", "P-2", "P-3"], name="patient"),
)


def test_changes_of_markers():
    found = change.marker_changes(PEOPLE, ASKED)
    assert list(found) == list(change.marker_predictors(ASKED))
    assert found["ldh@absolute.week6"].tolist() == [100.0, 50.0, -200.0]
    assert found["ldh@relative.week3"].round(12).tolist()[::2] == [0.1, -0.25]
    assert np.isnan(found.loc["P-2", "ldh@absolute.week3"])
    # scipy's least squares: the first patient has a day of their own, the second two points.
    first = linregress([0, 21, 50], [200, 220, 300]).slope
    np.testing.assert_allclose(found["ldh@slope"], [first, 50 / 42, -200 / 42], rtol=1e-12)


def test_a_relative_change_from_nothing_is_refused():
    with pytest.raises(DataError, match=r"first: P-2"):
        change.marker_changes(PEOPLE.assign(ldh=[200.0, 0.0, 400.0]), ASKED)


def test_relative_change_is_of_the_size_and_missing_near_zero():
    found = change.relative(np.array([-2.0, 2.0, 0.01, 0.0]), np.array([-1.0, 1.0, 5.0, 5.0]), 0.1)
    np.testing.assert_array_equal(found, [0.5, -0.5, np.nan, np.nan])


def cases(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["patient", "timepoint"]).assign(scan="pet", roi="gtv")


def test_who_was_imaged_when_and_who_lacks_a_timepoint():
    everyone = [("P-1", "baseline"), ("P-1", "week3"), ("P-1", "week6"), ("P-2", "baseline")]
    days = change.case_days(cases(*everyone), PEOPLE, ASKED)
    assert days.loc["P-1"].tolist() == [0.0, 21.0, 50.0]
    lacking = change.incomplete(days, ["baseline", "week3", "week6"])
    assert lacking.to_dict() == {"P-2": "no usable scan at timepoint week3"}


def test_mistakes_in_time_are_said_in_words():
    with pytest.raises(DataError, match="no features of timepoint 'week3'"):
        change.case_days(cases(("P-1", "baseline")), PEOPLE, ASKED)
    with pytest.raises(DataError, match=r"patient P-1 has week6 on or before"):
        change.days_of(PEOPLE.assign(day6=[0.0, 1.0, 2.0]), ASKED)
    unplanned = ASKED | {"follow_up": {"week6": {"days": None, "column": "day6"}}}
    with pytest.raises(DataError, match=r"first: P-2"):
        change.case_days(cases(("P-2", "baseline"), ("P-2", "week6")), PEOPLE, unplanned)
