"""Keep features that survive a redrawn contour and a second scan, judged on training patients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.errors import DataError
from rigoromics.select.columns import (
    Names,
    feature_columns,
    keep_features,
)
from rigoromics.stability.table import FEWEST_PATIENTS, stability_table


class StabilityFilter(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Drop unstable features and put the most stable first.

    Only the repeats of patients that are among the rows of `fit` are looked at, so a held-out
    patient's repeats never decide (rules of evidence 2 and 4); outcomes play no part.

    Parameters
    ----------
    repeats
        Repeated measurements, long: patient, design, repeat, features. None: nothing is judged.
    settings
        Design to `{"icc", "threshold", "bound"}`, as `stability_table` takes it.

    Attributes
    ----------
    features_
        Features kept, by falling ICC (the lowest over the designs); those that no design judged
        come last, in the table's order.
    judged_
        Designs that judged, in alphabetical order; empty if there was nothing to judge by.
    n_dropped_
        Unstable features.
    n_unjudged_
        Features kept because no design repeated them in enough training patients.
    """

    def __init__(
        self, repeats: pd.DataFrame | None, settings: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.repeats = repeats
        self.settings = settings

    def fit(self, X: pd.DataFrame, y: Any = None) -> StabilityFilter:
        """Judge by the training patients' repeats; raises DataError if no feature is stable."""
        names = feature_columns(X)
        table = self._table(X, names)
        judged = table[table["n"] >= FEWEST_PATIENTS]
        self.judged_ = sorted(set(judged["design"]))
        by_feature = judged.groupby("feature", sort=False)
        stable = by_feature["stable"].all().reindex(names, fill_value=True).to_numpy(dtype=bool)
        # NaN (a constant) is never stable, so what is left of it here is "not judged": last.
        worst = by_feature["icc"].min().reindex(names).to_numpy(dtype=np.float64)
        order = np.argsort(-np.where(np.isnan(worst), -np.inf, worst), kind="stable")
        self.features_: Names = np.array(names, dtype=np.str_)[order[stable[order]]]
        self.n_dropped_ = int((~stable).sum())
        self.n_unjudged_ = len(set(names) - set(judged["feature"]))
        if names and not stable.any():
            raise DataError(
                f"no feature is left: none of the {len(names)} that reached the stability filter "
                f"is stable ({self._in_words()})",
                "lower the threshold or judge by the estimate in `stability:`, add repeated "
                "measurements, or improve the contours",
            )
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table with the stable features only, the most stable first."""
        return keep_features(X, list(self.features_))

    def _table(self, X: pd.DataFrame, names: list[str]) -> pd.DataFrame:
        if self.repeats is None:
            return stability_table(pd.DataFrame(columns=["patient", "design", "repeat"]))
        absent = [name for name in names if name not in self.repeats.columns]
        if absent:
            raise DataError(
                f"the repeated measurements lack {len(absent)} of the {len(names)} features "
                f"(first: {absent[0]!r})",
                "extract the repeats with the same settings as the study's features",
            )
        own = self.repeats["patient"].isin(X.index)
        rows = self.repeats.loc[own, ["patient", "design", "repeat", *names]]
        return stability_table(rows, self.settings)

    def _in_words(self) -> str:
        rules = [
            f"{design}: {rule.get('bound', 'lower')} of the ICC at least "
            f"{rule.get('threshold', 0.75)}"
            for design, rule in sorted(self.settings.items())
            if design in self.judged_
        ]
        return "; ".join(rules) or f"designs: {', '.join(self.judged_)}"
