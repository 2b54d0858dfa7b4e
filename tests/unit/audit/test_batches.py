"""Proposed batches: what is proposed on planted cohorts, and what is refused and why."""

import numpy as np
import pandas as pd

from rigoromics.audit.batches import proposed_batches
from rigoromics.audit.factors import Factor, find_factors
from tests.unit.audit.made import Made


def _propose(
    made: Made, outcome: pd.Series | None = None, implicated: tuple[str, ...] = ("kernel",)
) -> pd.DataFrame:
    centre = Factor("centre", pd.Series("A", made.acquisition.index), False)
    development = pd.Series(True, made.acquisition.index)
    development.iloc[80:] = False
    inside = made.acquisition.index[development]
    return proposed_batches(
        [*find_factors(made.acquisition), centre],
        made.table[:80],
        made.names,
        development,
        {} if outcome is None else {"m": outcome[inside]},
        implicated=implicated,
        configured=["kernel"],
        alpha=0.05,
        min_group=6,
    )


def test_the_factor_that_changes_features_is_proposed() -> None:
    table = _propose(Made(21, kernel=1.5))
    best = table.iloc[0]
    assert (best["batch"], best["proposed"], best["configured"]) == ("kernel", "yes", "yes")
    assert best["features_affected"] > 0.4
    assert best["levels"] == 2
    assert (table["proposed"] == "yes").sum() == 1
    other = table.set_index("batch").loc["slice_thickness"]
    assert "no factor that was found to change features" in other["reason"]


def test_two_factors_are_joined_where_both_change_features() -> None:
    table = _propose(Made(22, kernel=1.5, thickness=1.5), implicated=("kernel", "slice_thickness"))
    assert table.iloc[0]["batch"] == "kernel+slice_thickness"
    assert table.iloc[0]["misses"] == ""
    assert table.set_index("batch").loc["kernel", "misses"] == "slice_thickness"


def test_small_batches_are_flagged_and_not_proposed() -> None:
    made = Made(23, kernel=1.5)
    made.acquisition["kernel"] = ["B30f"] * 50 + ["B70f"] * 26 + ["C"] * 20
    row = _propose(made).set_index("batch").loc["kernel"]
    assert (row["too_small"], row["smallest"], row["proposed"]) == (1, 4, "no")
    assert "1 batch(es) of fewer than 6 patients" in row["reason"]


def test_a_batch_that_gives_away_the_outcome_is_not_proposed() -> None:
    made = Made(24, kernel=1.5)
    sharp = made.acquisition["kernel"] == "B70f"
    outcome = pd.Series(np.where(sharp, "yes", "no"), made.acquisition.index)
    table = _propose(made, outcome).set_index("batch")
    assert table.loc["kernel", "gives_away"] == "m"
    assert "every batch holds one outcome of m only" in table.loc["kernel", "reason"]
    assert not (table["proposed"] == "yes").any()
    noisy = outcome.mask(np.random.default_rng(1).random(len(outcome)) < 0.3, "no")
    table = _propose(made, noisy).set_index("batch")
    assert "goes with the outcome" in table.loc["kernel", "reason"]


def test_nothing_is_proposed_where_nothing_changes_features() -> None:
    table = _propose(Made(25), implicated=())
    assert table["reason"].str.startswith(("not needed", "not proposed")).all()


def test_batches_unseen_outside_are_counted() -> None:
    made = Made(26, kernel=1.5)
    made.acquisition.iloc[80:, 0] = "NEW"
    assert _propose(made).set_index("batch").loc["kernel", "unseen_outside"] == 16
