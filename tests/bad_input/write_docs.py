"""Rewrite docs/reference/refusals.md from what the study of bad input really says.

Run it from the project's top folder: python -m tests.bad_input.write_docs
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bad_input.cohort import kinds_by_area
from tests.bad_input.kinds import KINDS
from tests.bad_input.said import Said, run, shown

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/refusals.md"
OPENING = """# What is refused, repaired or noted, and in which words

{count} kinds of bad input, each thrown at a whole study by the test suite: one spoiled patient per
kind, next to sound ones. The study always ends with the rest of its patients. *Refused* keeps the
scan or the segmentation out, *repaired* changes something and says so, *noted* changes nothing.
The messages are those of `sheet/problems.tsv` and `features/problems.tsv`, which have the patient's
key, scan, ROI and rater in columns beside them; `private/problems.tsv` adds names and paths.

This page is written by `python -m tests.bad_input.write_docs`; a test keeps it in step."""


def page(said: Said) -> str:
    """Return the page."""
    parts = [OPENING.format(count=len(KINDS))]
    for area, kinds in kinds_by_area().items():
        parts.append(f"\n## {area}\n\n| What is wrong | Becomes | What it says | What to do |")
        parts.append("|---|---|---|---|")
        for kind in kinds:
            row = said.of(kind).iloc[0]
            cells = [kind.what, row["severity"], shown(row["problem"]), shown(row["remedy"])]
            parts.append(f"| {' | '.join(cells)} |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(run(Path(folder, "project"))), encoding="utf-8")
