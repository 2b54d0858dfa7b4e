"""The clinical table under patient keys, with the columns that the config names and no other."""

import logging
from pathlib import Path

from rigoromics.errors import DataError
from rigoromics.read.keys import Keys
from scripts.tables import ids, read_any, write_parquet

log = logging.getLogger(__name__)


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
    source = read_any(table, text=(id_column,))
    missing = [name for name in [id_column, *columns] if name not in source.columns]
    if missing:
        raise DataError(
            f"the clinical table has no column {', '.join(map(repr, missing))}",
            f"correct the config or the table; its columns are: {', '.join(source.columns)}",
            table.name,
        )
    names = ids(source[id_column])
    if names.isna().any():
        log.warning("%d rows of the clinical table have no ID; left out", names.isna().sum())
    source, names = source[names.notna()], names.dropna()
    if names.duplicated().any():
        raise DataError(
            f"{int(names.duplicated().sum())} patients stand in the clinical table more than once",
            "keep one row per patient; which row is right is a decision for a person",
            table.name,
        )
    kept = source[sorted(set(columns))].copy()
    keys = Keys(salt.read_text(encoding="utf-8").strip(), public)
    kept.insert(0, "patient", [keys.patient(name) for name in names])
    write_parquet(kept.sort_values("patient", ignore_index=True), clinical)
    return {"patients": len(kept)}


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
