"""ComBat as a scikit-learn transformer: learned on training rows, applied row by row.

The values equal those of R's sva (Johnson, Li and Rabinovic, Biostatistics 2007;8:118-127) when
the rows transformed are the rows learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from rigoromics.errors import DataError
from rigoromics.harmonise.confounding import refuse_confounded_covariates
from rigoromics.harmonise.covariates import (
    OUTCOME_PREFIX,
    column_names,
    design_columns,
    learn_covariates,
)
from rigoromics.harmonise.empirical_bayes import Prior
from rigoromics.harmonise.least_squares import Array
from rigoromics.harmonise.location_scale import (
    Codes,
    LocationScale,
    Options,
    align,
    apply,
    harmonisable,
    learn,
    without_extremes,
)

UnseenPolicy = Literal["none", "align", "refuse"]

# Columns that describe a patient and are never a feature.
DESCRIPTIVE = ("study.", "clinical.", OUTCOME_PREFIX)
LEAST_REFERENCE = 3


class ComBat(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Take each batch's shift and scale out of every feature, by empirical Bayes.

    Parameters
    ----------
    batch
        Column that names each patient's batch (scanner, protocol, centre).
    covariates
        Columns whose effect on the features is kept: numbers, or text coded by the levels of the
        training rows. Never an outcome.
    features
        Columns to harmonise; None for every numeric column that is neither the batch, a covariate,
        nor descriptive (``study.``, ``clinical.``, ``endpoint.``).
    parametric
        Parametric priors; else the non-parametric ones.
    mean_only
        Adjust shifts and leave scales.
    reference
        Batch that all others are brought to and that stays as it is; None for the overall mean.
    unseen
        What becomes of rows whose batch was not in training, or is missing:
        ``"none"`` returns their features exactly as they came; ``"align"`` estimates the shift and
        scale of each such batch from the features of its rows in the table at hand, drawn towards
        what the training batches showed, with everything learned in training frozen (rows without
        a batch label stay as they came); ``"refuse"`` raises.
    extremes
        For learning only, values further than this many robust standard deviations from their
        batch's median are drawn in to there, and features that are mostly ties are left alone;
        otherwise ComBat can write the batch into them
        (:func:`~rigoromics.harmonise.location_scale.without_extremes`). None: never; then, and
        wherever there are no such values and features, the result is that of sva.

    Attributes
    ----------
    batches_
        Training batches, sorted.
    batch_sizes_
        Their numbers of rows.
    features_
        Columns that :meth:`transform` harmonises.
    passed_through_
        Feature columns left as they are: constant (also within one batch), mostly ties, with too
        few values, or explained by batch and covariates without remainder.
    mean_, sd_, covariate_effects_, shift_, scale_, prior_
        The arrays of :class:`~rigoromics.harmonise.location_scale.LocationScale`.

    Notes
    -----
    Rows of training batches are transformed one by one with frozen values: no row affects another.

    One training batch: nothing to harmonise; its rows come back as they are.

    A batch of one training patient gets its shift, drawn strongly towards the average shift, and
    keeps its scale. (sva then leaves the scale of *all* batches.)

    Missing and infinite feature values stay so and are not learned from: each feature has its own
    rows, batch sizes and mean square. (sva, once any value is missing, divides all sums by one
    less.)
    Missing covariates, unknown levels, and covariate columns absent from a table to transform
    count as the training mean.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame(rng.normal(size=(40, 3)), columns=["a", "b", "c"])
    >>> table["study.batch"] = ["x", "y"] * 20
    >>> table.loc[table["study.batch"] == "y", ["a", "b", "c"]] += 5
    >>> after = ComBat().fit_transform(table)
    >>> gap = after.groupby("study.batch")[["a", "b", "c"]].mean().diff().iloc[-1]
    >>> bool((gap.abs() < 0.2).all())
    True
    """

    def __init__(
        self,
        batch: str = "study.batch",
        covariates: Sequence[str] = (),
        features: Sequence[str] | None = None,
        parametric: bool = True,
        mean_only: bool = False,
        reference: str | None = None,
        unseen: UnseenPolicy = "none",
        extremes: float | None = 10.0,
    ) -> None:
        self.batch = batch
        self.covariates = covariates
        self.features = features
        self.parametric = parametric
        self.mean_only = mean_only
        self.reference = reference
        self.unseen = unseen
        self.extremes = extremes

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Learn every batch's shift and scale from the training rows.

        Parameters
        ----------
        X
            Training rows: feature, batch and covariate columns.
        y
            Ignored: harmonisation never sees the outcome.

        Raises
        ------
        DataError
            If a column is missing, a row has no batch, the reference batch is absent or has fewer
            than three patients, or a covariate cannot be told from the batch.
        """
        self._check_table(X)
        if self.unseen not in ("none", "align", "refuse"):
            raise DataError(
                f"the policy '{self.unseen}' for unseen batches is not known",
                "write 'none', 'align' or 'refuse'",
            )
        labels = self._labels(X)
        self.batches_, codes = self._training_batches(labels)
        self.batch_sizes_ = np.bincount(codes)
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.covariate_codes_ = learn_covariates(X, self.covariates)
        covariates = design_columns(X, self.covariate_codes_)
        count = len(self.batches_)
        refuse_confounded_covariates(codes, count, covariates, column_names(self.covariate_codes_))
        candidates = self.feature_columns(X)
        values = _numbers(X, candidates)
        values[~np.isfinite(values)] = np.nan
        reference = self._reference_code()
        usable = harmonisable(values, codes, count, covariates, reference)
        if self.extremes is not None:
            values, tied = without_extremes(values, codes, count, self.extremes)
            usable &= ~tied
        self.features_ = [name for name, use in zip(candidates, usable, strict=True) if use]
        self.passed_through_ = [
            name for name, use in zip(candidates, usable, strict=True) if not use
        ]
        options = Options(self.parametric, self.mean_only, reference)
        self._learn(values[:, usable], codes, covariates, options)
        return self

    def _learn(self, values: Array, codes: Codes, covariates: Array, options: Options) -> None:
        self._keep(learn(values, codes, len(self.batches_), covariates, options))

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table with its features harmonised; all other columns and the order stay.

        Parameters
        ----------
        X
            Any rows with the batch column and all `features_`.

        Raises
        ------
        DataError
            If a column is missing, or a batch is unseen and the policy is to refuse.
        """
        check_is_fitted(self, "shift_")
        self._check_table(X)
        absent = [name for name in self.features_ if name not in X.columns]
        if absent:
            raise DataError(
                f"{len(absent)} feature(s) that harmonisation learned are missing, "
                f"{absent[0]} among them",
                "extract the features with the settings of the training cohort",
            )
        labels = self._labels(X)
        codes = pd.Index(self.batches_).get_indexer(pd.Index(labels))
        unseen = sorted(set(labels[codes < 0].dropna()))
        self._refuse_unseen(unseen, bool(labels.isna().any()))
        values = _numbers(X, self.features_)
        covariates = design_columns(X, self.covariate_codes_)
        result = self._apply(values, covariates, codes)
        if self.unseen == "align":
            for name in unseen:
                rows = (labels == name).to_numpy()
                result[rows] = self._align(values[rows], covariates[rows])
        return _with_columns(X, self.features_, result)

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return the columns of the transformed table, which are those of the training table."""
        check_is_fitted(self, "shift_")
        return np.asarray(self.feature_names_in_)

    def _apply(self, values: Array, covariates: Array, codes: Codes) -> Array:
        return apply(values, covariates, codes, self._model())

    def _align(self, values: Array, covariates: Array) -> Array:
        return align(values, self._shown(values), covariates, self._model(), self.mean_only)

    def _shown(self, values: Array) -> Array:
        """Return the rows of one new batch as they may be learned from."""
        if self.extremes is None:
            return values
        one_batch = np.zeros(len(values), dtype=np.intp)
        return without_extremes(values, one_batch, 1, self.extremes)[0]

    def _check_table(self, X: pd.DataFrame) -> None:
        if not isinstance(X, pd.DataFrame):
            raise TypeError("ComBat needs a DataFrame: it finds batch and covariates by name")
        if self.batch not in X.columns:
            raise DataError(
                f"the batch column '{self.batch}' is not in the table",
                "correct the batch of harmonisation in the config",
            )

    def _labels(self, X: pd.DataFrame) -> pd.Series[Any]:
        return X[self.batch].astype(object).map(str, na_action="ignore")

    def _training_batches(self, labels: pd.Series[Any]) -> tuple[list[str], Codes]:
        if labels.isna().any():
            raise DataError(
                f"{int(labels.isna().sum())} training patient(s) have no batch in '{self.batch}'",
                "fill in the batch, exclude them, or choose another batch column",
            )
        names, codes = np.unique(labels.to_numpy(dtype=str), return_inverse=True)
        return [str(name) for name in names], codes

    def feature_columns(self, X: pd.DataFrame) -> list[str]:
        """Return the columns of a table that count as features, harmonisable or not."""
        if self.features is not None:
            absent = [name for name in self.features if name not in X.columns]
            if absent:
                raise DataError(
                    f"feature '{absent[0]}' to harmonise is not in the table",
                    "name features as they stand in the table",
                )
            return list(self.features)
        described = {self.batch, *self.covariates}
        return [
            name
            for name, dtype in X.dtypes.items()
            if isinstance(name, str)
            and name not in described
            and not name.startswith(DESCRIPTIVE)
            and is_numeric_dtype(dtype)
            and not is_bool_dtype(dtype)
        ]

    def _reference_code(self) -> int | None:
        if self.reference is None:
            return None
        if self.reference not in self.batches_:
            raise DataError(
                f"the reference batch '{self.reference}' has no training patient",
                f"choose one of {', '.join(self.batches_)}, or none",
            )
        code = self.batches_.index(self.reference)
        if self.batch_sizes_[code] < LEAST_REFERENCE:
            raise DataError(
                f"the reference batch '{self.reference}' has {self.batch_sizes_[code]} patient(s), "
                "too few to learn a spread from",
                "choose a larger batch as reference, or none",
            )
        return code

    def _refuse_unseen(self, unseen: list[str], unlabelled: bool) -> None:
        if self.unseen != "refuse" or not (unseen or unlabelled):
            return
        names = ", ".join([*unseen, *(["patients without a batch"] if unlabelled else [])])
        raise DataError(
            f"harmonisation learned the batches {', '.join(self.batches_)} and meets {names}",
            "set the policy for unseen batches to 'none' or 'align', or exclude these patients",
        )

    def _keep(self, model: LocationScale) -> None:
        """Store what was learned as plain arrays, which any serialiser knows."""
        self.mean_, self.sd_ = model.mean, model.sd
        self.covariate_effects_ = model.covariates
        self.shift_, self.scale_ = model.shift, model.scale
        prior = model.prior
        self.prior_ = None if prior is None else np.asarray(prior.values(), dtype=np.float64)

    def _model(self) -> LocationScale:
        return LocationScale(
            self.mean_,
            self.sd_,
            self.covariate_effects_,
            self.shift_,
            self.scale_,
            None if self.prior_ is None else Prior(*self.prior_.tolist()),
        )


def _numbers(X: pd.DataFrame, columns: Sequence[str]) -> Array:
    return np.array(X[list(columns)].to_numpy(dtype=np.float64, na_value=np.nan))


def _with_columns(X: pd.DataFrame, columns: list[str], values: Array) -> pd.DataFrame:
    """Return a copy of the table with new values in some columns, in one block."""
    harmonised = pd.DataFrame(values, columns=columns, index=X.index)
    others = X.drop(columns=columns)
    return pd.concat([harmonised, others], axis=1)[list(X.columns)]
