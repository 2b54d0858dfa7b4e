"""Methods, second half: harmonisation, selection, models, validation, controls, software."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rigoromics.report.methods_types import KINDS, REFERENCES, statistics_of_types
from rigoromics.report.study import StudyTables
from rigoromics.report.text import Section, Text, join, paragraphs, say
from rigoromics.report.wording import (
    listing,
    metric_name,
    model_name,
    plain,
    plural,
    sentence_case,
    signature_name,
)


def harmonised(study: StudyTables) -> bool:
    """Whether training features were harmonised: ComBat needs two development batches."""
    batches = study.role("development")["study.batch"].nunique()
    return study.config["harmonisation"]["method"] != "none" and batches > 1


def filtered(study: StudyTables) -> bool:
    """Whether anything was measured twice, so that unstable features could be dropped."""
    return study.stability is not None and not study.stability.frame.empty


def tested(study: StudyTables) -> dict[str, list[str]]:
    """Return the external cohorts in which an endpoint's outcome is known, by endpoint."""
    patients = study.role("external")
    found = {}
    for endpoint in study.endpoints:
        name = f"endpoint.{endpoint.name}"
        columns = [f"{name}.time", f"{name}.event"] if endpoint.survival else [name]
        there = [column for column in columns if column in patients.columns]
        known = patients[patients[there].notna().all(axis=1)] if there else patients[:0]
        cohorts = set(known["study.cohort"].astype(str))
        found[endpoint.name] = [name for name in study.external if name in cohorts]
    return found


def control_signatures(study: StudyTables) -> list[str]:
    """Return the fitted signatures that the primary one is held against; never itself."""
    models = study.config["models"]
    fitted = [name for name in ("volume", "clinical") if name in models["signatures"]]
    if study.from_images and study.config["controls"]["shuffled_voxels"]:
        fitted.append("shuffled")
    return [name for name in fitted if name != models["primary"]]


def harmonisation(study: StudyTables) -> Section:
    """Return how batches were harmonised, if they were."""
    settings = study.config["harmonisation"]
    if settings["method"] == "none":
        text = say("Features were not harmonised between scanners.")
        return Section("harmonisation", "Harmonisation", paragraphs(text))
    if not harmonised(study):
        return Section("harmonisation", "Harmonisation", paragraphs(_one_batch(study)))
    covariates = [plain(name) for name in settings["covariates"]]
    kept = (
        say("the effects of {names} were preserved", names=listing(covariates))
        if covariates
        else say("no covariate was preserved")
    )
    prior = "parametric" if settings["parametric"] else "non-parametric"
    fit = say(
        "Features were harmonised by {method} with {prior} empirical Bayes priors{how}; batches "
        "were defined by {batch}; {kept}. The outcome was never among the covariates. All this "
        "was fitted on the training patients of each fold and applied, frozen, to the held-out "
        "ones. While it learned, values further than ten robust standard deviations from their "
        "batch's median were drawn in to there, and features of mostly equal values were left "
        "alone, as single patients would decide their harmonisation.",
        method=_method(settings),
        how=_how(settings),
        prior=prior,
        batch=listing([plain(name) for name in settings["batch"]]),
        kept=kept,
    )
    unseen = {
        "align": "Patients of a batch that training never saw were aligned to the frozen "
        f"reference using their {_aligned_by(study)}, never their outcomes",
        "none": "Patients of a batch that training never saw were left as they were",
        "refuse": "External patients of a batch that training never saw were given no prediction",
    }[settings["unseen"]]
    both = any(tested(study).values()) and settings["unseen"] != "refuse"
    declared = f" {_DECLARED}" if both else ""
    policy = say("{unseen}.{declared}", unseen=unseen, declared=declared)
    return Section("harmonisation", "Harmonisation", paragraphs(join([fit, policy])))


def _method(settings: Mapping[str, Any]) -> Text:
    if settings["method"] == "covbat":
        return say(
            "CovBat [@chen2022], which is ComBat [@johnson2007; @fortin2018] of the features and "
            "then of the principal components of what remains,"
        )
    return say("ComBat [@johnson2007; @fortin2018]")


def _how(settings: Mapping[str, Any]) -> str:
    """Return what departs from ComBat's usual form."""
    parts = []
    if settings.get("mean_only"):
        parts.append("shifts only")
    if settings.get("reference"):
        parts.append(f"with {settings['reference']} as the reference batch")
    if settings.get("order") == "sequential" and len(settings["batch"]) > 1:
        parts.append("one batch variable after the other")
    return "".join(f", {part}" for part in parts)


_DECLARED = (
    "This was declared before the external patients were touched; the results of the other way "
    "are reported beside it."
)


def _aligned_by(study: StudyTables) -> str:
    return "features and covariates" if study.config["harmonisation"]["covariates"] else "features"


def _one_batch(study: StudyTables) -> Text:
    """Return what ComBat is left to do where development has one batch only."""
    settings = study.config["harmonisation"]
    first = say(
        "ComBat was asked for, with batches defined by {batch}, but all development patients are "
        "of one batch, so that their features were left as they are.",
        batch=listing([plain(name) for name in settings["batch"]]),
    )
    known = set(study.role("development")["study.batch"].dropna())
    external = study.role("external")
    unseen = external[~external["study.batch"].isin(known)]
    if unseen.empty or not any(tested(study).values()):
        return join([first, say("Nothing was harmonised.")])
    if settings["unseen"] == "refuse":
        return join([first, say("External patients of other batches were given no prediction.")])
    if settings["unseen"] == "align":
        second = say(
            "Only external patients of other batches were aligned to the development cohort "
            "[@johnson2007; @fortin2018], using their {what}, never their outcomes.",
            what=_aligned_by(study),
        )
    else:
        second = say(
            "External patients of other batches were left as they were too: nothing was harmonised."
        )
    return join([first, second, say(_DECLARED)])


def selection(study: StudyTables) -> Section:
    """Return how features were chosen and models fitted."""
    settings = study.config["selection"]
    ranking = {
        "mrmr": "minimum redundancy and maximum relevance",
        "univariate": "their univariate association with the outcome",
        "univariate_fdr": "the p-value of a test of each, within a false discovery rate,",
        "relieff": "ReliefF",
        "lasso": "their entry into the lasso path",
        "boruta": "their importance in a forest, if Boruta confirmed them,",
        "stability_selection": "stability selection with the lasso",
    }[settings["method"]]
    limit = {
        "auto": say("at most one per ten events of the rarer class"),
        "riley": say("as many as keep the expected shrinkage at 0.9 or above"),
    }.get(settings["max_features"]) or say("at most {n}", n=study.setting("selection.max_features"))
    choosing = say(
        "Features missing in more than half of the training patients were dropped; other missing "
        "values were replaced by the median of the training patients, and missing categories "
        "formed a level of their own. Of features whose absolute rank correlation exceeded "
        "{redundancy}, one was kept. The remaining ones were ranked by {ranking}; {limit} "
        "entered a model, their number being tuned.",
        redundancy=study.setting("selection.redundancy"),
        ranking=ranking,
        limit=limit,
    )
    return Section(
        "models",
        "Feature selection and models",
        paragraphs(choosing, _signatures(study), _models(study)),
    )


def _signatures(study: StudyTables) -> Text:
    names = [signature_name(s) for s in study.config["models"]["signatures"]]
    predictors = [plain(name) for name in study.config["clinical"]["predictors"]]
    clinical = (
        say(" Clinical predictors were {names}.", names=listing(predictors)) if predictors else ()
    )
    scores = [plain(name) for name in study.config["clinical"].get("scores", [])]
    outside = (
        say(
            " The outside score was {names}, of a model trained elsewhere; its training must not "
            "have seen any patient of this study.",
            names=listing(scores),
        )
        if scores
        else ()
    )
    return say(
        "{n} {word} fitted: {names}. The study is about the {primary} signature, named before "
        "anything was fitted.{clinical}{outside}",
        outside=outside,
        n=study.numbers.setting(
            study.setting("seed").source, "models.signatures", len(names), _count(len(names))
        ),
        word=plural(len(names), "signature was", "signatures were"),
        names=listing(names),
        primary=study.config["models"]["primary"],
        clinical=clinical,
    )


def _count(n: int) -> str:
    small = ["No", "One", "Two", "Three", "Four", "Five", "Six"]
    return small[n] if n < len(small) else str(n)


def _models(study: StudyTables) -> Text:
    texts = []
    settings = study.config["models"]
    for kind, word in KINDS.items():
        if not any(e.kind == kind for e in study.endpoints):
            continue
        names = [
            say(REFERENCES[name], trees=study.setting("models.trees")) for name in settings[kind]
        ]
        texts.append(
            say(
                "{word} were modelled by {names}{primary}.",
                word=word,
                names=join(names, " and "),
                primary=f"; the first is the primary model ({model_name(settings[kind][0])})"
                if len(names) > 1
                else "",
            )
        )
    weighed = [e for e in study.endpoints if e.kind in ("binary", "ordinal", "multiclass")]
    if settings["class_weight"] == "balanced" and weighed:
        texts.append(
            say("Classes were weighted by the inverse of their frequency; nothing was resampled.")
        )
    return join(texts)


def validation(study: StudyTables) -> Section:
    """Return how performance was estimated and tested."""
    repeats = study.config["validation"]["repeats"]
    again = (
        say(", repeated {n} times and averaged per patient", n=study.setting("validation.repeats"))
        if repeats > 1
        else ()
    )
    steps = [
        "imputation",
        *(["harmonisation"] if harmonised(study) else []),
        "scaling",
        *(["stability filter"] if filtered(study) else []),
        *["redundancy filter", "selection", "tuning", "cut-off"],
    ]
    outer = say("{n} outer folds{again}", n=study.setting("validation.outer_folds"), again=again)
    if study.config["validation"].get("folds") == "centre":
        outer = say("each centre of the development was held out once as a whole")
    nested = say(
        "Internal performance was estimated by nested cross-validation split by patient: "
        "{outer}, and {inner} inner folds for tuning. {steps} are steps of one "
        "pipeline that was fitted anew on the training patients of each fold; nothing was learned "
        "from held-out patients. The cross-validated {metric} compares the held-out predictions "
        "of all folds together.",
        outer=outer,
        inner=study.setting("validation.inner_folds"),
        steps=sentence_case(listing(steps)),
        metric=_metrics(study),
    )
    return Section(
        "validation",
        "Validation and statistics",
        paragraphs(join([nested, _locked(study)]), _statistics(study)),
    )


def _metrics(study: StudyTables) -> str:
    return " or ".join(dict.fromkeys(metric_name(e.metric) for e in study.endpoints))


def _locked(study: StudyTables) -> Text:
    """Return what became of the locked signatures."""
    cohorts = tested(study)
    reached = [name for name in study.external if any(name in own for own in cohorts.values())]
    if not reached:
        none = (
            " No external patient has a known outcome, so there was no external validation."
            if study.external
            else ""
        )
        return say(
            "Every signature was fitted on all development patients and locked, and its hash "
            "recorded.{none}",
            none=none,
        )
    settings = study.config["harmonisation"]
    both = settings["method"] != "none" and settings["unseen"] != "refuse"
    text = say(
        "Every signature was fitted on all development patients and locked, and its hash "
        "recorded. The locked signatures were applied, as locked, to {where}, with the cut-offs "
        "learned in development{policies}.",
        where="each external cohort"
        if reached == study.external
        else f"the external {plural(len(reached), 'cohort')} {listing(list(map(plain, reached)))}",
        policies=", under both policies for unseen batches (left as they are; aligned)"
        if both
        else "",
    )
    missing = [e.label for e in study.endpoints if not cohorts[e.name]]
    if not missing:
        return text
    return join(
        [text, say("No external patient has a known outcome for {names}.", names=listing(missing))]
    )


def _statistics(study: StudyTables) -> Text:
    texts = []
    if any(e.kind == "binary" for e in study.endpoints):
        texts.append(
            say(
                "Binary endpoints: discrimination is the area under the receiver operating "
                "characteristic curve (AUC) with intervals and paired tests by DeLong's method "
                "[@delong1988]; sensitivity, specificity and predictive values have Wilson "
                "intervals, at the cut-off with the largest Youden index over out-of-fold risks "
                "of development patients; calibration is shown as intercept, slope and smooth "
                "curve."
            )
        )
    if any(e.kind == "survival" for e in study.endpoints):
        texts.append(
            say(
                "Survival endpoints: discrimination is Harrell's C-index with infinitesimal "
                "jackknife intervals; risk groups, cut at the median of the out-of-fold risks of "
                "development patients, are compared by the log-rank test and by Kaplan-Meier "
                "curves with log-log intervals; calibration is taken at the horizon, the Brier "
                "score and the index of prediction accuracy there and integrated from time 0 to "
                "it, with weights against censoring [@graf1999]."
            )
        )
    texts += statistics_of_types(study)
    texts.append(
        say(
            "Clinical utility is net benefit over threshold probabilities [@vickers2006]. Where "
            "no closed form exists, intervals come from {n} bootstrap samples of patients. "
            "Intervals are 95% intervals, tests are two-sided, and p-values of a family of "
            "comparisons are corrected by Holm's method.",
            n=study.setting("validation.bootstrap"),
        )
    )
    return join(texts)


def controls(study: StudyTables) -> Section:
    """Return the negative controls."""
    texts = [say("Radiomics signatures are known to owe their performance to volume [@welch2019].")]
    against = control_signatures(study)
    names = {
        "volume": "volume alone",
        "clinical": "clinical variables alone",
        "shuffled": "the same procedure on features of images whose voxels had been shuffled "
        "within the ROI",
    }
    if against:
        texts.append(
            say(
                "The primary signature was{therefore} held against {names}.",
                therefore=" therefore" if "volume" in against else "",
                names=listing([names[name] for name in against]),
            )
        )
    else:
        texts.append(say("No other signature was fitted to hold the primary one against."))
    if study.config["controls"]["permutations"]:
        texts.append(
            say(
                "The whole procedure was repeated on {n} permutations of the outcomes, in the "
                "folds of the observed outcomes; p is the share of results at least as good as "
                "the real one, counting that one [@phipson2010]. Here patients are compared "
                "within folds only, so that the real result differs a little from the "
                "cross-validated {metric}, which compares patients of all folds.",
                n=study.setting("controls.permutations"),
                metric=_metrics(study),
            )
        )
    return Section("controls", "Negative controls", paragraphs(join(texts)))


def software(study: StudyTables) -> Section:
    """Return what ran, and how to run it again."""
    versions = [f"{name} {version}" for name, version in sorted(study.versions.items())]
    text = say(
        "All steps from {start} to this document ran as one Snakemake workflow [@snakemake2021] "
        "by Rigoromics; versions: {versions}. Random numbers derive from the study's seed "
        "({seed}), so that the same inputs give the same bytes. Every number in the results "
        "stands in a table named in the supplement together with its hash.",
        start="raw data" if study.from_images else "the feature tables",
        versions=", ".join(versions),
        seed=study.setting("seed"),
    )
    return Section("software", "Software and reproducibility", paragraphs(text))
