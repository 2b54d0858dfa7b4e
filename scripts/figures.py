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
    scores, null = _read(metrics), _read(permutation)
    people = pd.read_parquet(predictions)
    if kind(endpoint) in ("binary", "survival"):
        save(calibration_figure(_read(calibration), primary, endpoint, people), figure_calibration)
        save(decision_figure(_read(decision), primary), figure_decision)
    save(centres_figure(_read(centres), scores, primary, endpoint), figure_centres)
    save(permutation_figure(null, endpoint), figure_permutation)
    save(selection_figure(_read(selection)), figure_selection)
    save(controls_figure(scores, null, primary, endpoint), figure_controls)
    save(_subgroups(_read(subgroups), primary, endpoint), figure_subgroups)
    save(_nomogram(description, endpoint), figure_nomogram)
    if figure_details is not None:
        own = kind(endpoint) not in ("binary", "survival") and details is not None
        save(
            details_figure(_read(details), primary, endpoint)
            if own
            else not_applicable("Nothing further to show for this type of endpoint."),
            figure_details,
        )
    if kind(endpoint) not in ("binary", "survival"):
        for path in (
            figure_calibration,
            figure_decision,
            figure_kaplan_meier,
            figure_roc,
            figure_precision_recall,
            figure_auc_over_time,
        ):
            save(not_applicable("This figure does not go with the type of the endpoint."), path)
    elif is_survival(endpoint):
        curves = _read(kaplan_meier)
        save(
            kaplan_meier_figure(curves, scores, primary, endpoint["label"], endpoint["unit"]),
            figure_kaplan_meier,
        )
        save(not_applicable("No ROC curve: the endpoint is a time to an event."), figure_roc)
        over_time = auc_over_time_figure(_read(auc_over_time), primary, endpoint["unit"])
        save(over_time, figure_auc_over_time)
        save(not_applicable("No precision: the endpoint is a time."), figure_precision_recall)
    else:
        save(roc_figure(_read(roc), scores, primary), figure_roc)
        save(not_applicable("No survival curve: the endpoint is not a time."), figure_kaplan_meier)
        points = precision_recall_figure(_read(precision_recall), scores, primary)
        save(points, figure_precision_recall)
        save(not_applicable("No AUC over time: the endpoint is no time."), figure_auc_over_time)
    log.info("Figures for %s", endpoint["label"])


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
