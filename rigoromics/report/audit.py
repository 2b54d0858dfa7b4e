"""The acquisition audit in the paper: the warning on page one, methods, results."""

from __future__ import annotations

import pandas as pd

from rigoromics.audit.differences import COHORTS
from rigoromics.audit.sentences import factor_name
from rigoromics.audit.study import IN_MODEL, NOT_APART, YES
from rigoromics.report.registry import SourcedTable
from rigoromics.report.study import StudyTables
from rigoromics.report.text import (
    Block,
    Figure,
    Folded,
    Paragraph,
    Part,
    Section,
    Table,
    Text,
    Verdict,
    enumerate_texts,
    join,
    paragraphs,
    say,
    words,
)
from rigoromics.report.wording import listing, plain, sentence_case

_PREFIX = "Confounded protocol: "
_MOST_BATCHES = 8
_FINDINGS = {"separates": "wholly separates", "predicts": "strongly", "differs": "differs"}


def warnings(study: StudyTables) -> tuple[Verdict, ...]:
    """Return the box of the first page that says how the protocol is confounded, if it is."""
    if not study.shouts:
        return ()
    said = [sentence_case(text.removeprefix(_PREFIX)) for text in study.shouts]
    source = study.audit["differences"].source if "differences" in study.audit else None
    return (Verdict("confounded", say("Confounded protocol"), (" ".join(said),), source=source),)


def methods(study: StudyTables) -> Section | None:
    """Return how the acquisition was audited; None where no header or column says anything."""
    if not _has_factors(study):
        return None
    compared = say(
        "Scanner and protocol were read from the images' headers{tables}; a header that is silent "
        "counts as a level of its own, and nothing was filled in. Cohorts and outcome groups were "
        "compared in every factor by Kruskal-Wallis tests (numbers), Fisher's exact tests or "
        "chi-square tests against {n} permutations (levels), with false discovery rates "
        "controlled over the factors of each comparison [@benjamini1995].",
        tables="" if study.from_images else " or from columns of the feature tables",
        n=study.setting("audit.permutations"),
    )
    explained = say(
        "What each factor explains of a feature beyond all others was estimated in development "
        "patients, without their outcomes, by a linear model of the feature's normal scores on "
        "all factors that can be told apart (type II sums of squares; scanner model, software and "
        "manufacturer beyond the physics of the scan, and that without them), as partial omega "
        "squared, "
        "which unlike eta squared does not grow with the number of levels [@olejnik2003]; F tests "
        "were corrected over all features and factors [@benjamini1995]. Levels of fewer than "
        "{least} patients were pooled. A factor was taken to change features when the sum of what "
        "it explains over all features exceeded that under permuted residuals [@freedman1983], "
        "at a level of {alpha} after Holm's correction over factors.",
        least=study.setting("audit.min_group"),
        alpha=study.setting("audit.alpha"),
    )
    return Section("audit-methods", "Acquisition audit", paragraphs(compared, explained))


def results(study: StudyTables, *, every: bool) -> Section | None:
    """Return what scanner and protocol do to the features, cohorts and outcome groups.

    `every` adds the comparisons that found nothing, folded away.
    """
    if not _has_factors(study):
        return None
    factors, differences = study.audit["factors"], study.audit["differences"]
    blocks: list[Block] = [
        Paragraph(_effects(study, factors)),
        Paragraph(_groups(study, differences)),
    ]
    if "audit" in study.pictures:
        caption = say(
            "Which factor of acquisition changes which family of features (number of features in "
            "brackets), in development patients. Upper number and colour: share of the family's "
            "features that the factor changes beyond all other factors, false discovery rate "
            "controlled. Lower number: median share of a feature's variance that it explains "
            "(partial omega squared). At the right: test of all features together."
        )
        blocks.append(Figure("audit", study.pictures["audit"], caption, 0.9))
    blocks.append(_factor_table(study, factors))
    blocks += _difference_tables(study, differences, every)
    blocks += _batch_tables(study)
    return Section("acquisition", "Acquisition", tuple(blocks))


def _has_factors(study: StudyTables) -> bool:
    return "factors" in study.audit and len(study.audit["factors"].frame) > 0


def _several_scans(table: SourcedTable) -> bool:
    return table.frame["scan"].nunique() > 1


def _scan(name: str) -> str:
    return plain(str(name).replace(".", " "))


def _effects(study: StudyTables, factors: SourcedTable) -> Text:
    frame = factors.frame
    modelled = frame[frame["status"] == IN_MODEL]
    n = study.numbers.count(factors, {"status": IN_MODEL})
    if modelled.empty:
        return say(
            "No factor of acquisition differs between enough development patients for its effect "
            "on features to be estimated."
        )
    changing = modelled[modelled["changes_features"] == YES]
    first = say(
        "Of {n} factors of acquisition that differ between development patients and can be told "
        "apart, ",
        n=n,
    )
    if changing.empty:
        shown = say("none was shown to change features beyond the others.")
        return (*first, *shown, *_not_told_apart(frame))
    parts = []
    for row in changing.sort_values("median_omega2", ascending=False).to_dict("records"):
        selector = {"scan": row["scan"], "factor": row["factor"]}
        where = f" ({_scan(row['scan'])})" if _several_scans(factors) else ""
        parts.append(
            say(
                "{name}{where} changed {share} of features (median share of variance {omega}, {p})",
                name=factor_name(row["factor"]),
                where=where,
                share=study.numbers.cell(factors, selector, "affected_share", "percent"),
                omega=study.numbers.cell(factors, selector, "median_omega2", "plain"),
                p=study.numbers.cell(factors, selector, "p_adjusted", "p"),
            )
        )
    return (*first, *enumerate_texts(parts), ".", *_not_told_apart(frame))


def _not_told_apart(frame: pd.DataFrame) -> Text:
    """Return which factors go with features that other factors may as well have changed."""
    names = list(
        dict.fromkeys(
            factor_name(name)
            for name in frame.loc[frame["changes_features"] == NOT_APART, "factor"]
        )
    )
    if not names:
        return say(" No effect was shown of the others.")
    return say(
        " {names} went with features only as far as other factors were left aside: whose effect "
        "it is cannot be told.",
        names=sentence_case(listing(names)),
    )


def _groups(study: StudyTables, differences: SourcedTable) -> Text:
    """Return in words which comparisons found differences."""
    frame = differences.frame
    if frame.empty:
        return say("Neither cohorts nor outcome groups could be compared in any factor.")
    texts = []
    for comparison, rows in frame.groupby("comparison", sort=False):
        hits = rows[rows["finding"] != ""]
        called = _comparison(study, str(comparison))
        who = called if comparison == COHORTS else f"Outcome groups of {called}"
        names = list(dict.fromkeys(factor_name(name) for name in hits["factor"]))
        texts.append(
            say("{who} differed in {names}.", who=who, names=enumerate_texts([(n,) for n in names]))
            if names
            else say("{who} were not shown to differ in any factor.", who=who)
        )
    return join(texts)


def _comparison(study: StudyTables, name: str) -> str:
    """Return a comparison as the paper calls it: the endpoint by its label, the cohorts' part."""
    endpoint, bracket, role = name.rpartition(" (")
    labels = {each.name: each.label for each in study.endpoints}
    return f"{labels.get(endpoint, endpoint)} ({role}" if bracket else sentence_case(name)


def _factor_table(study: StudyTables, factors: SourcedTable) -> Table:
    several = _several_scans(factors)
    body = []
    for row in factors.frame.to_dict("records"):
        selector = {"scan": row["scan"], "factor": row["factor"]}
        name = sentence_case(factor_name(row["factor"]))
        cells: list[Part] = [f"{name} ({_scan(row['scan'])})" if several else name]
        alone = row["alone_share"] == row["alone_share"]
        cells.append(
            study.numbers.cell(factors, selector, "alone_share", "percent") if alone else "–"
        )
        if row["status"] == IN_MODEL:
            cells += [
                study.numbers.cell(factors, selector, "affected_share", "percent"),
                study.numbers.cell(factors, selector, "median_omega2", "plain"),
                study.numbers.cell(factors, selector, "p_adjusted", "p value"),
            ]
        else:
            cells += ["–", "–", "–"]
        notes = [str(row["note"]), "not told from others" * (row["changes_features"] == NOT_APART)]
        told = str(row["note"]).startswith("told by")
        cells.append("; ".join(filter(None, notes[:1] if told else notes)))
        body.append(words(*cells))
    return Table(
        name="audit-factors",
        caption=say("What each factor of acquisition does to the features."),
        columns=("Factor", "Alone", "Beyond others", "Median ω²", "p", "Remark"),
        rows=tuple(body),
        note=say(
            "Development patients. Alone, beyond others: share of features changed, false "
            "discovery rate controlled, with no other factor and with all others in the model. ω²: "
            "partial omega squared, the share of a feature's variance that the factor explains "
            "beyond the others. A factor that others tell cannot be told from them: what is said "
            "of those may be due to it. p: all features together, beyond the others, Holm's "
            "correction. Source: {source}.",
            source=factors.source.name,
        ),
    )


def _difference_tables(
    study: StudyTables, differences: SourcedTable, with_every: bool
) -> list[Block]:
    frame = differences.frame
    several = len(frame) > 0 and _several_scans(differences)
    shown, every = [], []
    for row in frame.to_dict("records"):
        selector = {name: row[name] for name in ("scan", "comparison", "factor")}
        name = sentence_case(factor_name(row["factor"]))
        line = words(
            sentence_case(_comparison(study, str(row["comparison"]))),
            f"{name} ({_scan(row['scan'])})" if several else name,
            str(row["summary"]),
            study.numbers.cell(differences, selector, "effect", "plain"),
            study.numbers.cell(differences, selector, "p_adjusted", "p value"),
            _FINDINGS.get(str(row["finding"]), "–"),
        )
        every.append(line)
        if row["finding"]:
            shown.append(line)
    head = ("Comparison", "Factor", "Groups", "Effect", "p", "Difference")
    note = say(
        "Effect: Cramér's V, corrected for bias (levels), or epsilon squared (numbers). p: false "
        "discovery rate over the factors of a comparison. Groups of external patients are "
        "described and decide nothing. Source: {source}.",
        source=differences.source.name,
    )
    blocks: list[Block] = []
    if shown:
        caption = say("Factors of acquisition in which cohorts or outcome groups differ.")
        blocks.append(Table("audit-differences", caption, head, tuple(shown), note, left=3))
    if with_every and len(every) > len(shown):
        caption = say("Every comparison of acquisition.")
        table = Table("audit-every", caption, head, tuple(every), note, left=3, numbered=False)
        blocks.append(Folded("Show every comparison of acquisition", (table,)))
    return blocks


def _batch_tables(study: StudyTables) -> list[Block]:
    table = study.audit.get("batches")
    if table is None or table.frame.empty:
        return []
    body = []
    for row in table.frame.head(_MOST_BATCHES).to_dict("records"):
        selector = {"batch": row["batch"]}
        mark = " (in use)" if row["configured"] == "yes" else ""
        share = row["features_affected"]
        body.append(
            words(
                f"{' and '.join(factor_name(n) for n in str(row['batch']).split('+'))}{mark}",
                study.numbers.cell(table, selector, "levels"),
                study.numbers.cell(table, selector, "smallest"),
                "–"
                if share != share
                else study.numbers.cell(table, selector, "features_affected", "percent"),
                study.numbers.cell(table, selector, "outcome_v", "plain"),
                str(row["reason"]),
            )
        )
    caption = say("Candidate batches for ComBat.")
    note = say(
        "Smallest: patients in the smallest batch. Features: share that the batch changes. "
        "Outcome: Cramér's V of batch and outcome in development patients. A proposal, for a "
        "person to judge: nothing is harmonised because of it. Source: {source}.",
        source=table.source.name,
    )
    head = ("Batch", "Batches", "Smallest", "Features", "Outcome", "Judgement")
    return [Table("audit-batches", caption, head, tuple(body), note)]
