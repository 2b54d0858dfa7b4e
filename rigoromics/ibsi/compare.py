"""Engines' values beside IBSI's: which match, which do not, and why not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rigoromics.ibsi.departures import DEPARTURES, Departure
from rigoromics.ibsi.measure import Phantom, can_make, column
from rigoromics.ibsi.reference import Reference

Outcome = Literal[
    "within tolerance", "known departure", "unexplained", "not computed", "not standardised"
]
NO_FEATURE = "PyRadiomics has no such feature, nor has the fast engine"
NO_SLICES = "PyRadiomics makes no texture of single slices; the fast engine does"


@dataclass(frozen=True)
class Row:
    """One reference value and what became of it.

    Attributes
    ----------
    reference
        IBSI's value.
    outcome
        Whether it is met.
    why
        Why not, or why there is no value.
    feature
        Our column; empty where there is none.
    value
        The engine's value; None where it computes none.
    as_ibsi
        The value computed as IBSI has it, where a departure explains a mismatch.
    """

    reference: Reference
    outcome: Outcome
    why: str = ""
    feature: str = ""
    value: float | None = None
    as_ibsi: float | None = None


def judge(
    references: Iterable[Reference],
    values: Mapping[str, float],
    phantom: Phantom,
    departures: Sequence[Departure] = DEPARTURES,
) -> list[Row]:
    """Return a row for every reference value.

    Parameters
    ----------
    references
        IBSI's values.
    values
        The engine's values by tag; NaN where it should have one and has none.
    phantom
        The phantom that they come from.
    departures
        What may explain a mismatch.
    """
    return [
        _judged(reference, values.get(reference.tag), phantom, departures)
        for reference in references
    ]


def _judged(
    reference: Reference, value: float | None, phantom: Phantom, departures: Sequence[Departure]
) -> Row:
    if reference.value is None:
        return Row(reference, "not standardised")
    if value is None:
        way, ours = reference.way, reference.ours
        cannot = way and ours and not can_make(phantom.settings, way.setting)
        return Row(reference, "not computed", NO_SLICES if cannot else NO_FEATURE)
    feature = column(reference, phantom.settings)
    if reference.met_by(value):
        return Row(reference, "within tolerance", "", feature, value)
    for departure in departures if math.isfinite(value) else ():
        as_ibsi = departure.proof(reference, phantom, value)
        if as_ibsi is not None and reference.met_by(as_ibsi):
            return Row(reference, "known departure", departure.name, feature, value, as_ibsi)
    return Row(reference, "unexplained", "unexplained", feature, value)


def count(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many values are in the reference, computed, matched, and off in which way."""
    outcomes = [row.outcome for row in rows]
    matched = outcomes.count("within tolerance")
    departing, unexplained = outcomes.count("known departure"), outcomes.count("unexplained")
    return {
        "matched": matched,
        "computed": matched + departing + unexplained,
        "in the reference": len(outcomes) - outcomes.count("not standardised"),
        "known departure": departing,
        "unexplained": unexplained,
    }
