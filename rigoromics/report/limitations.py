"""What the data cannot show, said from the data themselves."""

from __future__ import annotations

from rigoromics.report import rows as pick
from rigoromics.report.methods_models import control_signatures, tested
from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import Text, say
from rigoromics.report.wording import listing, percent, plain, plural, sizes

# Collins, Ogundimu & Altman (Stat Med 2016;35:214): at least 100 events for external validation.
_EXTERNAL_EVENTS = 100
# Riley et al. (BMJ 2020;368:m441) replace it; ten per parameter is still the floor readers know.
_EVENTS_PER_PARAMETER = 10
_WIDE = 0.2
_FEW = 50


def limitations(study: StudyTables) -> tuple[Text, ...]:
    """Return the study's limitations, the gravest first."""
    found = [_simulated(study), *_confounded(study), _no_external(study), _few_patients(study)]
    for endpoint in study.endpoints:
        found += [
            _external_events(study, endpoint),
            _wide_interval(study, endpoint),
            _events_per_parameter(study, endpoint),
        ]
    found += [
        _many_features(study),
        _batches(study),
        _one_centre(study),
        _stability(study),
        _missing(study),
        _excluded(study),
        _control(study),
        _outside_score(study),
        _one_roi(study),
    ]
    return tuple(text for text in found if text)


def _simulated(study: StudyTables) -> Text:
    if not study.simulated:
        return ()
    return say(
        "The patients are simulated: the study shows that the procedure finds what was planted, "
        "and nothing about any disease."
    )


def _confounded(study: StudyTables) -> list[Text]:
    return [(text,) for text in study.shouts]


def _no_external(study: StudyTables) -> Text:
    if any(tested(study).values()):
        return ()
    return say(
        "{what} Cross-validation estimates performance in more patients of "
        "the same kind, from the same scanners; it cannot show that the result holds elsewhere.",
        what="No external patient has a known outcome."
        if study.external
        else "There is no external cohort.",
    )


def _few_patients(study: StudyTables) -> Text:
    n = len(study.role("development"))
    if n >= _FEW:
        return ()
    return say(
        "With {n} development patients, tuning and selection rest on a handful of events per "
        "fold: a real effect of moderate size may be missed, and an apparent one may be luck. "
        "The study can set up a hypothesis, not confirm one.",
        n=study.numbers.count(study.patients, {"study.role": "development"}),
    )


def _external_events(study: StudyTables, endpoint: Endpoint) -> Text:
    selector = endpoint.selector("external", endpoint.metric)
    if selector is None:
        return ()
    metrics = endpoint.tables["metrics"]
    events = float(metrics.where(selector)["events"].iloc[0])
    patients = float(metrics.where(selector)["n"].iloc[0])
    fewer = events if endpoint.kind != "binary" else min(events, patients - events)
    if fewer >= _EXTERNAL_EVENTS:
        return ()
    if endpoint.kind in ("ordinal", "multiclass", "count"):
        return say(
            "External validation of {label} rests on {n} patients, {events} {what}; about 100 of "
            "each are advised for a precise estimate of a binary endpoint [@collins2016], and "
            "several levels need no fewer.",
            label=endpoint.label,
            events=study.numbers.cell(metrics, selector, "events"),
            what=sizes(endpoint.settings),
            n=study.numbers.cell(metrics, selector, "n"),
        )
    return say(
        "External validation of {label} rests on {events} events in {n} patients; about 100 "
        "events and, for a binary endpoint, as many patients without one are advised for a "
        "precise estimate [@collins2016].",
        label=endpoint.label,
        events=study.numbers.cell(metrics, selector, "events"),
        n=study.numbers.cell(metrics, selector, "n"),
    )


def _wide_interval(study: StudyTables, endpoint: Endpoint) -> Text:
    outside = endpoint.selector("external", endpoint.metric) is not None
    split = "external" if outside else pick.DEVELOPMENT
    selector = endpoint.selector(split, endpoint.metric)
    if selector is None:
        return ()
    metrics = endpoint.tables["metrics"]
    row = metrics.where(selector).iloc[0]
    width = float(row["upper"] - row["lower"])
    if not width > _WIDE:
        return ()
    return say(
        "The interval of the {where} result for {label} is {width} wide: {value}.",
        where="external" if split == "external" else "internal",
        label=endpoint.label,
        width=study.numbers.derived(
            metrics, width, f"{width:.2f}", "primary signature", "upper - lower"
        ),
        value=study.numbers.interval(metrics, selector),
    )


def _events_per_parameter(study: StudyTables, endpoint: Endpoint) -> Text:
    selector = endpoint.selector(pick.DEVELOPMENT, endpoint.metric)
    if selector is None or endpoint.locks is None:
        return ()
    metrics = endpoint.tables["metrics"]
    key = {k: endpoint.primary[k] for k in ("signature", "model")}
    locked = endpoint.locks.where(key)
    if len(locked) != 1 or not locked["n_features"].iloc[0]:
        return ()
    row = metrics.where(selector).iloc[0]
    counted = endpoint.kind != "binary"
    fewer = row["events"] if counted else min(row["events"], row["n"] - row["events"])
    share = float(fewer) / float(locked["n_features"].iloc[0])
    if share >= _EVENTS_PER_PARAMETER:
        return ()
    return say(
        "The signature for {label} was developed on {share} {what} per "
        "predictor it uses, below the customary ten.",
        what="patients of the smallest class"
        if endpoint.kind in ("ordinal", "multiclass")
        else "events (of the rarer class)",
        label=endpoint.label,
        share=study.numbers.derived(
            metrics, share, f"{share:.1f}", "primary signature", "events / n_features (locks.tsv)"
        ),
    )


def _many_features(study: StudyTables) -> Text:
    n, k = len(study.role("development")), len(study.features)
    if k <= n:
        return ()
    number = study.numbers.derived(study.patients, k, str(k), "header", "feature columns")
    return say(
        "{k} features were examined in {n} development patients: other features than those "
        "chosen may do as well, and the ones chosen should not be read as causes.",
        k=number,
        n=study.numbers.count(study.patients, {"study.role": "development"}),
    )


def _batches(study: StudyTables) -> Text:
    table = study.patients.frame
    known = set(study.role("development")["study.batch"])
    unseen = table[(table["study.role"] == "external") & ~table["study.batch"].isin(known)]
    combat = study.config["harmonisation"]["method"] != "none"
    if unseen.empty or not combat or not any(tested(study).values()):
        return ()
    policy = {
        "align": "They were aligned to the development cohort without their outcomes, which "
        "needs a group of patients of the new scanner and can hide a true difference between "
        "the cohorts",
        "none": "They were left as they are, so that differences between scanners remain",
        "refuse": "They were given no prediction: what the signature would say of them is unknown",
    }[study.config["harmonisation"]["unseen"]]
    n = len(unseen)
    refused = study.config["harmonisation"]["unseen"] == "refuse"
    return say(
        "{n} external patients come from batches that training never saw. {policy}{other}.",
        other="" if refused else "; the result of the other way is reported too",
        n=study.numbers.derived(
            study.patients, n, str(n), "study.role=external, study.batch unseen", "rows"
        ),
        policy=policy,
    )


def _one_centre(study: StudyTables) -> Text:
    if study.role("development")["study.centre"].nunique() > 1:
        return ()
    return say(
        "All development patients come from one centre, so differences between centres could "
        "not be learned."
    )


def _stability(study: StudyTables) -> Text:
    known = set() if study.stability is None else set(study.stability.frame.get("design", []))
    missing = []
    if "raters" not in known:
        missing.append("second rater")
    if "retest" not in known:
        missing.append("second scan")
    if not missing:
        return ()
    return say(
        "There was no {what} to judge the stability of features with; features that a redrawn "
        "contour or a second scan would change may be among those used.",
        what=" and no ".join(missing),
    )


def _missing(study: StudyTables) -> Text:
    predictors = [f"clinical.{name}" for name in study.config["clinical"]["predictors"]]
    there = [c for c in predictors if c in study.patients.frame.columns]
    if not there:
        return ()
    missing = study.patients.frame[there].isna()
    n = int(missing.any(axis=1).sum())
    if not n:
        return ()
    worst = str(missing.sum().idxmax())
    rate = float(missing[worst].mean())
    return say(
        "{n} patients lack at least one clinical predictor (most often {name}, {share}); single "
        "imputation was used, which understates uncertainty.",
        n=study.numbers.derived(study.patients, n, str(n), "a clinical column is missing", "rows"),
        name=plain(worst.removeprefix("clinical.")),
        share=study.numbers.derived(
            study.patients, rate, percent(rate, 1), "all rows", f"share missing {worst}"
        ),
    )  # fmt: skip


def _excluded(study: StudyTables) -> Text:
    n = len(study.exclusions.frame)
    if not n:
        return ()
    return say(
        "{n} {patients} could not be analysed; whether they differ from the others is not known.",
        n=study.numbers.count(study.exclusions, {}),
        patients=plural(n, "identified patient", "identified patients"),
    )


def _control(study: StudyTables) -> Text:
    against = control_signatures(study)
    if "shuffled" in against:
        return ()
    if study.from_images:
        return say("The control with shuffled voxels was switched off.")
    rest = (
        ": what features say beyond size was judged against volume alone."
        if "volume" in against
        else ", nor was the primary signature held against volume alone."
    )
    return say("Without images there is no control with shuffled voxels{rest}", rest=rest)


def _outside_score(study: StudyTables) -> Text:
    scores = study.config["clinical"].get("scores", [])
    if not scores:
        return ()
    return say(
        "The {score} {names} {comes} from another model, which this study did not train and cannot "
        "check. If any patient of this study, external ones included, was among those that it "
        "was trained or tuned on, all results of the signatures with it are too good.",
        score=plural(len(scores), "score", "scores"),
        names=listing([plain(name) for name in scores]),
        comes=plural(len(scores), "comes", "come"),
    )


def _one_roi(study: StudyTables) -> Text:
    if not study.from_images or len(study.config["rois"]) > 1:
        return ()
    roi = plain(next(iter(study.config["rois"])))
    return say(
        "One ROI per patient was analysed ({roi}; of several the largest), so that disease "
        "elsewhere and its surroundings play no part.",
        roi=roi,
    )
