"""The picture of harmonisation: patients by batch before and after, and what the batch explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.harmonise.batch_effect import measured_batches
from rigoromics.report.style import FAINT, INK, RULE, grid, new_figure, not_applicable, style
from rigoromics.report.wording import FAMILIES
from rigoromics.stability.families import split_feature

Array = npt.NDArray[np.float64]

# Okabe & Ito (2008) without its yellow; each batch has a shape of its own as well.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4d4d4d"]
SHAPES = ["o", "s", "^", "D", "v", "P", "X"]
REST = "other batches"
# Letters of the legend's size across the figure.
LINE = 100
STAGES = {"before": "#8a949e", "after": "#0072B2"}
MEASURES = {"auc": "AUC", "balanced_accuracy": "balanced\naccuracy"}


@dataclass(frozen=True)
class Plane:
    """Patients on two principal components.

    Attributes
    ----------
    title
        Which features these are.
    development, external
        Coordinates, shape (patients, 2).
    explained
        Share of variance of the two components.
    """

    title: str
    development: Array
    external: Array
    explained: Array


@dataclass(frozen=True)
class Batches:
    """The batch of each development and each external patient, in the order of the planes."""

    development: Sequence[str]
    external: Sequence[str]


def nothing_to_harmonise(batch: str) -> Figure:
    """Return the picture of a study whose development patients are of one batch."""
    return not_applicable(
        f"All development patients are of one batch ({batch}):\nthere is nothing to harmonise."
    )


def harmonisation_figure(
    planes: Sequence[Plane],
    batches: Batches,
    effect: pd.DataFrame,
    features: pd.DataFrame,
) -> Figure:
    """Return the picture.

    Parameters
    ----------
    planes
        Before and, where features are harmonised, after.
    batches
        Batch of each patient.
    effect, features
        What :func:`rigoromics.harmonise.batch_effect.batch_effect` returns; may be empty.
    """
    with style():
        figure = new_figure(7.2, 6.4)
        axes = figure.subplots(2, 2, height_ratios=[1.25, 1])
        looks = _looks(batches)
        for column, panel in enumerate(axes[0]):
            if column < len(planes):
                _draw_plane(panel, planes[column], batches, looks)
            else:
                panel.axis("off")
                panel.text(0.5, 0.5, "Harmonisation is switched off.", ha="center", color=FAINT)
        _legend(figure, batches, looks)
        count = len(measured_batches(pd.Series(list(batches.development))))
        _draw_effect(axes[1, 0], effect, count)
        _draw_families(axes[1, 1], features)
    return figure


def _looks(batches: Batches) -> dict[str, tuple[str, str]]:
    """Return colour and shape of each batch; beyond seven, the smaller ones share the grey."""
    everyone = pd.Series([*batches.development, *batches.external])
    counts = everyone.value_counts()
    order = sorted(counts.index, key=lambda name: (-counts[name], name))
    shown = order if len(order) <= len(COLOURS) else order[: len(COLOURS) - 1]
    looks = {name: (COLOURS[i], SHAPES[i]) for i, name in enumerate(sorted(shown))}
    return {name: looks.get(name, ("#b8c0c8", ".")) for name in sorted(order)}


def _draw_plane(
    axes: Axes, plane: Plane, batches: Batches, looks: dict[str, tuple[str, str]]
) -> None:
    for points, names, hollow in (
        (plane.external, batches.external, True),
        (plane.development, batches.development, False),
    ):
        of_batch = np.asarray(names, dtype=str)
        for name, (colour, shape) in looks.items():
            x, y = points[of_batch == name].T if len(points) else ([], [])
            axes.scatter(
                x, y, s=17, marker=shape, linewidths=0.9 if hollow else 0.3,
                facecolors="none" if hollow else colour, edgecolors=colour if hollow else "white",
                alpha=0.85,
            )  # fmt: skip
    axes.set(
        title=plane.title,
        xlabel=f"component 1 of ranks ({plane.explained[0]:.0%} of variance)",
        ylabel=f"component 2 ({plane.explained[1]:.0%})",
    )
    _leave_out_extremes(axes, np.vstack([plane.development, plane.external]))
    grid(axes)


def _leave_out_extremes(axes: Axes, points: Array) -> None:
    """End the axes where 99% of the patients end, and say how many lie beyond."""
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    margin = 0.15 * (high - low) + 1e-9
    low, high = (
        np.maximum(low - margin, points.min(0) - margin),
        np.minimum(high + margin, points.max(0) + margin),
    )
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    beyond = int(((points < low) | (points > high)).any(axis=1).sum())
    if beyond:
        axes.annotate(
            f"{beyond} patient{'s' * (beyond > 1)} outside", (1, 1), (-2, -2), ha="right", va="top",
            xycoords="axes fraction", textcoords="offset points", fontsize=6.5, color=FAINT,
        )  # fmt: skip


def _legend(figure: Figure, batches: Batches, looks: dict[str, tuple[str, str]]) -> None:
    axes = figure.axes[0]
    handles, labels = [], []
    rest = [name for name, look in looks.items() if look[1] == "."]
    for name, (colour, shape) in looks.items():
        external_only = name not in set(batches.development)
        if name in rest:
            continue
        handles.append(
            axes.scatter([], [], s=20, marker=shape, edgecolors=colour,
                         facecolors="none" if external_only else colour)
        )  # fmt: skip
        labels.append(f"{name} (external)" if external_only else name)
    if rest:
        handles.append(axes.scatter([], [], s=20, marker=".", color="#b8c0c8"))
        labels.append(f"{len(rest)} {REST}")
    figure.legend(
        handles, labels, loc="outside upper center", ncols=_columns(labels),
        title="Batch (hollow: external patients, who taught nothing)", title_fontsize=7.5,
    )  # fmt: skip


def _columns(labels: Sequence[str]) -> int:
    """Return how many names of batches fit side by side: joined variables make long ones."""
    longest = max(map(len, labels))
    return max(1, min(len(labels), 4, LINE // (longest + 8)))


def _draw_effect(axes: Axes, effect: pd.DataFrame, batches: int) -> None:
    axes.set_title("Can a classifier tell the batch?")
    shown = effect[effect["measure"].isin(list(MEASURES))] if len(effect) else effect
    if shown.empty:
        axes.axis("off")
        axes.text(0.5, 0.5, "Too few patients per batch to measure.", ha="center", color=FAINT)
        return
    chance = {"auc": 0.5, "balanced_accuracy": 1.0 / batches}
    for place, measure in enumerate(MEASURES):
        axes.plot(
            [place - 0.3, place + 0.3], [chance[measure]] * 2, color=INK, linewidth=0.9,
            linestyle=(0, (4, 2)),
        )  # fmt: skip
        for _, row in shown[shown["measure"] == measure].iterrows():
            x = place + (-0.12 if row["stage"] == "before" else 0.12)
            colour = STAGES[row["stage"]]
            axes.plot([x, x], [row["lower"], row["upper"]], color=colour, linewidth=2.0)
            axes.scatter([x], [row["value"]], s=34, color=colour, zorder=3)
            axes.annotate(f"{row['value']:.2f}", (x, row["value"]), (5, 0), va="center",
                          textcoords="offset points", fontsize=7, color=INK)  # fmt: skip
    axes.set_xticks(range(len(MEASURES)), list(MEASURES.values()))
    axes.set(xlim=(-0.5, len(MEASURES) - 0.5), ylim=(-0.03, 1.05))
    axes.set_ylabel("held-out patients, 95% interval")
    axes.annotate("dashed: chance", (0.5, 0.02), xycoords="axes fraction", fontsize=7, color=FAINT,
                  ha="center")  # fmt: skip
    grid(axes, "y")


def _draw_families(axes: Axes, features: pd.DataFrame) -> None:
    axes.set_title("Variance that the batch explains")
    if features.empty:
        axes.axis("off")
        return
    family = features["feature"].map(lambda feature: split_feature(feature)[1])
    # Tables made elsewhere name their features as they like.
    family = family.where(family.isin(list(FAMILIES)), "other")
    names = [name for name in [*FAMILIES, "other"] if name in set(family)]
    handles = []
    for stage, column, shift in (("before", "r2_before", -0.2), ("after", "r2_after", 0.2)):
        groups = [features.loc[family == name, column].dropna().to_numpy() for name in names]
        if not any(len(group) for group in groups):
            continue
        boxes = axes.boxplot(
            groups, positions=np.arange(len(names)) + shift, widths=0.34, patch_artist=True,
            showfliers=False, whis=(5, 95), manage_ticks=False,
            boxprops={"facecolor": STAGES[stage], "edgecolor": INK, "linewidth": 0.6},
            medianprops={"color": "white", "linewidth": 1.2},
            whiskerprops={"color": INK, "linewidth": 0.6}, capprops={"linewidth": 0.6},
        )  # fmt: skip
        handles.append((boxes["boxes"][0], stage))
    axes.axhline(0, color=RULE, linewidth=0.8, zorder=0)
    if names == ["other"]:
        axes.set_xticks([0], ["all features"])
    else:
        axes.set_xticks(range(len(names)), [FAMILIES.get(name, name) for name in names])
        axes.tick_params(axis="x", rotation=35)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
            label.set_rotation_mode("anchor")
    axes.set_ylabel("adjusted R² of ranks (box: quartiles;\nwhiskers: 5% to 95% of features)")
    axes.set_xlim(-0.6, len(names) - 0.4)
    # A strip above all boxes, where the legend hides none.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.15 * (high - low))
    axes.legend(
        [handle for handle, _ in handles], [stage for _, stage in handles], ncols=2,
        loc="upper right", handlelength=1.2,
    )  # fmt: skip
    grid(axes, "y")
