"""Nested cross-validation of the whole procedure, and the same on permuted outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from rigoromics.model.concordance import Pairs, count_pairs, pooled
from rigoromics.model.folds import Fold, centre_folds, patient_folds, permuted_outcomes
from rigoromics.model.outcome import Outcome, check_outcomes
from rigoromics.model.settings import Procedure
from rigoromics.model.tuning import (
    Fitted,
    Training,
    called_by,
    can_learn,
    fit_prepared,
    no_risk,
    prepare_training,
    probability_of,
    risk_of,
    survival_of,
)
from rigoromics.seeds import derive_seed

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """One outer fold: the signature fitted without it, and what it says of its patients.

    Attributes
    ----------
    repeat, number
        Which repetition, which fold; from 0.
    fold
        Rows of both sides.
    fitted
        The signature.
    risk, probability
        Of the held-out rows, shape (held-out rows,), and (held-out rows, classes) where each
        class has its own.
    pairs
        Held-out pairs in the right order.
    called
        The level or class that each row is given, where there are any.
    survival
        Curves of the held-out rows on the grid of `curve_times`, shape (held-out rows, times), of
        endpoints that have them.
    """

    repeat: int
    number: int
    fold: Fold
    fitted: Fitted
    risk: Array
    probability: Array
    pairs: Pairs
    called: npt.NDArray[np.int64] | None = None
    survival: Array | None = None


def sort_patients(X: pd.DataFrame, y: Outcome) -> tuple[pd.DataFrame, Outcome]:
    """Return table and outcomes in the order of the patients' names."""
    order = np.argsort(np.asarray(X.index, dtype=np.str_), kind="stable")
    return X.iloc[order], y[order]


def outer_folds(X: pd.DataFrame, y: Outcome, procedure: Procedure) -> list[list[Fold]]:
    """Return the outer folds of each repetition, for a table sorted by patient.

    Folds by centre leave nothing to chance: there is one repetition of them.
    """
    settings = procedure.settings
    if settings.folds == "centre":
        return [centre_folds(X["study.centre"], y, settings.inner_folds)]
    return [
        patient_folds(
            X.index, y, settings.outer_folds, derive_seed(procedure.seed, "outer", str(repeat))
        )
        for repeat in range(settings.repeats)
    ]


def outer_trainings(
    X: pd.DataFrame, y: Outcome, procedure: Procedure, repeats: pd.DataFrame | None
) -> list[Training]:
    """Return the training set of every outer fold, ready for tuning, for a table sorted by patient.

    What varies outcomes or the choice of features prepares them once.
    """
    with threadpool_limits(limits=1):
        return [
            prepare_training(X, y, procedure, repeats, fold)
            for folds in outer_folds(X, y, procedure)
            for fold in folds
        ]


def nested_cross_validation(
    X: pd.DataFrame,
    y: Outcome,
    procedure: Procedure,
    repeats: pd.DataFrame | None = None,
    threads: int = 1,
) -> list[HeldOut]:
    """Return what the procedure makes of every patient while not knowing that patient.

    Parameters
    ----------
    X
        Analysis table of development patients with known outcomes, index patient.
    y
        Their outcomes.
    procedure
        What is being built: all of it is redone in every fold.
    repeats
        Repeated measurements, for the stability filter.
    threads
        Processes; the result does not depend on it.

    Returns
    -------
    list of HeldOut
        By repetition and fold. Rows refer to the table sorted by patient (`sort_patients`).

    Raises
    ------
    DataError
        If the outcomes or the features do not suffice.
    """
    settings = procedure.settings
    check_outcomes(y, procedure.endpoint, settings.outer_folds, settings.inner_folds)
    X, y = sort_patients(X, y)
    jobs = [
        (repeat, number, fold)
        for repeat, folds in enumerate(outer_folds(X, y, procedure))
        for number, fold in enumerate(folds)
    ]
    run = delayed(_held_out)
    return list(Parallel(n_jobs=threads)(run(X, y, procedure, repeats, *job) for job in jobs))


def fit_all(
    X: pd.DataFrame, y: Outcome, procedure: Procedure, repeats: pd.DataFrame | None = None
) -> Fitted:
    """Return the final signature, tuned and fitted on all rows."""
    settings = procedure.settings
    check_outcomes(y, procedure.endpoint, settings.outer_folds, settings.inner_folds)
    X, y = sort_patients(X, y)
    everybody = Fold(np.arange(len(X)), np.arange(0))
    with threadpool_limits(limits=1):
        return fit_prepared(prepare_training(X, y, procedure, repeats, everybody), y, procedure)


def permutation_statistics(
    X: pd.DataFrame,
    y: Outcome,
    procedure: Procedure,
    permutations: int,
    repeats: pd.DataFrame | None = None,
    threads: int = 1,
) -> Array:
    """Return AUC or C of the whole procedure, on the outcomes and on permutations of them.

    Folds stay those of the observed outcomes. So the outcome-blind steps of every training set,
    which are the costly ones, are fitted once; all that learns from outcomes is redone for each
    permutation: tuning, choice of features, model.

    Parameters
    ----------
    X, y, procedure, repeats, threads
        As for `nested_cross_validation`.
    permutations
        How many.

    Returns
    -------
    numpy.ndarray
        Shape (1 + permutations,), the observed statistic first. A training set that a
        permutation leaves without one of the classes learns nothing and counts one half.
    """
    settings = procedure.settings
    check_outcomes(y, procedure.endpoint, settings.outer_folds, settings.inner_folds)
    X, y = sort_patients(X, y)
    trainings = outer_trainings(X, y, procedure, repeats)
    seeds = [derive_seed(procedure.seed, "permutation", str(i)) for i in range(permutations)]
    outcomes = [y, *(permuted_outcomes(X.index, y, seed) for seed in seeds)]
    # Few large parts: each process unpacks the prepared tables once a part.
    parts = [outcomes[start::threads] for start in range(max(threads, 1))]
    run = delayed(_statistics)
    found = Parallel(n_jobs=threads)(run(trainings, part, procedure) for part in parts)
    statistics = np.empty(len(outcomes))
    for start, values in enumerate(found):
        statistics[start::threads] = values
    return statistics


def permutation_p_value(statistics: Array) -> float:
    """Return the share of statistics at least as large as the first, the first included.

    Source: Phipson and Smyth, Stat Appl Genet Mol Biol 2010;9:39 (why one is added).
    """
    return float(np.mean(np.round(statistics, 9) >= np.round(statistics[0], 9)))


def _held_out(
    X: pd.DataFrame,
    y: Outcome,
    procedure: Procedure,
    repeats: pd.DataFrame | None,
    repeat: int,
    number: int,
    fold: Fold,
) -> HeldOut:
    with threadpool_limits(limits=1):
        training = prepare_training(X, y, procedure, repeats, fold)
        fitted = fit_prepared(training, y[fold.train], procedure)
        last = fitted.pipeline[len(training.whole.steps) :]
        risk = risk_of(last, training.whole.test)
        return HeldOut(
            repeat=repeat,
            number=number,
            fold=fold,
            fitted=fitted,
            risk=risk,
            probability=probability_of(last, training.whole.test),
            pairs=count_pairs(y[fold.test], risk),
            called=called_by(last, training.whole.test) if procedure.endpoint.has_classes else None,
            survival=survival_of(last, training.whole.test)
            if procedure.endpoint.has_curves
            else None,
        )


def _statistics(
    trainings: Sequence[Training], outcomes: Sequence[Outcome], procedure: Procedure
) -> list[float]:
    return [held_out_statistic(trainings, y, procedure) for y in outcomes]


def held_out_statistic(trainings: Sequence[Training], y: Outcome, procedure: Procedure) -> float:
    """Return AUC or C over the held-out pairs of all outer folds.

    Parameters
    ----------
    trainings
        From `outer_trainings`.
    y
        Outcomes of all rows; a training set of one class learns nothing and counts one half.
    procedure
        What is fitted to each training set.
    """
    pairs = []
    with threadpool_limits(limits=1):
        for training in trainings:
            train, test = training.whole.fold.train, training.whole.fold.test
            risk = no_risk(procedure, len(test))
            if can_learn(y[train]):
                fitted = fit_prepared(training, y[train], procedure)
                risk = risk_of(fitted.pipeline[len(training.whole.steps) :], training.whole.test)
            pairs.append(count_pairs(y[test], risk))
    return pooled(pairs)
