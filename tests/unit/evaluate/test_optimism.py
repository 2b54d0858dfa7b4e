"""The .632+ of Efron and Tibshirani: their cases without information, and counting by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from rigoromics.evaluate import optimism
from rigoromics.evaluate.discrimination import newcombe_interval


def nearest(X, y):
    model = KNeighborsClassifier(1).fit(X, y)
    return lambda new: model.predict(new)


def logistic(X, y):
    model = LogisticRegression(C=1e6, max_iter=500).fit(X, y)
    return lambda new: model.predict_proba(new)[:, 1]


def wrong(outcome, predicted):
    return (outcome != predicted).astype(float)


def test_the_papers_weights():
    """Section 2: without overfitting .632, and all weight on those left out at R = 1."""
    none = optimism.weigh(0.2, 0.2, 0.5)
    assert (none.weight, none.value) == pytest.approx((0.632, 0.2))
    full = optimism.weigh(0.0, 0.5, 0.5)
    assert (full.weight, full.value) == pytest.approx((1.0, 0.5))
    half = optimism.weigh(0.0, 0.25, 0.5)
    assert half.weight == pytest.approx(0.632 / (1 - 0.368 * 0.5))
    beyond = optimism.weigh(0.1, 0.6, 0.5)
    assert beyond.value == pytest.approx(0.5)


def test_a_nearest_neighbour_on_noise_is_worth_nothing():
    """The paper's reason for .632+: apparent error 0, so .632 alone would say 0.316."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(60, 5)), np.tile([0.0, 1.0], 30)
    found = optimism.loss_632plus(nearest, X, y, wrong, repeats=40)
    assert found.apparent == 0.0
    assert found.no_information == 0.5
    assert found.value == pytest.approx(0.5, abs=0.08)
    assert optimism.auc_632plus(nearest, X, y, repeats=40).value == pytest.approx(0.5, abs=0.08)


def test_both_forms_by_hand():
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(50, 6)))
    y = (rng.random(50) < 1 / (1 + np.exp(-X[0]))).to_numpy(float)
    found = optimism.auc_632plus(logistic, X, y, repeats=8, seed=2)
    brier = optimism.loss_632plus(logistic, X, y, repeats=8, seed=2)
    areas, losses = [], [[] for _ in y]
    for inside, outside in optimism._samples(y == 1, 8, 2):
        assert not set(inside) & set(outside)
        assert len(inside) == 50
        p = logistic(X.iloc[inside], y[inside])(X.iloc[outside])
        areas.append(roc_auc_score(y[outside], p))
        for row, value in zip(outside, (y[outside] - p) ** 2, strict=True):
            losses[row].append(value)
    p = logistic(X, y)(X)
    assert found.apparent == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert found.left_out == pytest.approx(np.mean(areas), abs=1e-12)
    limits = newcombe_interval(found.value, int(y.sum()), int((1 - y).sum()))
    assert (found.lower, found.upper) == limits
    assert found.lower < found.value < found.upper
    assert found.apparent > found.value >= found.left_out - 1e-12
    expected = optimism.weigh(
        np.mean((y - p) ** 2),
        np.mean([np.mean(own) for own in losses if own]),
        np.mean([(a - b) ** 2 for a in y for b in p]),
    )
    assert brier.value == pytest.approx(expected.value, abs=1e-12)
    assert brier.optimism == pytest.approx(brier.value - brier.apparent)


def test_the_same_seed_gives_the_same_value_and_rare_classes_are_refused():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(30, 2)), np.tile([0.0, 1.0], 15)
    one, two = (optimism.auc_632plus(logistic, X, y, repeats=5, seed=s) for s in (4, 4))
    assert one == two
    assert one != optimism.auc_632plus(logistic, X, y, repeats=5, seed=9)
    with pytest.raises(ValueError, match="too rare"):
        optimism._samples(np.zeros(30, dtype=bool), 1, 0)
