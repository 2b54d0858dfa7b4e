"""Tables in and out: the same table always gives the same bytes.

pandas is loaded where it is used: it takes longer than the smallest of the jobs that come by
thousands, which read and write rows.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigoromics.errors import DataError
from scripts.hashing import file_sha256

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

_LEADING_ZERO = re.compile(r"[+-]?0\d")
# Attribute of a feature table, kept inside its Parquet file: each scan's settings' fingerprint.
EXTRACTION = "extraction"
_TEXT_SUFFIXES = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def write_tsv(table: pd.DataFrame, path: Path) -> bool:
    """Write a table as TSV with full precision; return whether the file changed."""
    text = table.to_csv(sep="\t", index=False, lineterminator="\n")
    return write_if_changed(path, text.encode("utf-8"))


def read_tsv(path: Path) -> pd.DataFrame:
    """Read a TSV with every value as the string it is; empty fields are empty strings."""
    import pandas as pd

    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")


def read_rows(path: Path, errors: str = "strict") -> list[dict[str, str]]:
    """Read a TSV as :func:`read_tsv` does, as a row per line; `errors` is that of `open`."""
    # Spreadsheets begin a file with a byte order mark, which utf-8-sig takes away.
    with path.open(encoding="utf-8-sig", errors=errors, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def write_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], path: Path) -> bool:
    """Write rows as :func:`write_tsv` writes a table; return whether the file changed."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_if_changed(path, text.getvalue().encode("utf-8"))


def write_parquet(table: pd.DataFrame, path: Path) -> bool:
    """Write a table as Parquet without its index; return whether the file changed."""
    temporary = _beside(path)
    table.to_parquet(temporary, engine="pyarrow", compression="zstd", index=False)
    return _move_if_changed(temporary, path)


def write_values(
    text: Mapping[str, Sequence[str]], numbers: Mapping[str, npt.ArrayLike], path: Path
) -> bool:
    """Write columns of text, then of numbers, as Parquet; return whether the file changed.

    A NaN becomes a missing value, as with :func:`write_parquet`. The arrays are put together from
    their buffers, because `pyarrow.array` loads pandas, whatever it is given.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, pa.Array] = {}
    for name, strings in text.items():
        encoded = [string.encode("utf-8") for string in strings]
        ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
        columns[name] = pa.Array.from_buffers(pa.string(), len(encoded), buffers)
    for name, given in numbers.items():
        values = np.ascontiguousarray(given, dtype=np.float64)
        known = np.packbits(~np.isnan(values), bitorder="little")
        buffers = [pa.py_buffer(known), pa.py_buffer(values)]
        columns[name] = pa.Array.from_buffers(pa.float64(), len(values), buffers)
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return write_if_changed(path, buffer.getvalue())


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file unless it holds just that already, so that its time changes only with it.

    The file appears whole or not at all. Returns whether it was written.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    temporary = _beside(path)
    temporary.write_bytes(content)
    os.replace(temporary, path)
    return True


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.part")


def _move_if_changed(temporary: Path, path: Path) -> bool:
    """As :func:`write_if_changed`, of a file too large to hold."""
    if path.is_file() and file_sha256(path) == file_sha256(temporary):
        temporary.unlink()
        return False
    os.replace(temporary, path)
    return True


def read_any(path: Path, text: tuple[str, ...] = (), encoding: str = "utf-8") -> pd.DataFrame:
    """Read a person's table: CSV (comma or semicolon), TSV or Parquet.

    Numbers become numbers, except in the columns named in `text` and in those where one begins
    with a zero (`007`): those are IDs. A semicolon file may have decimal commas. Empty lines go.

    Raises
    ------
    DataError
        The file is not there or is no such table.
    """
    suffix = path.suffix.lower()
    if suffix not in (".parquet", *_TEXT_SUFFIXES):
        raise DataError(
            "The table is neither CSV, TSV nor Parquet",
            "save it as CSV (in a spreadsheet: Save as, CSV UTF-8)",
            path.name,
        )
    if not path.is_file():
        raise DataError("The table does not exist", "put it there or correct the config", str(path))
    import pandas as pd

    try:
        if suffix == ".parquet":
            return pd.read_parquet(path)
        return _read_text(path, _TEXT_SUFFIXES[suffix], text, encoding)
    except (ValueError, LookupError, OSError) as error:
        # UnicodeDecodeError and pandas' parser errors are ValueErrors, an unknown encoding is none.
        raise DataError(
            "The table cannot be read", "save it again as CSV in UTF-8", path.name
        ) from error


def ids(column: pd.Series) -> pd.Series[str]:
    """Return a column of IDs as text without blanks around; an empty one is missing."""
    names = column.astype("string").str.strip()
    names = names.mask(names == "")
    # Many programs write whole numbers as 1.0, 2.0, ... where one is missing.
    whole = names.dropna().str.fullmatch(r"\d+\.0").all()
    return names.str.removesuffix(".0") if whole else names


def _read_text(path: Path, separator: str, text: tuple[str, ...], encoding: str) -> pd.DataFrame:
    import pandas as pd

    encoding = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    with path.open(encoding=encoding) as stream:
        head = stream.readline()
    if separator == "," and head.count(";") > head.count(","):
        separator = ";"
    table = pd.read_csv(path, sep=separator, dtype=str, encoding=encoding)
    table = table.rename(columns=str.strip).dropna(how="all").reset_index(drop=True)
    numbers = table.drop(columns=list(text), errors="ignore").apply(
        _as_numbers, decimal_comma=separator == ";"
    )
    return table.assign(**numbers)


def _as_numbers(column: pd.Series[str], decimal_comma: bool) -> pd.Series:
    import pandas as pd

    values = column.dropna()
    if values.empty or any(_LEADING_ZERO.match(value.strip()) for value in values):
        return column
    try:
        return pd.to_numeric(column.str.replace(",", ".") if decimal_comma else column)
    except ValueError:
        return column
