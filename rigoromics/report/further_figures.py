"""Figures of the supplement: precision and recall, AUC over time, subgroups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.evaluate.subgroups import HETEROGENEITY
from rigoromics.report import rows as pick
from rigoromics.report.style import COLOURS, FAINT, grid, new_figure, style
from rigoromics.report.wording import (
    discrimination,
    interval,
    metric_name,
    p_equals,
    plain,
    sentence_case,
    sizes_head,
)

_SPLITS = {pick.DEVELOPMENT: "development", "external": "external"}


def precision_recall_figure(
    points: pd.DataFrame, metrics: pd.DataFrame, primary: Mapping[str, Any]
) -> Figure:
    """Return precision against recall of the primary signature, in development and outside.

    Parameters
    ----------
    points
        Columns signature, model, cohort, split, policy, recall, precision.
    metrics
        The metrics table: average precision, and the share of events that chance reaches.
    primary
        Keys signature, model, policy.
    """
    chosen = pick.of_primary(points, primary)
    with style():
        figure = new_figure(4.1, 4.3)
        axes = figure.subplots()
        for split, name in _SPLITS.items():
            rows = pick.pooled(chosen, split).sort_values("threshold", ascending=False)
            row = pick.the_metric(metrics, primary, split, "average_precision")
            if rows.empty or row is None:
                continue
            colour = COLOURS[name]
            share = float(row["events"]) / float(row["n"])
            text = interval(row["estimate"], row["lower"], row["upper"])
            recall = np.append(0.0, rows["recall"].to_numpy())
            precision = np.append(rows["precision"].iloc[0], rows["precision"].to_numpy())
            # Between two points precision is not linear: steps claim nothing there.
            axes.step(
                recall, precision, where="pre", color=colour,
                label=f"{pick.SPLITS[split]}\naverage precision {text}",
            )  # fmt: skip
            axes.axhline(share, color=colour, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.set_xlabel("Recall (sensitivity)")
        axes.set_ylabel("Precision (positive predictive value)")
        grid(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.22), handlelength=1.6, ncols=1)
    return figure


def auc_over_time_figure(curves: pd.DataFrame, primary: Mapping[str, Any], unit: str) -> Figure:
    """Return the AUC over time with its band, the clinical signature beside the primary one.

    Parameters
    ----------
    curves
        Columns signature, model, cohort, split, policy, time, auc, lower, upper.
    primary
        Keys signature, model, policy.
    unit
        Unit of time.
    """
    own = pick.under_policy(curves[curves["model"] == primary["model"]], primary["policy"])
    splits = [split for split in _SPLITS if split in set(own["split"])]
    with style():
        figure = new_figure(0.5 + 3.3 * max(len(splits), 1), 3.2)
        panels = figure.subplots(1, max(len(splits), 1), squeeze=False, sharey=True)[0]
        for axes, split in zip(panels, splits, strict=False):
            _over_time(axes, pick.pooled(own, split), str(primary["signature"]))
            axes.set_title(pick.SPLITS[split])
            axes.set_xlabel(f"Time ({unit})")
        if splits:
            panels[0].set_ylabel("Cumulative/dynamic AUC")
            panels[0].legend(loc="lower left")
    return figure


def _over_time(axes: Axes, rows: pd.DataFrame, primary: str) -> None:
    axes.axhline(0.5, color=FAINT, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
    for signature in dict.fromkeys(["clinical", primary]):
        curve = rows[rows["signature"] == signature].sort_values("time")
        if curve.empty:
            continue
        colour = COLOURS.get(signature, COLOURS["radiomics"])
        first = signature == primary
        if first:
            axes.fill_between(
                curve["time"], curve["lower"], curve["upper"], color=colour, alpha=0.15,
                linewidth=0,
            )  # fmt: skip
        axes.plot(
            curve["time"], curve["auc"], color=colour, marker="o", markersize=2.5,
            linewidth=1.8 if first else 1.1, label=signature.capitalize(),
        )  # fmt: skip
    axes.set_ylim(0.0, 1.0)
    grid(axes)


def subgroups_figure(
    subgroups: pd.DataFrame, primary: Mapping[str, Any], endpoint: Mapping[str, Any]
) -> Figure:
    """Return a forest plot of discrimination by subgroup: outside, or in development alone.

    Parameters
    ----------
    subgroups
        Columns signature, model, cohort, split, policy, variable, level, metric, estimate, lower,
        upper, n, events, p_adjusted.
    primary
        Keys signature, model, policy.
    endpoint
        The endpoint's config.
    """
    metric = discrimination(endpoint)
    own = pick.of_primary(subgroups[subgroups["metric"] == metric], primary)
    split = "external" if "external" in set(own["split"]) else pick.DEVELOPMENT
    rows = pick.pooled(own, split)
    lines: list[tuple[str, pd.Series[Any] | None]] = []
    for variable, part in rows.groupby("variable", sort=False):
        lines.append((_head(str(variable), part), None))
        levels = part[part["level"] != HETEROGENEITY]
        lines += [(f"   {_short(str(row['level']))}", row) for _, row in levels.iterrows()]
    with style():
        figure = new_figure(6.6, max(1.1 + 0.26 * len(lines), 1.8))
        axes = figure.subplots()
        axes.set_title(pick.SPLITS[split])
        for y, (_, row) in enumerate(lines):
            if row is not None:
                _level(axes, y, row, COLOURS[_SPLITS[split]])
        place = axes.get_yaxis_transform()
        for x, head in ((1.03, sizes_head(endpoint)), (1.24, "estimate (95% CI)")):
            axes.text(x, -0.8, head, transform=place, va="center", fontsize=7.5, color=FAINT)
        axes.axvline(0.5, color=FAINT, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
        axes.set_yticks(range(len(lines)), [name for name, _ in lines], ha="left")
        axes.tick_params(axis="y", length=0, pad=150)
        axes.set_ylim(len(lines) - 0.5, -0.6)
        axes.set_xlim(0.2, 1.0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"{metric_name(metric)} (0.5 = chance)")
        grid(axes, "x")
        # Text beside the axes is not part of what the layout makes room for on the right.
        figure.get_layout_engine().set(rect=(0, 0, 0.965, 1))  # type: ignore[union-attr,call-arg]
    return figure


def _head(variable: str, part: pd.DataFrame) -> str:
    tested = part.loc[part["level"] == HETEROGENEITY, "p_adjusted"]
    known = len(tested) and np.isfinite(tested.iloc[0])
    note = f" (heterogeneity: {p_equals(float(tested.iloc[0]))})" if known else ""
    return f"{sentence_case(plain(variable))}{note}"


def _short(text: str) -> str:
    return text if len(text) <= 26 else text[:25] + "…"


def _level(axes: Axes, y: int, row: pd.Series[Any], colour: str) -> None:
    place = axes.get_yaxis_transform()
    count = f"{row['events']:.0f} / {row['n']:.0f}"
    axes.text(1.03, y, count, transform=place, va="center", fontsize=7.5)
    if np.isnan(row["estimate"]):
        text = "too few"
    else:
        axes.plot([max(row["lower"], 0.2), row["upper"]], [y, y], color=colour, linewidth=1.3)
        axes.plot(row["estimate"], y, marker="s", markersize=5, color=colour)
        text = interval(row["estimate"], row["lower"], row["upper"])
    axes.text(1.24, y, text, transform=place, va="center", fontsize=7.5)
