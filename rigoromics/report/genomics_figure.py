"""The heat map of features against genes, and a table that can be sorted in a browser."""

from __future__ import annotations

from html import escape

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage

from rigoromics.associate.genomics import Associations
from rigoromics.evaluate.estimate import Floats
from rigoromics.report.style import new_figure, not_applicable, style
from rigoromics.report.wording import feature_name

SORT = """
document.querySelectorAll('th').forEach((head, i) => head.onclick = () => {
  const body = document.querySelector('tbody'), up = head.dataset.up = head.dataset.up ? '' : '1';
  const value = row => row.cells[i].dataset.v ?? row.cells[i].textContent;
  [...body.rows].sort((a, b) => (up ? 1 : -1) * (isNaN(value(a)) ?
    value(a).localeCompare(value(b)) : value(a) - value(b))).forEach(row => body.append(row));
});
"""


def heat_map(found: Associations, alpha: float, most: int = 40) -> Figure:
    """Return the clustered heat map of the features and genes with the strongest pairs.

    Features and genes are ordered by average linkage of their rows and columns of correlations;
    a dot marks a false discovery rate below `alpha`.
    """
    if found.r.size == 0:
        return not_applicable("No pair of feature and gene.")
    strength = np.abs(found.r)
    rows = np.sort(np.argsort(-strength.max(axis=1), kind="stable")[:most])
    columns = np.sort(np.argsort(-strength[rows].max(axis=0), kind="stable")[:most])
    rows, columns = rows[_order(found.r[np.ix_(rows, columns)])], columns
    columns = columns[_order(found.r[np.ix_(rows, columns)].T)]
    shown = found.r[np.ix_(rows, columns)]
    with style():
        figure = new_figure(4.0 + 0.15 * len(columns), 1.6 + 0.15 * len(rows))
        axes = figure.subplots()
        limit = float(np.abs(shown).max()) or 1.0
        image = axes.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        where = np.argwhere(found.q[np.ix_(rows, columns)] < alpha)
        axes.plot(where[:, 1], where[:, 0], "o", color="black", markersize=1.8)
        axes.set_xticks(range(len(columns)), [found.genes[i] for i in columns], rotation=90)
        axes.set_yticks(range(len(rows)), [feature_name(found.features[i]) for i in rows])
        axes.tick_params(length=0, labelsize=5.5)
        bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=15)
        bar.set_label(f"Rank correlation\n{found.patients} patients; dots: FDR < {alpha:g}")
    return figure


def sortable(table: pd.DataFrame, about: str) -> str:
    """Return a page with the table; a click on a heading sorts by it."""
    head = "".join(f"<th>{escape(str(name))}</th>" for name in table.columns)
    body = "\n".join(
        "<tr>" + "".join(map(_cell, row)) + "</tr>" for row in table.itertuples(index=False)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Features and genes</title>'
        "<style>body{font:14px sans-serif;margin:2em}th{cursor:pointer;text-align:left}"
        "td,th{padding:2px 12px 2px 0}</style>"
        f"<h1>Features and genes</h1><p>{escape(about)} Click a heading to sort.</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
        f"<script>{SORT}</script></html>\n"
    )


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td data-v="{value!r}">{value:.3g}</td>'
    return f"<td>{escape(str(value))}</td>"


def _order(values: Floats) -> npt.NDArray[np.intp]:
    if len(values) < 3:
        return np.arange(len(values))
    return np.asarray(leaves_list(linkage(values, "average")), dtype=np.intp)
