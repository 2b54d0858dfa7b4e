"""From typst source to PDF, the same bytes every time and without a network."""

from __future__ import annotations

from pathlib import Path

import typst

from rigoromics.errors import DataError


def compile_pdf(source: Path, pdf: Path) -> None:
    """Compile a typst file to PDF/A-2b.

    Only fonts that come with typst are used, so that the pages are the same on every machine; the
    timestamp is that of the epoch, so that the bytes are.

    Parameters
    ----------
    source
        The typst file; what it refers to lies in its folder or below.
    pdf
        The file to write.

    Raises
    ------
    DataError
        If typst cannot compile the source.
    """
    try:
        content = typst.compile(
            str(source),
            root=str(source.parent),
            ignore_system_fonts=True,
            pdf_standards="a-2b",
            timestamp=0,
        )
    except typst.TypstError as error:
        raise DataError(
            f"the manuscript could not be made: {error}",
            "please report it; the HTML report is not affected",
            source.name,
        ) from error
    pdf.write_bytes(content)
