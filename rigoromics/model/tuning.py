"""Fit one signature: tune by inner cross-validation, learn the cut-off, refit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from rigoromics.model.concordance import Pairs, count_pairs, pooled, youden_cutoff
from rigoromics.model.folds import Fold, patient_folds
from rigoromics.model.outcome import Outcome, differ, kind_of
from rigoromics.model.pipeline import (
    Configuration,
    blind_steps,
    configurations,
    seeing_steps,
)
from rigoromics.model.settings import Procedure
from rigoromics.seeds import derive_seed

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Prepared:
    """One training set after the steps that never see an outcome.

    Attributes
    ----------
    steps
        These steps, fitted on the training rows.
    train
        Design matrix of the training rows.
    test
        Design matrix of the held-out rows.
    fold
        Which rows these are.
    """

    steps: Pipeline
    train: pd.DataFrame
    test: pd.DataFrame
    fold: Fold


@dataclass(frozen=True)
class Training:
    """A training set, whole and in inner folds, ready for any outcome and configuration."""

    whole: Prepared
    inner: tuple[Prepared, ...]


@dataclass(frozen=True)
class Trial:
    """One configuration tried.

    Attributes
    ----------
    configuration
        What was tried.
    folds
        Pairs of patients ordered right in each inner fold.
    risk
        Out-of-fold risks of the training rows, shape (rows,); for classes (rows, classes).
    """

    configuration: Configuration
    folds: tuple[Pairs, ...]
    risk: Array

    @property
    def score(self) -> float:
        """AUC or C over the pairs within inner folds."""
        return pooled(self.folds)

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over inner folds."""
        shares = [fold.share for fold in self.folds if fold.comparable]
        return float(np.std(shares, ddof=1) / np.sqrt(len(shares))) if len(shares) > 1 else 0.0


@dataclass(frozen=True)
class Fitted:
    """A signature fitted to one training set.

    Attributes
    ----------
    pipeline
        All steps, fitted.
    configuration
        The configuration chosen.
    cutoff
        Risk from which on a patient counts as high risk; None for levels and classes, of which
        each patient is given one.
    trials
        Everything tried, in the order of the grid.
    """

    pipeline: Pipeline
    configuration: Configuration
    cutoff: float | None
    trials: tuple[Trial, ...]


def prepare(steps: Pipeline, X: pd.DataFrame, fold: Fold) -> Prepared:
    """Fit new outcome-blind steps on a fold's training rows, and apply them to both parts."""
    train = steps.fit_transform(X.iloc[fold.train])
    test = steps.transform(X.iloc[fold.test]) if len(fold.test) else train.iloc[:0]
    return Prepared(steps, train, test, fold)


def prepare_training(
    X: pd.DataFrame, y: Outcome, procedure: Procedure, repeats: pd.DataFrame | None, fold: Fold
) -> Training:
    """Return a training set ready for tuning.

    Parameters
    ----------
    X
        Analysis table, index patient, sorted by patient.
    y
        Outcomes of its rows. Those of the training rows spread the inner folds; no others are
        looked at.
    procedure, repeats
        What is being built.
    fold
        Rows to learn from, and rows held out (none for the final fit).
    """
    rows, outcomes = X.iloc[fold.train], y[fold.train]
    seed = derive_seed(procedure.seed, "inner")
    folds = patient_folds(rows.index, outcomes, procedure.settings.inner_folds, seed)

    def prepared(table: pd.DataFrame, part: Fold) -> Prepared:
        # Made anew, not cloned: each clone would copy the repeats, the largest table of all.
        return prepare(blind_steps(procedure, repeats), table, part)

    return Training(whole=prepared(X, fold), inner=tuple(prepared(rows, part) for part in folds))


def fit_prepared(training: Training, y: Outcome, procedure: Procedure) -> Fitted:
    """Tune, learn the cut-off and refit.

    Parameters
    ----------
    training
        The prepared training set.
    y
        Outcomes of its rows, shape (training rows,).
    procedure
        What is being built.

    Returns
    -------
    Fitted
        The signature; its cut-off comes from out-of-fold risks of the inner folds: Youden's for
        a binary outcome, the median for survival and counts.
    """
    grid = configurations(procedure, y)
    trials = try_configurations(training.inner, y, procedure, grid)
    best = choose_trial(trials, procedure.settings.one_standard_error)
    last = seeing_steps(procedure, best.configuration, final=True).fit(training.whole.train, y)
    cutoff = learn_cutoff(y, best.risk)
    pipeline = Pipeline([*training.whole.steps.steps, *last.steps])
    return Fitted(pipeline, best.configuration, cutoff, trials)


def learn_cutoff(y: Outcome, risk: Array) -> float | None:
    """Return the cut-off on out-of-fold risks, or None where there are levels or classes."""
    kind = kind_of(y)
    if kind in ("ordinal", "multiclass"):
        return None
    return youden_cutoff(y, risk) if kind == "binary" else float(np.median(risk))


def no_risk(procedure: Procedure, patients: int) -> Array:
    """Return equal risks, one column per class for classes: what a model without training says."""
    several = procedure.endpoint.type == "multiclass"
    return np.zeros((patients, len(procedure.endpoint.levels)) if several else patients)


def try_configurations(
    inner: Sequence[Prepared],
    y: Outcome,
    procedure: Procedure,
    grid: Sequence[Configuration],
) -> tuple[Trial, ...]:
    """Return how each configuration does in the inner folds.

    Features are chosen once per fold and number of features: the same choice serves every
    hyperparameter of the model.
    """
    risks = np.stack([no_risk(procedure, len(y))] * len(grid))
    for part in inner:
        train, test = part.fold.train, part.fold.test
        if not can_learn(y[train]):
            continue
        chosen: dict[float | None, tuple[pd.DataFrame, pd.DataFrame]] = {}
        for risk, configuration in zip(risks, grid, strict=True):
            steps = seeing_steps(procedure, configuration, final=False)
            k = configuration.get("k")
            if k not in chosen:
                chosen[k] = choose_inputs(steps, part, y[train])
            risk[test] = steps[-1].fit(chosen[k][0], y[train]).risk(chosen[k][1])
    return tuple(
        Trial(
            configuration,
            tuple(count_pairs(y[p.fold.test], risk[p.fold.test]) for p in inner),
            risk,
        )
        for risk, configuration in zip(risks, grid, strict=True)
    )


def choose_inputs(steps: Pipeline, part: Prepared, y: Outcome) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what the model sees of a fold's two sides, chosen by the training side."""
    if len(steps) == 1:
        return part.train, part.test
    choice = steps[0].fit(part.train, y)
    return choice.transform(part.train), choice.transform(part.test)


def choose_trial(trials: Sequence[Trial], one_standard_error: bool) -> Trial:
    """Return the best trial; of equal ones the simplest.

    Parameters
    ----------
    trials
        From the simplest to the most flexible.
    one_standard_error
        Take the simplest within one standard error of the best (Breiman et al., Classification
        and Regression Trees, 1984).
    """
    # Rounded, so that a difference in the last bit never decides between configurations.
    scores = np.round([trial.score for trial in trials], 9)
    best = trials[int(np.argmax(scores))]
    if not one_standard_error:
        return best
    enough = scores >= scores.max() - best.standard_error - 1e-9
    return trials[int(np.argmax(enough))]


def can_learn(y: Outcome) -> bool:
    """Whether outcomes differ at all; permuted ones of a small fold may not."""
    return differ(y)


def risk_of(steps: Pipeline, X: pd.DataFrame) -> Array:
    """Return the risks that fitted steps give, shape (rows,)."""
    risk: Array = steps[-1].risk(transformed(steps, X))
    return risk


def probability_of(steps: Pipeline, X: pd.DataFrame) -> Array:
    """Return the probabilities that fitted steps give, shape (rows,)."""
    probability: Array = steps[-1].probability(transformed(steps, X))
    return probability


def survival_of(steps: Pipeline, X: pd.DataFrame) -> Array:
    """Return the survival curves that fitted steps give, shape (rows, times)."""
    survival: Array = steps[-1].survival(transformed(steps, X))
    return survival


def called_by(steps: Pipeline, X: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the level or class that fitted steps give each row, shape (rows,)."""
    called: npt.NDArray[np.int64] = steps[-1].called(transformed(steps, X))
    return called


def transformed(steps: Pipeline, X: pd.DataFrame) -> pd.DataFrame:
    """Return what the last step of a pipeline sees."""
    return steps[:-1].transform(X) if len(steps) > 1 else X
