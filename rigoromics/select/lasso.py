"""Features in the order in which they enter a model as its lasso penalty is relaxed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import lars_path
from sksurv.linear_model import CoxnetSurvivalAnalysis

from rigoromics.errors import DataError
from rigoromics.select.columns import Array

# Penalties of the Cox path: it is computed on a grid, and not from kink to kink.
STEPS = 100


def lasso_order(values: Array, y: npt.NDArray[Any], k: int) -> npt.NDArray[np.intp]:
    """Return up to k positions in the order of their entry into the lasso path.

    Of a binary outcome, of levels and of counts the path is that of least squares on their codes,
    which is exact (LARS; Efron et al., Ann Stat 2004;32:407-499); of survival that of the Cox
    model (Simon et al., J Stat Softw 2011;39:1-13), on a grid of penalties: of several that enter
    between two of them the one with the largest weight comes first.

    Parameters
    ----------
    values
        Standardised features, shape (patients, features), without missing values.
    y
        Outcome as in :func:`~rigoromics.select.rank.relevance`, but for classes.
    k
        Most features.

    Raises
    ------
    DataError
        If the outcome is one of classes without an order.
    """
    kind = (y.dtype.names or [""])[0]
    if kind == "class":
        raise DataError(
            "a lasso path of classes without an order has no single order of features",
            "choose another `selection: method:`, such as mrmr or relieff",
        )
    weights = _cox_path(values, y) if kind == "event" else _least_squares_path(values, y, kind, k)
    enters = np.where((weights != 0).any(axis=1), (weights != 0).argmax(axis=1), weights.shape[1])
    size = np.abs(weights[np.arange(len(weights)), np.minimum(enters, weights.shape[1] - 1)])
    order = np.lexsort((-size, enters))
    return order[: min(k, int((enters < weights.shape[1]).sum()))]


def _least_squares_path(values: Array, y: npt.NDArray[Any], kind: str, k: int) -> Array:
    codes = np.asarray(y[kind] if kind else y, dtype=np.float64)
    centred = values - values.mean(axis=0)
    # A feature may leave the path again: some steps more than features are wanted.
    steps = min(2 * k + 5, *values.shape)
    with warnings.catch_warnings():
        # Features that are copies of each other end the path early, and say so.
        warnings.simplefilter("ignore")
        path = lars_path(centred, codes - codes.mean(), method="lasso", max_iter=steps)
    return np.asarray(path[2])


def _cox_path(values: Array, y: npt.NDArray[Any]) -> Array:
    outcome = np.empty(len(y), dtype=[("event", np.bool_), ("time", np.float64)])
    outcome["event"], outcome["time"] = y["event"], y["time"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="all coefficients are zero")
        model = CoxnetSurvivalAnalysis(
            n_alphas=STEPS, alpha_min_ratio=0.05, l1_ratio=1.0, max_iter=10_000
        ).fit(values, outcome)
    return np.asarray(model.coef_)
