"""Flow diagram of patients: identified, excluded with reasons, analysed (STROBE, TRIPOD)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from rigoromics.report.style import COLOURS, FAINT, INK, RULE, WASH, new_figure, style

_MOST_REASONS = 6


def exclusion_reasons(exclusions: pd.DataFrame, cohort: str) -> list[tuple[str, int]]:
    """Return a cohort's reasons for exclusion with their counts, the most frequent first."""
    own = exclusions.loc[exclusions["cohort"] == cohort, "reason"].astype(str)
    counts = own.value_counts()
    ordered = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    reasons = [(str(reason), int(n)) for reason, n in ordered]
    if len(reasons) <= _MOST_REASONS:
        return reasons
    rest = reasons[_MOST_REASONS - 1 :]
    other = (f"other ({len(rest)} reasons)", sum(n for _, n in rest))
    return [*reasons[: _MOST_REASONS - 1], other]


def flow_figure(
    flow: pd.DataFrame,
    exclusions: pd.DataFrame,
    roles: Mapping[str, str],
    endpoints: Mapping[str, str],
) -> Figure:
    """Return the flow diagram, one column of boxes per cohort.

    Parameters
    ----------
    flow
        Columns cohort, step, n; steps identified, `excluded: ...`, with features,
        `analysed: <endpoint>`.
    exclusions
        Columns patient, cohort, stage, reason.
    roles
        Cohort to role; cohorts come in this order, others after them.
    endpoints
        Endpoint to what the paper calls it.
    """
    known = [c for c in roles if c in set(flow["cohort"])]
    cohorts = [*known, *sorted(set(flow["cohort"]) - set(known))]
    texts = [_texts(flow, exclusions, c, endpoints) for c in cohorts]
    sizes = [max(_height(text[i]) for text in texts) for i in range(3)]
    gap, head, width = 0.34, 0.55, 2.75
    total = head + sum(sizes) + 2 * gap + 0.1
    with style():
        figure = new_figure(width * len(cohorts), total)
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width * len(cohorts)), ylim=(0, total))
        axes.set_axis_off()
        for column, (cohort, text) in enumerate(zip(cohorts, texts, strict=True)):
            left = column * width + 0.12
            _heading(axes, left, total - 0.1, width - 0.24, cohort, roles.get(cohort, ""))
            top = total - head
            for i, words in enumerate(text):
                side = 0.5 if i == 1 else 0.0
                _box(axes, left + side, top, width - 0.24 - side, sizes[i], words, kind=i)
                top -= sizes[i] + gap
            _arrows(axes, left, total - head, sizes, gap, bool(text[1]))
    return figure


def _texts(
    flow: pd.DataFrame, exclusions: pd.DataFrame, cohort: str, endpoints: Mapping[str, str]
) -> tuple[str, str, str]:
    steps = flow[flow["cohort"] == cohort].set_index("step")["n"]
    identified = f"Identified\nn = {int(steps.get('identified', 0))}"
    reasons = exclusion_reasons(exclusions, cohort)
    out = sum(n for _, n in reasons)
    lines = [f"Excluded, n = {out}"] if out else []
    for reason, n in reasons:
        lines += textwrap.wrap(f"{n}  {reason}", 34, subsequent_indent="     ")
    analysed = [f"Analysed, n = {int(steps.get('with features', 0))}"]
    for name, label in endpoints.items():
        if f"analysed: {name}" in steps.index:
            text = f"{label} known: {int(steps[f'analysed: {name}'])}"
            analysed += textwrap.wrap(text, 36)
    return identified, "\n".join(lines), "\n".join(analysed)


def _height(text: str) -> float:
    lines = text.count("\n") + 1 if text else 0
    return 0.18 + 0.155 * lines if lines else 0.1


def _heading(axes: Axes, left: float, top: float, width: float, cohort: str, role: str) -> None:
    colour = COLOURS.get(role, FAINT)
    axes.text(
        left + width / 2, top - 0.07, cohort.replace("_", " "), ha="center", va="top",
        fontweight="bold", fontsize=9, color=colour,
    )  # fmt: skip
    if role and role != cohort:
        axes.text(
            left + width / 2, top - 0.26, role, ha="center", va="top", fontsize=7, color=FAINT
        )


def _box(
    axes: Axes, left: float, top: float, width: float, height: float, text: str, kind: int
) -> None:
    if not text:
        return
    axes.add_patch(
        FancyBboxPatch(
            (left, top - height), width, height, boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=WASH if kind != 1 else "white", edgecolor=RULE if kind == 1 else FAINT,
            linewidth=0.8,
        )
    )  # fmt: skip
    head, _, rest = text.partition("\n")
    if kind == 1:
        axes.text(left + 0.09, top - 0.09, head, ha="left", va="top", fontsize=7.5, weight="bold")
        axes.text(
            left + 0.09, top - 0.09 - 0.155, rest, ha="left", va="top", fontsize=7,
            linespacing=1.45, color=INK,
        )  # fmt: skip
        return
    middle = left + width / 2
    axes.text(middle, top - 0.09, head, ha="center", va="top", fontsize=8, weight="bold")
    axes.text(
        middle, top - 0.09 - 0.165, rest, ha="center", va="top", fontsize=7.5, linespacing=1.4
    )


def _arrows(
    axes: Axes, left: float, top: float, sizes: list[float], gap: float, branch: bool
) -> None:
    stem = left + 0.25
    start = top - sizes[0]
    end = start - 2 * gap - sizes[1]
    arrow = {"arrowstyle": "-|>", "color": FAINT, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (stem, end), (stem, start), arrowprops=arrow)
    if branch:
        middle = start - gap - sizes[1] / 2
        axes.annotate("", (left + 0.5, middle), (stem, middle), arrowprops=arrow)
