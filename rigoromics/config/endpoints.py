"""Config of what is predicted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from rigoromics.extract.settings import Section
from rigoromics.units import DAYS

Level = str | int


class Binary(Section):
    """A yes-or-no endpoint."""

    type: Literal["binary"]
    """binary"""
    column: str
    """Column of the clinical table."""
    positive: str | int | float = 1
    """The value that counts as an event; every other value that is there does not."""
    label: str
    """What is predicted, as the paper should call it."""


class Ordinal(Section):
    """An endpoint of ordered levels, such as a stage."""

    type: Literal["ordinal"]
    """ordinal"""
    column: str
    """Column of the clinical table."""
    levels: list[Level] = Field(min_length=3)
    """Its values, from the lowest level to the highest."""
    label: str
    """What is predicted, as the paper should call it."""

    @model_validator(mode="after")
    def _differ(self) -> Ordinal:
        _check_levels(self.levels)
        return self


class Multiclass(Section):
    """An endpoint of several classes without an order."""

    type: Literal["multiclass"]
    """multiclass"""
    column: str
    """Column of the clinical table."""
    levels: list[Level] = Field(min_length=3)
    """Its values, one per class."""
    label: str
    """What is predicted, as the paper should call it."""

    @model_validator(mode="after")
    def _differ(self) -> Multiclass:
        _check_levels(self.levels)
        return self


class Count(Section):
    """A number of things, such as lesions that appear."""

    type: Literal["count"]
    """count"""
    column: str
    """Column of the clinical table with whole numbers from 0 on."""
    label: str
    """What is predicted, as the paper should call it."""


class Survival(Section):
    """Time to an event."""

    type: Literal["survival"]
    """survival"""
    time: str
    """Column of the clinical table with the time to event or censoring."""
    event: str
    """Column of the clinical table with 1 for an event and 0 for censoring."""
    start: str = ""
    """Column with the date that time counts from; `time` is then a date too, of the event or the
    last contact (year first, as in 2015-01-31)."""
    positive: str | int | float = 1
    """The value that counts as an event."""
    censored: str | int | float = 0
    """The value that counts as none."""
    unknown: list[str | int | float] = []
    """Values that say that nobody knows; these patients have no outcome."""
    competing: list[PositiveInt] = []
    """Further codes of that column: events after which the event can no longer happen."""
    unit: str = "months"
    """Unit of time, for axes and text."""
    horizon: PositiveFloat
    """Time at which probabilities are predicted and calibrated, in that unit."""
    label: str
    """What is predicted, as the paper should call it."""

    @model_validator(mode="after")
    def _known_codes(self) -> Survival:
        if {1, self.positive} & {*self.competing}:
            raise ValueError("`competing` names the event itself")
        if self.start and self.unit not in DAYS:
            raise ValueError(f"time between dates has the unit {', '.join(DAYS)}")
        return self


Endpoint = Annotated[Binary | Ordinal | Multiclass | Count | Survival, Field(discriminator="type")]


def _check_levels(levels: list[Level]) -> None:
    names = [str(level) for level in levels]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"`levels` names {twice[0]!r} twice")
