"""The picture of features tested one by one: all of them, and the first few up close."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.evaluate.discrimination import roc_points
from rigoromics.report.style import (
    COLOURS,
    FAINT,
    INK,
    grid,
    new_figure,
    not_applicable,
    style,
    unit_square,
)
from rigoromics.report.wording import feature_name

LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def univariate_figure(
    table: pd.DataFrame,
    X: pd.DataFrame,
    events: npt.NDArray[np.bool_] | None,
    top: int,
) -> Figure:
    """Return the picture.

    Parameters
    ----------
    table
        What :func:`rigoromics.associate.univariate.univariate_table` returns.
    X
        Development patients with their features.
    events
        Who had the event, of a binary endpoint; else None, and there are neither curves nor strips.
    top
        How many features, by p-value, are shown up close.
    """
    known = table[table["p"].notna()]
    if known.empty:
        return not_applicable("No feature could be tested.")
    first = known.head(top)
    with style():
        figure = new_figure(9.6 if events is not None else 4.2, 3.4)
        axes = figure.subplots(1, 3 if events is not None else 1, squeeze=False)[0]
        _all_features(axes[0], known)
        if events is not None:
            _curves(axes[1], first, X, events)
            _strips(axes[2], first, X, events)
    return figure


def _all_features(axes: Axes, table: pd.DataFrame) -> None:
    effects = {
        "auc": ("AUC of high values", 0.5),
        "hazard_ratio_per_sd": ("hazard ratio per standard deviation", 1.0),
        "statistic": ("Kruskal-Wallis statistic", 0.0),
    }
    name = next(name for name in effects if name in table)
    label, nothing = effects[name]
    found = (table["q"] < 0.05).to_numpy()
    strength = -np.log10(np.maximum(table["p"].to_numpy(dtype=float), 1e-300))
    effect = table[name].to_numpy(dtype=float)
    for shown, colour, word in ((~found, FAINT, "q from 0.05 on"), (found, "#D55E00", "q < 0.05")):
        axes.scatter(effect[shown], strength[shown], s=9, color=colour, linewidths=0, label=word)
    axes.axvline(nothing, color=INK, linewidth=0.6)
    axes.set(xlabel=label, ylabel="-log10 p", title=f"All {len(table)} features")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=2)
    grid(axes)


def _curves(
    axes: Axes, first: pd.DataFrame, X: pd.DataFrame, events: npt.NDArray[np.bool_]
) -> None:
    unit_square(axes)
    for place, (_, row) in enumerate(first.iterrows()):
        values = X[row["feature"]].to_numpy(dtype=float)
        known = np.isfinite(values)
        signed = values if row["direction"] == "higher" else -values
        fpr, tpr, _ = roc_points(events[known], signed[known])
        axes.plot(fpr, tpr, color=LINES[place % len(LINES)], linewidth=1.2)
        axes.plot(
            1 - row["specificity"],
            row["sensitivity"],
            "o",
            markersize=3.5,
            color=LINES[place % len(LINES)],
        )
    axes.set(
        xlabel="1 - specificity",
        ylabel="sensitivity",
        title="The first by p, chosen on\nthese patients: optimistic",
    )


def _strips(
    axes: Axes, first: pd.DataFrame, X: pd.DataFrame, events: npt.NDArray[np.bool_]
) -> None:
    """Draw each patient's value, standardised, and the cut-off with its bootstrap interval."""
    rng = np.random.default_rng(0)
    for place, (_, row) in enumerate(first.iterrows()):
        values = X[row["feature"]].to_numpy(dtype=float)
        middle, spread = np.nanmean(values), np.nanstd(values)
        for group, off in ((False, 0.17), (True, -0.17)):
            own = (values[events == group] - middle) / spread
            where = place + off + rng.uniform(-0.1, 0.1, len(own))
            colour = COLOURS["high" if group else "low"]
            axes.scatter(own, where, s=4, color=colour, alpha=0.6, linewidths=0)
        low, cut, high = (
            (row[name] - middle) / spread for name in ("cutoff_lower", "cutoff", "cutoff_upper")
        )
        axes.plot([low, high], [place, place], color=INK, linewidth=1.0)
        axes.plot(cut, place, "|", color=INK, markersize=9)
    axes.set_yticks(
        range(len(first)), [feature_name(name) for name in first["feature"]], fontsize=6
    )
    for place, label in enumerate(axes.get_yticklabels()):
        label.set_color(LINES[place % len(LINES)])
    axes.invert_yaxis()
    axes.set(
        xlabel="standard deviations",
        title="Orange: event; blue: none\nBar: cut-off, 95% interval",
    )
    grid(axes, "x")
