"""Standard terms for ROIs, and how people spell them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from rigoromics.errors import DataError

MARK = "@"
COLUMNS = ["term", "pattern", "source"]


def check_synonyms(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return each term's patterns, in the order of the table.

    Parameters
    ----------
    table
        Columns `term`, `pattern` (a regular expression) and `source`; several rows per term.

    Raises
    ------
    DataError
        A column is missing, or a pattern is no regular expression.
    """
    lost = [name for name in COLUMNS if name not in table.columns]
    if lost:
        raise DataError(
            f"the table of ROI synonyms has no column {', '.join(lost)}",
            f"give it the columns {', '.join(COLUMNS)}, with tabs between",
        )
    terms: dict[str, list[str]] = {}
    for row in table.to_dict("records"):
        term, pattern = str(row["term"]).strip(), str(row["pattern"]).strip()
        try:
            re.compile(pattern)
        except re.error as error:
            raise DataError(
                f"in the table of ROI synonyms a pattern of '{term}' is no regular expression",
                f"correct '{pattern}': {error}",
            ) from error
        terms.setdefault(term.casefold(), []).append(pattern)
    return terms


def expand(names: Sequence[str], terms: Mapping[str, Sequence[str]]) -> list[str]:
    """Return an ROI's patterns with each `@term` replaced by the patterns of that term.

    Raises
    ------
    DataError
        The table has no such term; the message offers the nearest.
    """
    patterns: list[str] = []
    for name in names:
        if not name.startswith(MARK):
            patterns.append(name)
            continue
        term = name.removeprefix(MARK).strip().casefold()
        if term not in terms:
            near = difflib.get_close_matches(term, list(terms), n=1)
            raise DataError(
                f"'{name}', named under `rois` in the study config, is not in the table of ROI "
                "synonyms",
                f"did you mean '{MARK}{near[0]}'?"
                if near
                else "add it to the table, or write a regular expression",
            )
        patterns += terms[term]
    return list(dict.fromkeys(patterns))


def expand_rois(
    rois: Mapping[str, Mapping[str, Any]], terms: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """Return the study's `rois` with every `@term` replaced; see :func:`expand`."""
    return {roi: {**rule, "names": expand(rule["names"], terms)} for roi, rule in rois.items()}
