"""Tables in and out: the same table always gives the same bytes."""

import io
import os
import re
from pathlib import Path

import pandas as pd

from rigoromics.errors import DataError

_LEADING_ZERO = re.compile(r"[+-]?0\d")
_TEXT_SUFFIXES = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def write_tsv(table: pd.DataFrame, path: Path) -> bool:
    """Write a table as TSV with full precision; return whether the file changed."""
    text = table.to_csv(sep="\t", index=False, lineterminator="\n")
    return write_if_changed(path, text.encode("utf-8"))


def read_tsv(path: Path) -> pd.DataFrame:
    """Read a TSV with every value as the string it is; empty fields are empty strings."""
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")


def write_parquet(table: pd.DataFrame, path: Path) -> bool:
    """Write a table as Parquet without its index; return whether the file changed."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, engine="pyarrow", compression="zstd", index=False)
    return write_if_changed(path, buffer.getvalue())


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file unless it holds just that already, so that its time changes only with it.

    The file appears whole or not at all. Returns whether it was written.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(content)
    os.replace(temporary, path)
    return True


def read_any(path: Path, text: tuple[str, ...] = ()) -> pd.DataFrame:
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
    try:
        if suffix == ".parquet":
            return pd.read_parquet(path)
        return _read_text(path, _TEXT_SUFFIXES[suffix], text)
    except (ValueError, OSError) as error:
        # UnicodeDecodeError and pandas' parser errors are ValueErrors.
        raise DataError(
            "The table cannot be read", "save it again as CSV in UTF-8", path.name
        ) from error


def ids(column: "pd.Series") -> "pd.Series[str]":
    """Return a column of IDs as text without blanks around; an empty one is missing."""
    names = column.astype("string").str.strip()
    names = names.mask(names == "")
    # Many programs write whole numbers as 1.0, 2.0, ... where one is missing.
    whole = names.dropna().str.fullmatch(r"\d+\.0").all()
    return names.str.removesuffix(".0") if whole else names


def _read_text(path: Path, separator: str, text: tuple[str, ...]) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig") as stream:
        head = stream.readline()
    if separator == "," and head.count(";") > head.count(","):
        separator = ";"
    table = pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig")
    table = table.rename(columns=str.strip).dropna(how="all").reset_index(drop=True)
    numbers = table.drop(columns=list(text), errors="ignore").apply(
        _as_numbers, decimal_comma=separator == ";"
    )
    return table.assign(**numbers)


def _as_numbers(column: "pd.Series[str]", decimal_comma: bool) -> "pd.Series":
    values = column.dropna()
    if values.empty or any(_LEADING_ZERO.match(value.strip()) for value in values):
        return column
    try:
        return pd.to_numeric(column.str.replace(",", ".") if decimal_comma else column)
    except ValueError:
        return column
