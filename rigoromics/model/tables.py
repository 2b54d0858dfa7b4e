"""The analysis table as models want it, and what models give as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rigoromics.errors import DataError
from rigoromics.model.curve import STEM, curve_columns
from rigoromics.model.nested import HeldOut
from rigoromics.model.outcome import (
    FIELDS,
    Endpoint,
    Outcome,
    codes_of,
    kind_of,
    known_outcomes,
)
from rigoromics.model.prediction import prediction_columns
from rigoromics.model.settings import Procedure
from rigoromics.model.signature import Signature, make_signature
from rigoromics.model.tuning import Fitted
from rigoromics.select.agreement import choice_stability
from rigoromics.select.columns import feature_columns


def rows_of_role(
    table: pd.DataFrame, role: str, endpoint: Endpoint
) -> tuple[pd.DataFrame, Outcome]:
    """Return the patients of one role whose outcome is known, sorted, and their outcomes.

    Parameters
    ----------
    table
        Analysis table with `patient` as a column.
    role
        `development` or `external`.
    endpoint
        The endpoint.

    Raises
    ------
    DataError
        If one patient has several rows, which could end up on both sides of a split.
    """
    twice = table.loc[table["patient"].duplicated(), "patient"]
    if len(twice):
        raise DataError(
            f"{twice.nunique()} patients have more than one row in the analysis table "
            f"(first: {twice.iloc[0]})",
            "keep one row per patient; nobody may be in two cohorts",
        )
    rows = table[table["study.role"] == role].sort_values("patient").set_index("patient")
    return known_outcomes(rows, endpoint)


def out_of_fold(
    held_out: Sequence[HeldOut], patients: pd.Index[str], endpoint: Endpoint
) -> pd.DataFrame:
    """Return the out-of-fold predictions, one row per patient and repetition.

    Parameters
    ----------
    held_out
        Outer folds.
    patients
        Patients in sorted order, as the folds count them.
    endpoint
        What is predicted.

    Returns
    -------
    pandas.DataFrame
        Columns patient, repeat, fold, risk, probability, cutoff (the one learned in that fold's
        training) and high (1 from that cut-off on); sorted by repeat and patient. Endpoints of
        other types have the columns of `prediction_columns`. Survival: `survival_01` and so on,
        the curve at the times of `curve_times`.
    """
    parts = []
    for part in held_out:
        fitted = part.fitted
        columns = prediction_columns(
            endpoint, part.risk, part.probability, fitted.cutoff, part.called
        )
        place = {"patient": patients[part.fold.test], "repeat": part.repeat, "fold": part.number}
        last = {"high": columns.pop("high")} if "high" in columns else {}
        if part.survival is not None:
            columns |= curve_columns(part.survival)
        cutoff = {"cutoff": fitted.cutoff} if last else {}
        parts.append(pd.DataFrame({**place, **columns, **cutoff, **last}))
    return pd.concat(parts).sort_values(["repeat", "patient"], ignore_index=True)


def mean_over_repeats(oof: pd.DataFrame) -> pd.DataFrame:
    """Return one out-of-fold prediction per patient: means, and the class most repeats gave.

    Of levels or classes that as many repeats gave, the first.
    """
    averaged = ("probability", STEM)
    numbers = [c for c in oof.columns if c in ("risk", "expected") or c.startswith(averaged)]
    by_patient = oof.groupby("patient", sort=True)
    if "called" in oof.columns:
        return by_patient[numbers].mean().assign(called=by_patient["called"].agg(_commonest))
    means = by_patient[[*numbers, "high"]].mean()
    return means.assign(high=(means["high"] >= 0.5).astype("int64"))


def _commonest(codes: pd.Series[int]) -> int:
    return int(np.argmax(np.bincount(codes)))


def tuning_table(held_out: Sequence[HeldOut], final: Fitted) -> pd.DataFrame:
    """Return every configuration tried, in every fold and for the final signature.

    Returns
    -------
    pandas.DataFrame
        Columns repeat and fold (`final` for the final signature), one column per
        hyperparameter, score, standard_error and chosen.
    """
    fits = [(str(part.repeat), str(part.number), part.fitted) for part in held_out]
    rows = [
        {
            "repeat": repeat,
            "fold": fold,
            **trial.configuration,
            "score": trial.score,
            "standard_error": trial.standard_error,
            "chosen": trial.configuration == fitted.configuration,
        }
        for repeat, fold, fitted in [*fits, ("final", "final", final)]
        for trial in fitted.trials
    ]
    return pd.DataFrame(rows)


def selection_table(
    held_out: Sequence[HeldOut],
    final: Signature,
    procedure: Procedure,
    y: Outcome,
    candidates: Sequence[str] = (),
) -> pd.DataFrame:
    """Return how often each predictor was used over the outer folds, and whether in the end.

    Parameters
    ----------
    held_out, final, procedure, y
        The outer folds' signatures, the final one, how they were built, all outcomes.
    candidates
        Image features among which each fold chose.

    Returns
    -------
    pandas.DataFrame
        Columns feature, frequency (share of outer folds) and in_final; most frequent first. Then,
        the same in every row, Nogueira's stability of the choice of image features with its 95%
        interval (stability, stability_lower, stability_upper) and the number of candidates.
    """
    used = [
        set(make_signature(part.fitted, procedure, y[part.fold.train]).used) for part in held_out
    ]
    counts: dict[str, int] = dict.fromkeys(final.used, 0)
    for names in used:
        for name in sorted(names):
            counts[name] = counts.get(name, 0) + 1
    alike = choice_stability(np.array([[name in names for name in candidates] for names in used]))
    rows = [
        {"feature": name, "frequency": count / len(held_out), "in_final": name in final.used}
        for name, count in counts.items()
    ]
    table = pd.DataFrame(rows, columns=["feature", "frequency", "in_final"]).assign(
        stability=alike.estimate,
        stability_lower=alike.lower,
        stability_upper=alike.upper,
        candidates=alike.candidates,
    )
    return table.sort_values(["frequency", "feature"], ascending=[False, True], ignore_index=True)


def candidates_of(X: pd.DataFrame, fits: Sequence[Fitted]) -> list[str]:
    """Return the image features among which the fits chose; of several timepoints, the changes."""
    changes = [fit.pipeline.named_steps.get("deltas") for fit in fits]
    made = [step.features_ for step in changes if step is not None]
    return sorted({str(name) for names in made for name in names}) if made else feature_columns(X)


def outcome_columns(y: Outcome) -> dict[str, Outcome]:
    """Return outcomes as plain columns: y, or time, event (0 or 1) and, if there is one, cause."""
    if kind_of(y) in FIELDS:
        return {"y": codes_of(y)}
    if not y.dtype.names:
        return {"y": y}
    cause = {"cause": y["cause"]} if "cause" in y.dtype.names else {}
    return {"time": y["time"], "event": y["event"].astype("int64"), **cause}


def prediction_rows(
    names: tuple[str, str],
    X: pd.DataFrame,
    y: Outcome,
    predicted: pd.DataFrame,
    split: str,
    policy: str,
) -> pd.DataFrame:
    """Return the table of predictions, as evaluation reads it: a row per patient.

    Parameters
    ----------
    names
        Signature and model.
    X, y
        The patients, with `study.cohort`, `study.centre` and `study.role`, and their outcomes.
    predicted
        As `mean_over_repeats` or `Signature.predict` gives it, in the order of X; survival curves
        beside it.
    split, policy
        `development_cv` or `external`; how batches that training never saw were treated.
    """
    columns: dict[str, Any] = {
        "patient": X.index,
        "cohort": X["study.cohort"],
        "centre": X["study.centre"],
        "role": X["study.role"],
        "split": split,
        "signature": names[0],
        "model": names[1],
        "policy": policy,
        **{str(c): predicted[c] for c in predicted if c not in ("high", "called")},
        "cutoff_class": predicted["called" if "called" in predicted else "high"].astype("int64"),
        **outcome_columns(y),
    }
    return pd.DataFrame(columns).reset_index(drop=True)
