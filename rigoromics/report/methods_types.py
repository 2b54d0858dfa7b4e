"""Methods that depend on the type of endpoint: what it is, its models, its statistics."""

from __future__ import annotations

from rigoromics.report.study import Endpoint, StudyTables
from rigoromics.report.text import Text, say
from rigoromics.report.wording import listing

KINDS = {
    "binary": "Binary endpoints",
    "ordinal": "Ordinal endpoints",
    "multiclass": "Endpoints of several classes",
    "count": "Counts",
    "survival": "Survival endpoints",
    "competing": "Survival endpoints with competing events",
}
REFERENCES = {
    "elastic_net": "logistic regression with elastic-net penalty [@zou2005]",
    "random_forest": "random forests [@breiman2001] of {trees} trees",
    "cox_elastic_net": "Cox regression with elastic-net penalty [@zou2005; @simon2011]",
    "random_survival_forest": "random survival forests [@ishwaran2008] of {trees} trees",
    "gradient_boosting": "stochastic gradient boosting [@friedman2001] of {trees} trees",
    "proportional_odds": "proportional-odds regression [@mccullagh1980] with elastic-net penalty "
    "[@zou2005]",
    "threshold_forest": "random forests of {trees} trees for each step of the scale, put together "
    "to levels [@frank2001]",
    "multinomial_elastic_net": "multinomial logistic regression with elastic-net penalty "
    "[@zou2005]",
    "multiclass_random_forest": "random forests [@breiman2001] of {trees} trees",
    "poisson_elastic_net": "Poisson regression with elastic-net penalty [@zou2005]",
    "gradient_boosting_survival": "gradient boosting of Cox's partial likelihood [@friedman2001] "
    "with {trees} trees",
    "weibull_aft": "Weibull accelerated failure time regression with elastic-net penalty "
    "[@zou2005]",
    "cause_specific_cox": "Cox regression of each cause with elastic-net penalty [@zou2005; "
    "@simon2011], put together to cumulative incidence",
}
_STATISTICS = {
    "ordinal": "Ordinal endpoints: discrimination is the share of pairs of different level that "
    "are ordered rightly (ordinal C, a linear function of Somers' D), with infinitesimal jackknife "
    "intervals, and the AUC at each step of the scale; agreement of given and true levels is "
    "weighted kappa; calibration is shown at each step.",
    "multiclass": "Endpoints of several classes: discrimination is Hand and Till's M "
    "[@handtill2001], the mean over pairs of classes of how well the probability of either tells "
    "them apart, with intervals and paired tests by DeLong's method [@delong1988]; sensitivity "
    "and specificity are averaged over classes.",
    "count": "Counts: discrimination is the share of pairs of different count that are ordered "
    "rightly; the deviance explained is that of Poisson's distribution; calibration slopes have "
    "robust intervals.",
    "competing": "Competing events: discrimination is Wolbers' C [@wolbers2009], in which whoever "
    "had a competing event never has the event; risk groups, cut at the median of the out-of-fold "
    "risks of development patients, are compared by Aalen and Johansen's cumulative incidence.",
}
_GIVEN = {
    "balanced": " A patient was given the one whose probability most exceeds its share in "
    "training.",
    "none": " A patient was given the most probable one.",
}


def endpoint_of_type(study: StudyTables, endpoint: Endpoint, role: str) -> Text:
    """Return what an endpoint is that is neither binary nor plain survival."""
    common = {"role": role, "label": endpoint.label}
    if endpoint.kind == "competing":
        return say(
            "The {role} {label} is a time to an event in {unit}, with competing events; "
            "probabilities are predicted at {horizon} {unit}.",
            unit=str(endpoint.settings["unit"]),
            horizon=study.setting(f"endpoints.{endpoint.name}.horizon"),
            **common,
        )
    if endpoint.kind == "count":
        return say("The {role} {label} is a count.", **common)
    levels = listing([str(level) for level in endpoint.settings["levels"]])
    what = {
        "ordinal": "ordinal, with the levels {levels}",
        "multiclass": "one of the classes {levels}",
    }[endpoint.kind].format(levels=levels)
    given = _GIVEN[str(study.config["models"]["class_weight"])]
    return say("The {role} {label} is {what}.{given}", what=what, given=given, **common)


def statistics_of_types(study: StudyTables) -> list[Text]:
    """Return how endpoints were judged that are neither binary nor plain survival."""
    there = {endpoint.kind for endpoint in study.endpoints}
    return [say(text) for kind, text in _STATISTICS.items() if kind in there]
