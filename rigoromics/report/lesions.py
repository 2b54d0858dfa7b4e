"""Rules for several lesions of a patient, compared."""

from __future__ import annotations

from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import Part, Table, Text, say, words
from rigoromics.report.wording import feature_name, metric_name, model_name, signature_name

RULES = {
    "largest": "Largest lesion",
    "smallest": "Smallest lesion",
    "mean": "Mean of all lesions",
    "median": "Median of all lesions",
    "volume_weighted": "Mean weighted by volume",
    "worst": "Worst lesion",
}


def lesions_table(study: StudyTables, endpoint: Endpoint) -> Table | None:
    """Return how the primary signature does with each rule, if the study compares them."""
    if "lesions" not in endpoint.tables:
        return None
    source = endpoint.tables["lesions"]
    body: list[tuple[Text, ...]] = []
    for rule in source.frame["alternative"]:
        where = {"alternative": rule}
        own = rule == study.config["lesions"]["rule"]
        against: list[Part] = ["", "", ""]
        if not own:
            against = [
                study.numbers.interval(source, where, "difference", brief=True),
                *(study.numbers.cell(source, where, p, "p value") for p in ("p", "p_adjusted")),
            ]
        name = f"{RULES[rule]} (the study's rule)" if own else RULES[rule]
        estimate = study.numbers.interval(source, where, brief=True)
        body.append(words(name, estimate, *against))
    tests = source.frame["test"].dropna()
    worst = ""
    if "worst" in set(source.frame["alternative"]):
        worst = f"Worst: highest {feature_name(study.config['lesions']['worst_by'])}. "
    return Table(
        name=f"{endpoint.name}-lesions",
        caption=say(
            "Which lesions speak for a patient: the {signature} signature ({model}) built with "
            "each rule, cross-validated on the same folds: {label}. {metric} with 95% interval.",
            signature=signature_name(endpoint.primary["signature"]),
            model=model_name(endpoint.primary["model"]),
            label=endpoint.label,
            metric=metric_name(endpoint.metric),
        ),
        columns=("Rule", metric_name(endpoint.metric), "Difference", "p", "p, corrected"),
        rows=tuple(body),
        note=say(
            "The rule was named beforehand; the others were built in development alone, and no "
            "external patient was looked at. {worst}Difference: less the study's rule. Test: "
            "{test}. Corrected by Holm's method over the rules. Source: {source}.",
            worst=worst,
            test=str(tests.iloc[0]),
            source=source.source.name,
        ),
    )
