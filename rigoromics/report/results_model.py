"""Results, second half: how well the signatures of one endpoint do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rigoromics.report import rows as pick
from rigoromics.report import stability
from rigoromics.report.chance import permuted
from rigoromics.report.chosen import alike, random_features
from rigoromics.report.intervals import POOL, PREDICTION
from rigoromics.report.performance import (
    comparisons_table,
    discrimination_table,
    metrics_table,
    signature_table,
    weights,
)
from rigoromics.report.registry import Number
from rigoromics.report.results_types import DETAILS, estimate, of_type, sizes_text
from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import (
    Block,
    Figure,
    Paragraph,
    Section,
    Text,
    enumerate_texts,
    join,
    say,
)
from rigoromics.report.wording import (
    feature_name,
    fixed,
    listing,
    metric_name,
    model_name,
    p_equals,
    sentence_case,
    signature_name,
)


def endpoint_results(study: StudyTables, endpoint: Endpoint) -> Section:
    """Return text, tables and figures of one endpoint."""
    found = [
        discrimination(study, endpoint),
        permutation(study, endpoint),
        random_features(study, endpoint),
        against_controls(study, endpoint),
    ]
    use = [
        calibration(study, endpoint),
        of_type(study, endpoint),
        utility(study, endpoint),
        centres(study, endpoint),
    ]
    blocks: list[Block] = [Paragraph(join(found)), Paragraph(join(use))]
    blocks += [discrimination_table(study, endpoint), *_figure(endpoint, "controls")]
    for name in _CURVES.get(endpoint.kind, ("details", "permutation", "centres")):
        blocks += _figure(endpoint, name)
    blocks.append(metrics_table(study, endpoint))
    compared = comparisons_table(study, endpoint)
    blocks += [compared] if compared else []
    blocks.append(Paragraph(signature(study, endpoint)))
    fitted = signature_table(study, endpoint)
    blocks += [fitted] if fitted else []
    used = weights(endpoint.signature)[1]
    blocks += stability.predictors(study, sorted(used), f"{endpoint.name}-stability")
    blocks += _figure(endpoint, "selection")
    title = sentence_case(endpoint.label)
    kept = tuple(b for b in blocks if not isinstance(b, Paragraph) or b.text)
    return Section(f"endpoint-{endpoint.name}", title, kept)


_CURVES = {
    "binary": ("roc", "permutation", "calibration", "decision", "centres"),
    "survival": ("kaplan_meier", "permutation", "calibration", "decision", "centres"),
}
_CAPTIONS = {
    "details": "{detail}",
    "controls": "{metric} with 95% interval of the {signature} signature beside what it must "
    "beat. Dashed line: chance.",
    "roc": "Receiver operating characteristic curves of the {signature} signature.{cohorts}",
    "kaplan_meier": "Kaplan–Meier curves of the risk groups that the {signature} signature makes "
    "at its locked cut-off; bands: 95% intervals.",
    "calibration": "Calibration of the {signature} signature: smooth curve with 95% band, groups "
    "with 95% intervals, histogram of predictions. Dashed line: perfect calibration.",
    "decision": "Decision curves. A signature is useful at thresholds where its net benefit "
    "exceeds that of treating all patients and that of treating none.",
    "centres": "{metric} of the {signature} signature at each centre, with 95% intervals (light: "
    "cross-validated development; dark: external).{fewest}",
    "permutation": "{metric} of the whole procedure on permuted outcomes, and on the real ones.",
    "selection": "How often each feature was chosen over the outer folds; filled: in the locked "
    "signature.",
}
_WIDTHS = {
    "roc": 0.5,
    "permutation": 0.58,
    "controls": 0.8,
    "calibration": 0.86,
    "decision": 0.9,
    "kaplan_meier": 0.9,
    "centres": 0.8,
    "selection": 0.8,
}


def _figure(endpoint: Endpoint, name: str) -> list[Figure]:
    if name not in endpoint.figures or (name == "centres" and len(_places(endpoint)) < 2):
        return []
    outside = endpoint.frame("metrics")
    outside = outside[outside["split"] == "external"]
    several = outside["cohort"].nunique() > 2
    caption = say(
        _CAPTIONS[name],
        metric=metric_name(endpoint.metric),
        signature=endpoint.primary["signature"],
        detail=DETAILS.get(endpoint.kind, "").format(signature=endpoint.primary["signature"]),
        cohorts=" Thin lines: single cohorts." if several else "",
        fewest=" Fewest: patients in the smallest class."
        if endpoint.settings.get("levels")
        else "",
    )
    only_development = outside.empty
    narrow = name in ("kaplan_meier", "calibration", "decision") and only_development
    width = 0.5 if narrow else _WIDTHS.get(name, 1.0)
    return [Figure(f"{endpoint.name}-{name}", endpoint.figures[name], caption, width)]


def _places(endpoint: Endpoint) -> set[str]:
    """Return the centres at which the primary signature was judged."""
    frame = endpoint.frame("centres")
    own = pick.of_signature(frame, endpoint.primary["signature"], endpoint.primary["model"])
    return set(own["centre"].astype(str)) - {POOL, PREDICTION}


def discrimination(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return how well the primary signature tells patients apart, inside and outside."""
    name = metric_name(endpoint.metric)
    texts = []
    inside = estimate(study, endpoint, pick.DEVELOPMENT, endpoint.metric)
    if inside is not None:
        texts.append(
            say(
                "In development the {signature} signature ({model}) reached a cross-validated "
                "{metric} of {value}.",
                signature=signature_name(endpoint.primary["signature"]),
                model=model_name(endpoint.primary["model"]),
                metric=name,
                value=inside,
            )
        )
    outside = estimate(study, endpoint, "external", endpoint.metric)
    selector = endpoint.selector("external", endpoint.metric)
    if outside is None or selector is None:
        return join(texts)
    metrics = endpoint.tables["metrics"]
    texts.append(
        say(
            "In {n} external patients {events} the locked signature reached {value}{chance}",
            n=study.numbers.cell(metrics, selector, "n"),
            events=sizes_text(endpoint, study.numbers.cell(metrics, selector, "events")),
            value=outside,
            chance=_against_chance(outside),
        )
    )
    return join([*texts, _other_policy(study, endpoint, selector)])


def _against_chance(number: Number) -> str:
    if number.lower is None or number.upper is None or number.lower > 0.5:
        return "."
    if number.upper < 0.5:
        return "; the interval lies below 0.5, which is chance."
    return "; the interval includes 0.5, which is chance."


def _other_policy(study: StudyTables, endpoint: Endpoint, selector: dict[str, str]) -> Text:
    settings = study.config["harmonisation"]
    if settings["method"] == "none" or settings["unseen"] == "refuse":
        return ()
    other = {**selector, "policy": "none" if selector["policy"] == "align" else "align"}
    metrics = endpoint.tables["metrics"]
    if len(metrics.where(other)) != 1:
        return ()
    how = "left as they were" if other["policy"] == "none" else "aligned to the reference"
    return say(
        "With unseen batches {how} it was {value}.",
        how=how,
        value=study.numbers.interval(metrics, other),
    )


def permutation(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return how the real result compares with permuted outcomes."""
    if "permutation" not in endpoint.tables:
        return ()
    table = endpoint.tables["permutation"]
    _, p, n = permuted(table.frame)
    if np.isnan(p):
        return say("Outcomes were not permuted, so that chance has no p-value here.")
    return say(
        "Over {n} permutations of the outcomes the cross-validated result had {p}.",
        n=study.numbers.derived(table, n, str(n), "permutation>=0", "rows"),
        p=study.numbers.derived(
            table,
            p,
            p_equals(p),
            "permutation>=0 against permutation=-1",
            "(1 + rows at least as large) / (1 + rows)",
        ),
    )


def against_controls(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return the differences to volume, shuffled voxels and clinical variables."""
    if "comparisons" not in endpoint.tables:
        return ()
    source = endpoint.tables["comparisons"]
    first = f"{endpoint.primary['signature']}.{endpoint.primary['model']}"
    frame = pick.under_policy(source.frame, endpoint.primary["policy"])
    frame = frame[(frame["metric"] == endpoint.metric) & (frame["a"] == first)]
    split = "external" if "external" in set(frame["split"]) else pick.DEVELOPMENT
    parts = []
    for _, row in pick.pooled(frame, split).iterrows():
        if pd.isna(row["difference"]):
            continue
        selector = {c: row[c] for c in ("cohort", "split", "policy", "a", "b", "metric")}
        parts.append(
            say(
                "{other} {difference}, corrected {p}",
                other=signature_name(str(row["b"]).split(".")[0]),
                difference=study.numbers.interval(source, selector, "difference"),
                p=study.numbers.cell(source, selector, "p_adjusted", "p"),
            )
        )
    if not parts:
        return ()
    where = "in external patients" if split == "external" else "in cross-validation"
    return say(
        "Difference in {metric} {where} to {parts}.",
        metric=metric_name(endpoint.metric),
        where=where,
        parts=join(parts, "; to "),
    )


def calibration(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return how predicted probabilities agree with what happened."""
    has_external = endpoint.selector("external", endpoint.metric) is not None
    split = "external" if has_external else pick.DEVELOPMENT
    slope = estimate(study, endpoint, split, "calibration_slope")
    intercept = estimate(study, endpoint, split, "calibration_intercept")
    where = "External calibration" if has_external else "Cross-validated calibration"
    texts = []
    if slope is not None:
        also = say(" and intercept {value}", value=intercept) if intercept is not None else ()
        texts.append(
            say(
                "{where}: slope {slope}{also} (ideal: 1{zero}).",
                where=where,
                slope=slope,
                also=also,
                zero=" and 0" if intercept is not None else "",
            )
        )
    texts.append(_risk_groups(study, endpoint, split) if endpoint.survival else ())
    return join([text for text in texts if text])


def _risk_groups(study: StudyTables, endpoint: Endpoint, split: str) -> Text:
    ratio = estimate(study, endpoint, split, "hazard_ratio")
    selector = endpoint.selector(split, "log_rank_p")
    if ratio is None:
        return ()
    test = (
        say(
            "; log-rank {p}",
            p=study.numbers.cell(endpoint.tables["metrics"], selector, "estimate", "p"),
        )
        if selector is not None
        else ()
    )
    where = "outside" if split == "external" else "in cross-validation"
    return say(
        "The hazard of the high-risk group {where} was {ratio} times that of the low-risk "
        "group{test}.",
        where=where,
        ratio=ratio,
        test=test,
    )


def utility(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return at which thresholds the signature is worth more than treating all or none."""
    if "decision" not in endpoint.tables:
        return ()
    table = endpoint.tables["decision"]
    own = pick.of_primary(table.frame, endpoint.primary)
    split = "external" if "external" in set(own["split"]) else pick.DEVELOPMENT
    rows = pick.pooled(own, split).sort_values("threshold")
    if rows.empty:
        return ()
    useful = rows[rows["net_benefit"] > rows["treat_all"].clip(lower=0)]["threshold"]
    where = "in external patients" if split == "external" else "in cross-validation"
    if useful.empty:
        return say(
            "At no threshold probability examined did the signature have a higher net benefit "
            "than treating all or no patients ({where}).",
            where=where,
        )
    selector = f"{endpoint.primary['signature']}.{endpoint.primary['model']}, split={split}"

    def number(value: float, what: str) -> Number:
        return study.numbers.derived(table, value, fixed(value), selector, what)

    every = len(useful) == rows["threshold"].between(useful.min(), useful.max()).sum()
    return say(
        "Net benefit exceeded that of treating all and of treating none at {some} thresholds "
        "between {low} and {high} ({where}).",
        some="all" if every else "some",
        low=number(float(useful.min()), "smallest useful threshold"),
        high=number(float(useful.max()), "largest useful threshold"),
        where=where,
    )


def centres(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return how much discrimination differs between external centres, where there are several."""
    if "centres" not in endpoint.tables:
        return ()
    table = endpoint.tables["centres"]
    rows = pick.of_primary(table.frame.assign(cohort=table.frame["centre"]), endpoint.primary)
    rows = rows[(rows["split"] == "external") & ~rows["centre"].isin([POOL, PREDICTION])]
    rows = rows.dropna(subset=["estimate"])
    if len(rows) < 2:
        return ()
    where = "external centres of the primary signature"

    def number(value: float, what: str) -> Number:
        return study.numbers.derived(table, value, fixed(value), where, what)

    return say(
        "Over {n} external centres the {metric} ranged from {low} to {high}.",
        metric=metric_name(endpoint.metric),
        n=study.numbers.derived(table, len(rows), str(len(rows)), where, "rows"),
        low=number(float(rows["estimate"].min()), "smallest estimate"),
        high=number(float(rows["estimate"].max()), "largest estimate"),
    )


def _funnel(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return how many features each step took away when all development patients were used."""
    source, filters = endpoint.signature_source, endpoint.signature.get("filters", [])
    parts = []
    for number, step in enumerate(filters):
        if step["dropped"] and source is not None:
            count = float(step["dropped"])
            dropped = study.numbers.setting(source, f"filters.{number}.dropped", count)
            parts.append(say("{n} as {reason}", n=dropped, reason=str(step["dropped_as"])))
    if not parts:
        return ()
    return say("Features dropped on the way: {parts}.", parts=enumerate_texts(parts))


def signature(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return what the locked signature consists of."""
    if endpoint.locks is None:
        return ()
    selector = {k: endpoint.primary[k] for k in ("signature", "model")}
    if len(endpoint.locks.where(selector)) != 1:
        return ()
    n = study.numbers.cell(endpoint.locks, selector, "n_features")
    text = say(
        "The locked signature uses {n} {predictors}.",
        n=n,
        predictors="predictor" if n.value == 1 else "predictors",
    )
    text = join([_funnel(study, endpoint), text])
    if endpoint.selection is None:
        return text
    text = (*text, *alike(study, endpoint.selection))
    frame = endpoint.selection.frame
    always = frame[frame["frequency"] >= 1]["feature"].astype(str)
    if always.empty:
        return (*text, *say(" No feature was chosen in every outer fold."))
    names = [feature_name(name) for name in sorted(always)[:4]]
    count = study.numbers.derived(
        endpoint.selection, len(always), str(len(always)), "frequency=1", "rows"
    )
    more = " among them " if len(always) > len(names) else ""
    return (
        *text,
        *say(
            " Chosen in every outer fold: {n} ({more}{names}).",
            n=count,
            more=more.lstrip(),
            names=listing(names),
        ),
    )
