"""Each feature alone against one endpoint, on development patients; cut-offs checked elsewhere.

References
----------
Mann HB, Whitney DR. Ann Math Stat 1947;18:50. Welch BL. Biometrika 1947;34:28.
Kruskal WH, Wallis WA. J Am Stat Assoc 1952;47:583.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from rigoromics.associate.cutoffs import divided, learn_cutoff
from rigoromics.associate.maxt import (
    class_contrasts,
    martingale_residuals,
    max_t,
    standardised_ranks,
)
from rigoromics.errors import DataError
from rigoromics.evaluate.cox import fit_cox
from rigoromics.evaluate.discrimination import auc
from rigoromics.evaluate.estimate import Bools, Floats, two_sided_p, z_quantile
from rigoromics.evaluate.multiplicity import benjamini_hochberg, holm
from rigoromics.evaluate.survival import log_rank
from rigoromics.model.outcome import Outcome, codes_of, events
from rigoromics.seeds import derive_seed
from rigoromics.select.columns import feature_columns, feature_values

LEAST = 3


@dataclass(frozen=True)
class Settings:
    """Bootstrap samples of cut-offs, permutations of maxT, and the seed."""

    bootstrap: int = 500
    permutations: int = 1000
    seed: int = 1


def univariate_table(X: pd.DataFrame, y: Outcome, kind: str, settings: Settings) -> pd.DataFrame:
    """Return one row per feature.

    Parameters
    ----------
    X
        Development patients with known outcome: features as they were extracted.
    y
        Their outcomes.
    kind
        `binary`, `survival`, `ordinal` or `multiclass`.
    settings
        Numbers of samples, seed.

    Returns
    -------
    pandas.DataFrame
        Columns feature, patients (with a value), then by kind, then `test`, `p` of that test, `q`
        (Benjamini-Hochberg), `p_holm` and `p_maxt` (Westfall-Young); sorted by p and name.
        Binary: auc with DeLong's interval, direction, cutoff with its bootstrap interval, youden,
        sensitivity and specificity (Wilson) in the same patients, which is optimistic, p_welch.
        Survival: hazard ratio per standard deviation (Cox), and log-rank p at the median.

    Raises
    ------
    DataError
        For an endpoint of another kind, or a table without features.
    """
    rows_of = {"binary": _binary, "survival": _survival, "ordinal": _groups, "multiclass": _groups}
    if kind not in rows_of:
        raise DataError(
            f"features cannot be tested one by one against an endpoint of the kind {kind!r}",
            f"leave the endpoint out; there are: {', '.join(rows_of)}",
        )
    names = feature_columns(X)
    if not names:
        raise DataError("the table holds no image features", "run the extraction first")
    # Permutations and bootstrap samples must not depend on the order of rows.
    order = np.argsort(np.asarray(X.index, dtype=np.str_), kind="stable")
    values, y = feature_values(X, names)[order], y[order]
    rows = []
    for name, column in zip(names, values.T, strict=True):
        known = np.isfinite(column)
        row: dict[str, Any] = {"feature": name, "patients": int(known.sum())}
        row["note"] = "constant, or of fewer than three patients"
        if known.sum() >= LEAST and np.ptp(column[known]) > 0:
            row["note"] = ""
            seed = derive_seed(settings.seed, "univariate", name)
            row |= rows_of[kind](column[known], y[known], settings, seed)
        rows.append(row)
    table = pd.DataFrame(rows)
    if "p" not in table:
        raise DataError("no feature varies", "look at the feature table")
    p = table["p"].to_numpy(dtype=np.float64)
    table["q"], table["p_holm"] = benjamini_hochberg(p), holm(p)
    rng = np.random.default_rng(derive_seed(settings.seed, "univariate", "maxT"))
    if kind == "survival":
        contrasts = martingale_residuals(y["time"], events(y))[:, None]
    else:
        contrasts = class_contrasts(events(y).astype(np.int64) if kind == "binary" else codes_of(y))
    _, adjusted = max_t(standardised_ranks(values), contrasts, settings.permutations, rng)
    table["p_maxt"] = np.where(np.isfinite(p), adjusted, np.nan)
    return table.sort_values(["p", "feature"], ignore_index=True)


def external_table(table: pd.DataFrame, X: pd.DataFrame, y: Outcome, kind: str) -> pd.DataFrame:
    """Return how the cut-offs, as development chose them, divide other patients.

    Parameters
    ----------
    table
        Rows of `univariate_table`.
    X, y
        Patients of one external cohort with known outcome.
    kind
        Kind of the endpoint.

    Returns
    -------
    pandas.DataFrame
        Binary: auc, sensitivity and specificity with intervals. Survival: hazard ratio of those
        above the development median against the others, and log-rank p. Empty for other kinds.
    """
    if "cutoff" not in table:
        return pd.DataFrame(columns=["feature"])
    rows = []
    for _, row in table[table["cutoff"].notna()].iterrows():
        column = feature_values(X, [row["feature"]])[:, 0]
        known = np.isfinite(column)
        values, happened = column[known], events(y)[known]
        found: dict[str, Any] = {"feature": row["feature"], "patients": int(known.sum())}
        found["events"], found["cutoff"] = int(happened.sum()), row["cutoff"]
        if kind == "binary":
            found |= _limits("auc", auc(happened, values))
            found |= _shares(values, happened, row["cutoff"], row["direction"] == "higher")
        elif len(values):
            found |= _log_rank(y[known], values > row["cutoff"])
        rows.append(found)
    return pd.DataFrame(rows)


def _binary(values: Floats, y: Outcome, settings: Settings, seed: int) -> dict[str, Any]:
    happened = events(y)
    if happened.all() or not happened.any():
        return {"note": "one outcome only among the patients with a value"}
    area = auc(happened, values)
    higher = area.value >= 0.5
    rng = np.random.default_rng(seed)
    cutoff = learn_cutoff(values, happened, higher, settings.bootstrap, rng)
    one, other = values[happened], values[~happened]
    welch = stats.ttest_ind(one, other, equal_var=False).pvalue if _spread(one, other) else math.nan
    return {
        **_limits("auc", area),
        "direction": "higher" if higher else "lower",
        "cutoff": cutoff.value,
        "cutoff_lower": cutoff.lower,
        "cutoff_upper": cutoff.upper,
        "youden": cutoff.youden,
        **_shares(values, happened, cutoff.value, higher),
        "p_welch": float(welch),
        "test": "Mann-Whitney",
        "p": float(stats.mannwhitneyu(one, other, alternative="two-sided").pvalue),
    }


def _survival(values: Floats, y: Outcome, settings: Settings, seed: int) -> dict[str, Any]:
    spread = float(values.std())
    fit = fit_cox(y["time"], events(y), values / spread)
    beta, error = float(fit.coefficients[0]), math.sqrt(float(fit.covariance[0, 0]))
    half = z_quantile(0.05) * error
    middle = float(np.median(values))
    divided_by = _log_rank(y, values > middle)
    return {
        "hazard_ratio_per_sd": math.exp(beta),
        "hazard_ratio_per_sd_lower": math.exp(beta - half),
        "hazard_ratio_per_sd_upper": math.exp(beta + half),
        "sd": spread,
        "cutoff": middle,
        "p_log_rank_at_median": divided_by["p_log_rank"],
        "test": "Cox, Wald",
        "p": two_sided_p(beta / error),
        "note": fit.why,
    }


def _groups(values: Floats, y: Outcome, settings: Settings, seed: int) -> dict[str, Any]:
    codes = codes_of(y)
    groups = [values[codes == code] for code in np.unique(codes)]
    if len(groups) < 2:
        return {"note": "one outcome only among the patients with a value"}
    found = stats.kruskal(*groups)
    return {
        "statistic": float(found.statistic),
        "test": "Kruskal-Wallis",
        "p": float(found.pvalue),
    }


def _spread(one: Floats, other: Floats) -> bool:
    return bool(min(len(one), len(other)) > 1 and max(np.ptp(one), np.ptp(other)) > 0)


def _limits(name: str, found: Any) -> dict[str, float]:
    return {name: found.value, f"{name}_lower": found.lower, f"{name}_upper": found.upper}


def _shares(values: Floats, happened: Bools, cutoff: float, higher: bool) -> Mapping[str, float]:
    sensitivity, specificity = divided(values, happened, cutoff, higher)
    return {**_limits("sensitivity", sensitivity), **_limits("specificity", specificity)}


def _log_rank(y: Outcome, high: Bools) -> dict[str, float]:
    found = log_rank(y["time"], events(y), high)
    return {
        "hazard_ratio": math.exp(found.difference),
        "hazard_ratio_lower": math.exp(found.lower),
        "hazard_ratio_upper": math.exp(found.upper),
        "p_log_rank": found.p,
    }
