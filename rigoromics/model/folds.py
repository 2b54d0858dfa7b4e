"""Folds of patients: nobody is on both sides, outcomes are spread evenly, order does not matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rigoromics.errors import DataError
from rigoromics.model.outcome import Outcome, kind_of, strata

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Fold:
    """Row positions of one fold.

    Attributes
    ----------
    train, test
        Rows to learn from and rows held out, ascending.
    """

    train: Rows
    test: Rows


def patient_folds(patients: pd.Index[Any], y: Outcome, folds: int, seed: int) -> list[Fold]:
    """Return stratified folds of whole patients.

    Parameters
    ----------
    patients
        The patient of each row; a patient may have several rows.
    y
        The outcome of each row; a patient counts as having the event if any row has it,
        and else for the highest code of its rows.
    folds
        Number of folds.
    seed
        Decides who goes where, together with the patients' names alone: not with the order of
        the rows.

    Returns
    -------
    list of Fold
        Each patient is held out once.

    Raises
    ------
    DataError
        If there are fewer patients than folds.
    """
    happened = pd.Series(strata(y), index=patients).groupby(level=0, sort=True).max()
    if len(happened) < folds:
        raise DataError(
            f"{len(happened)} patients cannot be put into {folds} folds",
            "lower the number of folds",
        )
    rng = np.random.default_rng(seed)
    labels = np.unique(happened.to_numpy())[::-1]
    members = [np.flatnonzero(happened.to_numpy() == label) for label in labels]
    # Dealt round and round, each stratum going on where the one before stopped: fold sizes
    # differ by one at most, overall and within each stratum.
    dealt = np.concatenate([rng.permutation(stratum) for stratum in members])
    fold_of = np.empty(len(dealt), dtype=np.intp)
    fold_of[dealt] = np.arange(len(dealt)) % folds
    row_fold = fold_of[happened.index.get_indexer(patients)]
    return [
        Fold(np.flatnonzero(row_fold != number), np.flatnonzero(row_fold == number))
        for number in range(folds)
    ]


def centre_folds(centres: pd.Series[Any], y: Outcome, fewest: int) -> list[Fold]:
    """Return one fold per centre, which is held out as a whole.

    Parameters
    ----------
    centres
        Centre of each row, index the patient.
    y
        The outcome of each row.
    fewest
        Patients with each outcome (for survival, with the event) that every training set must
        keep.

    Returns
    -------
    list of Fold
        In alphabetical order of the centres.

    Raises
    ------
    DataError
        If there are fewer than two centres, a patient is of two, or the others of a centre are
        too few to learn from.
    """
    names = centres.astype(str)
    several = names.groupby(level=0).nunique()
    if (several > 1).any():
        raise DataError(
            f"patient {several.index[several > 1][0]} is of two centres",
            "give all rows of the patient the same centre",
        )
    if names.nunique() < 2:
        raise DataError(
            f"all development patients are of one centre, {names.iloc[0]!r}"
            if len(names)
            else "there are no development patients",
            "set `validation: folds: patient`",
        )
    outcome, folds = strata(y), []
    # Who is free of the event in survival is censored, which no fold needs.
    needed = [level for level in np.unique(outcome) if kind_of(y) != "survival" or level]
    for centre in sorted(set(names)):
        own = (names == centre).to_numpy()
        left = min(int((outcome[~own] == level).sum()) for level in needed)
        if left < fewest:
            raise DataError(
                f"without centre {centre!r} {left} patients with one of the outcomes are left, too "
                f"few for {fewest} inner folds",
                "set `validation: folds: patient`, or lower `inner_folds`",
            )
        folds.append(Fold(np.flatnonzero(~own), np.flatnonzero(own)))
    return folds


def permuted_outcomes(patients: pd.Index[Any], y: Outcome, seed: int) -> Outcome:
    """Return the outcomes dealt anew to the patients; rows of one patient stay alike."""
    names, first, inverse = np.unique(
        np.asarray(patients, dtype=np.str_), return_index=True, return_inverse=True
    )
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray(y[first][order][inverse])
