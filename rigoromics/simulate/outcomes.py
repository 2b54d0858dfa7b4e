"""What becomes of the patients: covariates, binary, ordinal and survival endpoints, gaps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rigoromics.simulate.settings import CohortSettings

WEIBULL_SHAPE = 1.3
STAGES = ("I", "II", "III")
STAGE_SHARES = (0.3, 0.45, 0.25)
# Fibrosis as METAVIR has it, from none to cirrhosis.
FIBROSIS = ("F0", "F1", "F2", "F3", "F4")
FIBROSIS_SHARES = (0.2, 0.25, 0.2, 0.15, 0.2)
FOLLOW_UP_MONTHS = (24.0, 66.0)


@dataclass(frozen=True)
class Outcome:
    """One patient's clinical course.

    Attributes
    ----------
    stage, ldh
        Covariates as tabulated; ``ldh`` in U/L; ``None`` where missing.
    metastasis
        The binary endpoint.
    fibrosis
        The ordinal endpoint; its odds are proportional, with the binary endpoint's effects.
    probability
        The binary endpoint's true probability.
    time_months, event
        Follow-up and whether the patient died.
    marker
        The blood marker on its latent scale, standard deviation 1.
    """

    stage: str | None
    ldh: float | None
    metastasis: int
    fibrosis: str
    probability: float
    time_months: float
    event: int
    marker: float


@lru_cache(maxsize=64)
def intercept(spread: float, prevalence: float) -> float:
    """Return the log-odds at which a normal risk of this spread has this prevalence.

    Parameters
    ----------
    spread
        Standard deviation of the log-odds.
    prevalence
        Wanted mean probability.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    low, high = -40.0, 40.0
    # The mean probability rises with the intercept: halve the interval until it is found.
    for _ in range(80):
        middle = (low + high) / 2
        mean = float((weights / (1 + np.exp(-(middle + spread * nodes)))).sum())
        low, high = (middle, high) if mean < prevalence else (low, middle)
    return (low + high) / 2


def outcome(rng: np.random.Generator, settings: CohortSettings, latent: float) -> Outcome:
    """Draw a patient's course.

    The same numbers are drawn whatever the effects are, so cohorts of different strength differ
    in outcomes alone.

    Parameters
    ----------
    rng
        Source of chance.
    settings
        Effects, prevalence, censoring, missingness.
    latent
        The latent texture variable, standard deviation 1.
    """
    marker = float(rng.standard_normal())
    stage = str(rng.choice(STAGES, p=STAGE_SHARES))
    chance, hazard_draw, lost_draw = rng.uniform(size=3)
    end = float(rng.uniform(*FOLLOW_UP_MONTHS))
    absent = rng.uniform(size=2) < settings.missing_rate

    level_draw = float(rng.uniform())

    risk = settings.effect * latent + settings.clinical_effect * marker
    spread = float(np.hypot(settings.effect, settings.clinical_effect))
    probability = float(1 / (1 + np.exp(-(intercept(spread, settings.prevalence) + risk))))

    scale = settings.median_survival_months / np.log(2) ** (1 / WEIBULL_SHAPE)
    log_hazard = settings.survival_scale * risk
    death = scale * (-np.log(hazard_draw) * np.exp(-log_hazard)) ** (1 / WEIBULL_SHAPE)
    rate = -np.log1p(-settings.censoring_rate) / 12
    lost = -np.log(lost_draw) / rate if rate > 0 else np.inf
    last = min(death, lost, end)
    return Outcome(
        stage=None if absent[0] else stage,
        ldh=None if absent[1] else round(float(np.exp(5.3 + 0.28 * marker)), 1),
        metastasis=int(chance < probability),
        fibrosis=_level(level_draw, spread, risk),
        probability=probability,
        # The floor keeps a follow-up of zero days out of survival models.
        time_months=round(max(float(last), 0.1), 2),
        event=int(death <= min(lost, end)),
        marker=marker,
    )


def _level(draw: float, spread: float, risk: float) -> str:
    """Return the level whose cumulative odds, proportional in the risk, a draw falls between."""
    at_least = 1.0 - np.cumsum(FIBROSIS_SHARES)[:-1]
    reached = [
        draw < 1 / (1 + np.exp(-(intercept(spread, float(share)) + risk))) for share in at_least
    ]
    return FIBROSIS[sum(reached)]
