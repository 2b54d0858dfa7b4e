"""One look for all figures, and files whose bytes depend on the data alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

INK = "#1f2933"
FAINT = "#8a949e"
RULE = "#d5dae0"
WASH = "#f3f5f7"

# Okabe & Ito (2008): told apart with every common kind of colour blindness.
COLOURS = {
    "radiomics": "#0072B2",
    "combined": "#009E73",
    "stacked": "#56B4E9",
    "deep": "#D55E00",
    "deep_stacked": "#7A5195",
    "clinical": "#E69F00",
    "volume": "#CC79A7",
    "shuffled": "#6b7680",
    "permuted": "#9aa5b1",
    "high": "#D55E00",
    "low": "#0072B2",
    "development": "#56A0CF",
    "external": "#0B4F7D",
}

_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    # Shipped with matplotlib, so that every machine draws the same letters.
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.labelsize": 8.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "svg.hashsalt": "rigoromics",
    "svg.fonttype": "path",
    "text.parse_math": False,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style inside this context; outside it nothing changes."""
    with mpl.rc_context(_RC):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure (inches) that belongs to no window and no global state."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08))
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, png: Path) -> None:
    """Write a figure as PNG (300 dpi) and, beside it, as SVG, without dates or versions."""
    png.parent.mkdir(parents=True, exist_ok=True)
    with style():
        figure.savefig(png, format="png", metadata={"Software": None})
        figure.savefig(
            png.with_suffix(".svg"), format="svg", metadata={"Date": None, "Creator": None}
        )


def not_applicable(reason: str) -> Figure:
    """Return a small neutral picture for a figure that this endpoint does not have."""
    with style():
        figure = new_figure(3.4, 0.7)
        figure.text(0.5, 0.5, reason, ha="center", va="center", color=FAINT)
    return figure


def grid(axes: Axes, axis: str = "both") -> None:
    """Draw faint grid lines behind the data."""
    axes.grid(visible=True, axis=axis, color=RULE, linewidth=0.5)  # type: ignore[arg-type]


def unit_square(axes: Axes) -> None:
    """Make an axes a square of probabilities with a diagonal of chance or of perfection."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
    grid(axes)
