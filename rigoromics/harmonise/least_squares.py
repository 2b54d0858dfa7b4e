"""Least squares of many features on one design, each feature over its own observed rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def masked_least_squares(design: Array, values: Array) -> Array:
    """Return the coefficients of each feature.

    Parameters
    ----------
    design
        Shape (rows, columns), no NaN, columns of comparable scale.
    values
        Shape (rows, features); NaN where a value is missing.

    Returns
    -------
    Array
        Shape (columns, features). Where a feature's observed rows do not determine a coefficient
        (a batch without any value), the smallest solution is taken, which is zero for it.
    """
    missing = np.isnan(values)
    coefficients = np.empty((design.shape[1], values.shape[1]))
    whole = ~missing.any(axis=0)
    if whole.any():
        observed = values if whole.all() else values[:, whole]
        coefficients[:, whole] = np.linalg.lstsq(design, observed, rcond=None)[0]
    if not whole.all():
        coefficients[:, ~whole] = _each_its_own_rows(
            design, values[:, ~whole], (~missing[:, ~whole]).astype(np.float64)
        )
    return coefficients


def _each_its_own_rows(design: Array, values: Array, weight: Array) -> Array:
    columns = design.shape[1]
    # Centring by the feature keeps the normal equations accurate for features far from zero.
    centre = np.nansum(values, axis=0) / np.maximum(weight.sum(axis=0), 1.0)
    centred = np.where(weight > 0, values - centre, 0.0)
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    gram = (weight.T @ products).reshape(-1, columns, columns)
    inverse = np.linalg.pinv(gram, rcond=1e-12, hermitian=True)
    intercept = (weight.T @ design)[:, :, None] * centre[:, None, None]
    moments = (design.T @ centred).T[:, :, None] + intercept
    return np.asarray((inverse @ moments)[:, :, 0].T)
