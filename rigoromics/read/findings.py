"""What the sheet has to say: a problem for everyone, and its private particulars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import pandas as pd

from rigoromics.errors import PROBLEM_COLUMNS, Problem, problems_table

STAGE = "sheet"


@dataclass(frozen=True)
class Finding:
    """One problem in its public and its private form.

    Attributes
    ----------
    kind
        Short name of the kind of problem, for counts.
    problem
        The public row: keys only, no text out of the files.
    path
        The real path; private.
    detail
        Names and texts out of the files that the person needs to see; private.
    """

    kind: str
    problem: Problem
    path: str = ""
    detail: str = ""


def public_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return the problems table that may be shown to anyone."""
    return problems_table(finding.problem for finding in findings)


def private_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return the problems table with real paths and particulars, and the public file `key`."""
    rows = []
    for finding in findings:
        text = finding.problem.problem + (f": {finding.detail}" if finding.detail else "")
        row = asdict(replace(finding.problem, problem=text, file=finding.path))
        rows.append(row | {"key": finding.problem.file})
    columns = [*PROBLEM_COLUMNS, "key"]
    table = pd.DataFrame(rows, columns=columns).drop_duplicates()
    return table.sort_values(columns, ignore_index=True)


def count_kinds(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings there are of each kind, most first."""
    counts = Counter(finding.kind for finding in findings)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
