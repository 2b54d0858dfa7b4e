"""The conformance table that a paper's supplement needs, and a page that a person can read."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rigoromics.ibsi.compare import NO_SLICES, Row, count
from rigoromics.ibsi.departures import DEPARTURES

if TYPE_CHECKING:
    import pandas as pd

# Rows of every engine that ran.
Runs = Mapping[str, Sequence[Row]]
COLUMNS = [
    "engine",
    "dataset",
    "family",
    "ibsi_feature",
    "ibsi_code",
    "aggregation",
    "aggregation_code",
    "tag",
    "feature",
    "value",
    "reference",
    "tolerance",
    "consensus",
    "match",
    "why",
    "as_ibsi_has_it",
]
COUNTS = ["matched", "computed", "in the reference", "known departure", "unexplained"]
# Digits of values in the table.
DIGITS = 9
# Characters to a line of text.
WIDTH = 100
OPENING = """# IBSI conformance

The Image Biomarker Standardisation Initiative has published phantoms, ways to process them, and
values that teams agreed on: features of a digital phantom, and of a CT phantom under five
configurations (IBSI 1: Zwanenburg et al., Radiology 2020;295:328-338) and behind filters (IBSI 2,
phase 2: Whybra et al., Radiology 2024;310:e231319). `make ibsi` compares the installed engines
with all of them (`make ibsi IBSI="--engine fast --data ../ibsi"` for one engine, and data that lie
elsewhere). It writes this page as `results/ibsi/conformance.md`, and beside it `conformance.tsv`:
every value with reference, tolerance, consensus and IBSI's codes, for a paper's supplement.

Settings are the files of `config/extraction/ibsi/`, one a dataset, with nothing in them that a
study could not say. Reading, resampling, resegmentation and filters are one code for both engines.
Filters are those of IBSI 2 (`mean`, `log_ibsi`, `laws`, `gabor`, `wavelet_ibsi`, `simoncelli`);
PyRadiomics' own `log` and `wavelet` are others. Response maps of filters (IBSI 2, phase 1) are
compared by the tests in `tests/unit/extract/filters/`.

A value is **matched** if it lies within IBSI's tolerance; where that is zero, if it is equal after
rounding to the digits that IBSI writes, three at least. A mismatch is a **known departure** of
PyRadiomics from IBSI if the value computed as IBSI has it meets the reference; else it is
**unexplained**, and the command fails (exit status 1; 2 if there are no data). A feature counts
once for each way to make texture. Diagnostics tell of image and mask on the way (sizes, grey
values, voxels at each stage) and judge the preprocessing alone. What IBSI names without giving a
value counts nowhere.

The data are IBSI's, from github.com/theibsi/data_sets (phantoms) and theibsi.github.io (values):

- `ibsi1_digital_phantom/` and `ibsi1_ct_phantom/`: each `nifti/image/phantom.nii.gz` and
  `nifti/mask/mask.nii.gz`
- `ibsi1_reference_values/`: `ibsi_1_reference_values_digital_phantom.csv`, the same for `config_A`
  to `config_E`, and `ibsi_2_reference_values.csv`"""


def table(runs: Runs) -> pd.DataFrame:
    """Return one row per engine and reference value, columns `COLUMNS`."""
    import pandas as pd

    rows = [_cells(engine, row) for engine, found in runs.items() for row in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _cells(engine: str, row: Row) -> list[str]:
    reference, way = row.reference, row.reference.way
    return [
        engine,
        reference.dataset,
        reference.family,
        reference.feature,
        reference.code,
        way.setting if way else "",
        way.code if way else "",
        reference.tag,
        row.feature,
        _number(row.value, DIGITS),
        _number(reference.value, DIGITS),
        _number(reference.tolerance, DIGITS),
        reference.consensus,
        row.outcome,
        row.why,
        _number(row.as_ibsi, DIGITS),
    ]


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}g}"


def page(runs: Runs) -> str:
    """Return the page as Markdown: counts, what is off and why, what is not computed."""
    parts = [OPENING, "## Counts", *(_titled(e, by_dataset(rows)) for e, rows in runs.items())]
    parts += ["## Unexplained", _mismatches(runs, "unexplained"), "## Known departures"]
    for departure in DEPARTURES:
        heading = departure.name[0].upper() + departure.name[1:]
        parts += [f"### {heading}", _wrapped(departure.words), _mismatches(runs, departure.name)]
    parts += ["## Not computed", missing([row for rows in runs.values() for row in rows])]
    parts += ["## IBSI 1 by family", "Matched / computed / in the reference."]
    parts += [_titled(e, by_family(rows)) for e, rows in runs.items()]
    return "\n\n".join(parts) + "\n"


def _titled(engine: str, text: str) -> str:
    return f"Engine `{engine}`:\n\n{text}"


def by_dataset(rows: Sequence[Row]) -> str:
    """Return a Markdown table of counts of features per dataset; diagnostics in a sentence."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if not row.reference.is_diagnostic:
            groups.setdefault(row.reference.dataset, []).append(row)
    groups["all"] = [row for group in groups.values() for row in group]
    counts = {name: count(group) for name, group in groups.items()}
    lines = [[name, *(str(found[key]) for key in COUNTS)] for name, found in counts.items()]
    stages = count(row for row in rows if row.reference.is_diagnostic)
    said = f"Diagnostics: {stages['matched']} of {stages['in the reference']} matched."
    return f"{markdown(['dataset', *COUNTS], lines, len(COUNTS))}\n\n{said}"


def by_family(rows: Sequence[Row]) -> str:
    """Return matched / computed / in the reference, families by IBSI 1's datasets, in Markdown."""
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        if not row.reference.dataset.startswith("filter"):
            groups.setdefault(family(row), {}).setdefault(row.reference.dataset, []).append(row)
    datasets = list(dict.fromkeys(dataset for found in groups.values() for dataset in found))
    lines = [
        [name, *(_three(found.get(dataset, [])) for dataset in datasets)]
        for name, found in groups.items()
    ]
    return markdown(["family", *datasets], lines, len(datasets))


def _three(rows: Sequence[Row]) -> str:
    found = count(rows)
    return " / ".join(str(found[key]) for key in COUNTS[:3]) if rows else ""


def family(row: Row) -> str:
    """Return the family without the way that its matrices are made; diagnostics as one."""
    if row.reference.is_diagnostic:
        return "Diagnostics"
    return row.reference.family.partition(" (")[0]


def _mismatches(runs: Runs, why: str) -> str:
    """Return the values that are off for one reason; once where engines give the same."""
    engines: dict[tuple[str, ...], list[str]] = {}
    for engine, rows in runs.items():
        for row in rows:
            if row.why == why:
                engines.setdefault(_mismatch(row), []).append(engine)
    if not engines:
        return "None."
    lines = [[*cells[:3], ", ".join(names), *cells[3:]] for cells, names in engines.items()]
    numbers = ["value", "as IBSI has it", "reference", "tolerance"]
    return markdown(["dataset", "family", "feature", "engine", *numbers], lines, len(numbers))


def _mismatch(row: Row) -> tuple[str, ...]:
    wanted = row.reference
    numbers = (row.value, row.as_ibsi, wanted.value, wanted.tolerance)
    return (wanted.dataset, wanted.family, wanted.feature, *map(_number, numbers))


def missing(rows: Sequence[Row]) -> str:
    """Return which features, and which ways to make texture, are not computed, as lists."""
    groups: dict[str, dict[str, dict[str, None]]] = {}
    for row in rows:
        if row.outcome == "not computed":
            families = groups.setdefault(row.why, {})
            families.setdefault(family(row), {})[_missing(row)] = None
    parts = []
    for why, families in groups.items():
        lines = [_wrapped(f"- {name}: {', '.join(what)}") for name, what in families.items()]
        parts.append(f"{why}:\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _missing(row: Row) -> str:
    way = row.reference.way
    return way.setting if way and row.why == NO_SLICES else row.reference.feature


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="  " if text.startswith("- ") else "")


def markdown(headings: Sequence[str], lines: Sequence[Sequence[str]], numbers: int = 0) -> str:
    """Return a Markdown table that lines up in a terminal too.

    Parameters
    ----------
    headings, lines
        The cells.
    numbers
        How many columns, from the last, hold numbers.
    """
    columns = range(len(headings))
    widths = [max(len(line[column]) for line in (headings, *lines)) for column in columns]
    right = [column >= len(headings) - numbers for column in columns]
    rule = [
        "-" * (width - 1) + ":" if to_right else "-" * width
        for width, to_right in zip(widths, right, strict=True)
    ]
    padded = [
        [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        for line in (headings, rule, *lines)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)
