"""A nomogram: a linear signature as a ruler, for those who want to apply it by hand.

References
----------
Iasonos A, Schrag D, Raj GV, Panageas KS. How to build and interpret a nomogram for cancer
prognosis. J Clin Oncol 2008;26:1364.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.special import expit, logit

from rigoromics.report.style import FAINT, INK, new_figure, style
from rigoromics.report.wording import feature_name, is_survival

Floats = NDArray[np.float64]
MOST_PREDICTORS = 10
# How far the axis of a number reaches: the signature holds no patient's value, so no range.
_SPREAD = 2.0
_PROBABILITIES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Scale:
    """One predictor's axis: values and the points that each gives."""

    name: str
    values: Floats
    points: Floats
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Nomogram:
    """Scales of a linear signature; `linear(total)` is its linear predictor.

    The largest effect spans 100 points; no predictor gives less than 0.
    """

    scales: tuple[Scale, ...]
    per_point: float
    at_zero: float
    baseline_hazard: float | None

    @property
    def most(self) -> float:
        """The largest total within the axes."""
        return float(sum(scale.points.max() for scale in self.scales))

    def linear(self, total: Floats) -> Floats:
        """Return the linear predictor at a total of points."""
        return np.asarray(self.at_zero + self.per_point * total)

    def probability(self, total: Floats) -> Floats:
        """Return the probability of the event (by the horizon) at a total of points."""
        linear = self.linear(total)
        if self.baseline_hazard is None:
            return np.asarray(expit(linear))
        return np.asarray(1.0 - np.exp(-self.baseline_hazard * np.exp(linear)))

    def total(self, probability: Floats) -> Floats:
        """Return the total of points that gives a probability."""
        if self.baseline_hazard is None:
            linear = logit(probability)
        else:
            linear = np.log(-np.log1p(-probability) / self.baseline_hazard)
        return np.asarray((linear - self.at_zero) / self.per_point)


def nomogram(signature: Mapping[str, Any], endpoint: Mapping[str, Any]) -> Nomogram | str:
    """Return the nomogram of a signature, or why it has none.

    Parameters
    ----------
    signature
        The content of signature.json.
    endpoint
        The endpoint's config.
    """
    rows = signature.get("features", [])
    if rows and "coefficient" not in rows[0]:
        return "a forest is not a sum of effects"
    used = [row for row in rows if row["coefficient"] != 0.0]
    if not used:
        return "the signature uses no predictor"
    if len(used) > MOST_PREDICTORS:
        return f"{len(used)} predictors are too many for one"
    hazard = signature.get("baseline_hazard_at_horizon") if is_survival(endpoint) else None
    intercept = 0.0 if is_survival(endpoint) else signature.get("intercept")
    if intercept is None or (is_survival(endpoint) and not hazard):
        return "the signature lacks its intercept or its baseline hazard"
    axes = [(row, *_values(row)) for row in used]
    effects = [
        row["coefficient"] * (values - row["mean"]) / row["standard_deviation"]
        for row, values, _ in axes
    ]
    widest = max(float(np.ptp(effect)) for effect in effects)
    scales = tuple(
        Scale(
            feature_name(str(row["feature"])), values, (effect - effect.min()) / widest * 100, marks
        )
        for (row, values, marks), effect in zip(axes, effects, strict=True)
    )
    at_zero = float(intercept) + sum(float(effect.min()) for effect in effects)
    order = sorted(scales, key=lambda scale: -float(scale.points.max()))
    return Nomogram(tuple(order), widest / 100, at_zero, hazard)


def _values(row: Mapping[str, Any]) -> tuple[Floats, tuple[str, ...]]:
    """Return the marks of an axis: no and yes of a level, round numbers of anything else."""
    if str(row["feature"]).startswith("clinical.") and "=" in str(row["feature"]):
        return np.array([0.0, 1.0]), ("no", "yes")
    middle, spread = float(row["mean"]), float(row["standard_deviation"])
    low, high = middle - _SPREAD * spread, middle + _SPREAD * spread
    ticks = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    marks = np.asarray(ticks, dtype=np.float64)
    step = marks[1] - marks[0]
    marks = marks[(marks >= low - step / 2) & (marks <= high + step / 2)]
    digits = max(0, -math.floor(math.log10(step) + 1e-9) + (1 if f"{step:e}"[2:3] == "5" else 0))
    large = np.abs(marks).max() >= 1e5 or digits > 4
    texts = tuple(f"{m:.3g}" if large else f"{m:.{digits}f}" for m in marks)
    return np.asarray(marks), tuple(text.replace("-", "−") for text in texts)


def nomogram_figure(found: Nomogram, endpoint: Mapping[str, Any]) -> Figure:
    """Return the drawing: points, one ruler per predictor, total points, probability.

    Parameters
    ----------
    found
        From :func:`nomogram`.
    endpoint
        The endpoint's config, for the name of the outcome.
    """
    names = ["Points", *(scale.name for scale in found.scales), "Total points", _outcome(endpoint)]
    most = math.ceil(found.most / 20.0) * 20.0
    with style():
        figure = new_figure(7.2, 0.55 + 0.5 * len(names))
        axes = figure.subplots()
        hundred = np.arange(0.0, 101.0, 10.0)
        _ruler(axes, 0, hundred, [f"{p:.0f}" for p in hundred])
        for y, scale in enumerate(found.scales, start=1):
            _ruler(axes, y, scale.points, list(scale.labels))
        y = len(found.scales) + 1
        step = next(s for s in (5, 10, 20, 25, 50, 100, 200) if most / s <= 12)
        totals = np.arange(0.0, most + 1e-9, step)
        _ruler(axes, y, totals / most * 100, [f"{t:.0f}" for t in totals], strong=True)
        chances, places = _chances(found, most)
        _ruler(axes, y + 1, places / most * 100, [f"{p:g}" for p in chances], strong=True)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.35, -0.75)
        axes.set_xlim(-2, 102)
        axes.set_xticks([])
        axes.tick_params(axis="y", length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    return figure


def _outcome(endpoint: Mapping[str, Any]) -> str:
    if is_survival(endpoint):
        return f"Probability of the event by {endpoint['horizon']:g} {endpoint['unit']}"
    return f"Probability: {endpoint['label']}"


def _chances(found: Nomogram, most: float) -> tuple[Floats, Floats]:
    """Return the probabilities that lie within the axis and do not crowd it, and their totals."""
    chances = np.array(_PROBABILITIES)
    places = found.total(chances)
    inside = (places >= 0.0) & (places <= most)
    chances, places = chances[inside], places[inside]
    if chances.size < 2:
        places = np.linspace(0.0, most, 5)
        return np.round(found.probability(places), 3), places
    kept = [0]
    for number in range(1, places.size):
        if places[number] - places[kept[-1]] >= 0.045 * most:
            kept.append(number)
    return chances[kept], places[kept]


def _ruler(axes: Axes, y: int, at: Floats, labels: list[str], *, strong: bool = False) -> None:
    axes.plot([at.min(), at.max()], [y, y], color=INK, linewidth=1.3 if strong else 0.9)
    axes.vlines(at, y, y + 0.14, color=INK, linewidth=0.7)
    last = -math.inf
    for place, label in sorted(zip(at.tolist(), labels, strict=True)):
        # Short rulers keep the labels that fit.
        if place - last < 1.1 * len(label) + 0.8:
            continue
        last = place
        axes.text(place, y - 0.1, label, ha="center", va="bottom", fontsize=7, color=INK)
    if y == 0:
        axes.vlines(at, y, y + 0.14, color=FAINT, linewidth=0.7)
