"""Problems with a user's data, said in plain words.

Every refusal in Rigoromics names what is wrong and what to do about it. Inside the library a
refusal is a :class:`DataError`; the scripts turn it into a :class:`Problem`, one row of the
problems table, and go on with the other cases.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["refused", "repaired", "noted"]


class DataError(ValueError):
    """Bad input, with its remedy.

    Parameters
    ----------
    problem
        What is wrong, as a sentence without its full stop.
    remedy
        What the person can do about it.
    file
        The file at fault, where there is one.
    """

    def __init__(self, problem: str, remedy: str, file: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        self.file = file
        where = f" ({file})" if file else ""
        super().__init__(f"{problem}{where}. What to do: {remedy}")


@dataclass(frozen=True, order=True)
class Problem:
    """One row of the problems table: where, how grave, what, and what to do."""

    stage: str
    severity: Severity
    problem: str
    remedy: str
    patient: str = ""
    timepoint: str = ""
    scan: str = ""
    roi: str = ""
    rater: str = ""
    file: str = ""


PROBLEM_COLUMNS = [
    "stage",
    "severity",
    "patient",
    "timepoint",
    "scan",
    "roi",
    "rater",
    "file",
    "problem",
    "remedy",
]
assert sorted(PROBLEM_COLUMNS) == sorted(field.name for field in fields(Problem))


def problem_rows(problems: Iterable[Problem]) -> list[dict[str, str]]:
    """Return a row per problem by column, each once, sorted: the same problems, the same bytes."""
    found = [asdict(problem) for problem in problems]
    rows = sorted({tuple(row[column] for column in PROBLEM_COLUMNS) for row in found})
    return [dict(zip(PROBLEM_COLUMNS, row, strict=True)) for row in rows]


def problems_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """Return the problems as a table; see :func:`problem_rows`."""
    import pandas as pd

    return pd.DataFrame(problem_rows(problems), columns=PROBLEM_COLUMNS)
