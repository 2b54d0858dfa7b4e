"""Histograms as SVG: every value counted once, the same text for the same numbers."""

import re
from xml.etree import ElementTree

import numpy as np

from rigoromics.quality.charts import BOTTOM, HEIGHT, TOP, histogram, legend


def bars(svg):
    """(left, height) of each bar."""
    tree = ElementTree.fromstring(str(svg))
    return [(float(bar.get("x")), float(bar.get("height"))) for bar in tree.iter("rect")]


def highest(svg):
    """The number at the top of the axis."""
    return max(int(text) for text in re.findall(r'text-anchor="end">(\d+)<', str(svg)))


def test_bars_add_up_to_all_values_of_all_groups():
    rng = np.random.default_rng(1)
    groups = {"a": rng.normal(5, 1, 70).tolist(), "b": rng.normal(6, 2, 40).tolist()}
    svg = histogram(groups, "size, mm")
    unit = (HEIGHT - BOTTOM - TOP) / highest(svg)
    assert abs(sum(height for _, height in bars(svg)) / unit - 110) < 1
    assert svg == histogram(groups, "size, mm")
    assert "size, mm" in svg


def test_a_logarithmic_axis_gives_each_decade_the_same_width():
    places = [left for left, _ in bars(histogram({"a": [1, 10, 100, 0, -3]}, "ml", log=True))]
    assert len(places) == 3
    assert abs((places[1] - places[0]) - (places[2] - places[1])) < 17


def test_equal_values_no_values_and_odd_names():
    assert len(bars(histogram({"a": [0.8] * 5}, "mm"))) == 1
    assert histogram({"a": [], "b": [float("nan")]}, "mm") == ""
    assert "<b>" not in legend(["<b>", "x"]) + histogram({"<b>": [1, 2]}, "<b>")
