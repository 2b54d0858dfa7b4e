"""The picture of bin settings: how many grey levels each gives, cohort by cohort."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.extract.bins import FEWEST, MOST
from rigoromics.report.style import INK, RULE, WASH, new_figure, style

_MOST_PANELS, _ACROSS = 12, 3
_PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
_ROW, _PANEL_WIDTH = 0.17, 2.5


def bins_figure(table: pd.DataFrame) -> Figure:
    """Return the picture: a panel per image, a row per bin setting, a bar per cohort.

    A bar reaches from the 5th to the 95th percentile of the number of levels over ROIs, with a dot
    at the median; the band is what suits.

    Parameters
    ----------
    table
        What :func:`rigoromics.extract.bins.bins_table` returns.
    """
    panels = list(table.groupby(["scan", "image_type"], sort=False))[:_MOST_PANELS]
    cohorts = list(dict.fromkeys(table["cohort"]))
    rows = math.ceil(len(panels) / _ACROSS)
    deepest = max(rows_of["setting"].nunique() for _, rows_of in panels)
    with style():
        height = 0.7 + rows * (0.75 + _ROW * deepest)
        figure = new_figure(_PANEL_WIDTH * min(len(panels), _ACROSS) + 0.4, height)
        grid = figure.subplots(rows, min(len(panels), _ACROSS), squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        scans = table["scan"].nunique()
        for axes, ((scan, image_type), rows_of) in zip(grid.flat, panels, strict=False):
            _draw(axes, rows_of, cohorts)
            axes.set_title(f"{scan}: {image_type}" if scans > 1 else str(image_type))
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, cohorts: list[str]) -> None:
    settings = list(dict.fromkeys(rows["setting"]))
    own = set(rows.loc[rows["chosen"], "setting"])
    axes.axvspan(FEWEST, MOST, color=WASH, zorder=0)
    for edge in (FEWEST, MOST):
        axes.axvline(edge, color=RULE, linewidth=0.8, zorder=0)
    for number, cohort in enumerate(cohorts):
        part = rows[rows["cohort"] == cohort]
        shift = 0.5 * ((number + 0.5) / len(cohorts) - 0.5)
        places = [settings.index(name) + shift for name in part["setting"]]
        colour = _PALETTE[number % len(_PALETTE)]
        axes.hlines(places, part["levels_p5"], part["levels_p95"], color=colour, linewidth=1.6)
        axes.plot(part["levels_median"], places, "o", color=colour, markersize=3, label=cohort)
    axes.set_xscale("log", base=2)
    axes.set_xlim(1, 1024)
    ticks = [2, 8, 32, 128, 512]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(settings)), settings)
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() in own else "normal")
        label.set_color(INK)
    axes.set_ylim(len(settings) - 0.4, -0.6)
    axes.set_xlabel("grey levels")
