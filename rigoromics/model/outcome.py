"""Endpoints, and the outcomes of patients as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from rigoromics.errors import DataError

Outcome = npt.NDArray[Any]
SURVIVAL = np.dtype([("event", np.bool_), ("time", np.float64)])


@dataclass(frozen=True)
class Endpoint:
    """What is predicted.

    Attributes
    ----------
    name
        Name of the endpoint in the config.
    type
        `binary` or `survival`.
    horizon
        Survival only: the time at which survival probabilities are predicted, in the unit of
        the follow-up.
    """

    name: str
    type: Literal["binary", "survival"]
    horizon: float | None = None

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Endpoint:
        """Return the endpoint that a config describes; other keys are of no concern here."""
        kind = plain["type"]
        if kind not in ("binary", "survival"):
            raise DataError(
                f"endpoint {plain['name']!r} has the unknown type {kind!r}",
                "choose `binary` or `survival`",
            )
        if kind == "binary":
            return cls(plain["name"], "binary")
        if plain.get("horizon") is None:
            raise DataError(
                f"survival endpoint {plain['name']!r} has no horizon",
                "set the time at which probabilities are predicted",
            )
        return cls(plain["name"], "survival", float(plain["horizon"]))

    @property
    def columns(self) -> list[str]:
        """Its columns in the analysis table."""
        stem = f"endpoint.{self.name}"
        return [stem] if self.type == "binary" else [f"{stem}.time", f"{stem}.event"]


def known_outcomes(table: pd.DataFrame, endpoint: Endpoint) -> tuple[pd.DataFrame, Outcome]:
    """Return the patients whose outcome is known, and their outcomes.

    Parameters
    ----------
    table
        Analysis table, one row per patient.
    endpoint
        The endpoint.

    Returns
    -------
    table : pandas.DataFrame
        Its rows with a known outcome, in the table's order.
    y : numpy.ndarray
        Shape (rows,). Binary: 0 or 1. Survival: fields `event` and `time`, as scikit-survival
        takes them.

    Raises
    ------
    DataError
        If the table lacks the endpoint's columns, or a value is impossible.
    """
    absent = [name for name in endpoint.columns if name not in table.columns]
    if absent:
        raise DataError(
            f"the analysis table has no column {absent[0]!r}",
            "name the endpoint in the config as in the table",
        )
    known = table[table[endpoint.columns].notna().all(axis=1)]
    values = known[endpoint.columns].to_numpy(dtype=np.float64)
    flags = values[:, -1]
    if not np.isin(flags, (0, 1)).all():
        raise DataError(
            f"endpoint {endpoint.name!r} has values other than 0 and 1",
            "code the event as 1 and its absence as 0",
        )
    if endpoint.type == "binary":
        return known, flags.astype(np.int64)
    if (values[:, 0] <= 0).any():
        raise DataError(
            f"endpoint {endpoint.name!r} has follow-up times of zero or less",
            "correct them in the clinical table, or leave them empty",
        )
    return known, survival_outcome(flags, values[:, 0])


def survival_outcome(event: npt.ArrayLike, time: npt.ArrayLike) -> Outcome:
    """Return events and times as one structured array, shape (patients,)."""
    flags = np.asarray(event)
    y = np.empty(len(flags), dtype=SURVIVAL)
    y["event"] = flags.astype(np.bool_)
    y["time"] = np.asarray(time, dtype=np.float64)
    return y


def events(y: Outcome) -> npt.NDArray[np.bool_]:
    """Return who had the event, shape (patients,)."""
    return np.asarray(y["event"] if y.dtype.names else y == 1)


def check_outcomes(y: Outcome, endpoint: Endpoint, outer_folds: int, inner_folds: int) -> None:
    """Refuse outcomes that the planned cross-validation cannot learn from.

    Raises
    ------
    DataError
        If there is one class only, no event, too few of either for the folds, or a horizon
        that nobody was followed up to.
    """
    happened = events(y)
    with_event, without = int(happened.sum()), int((~happened).sum())
    counts = f"{with_event} patients with the event and {without} without"
    if with_event == 0 or (endpoint.type == "binary" and without == 0):
        raise DataError(
            f"endpoint {endpoint.name!r} has one outcome only among the development patients: "
            f"{counts}",
            "check the column and its positive value; nothing can be learned from one class",
        )
    rarer = with_event if endpoint.type == "survival" else min(with_event, without)
    needed = fewest_events(outer_folds, inner_folds)
    if rarer < needed:
        raise DataError(
            f"endpoint {endpoint.name!r} has too few events: {counts}; cross-validation with "
            f"{outer_folds} outer and {inner_folds} inner folds needs at least {needed}",
            "lower `validation: outer_folds:` and `inner_folds:`, or choose a commoner endpoint",
        )
    if endpoint.horizon is not None and endpoint.horizon > y["time"].max():
        raise DataError(
            f"the horizon of endpoint {endpoint.name!r}, {endpoint.horizon:g}, lies beyond the "
            f"longest follow-up of the development patients, {y['time'].max():g}",
            "choose an earlier horizon",
        )


def fewest_events(outer_folds: int, inner_folds: int) -> int:
    """Return how many events put one into every outer fold and every inner fold.

    Examples
    --------
    >>> fewest_events(5, 4)
    5
    """
    needed = max(outer_folds, inner_folds)
    while needed - -(-needed // outer_folds) < inner_folds:
        needed += 1
    return needed
