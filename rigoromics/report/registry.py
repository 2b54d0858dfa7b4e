"""Numbers that know where they come from: a number in the paper is a link.

No sentence of the paper holds a number that a person or a format string put there. Each is taken
from a table through a :class:`Registry`, which remembers the table, the row, the table's hash and
the step that made it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from rigoromics.report import wording

_FORMS: dict[str, Callable[[float], str]] = {
    "count": lambda value: wording.fixed(value, 0),
    "p": wording.p_equals,
    "p value": wording.p_value,
    "plain": wording.fixed,
    "percent": lambda value: f"{100 * value:.0f}%",
}


@dataclass(frozen=True)
class Source:
    """A file that numbers come from."""

    name: str
    """Path relative to the study's results."""
    sha256: str
    step: str
    """The rule that made it."""
    link: str = ""
    """Where a reader of the report finds it, relative to the report; empty: nowhere."""


@dataclass(frozen=True)
class SourcedTable:
    """A table and the file it was read from."""

    frame: pd.DataFrame
    source: Source

    def where(self, selector: Mapping[str, Any]) -> pd.DataFrame:
        """Return the rows that equal the selector in every column it names."""
        rows = self.frame
        for column, value in selector.items():
            rows = rows[rows[column] == value]
        return rows


@dataclass(frozen=True)
class Number:
    """A number as printed, with all that is needed to find it again."""

    key: str
    text: str
    value: float | str
    lower: float | None
    upper: float | None
    row: str
    column: str
    source: Source

    @property
    def origin(self) -> str:
        """Where it comes from, in one line."""
        return f"{self.source.name} [{self.row}] {self.column}"


class Registry:
    """All numbers of one paper, in the order in which they were first used."""

    def __init__(self, run: str = "") -> None:
        self.run = run
        self._numbers: dict[tuple[str, str, str, str], Number] = {}

    def cell(
        self, table: SourcedTable, selector: Mapping[str, Any], column: str, form: str = "count"
    ) -> Number:
        """Return one cell of a table.

        Parameters
        ----------
        table
            The table and its file.
        selector
            Column to value; must single out one row.
        column
            The column.
        form
            `count` (integer), `p` (`p = 0.03`), `p value` (`0.03`), `plain` (two decimals) or
            `percent`.

        Raises
        ------
        LookupError
            If the selector does not single out one row.
        """
        value = float(_one(table, selector)[column])
        return self._keep(_FORMS[form](value), value, None, None, _words(selector), column, table)

    def interval(
        self,
        table: SourcedTable,
        selector: Mapping[str, Any],
        column: str = "estimate",
        *,
        brief: bool = False,
        significant: bool = False,
    ) -> Number:
        """Return an estimate with its 95% confidence interval, as `0.71 (95% CI 0.62 to 0.80)`.

        The limits stand in `<column>_lower` and `<column>_upper` where the table has these, else
        in `lower` and `upper`. `brief` leaves out the words, for tables whose head has them;
        `significant` writes three significant figures, for numbers of any size.

        Raises
        ------
        LookupError
            If the selector does not single out one row.
        """
        row = _one(table, selector)
        own = f"{column}_" if f"{column}_lower" in row.index else ""
        names = (column, f"{own}lower", f"{own}upper")
        value, lower, upper = (float(row[name]) for name in names)
        write = wording.significant if significant else wording.fixed
        text = wording.interval(value, lower, upper, write)
        text = text if brief else text.replace("(", "(95% CI ", 1)
        return self._keep(text, value, lower, upper, _words(selector), column, table)

    def count(self, table: SourcedTable, selector: Mapping[str, Any]) -> Number:
        """Return how many rows of a table equal the selector."""
        n = len(table.where(selector))
        return self._keep(str(n), n, None, None, _words(selector) or "all rows", "rows", table)

    def derived(
        self, table: SourcedTable, value: float, text: str, row: str, column: str
    ) -> Number:
        """Return a number computed from several cells; `row` and `column` say from which and how.

        `row` names the rows, `column` the computation.
        """
        return self._keep(text, value, None, None, row, column, table)

    def setting(self, source: Source, path: str, value: float, text: str = "") -> Number:
        """Return a number that a person set, at a dotted path of a settings file."""
        table = SourcedTable(pd.DataFrame(), source)
        return self._keep(text or f"{value:g}", value, None, None, path, "value", table)

    def _keep(
        self,
        text: str,
        value: float,
        lower: float | None,
        upper: float | None,
        row: str,
        column: str,
        table: SourcedTable,
    ) -> Number:
        identity = (table.source.name, row, column, text)
        if identity not in self._numbers:
            key = f"n{len(self._numbers) + 1}"
            self._numbers[identity] = Number(
                key, text, _json(value), _limit(lower), _limit(upper), row, column, table.source
            )
        return self._numbers[identity]

    @property
    def numbers(self) -> list[Number]:
        """All numbers, in the order of first use."""
        return list(self._numbers.values())

    def records(self) -> list[dict[str, Any]]:
        """Return the numbers as plain types, for numbers.json."""
        rows = []
        for number in self.numbers:
            row = asdict(number)
            source = row.pop("source")
            row |= {"table": source["name"], "sha256": source["sha256"], "step": source["step"]}
            row["run"] = self.run
            rows.append(row)
        return rows


def _one(table: SourcedTable, selector: Mapping[str, Any]) -> pd.Series[Any]:
    rows = table.where(selector)
    if len(rows) != 1:
        raise LookupError(
            f"{len(rows)} rows of {table.source.name} match {_words(selector)}, not one"
        )
    return rows.iloc[0]


def _words(selector: Mapping[str, Any]) -> str:
    return ", ".join(f"{column}={value}" for column, value in selector.items())


def _json(value: float) -> float | str:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else str(value)


def _limit(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
