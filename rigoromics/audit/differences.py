"""How cohorts and outcome groups differ in each factor of acquisition."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import chi2_contingency, fisher_exact, kruskal, random_table

from rigoromics.audit.factors import Array, Factor, aliases
from rigoromics.evaluate.multiplicity import benjamini_hochberg

DIFFERENCE_COLUMNS = [
    *("scan", "comparison", "factor", "aliases", "n", "groups", "test", "p", "p_adjusted"),
    *("measure", "effect", "finding", "summary"),
]
Counts = npt.NDArray[Any]
COHORTS = "cohorts"
SEPARATES, PREDICTS, DIFFERS = "separates", "predicts", "differs"
# Cohen's medium effect: a correlation, or a Cramer's V, of 0.3; epsilon squared is its square.
_STRONG = {"cramers_v": 0.3, "epsilon2": 0.09}
_SHOWN = 4


@dataclass(frozen=True)
class Comparison:
    """Patients in groups that may have been scanned differently.

    Attributes
    ----------
    name
        `cohorts`, or `<endpoint> (development)`, `<endpoint> (external)`.
    groups
        Index patient: the group; NaN where unknown.
    outcome
        Whether the groups are outcomes.
    shouted
        Whether a strong difference undermines the study. External outcomes are described only.
    """

    name: str
    groups: pd.Series[Any]
    outcome: bool
    shouted: bool = True


def differences(
    factors: Sequence[Factor],
    comparison: Comparison,
    *,
    alpha: float,
    permutations: int,
    seed: int,
) -> pd.DataFrame:
    """Return how the groups of one comparison differ in each factor.

    Numbers of many values are compared by Kruskal and Wallis' test (effect: epsilon squared), all
    else level by level: two levels of two groups by Fisher's exact test, others by a chi-square
    test against permuted groups (effect: Cramer's V, corrected for bias; Bergsma, J Korean Stat
    Soc 2013;42:323). p-values are adjusted over the factors of the comparison (Benjamini and
    Hochberg).

    Parameters
    ----------
    factors
        The factors of one scan.
    comparison
        The groups.
    alpha
        Level of the adjusted p from which a finding counts.
    permutations, seed
        Of the chi-square test.

    Returns
    -------
    pandas.DataFrame
        :data:`DIFFERENCE_COLUMNS` without `scan`. `finding` is `separates` (no level, or no
        range, is shared by two groups), `predicts` (an outcome, with at least a medium effect),
        `differs`, or empty.
    """
    known = comparison.groups.dropna()
    rows = []
    own: list[Factor] = []
    for factor in factors:
        patients = known.index.intersection(factor.column.index)
        here = factor.of(patients)
        if here.varies and known[patients].nunique() > 1:
            own.append(here)
            rng = np.random.default_rng(
                [seed, zlib.crc32(f"{comparison.name} {factor.name}".encode())]
            )
            rows.append(_compare(here, known[patients].astype(str), permutations, rng))
    table = pd.DataFrame(rows, columns=[c for c in DIFFERENCE_COLUMNS if c != "scan"])
    if table.empty:
        return table
    same = aliases(own)
    table["comparison"] = comparison.name
    table["aliases"] = [", ".join(same[name]) for name in table["factor"]]
    table["p_adjusted"] = benjamini_hochberg(table["p"].astype(float).to_numpy())
    table["finding"] = [
        _finding(factor, row, known, comparison, alpha)
        for factor, row in zip(own, table.to_dict("records"), strict=True)
    ]
    return table


def _compare(
    factor: Factor, groups: pd.Series[str], permutations: int, rng: np.random.Generator
) -> dict[str, object]:
    if factor.graded:
        known = factor.column.notna()
        values, groups = factor.column[known], groups[known]
        parts = [part.to_numpy() for _, part in values.groupby(groups)]
        test, p, effect = _kruskal(parts)
        measure, summary = "epsilon2", _ranges(values, groups)
    else:
        counts = _counted(factor.texts, groups)
        test, p = _levels_test(counts.to_numpy(), permutations, rng)
        measure, effect = "cramers_v", cramers_v(counts.to_numpy())
        summary = _counts(counts)
    return {
        "factor": factor.name,
        "n": len(groups),
        "groups": groups.nunique(),
        "test": test,
        "p": p,
        "measure": measure,
        "effect": effect,
        "summary": summary,
    }


def _counted(levels: pd.Series[str], groups: pd.Series[str]) -> pd.DataFrame:
    """Return how many patients of each group have each level, levels down."""
    pairs = pd.DataFrame({"level": levels, "group": groups})
    return pairs.groupby(["level", "group"]).size().unstack(fill_value=0)


def _kruskal(parts: Sequence[Array]) -> tuple[str, float, float]:
    """Return test, p and epsilon squared: H / (n - 1), the share of the ranks' variance."""
    pooled = np.concatenate(parts)
    if len(parts) < 2 or np.ptp(pooled) == 0:
        return "Kruskal-Wallis", float("nan"), float("nan")
    statistic, p = kruskal(*parts)
    return "Kruskal-Wallis", float(p), float(statistic / (len(pooled) - 1))


def _levels_test(counts: Counts, permutations: int, rng: np.random.Generator) -> tuple[str, float]:
    if min(counts.shape) < 2:
        return "permuted chi-square", float("nan")
    if counts.shape == (2, 2):
        return "Fisher", float(fisher_exact(counts).pvalue)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    # Permuting the groups leaves both margins: tables of these margins are what it gives.
    tables = random_table(counts.sum(axis=1), counts.sum(axis=0)).rvs(
        permutations, random_state=rng
    )
    permuted = ((tables - expected) ** 2 / expected).sum(axis=(1, 2))
    observed = ((counts - expected) ** 2 / expected).sum()
    larger = int((permuted >= observed * (1 - 1e-12)).sum())
    return "permuted chi-square", (1 + larger) / (1 + permutations)


def cramers_v(counts: Counts) -> float:
    """Return Cramer's V, corrected for its bias.

    Examples
    --------
    >>> cramers_v(np.array([[10, 0], [0, 10]])), cramers_v(np.array([[5, 5], [5, 5]]))
    (1.0, 0.0)
    """
    rows, columns = counts.shape
    n = counts.sum()
    if min(rows, columns) < 2 or n < 2:
        return float("nan")
    phi2 = chi2_contingency(counts, correction=False).statistic / n
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    fewer = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1))
    return float(min(1.0, np.sqrt(phi2 / (fewer - 1)))) if fewer > 1 else float("nan")


def _finding(
    factor: Factor,
    row: Mapping[Any, Any],
    known: pd.Series[Any],
    comparison: Comparison,
    alpha: float,
) -> str:
    if not row["p_adjusted"] <= alpha:
        return ""
    if _separates(factor, known[factor.column.index]):
        return SEPARATES
    strong = row["effect"] >= _STRONG[row["measure"]]
    return PREDICTS if comparison.outcome and strong else DIFFERS


def _separates(factor: Factor, groups: pd.Series[Any]) -> bool:
    """Whether no level, or no part of the range, is shared by two groups."""
    if not factor.graded:
        return bool((groups.groupby(factor.texts).nunique() == 1).all())
    known = factor.column.notna()
    ends = factor.column[known].groupby(groups[known]).agg(["min", "max"]).sort_values("min")
    return bool((ends["min"].to_numpy()[1:] > ends["max"].to_numpy()[:-1]).all())


def _ranges(values: pd.Series[Any], groups: pd.Series[str]) -> str:
    parts = []
    for group, own in values.groupby(groups):
        low, middle, high = own.min(), own.median(), own.max()
        parts.append(f"{group}: {middle:g} ({low:g} to {high:g})")
    return "; ".join(parts)


def _counts(counts: pd.DataFrame) -> str:
    parts = []
    for group in counts.columns:
        own = counts[group][counts[group] > 0].sort_values(ascending=False, kind="stable")
        shown = [f"{level} ({n})" for level, n in own.head(_SHOWN).items()]
        more = [f"{len(own) - _SHOWN} more"] if len(own) > _SHOWN else []
        parts.append(f"{group}: {', '.join([*shown, *more])}")
    return "; ".join(parts)
