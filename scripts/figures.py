"""Figures of one endpoint, from its validation tables."""

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from rigoromics.report.chance import permutation_figure, selection_figure
from rigoromics.report.curves import calibration_figure, decision_figure, roc_figure
from rigoromics.report.details_figure import details_figure
from rigoromics.report.further_figures import (
    auc_over_time_figure,
    precision_recall_figure,
    subgroups_figure,
)
from rigoromics.report.intervals import centres_figure, controls_figure
from rigoromics.report.kaplan_meier import kaplan_meier_figure
from rigoromics.report.nomogram import nomogram, nomogram_figure
from rigoromics.report.rows import typed
from rigoromics.report.style import not_applicable, save
from rigoromics.report.wording import is_survival, kind
from scripts.tables import read_tsv

log = logging.getLogger(__name__)


def main(
    *,
    metrics: Path,
    roc: Path,
    calibration: Path,
    decision: Path,
    kaplan_meier: Path,
    centres: Path,
    permutation: Path,
    selection: Path,
    predictions: Path,
    precision_recall: Path,
    auc_over_time: Path,
    subgroups: Path,
    description: Path,
    figure_roc: Path,
    figure_calibration: Path,
    figure_decision: Path,
    figure_kaplan_meier: Path,
    figure_centres: Path,
    figure_permutation: Path,
    figure_selection: Path,
    figure_controls: Path,
    figure_precision_recall: Path,
    figure_auc_over_time: Path,
    figure_subgroups: Path,
    figure_nomogram: Path,
    endpoint: dict[str, Any],
    primary: dict[str, str],
    details: Path | None = None,
    figure_details: Path | None = None,
) -> None:
    """Draw each figure as PNG and, beside it, SVG."""
    drawn = {
        figure_centres: centres_figure(_read(centres), _read(metrics), primary, endpoint),
        figure_permutation: permutation_figure(_read(permutation), endpoint),
        figure_selection: selection_figure(_read(selection)),
        figure_controls: controls_figure(_read(metrics), _read(permutation), primary, endpoint),
        figure_subgroups: _subgroups(_read(subgroups), primary, endpoint),
        figure_nomogram: _nomogram(description, endpoint),
    }
    if figure_details is not None:
        drawn[figure_details] = _details(details, primary, endpoint)
    sources = {"roc": roc, "calibration": calibration, "decision": decision,
               "kaplan_meier": kaplan_meier, "precision_recall": precision_recall,
               "auc_over_time": auc_over_time}  # fmt: skip
    targets = {"roc": figure_roc, "calibration": figure_calibration, "decision": figure_decision,
               "kaplan_meier": figure_kaplan_meier, "precision_recall": figure_precision_recall,
               "auc_over_time": figure_auc_over_time}  # fmt: skip
    curves = _curves({**sources, "metrics": metrics, "predictions": predictions}, primary, endpoint)
    drawn |= {targets[name]: figure for name, figure in curves.items()}
    for path, figure in drawn.items():
        save(figure, path)
    log.info("Figures for %s", endpoint["label"])


def _curves(
    sources: dict[str, Path], primary: dict[str, str], endpoint: dict[str, Any]
) -> dict[str, Figure]:
    """Return the figures that depend on the type of the endpoint, by name."""
    if kind(endpoint) not in ("binary", "survival"):
        words = "This figure does not go with the type of the endpoint."
        names = [name for name in sources if name not in ("metrics", "predictions")]
        return {name: not_applicable(words) for name in names}
    people = pd.read_parquet(sources["predictions"])
    own = _of_time if is_survival(endpoint) else _of_event
    return {
        "calibration": calibration_figure(_read(sources["calibration"]), primary, endpoint, people),
        "decision": decision_figure(_read(sources["decision"]), primary),
        **own(sources, primary, endpoint),
    }


def _of_time(
    sources: dict[str, Path], primary: dict[str, str], endpoint: dict[str, Any]
) -> dict[str, Figure]:
    scores, unit = _read(sources["metrics"]), endpoint["unit"]
    curves = _read(sources["kaplan_meier"])
    return {
        "kaplan_meier": kaplan_meier_figure(curves, scores, primary, endpoint["label"], unit),
        "roc": not_applicable("No ROC curve: the endpoint is a time to an event."),
        "auc_over_time": auc_over_time_figure(_read(sources["auc_over_time"]), primary, unit),
        "precision_recall": not_applicable("No precision: the endpoint is a time."),
    }


def _of_event(
    sources: dict[str, Path], primary: dict[str, str], endpoint: dict[str, Any]
) -> dict[str, Figure]:
    scores = _read(sources["metrics"])
    points = _read(sources["precision_recall"])
    return {
        "roc": roc_figure(_read(sources["roc"]), scores, primary),
        "kaplan_meier": not_applicable("No survival curve: the endpoint is not a time."),
        "precision_recall": precision_recall_figure(points, scores, primary),
        "auc_over_time": not_applicable("No AUC over time: the endpoint is no time."),
    }


def _details(details: Path | None, primary: dict[str, str], endpoint: dict[str, Any]) -> Figure:
    if details is None or kind(endpoint) in ("binary", "survival"):
        return not_applicable("Nothing further to show for this type of endpoint.")
    return details_figure(_read(details), primary, endpoint)


def _subgroups(table: pd.DataFrame, primary: dict[str, str], endpoint: dict[str, Any]) -> Figure:
    if table.empty:
        return not_applicable("No subgroups: the study has none of their variables.")
    return subgroups_figure(table, primary, endpoint)


def _nomogram(description: Path, endpoint: dict[str, Any]) -> Figure:
    found = nomogram(json.loads(description.read_text(encoding="utf-8")), endpoint)
    if isinstance(found, str):
        return not_applicable(f"No nomogram: {found}.")
    return nomogram_figure(found, endpoint)


def _read(path: Path) -> pd.DataFrame:
    return typed(read_tsv(path))


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
