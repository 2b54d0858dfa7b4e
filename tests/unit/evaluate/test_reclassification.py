"""NRI and IDI: a published table, counting by hand, and what censoring must not change."""

import numpy as np
import pytest

from rigoromics.evaluate import reclassification as nri
from rigoromics.evaluate.estimate import bootstrap_counts

PARTS = nri.PARTS


def cohort(n=200, seed=3):
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(0.5 - latent))).astype(float)
    old = 1 / (1 + np.exp(0.5 - 0.5 * latent - 0.3 * rng.normal(size=n)))
    new = 1 / (1 + np.exp(0.5 - latent - 0.2 * rng.normal(size=n)))
    return y, old, new, bootstrap_counts(np.zeros(n), 300, rng)


def test_framingham_hdl_of_pencina_2008():
    """Table II of Pencina 2008: of 183 events 29 rise and 7 fall, of 3,081 others 173 and 174."""
    up, down = np.repeat([1.0, 0.0], [29 + 173, 7 + 174]), np.repeat([0.0, 1.0], [202, 181])
    y = np.concatenate([np.ones(29), np.zeros(173), np.ones(7), np.zeros(174)])
    still = 183 - 36, 3081 - 347
    y = np.concatenate([y, np.ones(still[0]), np.zeros(still[1])])
    old, new = (np.concatenate([part, np.zeros(sum(still))]) for part in (down, up))
    counted = nri.moves(y, old, new)
    assert counted == nri.Moves(29, 7, 183, 173, 174, 3081)
    assert round(counted.improvement, 3) == 0.121
    assert round(counted.statistic, 3) == 3.616
    counts = bootstrap_counts(np.zeros(y.size), 400, np.random.default_rng(0))
    found = nri.reclassification(y, old, new, counts, "NRI")
    assert found["total"].value == pytest.approx(counted.improvement, abs=1e-15)
    # Pencina 2011's variances of the two parts.
    pe, pn = (29 - 7) / 183, (174 - 173) / 3081
    variance = (36 / 183 - pe**2) / 183 + (347 / 3081 - pn**2) / 3081
    half = (found["total"].upper - found["total"].lower) / 2
    assert half == pytest.approx(1.96 * np.sqrt(variance), rel=0.12)


def test_the_parts_are_counted_patient_by_patient():
    y, old, new, counts = cohort()
    cuts = [0.2, 0.4, 0.6]
    a, b = nri.categories(old, cuts), nri.categories(new, cuts)
    assert list(nri.categories([0.1, 0.2, 0.59, 0.6, 1.0], cuts)) == [0, 1, 2, 3, 3]
    found = nri.reclassification(y, a, b, counts, "NRI")
    sums = {1.0: 0.0, 0.0: 0.0}
    for outcome, before, after in zip(y, a, b, strict=True):
        sums[outcome] += float(after > before) - float(after < before)
    events = int(y.sum())
    assert found["events"].value == pytest.approx(sums[1.0] / events, abs=1e-12)
    assert found["nonevents"].value == pytest.approx(-sums[0.0] / (len(y) - events), abs=1e-12)
    together = found["events"].value + found["nonevents"].value
    assert found["total"].value == pytest.approx(together, abs=1e-12)
    samples = [np.repeat(np.arange(len(y)), row.astype(int)) for row in counts]
    values = [nri.moves(y[rows], a[rows], b[rows]).improvement for rows in samples]
    limits = np.quantile(values, [0.025, 0.975])
    assert [found["total"].lower, found["total"].upper] == pytest.approx(limits, abs=1e-12)


def test_two_categories_are_the_change_of_sensitivity_and_of_specificity():
    y, old, new, counts = cohort()
    found = nri.reclassification(y, old >= 0.4, new >= 0.4, counts, "NRI")
    sensitivity = ((new >= 0.4)[y == 1]).mean() - ((old >= 0.4)[y == 1]).mean()
    specificity = ((new < 0.4)[y == 0]).mean() - ((old < 0.4)[y == 0]).mean()
    assert found["events"].value == pytest.approx(sensitivity, abs=1e-12)
    assert found["nonevents"].value == pytest.approx(specificity, abs=1e-12)


def test_idi_is_the_change_of_the_discrimination_slope():
    y, old, new, counts = cohort()
    found = nri.discrimination_improvement(y, old, new, counts)

    def slope(p):
        return p[y == 1].mean() - p[y == 0].mean()

    assert found["total"].value == pytest.approx(slope(new) - slope(old), abs=1e-12)
    assert found["total"].lower < found["total"].value < found["total"].upper


def test_swapping_the_models_turns_the_sign():
    y, old, new, counts = cohort()
    for function in (
        lambda a, b: nri.reclassification(y, a, b, counts, "NRI"),
        lambda a, b: nri.discrimination_improvement(y, a, b, counts),
    ):
        there, back = function(old, new), function(new, old)
        for part in PARTS:
            assert there[part].value == pytest.approx(-back[part].value, abs=1e-12)
            assert there[part].lower == pytest.approx(-back[part].upper, abs=1e-12)


def test_without_censoring_the_timed_forms_are_the_binary_ones():
    y, old, new, counts = cohort()
    rng = np.random.default_rng(1)
    time = np.where(y == 1, rng.uniform(0.1, 3.0, y.size), rng.uniform(3.1, 9.0, y.size))
    event = np.ones(y.size)
    pairs = [
        (nri.reclassification_at(time, event, old, new, 3.0, counts, "NRI"),
         nri.reclassification(y, old, new, counts, "NRI")),
        (nri.discrimination_improvement_at(time, event, old, new, 3.0, counts),
         nri.discrimination_improvement(y, old, new, counts)),
    ]  # fmt: skip
    for timed, binary in pairs:
        for part in PARTS:
            for limit in ("value", "lower", "upper"):
                expected = getattr(binary[part], limit)
                assert getattr(timed[part], limit) == pytest.approx(expected, abs=1e-9)


def test_censoring_is_handled_by_kaplan_meier_and_by_weights():
    """By lifelines' curves for NRI, by scikit-survival's censoring weights for IDI."""
    from lifelines import KaplanMeierFitter
    from sksurv.nonparametric import CensoringDistributionEstimator
    from sksurv.util import Surv

    y, old, new, counts = cohort()
    rng = np.random.default_rng(5)
    hidden = rng.exponential(np.where(y == 1, 2.0, 6.0))
    censored = rng.uniform(0.5, 8.0, y.size)
    time, event = np.minimum(hidden, censored), (hidden <= censored).astype(float)
    found = nri.reclassification_at(time, event, old, new, 3.0, counts, "NRI")

    def alive(part):
        return float(KaplanMeierFitter().fit(time[part], event[part]).predict(3.0))

    up, down, n = new > old, new < old, y.size
    everyone = alive(np.ones(n, dtype=bool))
    events = (1 - alive(up)) * up.sum() - (1 - alive(down)) * down.sum()
    others = alive(down) * down.sum() - alive(up) * up.sum()
    assert found["events"].value == pytest.approx(events / (n * (1 - everyone)), abs=1e-9)
    assert found["nonevents"].value == pytest.approx(others / (n * everyone), abs=1e-9)
    idi = nri.discrimination_improvement_at(time, event, old, new, 3.0, counts)
    weights = CensoringDistributionEstimator().fit(Surv.from_arrays(event == 1, time))
    case, free = (event == 1) & (time <= 3.0), time > 3.0
    w = 1 / weights.predict_proba(time)[case]
    change = new - old
    expected = np.average(change[case], weights=w) - change[free].mean()
    assert idi["total"].value == pytest.approx(expected, abs=1e-9)


def test_what_cannot_be_judged_says_why():
    y, old, new, counts = cohort()
    one = nri.reclassification(np.ones(y.size), old, new, counts, "NRI")["total"]
    assert "one outcome class" in one.method
    gone = np.where(np.arange(y.size) == 4, np.nan, new)
    assert "missing" in nri.discrimination_improvement(y, old, gone, counts)["total"].method
    assert "missing" in nri.reclassification(y, old, gone, counts, "NRI")["events"].method
    late = nri.reclassification_at(np.full(y.size, 1.0), y, old, new, 3.0, counts, "NRI")
    assert "followed" in late["total"].method
