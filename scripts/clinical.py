"""The clinical table under patient keys, with the columns that the config names and no other."""

import hashlib
from pathlib import Path

import pandas as pd

from rigoromics.errors import DataError
from scripts.tables import read_any, write_parquet


def main(
    *,
    table: Path,
    salt: Path,
    clinical: Path,
    id_column: str,
    columns: list[str],
    public: bool,
) -> dict[str, float]:
    """Read the person's table, key its patients, keep what is declared."""
    source = read_any(table)
    missing = [name for name in [id_column, *columns] if name not in source.columns]
    if missing:
        raise DataError(
            f"the clinical table has no column {', '.join(map(repr, missing))}",
            f"correct the config or the table; its columns are: {', '.join(source.columns)}",
            table.name,
        )
    ids = source[id_column].astype(str).str.strip()
    if ids.duplicated().any():
        raise DataError(
            f"{int(ids.duplicated().sum())} patients stand in the clinical table more than once",
            "keep one row per patient; which row is right is a decision for a person",
            table.name,
        )
    kept = source[sorted(set(columns))].copy()
    kept.insert(0, "patient", ids if public else _keys(ids, salt.read_text().strip()))
    write_parquet(kept.sort_values("patient", ignore_index=True), clinical)
    return {"patients": len(kept)}


def _keys(ids: "pd.Series[str]", salt: str) -> list[str]:
    return ["P-" + hashlib.sha256((salt + i).encode()).hexdigest()[:10] for i in ids]


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
