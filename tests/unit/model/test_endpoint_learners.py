"""The models of ordinal, multiclass, count and competing endpoints, against other software."""

import numpy as np
import pandas as pd
import pytest
from lifelines import AalenJohansenFitter, WeibullAFTFitter
from scipy.optimize import approx_fprime, minimize
from scipy.stats import nbinom
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.isotonic import isotonic_regression
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sksurv.ensemble import GradientBoostingSurvivalAnalysis
from statsmodels.discrete.discrete_model import NegativeBinomial
from statsmodels.miscmodels.ordinal_model import OrderedModel

from rigoromics.errors import DataError
from rigoromics.model.boosting import GradientBoosting, GradientBoostingSurvival
from rigoromics.model.classes import most_likely
from rigoromics.model.competing import CauseSpecificCox
from rigoromics.model.counts import PoissonElasticNet, dispersion
from rigoromics.model.curve import curve_times
from rigoromics.model.learners import CoxElasticNet
from rigoromics.model.multiclass import MulticlassForest, MultinomialElasticNet
from rigoromics.model.ordinal import (
    ProportionalOdds,
    ThresholdForest,
    cumulative_terms,
    falling,
    proportional_odds_test,
)
from rigoromics.model.outcome import COMPETING, coded_outcome, survival_outcome
from rigoromics.model.penalised import elastic_net
from rigoromics.model.weibull import WeibullAFT


def design(seed=0, n=150, p=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return (X - X.mean(axis=0)) / X.std(axis=0), rng


def levels(seed=0, n=150, p=4, steps=(-1.0, 0.3, 1.5)):
    X, rng = design(seed, n, p)
    latent = X[:, 0] - 0.5 * X[:, 1] + rng.logistic(size=n)
    return X, coded_outcome(np.searchsorted(steps, latent), "ordinal")


def classes(seed=0, n=150, p=4):
    X, rng = design(seed, n, p)
    scores = np.column_stack([X[:, 0], X[:, 1] - 0.5, -X[:, 0]]) + rng.gumbel(size=(n, 3))
    return X, coded_outcome(scores.argmax(axis=1), "multiclass")


def counts(seed=0, n=150, p=4):
    X, rng = design(seed, n, p)
    mean = np.exp(0.8 + 0.4 * X[:, 0] - 0.3 * X[:, 1])
    return X, coded_outcome(rng.negative_binomial(2, 2 / (2 + mean)), "count")


def survival(seed=0, n=150, p=4):
    X, rng = design(seed, n, p)
    time = 20 * rng.weibull(1.5, n) * np.exp(-0.5 * X[:, 0])
    censor = rng.uniform(5, 60, n)
    return X, survival_outcome(time <= censor, np.minimum(time, censor))


def competing(seed=0, n=200, p=3):
    X, rng = design(seed, n, p)
    one, two = (rng.exponential(30 / np.exp(X[:, j])) for j in (0, 1))
    end = rng.uniform(5, 60, n)
    y = np.empty(n, dtype=COMPETING)
    y["time"] = np.minimum(np.minimum(one, two), end)
    y["cause"] = np.select([y["time"] == one, y["time"] == two], [1, 2], 0)
    y["event"] = y["cause"] == 1
    return X, y


@pytest.mark.filterwarnings("ignore:Maximum Likelihood optimization failed")
def test_unpenalised_proportional_odds_equal_statsmodels():
    X, y = levels()
    ours = ProportionalOdds(alpha=0.0, classes=4).fit(X, y)
    model = OrderedModel(y["level"], X, distr="logit")
    theirs = model.fit(method="newton", disp=False, tol=1e-12, maxiter=200)
    assert ours.weights_ == pytest.approx(theirs.params[:4], abs=1e-6)
    thresholds = model.transform_threshold_params(theirs.params)[1:-1]
    assert ours.thresholds_ == pytest.approx(thresholds, abs=1e-6)
    assert ours.probability(X) == pytest.approx(theirs.predict(X), abs=1e-6)


def test_proportional_odds_of_two_levels_are_logistic_regression():
    X, y = levels(steps=(0.2,))
    ours = ProportionalOdds(alpha=0.03, l1_ratio=0.6, classes=2).fit(X, y)
    theirs = LogisticRegression(
        C=1 / (0.03 * len(y)), l1_ratio=0.6, solver="saga", tol=1e-10, max_iter=100_000
    ).fit(X, y["level"])
    assert ours.weights_ == pytest.approx(theirs.coef_[0], abs=1e-6)
    assert -ours.thresholds_ == pytest.approx(theirs.intercept_, abs=1e-6)
    assert (ours.weights_ == 0).tolist() == (theirs.coef_[0] == 0).tolist()


def test_derivatives_of_the_cumulative_model():
    _, y = levels(n=12)
    rng = np.random.default_rng(1)
    eta = -np.sort(-rng.normal(size=(12, 3)), axis=1)
    _, first, diagonal, beside = cumulative_terms(eta, y["level"])

    def value(flat):
        return cumulative_terms(flat.reshape(eta.shape), y["level"])[0]

    def slope(flat):
        return cumulative_terms(flat.reshape(eta.shape), y["level"])[1].ravel()

    assert approx_fprime(eta.ravel(), value, 1e-7) == pytest.approx(first.ravel(), abs=1e-5)
    second = approx_fprime(eta.ravel(), slope, 1e-7).reshape(12, 3, 12, 3)
    rows = np.arange(12)
    for j in range(3):
        assert second[rows, j, rows, j] == pytest.approx(diagonal[:, j], abs=1e-5)
    for j in range(2):
        assert second[rows, j, rows, j + 1] == pytest.approx(beside[:, j], abs=1e-5)


@pytest.mark.parametrize("violated", [False, True])
def test_the_test_of_proportional_odds_agrees_with_the_likelihood_ratio(violated):
    X, rng = design(3, 1500, 2)
    if violated:
        # The first predictor acts on the lower step only.
        above = 1 / (1 + np.exp(-np.column_stack([1.2 * X[:, 0] + 1.5, 0 * X[:, 0] - 1.5])))
        y = coded_outcome((rng.random(1500)[:, None] < above).sum(axis=1), "ordinal")
    else:
        _, y = levels(3, 1500, 2, steps=(-1.0, 1.0))
    model = ProportionalOdds(alpha=0.0, classes=3, final=True).fit(X, y)
    statistic, df, p = model.proportional_odds_

    def loss(at):
        eta = at[[0, 3]] + X @ np.column_stack([at[1:3], at[4:6]])
        value = cumulative_terms(eta, y["level"])[0]
        return 1e9 if np.isinf(value) else -value

    t, b = model.thresholds_, model.weights_
    start = np.array([-t[0], *b, -t[1], *b])
    free = minimize(loss, start, method="BFGS", options={"gtol": 1e-6}).fun
    ratio = 2 * (loss(start) - free)
    assert df == 2
    assert statistic == pytest.approx(ratio, rel=0.15, abs=0.3)
    assert (p < 0.001) == violated


def test_no_test_where_there_is_nothing_to_test():
    X, y = levels(steps=(0.2,))
    assert proportional_odds_test(X, y, np.zeros(1), np.ones(4)) is None
    assert proportional_odds_test(X, y, np.zeros(2), np.zeros(4)) is None


def test_falling_probabilities_are_isotonic_regression():
    above = np.random.default_rng(0).random((40, 5))
    for row, found in zip(above, falling(above), strict=True):
        assert found == pytest.approx(isotonic_regression(row, increasing=False), abs=1e-12)
    sorted_already = -np.sort(-above, axis=1)
    assert falling(sorted_already) == pytest.approx(sorted_already, abs=1e-12)


@pytest.mark.parametrize("weight", ["none", "balanced"])
def test_the_forest_of_two_levels_is_the_forest_of_a_binary_outcome(weight):
    X, y = levels(steps=(0.2,))
    forest = ThresholdForest(trees=10, classes=2, class_weight=weight, seed=3).fit(X, y)
    assert forest.probability(X)[:, 1] == pytest.approx(forest.forests_[0].risk(X))
    assert forest.risk(X) == pytest.approx(forest.forests_[0].risk(X))


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (ProportionalOdds(classes=5), levels),
        (ThresholdForest(trees=10, classes=5), levels),
        (MultinomialElasticNet(classes=5, class_weight="balanced"), classes),
        (MulticlassForest(trees=10, classes=5, class_weight="balanced"), classes),
    ],
)
def test_probabilities_add_up_and_absent_classes_have_none(model, data):
    X, y = data()
    name = y.dtype.names[0]
    y[name][y[name] == 1] = 4
    fitted = model.fit(X, y)
    p = fitted.probability(X)
    assert p.shape == (len(X), 5)
    assert p.sum(axis=1) == pytest.approx(1)
    assert (p >= 0).all()
    assert not p[:, 1].any()
    assert set(fitted.called(X)) <= set(y[name])


@pytest.mark.parametrize("weight", ["none", "balanced"])
def test_multinomial_equals_scikit_learn(weight):
    X, y = classes()
    ours = MultinomialElasticNet(0.02, 0.5, 3, weight).fit(X, y)
    theirs = LogisticRegression(
        C=1 / (0.02 * len(y)),
        l1_ratio=0.5,
        solver="saga",
        tol=1e-10,
        max_iter=100_000,
        class_weight=None if weight == "none" else weight,
    ).fit(X, y["class"])
    assert ours.coefficients_ == pytest.approx(theirs.coef_, abs=1e-6)
    shift = 0 if weight == "none" else np.log(ours.shares_)
    expected = theirs.intercept_ + shift
    assert ours.intercepts_ == pytest.approx(expected - expected.mean(), abs=1e-6)


def test_balanced_forests_say_what_prevalence_says():
    X, y = classes(n=400)
    y["class"][y["class"] == 2] = np.where(np.arange((y["class"] == 2).sum()) % 4, 0, 2)
    plain, balanced = (
        MulticlassForest(50, 20, 3, weight).fit(X, y).probability(X).mean(axis=0)
        for weight in ("none", "balanced")
    )
    share = np.bincount(y["class"]) / len(y)
    assert plain == pytest.approx(share, abs=0.02)
    assert balanced == pytest.approx(share, abs=0.06)


def test_a_rare_class_is_called_where_its_share_is_exceeded():
    p, share = np.array([[0.7, 0.2, 0.1], [0.9, 0.06, 0.04]]), np.array([0.9, 0.05, 0.05])
    assert most_likely(p, share, "none").tolist() == [0, 0]
    assert most_likely(p, share, "balanced").tolist() == [1, 1]
    assert most_likely(p, np.array([1.0, 0, 0]), "balanced").tolist() == [0, 0]


def test_poisson_equals_scikit_learn():
    X, y = counts()
    ours = PoissonElasticNet(alpha=0.1, l1_ratio=0.0).fit(X, y)
    theirs = PoissonRegressor(alpha=0.1, tol=1e-10, max_iter=1000).fit(X, y["count"])
    assert ours.weights_ == pytest.approx(theirs.coef_, abs=1e-6)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-6)
    sparse = PoissonElasticNet(alpha=0.2, l1_ratio=0.9).fit(X, y).weights_
    assert sparse[:2].all()
    assert not sparse[2:].any()


def test_dispersion_is_the_maximum_likelihood_one():
    X, y = counts()
    mean = PoissonElasticNet(alpha=0.0).fit(X, y).probability(X)
    found = dispersion(y["count"], mean)

    def likelihood(a):
        return nbinom.logpmf(y["count"], 1 / a, 1 / (1 + a * mean)).sum()

    assert likelihood(found) > max(likelihood(found * 1.001), likelihood(found / 1.001))
    assert dispersion(np.array([2.0, 2.0, 2.0]), np.array([2.0, 2.0, 2.0])) == 0
    # With an intercept alone means are the same in both models, so statsmodels' joint fit is ours.
    joint = NegativeBinomial(y["count"], np.ones((len(y), 1))).fit(disp=False, method="newton")
    alone = dispersion(y["count"], np.full(len(y), y["count"].mean()))
    assert alone == pytest.approx(joint.params[-1], rel=1e-4)


def test_unpenalised_weibull_equals_lifelines():
    X, y = survival()
    ours = WeibullAFT(alpha=0.0, horizon=12.0).fit(X, y)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(T=y["time"], E=y["event"])
    theirs = WeibullAFTFitter().fit(frame, "T", "E")
    assert ours.shape_ == pytest.approx(np.exp(theirs.params_["rho_"].iloc[0]), rel=1e-4)
    coefficients = theirs.params_["lambda_"][list("abcd")]
    assert -ours.weights_ / ours.shape_ == pytest.approx(coefficients.to_numpy(), abs=1e-4)
    curves = theirs.predict_survival_function(frame, times=curve_times(12.0)).to_numpy().T
    assert ours.probability(X) == pytest.approx(curves[:, -1], abs=1e-4)
    assert ours.survival(X) == pytest.approx(curves, abs=1e-4)


def test_boosted_trees_kept_as_arrays_say_what_the_library_says():
    X, y = levels(steps=(0.5,))
    y = y["level"]
    ours = GradientBoosting(20, 3, class_weight="balanced", seed=4).fit(X, y)
    weight = np.where(y == 1, len(y) / (2 * y.sum()), len(y) / (2 * (1 - y).sum()))
    shared = {"n_estimators": 20, "max_depth": 3, "subsample": 0.5, "min_samples_leaf": 3}
    theirs = GradientBoostingClassifier(**shared, random_state=4).fit(X, y, sample_weight=weight)
    odds = np.log(y.mean() / (1 - y.mean()))
    expected = 1 / (1 + np.exp(-theirs.decision_function(X) - odds))
    assert ours.risk(X) == pytest.approx(expected, abs=1e-12)

    X, y = survival()
    ours = GradientBoostingSurvival(20, 3, horizon=12.0, seed=4).fit(X, y)
    theirs = GradientBoostingSurvivalAnalysis(**shared, random_state=4).fit(X, y)
    expected = theirs.predict(X)
    assert ours.risk(X) == pytest.approx(expected - expected.mean(), abs=1e-12)
    assert np.all((ours.probability(X) > 0) & (ours.probability(X) < 1))
    curves = ours.survival(X)
    assert curves[:, -1].tolist() == ours.probability(X).tolist()
    assert (np.diff(curves, axis=1) <= 0).all()
    assert (curves < 1).all()


def test_cause_specific_hazards_without_predictors_give_aalen_and_johansens_estimate():
    X, y = competing()
    model = CauseSpecificCox(alpha=1e3, horizon=15.0).fit(X, y)
    assert not model.weights_.any()
    curve = AalenJohansenFitter(calculate_variance=False).fit(y["time"], y["cause"], 1)
    expected = float(curve.cumulative_density_.loc[:15.0].iloc[-1, 0])
    # The difference of exp(-hazard) and the product limit, which vanishes in large samples.
    assert 1 - model.probability(X[:1])[0] == pytest.approx(expected, abs=2e-3)


def test_competing_events_take_probability_from_the_event():
    X, y = competing()
    model = CauseSpecificCox(alpha=0.01, horizon=15.0).fit(X, y)
    alone = CoxElasticNet(alpha=0.01, horizon=15.0).fit(X, y)
    assert model.weights_ == pytest.approx(alone.weights_)
    assert (model.probability(X) > alone.probability(X)).all()
    # Whoever is more likely to have the competing event is less likely to have this one.
    assert model.other_weights_[1] > 0.5
    patients = np.array([[0.0, -1.5, 0.0], [0.0, 1.5, 0.0]])
    low, high = model.probability(patients)
    assert high > low


def test_without_competing_events_it_is_cox_regression():
    X, y = competing()
    y["cause"] = y["event"]
    model = CauseSpecificCox(alpha=0.01, horizon=15.0).fit(X, y)
    alone = CoxElasticNet(alpha=0.01, horizon=15.0).fit(X, y)
    assert model.probability(X) == pytest.approx(alone.probability(X), abs=1e-12)


def test_a_likelihood_without_a_maximum_is_refused():
    X = np.array([[-1.0], [-0.5], [0.5], [1.0]])
    y = np.array([0, 0, 1, 1])

    def loss(at):
        linear = X @ at
        p = 1 / (1 + np.exp(-linear))
        hessian = (X * (p * (1 - p))[:, None]).T @ X / 4
        return float(np.mean(np.log1p(np.exp(linear)) - y * linear)), X.T @ (p - y) / 4, hessian

    found = elastic_net(loss, np.zeros(1), np.ones(1), 0.01, 0.5)
    assert 0 < found[0] < 20
    with pytest.raises(DataError, match="does not converge"):
        elastic_net(lambda at: (float(-at[0]), -np.ones(1), np.zeros((1, 1))), np.zeros(1),
                    np.zeros(1), 0.0, 0.0)  # fmt: skip
