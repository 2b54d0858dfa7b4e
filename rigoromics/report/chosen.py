"""Sentences on the choice of features: how alike the folds' choices are, and random ones."""

from __future__ import annotations

import pandas as pd

from rigoromics.report.registry import SourcedTable
from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import Text, say
from rigoromics.report.wording import fixed


def alike(study: StudyTables, selection: SourcedTable) -> Text:
    """Return how alike the choices of the outer folds are, if more than one was made."""
    frame = selection.frame
    if "stability" not in frame or frame.empty or pd.isna(frame["stability"].iloc[0]):
        return ()
    selector = {"feature": frame["feature"].iloc[0]}
    return say(
        " Choices of the outer folds had a stability index of {found}, where chance has zero and "
        "the same features each time have one [@nogueira2018].",
        found=study.numbers.interval(selection, selector, "stability"),
    )


def random_features(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return how many draws of random features the primary signature beats, if any were made."""
    if "random_features" not in endpoint.tables:
        return ()
    table = endpoint.tables["random_features"]
    drawn = table.frame.loc[table.frame["draw"] >= 0, "statistic"]
    own = float(table.frame.loc[table.frame["draw"] < 0, "statistic"].iloc[0])
    beaten, n = int((drawn < own).sum()), len(drawn)
    middle = float(drawn.median())
    return say(
        "With features drawn at random the same procedure reached a median of {middle}; the "
        "signature did better than {beaten} of {n} such draws.",
        middle=study.numbers.derived(table, middle, fixed(middle), "draw>=0", "median"),
        beaten=study.numbers.derived(
            table, beaten, str(beaten), "draw>=0 against draw=-1", "rows below"
        ),
        n=study.numbers.derived(table, n, str(n), "draw>=0", "rows"),
    )
