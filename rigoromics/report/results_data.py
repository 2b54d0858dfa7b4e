"""Results, first half: patients, images, stability, harmonisation."""

from __future__ import annotations

from rigoromics.report import stability as stable
from rigoromics.report.acquisition import acquisition_tables
from rigoromics.report.flow_figure import exclusion_reasons
from rigoromics.report.performance import problems_summary
from rigoromics.report.registry import Number
from rigoromics.report.results_types import sizes_text
from rigoromics.report.study import StudyTables
from rigoromics.report.table_one import table_one
from rigoromics.report.text import (
    Block,
    Figure,
    Folded,
    Paragraph,
    Section,
    Table,
    Text,
    enumerate_texts,
    join,
    say,
    words,
)
from rigoromics.report.wording import fixed, plural, sentence_case, sizes


def _step(study: StudyTables, step: str) -> Number:
    rows = study.flow.where({"step": step})
    n = int(rows["n"].sum())
    return study.numbers.derived(study.flow, n, str(n), f"step={step}", "sum of n")


def patients(study: StudyTables) -> Section:
    """Return who was identified, who left and why, and who they are."""
    blocks: list[Block] = [Paragraph(_flow_text(study))]
    if "flow" in study.pictures:
        caption = say("Flow of patients: identified, excluded with reasons, and analysed.")
        width = min(1.0, 0.32 * study.flow.frame["cohort"].nunique() + 0.1)
        blocks.append(Figure("flow", study.pictures["flow"], caption, width))
    blocks += [table_one(study)]
    return Section("patients", "Patients", tuple(blocks))


def _flow_text(study: StudyTables) -> Text:
    excluded = study.numbers.count(study.exclusions, {})
    n_excluded = len(study.exclusions.frame)
    first = say(
        "Of {identified} patients identified, {analysed} had features and were analysed",
        identified=_step(study, "identified"),
        analysed=_step(study, "with features"),
    )
    if not n_excluded:
        return (*first, *say(" and none was excluded."), *_events(study))
    reasons = exclusion_reasons(study.exclusions.frame.assign(cohort=""), "")
    shown: list[Text] = []
    for reason, n in reasons[:3]:
        number = study.numbers.derived(study.exclusions, n, str(n), f"reason={reason}", "rows")
        shown.append(say("{reason} ({n})", reason=reason, n=number))
    most = "the most frequent reasons: " if len(reasons) > len(shown) else ""
    return (
        *first,
        *say(
            "; {n} {was} excluded ({most}{reasons}).",
            n=excluded,
            was=plural(n_excluded, "was", "were"),
            most=most,
            reasons=join(shown, ", "),
        ),
        *_events(study),
    )


def _events(study: StudyTables) -> Text:
    texts = []
    for endpoint in study.endpoints:
        parts = []
        for split, where in (("development_cv", "in development"), ("external", "outside")):
            selector = endpoint.selector(split, endpoint.metric)
            if selector is None:
                continue
            metrics = endpoint.tables["metrics"]
            events = study.numbers.cell(metrics, selector, "events")
            n = study.numbers.cell(metrics, selector, "n")
            parts.append(
                say("{events} events in {n} patients {where}", events=events, n=n, where=where)
                if sizes(endpoint.settings) == "events"
                else say(
                    "{n} patients {where} {counted}",
                    n=n,
                    where=where,
                    counted=sizes_text(endpoint, events),
                )
            )
        if parts:
            label = sentence_case(endpoint.label)
            texts.append(say(" {label}: {parts}.", label=label, parts=enumerate_texts(parts)))
    return join(texts, "")


def problems(study: StudyTables) -> Section:
    """Return what was wrong with the data; the full table is for the screen."""
    summary = problems_summary(study)
    if summary is None:
        return Section("problems", "Problems in the data", (Paragraph(say("None was found.")),))
    frame = study.problems.frame
    rows = tuple(
        words(
            str(row["severity"]),
            str(row["patient"]),
            " ".join(str(row[c]) for c in ("timepoint", "scan", "roi", "rater") if row[c]),
            str(row["problem"]),
            str(row["remedy"]),
        )
        for _, row in frame.head(500).iterrows()
    )
    every = Table(
        name="every-problem",
        caption=say("Every problem, with what to do about it."),
        columns=("Severity", "Patient", "Where", "Problem", "What to do"),
        rows=rows,
        note=say("The first 500 of {n}.", n=str(len(frame))) if len(frame) > 500 else (),
        left=5,
        numbered=False,
    )
    shown = plural(len(frame), "the one problem", f"all {len(frame)} problems")
    return Section("problems", "Problems in the data", (summary, Folded(f"Show {shown}", (every,))))


def images(study: StudyTables, most_sheets: int) -> Section | None:
    """Return acquisition, agreement between raters, and contact sheets; None without images."""
    tables = acquisition_tables(study)
    blocks: list[Block] = []
    agreement = _agreement(study)
    if agreement:
        blocks.append(Paragraph(agreement))
    blocks += tables
    for number, path in enumerate(study.contact_sheets[:most_sheets], start=1):
        caption = say(
            "Contact sheet {n}: three planes through the ROI with the contours of all raters.",
            n=str(number),
        )
        blocks.append(Figure(f"contact-sheet-{number}", path, caption, 0.9))
    return Section("imaging", "Images and segmentations", tuple(blocks)) if blocks else None


def _agreement(study: StudyTables) -> Text:
    if study.agreement is None or study.agreement.frame.empty:
        return ()
    frame = study.agreement.frame
    numbers: dict[str, Number] = {}
    measures = {"dice": 2, "hausdorff95_mm": 1, "mean_surface_mm": 1, "surface_dice": 2}
    for column, digits in measures.items():
        values = frame[column].astype(float).dropna()
        for q, name in ((0.25, "low"), (0.5, "middle"), (0.75, "high")):
            value = float(values.quantile(q)) if len(values) else float("nan")
            numbers[f"{column}_{name}"] = study.numbers.derived(
                study.agreement, value, fixed(value, digits), "all rows", f"{column}, quantile {q}"
            )
    n = len(frame)
    return say(
        "Raters agreed with a median Dice coefficient of {dice} (interquartile range {low} to "
        "{high}), a median 95th percentile Hausdorff distance of {distance} mm ({near} to {far}), "
        "a median mean surface distance of {surface} mm ({surface_near} to {surface_far}) and a "
        "median surface Dice coefficient of {share} ({share_low} to {share_high}), over {n} pairs "
        "of segmentations.",
        dice=numbers["dice_middle"],
        low=numbers["dice_low"],
        high=numbers["dice_high"],
        distance=numbers["hausdorff95_mm_middle"],
        near=numbers["hausdorff95_mm_low"],
        far=numbers["hausdorff95_mm_high"],
        surface=numbers["mean_surface_mm_middle"],
        surface_near=numbers["mean_surface_mm_low"],
        surface_far=numbers["mean_surface_mm_high"],
        share=numbers["surface_dice_middle"],
        share_low=numbers["surface_dice_low"],
        share_high=numbers["surface_dice_high"],
        n=study.numbers.derived(study.agreement, n, str(n), "all rows", "rows"),
    )


def stability(study: StudyTables, *, every: bool) -> Section | None:
    """Return how many features are stable, and how much of them is scanner."""
    blocks = stable.blocks(study, every=every)
    effect = _batch_effect(study)
    if effect:
        blocks.append(Paragraph(effect))
    if "harmonisation" in study.pictures:
        caption = say("Batch effect before and after harmonisation, judged on held-out patients.")
        blocks.append(Figure("harmonisation", study.pictures["harmonisation"], caption, 0.85))
    title = "Stability and harmonisation of features"
    return Section("feature-quality", title, tuple(blocks)) if blocks else None


def _batch_effect(study: StudyTables) -> Text:
    """Return how well the batch can be told from the features, before and after."""
    table = study.harmonisation
    if table is None or not {"stage", "measure", "value"} <= set(table.frame.columns):
        return ()
    found = {}
    for stage in ("before", "after"):
        selector = {"stage": stage, "measure": "auc"}
        if len(table.where(selector)) == 1:
            found[stage] = study.numbers.interval(table, selector, "value")
    if "before" not in found:
        return ()
    first = say(
        "A classifier told the batch of held-out development patients from their features with "
        "an AUC of {before}",
        before=found["before"],
    )
    if "after" not in found:
        return (*first, ".")
    name = "CovBat" if study.config["harmonisation"]["method"] == "covbat" else "ComBat"
    second = say(
        " before and {after} after {name} (0.5: no trace).", after=found["after"], name=name
    )
    values = table.frame[table.frame["measure"] == "auc"].set_index("stage")["value"]
    if values["after"] < values["before"]:
        return (*first, *second)
    return join([(*first, *second), say("Harmonisation made the batch no harder to tell.")])
