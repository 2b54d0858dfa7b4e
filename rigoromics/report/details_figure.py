"""The picture of one endpoint that only its type has: levels, classes, counts, incidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.report import rows as pick
from rigoromics.report.style import COLOURS, FAINT, INK, grid, new_figure, style, unit_square
from rigoromics.report.wording import kind

_MARKS = "osD^vP*X"


def details_figure(
    details: pd.DataFrame, primary: Mapping[str, Any], endpoint: Mapping[str, Any]
) -> Figure:
    """Return the figure of the primary signature, external patients where there are any.

    Parameters
    ----------
    details
        Columns signature, model, cohort, split, policy, table, series, x, value, lower, upper.
    primary
        Keys signature, model, policy.
    endpoint
        The endpoint's config.
    """
    chosen = pick.of_primary(details, primary)
    splits = [s for s in (pick.DEVELOPMENT, "external") if s in set(chosen["split"])]
    which = kind(endpoint)
    with style():
        if which in ("ordinal", "multiclass"):
            return _classes(chosen, splits, endpoint)
        figure = new_figure(0.5 + 3.4 * max(len(splits), 1), 3.2)
        panels = figure.subplots(1, max(len(splits), 1), squeeze=False)[0]
        for axes, split in zip(panels, splits, strict=False):
            rows = pick.pooled(chosen, split)
            axes.set_title(pick.SPLITS[split])
            if which == "count":
                _rootogram(axes, rows)
            else:
                _incidence(axes, rows, endpoint)
        if splits:
            handles, names = panels[0].get_legend_handles_labels()
            figure.legend(handles, names, loc="outside lower center", ncols=3)
    return figure


def _classes(chosen: pd.DataFrame, splits: list[str], endpoint: Mapping[str, Any]) -> Figure:
    levels = [str(level) for level in endpoint["levels"]]
    figure = new_figure(0.5 + 3.4 * max(len(splits), 1), 6.6)
    panels = figure.subplots(2, max(len(splits), 1), squeeze=False)
    for column, split in enumerate(splits):
        rows = pick.pooled(chosen, split)
        panels[0][column].set_title(pick.SPLITS[split])
        _confusion(panels[0][column], rows[rows["table"] == "confusion"], levels)
        _calibration(panels[1][column], rows[rows["table"] == "calibration"])
    if splits:
        handles, names = panels[1][0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 3))
    return figure


def _confusion(axes: Axes, rows: pd.DataFrame, levels: list[str]) -> None:
    many = len(levels)
    table = np.zeros((many, many))
    place = {level: k for k, level in enumerate(levels)}
    for series, x, value in zip(rows["series"], rows["x"], rows["value"], strict=True):
        table[place[str(series)], int(x)] = value
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for i in range(many):
        for j in range(many):
            colour = "white" if share[i, j] > 0.55 else INK
            text = f"{table[i, j]:.0f}"
            axes.text(j, i, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(many), levels)
    axes.set_yticks(range(many), levels)
    axes.tick_params(length=0)
    axes.set_xlabel("Given")
    axes.set_ylabel("True")


def _calibration(axes: Axes, rows: pd.DataFrame) -> None:
    unit_square(axes)
    names = list(dict.fromkeys(rows["series"].astype(str)))
    shades = _shades(len(names))
    for number, name in enumerate(names):
        own = rows[rows["series"] == name].sort_values("x")
        low = (own["value"] - own["lower"]).clip(lower=0).fillna(0)
        high = (own["upper"] - own["value"]).clip(lower=0).fillna(0)
        axes.errorbar(
            own["x"],
            own["value"],
            yerr=np.vstack([low, high]),
            fmt=f"{_MARKS[number % len(_MARKS)]}-",
            color=shades[number],
            markersize=4,
            linewidth=1.0,
            elinewidth=0.7,
            label=name,
        )
    axes.set_xlabel("Predicted probability")
    axes.set_ylabel("Observed proportion")


def _shades(many: int) -> list[str]:
    colours = ["#1b6ca8", "#c8553d", "#3a7d44", "#7a4f9a", "#b8860b", "#4f5d75"]
    return [colours[k % len(colours)] for k in range(many)]


def _rootogram(axes: Axes, rows: pd.DataFrame) -> None:
    observed = rows[rows["series"] == "observed"].sort_values("x")
    expected = rows[rows["series"] == "expected"].sort_values("x")
    top, height = np.sqrt(expected["value"].to_numpy()), np.sqrt(observed["value"].to_numpy())
    x = observed["x"].to_numpy()
    axes.bar(
        x, height, bottom=top - height, width=0.85, color=COLOURS["permuted"], edgecolor="white",
        label="observed",
    )  # fmt: skip
    axes.plot(x, top, "o-", color=COLOURS["high"], markersize=3.5, label="expected (Poisson)")
    axes.axhline(0.0, color=FAINT, linewidth=0.9, linestyle=(0, (2, 3)))
    axes.set_xlabel("Count (last bar: and more)")
    axes.set_ylabel("Patients (square root)")
    grid(axes, "y")


def _incidence(axes: Axes, rows: pd.DataFrame, endpoint: Mapping[str, Any]) -> None:
    for name, colour in (("high", COLOURS["high"]), ("low", COLOURS["low"])):
        own = rows[rows["series"] == name].sort_values("x")
        if own.empty:
            continue
        axes.step(own["x"], own["value"], where="post", color=colour, label=f"{name} risk")
        axes.fill_between(
            own["x"], own["lower"], own["upper"], step="post", color=colour, alpha=0.18, linewidth=0
        )
    axes.axvline(float(endpoint["horizon"]), color=FAINT, linewidth=0.9, linestyle=(0, (2, 3)))
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"Time, {endpoint['unit']} (dashed: horizon)")
    axes.set_ylabel("Cumulative incidence")
    grid(axes, "y")
