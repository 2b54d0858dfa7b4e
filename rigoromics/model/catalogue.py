"""Every model by its name in the config: what it predicts, how it is made, what is tuned."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

from rigoromics.model.boosting import GradientBoosting, GradientBoostingSurvival
from rigoromics.model.competing import CauseSpecificCox
from rigoromics.model.counts import PoissonElasticNet
from rigoromics.model.learners import (
    CoxElasticNet,
    ElasticNetLogistic,
    ForestClassifier,
    SurvivalForest,
)
from rigoromics.model.multiclass import MulticlassForest, MultinomialElasticNet
from rigoromics.model.ordinal import ProportionalOdds, ThresholdForest
from rigoromics.model.weibull import WeibullAFT

LEARNERS: dict[str, type[BaseEstimator]] = {
    "elastic_net": ElasticNetLogistic,
    "random_forest": ForestClassifier,
    "gradient_boosting": GradientBoosting,
    "proportional_odds": ProportionalOdds,
    "threshold_forest": ThresholdForest,
    "multinomial_elastic_net": MultinomialElasticNet,
    "multiclass_random_forest": MulticlassForest,
    "poisson_elastic_net": PoissonElasticNet,
    "cox_elastic_net": CoxElasticNet,
    "random_survival_forest": SurvivalForest,
    "gradient_boosting_survival": GradientBoostingSurvival,
    "weibull_aft": WeibullAFT,
    "cause_specific_cox": CauseSpecificCox,
}


def make_learner(
    model: str, hyperparameters: dict[str, Any], given: dict[str, Any] | None = None
) -> BaseEstimator:
    """Return an unfitted learner by its name in the config.

    Parameters
    ----------
    model
        Name in the config.
    hyperparameters
        What is tuned; the learner must know all of it.
    given
        What the study sets for every model (trees, seed, ...); a learner takes what it knows.
    """
    kind = LEARNERS[model]
    known = kind().get_params()
    taken = {name: value for name, value in (given or {}).items() if name in known}
    return kind(**taken, **hyperparameters)
