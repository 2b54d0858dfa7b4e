"""Restricted mean and median: lifelines, exact special cases, and the jackknife."""

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from lifelines.datasets import load_leukemia, load_waltons
from lifelines.utils import median_survival_times, restricted_mean_survival_time

from rigoromics.evaluate.restricted import (
    median_survival,
    restricted_mean,
    restricted_mean_difference,
)


def waltons():
    table = load_waltons()
    return table["T"].to_numpy(float), table["E"].to_numpy(float), table["group"] == "miR-137"


@pytest.mark.parametrize("tau", [20.0, 45.0, 60.0, 74.9])
def test_restricted_mean_is_lifelines_area(tau):
    time, event, _ = waltons()
    expected = restricted_mean_survival_time(KaplanMeierFitter().fit(time, event), t=tau)
    assert restricted_mean(time, event, tau)[0].value == pytest.approx(expected, abs=1e-9)


def test_without_censoring_it_is_the_mean_of_times_cut_at_the_limit():
    """Its variance is then the plain one of a mean, with n below the sum of squares."""
    time = np.random.default_rng(1).exponential(3.0, 80)
    found, error = restricted_mean(time, np.ones(80), 4.0)
    cut = np.minimum(time, 4.0)
    assert found.value == pytest.approx(cut.mean(), abs=1e-12)
    assert error == pytest.approx(cut.std() / np.sqrt(80), abs=1e-12)
    half = 1.959963984540054 * error
    assert (found.lower, found.upper) == pytest.approx((cut.mean() - half, cut.mean() + half))


def test_the_standard_error_is_that_of_the_jackknife():
    time, event, _ = waltons()
    _, error = restricted_mean(time, event, 60.0)
    n = time.size
    without = np.array(
        [restricted_mean(np.delete(time, i), np.delete(event, i), 60.0)[0].value for i in range(n)]
    )
    jackknife = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    assert error == pytest.approx(jackknife, rel=0.02)


def test_the_difference_adds_the_variances_of_the_groups():
    time, event, high = waltons()
    found = restricted_mean_difference(time, event, high, 60.0)
    a, b = (restricted_mean(time[part], event[part], 60.0) for part in (high, ~high))
    assert found.difference == pytest.approx(a[0].value - b[0].value, abs=1e-12)
    assert found.upper - found.difference == pytest.approx(1.959963984540054 * np.hypot(a[1], b[1]))
    assert found.p < 0.001


def test_median_and_interval_are_lifelines():
    leukemia = load_leukemia()
    sets = [(waltons()[0], waltons()[1])]
    sets += [
        (part["t"].to_numpy(float), part["status"].to_numpy(float))
        for _, part in leukemia.groupby("Rx")
    ]
    for time, event in sets:
        fit = KaplanMeierFitter().fit(time, event)
        limits = median_survival_times(fit.confidence_interval_).to_numpy().ravel()
        found = median_survival(time, event)
        assert found.value == fit.median_survival_time_
        assert [found.lower, found.upper] == sorted(limits)


def test_freireichs_medians():
    """Freireich 1963 as in Kalbfleisch and Prentice: 8 weeks on placebo, 23 on 6-MP."""
    table = load_leukemia()
    medians = {
        rx: median_survival(part["t"], part["status"]).value for rx, part in table.groupby("Rx")
    }
    assert medians == {0: 23.0, 1: 8.0}


def test_what_does_not_exist_says_why():
    time, event = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0.0, 0.0, 0.0])
    assert "one half" in median_survival(time, event).method
    assert "followed to time 9" in restricted_mean(time, event, 9.0)[0].method
    compared = restricted_mean_difference(time, event, np.array([1, 1, 0, 0]), 9.0)
    assert "high risk" in compared.method
    none = restricted_mean(time, np.zeros(4), 3.0)[0]
    assert none.value == 3.0
    assert "no interval" in none.method
    assert "variance" in restricted_mean_difference(time, 0 * event, [1, 0, 0, 1], 2.5).method
    assert "no patient" in restricted_mean([], [], 1.0)[0].method
    alone = restricted_mean_difference(time, event, np.ones(4), 3.0)
    assert "low risk" in alone.method
