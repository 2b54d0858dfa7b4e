"""The manuscript as typst source that authors can go on writing in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from jinja2 import Environment, StrictUndefined

from rigoromics.report.paper import Paper, origins
from rigoromics.report.registry import Number
from rigoromics.report.text import (
    Block,
    Bullets,
    Cite,
    Code,
    Figure,
    Folded,
    Paragraph,
    Section,
    Table,
    Text,
    Verdict,
)

# Characters that mean something in typst's markup.
_SPECIAL = re.compile(r"([\\#$*_\[\]<>@`~])")
# Runs that would become dashes, minus signs, shy hyphens or comments.
_RUNS = re.compile(r"(--|-\?|-(?=\d)|//|/\*)")
_START = re.compile(r"^(\s*)([-+=/]|\d+\.)")


_GOES_ON = (";", "(", ".", ":")
_LONGEST_ON_A_PAGE = 38
_NARROW, _SIDE_BY_SIDE = 0.65, 2


class Typst(str):
    """Text that is typst markup already."""

    __slots__ = ()


def escape(text: object) -> Typst:
    r"""Return words as typst markup that prints them letter by letter, quotes curled.

    Examples
    --------
    >>> print(escape("a_b #1 // 50% <x>"))
    a\_b \#1 \/\/ 50% \<x\>
    """
    if isinstance(text, Typst):
        return text
    plain = " ".join(str(text).split("\n"))
    escaped = _SPECIAL.sub(r"\\\1", plain)
    escaped = _RUNS.sub(lambda match: "".join(f"\\{c}" for c in match.group(1)), escaped)
    # A list, a heading or a numbered point begins where a line does.
    escaped = _START.sub(lambda m: f"{m.group(1)}{_guard(m.group(2))}", escaped)
    return Typst(escaped)


def _guard(mark: str) -> str:
    return f"{mark[:-1]}\\." if mark.endswith(".") else f"\\{mark}"


class Writer:
    """Turns blocks into typst, and remembers which numbers the text has used."""

    def __init__(self) -> None:
        self.used: dict[str, Number] = {}

    def text(self, text: Text, *, linked: bool = True) -> Typst:
        """Return a sentence; with `linked`, numbers point to their row in the supplement."""
        parts: list[str] = []
        for part in text:
            words = self._part(part, linked)
            # After code, these would still belong to the code: `#f()[x];` swallows the semicolon.
            if parts and parts[-1].startswith("#") and words[:1] in _GOES_ON:
                words = f"\\{words}"
            parts.append(words)
        return Typst("".join(parts))

    def _part(self, part: object, linked: bool) -> str:
        if isinstance(part, Number):
            if not linked:
                return escape(part.text)
            self.used[part.key] = part
            return f'#num("{part.key}")[{escape(part.text)}]'
        if isinstance(part, Cite):
            return "".join(f"#cite(<{key}>)" for key in part.keys)
        return escape(part)

    def blocks(self, blocks: Iterable[Block]) -> Typst:
        """Return blocks one after another."""
        parts: list[str] = []
        for narrow, run in groupby(blocks, key=_is_narrow):
            chosen = list(run)
            step = _SIDE_BY_SIDE if narrow else 1
            for start in range(0, len(chosen), step):
                parts.append(self._beside(chosen[start : start + step]))
        return Typst("\n\n".join(parts))

    def _beside(self, blocks: list[Block]) -> str:
        """Return one block, or narrow figures side by side."""
        figures = [block for block in blocks if isinstance(block, Figure)]
        if len(figures) < 2:
            return self.block(blocks[0])
        pairs = ", ".join(
            f"({_string(figure.path)}, [{self.text(figure.caption)}])" for figure in figures
        )
        return f"#pictures({pairs})"

    def block(self, block: Block) -> str:
        """Return one block."""
        if isinstance(block, Paragraph):
            words = self.text(block.text)
            return f"#to-write[{words}]" if block.todo else words
        if isinstance(block, Bullets):
            return "\n".join(f"- {self.text(item)}" for item in block.items)
        if isinstance(block, Table):
            return self.table(block)
        if isinstance(block, Figure):
            return self._figure(block)
        if isinstance(block, Verdict):
            return self.verdict(block)
        if isinstance(block, Code):
            return f"#raw({_string(block.text)}, block: true)"
        return self.blocks(_unfolded(block))

    def verdict(self, verdict: Verdict) -> str:
        """Return the box that says what the study shows."""
        reasons = ", ".join(f"({_bool(met)}, [{self.text(text)}])" for met, text in verdict.reasons)
        texts = [*verdict.caveats, *_origin(verdict)]
        caveats = ", ".join(f"[{self.text(text)}]" for text in texts)
        return (
            f"#verdict({_string(verdict.level)}, [{self.text(verdict.title)}], "
            f"[{self.text(verdict.sentence)}], ({reasons}{',' if reasons else ''}), "
            f"({caveats}{',' if caveats else ''}))"
        )

    def table(self, table: Table, *, linked: bool = False, size: str = "8pt") -> str:
        """Return a table; long ones go on over the page."""
        weights = ", ".join(f"{weight}fr" for weight in _weights(table))
        head = ", ".join(f"[{escape(name)}]" for name in table.columns)
        rows = ",\n  ".join(
            "(" + ", ".join(self._cell(cell, linked) for cell in row) + ",)" for row in table.rows
        )
        long = len(table.rows) > _LONGEST_ON_A_PAGE
        heads = "".join(f"{index}, " for index in sorted(table.heads))
        return (
            f"#study-table(\n  caption: [{self.text(table.caption)}],\n"
            f"  note: [{self.text(table.note)}],\n  widths: ({weights},),\n"
            f"  head: ({head},),\n  heads: ({heads}),\n  left-columns: {table.left},\n"
            f"  size: {size},\n  long: {_bool(long)}, numbered: {_bool(table.numbered)},\n"
            f"  {rows},\n)"
        )

    def _cell(self, cell: Text, linked: bool) -> str:
        first = cell[0] if cell and isinstance(cell[0], str) else ""
        if isinstance(first, str) and first.startswith("   "):
            rest = (first.lstrip(), *cell[1:])
            return f"[#h(1em){self.text(rest, linked=linked)}]"
        return f"[{self.text(cell, linked=linked)}]"

    def _figure(self, figure: Figure) -> str:
        return (
            f"#picture({_string(figure.path)}, {round(100 * figure.width)}%, "
            f"[{self.text(figure.caption)}])"
        )

    def section(self, section: Section, level: int = 1) -> Typst:
        """Return a section and those below it."""
        head = f"{'=' * level} {escape(section.title)}"
        parts = [head, self.blocks(section.blocks)]
        parts += [self.section(inner, level + 1) for inner in section.sections]
        return Typst("\n\n".join(part for part in parts if part))

    def supplement(self) -> Typst:
        """Return the table of all numbers used so far; each row can be linked to."""
        table = origins(list(self.used.values()), "numbers")
        rows = []
        for number, row in zip(self.used.values(), table.rows, strict=True):
            cells = [f"[{self.text(cell, linked=False)}]" for cell in row]
            cells[0] = f"[{escape(number.text)}#metadata(none)#label({_string(number.key)})]"
            rows.append("(" + ", ".join(cells) + ",)")
        head = ", ".join(f"[{escape(name)}]" for name in table.columns)
        return Typst(
            f"#study-table(\n  caption: [{self.text(table.caption)}],\n"
            f"  note: [{self.text(table.note)}],\n"
            f"  widths: (1.5fr, 2.2fr, 3fr, 1.6fr, 1fr, 1.2fr,),\n"
            f"  head: ({head},),\n  heads: (),\n  left-columns: 6,\n  size: 6.5pt, long: true,\n  "
            + ",\n  ".join(rows)
            + ",\n)"
        )


def _origin(verdict: Verdict) -> list[Text]:
    if verdict.source is None:
        return []
    return [("Decided by a rule written beforehand; its numbers: ", verdict.source.name, ".")]


def _is_narrow(block: Block) -> bool:
    return isinstance(block, Figure) and block.width <= _NARROW


def _unfolded(block: Block) -> tuple[Block, ...]:
    """Paper cannot be unfolded: it shows everything."""
    return block.blocks if isinstance(block, Folded) else (block,)


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _string(text: str) -> str:
    """Return a typst string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _weights(table: Table) -> list[int]:
    """Return relative column widths by what the columns hold, so that any table fits the page."""
    widths = []
    for place, name in enumerate(table.columns):
        cells = [
            _length(row[place]) for index, row in enumerate(table.rows) if index not in table.heads
        ]
        words = [len(word) + 2 for word in name.split()]
        longest = max([len(name) * 2 // 3, *words, *cells, 8])
        widths.append(min(longest, 34))
    return widths


def _length(text: Text) -> int:
    return sum(len(part.text if isinstance(part, Number) else str(part)) for part in text)


def render_typst(paper: Paper, template: str) -> str:
    """Return the manuscript's typst source.

    Parameters
    ----------
    paper
        The manuscript's blocks.
    template
        Jinja2 template with `<< >>` and `<% %>` as delimiters; what is inserted is escaped
        unless it is :class:`Typst`.
    """
    writer = Writer()
    environment = Environment(
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=escape,
        autoescape=False,
    )
    verdicts = [Typst(writer.verdict(verdict)) for verdict in paper.verdicts]
    key_table = Typst(writer.table(paper.key_table))
    abstract = [
        (section.title, writer.blocks(section.blocks)) for section in paper.abstract.sections
    ]
    sections = [writer.section(section) for section in paper.sections]
    supplement = writer.supplement()
    return environment.from_string(template).render(
        title=paper.title,
        title_string=Typst(_string(paper.title)),
        authors=paper.authors,
        author_strings=[Typst(_string(author)) for author in paper.authors],
        affiliation=paper.affiliation,
        date=paper.date,
        note=paper.note,
        keywords=paper.keywords,
        verdicts=verdicts,
        key_table=key_table,
        abstract=abstract,
        sections=sections,
        supplement=supplement,
    )
