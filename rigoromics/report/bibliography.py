"""References for the HTML report, from the BibTeX file that the manuscript uses too."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rigoromics.errors import DataError

_ENTRY = re.compile(r"@\w+\{\s*([\w-]+)\s*,(.*?)\n\}", re.DOTALL)
_FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*)\},?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Reference:
    """One entry of the bibliography, as a reader sees it; `where` is its DOI, else its address."""

    key: str
    text: str
    where: str


def references(bibtex: str) -> dict[str, Reference]:
    """Return the entries of a BibTeX file by key.

    The file is the project's own: entries end with a brace at the start of a line, fields take
    one line and stand in braces.
    """
    found = {}
    for key, body in _ENTRY.findall(bibtex):
        fields = {name.lower(): _clean(value) for name, value in _FIELD.findall(body)}
        where = f"doi:{fields['doi']}" if "doi" in fields else fields.get("url", "")
        found[key] = Reference(key, _format(fields), where)
    if not found:
        raise DataError("the bibliography has no entry", "restore report/references.bib")
    return found


def _clean(value: str) -> str:
    return value.replace("{", "").replace("}", "").replace("--", "–")


def _format(fields: dict[str, str]) -> str:
    authors = [_author(name) for name in fields.get("author", "").split(" and ")]
    names = ", ".join("et al" if name == "others" else name for name in authors)
    place = f"{fields.get('journal', '')} {fields.get('year', '')};{fields.get('volume', '')}"
    number = f"({fields['number']})" if "number" in fields else ""
    return f"{names}. {fields.get('title', '')}. {place}{number}:{fields.get('pages', '')}."


def _author(name: str) -> str:
    if ", " not in name:
        return name
    last, first = name.split(", ", 1)
    initials = "".join(part[0] for part in re.split(r"[\s.-]+", first) if part)
    return f"{last} {initials}"
