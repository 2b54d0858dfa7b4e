"""Does the effect of treatment differ between risk groups? Treatment-by-signature interaction.

A ratio within one group that is significant, beside one in the other that is not, shows no
difference between the two; the interaction test does (Altman and Bland, BMJ 2003;326:219). Where
treatment was not allocated at random, all of it describes and proves nothing about treatment.

References
----------
Sargent DJ et al. Clinical trial designs for predictive marker validation. J Clin Oncol
2005;23:2020.
Likelihood-ratio and Wald tests: Cox DR, Hinkley DV. Theoretical Statistics, 1974.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm
from statsmodels.tools.sm_exceptions import (
    ConvergenceWarning,
    PerfectSeparationError,
    PerfectSeparationWarning,
)

from rigoromics.evaluate.cox import fit_cox, log_likelihood
from rigoromics.evaluate.estimate import Floats, as_events, as_floats, z_quantile
from rigoromics.evaluate.survival import kaplan_meier

COLUMNS = ["contrast", "n", "events", "estimate", "lower", "upper", "p", "p_lr", "method"]
GROUPS = ("low", "high")
_LARGEST_ERROR = 50.0
_FEWEST = 2


@dataclass(frozen=True)
class _Fit:
    """Coefficients of (high, treated, both), covariance, and the likelihood-ratio p."""

    coefficients: Floats
    covariance: Floats
    p_lr: float
    why: str = ""


def treatment_effects(
    event: ArrayLike,
    treated: ArrayLike,
    high: ArrayLike,
    time: ArrayLike | None = None,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return the effect of treatment in each risk group, and whether the two differ.

    Parameters
    ----------
    event
        0 or 1, shape (patients,).
    treated
        1 with the treatment, 0 with the reference, shape (patients,).
    high
        1 in the high-risk group of the locked cut-off, else 0, shape (patients,).
    time
        Time to event or censoring; None for a binary outcome.
    alpha
        One minus the level of the intervals.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`. Contrasts `treatment in low`, `treatment in high` (hazard or odds ratio
        of treatment against the reference, Wald interval and p) and `interaction` (their ratio,
        high over low, with the Wald p and, as `p_lr`, that of the likelihood-ratio test). Not a
        number where it does not exist, and then `method` says why.
    """
    events, arm, group = as_events(event), as_floats(treated), as_floats(high)
    X = np.column_stack([group, arm, group * arm])
    why = _why_not(events, arm, group)
    fit = _Fit(np.full(3, np.nan), np.full((3, 3), np.nan), math.nan, why)
    if not why:
        fit = _logistic(events, X) if time is None else _cox(as_floats(time), events, X)
    name = "logistic model" if time is None else "Cox model (Efron)"
    ratio = "odds ratio" if time is None else "hazard ratio"
    contrasts = {
        "treatment in low": (np.array([0.0, 1.0, 0.0]), group == 0),
        "treatment in high": (np.array([0.0, 1.0, 1.0]), group == 1),
        "interaction": (np.array([0.0, 0.0, 1.0]), np.full(group.size, True)),
    }
    rows = []
    for contrast, (weights, members) in contrasts.items():
        value = float(weights @ fit.coefficients)
        error = math.sqrt(float(weights @ fit.covariance @ weights))
        half = z_quantile(alpha) * error
        p = float(2 * norm.sf(abs(value) / error)) if math.isfinite(error) else math.nan
        both = contrast == "interaction"
        method = f"{name} of risk group, treatment and their product; {ratio}"
        method += " in high over that in low; Wald and likelihood-ratio test" if both else "; Wald"
        rows.append(
            {
                "contrast": contrast,
                "n": int(members.sum()),
                "events": int(events[members].sum()),
                "estimate": math.exp(value),
                "lower": math.exp(value - half),
                "upper": math.exp(value + half),
                "p": p,
                "p_lr": fit.p_lr if both else math.nan,
                "method": f"not estimable: {fit.why}" if fit.why else method,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def curves_by_arm(
    time: ArrayLike,
    event: ArrayLike,
    treated: ArrayLike,
    high: ArrayLike,
    arms: tuple[str, str],
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Return Kaplan-Meier curves of each risk group and arm (reference arm first in `arms`).

    Returns
    -------
    pandas.DataFrame
        Columns group, arm, and those of `kaplan_meier`.
    """
    times, events = as_floats(time), as_events(event)
    arm, group = as_floats(treated), as_floats(high)
    parts = []
    for g, word in enumerate(GROUPS):
        for a, name in enumerate(arms):
            mine = (group == g) & (arm == a)
            curve = kaplan_meier(times[mine], events[mine], alpha)
            curve.insert(0, "arm", name)
            curve.insert(0, "group", word)
            parts.append(curve)
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _why_not(events: np.ndarray, arm: Floats, group: Floats) -> str:
    for g, word in enumerate(GROUPS):
        for a, name in enumerate(("the reference", "the treatment")):
            mine = (group == g) & (arm == a)
            if mine.sum() < _FEWEST:
                return f"{int(mine.sum())} patients of {word} risk with {name}"
            if not events[mine].any():
                return f"no events among patients of {word} risk with {name}"
    return ""


def _cox(time: Floats, events: np.ndarray, X: Floats) -> _Fit:
    whole, without = fit_cox(time, events, X), fit_cox(time, events, X[:, :2])
    if whole.why or without.why:
        return _Fit(whole.coefficients, whole.covariance, math.nan, whole.why or without.why)
    gain = log_likelihood(time, events, X, whole.coefficients) - log_likelihood(
        time, events, X[:, :2], without.coefficients
    )
    return _Fit(whole.coefficients, whole.covariance, float(chi2.sf(max(2 * gain, 0.0), 1)))


def _logistic(events: np.ndarray, X: Floats) -> _Fit:
    nothing = np.full(3, np.nan), np.full((3, 3), np.nan)
    design, y = sm.add_constant(X, has_constant="add"), events.astype(float)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PerfectSeparationWarning)
            # A separated group never converges; its standard error tells.
            warnings.simplefilter("ignore", ConvergenceWarning)
            whole = sm.Logit(y, design).fit(disp=0, tol=1e-10, maxiter=100)
            without = sm.Logit(y, design[:, :3]).fit(disp=0, tol=1e-10, maxiter=100)
    except (PerfectSeparationError, PerfectSeparationWarning, np.linalg.LinAlgError):
        return _Fit(*nothing, math.nan, "the outcome is separated in a group")
    covariance = np.asarray(whole.cov_params())[1:, 1:]
    if not np.isfinite(covariance).all() or np.sqrt(np.diag(covariance)).max() > _LARGEST_ERROR:
        return _Fit(*nothing, math.nan, "the outcome is separated in a group")
    gain = 2 * float(whole.llf - without.llf)
    return _Fit(np.asarray(whole.params)[1:], covariance, float(chi2.sf(max(gain, 0.0), 1)))
