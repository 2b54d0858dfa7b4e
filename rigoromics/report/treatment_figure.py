"""Survival by treatment within each risk group: does the signature tell whom it helps?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.report.style import INK, grid, new_figure, style
from rigoromics.report.wording import interval, p_equals, sentence_case

# Okabe & Ito (2008); not those of the risk groups, which have panels of their own here.
_ARMS = ("#6b7680", "#009E73")
_GROUPS = {"low": "Low risk", "high": "High risk"}
_SPLITS = {"development_cv": "Development, out of fold", "external": "External"}


def treatment_figure(
    curves: pd.DataFrame,
    effects: pd.DataFrame,
    arms: tuple[str, str],
    label: str,
    unit: str,
) -> Figure:
    """Return Kaplan-Meier curves by arm, a panel per risk group, a row per split.

    The p of the interaction is that of the likelihood-ratio test.

    Parameters
    ----------
    curves
        Columns split, group, arm, time, survival, lower, upper, at_risk.
    effects
        Columns split and those of `evaluate.treatment`.
    arms
        Reference arm and treatment.
    label
        The endpoint as the paper calls it.
    unit
        Unit of time.
    """
    splits = [name for name in _SPLITS if name in set(curves["split"])]
    with style():
        figure = new_figure(7.0, 0.3 + 3.2 * max(len(splits), 1))
        panels = figure.subplots(max(len(splits), 1), 2, squeeze=False, sharey=True, sharex=True)
        for row, split in enumerate(splits):
            mine = effects[effects["split"] == split].set_index("contrast")
            both: Any = mine.loc["interaction", :]
            p_lr = float(both["p_lr"])
            ratio = _words("Interaction", both, p_lr)
            for column, (group, name) in enumerate(_GROUPS.items()):
                axes = panels[row, column]
                shown = curves[(curves["split"] == split) & (curves["group"] == group)]
                _curves(axes, shown, arms)
                axes.set_title(name, pad=32)
                note = _words("Treatment", mine.loc[f"treatment in {group}", :]) + "\n"
                note += ratio if group == "high" else ""
                axes.text(0, 1.02, note, transform=axes.transAxes, fontsize=7.5, color=INK)
                axes.set_xlabel(f"Time ({unit})")
            panels[row, 0].set_ylabel(f"{sentence_case(label)}\n{_SPLITS[split]}")
    return figure


def _curves(axes: Axes, rows: pd.DataFrame, arms: tuple[str, str]) -> None:
    for arm, colour in zip(arms, _ARMS, strict=True):
        curve = rows[rows["arm"] == arm].sort_values("time")
        if curve.empty:
            continue
        axes.fill_between(
            curve["time"], curve["lower"], curve["upper"], step="post", alpha=0.15, color=colour,
            linewidth=0,
        )  # fmt: skip
        name = f"{arm} (n = {int(curve['at_risk'].iloc[0])})"
        axes.step(curve["time"], curve["survival"], where="post", color=colour, label=name)
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    axes.legend(loc="lower left", handlelength=1.4)
    grid(axes)


def _words(what: str, row: Any, p: float | None = None) -> str:
    if not np.isfinite(row["estimate"]):
        return f"{what}: not estimable"
    text = interval(row["estimate"], row["lower"], row["upper"])
    return f"{what}: ratio {text}, {p_equals(float(row['p']) if p is None else p)}"
