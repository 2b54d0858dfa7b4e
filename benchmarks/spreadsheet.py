"""Save the first sheet of an .xlsx file as CSV, as a person would do in a spreadsheet program.

    python -m benchmarks.spreadsheet parameters.xlsx parameters.csv

Only for the published tables of the examples: text and numbers, no dates, no formulas.
"""

from __future__ import annotations

import csv
import re
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def rows(path: Path) -> list[list[str]]:
    """Return the cells of the first sheet that hold something, empty rows left out."""
    with zipfile.ZipFile(path) as book:
        shared = [
            "".join(text.text or "" for text in item.iter(f"{MAIN}t"))
            for item in ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        ]
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    found: list[dict[int, str]] = []
    for row in sheet.iter(f"{MAIN}row"):
        cells = {}
        for cell in row.iter(f"{MAIN}c"):
            value = cell.findtext(f"{MAIN}v")
            if value is not None:
                is_shared = cell.get("t") == "s"
                cells[_column(cell.get("r", ""))] = shared[int(value)] if is_shared else value
        if cells:
            found.append(cells)
    width = max(max(cells) for cells in found) + 1
    return [[cells.get(column, "") for column in range(width)] for cells in found]


def _column(reference: str) -> int:
    """Return the position of a column from a cell's reference, such as AB12."""
    letters = re.match("[A-Z]+", reference)
    number = 0
    for letter in letters[0] if letters else "A":
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def main(source: Path, target: Path) -> None:
    """Write the sheet as CSV."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows(source))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
