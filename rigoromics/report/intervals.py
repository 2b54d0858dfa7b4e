"""Points with intervals: centres in a forest plot, and the signature beside its controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.report import rows as pick
from rigoromics.report.style import COLOURS, FAINT, INK, WASH, grid, new_figure, style
from rigoromics.report.wording import discrimination, fixed, interval, metric_name, sizes_head

POOL, PREDICTION = "random-effects pool", "prediction interval"
ALL_PATIENTS = "all external patients"

_ORDER = [
    "radiomics",
    "combined",
    "stacked",
    "deep_stacked",
    "deep",
    "clinical",
    "volume",
    "shuffled",
]
_NAMES = {
    "radiomics": "Radiomics",
    "combined": "Radiomics + clinical",
    "stacked": "Radiomics risk + clinical",
    "clinical": "Clinical alone",
    "volume": "Volume alone",
    "shuffled": "Voxels shuffled",
    "deep": "Outside score",
    "deep_stacked": "Radiomics risk + score",
}


def centres_figure(
    centres: pd.DataFrame,
    metrics: pd.DataFrame,
    primary: Mapping[str, Any],
    endpoint: Mapping[str, Any],
) -> Figure:
    """Return a forest plot: discrimination at each centre and, as diamonds, outside as a whole.

    Parameters
    ----------
    centres
        Columns signature, model, centre, metric, estimate, lower, upper, n, events, split,
        policy; a centre may also be the random-effects pool or its prediction interval.
    metrics
        The metrics table, for the pooled external estimate.
    primary
        Keys signature, model, policy.
    endpoint
        The endpoint's config.
    """
    metric = discrimination(endpoint)
    rows = pick.of_signature(centres, primary["signature"], primary["model"])
    rows = rows[rows["metric"] == metric]
    keyed = rows.assign(cohort=rows["centre"])
    rows = rows[keyed.index.isin(pick.under_policy(keyed, primary["policy"]).index)]
    rows = rows.sort_values(["split", "centre"])
    summaries = rows["centre"].isin([POOL, PREDICTION])
    shown = [row for _, row in rows[~summaries].iterrows()]
    whole = pick.the_metric(metrics, primary, "external", metric)
    if whole is not None:
        shown.append(pd.concat([whole, pd.Series({"centre": ALL_PATIENTS})]))
    shown += [row for _, row in rows[summaries & rows["estimate"].notna()].iterrows()]
    with style():
        figure = new_figure(6.4, max(1.15 + 0.3 * len(shown), 1.8))
        axes = figure.subplots()
        for y, row in enumerate(shown):
            _point(axes, y, row)
        _finish(axes, [_place(row) for row in shown], metric)
        # Text beside the axes is not part of what the layout makes room for on the right.
        figure.get_layout_engine().set(rect=(0, 0, 0.985, 1))  # type: ignore[union-attr,call-arg]
        _columns(axes, shown, sizes_head(endpoint))
    return figure


def _place(row: pd.Series[Any]) -> str:
    name = str(row["centre"])
    return name if len(name) <= 28 else name[:27] + "…"


def _centre_colour(row: pd.Series[Any]) -> str:
    own = str(row.get("split", "external")) == pick.DEVELOPMENT
    return COLOURS["development" if own else "external"]


def _columns(axes: Axes, rows: list[pd.Series[Any]], counted: str) -> None:
    """Write what is counted, patients and the estimate beside each row."""
    place = axes.get_yaxis_transform()
    head = {"va": "center", "fontsize": 7.5, "color": FAINT}
    axes.text(1.04, -0.85, counted, transform=place, ha="left", **head)  # type: ignore[arg-type]
    axes.text(1.2, -0.85, "estimate (95% CI)", transform=place, ha="left", **head)  # type: ignore[arg-type]
    for y, row in enumerate(rows):
        count = f"{_integer(row['events'])} / {_integer(row['n'])}"
        text = interval(row["estimate"], row["lower"], row["upper"])
        axes.text(1.04, y, count, transform=place, va="center", fontsize=7.5)
        axes.text(1.2, y, text, transform=place, va="center", fontsize=7.5)


def _integer(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.0f}"


def controls_figure(
    metrics: pd.DataFrame,
    permutation: pd.DataFrame,
    primary: Mapping[str, Any],
    endpoint: Mapping[str, Any],
) -> Figure:
    """Return the primary signature beside everything it must beat.

    Parameters
    ----------
    metrics
        The metrics table.
    permutation
        Columns permutation (-1 is the observed one), statistic; its central 95% is drawn.
    primary
        Keys signature, model, policy.
    endpoint
        The endpoint's config.
    """
    metric = discrimination(endpoint)
    rows = metrics[(metrics["metric"] == metric) & (metrics["model"] == primary["model"])]
    rows = pick.under_policy(rows, primary["policy"])
    null = permutation.loc[permutation["permutation"] >= 0, "statistic"].dropna()
    there = [s for s in _ORDER if s in set(rows["signature"])]
    first = str(primary["signature"])
    order = [first, *(s for s in there if s != first)]
    with style():
        figure = new_figure(6.2, 1.25 + 0.42 * (len(order) + bool(len(null))))
        axes = figure.subplots()
        axes.axhspan(-0.5, 0.5, color=WASH, zorder=0)
        for y, signature in enumerate(order):
            _both_splits(axes, y, rows[rows["signature"] == signature], signature)
        labels = [_NAMES.get(s, s) for s in order]
        if len(null):
            _null_range(axes, len(labels), null)
            labels.append("Outcomes permuted")
        _finish(axes, labels, metric)
        axes.get_yticklabels()[0].set_fontweight("bold")
        _legend(axes)
    return figure


def _both_splits(axes: Axes, y: int, rows: pd.DataFrame, signature: str) -> None:
    colour = COLOURS.get(signature, INK)
    has_external = "external" in set(rows["split"])
    for split, offset in ((pick.DEVELOPMENT, 0.16), ("external", -0.16)):
        row = pick.pooled(rows, split)
        if row.empty:
            continue
        one = row.iloc[0]
        filled = split == "external"
        at = y + (offset if has_external else 0)
        axes.plot([one["lower"], one["upper"]], [at, at], color=colour, linewidth=1.3)
        axes.plot(
            one["estimate"], at, marker="o", markersize=6, color=colour, linestyle="none",
            markerfacecolor=colour if filled else "white", markeredgewidth=1.3,
        )  # fmt: skip


def _null_range(axes: Axes, y: int, null: pd.Series[float]) -> None:
    low, middle, high = np.quantile(null.to_numpy(), [0.025, 0.5, 0.975])
    axes.plot([low, high], [y, y], color=COLOURS["permuted"], linewidth=4, alpha=0.5)
    axes.plot(middle, y, marker="|", markersize=9, color=INK, markeredgewidth=1.4)
    axes.annotate(
        f"median {fixed(float(middle))}, central 95%", (high, y), xytext=(6, 0),
        textcoords="offset points", va="center", fontsize=7, color=FAINT,
    )  # fmt: skip


def _legend(axes: Axes) -> None:
    for face, name in (("white", "development, cross-validated"), (FAINT, "external validation")):
        axes.plot(
            [], [], marker="o", linestyle="none", markersize=5.5, markerfacecolor=face,
            markeredgecolor=FAINT, label=name,
        )  # fmt: skip
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, handletextpad=0.2)


def _point(axes: Axes, y: int, row: pd.Series[Any]) -> None:
    estimate, lower, upper = (float(row[k]) for k in ("estimate", "lower", "upper"))
    colour, centre = _centre_colour(row), str(row["centre"])
    if centre == PREDICTION:
        axes.plot([lower, upper], [y, y], color=colour, linewidth=3.5, alpha=0.35)
    elif centre in (POOL, ALL_PATIENTS) and not np.isnan(lower):
        x, heights = [lower, estimate, upper, estimate], [y, y - 0.22, y, y + 0.22]
        axes.fill(x, heights, color=colour, linewidth=0)
    else:
        axes.plot([lower, upper], [y, y], color=colour, linewidth=1.3)
        axes.plot(estimate, y, marker="s", markersize=5.5, color=colour)


def _finish(axes: Axes, labels: list[str], metric: str) -> None:
    axes.axvline(0.5, color=FAINT, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.55)
    low = min(0.35, axes.dataLim.x0 - 0.03) if np.isfinite(axes.dataLim.x0) else 0.35
    axes.set_xlim(max(low, 0), 1.0)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"{metric_name(metric)} (0.5 = chance)")
    grid(axes, "x")
