"""The one pipeline that holds everything that learns."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from rigoromics.errors import DataError
from rigoromics.model.catalogue import make_learner
from rigoromics.model.outcome import Outcome
from rigoromics.model.settings import Grid, Procedure, Settings
from rigoromics.model.stacking import Stacked
from rigoromics.seeds import derive_seed
from rigoromics.select.choose import ChooseFeatures, feature_cap
from rigoromics.select.columns import SignatureColumns
from rigoromics.select.deltas import Deltas
from rigoromics.select.design import DesignMatrix
from rigoromics.select.harmonised import Harmonise
from rigoromics.select.impute import Imputer
from rigoromics.select.redundancy import RedundancyFilter
from rigoromics.select.stable import StabilityFilter
from rigoromics.select.variance import VarianceFilter
from rigoromics.select.volume import VolumeFilter

Configuration = dict[str, float]

WITH_IMAGES = ("radiomics", "combined", "stacked", "shuffled", "deep_stacked")
WITH_CLINICAL = ("clinical", "combined", "stacked")
WITH_SCORES = ("deep", "deep_stacked")
STACKED = ("stacked", "deep_stacked")
# Volume is the control that others must beat: a penalty, which may remove its one coefficient,
# would make that too easy. Not exactly zero, so that separated outcomes still have a solution.
UNPENALISED: Grid = {"alpha": (1e-4,), "l1_ratio": (0.1,)}
# The regression on clinical predictors and the radiomics risk.
TOP = {"binary": "elastic_net", "survival": "cox_elastic_net"}


def blind_steps(procedure: Procedure, repeats: pd.DataFrame | None) -> Pipeline:
    """Return the unfitted steps that never see an outcome.

    Because they do not, one fit on a training set serves every configuration that is tried on
    it, and every permutation of its outcomes, with the very result that refitting would give.

    Parameters
    ----------
    procedure
        What is being built.
    repeats
        Repeated measurements for the stability filter, if there are any.

    Returns
    -------
    sklearn.pipeline.Pipeline
        columns, impute, and for signatures of many features variance, harmonise, stability,
        deltas (studies of several timepoints only), redundancy; then design.
    """
    settings, signature = procedure.settings, procedure.signature
    if repeats is not None and repeats.empty:
        repeats = None
    asked = settings.harmonisation
    covariates = list(asked.get("covariates", []))
    beside, known = dict(settings.clinical), dict(settings.clinical)
    if signature in WITH_SCORES:
        beside = dict.fromkeys(settings.scores, "numeric")
        known |= beside
    steps: list[tuple[str, BaseEstimator]] = [
        (
            "columns",
            SignatureColumns(signature, beside, covariates, settings.volume_feature),
        ),
        ("impute", Imputer(known)),
    ]
    if signature in WITH_IMAGES:
        steps += [
            ("variance", VarianceFilter()),
            (
                "harmonise",
                harmonisation_step(asked),
            ),
            ("stability", StabilityFilter(repeats, settings.stability)),
            *([("deltas", Deltas(**settings.longitudinal))] if settings.longitudinal else []),
            *_volume_filter(settings),
            (
                "redundancy",
                RedundancyFilter(
                    settings.redundancy,
                    "independent" if repeats is None else "order",
                    settings.clusters,
                ),
            ),
        ]
    entering = beside if signature in (*WITH_CLINICAL, *WITH_SCORES) else {}
    return Pipeline([*steps, ("design", DesignMatrix(entering))])


def _volume_filter(settings: Settings) -> list[tuple[str, BaseEstimator]]:
    if settings.decorrelate_volume is None:
        return []
    return [("volume", VolumeFilter(settings.decorrelate_volume, settings.volume_feature))]


def harmonisation_step(asked: Mapping[str, Any]) -> Harmonise:
    """Return the unfitted step that a study's settings ask for.

    A study that refuses new patients of unseen batches learns all the same from batches so small
    that a fold has none of them to learn from: within cross-validation these stay as they are.
    """
    unseen = asked.get("unseen", "none")
    return Harmonise(
        method=asked.get("method", "combat"),
        covariates=list(asked.get("covariates", [])),
        parametric=asked.get("parametric", True),
        unseen="none" if unseen == "refuse" else unseen,
        mean_only=asked.get("mean_only", False),
        reference=asked.get("reference", ""),
        order=asked.get("order", "joined"),
        variables=list(asked.get("batch", [])) if asked.get("order") == "sequential" else [],
    )


def seeing_steps(procedure: Procedure, configuration: Configuration, final: bool) -> Pipeline:
    """Return the unfitted steps that learn from outcomes: the choice of features, and the model.

    Parameters
    ----------
    procedure
        What is being built.
    configuration
        Number of features `k` (signatures of many features only), and the hyperparameters.
    final
        Whether probabilities at the horizon will be asked for; tuning needs the order only. A
        model takes of the study's settings those that it knows.
    """
    hyperparameters: dict[str, Any] = {k: v for k, v in configuration.items() if k != "k"}
    given = {
        "horizon": procedure.endpoint.horizon if final else None,
        "class_weight": procedure.settings.class_weight,
        "classes": len(procedure.endpoint.levels),
        "trees": procedure.settings.trees,
        "seed": procedure.seed,
        "final": final,
    }
    model = ("model", make_learner(procedure.model, hyperparameters, given))
    if "k" not in configuration:
        return Pipeline([model])
    if procedure.signature in STACKED:
        return Pipeline([("model", _stacked(procedure, hyperparameters, given, configuration))])
    settings = procedure.settings
    choose = ChooseFeatures(
        int(configuration["k"]), settings.selection, seed=procedure.seed, **settings.choosing
    )
    return Pipeline([("choose", choose), model])


def _stacked(
    procedure: Procedure,
    hyperparameters: dict[str, Any],
    given: dict[str, Any],
    configuration: Configuration,
) -> Stacked:
    """Return an unfitted stacked signature: the asked model on features, a regression on top."""
    kind = procedure.endpoint.type
    if kind not in TOP:
        raise DataError(
            f"the {procedure.signature} signature has no regression for {kind} endpoints",
            f"leave `{procedure.signature}` out of `models: signatures:`; `combined` and `deep` "
            "take every endpoint",
        )
    light = {name: values[0] for name, values in UNPENALISED.items()}
    return Stacked(
        base=make_learner(procedure.model, hyperparameters, {**given, "final": False}),
        top=make_learner(TOP[kind], light, {**given, "class_weight": "none"}),
        k=int(configuration["k"]),
        method=procedure.settings.selection,
        choosing=dict(procedure.settings.choosing),
        folds=procedure.settings.inner_folds,
        seed=derive_seed(procedure.seed, "stacked"),
    )


def configurations(procedure: Procedure, y: Outcome) -> list[Configuration]:
    """Return every configuration to try, the simplest first.

    Parameters
    ----------
    procedure
        What is being built.
    y
        Outcomes of the training patients: they limit the number of features.
    """
    grid = dict(procedure.settings.grid(procedure.model))
    if procedure.signature == "volume" and "alpha" in grid:
        grid = dict(UNPENALISED)
    if procedure.signature in WITH_IMAGES:
        grid = {
            "k": feature_numbers(
                feature_cap(y, procedure.settings.max_features, procedure.settings.explained)
            ),
            **grid,
        }
    empty = [name for name, values in grid.items() if not values]
    if empty:
        raise DataError(
            f"no value of {empty[0]!r} is given for model {procedure.model!r}",
            "list at least one in the config, or leave the key out",
        )
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def feature_numbers(cap: int) -> tuple[int, ...]:
    """Return the numbers of features to try: doubling up to the cap, and the cap.

    Examples
    --------
    >>> feature_numbers(6)
    (1, 2, 4, 6)
    """
    doubling = itertools.takewhile(lambda k: k < cap, (2**i for i in itertools.count()))
    return (*doubling, cap)
