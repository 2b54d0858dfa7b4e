"""The exact logistic solver, beside scikit-learn's run to a far smaller tolerance."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from rigoromics.model.learners import ElasticNetLogistic
from rigoromics.model.logistic import solve_logistic
from rigoromics.model.penalised import violation


def data(seed=0, n=120, p=12):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.7 * rng.normal(size=(n, 1))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return X, (X[:, 0] - X[:, 1] + rng.logistic(size=n) > 0.8).astype(int)


@pytest.mark.parametrize("weight", ["none", "balanced"])
@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.01])
@pytest.mark.parametrize("ratio", [0.9, 0.1])
def test_it_is_sagas_optimum(alpha, ratio, weight):
    X, y = data()
    intercept, weights = solve_logistic(X, y, alpha, ratio, weight)
    saga = LogisticRegression(
        C=1 / (alpha * len(y)),
        l1_ratio=ratio,
        solver="saga",
        tol=1e-11,
        max_iter=200_000,
        class_weight=None if weight == "none" else weight,
    ).fit(X, y)
    assert weights == pytest.approx(saga.coef_[0], abs=1e-6)
    # saga stops as soon as no weight moves, whatever the intercept: with all weights zero it is
    # taken from the classes instead.
    share = y.mean() if weight == "none" else 0.5
    known = saga.intercept_[0] if weights.any() else np.log(share / (1 - share))
    assert intercept == pytest.approx(known, abs=1e-6)
    assert (weights == 0).tolist() == (np.abs(saga.coef_[0]) < 1e-9).tolist()


def test_the_models_use_it():
    X, y = data(1)
    used = ElasticNetLogistic(0.01, 0.5, "balanced").fit(X, y)
    intercept, weights = solve_logistic(X, y, 0.01, 0.5, "balanced")
    np.testing.assert_array_equal(used.weights_, weights)
    # Balanced weights raise the log odds by those of the classes.
    assert used.intercept_ == pytest.approx(
        intercept - np.log((1 - y.mean()) / y.mean()), abs=1e-12
    )


def test_the_conditions_of_the_optimum_hold():
    X, y = data(2, 60, 30)
    intercept, weights = solve_logistic(X, y, 0.05, 0.8)
    p = 1 / (1 + np.exp(-X @ weights - intercept))
    gradient = X.T @ (p - y) / len(y) + 0.05 * 0.2 * weights
    assert violation(weights, gradient, np.full(30, 0.05 * 0.8)) < 1e-9
    assert np.mean(p - y) == pytest.approx(0, abs=1e-9)
