"""Join the chunks' features into one table; with it the dictionary, all problems and agreements."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rigoromics.errors import DataError
from rigoromics.extract.dictionary import dictionary as explain
from rigoromics.extract.fingerprint import fingerprints
from rigoromics.extract.rows import INDEX
from scripts.tables import EXTRACTION, read_tsv, write_parquet, write_tsv

log = logging.getLogger(__name__)

MASK = ["patient", "timepoint", "scan", "roi", "rater"]


def main(
    *,
    features: list[Path],
    problems: list[Path],
    agreements: list[Path],
    refused: Path,
    table: Path,
    dictionary: Path,
    all_problems: Path,
    all_agreements: Path,
    extraction: dict[str, Any] | None = None,
) -> dict[str, float]:
    """Assemble the chunks.

    Parameters
    ----------
    features
        The chunks' feature tables.
    problems
        Problem tables of the images, of their quality and of the features.
    agreements
        Overlap between raters, a table per chunk.
    refused
        Masks that the quality checks across the cohort leave out.
    table, dictionary
        Written: every mask's features, sorted; what each feature is.
    all_problems, all_agreements
        Written: the tables of all chunks, joined and sorted.
    extraction
        Each scan's settings; the table carries their fingerprints.
    """
    left_out = read_tsv(refused)
    joined = _assembled(features, left_out)
    names = list(joined.columns[len(INDEX) :])
    joined.attrs[EXTRACTION] = fingerprints(extraction or {})
    write_parquet(joined, table)
    write_tsv(explain(names), dictionary)
    seen = _joined(problems)
    write_tsv(seen, all_problems)
    pairs = _joined(agreements)
    for side in ("rater_a", "rater_b"):
        pairs = _without(pairs, left_out, {name: name for name in MASK[:-1]} | {"rater": side})
    write_tsv(pairs, all_agreements)
    log.info("%d rows, %d features, %d problems", len(joined), len(names), len(seen))
    return {"rows": len(joined), "features": len(names), "problems": len(seen)}


def _assembled(paths: list[Path], left_out: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all chunks, sorted, without the masks left out.

    One chunk is open at a time, and its numbers go where they stay: the table is the only copy.
    """
    found: set[str] = set()
    count = 0
    for path in paths:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
        _check_types(schema, path)
        found.update(schema.names)
        count += metadata.num_rows
    names = sorted(found - set(INDEX))
    column = {name: number for number, name in enumerate(names)}
    values = np.full((count, len(names)), np.nan, order="F")
    rows, start = [], 0
    for path in paths:
        # Of a small table with many columns, `read_table` and threads double the time.
        chunk = pq.ParquetFile(path).read(use_threads=False)
        stop = start + len(chunk)
        for name in chunk.column_names:
            if name in column:
                values[start:stop, column[name]] = chunk[name].to_numpy()
        rows.append(chunk.select(INDEX).to_pandas())
        start = stop
    index = pd.concat(rows, ignore_index=True).sort_values(INDEX)
    _check_unique(index)
    index = _without(index, left_out, {name: name for name in MASK})
    for one in values.T:
        one[: len(index)] = one[index.index]
    features = pd.DataFrame(values[: len(index)], columns=names)
    return pd.concat([index.reset_index(drop=True), features], axis=1, copy=False)


def _joined(paths: list[Path]) -> pd.DataFrame:
    rows = pd.concat([read_tsv(path) for path in paths], ignore_index=True).drop_duplicates()
    return rows.sort_values(list(rows.columns), ignore_index=True)


def _without(rows: pd.DataFrame, left_out: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Return the rows of no mask that was left out; `columns` says where its name stands."""
    own = pd.MultiIndex.from_frame(rows[list(columns.values())].astype(str))
    known = own.isin(pd.MultiIndex.from_frame(left_out[list(columns)]))
    return rows[~known]


def _check_types(chunk: pa.Schema, path: Path) -> None:
    """Raise unless the chunk has the index as text and every other column as numbers."""
    missing = [name for name in INDEX if name not in chunk.names]
    wrong = [
        field.name for field in chunk if field.name not in INDEX and field.type != pa.float64()
    ]
    repeated = [name for name, count in Counter(chunk.names).items() if count > 1]
    if missing or wrong or repeated:
        reasons = [
            f"lacks {', '.join(missing)}" if missing else "",
            f"has columns that are not numbers: {', '.join(wrong[:5])}" if wrong else "",
            f"has columns twice: {', '.join(repeated[:5])}" if repeated else "",
        ]
        raise DataError(
            f"The feature table {path.name} {'; '.join(filter(None, reasons))}",
            "rerun the extraction: snakemake --forcerun extract",
            file=str(path),
        )


def _check_unique(index: pd.DataFrame) -> None:
    twice = index[index.duplicated(INDEX)]
    if len(twice):
        first = ", ".join(f"{name} {twice.iloc[0][name]}" for name in INDEX)
        raise DataError(
            f"{len(twice)} row(s) of features come twice, first: {first}",
            "give each rater's mask of an ROI once in the case sheet, or say `include: no`",
        )


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
