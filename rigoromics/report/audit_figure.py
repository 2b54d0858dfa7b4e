"""The picture of the acquisition audit: which factor changes which family of features."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.audit.sentences import factor_name
from rigoromics.audit.study import NO, NOT_APART, YES
from rigoromics.report.stability_figure import DARK, SHARE
from rigoromics.report.style import FAINT, INK, RULE, WASH, new_figure, not_applicable, style
from rigoromics.report.wording import FAMILIES, p_equals, plain, sentence_case
from rigoromics.stability.families import OTHER, split_feature

_ORDER = [*FAMILIES, "shape2D", OTHER]
_MOST_FACTORS = 14
_VERDICTS = {
    YES: "changes features",
    NOT_APART: "not told from others",
    NO: "no effect shown",
}
_CELL, _ROW = 0.62, 0.42


def audit_figure(factors: pd.DataFrame, variance: pd.DataFrame, alpha: float) -> Figure:
    """Return the picture: factors down, families of features across, one panel per scan.

    A cell's colour is the share of the family's features that the factor changes; the numbers in
    it are that share, and the median share of a feature's variance that the factor explains.

    Parameters
    ----------
    factors, variance
        Tables of :class:`rigoromics.audit.study.Audit`.
    alpha
        Level from which a feature counts as changed.
    """
    known = variance[variance["p_adjusted"].notna()]
    if known.empty:
        return not_applicable(
            "No factor of acquisition that differs between enough development patients:\n"
            "there is nothing to audit features for."
        )
    known = known.assign(
        family=[_family(name) for name in known["feature"]],
        changed=known["p_adjusted"] <= alpha,
        scan=known["scan"].astype(str),
    )
    scans = sorted(known["scan"].unique())
    panels = {scan: _shown(factors, known, scan) for scan in scans}
    families = [name for name in _ORDER if name in set(known["family"])]
    if families == [OTHER]:
        # Names of another program: one column for all of them says it.
        families = []
    with style():
        longest = max(len(_label(name)) for shown in panels.values() for name in shown)
        width = 1.5 + 0.065 * longest + _CELL * (len(families) + 1) + 1.5
        heights = [0.9 + _ROW * len(shown) for shown in panels.values()]
        figure = new_figure(width, 0.5 + sum(heights))
        grid = figure.subplots(len(scans), 1, squeeze=False, height_ratios=heights)
        for axes, (scan, shown) in zip(grid[:, 0], panels.items(), strict=True):
            rows = known[known["scan"] == scan]
            _draw(axes, rows, factors[factors["scan"] == scan], shown, families)
            if len(scans) > 1:
                axes.set_title(plain(scan.replace(".", " · ")), pad=26)
    return figure


def _family(feature: str) -> str:
    family = split_feature(feature)[1]
    return family if family in _ORDER else OTHER


def _shown(factors: pd.DataFrame, known: pd.DataFrame, scan: str) -> list[str]:
    """Return the factors of a scan, those that explain most first."""
    own = known[known["scan"] == scan].groupby("factor")["partial_omega2"].mean()
    judged = factors[factors["scan"] == scan].set_index("factor")["changes_features"]
    order = sorted(own.index, key=lambda name: (judged.get(name) != YES, -own[name], name))
    return [str(name) for name in order[:_MOST_FACTORS]]


def _label(factor: str) -> str:
    return sentence_case(factor_name(factor))


def _draw(
    axes: Axes, rows: pd.DataFrame, factors: pd.DataFrame, shown: list[str], families: list[str]
) -> None:
    columns = ["all", *families]
    everything = pd.concat([rows.assign(family="all"), rows])
    cells = everything.groupby(["factor", "family"]).agg(
        changed=("changed", "mean"), explained=("partial_omega2", "median")
    )
    index = pd.MultiIndex.from_product([shown, columns])
    share = cells["changed"].reindex(index).to_numpy(float).reshape(len(shown), -1)
    explained = cells["explained"].reindex(index).to_numpy(float).reshape(len(shown), -1)
    axes.set_facecolor(WASH)
    axes.imshow(share, cmap=SHARE, vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(share):
        if np.isfinite(value):
            axes.text(
                column, row, f"{100 * value:.0f}%\n{_percent(float(explained[row, column]))}",
                ha="center", va="center", fontsize=6.5, linespacing=1.1,
                color="white" if value > DARK else INK,
            )  # fmt: skip
    sizes = rows.drop_duplicates("feature").groupby("family").size()
    names = ["All", *(FAMILIES.get(name, name) for name in families)]
    counts = [int(sizes.sum()), *(int(sizes[name]) for name in families)]
    labels = [f"{name}\n({n})" for name, n in zip(names, counts, strict=True)]
    axes.set_xticks(range(len(columns)), labels)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(shown)), [_label(name) for name in shown])
    axes.tick_params(axis="both", length=0)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(shown) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=RULE, linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    if families:
        axes.axvline(0.5, color="white", linewidth=5)
    axes.spines[:].set_visible(False)
    _verdicts(axes, factors.set_index("factor"), shown, len(columns))
    axes.set_xlabel(
        "upper number, colour: share of features changed;\n"
        "lower number: median share of variance explained",
        color=FAINT, fontsize=7,
    )  # fmt: skip


def _verdicts(axes: Axes, factors: pd.DataFrame, shown: list[str], width: int) -> None:
    """Say at the right of each row whether the factor changes features at all."""
    judged = factors[["changes_features", "p_adjusted"]].to_dict("index")
    for place, name in enumerate(shown):
        verdict = str(judged[name]["changes_features"])
        changes = verdict == YES
        p = float(judged[name]["p_adjusted"])
        axes.annotate(
            f"{_VERDICTS[verdict]}\n{p_equals(p)}",
            (width - 0.4, place), va="center", fontsize=7, annotation_clip=False,
            color=INK if changes else FAINT, fontweight="bold" if changes else "normal",
        )  # fmt: skip


def _percent(share: float) -> str:
    """Omega squared may lie a little below zero: then nothing is explained."""
    return "–" if not np.isfinite(share) else f"{100 * max(share, 0.0):.0f}%"
