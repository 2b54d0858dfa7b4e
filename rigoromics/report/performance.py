"""Tables of performance, comparisons and signatures of one endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rigoromics.report import rows as pick
from rigoromics.report.registry import Registry, SourcedTable
from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import Part, Table, Text, say, words
from rigoromics.report.wording import (
    METRICS,
    feature_name,
    fixed,
    metric_name,
    model_name,
    plain,
    sentence_case,
    signature_name,
    sizes,
)

POLICIES = {
    "align": "aligned",
    "none": "as they are",
}
_SIGNATURES = [
    *("radiomics", "combined", "stacked", "deep_stacked", "deep"),
    *("clinical", "volume", "shuffled"),
]


def _columns(study: StudyTables, endpoint: Endpoint) -> list[tuple[str, str, str]]:
    """Return head, split and cohort of each column: development, cohorts outside, all of them."""
    columns = []
    metrics = endpoint.frame("metrics")
    if pick.pooled_cohort(metrics, pick.DEVELOPMENT):
        columns.append(("Development, cross-validated", pick.DEVELOPMENT, ""))
    outside = set(metrics.loc[metrics["split"] == "external", "cohort"])
    own = [cohort for cohort in study.external if cohort in outside]
    if len(own) > 1:
        columns += [(sentence_case(plain(cohort)), "external", cohort) for cohort in own]
    if outside:
        columns.append(("All external" if len(own) > 1 else "External", "external", ""))
    return columns


def discrimination_table(study: StudyTables, endpoint: Endpoint) -> Table:
    """Return how well each signature and model tells patients apart, in each cohort."""
    metrics = endpoint.tables["metrics"]
    columns = _columns(study, endpoint)
    pairs = metrics.frame[["signature", "model"]].drop_duplicates()
    models = list(dict.fromkeys([endpoint.primary["model"], *sorted(set(pairs["model"]))]))
    body: list[tuple[Text, ...]] = []
    heads: set[int] = set()
    for model in models:
        heads.add(len(body))
        body.append(words(sentence_case(model_name(model)), *[""] * len(columns)))
        known = set(pairs.loc[pairs["model"] == model, "signature"])
        for signature in (s for s in _SIGNATURES if s in known):
            cells = (
                _estimate(study.numbers, endpoint, split, endpoint.metric, signature, model, cohort)
                for _, split, cohort in columns
            )
            body.append(words(f"   {signature_name(signature)}", *cells))
    policy = _policy_words(study)
    return Table(
        name=f"{endpoint.name}-discrimination",
        caption=say(
            "{metric} with 95% confidence interval of every signature and model: {label}.",
            metric=metric_name(endpoint.metric),
            label=endpoint.label,
        ),
        columns=("Signature", *(head for head, _, _ in columns)),
        rows=tuple(body),
        note=say(
            "The study is about the {signature} signature with {model}, named before anything "
            "was fitted. {policy}Source: {source}.",
            signature=endpoint.primary["signature"],
            model=model_name(endpoint.primary["model"]),
            policy=policy if any(s == "external" for _, s, _ in columns) else "",
            source=metrics.source.name,
        ),
        heads=frozenset(heads),
    )


def _policy_words(study: StudyTables) -> str:
    settings = study.config["harmonisation"]
    if settings["method"] == "none":
        return ""
    how = {
        "align": "External batches that training never saw are aligned to the frozen reference. ",
        "none": "External batches that training never saw are left as they are. ",
        "refuse": "External batches that training never saw are refused. ",
    }
    return how[settings["unseen"]]


def _estimate(
    numbers: Registry,
    endpoint: Endpoint,
    split: str,
    metric: str,
    signature: str = "",
    model: str = "",
    cohort: str = "",
) -> Part:
    selector = endpoint.selector(split, metric, signature, model, cohort)
    if selector is None:
        return "–"
    return numbers.interval(endpoint.tables["metrics"], selector, brief=True)


def metrics_table(study: StudyTables, endpoint: Endpoint) -> Table:
    """Return all metrics of the primary signature, in development and outside."""
    metrics = endpoint.tables["metrics"]
    columns = _columns(study, endpoint)
    own = pick.of_signature(metrics.frame, endpoint.primary["signature"], endpoint.primary["model"])
    there = set(own["metric"])
    order = [m for m in METRICS if m in there] + sorted(there - set(METRICS))
    body: list[tuple[Text, ...]] = [_sizes(study, endpoint, columns)]
    for metric in order:
        cells = [
            _p_cell(study.numbers, endpoint, split, metric, cohort)
            if metric.endswith("_p")
            else _estimate(study.numbers, endpoint, split, metric, cohort=cohort)
            for _, split, cohort in columns
        ]
        body.append(words(metric_name(metric), *cells))
    body += _other_policy(study, endpoint, columns)
    optimism, of_optimism = _optimism(study, endpoint, columns)
    body += optimism
    return Table(
        name=f"{endpoint.name}-metrics",
        caption=say(
            "Performance of the {signature} signature ({model}): {label}. Estimate with 95% "
            "confidence interval.",
            signature=signature_name(endpoint.primary["signature"]),
            model=model_name(endpoint.primary["model"]),
            label=endpoint.label,
        ),
        columns=("", *(head for head, _, _ in columns)),
        rows=tuple(body),
        note=say(
            "{policy}{optimism}Cut-offs were locked with the signature. Source: {source}.",
            optimism=of_optimism,
            policy=_policy_words(study) if study.external else "",
            source=metrics.source.name,
        ),
    )


def _sizes(
    study: StudyTables, endpoint: Endpoint, columns: list[tuple[str, str, str]]
) -> tuple[Text, ...]:
    cells: list[Text] = [(f"Patients ({sizes(endpoint.settings)})",)]
    for _, split, cohort in columns:
        selector = endpoint.selector(split, endpoint.metric, cohort=cohort)
        if selector is None:
            cells.append(("–",))
            continue
        metrics = endpoint.tables["metrics"]
        n = study.numbers.cell(metrics, selector, "n")
        events = study.numbers.cell(metrics, selector, "events")
        cells.append(say("{n} ({events})", n=n, events=events))
    return tuple(cells)


def _p_cell(numbers: Registry, endpoint: Endpoint, split: str, metric: str, cohort: str) -> Part:
    selector = endpoint.selector(split, metric, cohort=cohort)
    if selector is None:
        return "–"
    return numbers.cell(endpoint.tables["metrics"], selector, "estimate", "p value")


def _other_policy(
    study: StudyTables, endpoint: Endpoint, columns: list[tuple[str, str, str]]
) -> list[tuple[Text, ...]]:
    """Return discrimination under the policy for unseen batches that does not count."""
    if study.config["harmonisation"]["method"] == "none":
        return []
    metrics = endpoint.tables["metrics"]
    frame = metrics.frame
    policies = set(frame.loc[frame["split"] == "external", "policy"]) - {endpoint.primary["policy"]}
    rows = []
    for policy in sorted(policies & set(POLICIES)):
        label = f"{metric_name(endpoint.metric)}, unseen batches {POLICIES[policy]}"
        cells: list[Part] = []
        for _, split, cohort in columns:
            selector = endpoint.selector(split, endpoint.metric, cohort=cohort)
            if split != "external" or selector is None:
                cells.append("")
                continue
            other = {**selector, "policy": policy}
            known = len(metrics.where(other)) == 1
            cells.append(study.numbers.interval(metrics, other, brief=True) if known else "–")
        rows.append(words(label, *cells))
    return rows


def _optimism(
    study: StudyTables, endpoint: Endpoint, columns: list[tuple[str, str, str]]
) -> tuple[list[tuple[Text, ...]], Text]:
    """Return the row of the bootstrap .632+, if the study asked for it, and its footnote."""
    if "optimism" not in endpoint.tables:
        return [], ()
    source, where = endpoint.tables["optimism"], {"metric": endpoint.metric}
    cells: list[Part] = [
        study.numbers.interval(source, where, brief=True) if split == pick.DEVELOPMENT else ""
        for _, split, _ in columns
    ]
    note = say(
        "Bootstrap .632+ [@efron1997]: the whole procedure on {samples} samples of patients, whose "
        "apparent {metric} was {apparent}; interval: Newcombe's for an AUC of this size "
        "[@newcombe2006]. ",
        samples=study.numbers.cell(source, where, "samples"),
        metric=metric_name(endpoint.metric),
        apparent=study.numbers.cell(source, where, "apparent", "plain"),
    )
    return [words(f"{metric_name(endpoint.metric)}, bootstrap .632+", *cells)], note


def comparisons_table(study: StudyTables, endpoint: Endpoint) -> Table | None:
    """Return the tests between signatures, in development and outside."""
    if "comparisons" not in endpoint.tables:
        return None
    source = endpoint.tables["comparisons"]
    frame = pick.under_policy(source.frame, endpoint.primary["policy"])
    frame = frame[frame["metric"] == endpoint.metric]
    model = endpoint.primary["model"]
    body: list[tuple[Text, ...]] = []
    heads: set[int] = set()
    for split in (pick.DEVELOPMENT, "external"):
        rows = pick.pooled(frame, split)
        rows = rows[rows["a"].astype(str).str.endswith(f".{model}")]
        if rows.empty:
            continue
        heads.add(len(body))
        body.append(words(pick.SPLITS[split], "", "", ""))
        body += [_comparison(study.numbers, source, row) for _, row in rows.iterrows()]
    if not body:
        return None
    methods = sorted(set(frame["method"].astype(str)))
    return Table(
        name=f"{endpoint.name}-comparisons",
        caption=say(
            "Differences in {metric} between signatures ({model}): {label}.",
            metric=metric_name(endpoint.metric),
            model=model_name(model),
            label=endpoint.label,
        ),
        columns=("Comparison", "Difference (95% CI)", "p", "p, corrected"),
        rows=tuple(body),
        note=say(
            "Test: {methods}. Corrected by Holm's method over the family of comparisons of a "
            "cohort. Source: {source}.",
            methods="; ".join(methods[:2]),
            source=source.source.name,
        ),
        heads=frozenset(heads),
    )


def _comparison(numbers: Registry, source: SourcedTable, row: pd.Series[Any]) -> tuple[Text, ...]:
    selector = {c: row[c] for c in ("cohort", "split", "policy", "a", "b", "metric")}
    a, b = (signature_name(str(row[side]).split(".")[0]) for side in ("a", "b"))
    return words(
        f"   {a} against {b}",
        numbers.interval(source, selector, "difference", brief=True),
        numbers.cell(source, selector, "p", "p value"),
        numbers.cell(source, selector, "p_adjusted", "p value"),
    )


def weights(signature: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    """Return what the numbers of a signature are called, and the number of each predictor."""
    rows = signature.get("features", [])
    used = set(signature.get("features_used", [row["feature"] for row in rows]))
    kind = "importance" if rows and "importance" in rows[0] else "coefficient"
    return kind.capitalize(), {
        str(row["feature"]): float(row[kind]) for row in rows if row["feature"] in used
    }


def signature_table(study: StudyTables, endpoint: Endpoint, most: int = 25) -> Table | None:
    """Return the locked signature: features, weights, how often chosen, how stable."""
    label, values = weights(endpoint.signature)
    if not values:
        return None
    names = sorted(values, key=lambda name: (-abs(values[name]), name))
    designs = _designs(study)
    body = []
    for name in names[:most]:
        cells = [
            feature_name(name),
            _ibsi(study, name),
            fixed(values[name], 3),
            _frequency(endpoint, name),
            *(_icc(study, name, design) for design in designs),
        ]
        body.append(words(*cells))
    more = f"{len(names) - most} more are in signature.json. " if len(names) > most else ""
    return Table(
        name=f"{endpoint.name}-signature",
        caption=say(
            "The locked {signature} signature ({model}): {label}.",
            signature=signature_name(endpoint.primary["signature"]),
            model=model_name(endpoint.primary["model"]),
            label=endpoint.label,
        ),
        columns=("Predictor", "IBSI", label, "Chosen", *(f"ICC, {d}" for d in designs)),
        rows=tuple(body),
        note=say(
            "{more}{label}: {meaning}.{constants} Chosen: share of outer folds that selected it. "
            "ICC: with 95% interval. SHA-256 of the locked signature: {sha}.",
            more=more,
            label=label,
            meaning=_MEANING[label],
            constants=_constants(endpoint.signature),
            sha=_lock(endpoint),
        ),
    )


_MEANING = {
    "Coefficient": "per standard deviation of the development cohort",
    "Importance": "fall of the AUC or C-index in development when the predictor is shuffled",
}


def _constants(signature: Mapping[str, Any]) -> str:
    """Return intercept and cut-off, with which the signature can be applied by hand."""
    texts = []
    for name, label in (("intercept", "Intercept"), ("cutoff", "Cut-off of the risk")):
        value = signature.get(name)
        if isinstance(value, int | float):
            texts.append(f" {label}: {fixed(float(value), 3)}.")
    return "".join(texts)


def _lock(endpoint: Endpoint) -> str:
    if endpoint.locks is None:
        return "not recorded"
    rows = pick.of_signature(
        endpoint.locks.frame, endpoint.primary["signature"], endpoint.primary["model"]
    )
    return str(rows["sha256"].iloc[0]) if len(rows) else "not recorded"


def _designs(study: StudyTables) -> list[str]:
    if study.stability is None or study.stability.frame.empty:
        return []
    return sorted(set(study.stability.frame["design"]))


def _ibsi(study: StudyTables, feature: str) -> str:
    if study.dictionary is None or "ibsi_code" not in study.dictionary.frame.columns:
        return "–"
    rows = study.dictionary.frame
    rows = rows[rows["feature"] == feature.rpartition(":")[2]]
    code = str(rows["ibsi_code"].iloc[0]) if len(rows) else ""
    return code if code not in ("", "nan") else "–"


def _frequency(endpoint: Endpoint, feature: str) -> str:
    if endpoint.selection is None:
        return "–"
    rows = endpoint.selection.frame
    rows = rows[rows["feature"] == feature]
    return f"{float(rows['frequency'].iloc[0]):.0%}" if len(rows) else "–"


def _icc(study: StudyTables, feature: str, design: str) -> str:
    if study.stability is None:
        return "–"
    rows = study.stability.where({"feature": feature, "design": design})
    if rows.empty:
        return "–"
    row = rows.iloc[0]
    return f"{fixed(row['icc'])} ({fixed(row['lower'])} to {fixed(row['upper'])})"


def problems_summary(study: StudyTables) -> Table | None:
    """Return how many problems each stage found and what became of them."""
    frame = study.problems.frame
    if frame.empty:
        return None
    kinds = ["refused", "repaired", "noted"]
    counts = frame.groupby(["stage", "severity"]).size().unstack(fill_value=0)
    body = [
        words(str(stage), *(str(int(row.get(kind, 0))) for kind in kinds))
        for stage, row in counts.iterrows()
    ]
    return Table(
        name="problems",
        caption=say("Problems found in the data, by stage."),
        columns=("Stage", "Refused", "Repaired", "Noted"),
        rows=tuple(body),
        note=say(
            "One row per finding, not per patient. Every finding, with patient, file and remedy: "
            "{source}.",
            source=study.problems.source.name,
        ),
    )
