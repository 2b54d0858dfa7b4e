"""The table of how the primary signature does in subgroups."""

from __future__ import annotations

import pandas as pd

from rigoromics.evaluate.subgroups import HETEROGENEITY
from rigoromics.report import rows as pick
from rigoromics.report.registry import SourcedTable
from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import Table, Text, say, words
from rigoromics.report.wording import METRICS, metric_name, plain, sentence_case, signature_name


def subgroups_table(study: StudyTables, endpoint: Endpoint) -> Table | None:
    """Return the primary signature's performance by subgroup: outside, or in development alone."""
    frame = endpoint.frame("subgroups")
    own = pick.of_primary(frame, endpoint.primary) if len(frame) else frame
    if own.empty:
        return None
    source = endpoint.tables["subgroups"]
    split = "external" if "external" in set(own["split"]) else pick.DEVELOPMENT
    rows = pick.pooled(own, split)
    there = set(rows["metric"])
    metrics = [metric for metric in METRICS if metric in there]
    body: list[tuple[Text, ...]] = []
    heads: set[int] = set()
    for _, part in rows.groupby("variable", sort=False):
        heads.add(len(body))
        body += _variable(study, source, part, endpoint.metric, metrics)
    return Table(
        name=f"{endpoint.name}-subgroups",
        caption=say(
            "The {signature} signature in subgroups ({split}): {label}. Estimate with 95% "
            "interval.",
            signature=signature_name(endpoint.primary["signature"]),
            split=pick.SPLITS[split].lower(),
            label=endpoint.label,
        ),
        columns=("", "Patients (events)", *(metric_name(metric) for metric in metrics)),
        rows=tuple(body),
        note=say(
            "Not estimable: fewer than five events, or five patients without one. Heterogeneity: "
            "Cochran's Q of the {metric} of all levels on the log-odds, corrected by Holm's "
            "method over the variables. Numbers are split at the median of development. Source: "
            "{source}.",
            metric=metric_name(endpoint.metric),
            source=source.source.name,
        ),
        heads=frozenset(heads),
    )


def _variable(
    study: StudyTables, source: SourcedTable, part: pd.DataFrame, metric: str, metrics: list[str]
) -> list[tuple[Text, ...]]:
    """Return the heading of a variable, with its test, and a row for each of its levels."""
    test = part[part["level"] == HETEROGENEITY].iloc[0]
    keys = ("signature", "model", "cohort", "split", "policy", "variable")
    where = {key: str(test[key]) for key in keys}
    selector = {**where, "level": HETEROGENEITY, "metric": metric}
    p = study.numbers.cell(source, selector, "p_adjusted", "p value")
    name = sentence_case(plain(str(where["variable"])))
    head = say("{name}, heterogeneity p {p}", name=name, p=p)
    body = [(head, *words("", *[""] * len(metrics)))]
    for level in dict.fromkeys(part["level"].astype(str)):
        if level == HETEROGENEITY:
            continue
        own = {**where, "level": level, "metric": metric}
        n, events = (study.numbers.cell(source, own, column) for column in ("n", "events"))
        cells = (
            study.numbers.interval(source, {**own, "metric": one}, brief=True) for one in metrics
        )
        size = say("{n} ({events})", n=n, events=events)
        body.append(((f"   {level}",), size, *words(*cells)))
    return body
