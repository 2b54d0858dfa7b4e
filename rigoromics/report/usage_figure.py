"""When the jobs of each step ran, and what memory they took of what they asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.report.style import COLOURS, FAINT, RULE, grid, new_figure, style

_LANE = 0.8
# Seconds up to which time is shown in a unit, and the unit.
_UNITS = [(90.0, 1.0, "s"), (5400.0, 60.0, "min"), (float("inf"), 3600.0, "h")]


@dataclass(frozen=True)
class Lane:
    """One step on the time line.

    Attributes
    ----------
    name
        The step.
    running
        Moments (s) at which the number of its running jobs changes, each with that number from
        then on; the last is 0.
    failed
        Moments (s) at which a job failed.
    used_mb, asked_mb
        Largest memory that a job took, and that one was given; 0 where nobody knows.
    """

    name: str
    running: Sequence[tuple[float, int]]
    failed: Sequence[float]
    used_mb: float
    asked_mb: float


def usage_figure(lanes: Sequence[Lane], length: float, pauses: Sequence[float]) -> Figure:
    """Return the time line of steps, with the memory that each took beside it.

    Parameters
    ----------
    lanes
        Steps, in the order in which they are shown from the top down.
    length
        Seconds that the time line is long.
    pauses
        Moments (s) at which a pause was cut out.
    """
    scale, unit = next((scale, unit) for most, scale, unit in _UNITS if length < most)
    with style():
        figure = new_figure(7.2, 0.8 + 0.23 * len(lanes))
        when, memory = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
        for place, lane in enumerate(lanes):
            _draw_running(when, place, lane, scale)
            _draw_memory(memory, place, lane)
        for pause in pauses:
            when.axvline(pause / scale, color=FAINT, linewidth=0.8, linestyle=(0, (3, 3)))
        when.set_yticks(range(len(lanes)), [lane.name for lane in lanes])
        when.set(ylim=(len(lanes) - 0.5, -0.5), xlim=(0, length / scale))
        when.set(title="Jobs running", xlabel=f"Time since the first job ({unit})")
        memory.set(title="Memory", xlabel="MB, of those asked for", xlim=(0, None))
        memory.tick_params(axis="y", length=0, labelleft=False)
        grid(when, "x")
        grid(memory, "x")
    return figure


def _draw_running(axes: Axes, place: int, lane: Lane, scale: float) -> None:
    """Draw how many jobs of a step ran, its own largest number as high as its lane."""
    floor, most = place + _LANE / 2, max((running for _, running in lane.running), default=0)
    axes.axhline(floor, color=RULE, linewidth=0.5)
    if most:
        moments = [moment / scale for moment, _ in lane.running]
        tops = [floor - _LANE * running / most for _, running in lane.running]
        # The outline keeps jobs of seconds visible in a study of hours.
        axes.fill_between(
            moments, floor, tops, step="post", color=COLOURS["radiomics"], linewidth=0.8
        )
    axes.plot(
        [moment / scale for moment in lane.failed],
        [place] * len(lane.failed),
        linestyle="none",
        marker="X",
        markersize=5.0,
        markeredgewidth=0.6,
        markeredgecolor="white",
        color=COLOURS["high"],
        clip_on=False,
        zorder=3,
    )


def _draw_memory(axes: Axes, place: int, lane: Lane) -> None:
    """Draw the memory that a step took inside the memory that it asked for."""
    axes.barh(place, lane.asked_mb, height=_LANE, facecolor="white", edgecolor=FAINT, linewidth=0.8)
    axes.barh(place, lane.used_mb, height=_LANE / 2, color=COLOURS["radiomics"])
