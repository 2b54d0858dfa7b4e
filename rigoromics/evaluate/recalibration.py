"""What recalibration on external patients would repair: shown beside the untouched result.

Only the external result of the signature as it was locked is validation. A centre that wants to
use the signature asks the next question: would correcting the mean, or the mean and the spread, of
its predictions on local patients be enough? Corrections are fitted by cross-validation within the
external patients, so that nobody is judged by a correction that knew them.

References
----------
Steyerberg EW et al. Validation and updating of predictive logistic regression models: a study on
sample size and shrinkage. Stat Med 2004;23:2567.
Vergouwe Y et al. A closed testing procedure to select an appropriate method for updating
prediction models. Stat Med 2017;36:4529.
van Houwelingen HC. Validation, calibration, revision and combination of prognostic survival
models. Stat Med 2000;19:3401.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from rigoromics.evaluate.calibration import brier, intercept_and_slope, smooth_calibration
from rigoromics.evaluate.cox import fit_cox
from rigoromics.evaluate.estimate import Estimate, Floats, undefined
from rigoromics.evaluate.group import ALL_EXTERNAL, KEY, Endpoint, Group, Settings
from rigoromics.evaluate.horizon import (
    brier_at,
    calibration_slope,
    complementary_log_log,
    observed_expected,
    smooth_calibration_at,
)
from rigoromics.evaluate.survival import survival_at
from rigoromics.seeds import derive_seed

RECALIBRATION = [
    *["endpoint", *KEY, "recalibration", "metric", "estimate", "lower", "upper", "method", "n"],
    "events",
]
UNTOUCHED, INTERCEPT, SLOPE = "untouched", "intercept", "intercept and slope"
FOLDS = 10
FEWEST = 10
_EDGE = 1e-3
_LARGEST = 30.0

Rows = NDArray[np.intp]


def recalibration(
    everything: list[Group],
    endpoint: Endpoint,
    primary: Mapping[str, str],
    settings: Settings,
    seed: int,
) -> pd.DataFrame:
    """Return calibration and accuracy of the primary signature over all external patients, as it
    is and recalibrated.
    """
    rows = []
    for group in everything:
        own = all(group.key[name] == primary[name] for name in ("signature", "model"))
        if not own or group.key["cohort"] != ALL_EXTERNAL:
            continue
        where = {"endpoint": endpoint.name, **group.key}
        size = {"n": len(group.table), "events": group.events(endpoint)}
        for name, metrics in _variants(group, endpoint, settings, seed).items():
            rows += [
                {
                    **where,
                    "recalibration": name,
                    "metric": metric,
                    "estimate": found.value,
                    "lower": found.lower,
                    "upper": found.upper,
                    "method": found.method,
                    **size,
                }
                for metric, found in metrics.items()
            ]
    return pd.DataFrame(rows, columns=RECALIBRATION)


def _variants(
    group: Group, endpoint: Endpoint, settings: Settings, seed: int
) -> dict[str, dict[str, Estimate]]:
    if endpoint.timed and endpoint.horizon is None:
        return {}
    counts = group.counts(settings, seed)
    probability = group.event_probability(endpoint)
    judged = _judge_at if endpoint.timed else _judge
    found = {UNTOUCHED: judged(group, endpoint, probability, counts, settings.alpha)}
    folds = _folds(group, endpoint, seed)
    for name in (INTERCEPT, SLOPE):
        corrected, why = _cross_fitted(group, endpoint, probability, folds, slope=name == SLOPE)
        if why:
            found[name] = dict.fromkeys(found[UNTOUCHED], undefined(why))
            continue
        note = f"recalibrated ({name}) in {len(folds)}-fold cross-validation"
        found[name] = {
            metric: Estimate(e.value, e.lower, e.upper, f"{e.method}; {note}")
            for metric, e in judged(group, endpoint, corrected, counts, settings.alpha).items()
        }
    return found


def _judge(
    group: Group, endpoint: Endpoint, probability: Floats, counts: Floats, alpha: float
) -> dict[str, Estimate]:
    y = group.column("y")
    score, scaled = brier(y, probability, counts, alpha)
    intercept, slope = intercept_and_slope(y, probability, alpha)
    distances, _ = smooth_calibration(y, probability, counts, alpha)
    return {
        "calibration_intercept": intercept,
        "calibration_slope": slope,
        "ici": distances["ici"],
        "brier": score,
        "scaled_brier": scaled,
    }


def _judge_at(
    group: Group, endpoint: Endpoint, probability: Floats, counts: Floats, alpha: float
) -> dict[str, Estimate]:
    time, event, horizon = group.column("time"), group.column("event"), endpoint.horizon
    assert horizon is not None
    at = (time, event, probability, horizon, counts, alpha)
    score, scaled = brier_at(*at)
    return {
        "observed_expected": observed_expected(*at),
        "calibration_slope": calibration_slope(time, event, probability, alpha),
        "ici": smooth_calibration_at(*at)[0]["ici"],
        "brier_horizon": score,
        "scaled_brier": scaled,
    }


def _folds(group: Group, endpoint: Endpoint, seed: int) -> list[Rows]:
    """Return held-out rows of each fold, events spread evenly; the same for all policies."""
    happened = group.column(endpoint.outcome[-1]) == 1.0
    place = [group.key["cohort"], group.key["split"]]
    rng = np.random.default_rng(derive_seed(seed, "recalibration", *place))
    strata = [np.flatnonzero(happened), np.flatnonzero(~happened)]
    dealt = np.concatenate([rng.permutation(stratum) for stratum in strata])
    fold = np.empty(dealt.size, dtype=np.intp)
    fold[dealt] = np.arange(dealt.size) % FOLDS
    return [np.flatnonzero(fold == number) for number in range(FOLDS)]


def _cross_fitted(
    group: Group, endpoint: Endpoint, probability: Floats, folds: list[Rows], *, slope: bool
) -> tuple[Floats, str]:
    """Return every patient's probability corrected without that patient, or why there is none."""
    events = group.events(endpoint)
    fewer = events if endpoint.timed else min(events, len(group.table) - events)
    if fewer < FEWEST:
        what = "events" if endpoint.timed else "patients in the smaller outcome class"
        return probability, f"recalibration needs at least {FEWEST} {what}, here {fewer}"
    if not np.isfinite(probability).all():
        return probability, "a predicted probability is missing"
    learn = _learn_at if endpoint.timed else _learn
    corrected = np.empty_like(probability)
    for held_out in folds:
        known = np.ones(probability.size, dtype=bool)
        known[held_out] = False
        correct = learn(group, endpoint, probability, known, slope)
        if correct is None:
            return probability, "the correction has no finite estimate"
        corrected[held_out] = correct(probability[held_out])
    return corrected, ""


Correction = Callable[[Floats], Floats]


def _learn(
    group: Group, endpoint: Endpoint, probability: Floats, known: Floats, slope: bool
) -> Correction | None:
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    def odds(values: Floats) -> Floats:
        return np.asarray(logit(np.clip(values, _EDGE, 1.0 - _EDGE)))

    y, x = group.column("y")[known], odds(probability[known])
    ones = np.ones((y.size, 1))
    if slope and np.ptp(x) == 0.0:
        return None
    with warnings.catch_warnings():
        # Separation shows in the coefficients below.
        warnings.simplefilter("ignore")
        design, offset = (np.column_stack([ones, x]), None) if slope else (ones, x)
        fit = GLM(y, design, family=Binomial(), offset=offset).fit()
    if not fit.converged or np.abs(fit.params).max() > _LARGEST:
        return None
    intercept, factor = float(fit.params[0]), float(fit.params[1]) if slope else 1.0
    return lambda values: np.asarray(expit(intercept + factor * odds(values)))


def _learn_at(
    group: Group, endpoint: Endpoint, probability: Floats, known: Floats, slope: bool
) -> Correction | None:
    assert endpoint.horizon is not None
    time, event = group.column("time")[known], group.column("event")[known]
    x = complementary_log_log(probability[known])
    factor = 1.0
    if slope:
        fit = fit_cox(time, event, x)
        if fit.why:
            return None
        factor = float(fit.coefficients[0])
    incidence = 1.0 - float(survival_at(time, event, np.ones((1, time.size)), endpoint.horizon)[0])
    if not 0.0 < incidence < 1.0:
        return None

    def excess(log_hazard: float) -> float:
        predicted = 1.0 - np.exp(-np.exp(log_hazard + factor * x))
        return float(predicted.mean()) - incidence

    # The level at which the mean prediction is what Kaplan-Meier observed.
    hazard = math.exp(brentq(excess, -60.0, 60.0, xtol=1e-12))
    return lambda values: np.asarray(
        1.0 - np.exp(-hazard * np.exp(factor * complementary_log_log(values)))
    )
