"""Of features that say the same, keep one."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.select.columns import (
    Array,
    Names,
    feature_columns,
    feature_values,
    keep_features,
)


class RedundancyFilter(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keep a feature only if it is not too correlated with one kept before it.

    The outcome plays no part: features are taken one by one in a declared order, and one goes
    when its absolute Spearman correlation with a feature already kept exceeds the threshold.

    Parameters
    ----------
    threshold
        Largest absolute rank correlation between two kept features.
    prefer
        Who represents its like. `order`: the feature that comes first in the table (the
        stability filter puts the most stable first). `independent`: the feature with the lowest
        mean absolute correlation to all others, ties by order.
    clusters
        Form clusters first (average linkage of 1 - absolute correlation, cut at 1 - threshold),
        and keep one feature of each: by `order` the first, else the one most like the others.

    Attributes
    ----------
    features_
        Features kept, in the order in which they were taken.
    n_dropped_
        Features that another one represents.
    """

    def __init__(
        self,
        threshold: float = 0.9,
        prefer: Literal["order", "independent"] = "order",
        clusters: bool = False,
    ) -> None:
        self.threshold = threshold
        self.prefer = prefer
        self.clusters = clusters

    def fit(self, X: pd.DataFrame, y: Any = None) -> RedundancyFilter:
        """Find the representatives among the training patients' features."""
        names = np.array(feature_columns(X), dtype=np.str_)
        correlation = np.abs(rank_correlation(feature_values(X, list(names))))
        order = np.arange(len(names))
        if self.prefer == "independent":
            # Rounded, so that ties of exact copies go by order and not by the last bit.
            order = np.argsort(np.round(correlation.mean(axis=0), 9), kind="stable")
        if self.clusters:
            kept = of_clusters(correlation, self.threshold, self.prefer == "order")
        else:
            kept = representatives(correlation, order, self.threshold)
        self.features_: Names = names[kept]
        self.n_dropped_ = len(names) - len(kept)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table with the representatives only."""
        return keep_features(X, list(self.features_))


def rank_correlation(values: Array) -> Array:
    """Return Spearman's correlation between all columns, shape (columns, columns).

    Parameters
    ----------
    values
        Shape (rows, columns), without missing values; ties take their average rank.
    """
    ranks = rankdata(values, axis=0)
    ranks -= ranks.mean(axis=0)
    length = np.sqrt((ranks**2).sum(axis=0))
    unit = ranks / np.where(length > 0, length, 1.0)
    return np.asarray(unit.T @ unit)


def representatives(
    correlation: Array, order: npt.NDArray[np.intp], threshold: float
) -> npt.NDArray[np.intp]:
    """Return the positions of the features kept, greedily in `order`."""
    free = np.ones(len(order), dtype=np.bool_)
    kept: list[int] = []
    for position in order:
        if free[position]:
            kept.append(int(position))
            free &= correlation[position] <= threshold
    return np.array(kept, dtype=np.intp)


def of_clusters(correlation: Array, threshold: float, first: bool) -> npt.NDArray[np.intp]:
    """Return the positions of one feature per cluster, in their order.

    Parameters
    ----------
    correlation
        Absolute correlations, shape (features, features).
    threshold
        Clusters are joined while their mean correlation is at least this.
    first
        Keep the first feature of each; else the one with the highest mean correlation within.
    """
    if len(correlation) < 2:
        return np.arange(len(correlation), dtype=np.intp)
    # Rounded, so that equal correlations stay equal whatever the order of summing was.
    distance = np.round(1 - correlation, 9)
    pairs = distance[np.triu_indices(len(distance), 1)]
    labels = fcluster(linkage(pairs, "average"), 1 - threshold + 1e-9, "distance")
    kept = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        within = np.round(correlation[np.ix_(members, members)].mean(axis=1), 9)
        kept.append(members[0] if first else members[int(np.argmax(within))])
    return np.sort(np.array(kept, dtype=np.intp))
