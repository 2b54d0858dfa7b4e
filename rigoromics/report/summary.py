"""The first page: verdict, key numbers, abstract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rigoromics.report import rows as pick
from rigoromics.report.chance import permuted
from rigoromics.report.methods_models import (
    control_signatures,
    filtered,
    harmonised,
    tested,
)
from rigoromics.report.registry import SourcedTable
from rigoromics.report.results_model import (
    against_controls,
    calibration,
    discrimination,
    permutation,
)
from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import Paragraph, Part, Section, Table, Text, Verdict, join, say, words
from rigoromics.report.wording import (
    listing,
    metric_name,
    model_name,
    p_value,
    plain,
    sentence_case,
)

LEVELS = {
    "evidence": "Evidence",
    "weak": "Weak evidence",
    "none": "No evidence",
    "internal only": "Internal validation only",
}


def verdicts(study: StudyTables) -> tuple[Verdict, ...]:
    """Return what the study shows, one box per endpoint, the primary endpoint first."""
    boxes = []
    for number, endpoint in enumerate(study.endpoints):
        verdict = endpoint.verdict
        if not verdict:
            continue
        level = str(verdict.get("level", "none"))
        primary = " (primary endpoint)" if number == 0 and len(study.endpoints) > 1 else ""
        reasons = tuple(
            (bool(reason.get("met")), _reason(reason)) for reason in verdict.get("reasons", [])
        )
        _record(study, endpoint)
        title = say(
            "{level} · {label}{primary}",
            level=LEVELS.get(level, level),
            label=endpoint.label,
            primary=primary,
        )
        caveats = tuple((str(text),) for text in verdict.get("caveats", []))
        sentence = (str(verdict["sentence"]),)
        boxes.append(Verdict(level, title, sentence, reasons, caveats, endpoint.verdict_source))
    return tuple(boxes)


def _reason(reason: Mapping[str, Any]) -> Text:
    extra = "" if reason.get("required", True) else " (Reported; the verdict does not need it.)"
    return (f"{reason['text']}{extra}",)


def _record(study: StudyTables, endpoint: Endpoint) -> None:
    """Enter the numbers of a verdict's sentence among those of the paper."""
    for number in endpoint.verdict.get("numbers", []):
        table = endpoint.tables.get(str(number["table"]).removesuffix(".tsv"))
        columns = ("estimate", "lower", "upper", "events", "difference", "p_adjusted", "p", "n")
        name = str(number["name"])
        column = next((c for c in columns if name == c or name.endswith(f"_{c}")), "")
        if table is not None and column and len(table.where(_known(table, number["row"]))) == 1:
            study.numbers.cell(table, _known(table, number["row"]), column, "plain")


def _known(table: SourcedTable, row: Mapping[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if column in table.frame.columns}


def key_table(study: StudyTables) -> Table:
    """Return the few numbers that matter, one row per endpoint and signature."""
    outside = bool(study.external)
    body: list[tuple[Text, ...]] = []
    heads: set[int] = set()
    for endpoint in study.endpoints:
        heads.add(len(body))
        metric = metric_name(endpoint.metric)
        blanks = [""] * (2 if outside else 1)
        body.append(words(f"{sentence_case(endpoint.label)}: {metric}", *blanks))
        for signature, name in _NAMES.items():
            cells = [_cell(study, endpoint, pick.DEVELOPMENT, signature)]
            cells += [_cell(study, endpoint, "external", signature)] if outside else []
            if set(cells) != {"–"}:
                body.append(words(f"   {name}", *cells))
        body.append(_permutation_row(study, endpoint, outside))
    columns = ("", "Development, cross-validated", *(["External"] if outside else []))
    return Table(
        name="key-numbers",
        caption=say("Key numbers: estimate with 95% confidence interval; 0.5 is chance."),
        columns=columns,
        rows=tuple(body),
        note=say(
            "Primary model of each endpoint: {models}.",
            models=listing(
                [f"{model_name(e.primary['model'])} ({e.label})" for e in study.endpoints]
            ),
        ),
        heads=frozenset(heads),
        numbered=False,
    )


_NAMES = {
    "radiomics": "Radiomics",
    "combined": "Radiomics and clinical combined",
    "stacked": "Radiomics risk stacked on clinical",
    "clinical": "Clinical alone",
    "volume": "Volume alone",
    "shuffled": "Radiomics of shuffled voxels",
    "deep": "Outside score alone",
    "deep_stacked": "Radiomics risk stacked on the outside score",
}


def _cell(study: StudyTables, endpoint: Endpoint, split: str, signature: str) -> Part:
    selector = endpoint.selector(split, endpoint.metric, signature)
    if selector is None:
        return "–"
    return study.numbers.interval(endpoint.tables["metrics"], selector, brief=True)


def _permutation_row(study: StudyTables, endpoint: Endpoint, outside: bool) -> tuple[Text, ...]:
    table = endpoint.tables.get("permutation")
    p = permuted(table.frame)[1] if table is not None else float("nan")
    if table is None or p != p:
        shown: Part = "not run"
    else:
        row = "permutation>=0 against permutation=-1"
        how = "(1 + rows at least as large) / (1 + rows)"
        shown = study.numbers.derived(table, p, p_value(p), row, how)
    name = _NAMES.get(endpoint.primary["signature"], endpoint.primary["signature"])
    return words(f"   {name}, p by permuted outcomes", shown, *([""] if outside else []))


def abstract(study: StudyTables) -> Section:
    """Return the structured abstract; its numbers are those of the tables."""
    sections = []
    background = Paragraph(
        say("Why this question matters, and what is known: one or two sentences."), todo=True
    )
    sections.append(Section("abstract-background", "Background", (background,)))
    sections.append(Section("abstract-methods", "Methods", (Paragraph(_methods(study)),)))
    results = []
    for endpoint in study.endpoints:
        label = sentence_case(endpoint.label)
        texts = [
            discrimination(study, endpoint),
            permutation(study, endpoint),
            against_controls(study, endpoint),
            calibration(study, endpoint),
        ]
        lead = say("{label}: ", label=label) if len(study.endpoints) > 1 else ()
        # A secondary endpoint has its say in the results section.
        chosen = texts if endpoint is study.endpoints[0] else texts[:1]
        results.append(Paragraph((*lead, *join(chosen))))
    sections.append(Section("abstract-results", "Results", tuple(results)))
    conclusion = [str(e.verdict["sentence"]) for e in study.endpoints if e.verdict]
    sections.append(
        Section("abstract-conclusion", "Conclusion", (Paragraph((" ".join(conclusion),)),))
    )
    return Section("abstract", "Abstract", sections=tuple(sections))


def _methods(study: StudyTables) -> Text:
    n = study.numbers.count(study.patients, {"study.role": "development"})
    k = len(study.features)
    m = study.numbers.count(study.patients, {"study.role": "external"})
    sample = (
        say("{n} patients for development and {m} external ones", n=n, m=m)
        if study.external
        else say("{n} patients", n=n)
    )
    endpoints = listing([e.label for e in study.endpoints])
    stable = "a stability filter, " if filtered(study) else ""
    combat = "ComBat, " if harmonised(study) else ""
    return say(
        "{k} radiomic features of {sample} were used to predict {endpoints}. All learning "
        "({combat}{stable}selection, tuning, cut-offs) took place inside nested cross-validation "
        "split by patient{locked}.{controls}",
        k=study.numbers.derived(study.patients, k, str(k), "header", "feature columns"),
        sample=sample,
        endpoints=endpoints,
        combat=combat,
        stable=stable,
        locked=_locked(study),
        controls=_controls(study),
    )


def _locked(study: StudyTables) -> str:
    if not any(tested(study).values()):
        return "; no external patient has a known outcome" if study.external else ""
    settings = study.config["harmonisation"]
    both = settings["method"] != "none" and settings["unseen"] != "refuse"
    policies = ", under both policies for unseen batches" if both else ""
    return f"; the locked signatures were applied, as locked, to external patients{policies}"


def _controls(study: StudyTables) -> str:
    known = {
        "volume": "volume alone",
        "clinical": "clinical variables",
        "shuffled": "shuffled voxels",
    }
    names = [known[name] for name in control_signatures(study)]
    names += ["permuted outcomes"] if study.config["controls"]["permutations"] else []
    return f" Controls were {listing(names)}." if names else " There were no negative controls."


def keywords(study: StudyTables) -> str:
    """Return keywords for the title page."""
    words_ = ["radiomics", *(e.label for e in study.endpoints)]
    if study.from_images:
        words_ += sorted({scan["modality"] for scan in study.config["scans"].values()})
    words_ += ["reproducibility", "negative controls"]
    return "; ".join(plain(word) for word in words_)
