"""What is said of one endpoint because of its type: levels, classes, counts, competing events."""

from __future__ import annotations

import numpy as np

from rigoromics.report import rows as pick
from rigoromics.report.registry import Number
from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import Text, join, say
from rigoromics.report.wording import p_equals, sizes

DETAILS = {
    "ordinal": "Levels as they are and as the {signature} signature gives them (share of each true "
    "level; number of patients), and calibration at each step of the scale, with 95% intervals.",
    "multiclass": "Classes as they are and as the {signature} signature gives them (share of each "
    "true class; number of patients), and calibration of each class, with 95% intervals.",
    "count": "Hanging rootogram of the {signature} signature: bars of observed counts hang from "
    "those expected of Poisson's distribution about the predictions; a bar that misses the "
    "dashed line is a count that is too rare or too frequent.",
    "competing": "Cumulative incidence (Aalen-Johansen) of the risk groups that the {signature} "
    "signature makes at its locked cut-off; bands: 95% intervals.",
}
# Metrics that the text names, by type, and the sentence around them.
_SENTENCES = {
    "ordinal": (
        "{where} agreement of given and true levels was {kappa_quadratic} (kappa, quadratic "
        "weights); {accuracy} of patients were given their level, {within_one_level} one no "
        "further than the next.",
        ("kappa_quadratic", "accuracy", "within_one_level"),
    ),
    "multiclass": (
        "{where} sensitivity was {macro_sensitivity} on average over classes, and {accuracy} of "
        "patients were given their class.",
        ("macro_sensitivity", "accuracy"),
    ),
    "count": (
        "{where} predictions explained {deviance_explained} of the Poisson deviance, with a mean "
        "absolute error of {mean_absolute_error}.",
        ("deviance_explained", "mean_absolute_error"),
    ),
    "competing": (
        "{where} cumulative incidence at the horizon was {incidence_high_risk} at high and "
        "{incidence_low_risk} at low risk; observed to expected: {observed_expected}.",
        ("incidence_high_risk", "incidence_low_risk", "observed_expected"),
    ),
}


def estimate(study: StudyTables, endpoint: Endpoint, split: str, metric: str) -> Number | None:
    """Return the primary signature's estimate with its interval, or None where there is none."""
    selector = endpoint.selector(split, metric)
    if selector is None:
        return None
    metrics = endpoint.tables["metrics"]
    if np.isnan(metrics.where(selector).iloc[0]["estimate"]):
        return None
    return study.numbers.interval(metrics, selector)


def sizes_text(endpoint: Endpoint, number: Number) -> Text:
    """Return how many events there were, in the words of the endpoint's type."""
    what = sizes(endpoint.settings)
    shape = "with {events} {what}" if what == "events" else "({events} {what})"
    return say(shape, events=number, what=what)


def of_type(study: StudyTables, endpoint: Endpoint) -> Text:
    """Return the sentences that only endpoints of this type have."""
    if endpoint.kind not in _SENTENCES:
        return ()
    outside = endpoint.selector("external", endpoint.metric) is not None
    split = "external" if outside else pick.DEVELOPMENT
    sentence, names = _SENTENCES[endpoint.kind]
    values = {name: estimate(study, endpoint, split, name) for name in names}
    known = {name: value for name, value in values.items() if value is not None}
    texts = []
    if len(known) == len(values):
        where = "Outside," if outside else "In cross-validation,"
        texts.append(say(sentence, where=where, **known))
    return join([*texts, *_proportional_odds(study, endpoint)])


def _proportional_odds(study: StudyTables, endpoint: Endpoint) -> list[Text]:
    test, source = endpoint.signature.get("proportional_odds_test"), endpoint.signature_source
    if not test or source is None:
        return []
    shown = p_equals(float(test["p"]))
    p = study.numbers.setting(source, "proportional_odds_test.p", float(test["p"]), shown)
    verb = "speaks against" if test["p"] < 0.05 else "does not speak against"
    return [
        say(
            "In development the score test of proportional odds ({p}) {verb} one coefficient "
            "for all steps of the scale; the predictors were chosen on the same patients.",
            p=p,
            verb=verb,
        )
    ]
