"""Everything that is measured on one cohort with counts as outcomes.

References
----------
Cameron AC, Windmeijer FAG. R-squared measures for count data regression models. J Bus Econ Stat
1996;14:209 (deviance explained).
Kleiber C, Zeileis A. Visualizing count data regressions using rootograms. Am Stat 2016;70:296.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
from scipy.special import xlogy
from scipy.stats import poisson, rankdata

from rigoromics.evaluate.concordance import concordance, concordance_difference
from rigoromics.evaluate.estimate import (
    Comparison,
    Estimate,
    Floats,
    bootstrap_estimate,
    undefined,
    z_quantile,
)
from rigoromics.evaluate.group import Endpoint, Group, Measured, Settings
from rigoromics.evaluate.ordinal import ordered_pairs

NAME = "C of counts"
# Counts beyond this share one bar of the rootogram.
MOST_BARS = 25


def discriminate(group: Group, endpoint: Endpoint, settings: Settings) -> Estimate:
    """Return the share of pairs of different count that risks put in the right order."""
    pairs = ordered_pairs(group.column("y"), NAME)
    return concordance(pairs, group.column("risk"), settings.alpha)


def compare(a: Group, b: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Comparison:
    """Compare the C of two signatures on the same patients, in the same order."""
    pairs, counts = ordered_pairs(a.column("y"), NAME), a.counts(settings, seed)
    return concordance_difference(pairs, a.column("risk"), b.column("risk"), counts, settings.alpha)


def measure(group: Group, endpoint: Endpoint, settings: Settings, seed: int) -> Measured:
    """Return all measures of a group with counts."""
    y, expected, alpha = group.column("y"), group.column("expected"), settings.alpha
    counts = group.counts(settings, seed)
    metrics = {"count_c": discriminate(group, endpoint, settings)}
    metrics["spearman"] = _spearman(y, group.column("risk"), counts, alpha)
    metrics["deviance_explained"] = deviance_explained(y, expected, counts, alpha)
    miss = np.abs(y - expected)
    metrics["mean_absolute_error"] = bootstrap_estimate(
        float(miss.mean()), counts @ miss / counts.sum(axis=1), "mean absolute error", alpha
    )
    metrics["observed_expected"] = bootstrap_estimate(
        float(y.sum() / expected.sum()),
        (counts @ y) / (counts @ expected),
        "sum of counts to sum of expected counts",
        alpha,
    )
    metrics["calibration_slope"] = poisson_slope(y, expected, alpha)
    empty = pd.DataFrame()
    return Measured(metrics, empty, empty, empty, empty, details=rootogram(y, expected))


def unit_deviance(y: Floats, expected: Floats) -> Floats:
    """Return each patient's part of the Poisson deviance; the arrays broadcast."""
    return np.asarray(2.0 * (xlogy(y, y) - xlogy(y, expected) - (y - expected)))


def deviance_explained(y: Floats, expected: Floats, counts: Floats, alpha: float) -> Estimate:
    """Return the share of the Poisson deviance that predictions explain.

    One minus the deviance over that of the patients' own mean: 1 is perfect, 0 no better than
    the mean, negative worse.
    """
    total = counts @ y
    size = counts.sum(axis=1)
    if not y.sum():
        return undefined("all counts are zero")
    mean = total / size
    # Deviance about a mean: the linear terms cancel.
    null = 2.0 * (counts @ xlogy(y, y) - xlogy(total, mean))
    own = counts @ unit_deviance(y, expected)
    samples = 1.0 - np.divide(own, null, out=np.full_like(own, np.nan), where=null > 1e-12)
    whole = float(unit_deviance(y, np.full(y.size, y.mean())).sum())
    if whole <= 1e-12:
        return undefined("all counts are equal")
    value = 1.0 - float(unit_deviance(y, expected).sum()) / whole
    return bootstrap_estimate(value, samples, "Poisson deviance explained", alpha)


def poisson_slope(y: Floats, expected: Floats, alpha: float) -> Estimate:
    """Return the slope of counts on the log of the expected ones (ideal: 1).

    Poisson regression with a robust (sandwich) interval, as counts spread more than Poisson's.
    """
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    logs = np.log(expected)
    if np.ptp(logs) < 1e-9 or not y.sum():
        return undefined("all patients have the same expected count")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        design = np.column_stack([np.ones(y.size), logs])
        fit = GLM(y, design, family=Poisson()).fit(cov_type="HC0")
    value, error = float(fit.params[1]), float(fit.bse[1])
    if not fit.converged or not math.isfinite(error):
        return undefined("the regression on expected counts does not converge")
    half = z_quantile(alpha) * error
    method = "Poisson regression on the log expected count; robust Wald interval"
    return Estimate(value, value - half, value + half, method)


def rootogram(y: Floats, expected: Floats) -> pd.DataFrame:
    """Return how many patients have each count, and how many a Poisson about the means has.

    Returns
    -------
    pandas.DataFrame
        Rows of the details table: series `observed` and `expected`, x the count; the last bar
        holds all counts from there on.
    """
    last = int(min(y.max(initial=0.0) + 1, MOST_BARS))
    bars = np.arange(last + 1)
    observed = np.bincount(np.minimum(y, last).astype(int), minlength=last + 1).astype(float)
    share = poisson.pmf(bars[:, None], expected)
    share[last] = poisson.sf(last - 1, expected)
    parts = [
        pd.DataFrame({"table": "rootogram", "series": name, "x": bars, "value": values})
        for name, values in (("observed", observed), ("expected", share.sum(axis=1)))
    ]
    return pd.concat(parts, ignore_index=True).assign(lower=np.nan, upper=np.nan)


def _spearman(y: Floats, risk: Floats, counts: Floats, alpha: float) -> Estimate:
    if np.ptp(y) == 0.0 or np.ptp(risk) == 0.0:
        return undefined("all counts or all risks are equal")
    value = float(np.corrcoef(rankdata(y), rankdata(risk))[0, 1])
    samples = np.array([_weighted_spearman(y, risk, drawn) for drawn in counts])
    return bootstrap_estimate(value, samples, "Spearman's rank correlation", alpha)


def _weighted_spearman(y: Floats, risk: Floats, drawn: Floats) -> float:
    rows = np.repeat(np.arange(y.size), drawn.astype(int))
    a, b = rankdata(y[rows]), rankdata(risk[rows])
    a, b = a - a.mean(), b - b.mean()
    length = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / length if length > 0 else math.nan
