from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from rigoromics.simulate import CohortSettings
from rigoromics.simulate.outcomes import FIBROSIS, FIBROSIS_SHARES, intercept, outcome


def draw(settings, n=4000):
    latent = np.random.default_rng(0).standard_normal(n)
    drawn = [outcome(np.random.default_rng(i), settings, z) for i, z in enumerate(latent)]
    return latent, drawn


def test_intercept_gives_the_prevalence():
    level = intercept(2.5, 0.3)
    mean, _ = integrate.quad(
        lambda z: stats.norm.pdf(z) / (1 + np.exp(-(level + 2.5 * z))), -12, 12
    )
    assert mean == pytest.approx(0.3, abs=1e-3)


def test_prevalence_missing_rate_and_effect_are_as_asked():
    settings = CohortSettings(effect=2.0, clinical_effect=0.5, prevalence=0.4, missing_rate=0.1)
    latent, drawn = draw(settings)
    y = np.array([d.metastasis for d in drawn])
    assert y.mean() == pytest.approx(0.4, abs=0.03)
    assert np.mean([d.ldh is None for d in drawn]) == pytest.approx(0.1, abs=0.02)
    assert np.mean([d.stage is None for d in drawn]) == pytest.approx(0.1, abs=0.02)
    import statsmodels.api as sm

    design = sm.add_constant(np.stack([latent, [d.marker for d in drawn]], axis=1))
    fitted = sm.Logit(y, design).fit(disp=0).params
    assert fitted[1] == pytest.approx(2.0, abs=0.25)
    assert fitted[2] == pytest.approx(0.5, abs=0.15)


def test_hazard_follows_the_latent_variable():
    from lifelines import CoxPHFitter
    from pandas import DataFrame

    settings = CohortSettings(effect=2.0, survival_scale=0.5, clinical_effect=0.4)
    latent, drawn = draw(settings, 2500)
    table = DataFrame(
        {
            "z": latent,
            "marker": [d.marker for d in drawn],
            "time": [d.time_months for d in drawn],
            "event": [d.event for d in drawn],
        }
    )
    assert 0.3 < table["event"].mean() < 0.8
    fitted = CoxPHFitter().fit(table, "time", "event").params_
    assert fitted["z"] == pytest.approx(1.0, abs=0.12)
    assert fitted["marker"] == pytest.approx(0.2, abs=0.1)


def test_null_cohort_has_no_association():
    latent, drawn = draw(CohortSettings(effect=0.0))
    y = np.array([d.metastasis for d in drawn])
    time = np.array([d.time_months for d in drawn])
    assert stats.mannwhitneyu(latent[y == 1], latent[y == 0]).pvalue > 0.05
    assert stats.spearmanr(latent, time).pvalue > 0.05
    # By construction: the probability does not know the latent variable at all.
    one, other = (
        outcome(np.random.default_rng(3), CohortSettings(effect=0.0), z) for z in (-2.0, 2.0)
    )
    assert one == other


def test_the_effect_changes_outcomes_only():
    base = CohortSettings(effect=3.0)
    for seed in range(20):
        strong = outcome(np.random.default_rng(seed), base, 1.0)
        null = outcome(np.random.default_rng(seed), replace(base, effect=0.0), 1.0)
        assert (strong.stage, strong.ldh, strong.marker) == (null.stage, null.ldh, null.marker)


def test_stages_have_proportional_odds_of_the_same_effects():
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    settings = CohortSettings(effect=2.0, clinical_effect=0.5)
    latent, drawn = draw(settings)
    stages = np.array([FIBROSIS.index(d.fibrosis) for d in drawn])
    shares = np.bincount(stages, minlength=len(FIBROSIS)) / len(stages)
    np.testing.assert_allclose(shares, FIBROSIS_SHARES, atol=0.03)
    design = np.stack([latent, [d.marker for d in drawn]], axis=1)
    fitted = OrderedModel(stages, design, distr="logit").fit(method="bfgs", disp=0).params
    assert fitted[0] == pytest.approx(2.0, abs=0.15)
    assert fitted[1] == pytest.approx(0.5, abs=0.12)
