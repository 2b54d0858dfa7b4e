"""The location-scale model behind ComBat, on plain arrays: what is learned, and how it is applied.

Source: Johnson, Li and Rabinovic, Biostatistics 2007;8:118-127; reference batch: Zhang et al., BMC
Bioinformatics 2018;19:262.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rigoromics.harmonise.empirical_bayes import (
    Moments,
    Prior,
    non_parametric,
    parametric,
    pooled_prior,
    posterior_shift,
    prior_of,
    unshrunken,
)
from rigoromics.harmonise.least_squares import Array, masked_least_squares

Codes = npt.NDArray[np.intp]

# A spread below this share of a feature's size is rounding.
CONSTANT = 1e-12
LEAST_FOR_SPREAD = 3


@dataclass(frozen=True)
class Options:
    """How shift and scale are estimated.

    Attributes
    ----------
    parametric
        Parametric prior; else the likelihood-weighted, non-parametric one.
    mean_only
        Adjust the shift of each batch and leave its scale.
    reference
        Position of the batch that all others are brought to; None for the overall mean.
    shrink
        Draw each batch's estimates towards its prior; else they stay as they are.
    """

    parametric: bool = True
    mean_only: bool = False
    reference: int | None = None
    shrink: bool = True


@dataclass(frozen=True)
class LocationScale:
    """What was learned. F harmonised features, B batches, C covariate columns.

    Attributes
    ----------
    mean, sd
        Grand mean and pooled standard deviation, shape (F,).
    covariates
        Effects of the covariate columns, shape (C, F).
    shift, scale
        Each batch's departure, in pooled standard deviations, shape (B, F); a scale of one and a
        shift of zero leave values as they are.
    prior
        What the batches say of a further batch; None when there is one batch only.
    """

    mean: Array
    sd: Array
    covariates: Array
    shift: Array
    scale: Array
    prior: Prior | None


def without_extremes(
    values: Array, batch: Codes, batches: int, limit: float
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return training values with extreme ones drawn in, and which features are mostly tied.

    One patient whose value lies orders of magnitude off (texture of squared or exponential images
    has such) would own the feature's mean and spread. The others would then be shifted by what is
    little in that spread and a lot in theirs, and ComBat would write the batch into the feature.
    It would also where most patients share one value: any shift parts them by batch.

    Parameters
    ----------
    values
        Rows by features; NaN where missing.
    batch, batches
        Batch of each row, and their number.
    limit
        Where extremes begin: this many robust standard deviations (1.4826 median absolute
        deviations, over all batches of three or more) from the median of the row's batch.

    Returns
    -------
    values : Array
        Shape (rows, features).
    tied : Array
        Features of which at least half the values equal their batch's median, shape (features,).
        They have no robust spread, and their values stay as they are.
    """
    medians = np.vstack([_median(values[batch == code]) for code in range(batches)])[batch]
    # One or two patients lie at their own median, which would pass for no spread at all.
    large = np.bincount(batch, minlength=batches)[batch] >= LEAST_FOR_SPREAD
    reach = limit * 1.4826 * _median(np.abs(values - medians)[large])
    tied = reach <= CONSTANT * np.nanmax(np.abs(medians), axis=0, initial=0.0)
    reach[~(reach > 0.0)] = np.inf
    return np.clip(values, medians - reach, medians + reach), np.asarray(tied)


def _median(values: Array) -> Array:
    """Return each feature's median over its observed rows, NaN where there are none."""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    count = np.isfinite(values).sum(axis=0)
    if (count == len(values)).all():
        return np.asarray(np.median(values, axis=0))
    ordered = np.sort(values, axis=0)  # NaN comes last
    columns = np.arange(values.shape[1])
    last = np.maximum(count, 1) - 1
    return np.asarray((ordered[last // 2, columns] + ordered[(last + 1) // 2, columns]) / 2.0)


def harmonisable(
    values: Array, batch: Codes, batches: int, covariates: Array, reference: int | None
) -> npt.NDArray[np.bool_]:
    """Return which features can be harmonised, shape (features,).

    Left alone are features with too few values for the model, those constant within a batch of two
    or more (as in sva: their scale there is zero), and those that batch and covariates explain
    without remainder.
    """
    usable = np.isfinite(values).sum(axis=0) > batches + covariates.shape[1]
    for code in range(batches):
        usable &= ~_constant(values[batch == code])
    design = np.hstack([np.eye(batches)[batch], covariates])
    residual = values[:, usable] - design @ masked_least_squares(design, values[:, usable])
    spread = _pooled_sd(residual, batch, reference)
    usable[usable] = spread > CONSTANT * np.nanmax(np.abs(values[:, usable]), axis=0, initial=0.0)
    return np.asarray(usable)


def _constant(rows: Array) -> npt.NDArray[np.bool_]:
    """Return which features have two values or more here, all of them equal."""
    present = np.isfinite(rows)
    high = np.where(present, rows, -np.inf).max(axis=0)
    low = np.where(present, rows, np.inf).min(axis=0)
    with np.errstate(invalid="ignore"):
        equal = high - low <= CONSTANT * np.maximum(np.abs(high), np.abs(low))
    return np.asarray(equal & (present.sum(axis=0) > 1))


def learn(
    values: Array, batch: Codes, batches: int, covariates: Array, options: Options
) -> LocationScale:
    """Learn each batch's shift and scale.

    Parameters
    ----------
    values
        Training rows by features that are :func:`harmonisable`; NaN where missing.
    batch
        Batch of each row, 0 to batches - 1, each at least once.
    batches
        Number of batches.
    covariates
        Covariate columns, centred and scaled, not collinear with the batches.
    options
        How to estimate.
    """
    design = np.hstack([np.eye(batches)[batch], covariates])
    if options.reference is not None:
        design[:, options.reference] = 1.0
    fitted = masked_least_squares(design, values)
    effects = fitted[batches:]
    mean = _grand_mean(values, batch, fitted[:batches], options.reference)
    sd = _pooled_sd(values - design @ fitted, batch, options.reference)
    standard = (values - mean - covariates @ effects) / sd
    moments = [_moments(standard[batch == code], options.mean_only) for code in range(batches)]
    shift, scale = np.zeros((batches, values.shape[1])), np.ones((batches, values.shape[1]))
    departing = [code for code in range(batches) if code != options.reference and batches > 1]
    for code in departing:
        own = prior_of(moments[code]) if options.shrink else None
        kind = options.parametric or not options.shrink
        shift[code], scale[code] = _posterior(moments[code], own, kind)
    prior = pooled_prior([moments[code] for code in departing])
    return LocationScale(mean, sd, effects, shift, scale, prior)


def apply(values: Array, covariates: Array, batch: Codes, model: LocationScale) -> Array:
    """Return the rows with their batch's shift and scale taken away; code -1 leaves a row as is."""
    result = values.copy()
    for code in np.unique(batch[batch >= 0]):
        rows = batch == code
        if (model.shift[code] == 0.0).all() and (model.scale[code] == 1.0).all():
            continue
        result[rows] = _adjust(
            values[rows], covariates[rows], model, model.shift[code], model.scale[code]
        )
    return result


def align(
    values: Array, shown: Array, covariates: Array, model: LocationScale, mean_only: bool
) -> Array:
    """Return the rows of one batch that training never saw, brought to the frozen training model.

    Its shift and scale come from these rows' features, drawn by empirical Bayes (parametric)
    towards what the training batches showed; after training on one batch only, towards the average
    over this batch's own features.

    Parameters
    ----------
    values
        Rows by features, to be adjusted.
    shown
        The same rows as they may be learned from: with extremes drawn in.
    covariates
        Covariate columns of the rows.
    model
        What training learned.
    mean_only
        Whether the scale stays as it is.
    """
    standard = (shown - model.mean - covariates @ model.covariates) / model.sd
    moments = _moments(standard, mean_only)
    prior = model.prior or prior_of(moments)
    shift, scale = _posterior(moments, prior, parametric_prior=True)
    return _adjust(values, covariates, model, shift, scale)


def _adjust(
    values: Array, covariates: Array, model: LocationScale, shift: Array, scale: Array
) -> Array:
    expected = model.mean + covariates @ model.covariates
    return np.asarray((values - expected - model.sd * shift) / scale + expected)


def _grand_mean(values: Array, batch: Codes, intercepts: Array, reference: int | None) -> Array:
    """Return the batches' intercepts, weighted by each feature's number of values."""
    if reference is not None:
        return np.asarray(intercepts[reference])
    count = np.zeros(intercepts.shape)
    np.add.at(count, batch, np.isfinite(values).astype(np.float64))
    return np.asarray((count * intercepts).sum(axis=0) / count.sum(axis=0))


def _pooled_sd(residual: Array, batch: Codes, reference: int | None) -> Array:
    """Return the root mean squared residual, over the reference batch if there is one.

    Zero where a feature has no value there.
    """
    used = residual if reference is None else residual[batch == reference]
    count = np.isfinite(used).sum(axis=0)
    return np.asarray(np.sqrt(np.nansum(used**2, axis=0) / np.maximum(count, 1)))


def _moments(standard: Array, mean_only: bool) -> Moments:
    """Return what one batch shows; one patient shows a shift only, so scale is left at one."""
    present = np.isfinite(standard)
    n = present.sum(axis=0).astype(np.float64)
    kept = np.where(present, standard, 0.0)
    mean = kept.sum(axis=0) / np.maximum(n, 1.0)
    squares = (np.where(present, kept - mean, 0.0) ** 2).sum(axis=0)
    if mean_only or len(standard) == 1:
        variance = np.ones_like(n)
    else:
        variance = np.where(n > 1, squares / np.maximum(n - 1.0, 1.0), np.nan)
    return Moments(n, mean, squares, variance, mean_only or len(standard) == 1)


def _posterior(
    moments: Moments, prior: Prior | None, parametric_prior: bool
) -> tuple[Array, Array]:
    """Return a batch's shift and scale."""
    if not parametric_prior:
        shift, variance = non_parametric(moments)
    elif prior is None:
        shift, variance = unshrunken(moments)
    elif moments.shift_only:
        # As in sva: without scale, a batch's mean weighs as one value.
        one = np.minimum(moments.n, 1.0)
        shift = posterior_shift(moments.mean, one, np.ones_like(one), prior)
        variance = np.ones_like(one)
    else:
        shift, variance = parametric(moments, prior)
    return shift, np.ones_like(shift) if moments.shift_only else np.sqrt(variance)
