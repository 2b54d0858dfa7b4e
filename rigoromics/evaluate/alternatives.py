"""One signature made in several ways, compared in cross-validation on the same patients."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from rigoromics.evaluate.group import (
    Endpoint,
    Settings,
    check_predictions,
    groups,
    pooled_groups,
    same_patients,
)
from rigoromics.evaluate.multiplicity import holm
from rigoromics.evaluate.study import MODULES

ALTERNATIVES = [
    *["alternative", "metric", "estimate", "lower", "upper", "method"],
    *["difference", "difference_lower", "difference_upper", "p", "p_adjusted", "test"],
    *["n", "events"],
]


def alternatives_table(
    predictions: pd.DataFrame, first: str, endpoint: Endpoint, settings: Settings, seed: int
) -> pd.DataFrame:
    """Return how well each way does, and its difference from the study's own.

    Parameters
    ----------
    predictions
        Out-of-fold rows as :func:`rigoromics.evaluate.study.evaluate` takes them; `signature`
        names the way.
    first
        The study's own way.
    endpoint, settings, seed
        As there.

    Returns
    -------
    pandas.DataFrame
        Columns `ALTERNATIVES`, the study's own way first, then by name. `estimate` is the AUC or
        C of the endpoint's type with its interval; `difference` is that of a way less the study's
        own with its interval, paired test, and p corrected by Holm's method over the ways.
    """
    module = MODULES[endpoint.kind]
    everything = list(groups(check_predictions(predictions, endpoint)))
    own = {group.key["signature"]: group for group in pooled_groups(everything)}
    rows: list[dict[str, Any]] = []
    for name in [first, *sorted(set(own) - {first})]:
        found = module.discriminate(own[name], endpoint, settings)
        row: dict[str, Any] = {
            "alternative": name,
            "metric": endpoint.discrimination,
            "estimate": found.value,
            "lower": found.lower,
            "upper": found.upper,
            "method": found.method,
            "n": len(own[name].table),
            "events": own[name].events(endpoint),
        }
        if name != first:
            pair = same_patients(own[name], own[first])
            against = module.compare(*pair, endpoint, settings, seed)
            row |= {
                "difference": against.difference,
                "difference_lower": against.lower,
                "difference_upper": against.upper,
                "p": against.p,
                "test": against.method,
            }
        rows.append(row)
    table = pd.DataFrame(rows, columns=ALTERNATIVES)
    table["p_adjusted"] = [math.nan, *holm(table["p"].iloc[1:].astype(float).tolist())]
    return table
