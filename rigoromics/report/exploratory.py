"""What a study explores beside its signatures: features one by one, and features against genes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rigoromics.report.registry import Number, Registry, SourcedTable
from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import (
    Block,
    Figure,
    Paragraph,
    Part,
    Section,
    Table,
    Text,
    join,
    paragraphs,
    say,
    words,
)
from rigoromics.report.wording import feature_name, plain, sentence_case

_MOST_PAIRS = 20
_SIGNIFICANT = 0.05
_CORRECTED = ("p", "q", "p, family-wise")
_OPTIMISTIC = (
    "Sensitivity and specificity at a cut-off chosen on the same patients are optimistic, and the "
    "best of many features more so; the intervals around them do not know of the choice."
)


def methods(study: StudyTables) -> Section | None:
    """Return how features were explored, if the study asked for it."""
    texts = [_univariate_methods(study), _genomics_methods(study)]
    found = paragraphs(*texts)
    return Section("exploration", "Exploratory analyses", found) if found else None


def results(study: StudyTables) -> Section | None:
    """Return what the exploration found, a section per endpoint and one of genes."""
    found = [*(univariate(study, endpoint) for endpoint in study.endpoints), genomics(study)]
    sections = tuple(section for section in found if section is not None)
    if not sections:
        return None
    text = say("None of this feeds a signature, and none of it is a validated result.")
    return Section(
        "exploratory", "Supplement: exploratory analyses", paragraphs(text), sections=sections
    )


def _univariate_methods(study: StudyTables) -> Text:
    if not any("univariate" in endpoint.tables for endpoint in study.endpoints):
        return ()
    return say(
        "Each feature was tested alone on development patients, as it was extracted: binary "
        "outcomes by the Mann-Whitney test, survival by a Cox model, ordinal and multiclass "
        "outcomes by the Kruskal-Wallis test. Cut-offs of binary outcomes maximise Youden's index "
        "[@youden1950], with a percentile interval of {samples} bootstrap samples; those of "
        "survival are the median. They were taken to external patients unchanged. The false "
        "discovery rate is that of Benjamini and Hochberg [@benjamini1995], the family-wise p "
        "that of {permutations} joint permutations of outcomes (maxT [@ge2003]).",
        samples=study.setting("univariate.bootstrap"),
        permutations=study.setting("univariate.permutations"),
    )


def _genomics_methods(study: StudyTables) -> Text:
    if study.genomics is None:
        return ()
    covariates = [plain(name) for name in study.config["genomics"]["covariates"]]
    return say(
        "Features of development patients were held against each column of a table of genes by "
        "Spearman's rank correlation, columns of two values by the Mann-Whitney test{partial}. "
        "The false discovery rate [@tusher2001; @storey2003] and the family-wise p come from "
        "{permutations} joint permutations of patients{residuals}.",
        partial=f", after {', '.join(covariates)} had been taken out of the ranks of both sides"
        if covariates
        else "",
        permutations=study.setting("genomics.permutations"),
        residuals=say(" (of residuals [@freedman1983])") if covariates else "",
    )


def univariate(study: StudyTables, endpoint: Endpoint) -> Section | None:
    """Return the features tested one by one against an endpoint."""
    if "univariate" not in endpoint.tables:
        return None
    blocks: list[Block] = [Paragraph(_found(study, endpoint))]
    if "univariate" in endpoint.figures:
        caption = "Features one by one: {label}, development patients."
        caption += (
            " Left: all features. Middle and right: the first by p, with the cut-offs chosen on "
            "these patients."
            if endpoint.kind == "binary"
            else ""
        )
        width = 1.0 if endpoint.kind == "binary" else 0.5
        blocks.append(
            Figure(
                f"{endpoint.name}-univariate",
                endpoint.figures["univariate"],
                say(caption, label=endpoint.label),
                width,
            )
        )
    tables = [_strongest(study, endpoint), _outside(study, endpoint)]
    blocks += [table for table in tables if table is not None]
    return Section(
        f"univariate-{endpoint.name}",
        f"Features one by one: {endpoint.label}",
        tuple(blocks),
    )


def _found(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return how many features hold after each correction."""
    source = endpoint.tables["univariate"]
    tested = source.frame[source.frame["p"].notna()]
    counts = {
        "tested": study.numbers.derived(
            source, len(tested), str(len(tested)), "all rows with a p", "rows"
        )
    }
    counts |= _sure(study.numbers, source, _SIGNIFICANT)
    sentence = say(
        "Of {tested} features that could be tested, {q} had a false discovery rate below "
        f"{_SIGNIFICANT:.0%} and {{p_maxt}} a family-wise p below {_SIGNIFICANT}.",
        **counts,
    )
    return join([sentence, say(_OPTIMISTIC) if endpoint.kind == "binary" else ()])


def _sure(numbers: Registry, source: SourcedTable, alpha: float) -> dict[str, Number]:
    """Return how many rows each correction leaves below a level."""
    counts = {name: int((source.frame[name] < alpha).sum()) for name in ("q", "p_maxt")}
    return {
        name: numbers.derived(source, n, str(n), f"all rows with {name} < {alpha:g}", "rows")
        for name, n in counts.items()
    }


def _tests(numbers: Registry, source: SourcedTable, selector: Mapping[str, Any]) -> list[Number]:
    """Return the cells of the columns `_CORRECTED`."""
    return [numbers.cell(source, selector, name, "p value") for name in ("p", "q", "p_maxt")]


_EFFECTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "auc": (
        ("auc", "AUC of high values"),
        ("cutoff", "Cut-off"),
        ("sensitivity", "Sensitivity"),
        ("specificity", "Specificity"),
    ),
    "hazard_ratio_per_sd": (("hazard_ratio_per_sd", "Hazard ratio per SD"),),
    "statistic": (("statistic", "Kruskal-Wallis statistic"),),
}


def _strongest(study: StudyTables, endpoint: Endpoint) -> Table | None:
    """Return the first features by p, as many as the picture shows."""
    source = endpoint.tables["univariate"]
    first = _first(study, source)
    if first.empty:
        return None
    effects = next(columns for name, columns in _EFFECTS.items() if name in source.frame)
    body = []
    for _, row in first.iterrows():
        selector = {"feature": row["feature"]}
        cells = [_effect(study.numbers, source, selector, row, name) for name, _ in effects]
        tests = _tests(study.numbers, source, selector)
        body.append(((feature_name(row["feature"]),), *cells, *words(*tests)))
    return Table(
        name=f"{endpoint.name}-univariate",
        caption=say(
            "The first features by p ({test}): {label}, development patients. Estimate with 95% "
            "interval.",
            test=str(first["test"].iloc[0]),
            label=endpoint.label,
        ),
        columns=("Feature", *(head for _, head in effects), *_CORRECTED),
        rows=tuple(body),
        note=say(
            "{sides}q: false discovery rate over all features. Every feature: {source}.",
            sides="≥, ≤: the side of the cut-off that counts as positive. "
            if "cutoff" in dict(effects)
            else "",
            source=source.source.name,
        ),
    )


def _first(study: StudyTables, source: SourcedTable) -> pd.DataFrame:
    known = source.frame[source.frame["p"].notna()]
    return known.head(int(study.config["univariate"]["top"]))


def _effect(
    numbers: Registry,
    source: SourcedTable,
    selector: Mapping[str, Any],
    row: pd.Series[Any],
    name: str,
) -> Text:
    if name == "statistic":
        return (numbers.cell(source, selector, name, "plain"),)
    if name != "cutoff":
        return (numbers.interval(source, selector, name, brief=True),)
    cutoff = numbers.interval(source, selector, name, brief=True, significant=True)
    return say("{side} {cutoff}", side="≥" if row["direction"] == "higher" else "≤", cutoff=cutoff)


def _outside(study: StudyTables, endpoint: Endpoint) -> Table | None:
    """Return the same cut-offs, unchanged, in each external cohort."""
    source = endpoint.tables["univariate_external"]
    first = list(_first(study, endpoint.tables["univariate"])["feature"])
    frame = source.frame[source.frame["feature"].isin(first)]
    if frame.empty:
        return None
    survival = "hazard_ratio" in frame
    columns = (
        (("hazard_ratio", "Hazard ratio, above to below the median"),)
        if survival
        else (
            ("auc", "AUC of high values"),
            ("sensitivity", "Sensitivity"),
            ("specificity", "Specificity"),
        )
    )
    body: list[tuple[Text, ...]] = []
    heads: set[int] = set()
    for cohort, rows in frame.groupby("cohort", sort=False):
        heads.add(len(body))
        body.append(words(sentence_case(plain(str(cohort))), *[""] * (len(columns) + 1 + survival)))
        for feature in (name for name in first if name in set(rows["feature"])):
            selector = {"cohort": cohort, "feature": feature}
            n, events = (study.numbers.cell(source, selector, c) for c in ("patients", "events"))
            cells: list[Part] = [
                study.numbers.interval(source, selector, name, brief=True) for name, _ in columns
            ]
            if survival:
                cells.append(study.numbers.cell(source, selector, "p_log_rank", "p value"))
            size = say("{n} ({events})", n=n, events=events)
            body.append(((f"   {feature_name(feature)}",), size, *words(*cells)))
    return Table(
        name=f"{endpoint.name}-univariate-external",
        caption=say(
            "The same features and cut-offs in external patients: {label}. Estimate with 95% "
            "interval.",
            label=endpoint.label,
        ),
        columns=(
            "Feature",
            "Patients (events)",
            *(head for _, head in columns),
            *(("Log-rank p",) if survival else ()),
        ),
        rows=tuple(body),
        note=say("Nothing was chosen here. Source: {source}.", source=source.source.name),
        heads=frozenset(heads),
    )


def genomics(study: StudyTables) -> Section | None:
    """Return the strongest pairs of features and genes."""
    source = study.genomics
    if source is None or source.frame.empty:
        return None
    alpha = float(study.config["genomics"]["alpha"])
    frame = source.frame
    # All rows are about the same patients.
    first = {name: frame[name].iloc[0] for name in ("feature", "gene")}
    text = say(
        "Of the {pairs} strongest pairs of feature and gene in {patients} development patients, "
        "{q} had a false discovery rate below {alpha} and {p_maxt} a family-wise p below it. An "
        "association is no mechanism: centres differ in both scanners and laboratories.",
        pairs=study.numbers.count(source, {}),
        patients=study.numbers.cell(source, first, "patients"),
        alpha=study.setting("genomics.alpha"),
        **_sure(study.numbers, source, alpha),
    )
    blocks: list[Block] = [Paragraph(text)]
    if "genomics" in study.pictures:
        caption = say(
            "Rank correlation of the features and genes with the strongest pairs, clustered; "
            "dots: false discovery rate below {alpha}.",
            alpha=study.setting("genomics.alpha"),
        )
        blocks.append(Figure("genomics", study.pictures["genomics"], caption, 0.9))
    return Section("genomics", "Features and genes", (*blocks, _pairs(study, source)))


def _pairs(study: StudyTables, source: SourcedTable) -> Table:
    body = []
    for _, row in source.frame.head(_MOST_PAIRS).iterrows():
        selector = {"feature": row["feature"], "gene": row["gene"]}
        tests = _tests(study.numbers, source, selector)
        r = study.numbers.cell(source, selector, "r", "plain")
        body.append(words(feature_name(row["feature"]), row["gene"], row["kind"], r, *tests))
    return Table(
        name="genomics",
        caption=say("The strongest pairs of features and genes."),
        columns=("Feature", "Gene", "Test", "r", *_CORRECTED),
        rows=tuple(body),
        note=say(
            "r: rank correlation. q: false discovery rate over all pairs, by permutation. More "
            "pairs: {source}; associations.html beside it sorts by any column.",
            source=source.source.name,
        ),
        left=3,
    )
