"""What the paper says of the stability of features."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from rigoromics.report.registry import SourcedTable
from rigoromics.report.study import StudyTables
from rigoromics.report.text import Block, Figure, Folded, Paragraph, Table, Text, join, say, words
from rigoromics.report.wording import (
    FAMILIES,
    feature_name,
    fixed,
    percent,
    plain,
    sentence_case,
)

# How sentences name the designs, in the order of columns.
BETWEEN = {
    "raters": "between raters",
    "retest": "between test and retest",
    "perturbations": "between perturbations of image and contour",
}
HEADS = {"raters": "Raters", "retest": "Test and retest", "perturbations": "Perturbations"}


def in_order(designs: Iterable[str]) -> list[str]:
    """Return designs in the order in which the paper speaks of them."""
    there = {str(design) for design in designs}
    return [name for name in BETWEEN if name in there] + sorted(there - set(BETWEEN))


def blocks(study: StudyTables, *, every: bool) -> list[Block]:
    """Return text, picture and tables; `every` adds what only a screen has room for."""
    if study.stability is None or study.stability.frame.empty:
        return []
    found: list[Block] = [Paragraph(join([_counts(study, study.stability), _overlap(study)]))]
    if "stability" in study.pictures:
        caption = say(
            "Stability of features: intraclass correlation coefficients under each design, "
            "development patients only."
        )
        found.append(Figure("stability", study.pictures["stability"], caption, 0.85))
    tables = [_families(study), _sizes(study)] if every else []
    shown = tuple(table for table in tables if table is not None)
    if shown:
        found.append(Folded("Show stability by family and by size of the ROI", shown))
    return found


def predictors(study: StudyTables, features: Iterable[str], name: str) -> list[Block]:
    """Return, folded, a sentence on the stability of each of some features.

    Parameters
    ----------
    study
        The study.
    features
        Names as in the analysis table; those without a sentence are left out.
    name
        Identifier of the table, unique in the paper.
    """
    table = study.stability_tables.get("sentences")
    if table is None or table.frame.empty:
        return []
    said = dict(zip(table.frame["feature"], table.frame["sentence"], strict=True))
    rows = tuple(words(feature_name(f), str(said[f])) for f in features if f in said)
    if not rows:
        return []
    listed = Table(
        name=name,
        caption=say("How stable each predictor was, in development patients."),
        columns=("Predictor", "Stability"),
        rows=rows,
        note=say(
            "CV: coefficient of variation. Every feature: {source}.", source=table.source.name
        ),
        left=2,
        numbered=False,
    )
    return [Folded("Show how stable each predictor is", (listed,))]


def _counts(study: StudyTables, table: SourcedTable) -> Text:
    frame = table.frame
    texts = []
    for design in in_order(frame["design"]):
        rows = frame[frame["design"] == design]
        stable = int((rows["stable"].astype(str).str.lower() == "true").sum())
        where = f"design={design}"
        n = int(rows["n"].max())
        texts.append(
            say(
                "{name}, {stable} of {all} features were stable ({n} patients; median ICC "
                "{median}).",
                name=sentence_case(BETWEEN.get(design, plain(design))),
                stable=study.numbers.derived(
                    table, stable, str(stable), f"{where}, stable=True", "rows"
                ),
                all=study.numbers.derived(table, len(rows), str(len(rows)), where, "rows"),
                n=study.numbers.derived(table, n, str(n), where, "largest n"),
                median=study.numbers.derived(
                    table, float(rows["icc"].median()), fixed(rows["icc"].median()), where,
                    "median of icc",
                ),
            )
        )  # fmt: skip
    return join(texts)


def _overlap(study: StudyTables) -> Text:
    """Say how many features are stable under every design, where there are several."""
    table = study.stability_tables.get("overlap")
    if table is None or len(table.frame) < 4:
        return ()
    designs = str(table.frame["stable_under"].iloc[0])
    return say(
        "Under all of them, {all} features were stable; under none, {none}.",
        all=study.numbers.cell(table, {"stable_under": designs}, "features"),
        none=study.numbers.cell(table, {"stable_under": "none"}, "features"),
    )


def _families(study: StudyTables) -> Table | None:
    """Return how many features of each family and filter survive."""
    table = study.stability_tables.get("survivors")
    if table is None or table.frame.empty:
        return None
    frame = table.frame
    designs = in_order(frame["design"])
    counts = {
        (str(row["class"]), str(row["image_type"]), str(row["design"])): _share(row)
        for row in frame.to_dict("records")
    }
    keys = sorted({key[:2] for key in counts}, key=lambda key: (key[0], key[1] != "original", key))
    body = []
    for family, image in keys:
        cells = [counts.get((family, image, design), "–") for design in designs]
        body.append(words(FAMILIES.get(family, family), image, *cells))
    return Table(
        name="stability-families",
        caption=say("Stable features by family and image type, of all that were judged."),
        columns=("Family", "Image", *(HEADS.get(d, plain(d)) for d in designs)),
        rows=tuple(body),
        note=say("Source: {source}.", source=table.source.name),
        left=2,
        numbered=False,
    )


def _share(row: Mapping[Hashable, Any]) -> str:
    survived, judged = int(row["survived"]), int(row["judged"])
    return f"{survived} of {judged} ({percent(survived, judged)})"


def _sizes(study: StudyTables) -> Table | None:
    """Return the median ICC and coefficient of variation of each family, by size of the ROI."""
    table = study.stability_tables.get("sizes")
    if table is None or table.frame.empty:
        return None
    body = []
    for row in table.frame.to_dict("records"):
        cv = float(row["within_cv"])
        body.append(
            words(
                HEADS.get(str(row["design"]), plain(str(row["design"]))),
                FAMILIES.get(str(row["class"]), str(row["class"])),
                f"{row['size']} ({int(float(row['n']))} patients)",
                fixed(float(row["icc"])),
                f"{100 * cv:.0f}%" if cv == cv else "–",
            )
        )
    return Table(
        name="stability-sizes",
        caption=say("Stability by size of the ROI: patients in thirds by volume."),
        columns=("Design", "Family", "ROI", "Median ICC", "Median within-subject CV"),
        rows=tuple(body),
        note=say(
            "Patients of one third are more alike than all patients, which lowers the ICC whatever "
            "the repeats do; compare thirds by the coefficient of variation (CV), which is only "
            "given where a feature is positive throughout. Source: {source}.",
            source=table.source.name,
        ),
        left=3,
        numbered=False,
    )
