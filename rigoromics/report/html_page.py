"""The HTML report: one file that opens offline."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from rigoromics.report.bibliography import Reference
from rigoromics.report.paper import Paper
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

Loader = Callable[[str], tuple[str, bytes]]
"""Path of a picture relative to the report, to its media type and bytes."""


@dataclass
class Writer:
    """Turns blocks into HTML, and numbers figures, tables and references as they come."""

    load: Loader
    bibliography: Mapping[str, Reference]
    run: str = ""
    cited: list[str] = field(default_factory=list)
    figures: int = 0
    tables: int = 0

    def text(self, text: Text) -> Markup:
        """Return a sentence; numbers become links, citations become marks."""
        return Markup("").join(self._part(part) for part in text)

    def _part(self, part: object) -> Markup:
        if isinstance(part, Number):
            return self._number(part)
        if isinstance(part, Cite):
            return self._cite(part)
        return escape(str(part))

    def _number(self, number: Number) -> Markup:
        source = number.source
        title = (
            f"{source.name}\nrow: {number.row}\ncolumn: {number.column}\n"
            f"made by: {source.step}\nSHA-256: {source.sha256}\nrun: {self.run}"
        )
        if not source.link:
            return Markup('<span class="n" title="{}">{}</span>').format(title, number.text)
        return Markup('<a class="n" href="{}" title="{}">{}</a>').format(
            source.link, title, number.text
        )

    def _cite(self, cite: Cite) -> Markup:
        marks = []
        for key in cite.keys:
            if key not in self.cited:
                self.cited.append(key)
            place = self.cited.index(key) + 1
            title = self.bibliography[key].text
            marks.append(Markup('<a href="#ref-{}" title="{}">{}</a>').format(key, title, place))
        return Markup('<span class="cite">[{}]</span>').format(Markup(", ").join(marks))

    def blocks(self, blocks: Iterable[Block]) -> Markup:
        """Return blocks one after another."""
        return Markup("\n").join(self.block(block) for block in blocks)

    def block(self, block: Block) -> Markup:
        """Return one block."""
        if isinstance(block, Paragraph):
            return self._paragraph(block)
        if isinstance(block, Bullets):
            items = Markup("").join(
                Markup("<li>{}</li>").format(self.text(item)) for item in block.items
            )
            return Markup("<ul>{}</ul>").format(items)
        if isinstance(block, Table):
            return self.table(block)
        if isinstance(block, Figure):
            return self._figure(block)
        if isinstance(block, Verdict):
            return self.verdict(block)
        if isinstance(block, Code):
            return Markup("<pre>{}</pre>").format(block.text)
        return self._folded(block)

    def _paragraph(self, block: Paragraph) -> Markup:
        if block.todo:
            return Markup('<p class="todo"><b>For the authors to write.</b> {}</p>').format(
                self.text(block.text)
            )
        return Markup("<p>{}</p>").format(self.text(block.text))

    def _folded(self, block: Folded) -> Markup:
        return Markup("<details><summary>{}</summary>{}</details>").format(
            block.summary, self.blocks(block.blocks)
        )

    def verdict(self, verdict: Verdict) -> Markup:
        """Return the box that says what the study shows."""
        reasons = Markup("").join(
            Markup('<li class="{}"><b>{}</b> {}</li>').format(
                "yes" if met else "no", "Yes." if met else "No.", self.text(text)
            )
            for met, text in verdict.reasons
        )
        caveats = Markup("").join(
            Markup('<p class="caveat">{}</p>').format(self.text(text)) for text in verdict.caveats
        )
        return Markup(
            '<section class="verdict {}"><h2>{}</h2><p class="sentence">{}</p>{}{}{}</section>'
        ).format(
            verdict.level.replace(" ", "-"),
            self.text(verdict.title),
            self.text(verdict.sentence),
            Markup("<ul>{}</ul>").format(reasons) if reasons else "",
            caveats,
            self._origin(verdict),
        )

    def _origin(self, verdict: Verdict) -> Markup:
        source = verdict.source
        if source is None:
            return Markup("")
        return Markup(
            '<p class="caveat">Decided by a rule written beforehand; its numbers: '
            '<a href="{}" title="SHA-256: {}">{}</a>.</p>'
        ).format(source.link, source.sha256, source.name)

    def table(self, table: Table) -> Markup:
        """Return a table with caption, head and note."""
        self.tables += table.numbered
        number = Markup("<b>Table {}.</b> ").format(self.tables) if table.numbered else ""
        head = Markup("").join(Markup("<th>{}</th>").format(name) for name in table.columns)
        body = Markup("\n").join(
            self._row(row, index in table.heads, table.left) for index, row in enumerate(table.rows)
        )
        note = Markup('<p class="note">{}</p>').format(self.text(table.note)) if table.note else ""
        return Markup(
            '<figure class="table" id="table-{}"><figcaption>{}{}</figcaption>'
            '<div class="scroll"><table><thead><tr>{}</tr></thead>'
            "<tbody>{}</tbody></table></div>{}</figure>"
        ).format(table.name, number, self.text(table.caption), head, body, note)

    def _row(self, row: tuple[Text, ...], is_head: bool, left: int) -> Markup:
        cells = Markup("")
        for place, cell in enumerate(row):
            plain = cell[0] if cell and isinstance(cell[0], str) else ""
            kinds = ["w"] if place < left else []
            kinds += ["in"] if plain.startswith("   ") else []
            attribute = Markup(' class="{}"').format(" ".join(kinds)) if kinds else ""
            cells += Markup("<td{}>{}</td>").format(attribute, self.text(cell))
        kind = Markup(' class="head"') if is_head else ""
        return Markup("<tr{}>{}</tr>").format(kind, cells)

    def _figure(self, figure: Figure) -> Markup:
        self.figures += 1
        media, content = self.load(figure.path)
        data = base64.b64encode(content).decode()
        alt = "".join(p if isinstance(p, str) else "" for p in figure.caption)
        return Markup(
            '<figure id="figure-{}"><img style="width:{}%" alt="{}" src="data:{};base64,{}">'
            "<figcaption><b>Figure {}.</b> {}</figcaption></figure>"
        ).format(
            figure.name,
            round(100 * figure.width),
            alt,
            media,
            Markup(data),
            self.figures,
            self.text(figure.caption),
        )

    def section(self, section: Section, level: int = 2) -> Markup:
        """Return a section and those below it."""
        inner = Markup("\n").join(self.section(s, level + 1) for s in section.sections)
        return Markup('<section id="{}"><h{}>{}</h{}>{}{}</section>').format(
            section.name, level, section.title, level, self.blocks(section.blocks), inner
        )


def render_html(
    paper: Paper,
    template: str,
    stylesheet: str,
    load: Loader,
    bibliography: Mapping[str, Reference],
    run: str,
) -> str:
    """Return the report as one HTML page without any outside resource.

    Parameters
    ----------
    paper
        The report's blocks.
    template
        Jinja2 template of the page.
    stylesheet
        CSS.
    load
        Gives media type and bytes of a picture.
    bibliography
        References by key.
    run
        Run id, shown with every number.
    """
    writer = Writer(load, bibliography, run)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    verdicts = [writer.verdict(verdict) for verdict in paper.verdicts]
    key_table = writer.table(paper.key_table)
    sections = [(s.name, s.title, s.sections, writer.section(s)) for s in paper.sections]
    return environment.from_string(template).render(
        paper=paper,
        stylesheet=Markup(stylesheet),
        verdicts=verdicts,
        key_table=key_table,
        sections=sections,
        references=[bibliography[key] for key in writer.cited],
        run=run,
    )
