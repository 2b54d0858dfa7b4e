"""Refusals: batches that cannot be told from a covariate, or from the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rigoromics.errors import DataError


def refuse_confounded_covariates(
    batch: npt.NDArray[np.intp],
    batches: int,
    covariates: npt.NDArray[np.float64],
    names: Sequence[str],
) -> None:
    """Refuse covariates whose effect cannot be told from the batches'.

    Parameters
    ----------
    batch
        Batch of each training row, 0 to batches - 1.
    batches
        Number of batches.
    covariates
        Design columns, shape (rows, columns).
    names
        The covariate behind each column.

    Raises
    ------
    DataError
        Naming the first covariate that adds nothing to the batches and covariates before it, or
        saying that there are too few patients.
    """
    design = np.eye(batches)[batch]
    if len(design) <= batches + covariates.shape[1]:
        raise DataError(
            f"harmonisation has {len(design)} training patients for {batches} batches and "
            f"{covariates.shape[1]} covariate columns",
            "use fewer covariates, or merge small batches",
        )
    rank = batches
    for column, name in zip(covariates.T, names, strict=True):
        design = np.column_stack([design, column])
        if np.linalg.matrix_rank(design) == rank:
            raise DataError(
                f"the covariate '{name}' cannot be told from the batch (or from the other "
                "covariates): in the training patients, one gives away the other",
                f"remove '{name}' from the covariates of harmonisation, or merge batches",
            )
        rank += 1


def refuse_confounded_outcome(batch: pd.Series[Any], outcome: pd.Series[Any], name: str) -> None:
    """Refuse to harmonise where the batch gives away the outcome.

    Where every batch holds patients of one outcome only, whatever tells the batches apart also
    tells the outcomes apart: removing the one removes the other, and no method can separate them.

    Parameters
    ----------
    batch
        Batch of each patient.
    outcome
        Outcome class or event of each patient, NaN where unknown.
    name
        The outcome, for the message.

    Raises
    ------
    DataError
        If there are at least two batches and two outcomes, and every batch has one outcome.
    """
    known = outcome.notna() & batch.notna()
    kinds = outcome[known].groupby(batch[known]).nunique()
    if len(kinds) > 1 and outcome[known].nunique() > 1 and (kinds == 1).all():
        raise DataError(
            f"the batch gives away the outcome '{name}': each of the {len(kinds)} batches holds "
            "patients of one outcome only",
            "set the harmonisation method to 'none', choose another batch variable, or add "
            "patients so that at least one batch holds both outcomes",
        )
