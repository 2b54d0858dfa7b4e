"""Measures of ordinal, multiclass, count and competing endpoints, against other software."""

import numpy as np
import pandas as pd
import pytest
from lifelines import AalenJohansenFitter
from scipy.stats import poisson, somersd, spearmanr
from sklearn.metrics import (
    cohen_kappa_score,
    d2_tweedie_score,
    mean_absolute_error,
    recall_score,
    roc_auc_score,
)

from rigoromics.evaluate import counts as counted
from rigoromics.evaluate import incidence, multiclass, ordinal
from rigoromics.evaluate.discrimination import auc, delong_paired
from rigoromics.evaluate.group import Endpoint, Group, Settings
from rigoromics.evaluate.horizon import brier_at

SETTINGS = Settings(bootstrap=200)
STAGE = Endpoint("stage", "ordinal", levels=("F0", "F1", "F2", "F3"))
KIND = Endpoint("kind", "multiclass", levels=("a", "b", "c"))
LESIONS = Endpoint("lesions", "count")
RELAPSE = Endpoint("relapse", "survival", 15.0, competing=(2,))


def group(**columns):
    n = len(next(iter(columns.values())))
    table = pd.DataFrame({"patient": [f"P{i}" for i in range(n)], "cohort": "x", **columns})
    key = dict.fromkeys(("signature", "model", "policy"), "m")
    return Group({**key, "cohort": "x", "split": "external"}, table)


def with_levels(seed=0, n=120, many=4):
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=n)
    y = np.clip(np.round(latent + rng.normal(size=n) * 0.8 + (many - 1) / 2), 0, many - 1)
    scores = -((latent[:, None] + (many - 1) / 2 - np.arange(many)) ** 2) / 1.5
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    columns = {f"probability_{k}": p[:, k] for k in range(many)}
    risk = np.round(latent, 1)
    return y, p, group(y=y, risk=risk, cutoff_class=p.argmax(axis=1), **columns)


def competing(seed=0, n=200):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    one, two, end = rng.exponential(30 / np.exp(x)), rng.exponential(40, n), rng.uniform(5, 60, n)
    time = np.minimum(np.minimum(one, two), end)
    cause = np.select([time == one, time == two], [1, 2], 0)
    return x, time, cause


def test_ordinal_c_is_somers_d():
    y, _, found = with_levels()
    value = ordinal.discriminate(found, STAGE, SETTINGS).value
    assert 2 * value - 1 == pytest.approx(somersd(y, found.column("risk")).statistic)


def test_ordinal_measures_of_two_levels_are_the_binary_ones():
    y, _, found = with_levels(many=2)
    both = Endpoint("x", "ordinal", levels=("no", "yes"))
    measured = ordinal.measure(found, both, SETTINGS, 1).metrics
    binary = auc(y, found.column("probability_1"))
    assert measured["auc_from_yes"] == binary
    assert measured["mean_threshold_auc"].value == pytest.approx(binary.value)
    assert ordinal.discriminate(found, both, SETTINGS).value == pytest.approx(
        auc(y, found.column("risk")).value
    )


def test_kappa_equals_scikit_learn_and_a_worked_table():
    y, p, found = with_levels()
    called = p.argmax(axis=1)
    measured = ordinal.measure(found, STAGE, SETTINGS, 1).metrics
    for name in ("linear", "quadratic"):
        own = measured[f"kappa_{name}"]
        assert own.value == pytest.approx(cohen_kappa_score(y, called, weights=name))
        assert own.lower < own.value < own.upper
    # Of 10 and 10 patients, 2 each are one level off: 4 / 20 against 0.5 by chance.
    assert ordinal.weighted_kappa(np.array([[8.0, 2], [2, 8]]), "linear") == pytest.approx(0.6)
    assert measured["mean_levels_off"].value == mean_absolute_error(y, called)
    assert measured["accuracy"].value == np.mean(y == called)


def test_ranked_probability_is_a_brier_score_per_step():
    y, p, _ = with_levels()
    steps = [np.mean((p[:, k:].sum(axis=1) - (y >= k)) ** 2) for k in (1, 2, 3)]
    assert ordinal.ranked_probability(y, p).mean() == pytest.approx(np.mean(steps))


def test_details_count_every_patient():
    y, _, found = with_levels()
    details = ordinal.measure(found, STAGE, SETTINGS, 1).details
    table = details[details["table"] == "confusion"]
    assert table.groupby("series")["value"].sum().tolist() == np.bincount(y.astype(int)).tolist()
    assert set(details.loc[details["table"] == "calibration", "series"]) == {
        "F1 and above",
        "F2 and above",
        "F3 and above",
    }


def test_m_equals_scikit_learn():
    y, p, found = with_levels(many=3)
    expected = roc_auc_score(y, p, multi_class="ovo", average="macro")
    assert multiclass.discriminate(found, KIND, SETTINGS).value == pytest.approx(expected)
    missing = y != 1
    expected = auc(y[missing] == 2, p[missing, 2])
    value, _ = multiclass.hand_till(y[missing], p[missing])
    other = auc(y[missing] == 0, p[missing, 0])
    assert value == pytest.approx((expected.value + other.value) / 2)


def test_m_of_two_classes_has_delongs_interval_and_test():
    y, p, found = with_levels(many=2)
    both = Endpoint("x", "multiclass", levels=("no", "yes"))
    own, binary = multiclass.discriminate(found, both, SETTINGS), auc(y, p[:, 1])
    assert (own.value, own.lower, own.upper) == pytest.approx(
        (binary.value, binary.lower, binary.upper)
    )
    risk = np.random.default_rng(3).random(len(y))
    other = group(y=y, risk=risk, probability_0=1 - risk, probability_1=risk)
    test = multiclass.compare(found, other, both, SETTINGS, 1)
    expected = delong_paired(y, p[:, 1], risk)
    assert (test.difference, test.p) == pytest.approx((expected.difference, expected.p))


def test_the_interval_of_m_agrees_with_the_bootstrap():
    y, p, found = with_levels(n=200, many=3)
    own = multiclass.discriminate(found, KIND, SETTINGS)
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(400):
        rows = rng.integers(0, 200, 200)
        samples.append(multiclass.hand_till(y[rows], p[rows])[0])
    lower, upper = np.quantile(samples, [0.025, 0.975])
    assert (own.lower, own.upper) == pytest.approx((lower, upper), abs=0.02)


def test_multiclass_measures():
    y, p, found = with_levels(many=3)
    measured = multiclass.measure(found, KIND, SETTINGS, 1).metrics
    called = p.argmax(axis=1)
    assert measured["macro_sensitivity"].value == recall_score(y, called, average="macro")
    other = np.mean([recall_score(y != k, called != k) for k in range(3)])
    assert measured["macro_specificity"].value == pytest.approx(other)
    truth = np.eye(3)[y.astype(int)]
    brier = np.mean(np.sum((p - truth) ** 2, axis=1))
    assert measured["brier_classes"].value == pytest.approx(brier)
    share = truth.mean(axis=0)
    chance = np.mean(np.sum((share - truth) ** 2, axis=1))
    assert measured["scaled_brier"].value == pytest.approx(1 - brier / chance)
    for k, level in enumerate(KIND.levels):
        assert measured[f"auc_of_{level}"].value == pytest.approx(roc_auc_score(y == k, p[:, k]))


def test_measures_of_counts():
    rng = np.random.default_rng(0)
    expected = np.exp(rng.normal(size=150) * 0.6 + 0.5)
    y = rng.poisson(expected).astype(float)
    found = group(y=y, risk=np.log(expected), expected=expected, cutoff_class=expected > 1)
    result = counted.measure(found, LESIONS, SETTINGS, 1)
    own = result.metrics
    assert own["deviance_explained"].value == pytest.approx(d2_tweedie_score(y, expected, power=1))
    assert own["spearman"].value == pytest.approx(spearmanr(y, expected).statistic)
    assert own["mean_absolute_error"].value == pytest.approx(mean_absolute_error(y, expected))
    assert own["observed_expected"].value == pytest.approx(y.mean() / expected.mean())
    for name in ("deviance_explained", "spearman", "observed_expected"):
        assert own[name].lower < own[name].value < own[name].upper
    assert own["calibration_slope"].lower < 1 < own["calibration_slope"].upper
    bars = result.details
    assert bars.groupby("series")["value"].sum().tolist() == pytest.approx([150, 150])
    zero = bars[(bars["x"] == 0) & (bars["series"] == "expected")]["value"].iloc[0]
    assert zero == pytest.approx(poisson.pmf(0, expected).sum())


def test_counts_predicted_by_their_mean_explain_nothing():
    y = np.random.default_rng(0).poisson(2, 80).astype(float)
    found = counted.deviance_explained(y, np.full(80, y.mean()), np.ones((2, 80)), 0.05)
    assert found.value == pytest.approx(0)


def test_incidence_equals_lifelines():
    _, time, cause = competing()
    curve = incidence.cumulative_incidence(time, cause)
    theirs = AalenJohansenFitter(calculate_variance=True).fit(time, cause, 1)
    at = curve["time"].to_numpy()
    own = theirs.cumulative_density_.loc[at].to_numpy()[:, 0]
    assert curve["incidence"].to_numpy() == pytest.approx(own, abs=1e-12)
    limits = theirs.confidence_interval_.loc[at[1:]].to_numpy()
    assert curve[["lower", "upper"]].to_numpy()[1:] == pytest.approx(limits, abs=1e-9)


def test_without_competing_events_measures_are_those_of_survival():
    x, time, cause = competing()
    cause = (cause == 1).astype(int)
    p = 1 / (1 + np.exp(-x))
    found = group(time=time, cause=cause, event=cause, risk=x, probability=1 - p,
                  cutoff_class=(x > 0) * 1.0)  # fmt: skip
    own = incidence.measure(found, RELAPSE, SETTINGS, 1).metrics
    counts = found.counts(SETTINGS, 1)
    expected = brier_at(time, cause, p, 15.0, counts, 0.05)[0].value
    assert own["brier_horizon"].value == pytest.approx(expected)


def test_competing_measures():
    x, time, cause = competing()
    found = group(time=time, cause=cause, event=cause == 1, risk=x, probability=np.full(200, 0.7),
                  cutoff_class=(x > 0) * 1.0)  # fmt: skip
    result = incidence.measure(found, RELAPSE, SETTINGS, 1)
    own = result.metrics
    # Wolbers: the earlier event against who has none so far, or never will.
    worse = (cause == 1)[:, None] & ((time > time[:, None]) | (cause == 2))
    higher = x[:, None] > x
    assert own["c_index"].value == pytest.approx((worse & higher).sum() / worse.sum())
    assert own["incidence_high_risk"].value > own["incidence_low_risk"].upper
    whole = incidence.incidence_at(incidence.cumulative_incidence(time, cause), 15.0)[0]
    assert own["observed_expected"].value == pytest.approx(whole / 0.3)
    assert incidence._incidence(time, cause, 15.0) == pytest.approx(whole)
    assert set(result.details["series"]) == {"low", "high"}
