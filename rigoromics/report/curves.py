"""ROC, calibration and decision curves of the primary signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rigoromics.report import rows as pick
from rigoromics.report.style import COLOURS, FAINT, RULE, grid, new_figure, style, unit_square
from rigoromics.report.wording import interval, is_survival

_SHORT = {pick.DEVELOPMENT: "Development, cross-validated", "external": "External"}


def roc_figure(roc: pd.DataFrame, metrics: pd.DataFrame, primary: Mapping[str, Any]) -> Figure:
    """Return the ROC curves of the primary signature, in development and outside.

    Parameters
    ----------
    roc
        Columns signature, model, cohort, split, policy, fpr, tpr.
    metrics
        The metrics table; its AUC and interval go into the legend.
    primary
        Keys signature, model, policy.
    """
    chosen = pick.of_primary(roc, primary)
    with style():
        figure = new_figure(4.1, 4.3)
        axes = figure.subplots()
        unit_square(axes)
        for split in _splits(chosen):
            _roc_curves(axes, chosen[chosen["split"] == split], metrics, primary, split)
        axes.set_xlabel("1 − specificity")
        axes.set_ylabel("Sensitivity")
        if len(chosen):
            axes.legend(loc="lower right", handlelength=1.6, borderaxespad=0.6)
    return figure


def _roc_curves(
    axes: Axes, rows: pd.DataFrame, metrics: pd.DataFrame, primary: Mapping[str, Any], split: str
) -> None:
    main = pick.pooled_cohort(rows, split)
    colour = COLOURS["development" if split == pick.DEVELOPMENT else "external"]
    for cohort, curve in rows.groupby("cohort", sort=True):
        if cohort != main:
            axes.plot(curve["fpr"], curve["tpr"], color=colour, linewidth=0.7, alpha=0.5, zorder=2)
    curve = rows[rows["cohort"] == main]
    row = pick.the_metric(metrics, primary, split, "auc")
    auc = "" if row is None else interval(row["estimate"], row["lower"], row["upper"])
    axes.plot(
        curve["fpr"],
        curve["tpr"],
        color=colour,
        linewidth=2.2 if split == "external" else 1.6,
        label=f"{_SHORT[split]}\nAUC {auc}",
        zorder=4 if split == "external" else 3,
    )


def calibration_figure(
    calibration: pd.DataFrame,
    primary: Mapping[str, Any],
    endpoint: Mapping[str, Any],
    predictions: pd.DataFrame | None = None,
) -> Figure:
    """Return calibration curves: smooth with its band, groups with theirs, and who is where.

    Parameters
    ----------
    calibration
        Columns signature, model, cohort, split, policy, predicted, observed, lower, upper, kind
        (curve or group).
    primary
        Keys signature, model, policy.
    endpoint
        The endpoint's config; survival endpoints are calibrated at their horizon.
    predictions
        Columns as of the predictions table; with it a histogram of predicted probabilities is
        drawn below each curve.
    """
    chosen = pick.of_primary(calibration, primary)
    splits = _splits(chosen)
    with style():
        figure = new_figure(0.5 + 3.3 * max(len(splits), 1), 4.2)
        panels = figure.subplots(1, max(len(splits), 1), squeeze=False)[0]
        for axes, split in zip(panels, splits, strict=False):
            _calibration_panel(axes, pick.pooled(chosen, split), split)
            if predictions is not None:
                rows = pick.of_primary(predictions, primary)
                rows = rows[rows["split"] == split].drop_duplicates("patient")
                _histogram(axes, event_probability(rows, is_survival(endpoint)))
        if splits:
            by = f" by {endpoint['horizon']:g} {endpoint['unit']}" if is_survival(endpoint) else ""
            panels[0].set_ylabel(f"Observed proportion with the event{by}")
            handles, names = panels[0].get_legend_handles_labels()
            figure.legend(handles, names, loc="outside lower center", ncols=len(splits) + 1)
    return figure


def _calibration_panel(axes: Axes, rows: pd.DataFrame, split: str) -> None:
    colour = COLOURS["development" if split == pick.DEVELOPMENT else "external"]
    unit_square(axes)
    curve = rows[rows["kind"] == "curve"].sort_values("predicted")
    groups = rows[rows["kind"] == "group"].sort_values("predicted")
    lower, upper = curve["lower"].clip(0, 1), curve["upper"].clip(0, 1)
    axes.fill_between(
        curve["predicted"], lower, upper, color=colour, alpha=0.18, linewidth=0, label="95% band"
    )
    axes.plot(curve["predicted"], curve["observed"], color=colour, label="smooth")
    below = (groups["observed"] - groups["lower"].clip(0, 1)).clip(lower=0)
    above = (groups["upper"].clip(0, 1) - groups["observed"]).clip(lower=0)
    axes.errorbar(
        groups["predicted"],
        groups["observed"],
        yerr=np.vstack([below.fillna(0), above.fillna(0)]),
        fmt="o",
        color=colour,
        markersize=4.5,
        markeredgecolor="white",
        elinewidth=0.9,
        label="groups, 95% interval",
        zorder=4,
    )
    axes.set_title(pick.SPLITS[split])
    axes.set_xlabel("Predicted probability")


def event_probability(predictions: pd.DataFrame, survival: bool) -> pd.Series[float]:
    """Return predicted probabilities of the event; survival tables hold those of its absence."""
    known = predictions["probability"].dropna()
    return 1 - known if survival else known


def _histogram(axes: Axes, probability: pd.Series[float]) -> None:
    counts, edges = np.histogram(probability.clip(0, 1), bins=25, range=(0, 1))
    if not counts.max(initial=0):
        return
    heights = 0.12 * counts / counts.max()
    axes.bar(
        edges[:-1], heights, width=np.diff(edges), align="edge", color=RULE, edgecolor="white",
        linewidth=0.4, zorder=1.5,
    )  # fmt: skip


def decision_figure(decision: pd.DataFrame, primary: Mapping[str, Any]) -> Figure:
    """Return decision curves: the primary, clinical and combined signatures, all, and none.

    Parameters
    ----------
    decision
        Columns signature, model, cohort, split, policy, threshold, net_benefit, treat_all.
    primary
        Keys signature, model, policy.

    References
    ----------
    Vickers AJ, Elkin EB. Decision curve analysis. Med Decis Making 2006;26:565.
    """
    own = pick.under_policy(decision[decision["model"] == primary["model"]], primary["policy"])
    splits = _splits(own)
    with style():
        figure = new_figure(0.5 + 3.5 * max(len(splits), 1), 3.4)
        panels = figure.subplots(1, max(len(splits), 1), squeeze=False, sharey=True)[0]
        for axes, split in zip(panels, splits, strict=False):
            _decision_panel(axes, pick.pooled(own, split), str(primary["signature"]), split)
        if splits:
            panels[0].set_ylabel("Net benefit")
            handles, names = panels[-1].get_legend_handles_labels()
            figure.legend(
                handles, names, loc="outside lower center", ncols=3 if len(splits) == 1 else 5
            )
    return figure


def _decision_panel(axes: Axes, rows: pd.DataFrame, primary: str, split: str) -> None:
    shown = [s for s in ("clinical", "combined", primary) if s in set(rows["signature"])]
    first = rows[rows["signature"] == primary].sort_values("threshold")
    axes.axhline(0, color=FAINT, linewidth=1.0, label="Treat none")
    axes.plot(
        first["threshold"], first["treat_all"], color=FAINT, linewidth=1.0,
        linestyle=(0, (4, 2)), label="Treat all",
    )  # fmt: skip
    for signature in dict.fromkeys(shown):
        curve = rows[rows["signature"] == signature].sort_values("threshold")
        axes.plot(
            curve["threshold"],
            curve["net_benefit"],
            color=COLOURS.get(signature, COLOURS["radiomics"]),
            linewidth=2.0 if signature == primary else 1.2,
            label=signature.capitalize(),
        )
    top = float(np.nanmax([*rows["net_benefit"], *first["treat_all"], 0.05]))
    axes.set_ylim(-0.2 * top, 1.15 * top)
    axes.set_xlim(0, max(float(rows["threshold"].max()), 0.1))
    axes.set_title(pick.SPLITS[split])
    axes.set_xlabel("Threshold probability")
    grid(axes)


def _splits(table: pd.DataFrame) -> list[str]:
    return [split for split in (pick.DEVELOPMENT, "external") if split in set(table["split"])]
