"""Covariates as columns of a design matrix, coded by what the training rows showed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from rigoromics.errors import DataError

Array = npt.NDArray[np.float64]
Code = dict[str, Any]

OUTCOME_PREFIX = "endpoint."


def learn_covariates(table: pd.DataFrame, names: Sequence[str]) -> list[Code]:
    """Learn how to code each covariate.

    Parameters
    ----------
    table
        Training rows.
    names
        Covariate columns. Numbers stay numbers; text, categories and booleans become one
        indicator per training level but the first.

    Returns
    -------
    list of dict
        One per covariate: ``name``, ``levels`` (None for numbers), and ``mean`` and ``scale`` of
        its columns over the training rows. A covariate without variation has no columns: it can
        neither explain a feature nor be told from the intercept.

    Raises
    ------
    DataError
        If a column is missing or empty, or names an outcome: harmonisation may never see it.
    """
    return [_learn(table, name) for name in names]


def design_columns(table: pd.DataFrame, codes: Sequence[Code]) -> Array:
    """Return the covariates of any rows as centred, scaled columns, shape (rows, columns).

    A missing value, a level that training did not know, and a covariate that the table lacks all
    become zero: the training mean.
    """
    blocks = [_columns(table, code) for code in codes]
    return np.hstack([np.zeros((len(table), 0)), *blocks])


def column_names(codes: Sequence[Code]) -> list[str]:
    """Return the covariate that each design column belongs to."""
    return [code["name"] for code in codes for _ in code["mean"]]


def _learn(table: pd.DataFrame, name: str) -> Code:
    if name.startswith(OUTCOME_PREFIX):
        raise DataError(
            f"the outcome '{name}' is listed as a covariate of harmonisation",
            "remove it: harmonisation that knows the outcome writes it into the features",
        )
    if name not in table.columns:
        raise DataError(
            f"the covariate '{name}' of harmonisation is not in the table",
            "correct its name in the config, or remove it there",
        )
    column = table[name]
    if column.notna().sum() == 0:
        raise DataError(
            f"the covariate '{name}' of harmonisation is empty in the training rows",
            "fill it in the clinical table, or remove it from the covariates",
        )
    numeric = is_numeric_dtype(column) and not is_bool_dtype(column)
    levels = None if numeric else sorted({str(value) for value in column.dropna()})
    if column.nunique() == 1:
        levels = []
    raw = _raw(column, levels)
    return {
        "name": name,
        "levels": levels,
        "mean": np.nanmean(raw, axis=0),
        "scale": np.nanstd(raw, axis=0),
    }


def _columns(table: pd.DataFrame, code: Code) -> Array:
    name: str = code["name"]
    if name not in table.columns:
        return np.zeros((len(table), len(code["mean"])))
    scaled = (_raw(table[name], code["levels"]) - code["mean"]) / code["scale"]
    return np.asarray(np.where(np.isfinite(scaled), scaled, 0.0))


def _raw(column: pd.Series[Any], levels: list[str] | None) -> Array:
    """Return the column's numbers, or its indicators, NaN where missing or of unknown level."""
    if levels is None:
        numbers: Array = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(numbers), numbers, np.nan)[:, None]
    text = column.astype(object).map(str, na_action="ignore").to_numpy()
    indicators = (text[:, None] == np.asarray(levels[1:], dtype=object)).astype(np.float64)
    indicators[~np.isin(text.astype(str), levels)] = np.nan
    return np.asarray(indicators)
