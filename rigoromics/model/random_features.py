"""The control of random features: what the same procedure finds with features drawn blindly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed

from rigoromics.errors import DataError
from rigoromics.model.nested import held_out_statistic, outer_trainings, sort_patients
from rigoromics.model.outcome import Outcome, check_outcomes
from rigoromics.model.pipeline import WITH_IMAGES
from rigoromics.model.settings import Procedure
from rigoromics.seeds import derive_seed

Array = npt.NDArray[np.float64]


def random_feature_statistics(
    X: pd.DataFrame,
    y: Outcome,
    procedure: Procedure,
    draws: int,
    repeats: pd.DataFrame | None = None,
    threads: int = 1,
) -> Array:
    """Return AUC or C of the whole procedure, and of it with features drawn at random.

    Random gene sets often predict as well as published ones (Venet et al., PLoS Comput Biol
    2011;7:e1002240): where many features carry the same signal, a choice among them means little.
    In every fold, features are drawn from those that the outcome-blind filters leave; their
    number is tuned within the same limit, and model and folds are those of the signature.

    Parameters
    ----------
    X, y, procedure, repeats, threads
        As for `nested_cross_validation`.
    draws
        How many times features are drawn.

    Returns
    -------
    numpy.ndarray
        Shape (1 + draws,), the signature as it is first.

    Raises
    ------
    DataError
        If the signature has no image features to draw from.
    """
    if procedure.signature not in WITH_IMAGES:
        raise DataError(
            f"the {procedure.signature} signature chooses no image features",
            "set `controls: random_features: 0`, or name another primary signature",
        )
    settings = procedure.settings
    check_outcomes(y, procedure.endpoint, settings.outer_folds, settings.inner_folds)
    X, y = sort_patients(X, y)
    trainings = outer_trainings(X, y, procedure, repeats)
    blindly = replace(settings, selection="random")
    seeds = [derive_seed(procedure.seed, "random_features", str(i)) for i in range(draws)]
    plans = [procedure, *(replace(procedure, settings=blindly, seed=seed) for seed in seeds)]
    run = delayed(held_out_statistic)
    return np.array(Parallel(n_jobs=threads)(run(trainings, y, plan) for plan in plans))
