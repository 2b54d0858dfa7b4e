import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rigoromics.stability.concordance import concordance
from tests.unit.stability.test_icc import SHROUT_FLEISS

# Bland and Altman, Lancet 1986;1:307-310: peak flow of 17 subjects, two readings with a Wright
# meter and two with a mini meter, l/min.
WRIGHT = [
    [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427],
    [490, 397, 512, 401, 470, 611, 415, 431, 638, 429, 420, 633, 275, 492, 165, 372, 421],
]
MINI = [
    [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451],
    [525, 415, 508, 444, 500, 625, 460, 390, 642, 432, 420, 605, 227, 467, 268, 370, 443],
]


def columns(*repeats: list[int]) -> np.ndarray:
    return np.array(repeats, dtype=float).T[None]


def test_lins_coefficient_and_interval_are_those_of_epir():
    # epiR 2.0.57 (R): epi.ccc(wright, mini, ci = "z-transform").
    found = concordance(columns(WRIGHT[0], MINI[0]))
    assert (found.estimate[0], found.lower[0], found.upper[0]) == pytest.approx(
        (0.94274243142748, 0.85049187316856, 0.97872627917012), abs=1e-12
    )
    assert found.n[0] == 17


def test_the_overall_coefficient_is_that_of_epir():
    # epiR 2.0.57 (R): epi.occc, which is Barnhart's.
    four = concordance(columns(*WRIGHT, *MINI))
    assert four.estimate[0] == pytest.approx(0.95459655514465, abs=1e-12)
    assert concordance(SHROUT_FLEISS[None]).estimate[0] == pytest.approx(
        0.28428696503064, abs=1e-12
    )
    assert four.lower[0] < four.estimate[0] < four.upper[0] < 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
@example(401)  # two of its repeats have one patient in common
def test_with_missing_repeats_it_is_the_mean_over_pairs(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(1, 12, 1)) + rng.normal(size=(1, 12, 4)) + rng.normal(size=(1, 1, 4))
    values[rng.random(values.shape) < 0.2] = np.nan
    above = below = 0.0
    counted = values[0][np.isfinite(values[0]).sum(axis=1) > 1]
    for j in range(4):
        for i in range(j):
            both = counted[np.isfinite(counted[:, [i, j]]).all(axis=1)][:, [i, j]]
            weight = len(both) - 1
            if weight < 1:
                continue
            covariance = np.cov(both.T)
            above += weight * 2 * covariance[0, 1]
            shift = both[:, 0].mean() - both[:, 1].mean()
            below += weight * np.trace(covariance) + weight * shift**2
    assert concordance(values).estimate[0] == pytest.approx(above / below)


def test_leaving_subjects_out_one_by_one_gives_the_interval():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(1, 14, 1)) + 0.6 * rng.normal(size=(1, 14, 3))
    found = concordance(values)

    def z(table: np.ndarray) -> float:
        common = table.sum(axis=1) ** 2 - (table**2).sum(axis=1)
        mean = table.mean(axis=0)
        covariance = common.sum() - len(table) * (mean.sum() ** 2 - (mean**2).sum())
        apart = (3 * (table**2).sum(axis=1) - table.sum(axis=1) ** 2).sum()
        return float(np.arctanh(covariance / (covariance + apart)))

    n = 14
    pseudo = [n * z(values[0]) - (n - 1) * z(np.delete(values[0], i, axis=0)) for i in range(n)]
    half = 2.160369 * np.std(pseudo, ddof=1) / np.sqrt(n)  # Student's t, 13 degrees of freedom
    assert np.arctanh(found.lower[0]) == pytest.approx(np.mean(pseudo) - half, abs=1e-6)
    assert np.arctanh(found.upper[0]) == pytest.approx(np.mean(pseudo) + half, abs=1e-6)


@pytest.mark.parametrize(("repeats", "missing"), [(2, 0.0), (3, 0.0), (3, 0.2)])
def test_intervals_cover_the_truth(repeats, missing):
    rng = np.random.default_rng(4)
    shape = (1500, 40, repeats)
    values = np.sqrt(0.8) * rng.normal(size=(1500, 40, 1)) + np.sqrt(0.2) * rng.normal(size=shape)
    values[rng.random(shape) < missing] = np.nan
    found = concordance(values)
    covered = ((found.lower <= 0.8) & (found.upper >= 0.8)).mean()
    assert covered == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("repeats", [2, 3])
def test_equal_repeats_agree_and_what_does_not_vary_is_undefined(repeats):
    equal = np.repeat(np.array([1.0, 2.0, 4.0, 8.0])[None, :, None], repeats, axis=2)
    found = concordance(np.concatenate([equal, np.full_like(equal, 7.0)]))
    assert (found.estimate[0], found.lower[0], found.upper[0]) == (1, 1, 1)
    assert np.isnan([found.estimate[1], found.lower[1], found.upper[1]]).all()
    assert np.isnan(concordance(equal[:, :1]).estimate[0])
