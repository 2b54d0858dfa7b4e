"""The paper as blocks: which sections the report and the manuscript have, in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import yaml

from rigoromics.report import (
    audit,
    exploratory,
    methods_data,
    methods_models,
    methods_time,
    results_data,
    summary,
    treatment,
)
from rigoromics.report.limitations import limitations
from rigoromics.report.registry import Number
from rigoromics.report.results_model import endpoint_results
from rigoromics.report.study import StudyTables
from rigoromics.report.supplement import supplement
from rigoromics.report.text import (
    Block,
    Bullets,
    Code,
    Folded,
    Paragraph,
    Section,
    Table,
    Verdict,
    say,
    words,
)

_SHEETS_IN_HTML = 6
_SHEETS_IN_PDF = 1


@dataclass(frozen=True)
class Paper:
    """What both documents are made of."""

    title: str
    authors: tuple[str, ...]
    affiliation: str
    date: str
    note: str
    keywords: str
    verdicts: tuple[Verdict, ...]
    key_table: Table
    abstract: Section
    sections: tuple[Section, ...]


def _paper(study: StudyTables, sections: Callable[[StudyTables], tuple[Section, ...]]) -> Paper:
    about = study.config["paper"]
    # The first page is written first: the list of numbers, at the end, then has them all.
    first_page = summary.key_table(study), summary.abstract(study)
    return Paper(
        title=about["title"],
        authors=tuple(about["authors"]),
        affiliation=about["affiliation"],
        date=about["date"],
        note=about["note"],
        keywords=summary.keywords(study),
        verdicts=(*audit.warnings(study), *summary.verdicts(study)),
        key_table=first_page[0],
        abstract=first_page[1],
        sections=sections(study),
    )


def report(study: StudyTables) -> Paper:
    """Return the HTML report: results first, then how they came about."""
    return _paper(study, _report_sections)


def _report_sections(study: StudyTables) -> tuple[Section, ...]:
    results = _present(
        results_data.patients(study),
        results_data.images(study, _SHEETS_IN_HTML),
        results_data.problems(study),
        audit.results(study, every=True),
        results_data.stability(study, every=True),
        *(endpoint_results(study, endpoint) for endpoint in study.endpoints),
        supplement(study),
        exploratory.results(study),
    )
    return (
        *results,
        Section("limitations", "Limitations", (Bullets(limitations(study)),)),
        methods(study),
        Section("todo", "Left for the authors", (Bullets(_LEFT),)),
        provenance(study),
    )


def manuscript(study: StudyTables) -> Paper:
    """Return the manuscript: introduction, methods, results, discussion, statements."""
    return _paper(study, _manuscript_sections)


def _manuscript_sections(study: StudyTables) -> tuple[Section, ...]:
    results = _present(
        results_data.patients(study),
        results_data.images(study, _SHEETS_IN_PDF),
        audit.results(study, every=False),
        results_data.stability(study, every=False),
        *(endpoint_results(study, endpoint) for endpoint in study.endpoints),
    )
    return (
        Section("introduction", "Introduction", tuple(Paragraph(t, todo=True) for t in _INTRO)),
        methods(study),
        Section("results", "Results", sections=results),
        discussion(study),
        statements(study),
        *_present(supplement(study), exploratory.results(study)),
    )


def methods(study: StudyTables) -> Section:
    """Return the methods, one section per stage that ran."""
    stages: list[Callable[[StudyTables], Section | None]] = [
        methods_data.design,
        methods_data.images,
        methods_data.features,
        methods_time.lesions_and_timepoints,
        audit.methods,
        methods_data.stability,
        methods_models.harmonisation,
        methods_models.selection,
        methods_models.validation,
        methods_models.controls,
        treatment.methods,
        exploratory.methods,
        methods_models.software,
    ]
    return Section("methods", "Methods", sections=_present(*(stage(study) for stage in stages)))


_INTRO = (
    say("The disease, the decision that a prediction would serve, and who would use it."),
    say("What is known, which models exist, and why imaging might add to them."),
    say("The objectives: what is developed, what is validated, in whom."),
)
_LEFT = (
    say("Title, introduction, and the place of the findings among earlier work."),
    say("Eligibility criteria, dates and setting; the reference standard and who assessed it."),
    say("Who segmented, with which experience and tool, and blinded to what."),
    say("Patient preparation, contrast protocol, and treatments."),
    say("Ethics approval and consent, funding, conflicts of interest, registration."),
    say("Practical implications and next steps."),
)


def discussion(study: StudyTables) -> Section:
    """Return what a discussion can say without its authors: the verdicts and the limits."""
    found = [
        Paragraph((str(endpoint.verdict["sentence"]),))
        for endpoint in study.endpoints
        if endpoint.verdict
    ]
    place = Paragraph(
        say("How this compares with earlier work, and what follows for practice."), todo=True
    )
    limits: tuple[Block, ...] = (
        Paragraph(say("The following limits are read from the data themselves.")),
        Bullets(limitations(study)),
    )
    return Section(
        "discussion",
        "Discussion",
        (*found, place),
        (Section("limitations", "Limitations", limits),),
    )


def statements(study: StudyTables) -> Section:
    """Return the statements that journals ask for."""
    code = say(
        "The workflow, its resolved configuration, feature settings, feature tables, locked "
        "signatures and all tables behind this paper are in the folder of the run {run}.",
        run=study.numbers.run,
    )
    asked = say(
        "Ethics approval and consent; data sharing; funding; conflicts of interest; registration "
        "and protocol; involvement of patients and the public."
    )
    return Section("statements", "Statements", (Paragraph(code), Paragraph(asked, todo=True)))


def provenance(study: StudyTables) -> Section:
    """Return what ran on what, and how to run it again."""
    rows = [
        words("Study", str(study.config["name"])),
        words("Run", study.numbers.run),
        words("Configuration, SHA-256", study.config_sha256),
        words("Seed", str(study.config["seed"])),
        *(words(name, version) for name, version in sorted(study.versions.items())),
    ]
    run = Table("run", say("This run."), ("", ""), tuple(rows), left=2, numbered=False)
    files = Table(
        "inputs",
        say("Files this report was made from."),
        ("File", "Made by", "SHA-256"),
        tuple(words(*row) for row in study.files),
        left=3,
        numbered=False,
    )
    settings = yaml.safe_dump(dict(study.config), sort_keys=False, allow_unicode=True, width=96)
    again = Paragraph(
        say(
            "To run it again: check out this version of the workflow, put the raw data and the "
            "configuration in place, and type “snakemake --cores all”. What has not changed is "
            "not run again; the same inputs give the same bytes. In MLflow (“make mlflow”) the "
            "run is called “{study} {run}”.",
            study=str(study.config["name"]),
            run=study.numbers.run,
        )
    )
    blocks: tuple[Block, ...] = (
        run,
        again,
        Folded("Show the files and their hashes", (files,)),
        Folded("Show the resolved configuration", (Code(settings),)),
        Folded("Show every number of this report and where it comes from", (numbers_table(study),)),
    )
    return Section("settings", "Provenance", blocks)


def numbers_table(study: StudyTables) -> Table:
    """Return every number used so far, with its origin."""
    return origins(study.numbers.numbers, "numbers")


def origins(numbers: list[Number], name: str) -> Table:
    """Return numbers with the table, row and column they come from."""
    rows = tuple(
        words(n.text, n.source.name, n.row, n.column, n.source.step, n.source.sha256[:12])
        for n in numbers
    )
    return Table(
        name,
        say("Numbers of the text and where they come from."),
        ("Number", "Table", "Row", "Column or computation", "Made by", "SHA-256, first 12"),
        rows,
        say("Full hashes are in numbers.json."),
        left=6,
        numbered=False,
    )


def _present(*sections: Section | None) -> tuple[Section, ...]:
    return tuple(section for section in sections if section is not None)
