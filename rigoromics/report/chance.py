"""What chance alone would give: the permutation null, and how often features are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rigoromics.evaluate.verdict import permutation_p
from rigoromics.report.style import COLOURS, FAINT, INK, grid, new_figure, style
from rigoromics.report.wording import discrimination, feature_name, fixed, metric_name, p_equals


def permuted(permutation: pd.DataFrame) -> tuple[float, float, int]:
    """Return the observed statistic, its permutation p, and the number of permutations.

    The p-value is the verdict's own; NaN where nothing was permuted.
    """
    observed = permutation.loc[permutation["permutation"] < 0, "statistic"]
    p, n = permutation_p(permutation)
    return (float(observed.iloc[0]) if len(observed) else float("nan")), p, n


def permutation_figure(permutation: pd.DataFrame, endpoint: Mapping[str, Any]) -> Figure:
    """Return the null distribution of the whole procedure, and where the real result lies.

    Parameters
    ----------
    permutation
        Columns permutation (-1 is the observed one), statistic.
    endpoint
        The endpoint's config.
    """
    observed, p, n = permuted(permutation)
    null = permutation.loc[permutation["permutation"] >= 0, "statistic"].dropna()
    name = metric_name(discrimination(endpoint))
    with style():
        figure = new_figure(4.6, 2.9)
        axes = figure.subplots()
        values = [*null, observed] if np.isfinite(observed) else [*null, 0.5]
        low, high = min([*values, 0.4]), max([*values, 0.6])
        edges = np.arange(np.floor(low * 40) / 40, high + 0.05, 0.025)
        counts, _, _ = axes.hist(
            null, bins=edges.tolist(), color=COLOURS["permuted"], edgecolor="white", linewidth=0.6
        )
        top = max(float(np.max(counts)) if n else 1.0, 1.0)
        axes.axvline(0.5, color=FAINT, linewidth=0.9, linestyle=(0, (2, 3)))
        if np.isfinite(observed):
            axes.plot([observed, observed], [0, 1.3 * top], color=COLOURS["high"], linewidth=2)
            middle = (edges[0] + edges[-1]) / 2
            left = observed > middle
            axes.annotate(
                f"observed {fixed(observed)}\n{p_equals(p)}"
                if n
                else f"observed {fixed(observed)}",
                (observed, 1.32 * top),
                xytext=(-6 if left else 6, -2),
                textcoords="offset points",
                ha="right" if left else "left",
                va="top",
                color=COLOURS["high"],
                fontweight="bold",
            )
        axes.set_ylim(0, 1.35 * top)
        axes.set_xlabel(f"Cross-validated {name} after permuting outcomes")
        axes.set_ylabel(f"Permutations (of {n})")
        grid(axes, "y")
    return figure


def selection_figure(selection: pd.DataFrame, most: int = 15) -> Figure:
    """Return how often each feature was chosen over the outer folds.

    Parameters
    ----------
    selection
        Columns feature, frequency (0 to 1), in_final (bool).
    most
        How many features are shown at most.
    """
    rows = selection.assign(in_final=_truth(selection["in_final"]))
    rows = rows[(rows["frequency"] > 0) | rows["in_final"]]
    rows = rows.sort_values(
        ["in_final", "frequency", "feature"], ascending=[False, False, True]
    ).head(most)
    rows = rows.sort_values(["frequency", "in_final", "feature"], ascending=[True, True, False])
    with style():
        figure = new_figure(6.2, max(1.6, 0.95 + 0.235 * len(rows)))
        axes = figure.subplots()
        for y, (share, final) in enumerate(zip(rows["frequency"], rows["in_final"], strict=True)):
            face = COLOURS["radiomics"] if final else "white"
            axes.barh(
                y, share, height=0.62, color=face, edgecolor=COLOURS["radiomics"], linewidth=0.9
            )
            axes.text(share + 0.012, y, f"{share:.0%}", va="center", fontsize=7, color=INK)
        axes.set_yticks(range(len(rows)), [feature_name(str(f)) for f in rows["feature"]])
        axes.set_xlim(0, 1.09)
        axes.set_xticks(np.linspace(0, 1, 6), [f"{x:.0%}" for x in np.linspace(0, 1, 6)])
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("Share of outer folds that chose it (filled: locked)")
        grid(axes, "x")
    return figure


def _truth(column: pd.Series[Any]) -> pd.Series[bool]:
    """Return a column of booleans however a text file spelled them."""
    return column.astype(str).str.lower().isin(["true", "1", "yes"])
