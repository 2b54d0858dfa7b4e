"""Several lesions of one patient under one ROI: which of them speaks for the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rigoromics.errors import DataError

RULES = ("largest", "smallest", "mean", "median", "volume_weighted", "worst")


@dataclass(frozen=True)
class LesionRule:
    """How several lesions of one patient, timepoint, scan and ROI become one row.

    Attributes
    ----------
    rule
        `largest`, `smallest`: one lesion, by volume. `mean`, `median`: of each feature.
        `volume_weighted`: mean of each feature, weighted by volume. `worst`: the one lesion with
        the highest value of `worst_by`.
    volume_feature
        The feature that measures volume.
    worst_by
        The feature that says which lesion is worst.
    """

    rule: str = "largest"
    volume_feature: str = "original_shape_MeshVolume"
    worst_by: str = ""

    def one_each(self, rows: pd.DataFrame, keys: Sequence[str], names: list[str]) -> pd.DataFrame:
        """Return one row per combination of keys, sorted by them.

        Parameters
        ----------
        rows
            Feature rows, long in lesions.
        keys
            Columns that tell cases apart.
        names
            The features.

        Raises
        ------
        DataError
            If the feature that the rule goes by is not there, or is missing or not positive
            where it weighs.
        """
        by = list(keys)
        if not rows.duplicated(by).any():
            return rows.sort_values("patient", kind="stable")
        if self.rule in ("mean", "median"):
            return rows.groupby(by, sort=True)[names].agg(self.rule).reset_index()
        if self.rule == "volume_weighted":
            return self._weighted(rows, by, names)
        if self.rule not in RULES:
            raise DataError(
                f"there is no lesion rule {self.rule!r}", f"choose among: {', '.join(RULES)}"
            )
        feature = self.worst_by if self.rule == "worst" else self.volume_feature
        self._check(feature, names)
        rising = self.rule == "smallest"
        order = rows.sort_values(["patient", feature], ascending=[True, rising])
        return order.drop_duplicates(by)

    def _weighted(self, rows: pd.DataFrame, by: list[str], names: list[str]) -> pd.DataFrame:
        self._check(self.volume_feature, names)
        volume = rows[self.volume_feature].astype(float)
        wrong = ~(volume > 0)
        if wrong.any():
            raise DataError(
                f"patient {rows.loc[wrong, 'patient'].iloc[0]} has a lesion whose "
                f"{self.volume_feature} is missing or not positive, so it cannot be weighted by it",
                "leave the lesion out, or choose another rule under `lesions: rule:`",
            )
        values = rows[names].astype(float)
        there = values.notna()
        weights = there.mul(volume, axis=0)
        groups = [rows[name] for name in by]
        above = (values.fillna(0.0) * weights).groupby(groups, sort=True).sum()
        below = weights.groupby(groups, sort=True).sum()
        return (above / below.where(below > 0, np.nan)).reset_index()

    def _check(self, feature: str, names: list[str]) -> None:
        if feature in names:
            return
        if self.rule == "worst":
            raise DataError(
                f"patients have several lesions, and no feature {feature!r} says which is the "
                "worst",
                "set `lesions: worst_by:` to a feature of the table",
            )
        raise DataError(
            f"patients have several lesions, and no feature {feature!r} says which is "
            f"{'the ' + self.rule if self.rule != 'volume_weighted' else 'how large'}",
            "set `models: volume_feature:` to the feature that measures volume",
        )
