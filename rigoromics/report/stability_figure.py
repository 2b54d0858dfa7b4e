"""The picture of stability: every feature's ICC with its interval, and which families survive."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from rigoromics.report.style import FAINT, INK, RULE, WASH, grid, new_figure, not_applicable, style
from rigoromics.report.wording import FAMILIES
from rigoromics.stability.families import split_feature
from rigoromics.stability.table import StabilityRule

# Okabe & Ito (2008); the yellow is darkened to be seen on white.
FAMILY_COLOURS = {
    "shape": "#4d4d4d",
    "shape2D": "#999999",
    "firstorder": "#E69F00",
    "glcm": "#0072B2",
    "glrlm": "#56B4E9",
    "glszm": "#009E73",
    "gldm": "#CC79A7",
    "ngtdm": "#D55E00",
    "other": "#b5a100",
}
DESIGNS = {
    "raters": "Between raters",
    "retest": "Test and retest",
    "perturbations": "Perturbed images and contours",
}
REPEATS = {"raters": "raters", "retest": "scans each", "perturbations": "versions each"}
SHARE = LinearSegmentedColormap.from_list("share", ["#ffffff", "#9ecae6", "#1f78b4", "#08306b"])
# Below this the exact ICC does not matter any more; the axis ends here.
FLOOR = -0.25
# Of the colour scale: from here on white letters are easier to read.
DARK = 0.5


def stability_figure(table: pd.DataFrame, rules: Mapping[str, StabilityRule]) -> Figure:
    """Return the picture: one row per design, ICCs on the left, survivors on the right.

    Parameters
    ----------
    table
        What :func:`rigoromics.stability.table.stability_table` returns.
    rules
        The rule that judged each design; a design without one was judged by the defaults.
    """
    if table.empty:
        return not_applicable(
            "No patient has a second contour, a second scan or perturbations:\n"
            "stability was not judged, and no feature is dropped for it."
        )
    designs = designs_of(table)
    with style():
        columns = max(len(_heat(rows)[1]) for _, rows in table.groupby("design"))
        figure = new_figure(min(12.0, 5.6 + 0.36 * columns + 1.2), 3.3 * len(designs))
        axes = figure.subplots(
            len(designs), 2, squeeze=False, width_ratios=[5.6, 0.36 * columns + 1.2]
        )
        for (left, right), design in zip(axes, designs, strict=True):
            rows = _with_families(table[table["design"] == design])
            rule = rules.get(design, StabilityRule())
            _draw_icc(left, rows, rule)
            left.set_title(_title(design, rows, rule))
            _draw_heat(right, rows)
    return figure


def designs_of(table: pd.DataFrame) -> list[str]:
    """Return the designs of a table, those that have a name first."""
    there = set(table["design"])
    return [name for name in DESIGNS if name in there] + sorted(there - set(DESIGNS))


def _with_families(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with image type and family, families in their order, best ICC first."""
    parts = [split_feature(feature) for feature in rows["feature"]]
    rows = rows.assign(
        image_type=[image for image, _ in parts],
        family=[family if family in FAMILY_COLOURS else "other" for _, family in parts],
    )
    order = rows["family"].map({family: i for i, family in enumerate(FAMILY_COLOURS)})
    return rows.assign(order=order).sort_values(
        ["order", "icc", "feature"], ascending=[True, False, True], ignore_index=True
    )


def _title(design: str, rows: pd.DataFrame, rule: StabilityRule) -> str:
    patients, repeats = int(rows["n"].max()), rows["k"].max()
    judged = "lower limit" if rule.bound == "lower" else "estimate"
    name = DESIGNS.get(design, design)
    return (
        f"{name}: {int(rows['stable'].sum()):,} of {len(rows):,} features stable\n"
        f"({patients} patients, {repeats:.3g} {REPEATS.get(design, 'repeats')}; "
        f"stable: {judged} ≥ {rule.threshold:g}, dashed)"
    )


def _draw_icc(axes: Axes, rows: pd.DataFrame, rule: StabilityRule) -> None:
    defined = rows[rows["icc"].notna()]
    place = defined.index.to_numpy(dtype=float)
    estimate = np.clip(defined["icc"].to_numpy(), FLOOR, 1.0)
    lower = np.clip(defined["lower"].to_numpy(), FLOOR, 1.0)
    upper = np.clip(defined["upper"].to_numpy(), FLOOR, 1.0)
    colours = [FAMILY_COLOURS[family] for family in defined["family"]]
    segments = [[(x, low), (x, high)] for x, low, high in zip(place, lower, upper, strict=True)]
    width = float(np.clip(300.0 / max(len(rows), 1), 0.4, 3.0))
    axes.add_collection(LineCollection(segments, colors=colours, linewidths=width, alpha=0.35))
    axes.scatter(place, estimate, s=np.clip(8 * width, 2.5, 14), c=colours, linewidths=0, zorder=3)
    axes.axhline(rule.threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=4)
    _label_families(axes, rows)
    form = rows["icc_type"].iloc[0]
    axes.set(xlim=(-1, len(rows)), ylim=(FLOOR, 1.02), ylabel=f"{form} with 95% interval")
    axes.set_xlabel(_undefined(rows), color=FAINT, fontsize=7)
    grid(axes, "y")


def _undefined(rows: pd.DataFrame) -> str:
    missing = int(rows["icc"].isna().sum())
    words = "features, sorted by ICC within their family"
    return words if missing == 0 else f"{words}; {missing:,} without a defined ICC"


def _label_families(axes: Axes, rows: pd.DataFrame) -> None:
    """Name each family under its block of features."""
    blocks = rows.reset_index().groupby("order")["index"].agg(["min", "max"])
    families = list(FAMILY_COLOURS)
    ticks = [(low + high) / 2.0 for low, high in blocks.to_numpy()]
    names = [families[int(order)] for order in blocks.index]
    axes.set_xticks(ticks, [FAMILIES.get(name, name) for name in names])
    axes.tick_params(axis="x", length=0, rotation=30 if len(names) > 5 else 0)
    for label, name in zip(axes.get_xticklabels(), names, strict=True):
        label.set_color(FAMILY_COLOURS[name])
        label.set_fontweight("bold")
        if len(names) > 5:
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    for _, high in blocks.to_numpy()[:-1]:
        axes.axvline(high + 0.5, color=RULE, linewidth=0.6, zorder=0)


def _heat(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the families and image types present, each in a fixed order."""
    parts = {split_feature(feature) for feature in rows["feature"]}
    families = [f for f in FAMILY_COLOURS if f in {family for _, family in parts}]
    if {family for _, family in parts} - set(FAMILY_COLOURS):
        families = [f for f in families if f != "other"] + ["other"]
    images = {image for image, _ in parts}
    return families, sorted(images, key=lambda image: (image != "original", image))


def _draw_heat(axes: Axes, rows: pd.DataFrame) -> None:
    families, images = _heat(rows)
    grouped = rows.groupby(["family", "image_type"])["stable"]
    share = grouped.mean().unstack().reindex(index=families, columns=images)
    axes.set_facecolor(WASH)
    axes.imshow(share.to_numpy(), cmap=SHARE, vmin=0, vmax=1, aspect="auto")
    for cell in grouped.agg(["sum", "size"]).reset_index().to_dict("records"):
        stable, size = int(cell["sum"]), int(cell["size"])
        axes.text(
            images.index(cell["image_type"]), families.index(cell["family"]),
            f"{stable}\n/{size}", ha="center", va="center", fontsize=5.5, linespacing=0.9,
            color="white" if stable > DARK * size else INK,
        )  # fmt: skip
    axes.set_xticks(range(len(images)), [image_name(image) for image in images])
    axes.set_yticks(range(len(families)), [FAMILIES.get(name, name) for name in families])
    axes.tick_params(axis="both", length=0)
    axes.tick_params(axis="x", rotation=60)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
        label.set_rotation_mode("anchor")
    axes.set_xticks(np.arange(len(images) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(families) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Stable of all")


def image_name(image: str) -> str:
    """Return what a figure calls an image type."""
    sigma = re.search(r"sigma-([\d-]+?)-mm", image)
    if sigma:
        return f"LoG {sigma.group(1).replace('-', '.')} mm"
    return image.replace("-", " ")
