import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve
from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis
from sksurv.metrics import concordance_index_censored

from rigoromics.errors import DataError
from rigoromics.model.concordance import Pairs, count_pairs, pooled, youden_cutoff
from rigoromics.model.curve import breslow_hazards, curve_times
from rigoromics.model.folds import patient_folds, permuted_outcomes
from rigoromics.model.learners import (
    CoxElasticNet,
    ElasticNetLogistic,
    ForestClassifier,
    SurvivalForest,
)
from rigoromics.model.outcome import (
    Endpoint,
    check_outcomes,
    fewest_events,
    known_outcomes,
    survival_outcome,
)
from rigoromics.model.pipeline import configurations, feature_numbers
from rigoromics.model.settings import Procedure, Settings
from rigoromics.model.tuning import Trial, choose_trial
from tests.unit.model.cohort import BINARY, SURVIVAL, procedure


def survival_data(seed=0, n=60, p=4, ties=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    time = rng.exponential(20 / np.exp(X[:, 0])) + 0.1
    time = np.ceil(time) if ties else time
    return X, survival_outcome(rng.random(n) < 0.7, time)


@given(st.integers(0, 10_000))
def test_pairs_equal_scikit_learn_and_scikit_survival(seed):
    rng = np.random.default_rng(seed)
    risk = np.round(rng.normal(size=25), 1)
    y = np.r_[0, 1, rng.integers(0, 2, 23)]
    assert count_pairs(y, risk).share == pytest.approx(roc_auc_score(y, risk))
    _, survival = survival_data(seed, 25, 1, ties=True)
    expected = concordance_index_censored(survival["event"], survival["time"], risk)[0]
    assert count_pairs(survival, risk).share == pytest.approx(expected)


def test_pooling_compares_within_folds_only():
    assert pooled([Pairs(1, 2), Pairs(6, 6)]) == 7 / 8
    assert pooled([Pairs(0, 0)]) == 0.5


@given(st.integers(0, 10_000))
def test_youden_equals_the_roc_curves_best_point(seed):
    rng = np.random.default_rng(seed)
    risk, y = np.round(rng.normal(size=30), 1), np.r_[0, 1, rng.integers(0, 2, 28)]
    false, true, _ = roc_curve(y, risk, drop_intermediate=False)
    called = risk >= youden_cutoff(y, risk)
    assert called[y == 1].mean() - called[y == 0].mean() == pytest.approx((true - false)[1:].max())


def test_logistic_minimises_what_it_says():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = (X[:, 0] + rng.normal(size=80) > 0.5).astype(int)
    model = ElasticNetLogistic(alpha=0.05, l1_ratio=0.4).fit(X, y)

    def loss(weights, intercept):
        linear = X @ weights + intercept
        penalty = 0.4 * np.abs(weights).sum() + 0.3 * (weights**2).sum()
        return np.mean(np.log1p(np.exp(linear)) - y * linear) + 0.05 * penalty

    best = loss(model.weights_, model.intercept_)
    for _ in range(200):
        step = rng.normal(size=4) * 0.02
        assert loss(model.weights_ + step[:3], model.intercept_ + step[3]) >= best - 1e-8


def test_balanced_weights_keep_probabilities_honest():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(4000, 1))
    y = (rng.random(4000) < 1 / (1 + np.exp(2.5 - X[:, 0]))).astype(int)
    for model in (
        ElasticNetLogistic(alpha=1e-4, class_weight="balanced"),
        ForestClassifier(trees=60, min_samples_leaf=150, class_weight="balanced"),
    ):
        assert model.fit(X, y).risk(X).mean() == pytest.approx(y.mean(), abs=0.015)
    plain = LogisticRegression(C=np.inf).fit(X, y)
    weighted = ElasticNetLogistic(alpha=1e-5, class_weight="balanced").fit(X, y)
    assert weighted.weights_[0] == pytest.approx(plain.coef_[0, 0], rel=0.1)


def stepped(curve, times, start):
    """Return scikit-survival's curve, and what it leaves out: the start before the first time."""
    return np.where(times < curve.x[0], start, curve(np.maximum(times, curve.x[0])))


@pytest.mark.parametrize("ties", [False, True])
def test_cox_equals_scikit_survival(ties):
    X, y = survival_data(2, ties=ties)
    model = CoxElasticNet(alpha=0.05, l1_ratio=0.5, horizon=12.0).fit(X, y)
    witness = CoxnetSurvivalAnalysis(alphas=[0.05], l1_ratio=0.5, fit_baseline_model=True)
    witness.fit(X, y)
    np.testing.assert_allclose(model.weights_, witness.coef_[:, 0], rtol=1e-10)
    curves = witness.predict_survival_function(X)
    np.testing.assert_allclose(model.probability(X), [curve(12.0) for curve in curves], rtol=1e-9)
    expected = [stepped(curve, curve_times(12.0), 1.0) for curve in curves]
    np.testing.assert_allclose(model.survival(X), expected, rtol=1e-9)
    assert model.survival(X)[:, -1].tolist() == model.probability(X).tolist()


def test_breslow_without_effects_is_nelson_aalen():
    _, y = survival_data(3, ties=True)
    model = CoxPHSurvivalAnalysis(alpha=1e9).fit(np.zeros((len(y), 1)), y)
    times = curve_times(15.0)
    found = breslow_hazards(np.zeros(len(y)), y, times)
    assert found == pytest.approx(stepped(model.cum_baseline_hazard_, times, 0.0))


def test_the_grid_of_curves_is_equal_steps_to_the_horizon():
    for horizon in (0.7, 3.0, 60.0, 1826.25):
        times = curve_times(horizon)
        assert times[-1] == horizon
        assert np.diff(times, prepend=0.0) == pytest.approx(np.full(len(times), horizon / 20))


def test_a_penalty_that_leaves_nothing_is_an_answer(recwarn):
    X, y = survival_data(4)
    model = CoxElasticNet(alpha=50, l1_ratio=1.0, horizon=5.0).fit(X, y)
    assert model.risk(X).tolist() == [0.0] * len(X)
    assert not recwarn.list


def test_survival_forest_is_scikit_survivals():
    X, y = survival_data(5)
    model = SurvivalForest(trees=20, min_samples_leaf=4, horizon=10.0).fit(X, y)
    curves = model.forest_.predict_survival_function(X)
    np.testing.assert_allclose(model.probability(X), [curve(10.0) for curve in curves])
    expected = [stepped(curve, curve_times(10.0), 1.0) for curve in curves]
    np.testing.assert_allclose(model.survival(X), expected)
    assert model.survival(X)[:, -1].tolist() == model.probability(X).tolist()
    quick = SurvivalForest(trees=20, min_samples_leaf=4).fit(X, y)
    np.testing.assert_allclose(quick.risk(X), model.risk(X))
    order = np.argsort(model.forest_.predict(X), kind="stable")
    assert (np.diff(model.risk(X)[order]) >= 0).all()
    early = SurvivalForest(trees=5, horizon=1e-9).fit(X, y)
    assert early.probability(X).tolist() == [1.0] * len(X)


def test_cox_doubles_a_penalty_at_which_the_solver_diverges():
    """Columns with extreme values, as unscaled texture features have them."""
    rng = np.random.default_rng(11)
    x = rng.standard_t(1.2, (30, 2))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = survival_outcome(rng.random(30) < 0.3, rng.exponential(1.0, 30) + 0.01)
    with pytest.raises(ArithmeticError):
        CoxnetSurvivalAnalysis(alphas=[0.01], l1_ratio=0.9).fit(x, y)
    model = CoxElasticNet(alpha=0.01, l1_ratio=0.9).fit(x, y)
    assert np.isfinite(model.risk(x)).all()
    assert model.alpha_ in (0.02, 0.04, 0.08)


@pytest.mark.parametrize(
    "model",
    [
        ElasticNetLogistic(alpha=0.3),
        ForestClassifier(trees=7),
        CoxElasticNet(l1_ratio=0.2, horizon=3.0),
        SurvivalForest(min_samples_leaf=9),
    ],
)
def test_learners_clone(model):
    assert clone(model).get_params() == model.get_params()


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_folds_do_not_depend_on_order_and_are_balanced(seed, folds):
    rng = np.random.default_rng(seed)
    names = pd.Index([f"p{i:02d}" for i in range(23)])
    y = rng.integers(0, 2, 23)
    order = rng.permutation(23)
    straight = patient_folds(names, y, folds, seed)
    turned = patient_folds(names[order], y[order], folds, seed)
    for one, two in zip(straight, turned, strict=True):
        assert set(names[one.test]) == set(names[order][two.test])
    sizes = [len(fold.test) for fold in straight]
    events = [int(y[fold.test].sum()) for fold in straight]
    assert max(sizes) - min(sizes) <= 1
    assert max(events) - min(events) <= 1


def test_more_folds_than_patients_is_refused():
    with pytest.raises(DataError, match="3 patients cannot be put into 5 folds"):
        patient_folds(pd.Index(["a", "b", "c"]), np.array([0, 1, 0]), 5, 1)


def test_permuting_deals_whole_patients():
    patients = pd.Index(["b", "a", "c", "b", "d"])
    y = np.array([1, 0, 0, 1, 1])
    seen = set()
    for seed in range(40):
        dealt = permuted_outcomes(patients, y, seed)
        assert dealt[0] == dealt[3]
        assert sum(dealt[[0, 1, 2, 4]]) == 2
        seen.add(tuple(dealt.tolist()))
    assert len(seen) == 6


def test_unknown_outcomes_leave():
    table = pd.DataFrame(
        {
            "endpoint.met": [0.0, np.nan, 1.0],
            "endpoint.os.time": [3.0, 4.0, np.nan],
            "endpoint.os.event": [1.0, 0.0, 1.0],
        },
        index=["a", "b", "c"],
    )
    X, y = known_outcomes(table, BINARY)
    assert (list(X.index), y.tolist()) == (["a", "c"], [0, 1])
    X, y = known_outcomes(table, SURVIVAL)
    assert (list(X.index), y["time"].tolist()) == (["a", "b"], [3.0, 4.0])
    with pytest.raises(DataError, match=r"no column 'endpoint.x'"):
        known_outcomes(table, Endpoint("x", "binary"))
    with pytest.raises(DataError, match="other than 0 and 1"):
        known_outcomes(table.replace(1.0, 2.0), BINARY)
    with pytest.raises(DataError, match="zero or less"):
        known_outcomes(table.replace(3.0, 0.0), SURVIVAL)


@pytest.mark.parametrize(
    ("y", "endpoint", "words"),
    [
        (np.ones(20, dtype=int), BINARY, "one outcome only"),
        (survival_outcome(np.zeros(20), np.ones(20)), SURVIVAL, "one outcome only"),
        (np.r_[np.ones(4, dtype=int), np.zeros(40, dtype=int)], BINARY, "too few events: 4"),
        (survival_outcome(np.ones(20), np.full(20, 9.0)), SURVIVAL, "beyond the longest"),
    ],
)
def test_outcomes_that_cannot_be_learned_from_are_refused(y, endpoint, words):
    with pytest.raises(DataError, match=words):
        check_outcomes(y, endpoint, 5, 4)


@given(st.integers(2, 8), st.integers(2, 8))
def test_the_fewest_events_reach_every_fold(outer, inner):
    y = np.r_[np.ones(fewest_events(outer, inner), dtype=int), np.zeros(60, dtype=int)]
    names = pd.Index([f"p{i:02d}" for i in range(len(y))])
    for fold in patient_folds(names, y, outer, 1):
        assert y[fold.test].sum() > 0
        for part in patient_folds(names[fold.train], y[fold.train], inner, 1):
            assert y[fold.train][part.test].sum() > 0


def test_endpoints_and_models_must_fit():
    with pytest.raises(DataError, match="unknown type 'fractal'"):
        Endpoint.from_dict({"name": "x", "type": "fractal"})
    with pytest.raises(DataError, match="fewer than three levels"):
        Endpoint.from_dict({"name": "x", "type": "ordinal", "levels": ["low", "high"]})
    with pytest.raises(DataError, match="no horizon"):
        Endpoint.from_dict({"name": "x", "type": "survival"})
    with pytest.raises(DataError, match="does not exist for binary"):
        Procedure("radiomics", "cox_elastic_net", BINARY, Settings(), 1)


def trial(score, spread=0.1, **configuration):
    shares = (score - spread, score + spread, score)
    return Trial(configuration, tuple(Pairs(10 * s, 10) for s in shares), np.zeros(1))


def test_of_equal_trials_the_simplest_wins():
    trials = [trial(0.6, k=1), trial(0.7, k=2), trial(0.7 + 1e-12, k=4)]
    assert choose_trial(trials, False).configuration == {"k": 2}
    assert choose_trial(trials, True).configuration == {"k": 2}
    assert choose_trial([trial(0.66, k=1), *trials[1:]], True).configuration == {"k": 1}


def test_the_grid_goes_from_simple_to_flexible():
    y = np.repeat([0, 1], 45)
    grid = configurations(procedure(), y)
    assert [c["k"] for c in grid] == sorted(c["k"] for c in grid)
    assert {c["k"] for c in grid} == {1, 2, 4}
    assert len(grid) == 3 * 3 * 2
    assert "k" not in configurations(procedure("clinical"), y)[0]
    # The control must not be weakened by a penalty.
    assert configurations(procedure("volume"), y) == [{"alpha": 1e-4, "l1_ratio": 0.1}]
    assert feature_numbers(1) == (1,)
    assert feature_numbers(9) == (1, 2, 4, 8, 9)
    fixed = Settings.from_dict(
        {
            "models": {"elastic_net": {"alpha": [0.1], "l1_ratio": 1.0}},
            "selection": {"max_features": 3},
        }
    )
    plan = Procedure("radiomics", "elastic_net", BINARY, fixed, 1)
    assert [c["k"] for c in configurations(plan, y)] == [1, 2, 3]
    with pytest.raises(DataError, match="no value of 'alpha'"):
        configurations(procedure(grids={"elastic_net": {"alpha": ()}}), y)
