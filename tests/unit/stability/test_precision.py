import numpy as np
import pytest
from scipy import stats

from rigoromics.stability.precision import limits_of_agreement, precision
from tests.unit.stability.test_concordance import MINI, WRIGHT, columns

# Bland and Altman, BMJ 1996;312:1654: peak flow of 20 children, four readings each, l/min.
CHILDREN = np.array(
    [
        [190, 220, 200, 200], [220, 200, 240, 230], [260, 260, 240, 280], [210, 300, 280, 265],
        [270, 265, 280, 270], [280, 280, 270, 275], [260, 280, 280, 300], [275, 275, 275, 305],
        [280, 290, 300, 290], [320, 290, 300, 290], [300, 300, 310, 300], [270, 250, 330, 370],
        [320, 330, 330, 330], [335, 320, 335, 375], [350, 320, 340, 365], [360, 320, 350, 345],
        [330, 340, 380, 390], [335, 385, 360, 370], [400, 420, 425, 420], [430, 460, 480, 470],
    ],
    dtype=float,
)  # fmt: skip


def test_the_children_of_bland_and_altman():
    found = precision(CHILDREN[None])
    # Their table: residual mean square 460.52, within-subject standard deviation 21.5 l/min,
    # repeatability 2.77 times that: 60 l/min.
    assert found.sd.estimate[0] ** 2 == pytest.approx(460.52, abs=0.005)
    assert round(found.sd.estimate[0], 1) == 21.5
    assert found.repeatability.estimate[0] == pytest.approx(2.77 * 21.46, abs=0.1)
    assert found.n[0] == 20


def test_the_limits_of_the_standard_deviation_are_chi_square():
    found = precision(CHILDREN[None])
    low, high = (21.459749 * np.sqrt(60 / stats.chi2.ppf(q, 60)) for q in (0.975, 0.025))
    assert (found.sd.lower[0], found.sd.upper[0]) == pytest.approx((low, high), rel=1e-6)
    assert found.repeatability.upper[0] == pytest.approx(1.96 * np.sqrt(2) * high, rel=1e-6)


def test_the_coefficient_of_variation_is_the_root_mean_square():
    # Bland's second method: the mean over subjects of variance over squared mean.
    by_hand = np.sqrt(np.mean(CHILDREN.var(axis=1, ddof=1) / CHILDREN.mean(axis=1) ** 2))
    assert precision(CHILDREN[None]).cv.estimate[0] == pytest.approx(by_hand)


def test_patients_may_have_different_numbers_of_repeats():
    values = CHILDREN.copy()
    values[0, 1:] = np.nan
    values[3, 2:] = np.nan
    groups = [row[np.isfinite(row)] for row in values[1:]]
    degrees = sum(len(group) - 1 for group in groups)
    pooled = sum((len(g) - 1) * g.var(ddof=1) for g in groups) / degrees
    found = precision(values[None])
    assert found.sd.estimate[0] == pytest.approx(np.sqrt(pooled))
    assert found.n[0] == 19


def test_a_feature_that_may_be_negative_has_no_coefficient_of_variation():
    values = np.stack([CHILDREN, CHILDREN - 200.0])
    found = precision(values)
    assert found.sd.estimate[0] == pytest.approx(found.sd.estimate[1])
    assert np.isfinite(found.cv.estimate[0])
    assert np.isnan(found.cv.estimate[1])


def test_intervals_of_the_coefficient_of_variation_cover_the_truth():
    rng = np.random.default_rng(1)
    mean = rng.lognormal(3, 0.5, size=(2000, 15, 1))
    found = precision(mean * (1 + 0.1 * rng.normal(size=(2000, 15, 2)))).cv
    assert ((found.lower <= 0.1) & (found.upper >= 0.1)).mean() == pytest.approx(0.95, abs=0.015)


def test_nobody_measured_twice_is_undefined():
    found = precision(np.full((1, 3, 2), np.nan))
    assert np.isnan([found.sd.estimate[0], found.cv.estimate[0]]).all()
    assert found.n[0] == 0


def test_the_meters_of_bland_and_altman():
    found = limits_of_agreement([MINI[0]], [WRIGHT[0]])
    # Lancet 1986: mean difference -2.1 l/min, 95% interval -22.0 to 17.8.
    assert round(found.bias.estimate[0], 1) == -2.1
    assert round(found.bias.lower[0], 1) == -22.0
    assert round(found.bias.upper[0], 1) == 17.8
    # They round 1.96 to 2: -79.7 and 75.5, each +- 2.12 * sqrt(3 / 17) * 38.8 = 34.6.
    sd = (found.high.estimate[0] - found.low.estimate[0]) / (2 * 1.96)
    assert round(sd, 1) == 38.8
    assert found.low.estimate[0] == pytest.approx(-79.7, abs=0.04 * sd + 0.1)
    # Statistical Methods in Medical Research 1999: the error of a limit is 1.71 sd / sqrt(n).
    half = (found.low.upper[0] - found.low.lower[0]) / 2
    assert half == pytest.approx(stats.t.ppf(0.975, 16) * 1.71 * sd / np.sqrt(17), rel=0.02)
    exact = np.sqrt(1 / 17 + 1.96**2 / (2 * 16)) * sd * stats.t.ppf(0.975, 16)
    assert half == pytest.approx(exact)
    assert found.high.upper[0] - found.high.estimate[0] == pytest.approx(exact)


def test_limits_hold_nineteen_of_twenty_differences():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 1, 20_000))
    second = second + 0.3
    found = limits_of_agreement(first, second)
    inside = (second - first > found.low.estimate) & (second - first < found.high.estimate)
    assert inside.mean() == pytest.approx(0.95, abs=0.005)


def test_missing_and_single_pairs():
    first = np.array([[1.0, 2.0, np.nan], [1.0, np.nan, np.nan]])
    found = limits_of_agreement(first, first + np.array([1.0, 2.0, 3.0]))
    assert found.n.tolist() == [2, 1]
    assert found.bias.estimate[0] == 1.5
    assert np.isnan(found.bias.estimate[1])


def test_features_do_not_touch_each_other():
    both = np.concatenate([columns(*WRIGHT), columns(*MINI)])
    alone = precision(both[1:])
    assert precision(both).sd.upper[1] == alone.sd.upper[0]
