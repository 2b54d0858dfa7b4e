"""Kaplan-Meier curves by risk group, with the numbers at risk below them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.report import rows as pick
from rigoromics.report.style import COLOURS, FAINT, INK, grid, new_figure, style
from rigoromics.report.wording import fixed, interval, p_equals, sentence_case

_GROUPS = {"low": "Low risk", "high": "High risk"}
_LOG_RANK = ("log_rank_p", "logrank_p", "log_rank", "logrank")


def kaplan_meier_figure(
    curves: pd.DataFrame,
    metrics: pd.DataFrame,
    primary: Mapping[str, Any],
    label: str,
    unit: str,
) -> Figure:
    """Return survival by risk group, cut at the locked threshold, in development and outside.

    Parameters
    ----------
    curves
        Columns signature, model, cohort, split, policy, group (low or high), time, survival,
        lower, upper, at_risk.
    metrics
        The metrics table; hazard ratio and log-rank p are written into the panels.
    primary
        Keys signature, model, policy.
    label
        The endpoint as the paper calls it, for the axis.
    unit
        Unit of time.
    """
    chosen = pick.of_primary(curves, primary)
    splits = [s for s in (pick.DEVELOPMENT, "external") if s in set(chosen["split"])]
    with style():
        figure = new_figure(0.6 + 3.5 * max(len(splits), 1), 3.9)
        panels = figure.subplots(
            2, max(len(splits), 1), squeeze=False, sharex="col", height_ratios=[5, 1]
        )
        for column, split in enumerate(splits):
            rows = pick.pooled(chosen, split)
            _curves(panels[0, column], rows, _notes(metrics, primary, split))
            # Room for the notes between title and curves, where they hide nothing.
            panels[0, column].set_title(pick.SPLITS[split], pad=20)
            _at_risk(panels[1, column], rows, unit, first=column == 0)
        if splits:
            panels[0, 0].set_ylabel(sentence_case(label))
            panels[0, 0].legend(loc="lower left", handlelength=1.4)
    return figure


def _curves(axes: Axes, rows: pd.DataFrame, notes: str) -> None:
    for group, name in _GROUPS.items():
        curve = rows[rows["group"] == group].sort_values("time")
        if curve.empty:
            continue
        axes.fill_between(
            curve["time"], curve["lower"], curve["upper"], step="post", alpha=0.15,
            color=COLOURS[group], linewidth=0,
        )  # fmt: skip
        axes.step(curve["time"], curve["survival"], where="post", color=COLOURS[group], label=name)
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    grid(axes)
    axes.text(
        0, 1.03, notes, transform=axes.transAxes, ha="left", va="bottom", fontsize=7.5, color=INK
    )  # fmt: skip


def _at_risk(axes: Axes, rows: pd.DataFrame, unit: str, *, first: bool) -> None:
    """Write how many are at risk at the ticks of the time axis."""
    end = float(rows["time"].max()) if len(rows) else 1.0
    step = _tick_step(end)
    ticks = np.arange(0, end + step / 2, step)
    ticks = ticks[ticks <= end * 1.001]
    for height, group in ((1, "low"), (0, "high")):
        curve = rows[rows["group"] == group].sort_values("time")
        for tick in ticks:
            axes.text(
                tick, height, str(_number_at(curve, float(tick))), ha="center", va="center",
                fontsize=7.5, color=COLOURS[group],
            )  # fmt: skip
    axes.set_xticks(ticks)
    axes.set_ylim(-0.6, 1.6)
    axes.set_yticks([1, 0], ["Low", "High"] if first else ["", ""])
    axes.tick_params(axis="y", length=0, pad=12)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.set_title("At risk", fontsize=7.5, fontweight="normal", color=FAINT, pad=1)
    axes.set_xlabel(f"Time ({unit})")


def _number_at(curve: pd.DataFrame, time: float) -> int:
    """Return how many are at risk just before a time.

    The table holds, for each time of the curve, the number at risk just before it.
    """
    later = curve[curve["time"] >= time]
    return int(later["at_risk"].iloc[0]) if len(later) else 0


def _tick_step(end: float) -> float:
    """Return a round step that gives four to seven ticks; months go by sixes and twelves."""
    steps = [0.5, 1, 2, 3, 6, 12, 24, 36, 60, 120, 180, 365, 730, 1825]
    return next((step for step in steps if end / step <= 6), end / 5)


def _notes(metrics: pd.DataFrame, primary: Mapping[str, Any], split: str) -> str:
    lines = []
    ratio = None
    for name in ("hazard_ratio", "hazard_ratio_groups"):
        ratio = pick.the_metric(metrics, primary, split, name) if ratio is None else ratio
    if ratio is not None:
        write = partial(fixed, digits=1)
        text = interval(ratio["estimate"], ratio["lower"], ratio["upper"], write)
        lines.append(f"Hazard ratio {text}")
    for name in _LOG_RANK:
        row = pick.the_metric(metrics, primary, split, name)
        if row is not None:
            lines.append(f"Log-rank {p_equals(float(row['estimate']))}")
            break
    return " · ".join(lines)
