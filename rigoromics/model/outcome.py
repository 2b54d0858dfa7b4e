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
COMPETING = np.dtype([*SURVIVAL.descr, ("cause", np.int64)])
# Binary outcomes are plain integers; those of other types name what they hold, so that an array
# alone says what it is.
FIELDS = {"ordinal": "level", "multiclass": "class", "count": "count"}
TYPES = ("binary", "ordinal", "multiclass", "count", "survival")


@dataclass(frozen=True)
class Endpoint:
    """What is predicted.

    Attributes
    ----------
    name
        Name of the endpoint in the config.
    type
        `binary`, `ordinal`, `multiclass`, `count` or `survival`.
    horizon
        Survival only: the time at which survival probabilities are predicted, in the unit of
        the follow-up.
    levels
        Ordinal and multiclass only: names of the levels or classes, in the order of their codes.
    competing
        Survival only: codes of events that end the follow-up and are not the one predicted.
    """

    name: str
    type: Literal["binary", "ordinal", "multiclass", "count", "survival"]
    horizon: float | None = None
    levels: tuple[str, ...] = ()
    competing: tuple[int, ...] = ()

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Endpoint:
        """Return the endpoint that a config describes; other keys are of no concern here."""
        kind, name = plain["type"], plain["name"]
        if kind not in TYPES:
            raise DataError(
                f"endpoint {name!r} has the unknown type {kind!r}",
                f"choose one of {', '.join(f'`{known}`' for known in TYPES)}",
            )
        if kind == "survival":
            if plain.get("horizon") is None:
                raise DataError(
                    f"survival endpoint {name!r} has no horizon",
                    "set the time at which probabilities are predicted",
                )
            competing = tuple(int(code) for code in plain.get("competing") or ())
            return cls(name, kind, float(plain["horizon"]), competing=competing)
        levels = tuple(str(level) for level in plain.get("levels") or ())
        if kind in ("ordinal", "multiclass") and len(levels) < 3:
            raise DataError(
                f"{kind} endpoint {name!r} has fewer than three levels",
                "list them under `levels`, or make the endpoint binary",
            )
        return cls(name, kind, levels=levels)

    @property
    def kind(self) -> str:
        """Which models fit it: its type, or `competing` for survival with competing events."""
        return "competing" if self.competing else self.type

    @property
    def has_classes(self) -> bool:
        """Whether it has levels or classes, each with a probability of its own."""
        return self.type in ("ordinal", "multiclass")

    @property
    def has_curves(self) -> bool:
        """Whether a survival curve is predicted; with competing events there is no such curve."""
        return self.kind == "survival"

    @property
    def columns(self) -> list[str]:
        """Its columns in the analysis table."""
        stem = f"endpoint.{self.name}"
        return [f"{stem}.time", f"{stem}.event"] if self.type == "survival" else [stem]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain types, without what does not apply."""
        optional = {"levels": list(self.levels), "competing": list(self.competing)}
        plain = {"name": self.name, "type": self.type, "horizon": self.horizon}
        return plain | {key: value for key, value in optional.items() if value}

    @classmethod
    def from_locked(cls, plain: Mapping[str, Any]) -> Endpoint:
        """Return the endpoint that `as_dict` described."""
        levels, competing = tuple(plain.get("levels", ())), tuple(plain.get("competing", ()))
        return cls(plain["name"], plain["type"], plain["horizon"], levels, competing)


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
        takes them, and `cause` (0, 1, or a competing code) where there are competing events.
        Else one field, `level`, `class` or `count`.

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
    if endpoint.type in FIELDS:
        return known, _coded(flags, endpoint)
    if endpoint.competing:
        return known, _competing(known, endpoint)
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


def _coded(values: npt.NDArray[np.float64], endpoint: Endpoint) -> Outcome:
    """Return levels, classes or counts as an array that says what it holds."""
    whole = (values == np.round(values)) & (values >= 0)
    if endpoint.has_classes:
        whole &= values < len(endpoint.levels)
    if not whole.all():
        raise DataError(
            f"endpoint {endpoint.name!r} has values that are no {FIELDS[endpoint.type]}, such as "
            f"{values[~whole][0]:g}",
            "counts are whole numbers from 0 on; levels stand under `levels` in the config",
        )
    return coded_outcome(values, endpoint.type)


def _competing(known: pd.DataFrame, endpoint: Endpoint) -> Outcome:
    times, causes = (known[name].to_numpy(dtype=np.float64) for name in endpoint.columns)
    if not np.isin(causes, (0, 1, *endpoint.competing)).all() or (times <= 0).any():
        raise DataError(
            f"endpoint {endpoint.name!r} has times of zero or less, or events other than 0, 1 and "
            f"{', '.join(map(str, endpoint.competing))}",
            "code censoring as 0, the event as 1, and list competing ones under `competing`",
        )
    y = np.empty(len(known), dtype=COMPETING)
    y["event"], y["time"], y["cause"] = causes == 1, times, causes
    return y


def coded_outcome(values: npt.ArrayLike, kind: str) -> Outcome:
    """Return codes as outcomes of a type (`ordinal`, `multiclass`, `count`), shape (patients,)."""
    codes = np.asarray(values)
    y = np.empty(len(codes), dtype=[(FIELDS[kind], np.int64)])
    y[FIELDS[kind]] = codes
    return y


def kind_of(y: Outcome) -> str:
    """Return the type of the endpoint that outcomes belong to."""
    if not y.dtype.names:
        return "binary"
    return next((kind for kind, field in FIELDS.items() if field in y.dtype.names), "survival")


def codes_of(y: Outcome) -> npt.NDArray[np.int64]:
    """Return levels, classes or counts as plain integers, shape (patients,)."""
    return np.asarray(y[FIELDS[kind_of(y)]], dtype=np.int64)


def strata(y: Outcome) -> npt.NDArray[Any]:
    """Return what folds are balanced by: the event or its cause, the class, the rank of a count."""
    kind = kind_of(y)
    if kind in ("binary", "survival"):
        return np.asarray(y["cause"] if "cause" in (y.dtype.names or ()) else events(y))
    if kind != "count":
        return codes_of(y)
    counts = codes_of(y)
    return np.searchsorted(np.unique(np.quantile(counts, [0.25, 0.5, 0.75])), counts)


def survival_outcome(event: npt.ArrayLike, time: npt.ArrayLike) -> Outcome:
    """Return events and times as one structured array, shape (patients,)."""
    flags = np.asarray(event)
    y = np.empty(len(flags), dtype=SURVIVAL)
    y["event"] = flags.astype(np.bool_)
    y["time"] = np.asarray(time, dtype=np.float64)
    return y


def events(y: Outcome) -> npt.NDArray[np.bool_]:
    """Return who had the event, shape (patients,).

    Of levels and counts, who is above zero; of classes, who is not of the commonest one.
    """
    kind = kind_of(y)
    if kind == "multiclass":
        codes = codes_of(y)
        return np.asarray(codes != np.argmax(np.bincount(codes)))
    if kind in FIELDS:
        return np.asarray(codes_of(y) > 0)
    return np.asarray(y["event"] if y.dtype.names else y == 1)


def differ(y: Outcome) -> bool:
    """Whether outcomes differ at all, so that something can be learned from them."""
    if kind_of(y) in FIELDS:
        return bool(len(np.unique(y)) > 1)
    happened = events(y)
    return bool(happened.any() and (y.dtype.names or not happened.all()))


def check_outcomes(y: Outcome, endpoint: Endpoint, outer_folds: int, inner_folds: int) -> None:
    """Refuse outcomes that the planned cross-validation cannot learn from.

    Raises
    ------
    DataError
        If there is one class only, no event, too few of either for the folds, or a horizon
        that nobody was followed up to.
    """
    if endpoint.type in FIELDS:
        _check_codes(y, endpoint, outer_folds, inner_folds)
        return
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


def _check_codes(y: Outcome, endpoint: Endpoint, outer_folds: int, inner_folds: int) -> None:
    needed, codes = fewest_events(outer_folds, inner_folds), codes_of(y)
    if endpoint.has_classes:
        counts = np.bincount(codes, minlength=len(endpoint.levels))
        rarest = int(np.argmin(counts))
        rare, found = int(counts[rarest]), f"of {endpoint.levels[rarest]!r}"
        remedy = "merge rare levels in the clinical table and under `levels`"
    else:
        rare, found = int(np.sum(codes != np.bincount(codes).argmax())), "unlike the commonest"
        remedy = "choose an endpoint that varies"
    if rare < needed:
        raise DataError(
            f"endpoint {endpoint.name!r} has {rare} development patients {found}; "
            f"cross-validation with {outer_folds} outer and {inner_folds} inner folds needs at "
            f"least {needed}",
            f"{remedy}, or lower `validation: outer_folds:` and `inner_folds:`",
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
