import pandas as pd

from rigoromics.errors import Problem, problems_table
from rigoromics.flow import exclusions, flow

IDENTIFIED = pd.DataFrame({"patient": list("abcde"), "cohort": ["d", "d", "d", "d", "x"]})


def test_each_missing_patient_has_one_reason_and_the_numbers_add_up():
    problems = problems_table(
        [
            Problem("images", "refused", "the mask is empty", "draw it", patient="b"),
            Problem("extract", "noted", "not a reason", "-", patient="c"),
            Problem("sheet", "refused", "no segmentation", "export it", patient="d"),
        ]
    )
    left = exclusions(IDENTIFIED, ["a", "b", "c", "e"], ["a", "e"], problems)
    found = {row.patient: (row.stage, row.reason) for row in left.itertuples()}
    assert found == {
        "b": ("images", "the mask is empty"),
        "c": ("images", "scan or segmentation refused"),
        "d": ("sheet", "no segmentation"),
    }
    known = {"m": pd.Series([True, False], index=["a", "e"])}
    numbers = flow(IDENTIFIED, left, known)
    for cohort, group in numbers.groupby("cohort"):
        n = group.set_index("step")["n"]
        out = n[n.index.str.startswith("excluded")].sum()
        assert n["identified"] - out == n["with features"], cohort
    steps = numbers.set_index(["cohort", "step"])["n"]
    assert steps["d", "analysed: m"] == 1
    assert steps["x", "analysed: m"] == 0
