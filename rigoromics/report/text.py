"""Sentences made of words, numbers with an origin, and citations; pages made of blocks.

The same blocks become HTML and typst, so that both say the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rigoromics.report.registry import Number, Source


@dataclass(frozen=True)
class Cite:
    """A citation of one or several entries of the bibliography."""

    keys: tuple[str, ...]


Part = str | Number | Cite
Text = tuple[Part, ...]

_MARK = re.compile(r"\{(\w+)\}|\[(@[\w-]+(?:; @[\w-]+)*)\]")


def say(template: str, **inserts: Part | Text) -> Text:
    """Return a sentence with its inserts in place.

    Parameters
    ----------
    template
        Words with `{name}` where an insert goes, and `[@key]` or `[@key; @key]` where something
        is cited. Inserted words are never read as a template again.
    inserts
        Words, numbers or whole texts.

    Raises
    ------
    KeyError
        If the template names an insert that is not there.
    """
    parts: list[Part] = []
    position = 0
    for match in _MARK.finditer(template):
        parts.append(template[position : match.start()])
        if match.group(1):
            insert = inserts[match.group(1)]
            parts += insert if isinstance(insert, tuple) else [insert]
        else:
            keys = tuple(key.lstrip("@") for key in match.group(2).split("; "))
            parts.append(Cite(keys))
        position = match.end()
    parts.append(template[position:])
    return tuple(part for part in parts if part != "")


def join(texts: Iterable[Text], by: str = " ") -> Text:
    """Return several texts as one; empty ones leave no trace."""
    parts: list[Part] = []
    for text in texts:
        if text:
            parts += ([by] if parts else []) + list(text)
    return tuple(parts)


def enumerate_texts(texts: Sequence[Text]) -> Text:
    """Return texts as English lists them: a, b and c."""
    if len(texts) < 2:
        return texts[0] if texts else ()
    return (*join(texts[:-1], ", "), " and ", *texts[-1])


@dataclass(frozen=True)
class Paragraph:
    """Sentences."""

    text: Text
    todo: bool = False
    """Whether the authors must write it themselves."""


@dataclass(frozen=True)
class Bullets:
    """A list of points."""

    items: tuple[Text, ...]


@dataclass(frozen=True)
class Table:
    """A table as printed."""

    name: str
    """Identifier, unique in the paper."""
    caption: Text
    columns: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]
    note: Text = ()
    heads: frozenset[int] = frozenset()
    """Rows that are headings of the rows below them."""
    left: int = 1
    """How many columns from the left are words, set flush left; the others are centred."""
    numbered: bool = True


@dataclass(frozen=True)
class Figure:
    """A picture with its caption."""

    name: str
    path: str
    """Relative to the report."""
    caption: Text
    width: float = 1.0
    """Share of the text width."""


@dataclass(frozen=True)
class Verdict:
    """What the study shows, for the first page."""

    level: str
    title: Text
    sentence: Text
    reasons: tuple[tuple[bool, Text], ...] = ()
    caveats: tuple[Text, ...] = ()
    source: Source | None = None


@dataclass(frozen=True)
class Code:
    """Text to be shown as it is, letter by letter."""

    text: str


@dataclass(frozen=True)
class Folded:
    """Blocks that a screen shows only when asked."""

    summary: str
    blocks: tuple[Block, ...]


Block = Paragraph | Bullets | Table | Figure | Verdict | Code | Folded


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    name: str
    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = field(default=())


def paragraphs(*texts: Text) -> tuple[Paragraph, ...]:
    """Return one paragraph per text that says anything."""
    return tuple(Paragraph(text) for text in texts if text)


def words(*cells: Part) -> tuple[Text, ...]:
    """Return a table row of single parts."""
    return tuple((cell,) for cell in cells)
