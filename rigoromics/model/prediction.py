"""What a fitted model says of patients, as columns: those of the endpoint's type."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.model.outcome import Endpoint

Columns = dict[str, npt.NDArray[Any]]


def prediction_columns(
    endpoint: Endpoint,
    risk: npt.NDArray[np.float64],
    probability: npt.NDArray[np.float64],
    cutoff: float | None,
    called: npt.NDArray[np.int64] | None,
) -> Columns:
    """Return predictions as columns.

    Parameters
    ----------
    endpoint
        What is predicted.
    risk, probability, called
        As the model gives them.
    cutoff
        Risk from which on a patient counts as high risk; None for levels and classes.

    Returns
    -------
    dict
        `risk`, then by type. Binary and survival: `probability`, and `high` (0 or 1). Counts:
        `expected`, and `high`. Levels and classes: `probability_0` and so on, one for each, and
        `called`, the code of the one that the patient is given; the risk of classes is the
        probability of not being of the first.
    """
    if cutoff is not None:
        name = "expected" if endpoint.type == "count" else "probability"
        return {"risk": risk, name: probability, "high": (risk >= cutoff).astype(np.int64)}
    columns = {f"probability_{k}": probability[:, k] for k in range(probability.shape[1])}
    own = 1 - probability[:, 0] if endpoint.type == "multiclass" else risk
    return {"risk": own, **columns, "called": np.asarray(called)}
