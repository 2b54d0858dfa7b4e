"""Histograms as SVG for the quality pages: plain text, the same for the same numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

# Okabe and Ito's colours, which colour-blind people tell apart.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"]
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 190, 36, 34, 10
BINS = 24


def histogram(groups: Mapping[str, Sequence[float]], label: str, *, log: bool = False) -> Markup:
    """Return a histogram, the groups stacked on each other.

    Parameters
    ----------
    groups
        Name to values; on a logarithmic axis, values that are not positive are left out.
    label
        What the axis shows, with its unit.
    log
        Whether the axis is logarithmic.
    """
    scale = math.log10 if log else float
    placed = {
        name: [scale(v) for v in values if math.isfinite(v) and (v > 0 or not log)]
        for name, values in groups.items()
    }
    every = [value for values in placed.values() for value in values]
    if not every:
        return Markup("")
    low, high = _range(min(every), max(every), log)
    counts = {name: _counts(values, low, high) for name, values in placed.items()}
    most = max(sum(column) for column in zip(*counts.values(), strict=True))
    bars = Markup("").join(_bars(counts, most))
    ticks = Markup("").join(_x_ticks(low, high, log))
    head = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
        WIDTH, HEIGHT, f"Histogram: {label}"
    )
    title = Markup('<text class="label" x="{}" y="{}" text-anchor="middle">{}</text>').format(
        (LEFT + WIDTH) / 2, HEIGHT - 4, label
    )
    return head + _y_axis(most) + bars + ticks + title + Markup("</svg>")


def legend(names: Sequence[str]) -> Markup:
    """Return the colours of groups, as :func:`histogram` gives them in the same order."""
    return Markup(" ").join(
        Markup('<span class="key"><i style="background:{}"></i>{}</span>').format(
            COLOURS[number % len(COLOURS)], escape(name)
        )
        for number, name in enumerate(names)
    )


def _range(low: float, high: float, log: bool) -> tuple[float, float]:
    if high > low:
        return low, high
    # All values are the same: one bar in the middle.
    margin = 0.5 if log else max(abs(low), 1.0) / 2
    return low - margin, high + margin


def _counts(values: Sequence[float], low: float, high: float) -> list[int]:
    counts = [0] * BINS
    for value in values:
        counts[min(int((value - low) / (high - low) * BINS), BINS - 1)] += 1
    return counts


def _bars(counts: Mapping[str, Sequence[int]], most: int) -> list[Markup]:
    step = (WIDTH - LEFT) / BINS
    floor = [0] * BINS
    bars = []
    for number, column in enumerate(counts.values()):
        colour = COLOURS[number % len(COLOURS)]
        for place, count in enumerate(column):
            if count:
                top = floor[place] + count
                bars.append(
                    Markup(
                        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}"/>'
                    ).format(
                        LEFT + place * step + 0.5,
                        _y(top, most),
                        step - 1,
                        _y(floor[place], most) - _y(top, most),
                        colour,
                    )
                )
                floor[place] = top
    return bars


def _y(count: float, most: int) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * count / most


def _y_axis(most: int) -> Markup:
    lines = Markup("")
    for count in sorted({0, most // 2 if most > 1 else 0, most}):
        y = _y(count, most)
        lines += Markup('<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(LEFT, WIDTH, y, y)
        lines += Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
            LEFT - 5, y + 4, count
        )
    return lines


def _x_ticks(low: float, high: float, log: bool) -> list[Markup]:
    ticks = []
    for place in _nice(low, high, log):
        x = LEFT + (WIDTH - LEFT) * (place - low) / (high - low)
        anchor = "end" if x > WIDTH - 14 else "middle"
        text = f"{10**place if log else place:.4g}"
        ticks.append(
            Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
                x, HEIGHT - BOTTOM + 15, anchor, text
            )
        )
    return ticks


def _nice(low: float, high: float, log: bool) -> list[float]:
    """Return places of ticks: 1, 2, 5 of each decade, or even steps."""
    if log:
        decades = range(math.floor(low), math.ceil(high) + 1)
        factors = (1,) if high - low > 3 else (1, 3) if high - low > 1.2 else (1, 2, 5)
        places = [decade + math.log10(factor) for decade in decades for factor in factors]
        inside = [place for place in places if low <= place <= high]
        return inside or [(low + high) / 2]
    raw = (high - low) / 5
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step) + 1)]
