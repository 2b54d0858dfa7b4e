"""Which columns of the analysis table are what, and which of them a signature may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from rigoromics.errors import DataError
from rigoromics.longitudinal import DAYS

BATCH = "study.batch"
CLINICAL = "clinical."
# What no signature may see as a feature: bookkeeping, outcomes, and keys.
NOT_FEATURES = ("study.", CLINICAL, "endpoint.")
KEYS = frozenset({"patient", "design", "repeat"})
SIGNATURES = (
    *("clinical", "volume", "radiomics", "combined", "stacked", "shuffled"),
    *("deep", "deep_stacked"),
)

Names = npt.NDArray[np.str_]
Array = npt.NDArray[np.float64]


def feature_columns(table: pd.DataFrame) -> list[str]:
    """Return the image features among the columns, in the table's order.

    Examples
    --------
    >>> feature_columns(pd.DataFrame(columns=["study.batch", "clinical.age", "glcm_Contrast"]))
    ['glcm_Contrast']
    """
    return [
        name
        for name in map(str, table.columns)
        if name not in KEYS and not name.startswith(NOT_FEATURES)
    ]


def feature_values(table: pd.DataFrame, names: Sequence[str]) -> Array:
    """Return the named columns as numbers, shape (rows, features); infinite becomes missing."""
    values = table[list(names)].to_numpy(dtype=np.float64, copy=True)
    values[~np.isfinite(values)] = np.nan
    return values


def replace_features(table: pd.DataFrame, names: Sequence[str], values: Array) -> pd.DataFrame:
    """Return the table with `values` as its only features; all other columns stay."""
    replaced = set(feature_columns(table))
    others = table[[name for name in table.columns if name not in replaced]]
    features = pd.DataFrame(values, index=table.index, columns=list(names))
    return pd.concat([others, features], axis=1)


def keep_features(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the table with only the named features, in that order; all other columns stay."""
    return replace_features(table, names, feature_values(table, names))


class SignatureColumns(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Keep what one signature may see.

    Parameters
    ----------
    signature
        `clinical`: the clinical predictors. `volume`: one feature. `radiomics` and `shuffled`:
        all features, with the batch and the covariates that ComBat needs. `combined`: these and
        the clinical predictors. `deep`: scores of another model; `deep_stacked`: these and all
        features.
    clinical
        Clinical predictor, or score of another model (name without its prefix), to its kind,
        `numeric` or `categorical`.
    covariates
        Clinical predictors whose effect ComBat preserves.
    volume_feature
        The feature that stands for volume; where names carry a scan and ROI in front
        (`<scan>:<feature>`), all that end in it.
    """

    def __init__(
        self,
        signature: str,
        clinical: Mapping[str, str],
        covariates: Sequence[str],
        volume_feature: str,
    ) -> None:
        self.signature = signature
        self.clinical = clinical
        self.covariates = covariates
        self.volume_feature = volume_feature

    def fit(self, X: pd.DataFrame, y: Any = None) -> SignatureColumns:
        """Note the columns of the training table; raises DataError if what is needed is absent."""
        self.columns_: Names = np.array(self._choose(X), dtype=np.str_)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the columns chosen in training; raises DataError if some are absent."""
        absent = [name for name in self.columns_ if name not in X.columns]
        if absent:
            raise DataError(
                f"the table lacks {len(absent)} of the {len(self.columns_)} columns that the "
                f"{self.signature} signature was fitted on (first: {absent[0]!r})",
                "extract the features with the settings that the signature was built with",
            )
        return X[list(self.columns_)]

    def _choose(self, X: pd.DataFrame) -> list[str]:
        predictors = [f"{CLINICAL}{name}" for name in self.clinical]
        if self.signature in ("clinical", "deep"):
            return _present(X, predictors, f"the {self.signature} signature")
        if self.signature == "volume":
            return self._volume(X)
        if self.signature not in SIGNATURES:
            raise DataError(
                f"there is no signature {self.signature!r}",
                f"choose among: {', '.join(SIGNATURES)}",
            )
        features = feature_columns(X)
        if not features:
            raise DataError("the table holds no image features", "run the extraction first")
        wanted = [f"{CLINICAL}{name}" for name in self.covariates]
        if self.signature in ("combined", "stacked", "deep_stacked"):
            wanted = [*predictors, *(name for name in wanted if name not in predictors)]
            _present(X, predictors, f"the {self.signature} signature")
        batch = [n for n in map(str, X.columns) if n == BATCH or n.startswith(f"{BATCH}.")]
        batch += [name for name in map(str, X.columns) if name.startswith(DAYS)]
        return [*batch, *_present(X, wanted, "ComBat", may_be_empty=True), *features]

    def _volume(self, X: pd.DataFrame) -> list[str]:
        end = f":{self.volume_feature}"
        found = [n for n in feature_columns(X) if n == self.volume_feature or n.endswith(end)]
        if not found:
            raise DataError(
                f"the table has no feature {self.volume_feature!r} for the volume signature",
                "name the table's volume in `models: volume_feature:`, or leave this signature out",
            )
        return found


def _present(X: pd.DataFrame, names: list[str], who: str, may_be_empty: bool = False) -> list[str]:
    """Return the names if the table has them all."""
    if not names and not may_be_empty:
        raise DataError(
            f"{who} needs columns of the clinical table, and the config names none",
            "name some in `clinical: predictors:` (for `deep` and `deep_stacked` in `clinical: "
            "scores:`), or leave this signature out",
        )
    absent = [name for name in names if name not in X.columns]
    if absent:
        raise DataError(
            f"{who} needs the column {absent[0].removeprefix(CLINICAL)!r}, which the clinical "
            "table does not have",
            "correct the name in the config, or add the column",
        )
    return names
