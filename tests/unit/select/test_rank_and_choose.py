import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sksurv.compare import compare_survival

from rigoromics.errors import DataError
from rigoromics.model.outcome import survival_outcome
from rigoromics.select.choose import ChooseFeatures, events_cap, feature_cap
from rigoromics.select.design import DesignMatrix
from rigoromics.select.rank import cox_score, mrmr_order, relevance


def test_binary_relevance_is_the_auc():
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(size=(30, 5)), 1)
    y = rng.integers(0, 2, 30)
    auc = np.array([roc_auc_score(y, column) for column in values.T])
    np.testing.assert_allclose(relevance(values, y), np.abs(2 * auc - 1), atol=1e-12)
    assert relevance(values, np.ones(30, dtype=int)).tolist() == [0.0] * 5


def test_cox_score_is_the_log_rank_test():
    rng = np.random.default_rng(1)
    group = np.repeat([0.0, 1.0], 30)
    y = survival_outcome(rng.random(60) < 0.7, rng.permutation(60) + 1.0)
    z = cox_score(group[:, None], y["time"], y["event"])[0]
    assert z**2 == pytest.approx(compare_survival(y, group)[0], rel=1e-10)


def test_cox_score_is_the_slope_of_the_partial_likelihood_with_ties():
    rng = np.random.default_rng(2)
    x = rng.normal(size=40)
    time, event = np.ceil(rng.exponential(5, 40)), rng.random(40) < 0.6

    def likelihood(beta):  # Breslow
        risk = np.exp(beta * x)
        return sum(beta * x[i] - np.log(risk[time >= time[i]].sum()) for i in np.flatnonzero(event))

    h = 1e-4
    slope = (likelihood(h) - likelihood(-h)) / (2 * h)
    curvature = -(likelihood(h) - 2 * likelihood(0) + likelihood(-h)) / h**2
    z = cox_score(x[:, None], time, event)[0]
    assert z == pytest.approx(slope / np.sqrt(curvature), rel=1e-5)


@given(st.integers(0, 10_000))
def test_cox_score_does_not_depend_on_scale_or_order(seed):
    rng = np.random.default_rng(seed)
    values, time = rng.normal(size=(20, 3)), np.ceil(rng.exponential(5, 20))
    event = rng.random(20) < 0.6
    order = rng.permutation(20)
    z = cox_score(values, time, event)
    np.testing.assert_allclose(cox_score(7 * values + 3, time, event), z, atol=1e-8)
    np.testing.assert_allclose(cox_score(values[order], time[order], event[order]), z, atol=1e-8)


def test_mrmr_prefers_new_information_to_a_copy():
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1], 100)
    first = y + rng.normal(size=200)
    second = 0.5 * y + rng.normal(size=200)
    copy = first + 0.01 * rng.normal(size=200)
    values = np.column_stack([first, copy, second, rng.normal(size=(200, 5))])
    order = mrmr_order(values, y, 2).tolist()
    assert order[0] in (0, 1)
    assert order[1] not in (0, 1)


def test_a_smaller_choice_is_the_start_of_a_larger_one():
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(40, 20)), columns=[f"f{i}" for i in range(20)])
    X.insert(0, "clinical.age", rng.normal(size=40))
    y = rng.integers(0, 2, 40)
    for method in ("univariate", "mrmr"):
        chosen = [ChooseFeatures(k, method).fit(X, y).features_.tolist() for k in (1, 3, 8, 50)]
        assert chosen[0] == chosen[1][:1]
        assert chosen[1] == chosen[2][:3]
        assert len(chosen[3]) == 20
        kept = ChooseFeatures(3, method).fit(X, y).transform(X)
        assert list(kept.columns) == ["clinical.age", *chosen[1]]
    with pytest.raises(DataError, match="no selection method 'luck'"):
        ChooseFeatures(2, "luck").fit(X, y)


@pytest.mark.parametrize(("events", "cap"), [(3, 1), (19, 1), (20, 2), (47, 4)])
def test_the_cap_follows_the_rarer_class(events, cap):
    y = np.r_[np.ones(events, dtype=int), np.zeros(200, dtype=int)]
    assert events_cap(y) == events_cap(1 - y) == cap
    assert events_cap(survival_outcome(y, np.ones(len(y)))) == cap
    assert feature_cap(y, "auto") == cap
    assert feature_cap(y, 7) == 7


def test_design_matrix_standardises_and_encodes():
    X = pd.DataFrame(
        {
            "study.batch": "a",
            "clinical.age": [1.0, 2.0, 3.0, 6.0],
            "clinical.sex": ["M", "F", "M", "other"],
            "clinical.covariate": [1.0, 2.0, 1.0, 2.0],
            "f": [1.0, 1.0, 1.0, 1.0],
        }
    )
    step = DesignMatrix({"age": "numeric", "sex": "categorical"}).fit(X)
    design = step.transform(X)
    assert list(design.columns) == ["clinical.age", "clinical.sex=F", "clinical.sex=other", "f"]
    np.testing.assert_allclose(design.mean(), 0, atol=1e-15)
    np.testing.assert_allclose(design.iloc[:, :3].std(ddof=0), 1)
    new = step.transform(X.assign(**{"clinical.sex": "never seen"}))
    reference = step.transform(X.assign(**{"clinical.sex": "M"}))
    pd.testing.assert_frame_equal(new, reference)
