"""Drop features that are volume under another name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.errors import DataError
from rigoromics.select.columns import Names, feature_columns, feature_values, keep_features


class VolumeFilter(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Drop features whose rank correlation with volume exceeds a threshold; volume goes too.

    Many texture features follow the number of voxels (Welch et al., Radiother Oncol
    2019;130:2-9). What is left says something that volume does not.

    Parameters
    ----------
    threshold
        Largest absolute Spearman correlation with volume, among the training patients; with
        several scans or ROIs (`<scan>:<feature>`), with any of their volumes.
    volume_feature
        The feature that stands for volume.

    Attributes
    ----------
    features_
        Features kept, in the table's order.
    n_dropped_
        Features that went.
    """

    def __init__(self, threshold: float, volume_feature: str) -> None:
        self.threshold = threshold
        self.volume_feature = volume_feature

    def fit(self, X: pd.DataFrame, y: Any = None) -> VolumeFilter:
        """Find the features that do not follow volume; raises DataError if there is none."""
        names = feature_columns(X)
        end = f":{self.volume_feature}"
        volumes = [n for n in names if n == self.volume_feature or n.endswith(end)]
        if not volumes:
            raise DataError(
                f"no feature {self.volume_feature!r} is left to tell features from volume",
                "name the table's volume in `models: volume_feature:`; an unstable or constant one "
                "may have been dropped before",
            )
        ranks = rankdata(feature_values(X, names), axis=0)
        ranks -= ranks.mean(axis=0)
        length = np.sqrt((ranks**2).sum(axis=0))
        unit = ranks / np.where(length > 0, length, 1.0)
        of_volume = np.abs(unit.T @ unit[:, [names.index(n) for n in volumes]]).max(axis=1)
        kept = (of_volume <= self.threshold) & ~np.isin(names, volumes)
        if not kept.any():
            raise DataError(
                f"every feature follows volume more than {self.threshold:g}",
                "raise `selection: decorrelate_volume:`, or extract more kinds of features",
            )
        self.features_: Names = np.array(names, dtype=np.str_)[kept]
        self.n_dropped_ = len(names) - len(self.features_)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table without the features that follow volume."""
        return keep_features(X, list(self.features_))
