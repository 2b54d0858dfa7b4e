"""Apply a locked signature to new patients: checks first, then what validation would say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from rigoromics.errors import DataError
from rigoromics.extract.fingerprint import refuse_other_settings
from rigoromics.model.pipeline import WITH_SCORES
from rigoromics.model.signature import Signature
from rigoromics.select.columns import BATCH, CLINICAL


def needed(signature: Signature) -> list[str]:
    """Return the clinical predictors (names without prefix) that a signature asks for."""
    columns = map(str, signature.pipeline.named_steps["columns"].columns_)
    return [name.removeprefix(CLINICAL) for name in columns if name.startswith(CLINICAL)]


def batch_columns(signature: Signature) -> list[str]:
    """Return the columns of the analysis table that name the batch, if the signature has any."""
    columns = map(str, signature.pipeline.named_steps["columns"].columns_)
    return [name for name in columns if name == BATCH or name.startswith(f"{BATCH}.")]


def score(
    signature: Signature,
    X: pd.DataFrame,
    policy: str = "refuse",
    extraction: Mapping[str, str] | None = None,
    check_extraction: bool = True,
) -> pd.DataFrame:
    """Return a signature's word on new patients.

    Parameters
    ----------
    signature
        A locked signature.
    X
        New patients, index patient; columns as in the analysis table (`study.batch`,
        `clinical.<predictor>`, features).
    policy
        For batches that training never saw: `refuse`, `none` (features as they are) or `align`
        (adjusted by their features alone; hand in all patients of a batch together).
    extraction
        Fingerprints of the settings that the features were extracted with.
    check_extraction
        Whether to compare them with the signature's.

    Returns
    -------
    pandas.DataFrame
        Index as X: `policy`, `batch` and `batch_seen` (`yes` or `no`) of signatures that
        harmonise, then the columns of `Signature.predict`.

    Raises
    ------
    DataError
        If patients come twice, the settings differ, a column lacks, a batch is refused, or a
        patient lacks the score of another model that the signature is built on.
    """
    twice = X.index[X.index.duplicated()]
    if len(twice):
        raise DataError(f"patient {twice[0]} has more than one row", "hand in one row per patient")
    if check_extraction:
        refuse_other_settings(signature.extraction, extraction or {})
    absent = [name for name in batch_columns(signature) if name not in X.columns]
    if absent:
        raise DataError(
            f"the signature is harmonised by batch, and the table lacks {absent[0]!r}",
            "name the column with `--batch`; the signature learned from the batches "
            f"{', '.join(signature.batches)}",
        )
    _refuse_without_scores(signature, X)
    predicted = signature.predict(X, policy)
    if not signature.batches:
        return predicted
    batch = X[BATCH].astype(object)
    seen = batch.map(str).isin(signature.batches).map({True: "yes", False: "no"})
    return pd.concat(
        [pd.DataFrame({"policy": policy, "batch": batch, "batch_seen": seen}), predicted], axis=1
    )


def _refuse_without_scores(signature: Signature, X: pd.DataFrame) -> None:
    """Refuse patients without the other model's score: a median is no word of that model."""
    if signature.signature not in WITH_SCORES:
        return
    for name in signature.pipeline.named_steps["design"].clinical:
        column = f"{CLINICAL}{name}"
        if column in X.columns:
            values = pd.to_numeric(X[column], errors="coerce").to_numpy(dtype=np.float64)
            lacking = X.index[~np.isfinite(values)]
            if len(lacking):
                raise DataError(
                    f"{len(lacking)} patients have no value of the score {name!r} (first: "
                    f"{lacking[0]})",
                    "hand in the other model's score of every patient, or leave the patient out",
                )
