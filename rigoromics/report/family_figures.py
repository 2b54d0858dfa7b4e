"""A picture of stability per family: each feature in each filtered image, under each design."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from rigoromics.report.stability_figure import DESIGNS, designs_of, image_name
from rigoromics.report.style import FAINT, INK, WASH, new_figure, style
from rigoromics.report.wording import FAMILIES, feature_name, sentence_case
from rigoromics.stability.families import OTHER, split_feature

# Cells keep their size, so that names stay legible however many there are; long families go on.
CELL = 0.17
MOST_ROWS = 60
NAMES, HEAD, SIDE = 2.1, 1.5, 0.5
ICC = LinearSegmentedColormap.from_list(
    "icc", ["#fdf3e7", "#f6c98f", "#d9c7c9", "#7fb2d6", "#1f78b4", "#08306b"]
)
DARK = 0.72


def family_figures(table: pd.DataFrame) -> dict[str, Figure]:
    """Return the pictures, by family; a family of many features has several, ``other-2`` and on.

    Features are rows, the most stable first; filters are columns, designs stand side by side. The
    colour is the ICC, a cross marks what is not stable.

    Parameters
    ----------
    table
        What :func:`rigoromics.stability.table.stability_table` returns.
    """
    if table.empty:
        return {}
    rows = _with_parts(table)
    figures = {}
    with style():
        for family, own in rows.groupby("family", sort=True):
            for number, page in enumerate(_pages(own), start=1):
                name = str(family) if number == 1 else f"{family}-{number}"
                figures[name] = _draw(page, str(family))
    return figures


def _with_parts(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with family, row name and column name of each feature."""
    parts = [split_feature(str(feature)) for feature in table["feature"]]
    places = [str(feature).rpartition(":")[0].replace(".", " ") for feature in table["feature"]]
    several = len(set(places)) > 1
    bare = [str(feature).rpartition(":")[2] for feature in table["feature"]]
    columns = [
        f"{place}: {image_name(image)}" if several and place else image_name(image)
        for place, (image, _) in zip(places, parts, strict=True)
    ]
    return table.assign(
        family=[family for _, family in parts],
        row=[_short(name) for name in bare],
        column=columns,
        filtered=[image != "original" for image, _ in parts],
    )


def _short(feature: str) -> str:
    """Return a feature's own name, without image and family."""
    if split_feature(feature) == (OTHER, OTHER):
        return feature
    return sentence_case(feature_name(feature).rpartition(" · ")[2])


def _pages(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the rows of so many features as a picture holds, the most stable first."""
    rank = rows.groupby("row")["icc"].mean().sort_values(ascending=False, na_position="last")
    names = list(rank.index)
    for start in range(0, len(names), MOST_ROWS):
        page = names[start : start + MOST_ROWS]
        own = rows[rows["row"].isin(page)]
        yield own.assign(place=own["row"].map({name: i for i, name in enumerate(page)}))


def _draw(rows: pd.DataFrame, family: str) -> Figure:
    designs = designs_of(rows)
    columns = list(rows.sort_values(["filtered", "column"], kind="stable")["column"].unique())
    names = list(rows.sort_values("place")["row"].unique())
    width = max(CELL * len(columns), 1.7)
    figure = new_figure(
        NAMES + len(designs) * (width + 0.15) + SIDE, HEAD + CELL * max(len(names), 3)
    )
    axes = figure.subplots(1, len(designs), squeeze=False, sharey=True)[0]
    for panel, design in zip(axes, designs, strict=True):
        image = _panel(panel, rows[rows["design"] == design], names, columns)
        panel.set_title(DESIGNS.get(design, design), fontsize=7.5)
    axes[0].set_yticks(range(len(names)), names, fontsize=6.5)
    shrink = min(1.0, 1.6 / (CELL * len(names)))
    bar = figure.colorbar(image, ax=list(axes), shrink=shrink, pad=0.01)
    bar.set_label("ICC (×: not stable)", fontsize=6.5)
    bar.ax.tick_params(labelsize=6)
    bar.outline.set_visible(False)
    figure.suptitle(f"{sentence_case(FAMILIES.get(family, family))} features", fontsize=9)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, names: list[str], columns: list[str]) -> AxesImage:
    """Draw one design: colours, and crosses on what is not stable."""
    keyed = rows.drop_duplicates(["row", "column"]).set_index(["row", "column"])
    icc = keyed["icc"].unstack().reindex(index=names, columns=columns).to_numpy(dtype=float)
    stable = keyed["stable"].astype(float).unstack().reindex(index=names, columns=columns)
    axes.set_facecolor(WASH)
    image = axes.imshow(icc, cmap=ICC, vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    down, across = np.nonzero(stable.to_numpy() == 0.0)
    colours = np.where(icc[down, across] > DARK, "white", INK)
    axes.scatter(across, down, s=9, marker="x", c=list(colours), linewidths=0.6)
    # Neither judged nor there: a feature that this image does not have.
    empty_down, empty_across = np.nonzero(stable.isna().to_numpy())
    axes.scatter(empty_across, empty_down, s=2, marker=".", c=FAINT, linewidths=0)
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=6)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    return image
