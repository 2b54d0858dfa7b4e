"""CovBat: after ComBat, the batches' correlations between features are brought together too.

Source: Chen, Beer, Tustison et al., Hum Brain Mapp 2022;43:1179-1195. What ComBat leaves of each
feature beyond its mean and covariates is turned into principal components; the batches' shift and
scale in the scores of those that explain most of it are taken out, without empirical Bayes, and
the features are put together again.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from rigoromics.errors import DataError
from rigoromics.harmonise.combat import ComBat, UnseenPolicy
from rigoromics.harmonise.empirical_bayes import Prior
from rigoromics.harmonise.least_squares import Array
from rigoromics.harmonise.location_scale import (
    Codes,
    LocationScale,
    Options,
    align,
    apply,
    learn,
)

# The share of the variance that the paper keeps.
EXPLAINED = 0.95
# One or two patients show no covariance: their scores stay as ComBat left them.
LEAST_FOR_SCORES = 3


class CovBat(ComBat):
    """ComBat, then the same for the scores of the principal components of what remains.

    Parameters
    ----------
    batch, covariates, features, parametric, reference, unseen, extremes
        As in :class:`~rigoromics.harmonise.combat.ComBat`.
    mean_only
        Refused when true: CovBat is about spreads.
    explained
        Share of the variance whose components are harmonised, the largest first; the others stay.
    shrink_scores
        Estimate the scores' shift and scale by empirical Bayes too; the paper does not.

    Attributes
    ----------
    components_
        Loadings of the harmonised components, shape (features, components).
    residual_mean_, residual_sd_
        By which what ComBat left was standardised, shape (features,).
    score_mean_, score_sd_, score_shift_, score_scale_, score_prior_
        The location-scale model of the scores, as those of ComBat for features.

    Notes
    -----
    A batch that training never saw, under ``align``, has its scores drawn towards what the training
    batches showed, by empirical Bayes: there is no plain estimate worth trusting from a few rows.

    Missing values stay so; for the scores of their row they count as expected.
    """

    def __init__(
        self,
        batch: str = "study.batch",
        covariates: tuple[str, ...] = (),
        features: list[str] | None = None,
        parametric: bool = True,
        mean_only: bool = False,
        reference: str | None = None,
        unseen: UnseenPolicy = "none",
        extremes: float | None = 10.0,
        explained: float = EXPLAINED,
        shrink_scores: bool = False,
    ) -> None:
        super().__init__(
            batch, covariates, features, parametric, mean_only, reference, unseen, extremes
        )
        self.explained = explained
        self.shrink_scores = shrink_scores

    def fit(self, X: pd.DataFrame, y: object = None) -> CovBat:
        """Learn shifts and scales of features, then of scores; raises as ComBat does."""
        if self.mean_only:
            raise DataError(
                "CovBat harmonises spreads and correlations, and `mean_only` forbids it",
                "use the method 'combat' with `mean_only`, or CovBat without it",
            )
        super().fit(X, y)
        return self

    def _learn(self, values: Array, codes: Codes, covariates: Array, options: Options) -> None:
        super()._learn(values, codes, covariates, options)
        adjusted = apply(values, covariates, codes, self._model())
        residual = adjusted - self._expected(covariates)
        known = np.isfinite(residual)
        count = known.sum(axis=0)
        self.residual_mean_ = np.nansum(residual, axis=0) / count
        squares = np.nansum((residual - self.residual_mean_) ** 2, axis=0)
        self.residual_sd_ = np.sqrt(squares / (count - 1))
        standard = self._standard(residual)
        _, singular, loadings = np.linalg.svd(standard, full_matrices=False)
        self.components_ = _leading(singular, loadings, self.explained)
        plain = Options(True, False, options.reference, self.shrink_scores)
        scores = standard @ self.components_
        none = np.zeros((len(scores), 0))
        self._keep_scores(learn(scores, codes, len(self.batches_), none, plain))

    def _apply(self, values: Array, covariates: Array, codes: Codes) -> Array:
        adjusted = super()._apply(values, covariates, codes)
        scores = self._scores(adjusted, covariates)
        none = np.zeros((len(scores), 0))
        return self._rebuilt(adjusted, scores, apply(scores, none, codes, self._score_model()))

    def _align(self, values: Array, covariates: Array) -> Array:
        adjusted = super()._align(values, covariates)
        if len(values) < LEAST_FOR_SCORES:
            return adjusted
        scores = self._scores(adjusted, covariates)
        shown = self._scores(self._shown(adjusted), covariates)
        none = np.zeros((len(scores), 0))
        after = align(scores, shown, none, self._score_model(), mean_only=False)
        return self._rebuilt(adjusted, scores, after)

    def _expected(self, covariates: Array) -> Array:
        return np.asarray(self.mean_ + covariates @ self.covariate_effects_)

    def _standard(self, residual: Array) -> Array:
        standard = (residual - self.residual_mean_) / self.residual_sd_
        return np.where(np.isfinite(standard), standard, 0.0)

    def _scores(self, adjusted: Array, covariates: Array) -> Array:
        return self._standard(adjusted - self._expected(covariates)) @ self.components_

    def _rebuilt(self, adjusted: Array, before: Array, after: Array) -> Array:
        """Return the features with their harmonised scores; the other components stay."""
        change = (after - before) @ self.components_.T * self.residual_sd_
        return np.asarray(adjusted + change)

    def _keep_scores(self, model: LocationScale) -> None:
        small = self.batch_sizes_ < LEAST_FOR_SCORES
        model.shift[small], model.scale[small] = 0.0, 1.0
        self.score_mean_, self.score_sd_ = model.mean, model.sd
        self.score_shift_, self.score_scale_ = model.shift, model.scale
        prior = model.prior
        self.score_prior_ = None if prior is None else np.asarray(prior.values(), dtype=np.float64)

    def _score_model(self) -> LocationScale:
        return LocationScale(
            self.score_mean_,
            self.score_sd_,
            np.zeros((0, len(self.score_mean_))),
            self.score_shift_,
            self.score_scale_,
            None if self.score_prior_ is None else Prior(*self.score_prior_.tolist()),
        )


def _leading(singular: Array, loadings: Array, explained: float) -> Array:
    """Return the components that explain more than that share, as columns of a fixed sign."""
    share = np.cumsum(singular**2) / np.sum(singular**2)
    count = min(int(np.searchsorted(share, explained, side="right")) + 1, len(singular))
    chosen = loadings[:count]
    largest = np.abs(chosen).argmax(axis=1)
    # LAPACK leaves the sign open; the same features must give the same bytes.
    sign = np.sign(chosen[np.arange(count), largest])
    return np.ascontiguousarray((chosen * sign[:, None]).T)
