"""Figures of one endpoint, from its validation tables."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.report.chance import permutation_figure, selection_figure
from rigoromics.report.curves import calibration_figure, decision_figure, roc_figure
from rigoromics.report.intervals import centres_figure, controls_figure
from rigoromics.report.kaplan_meier import kaplan_meier_figure
from rigoromics.report.rows import typed
from rigoromics.report.style import not_applicable, save
from rigoromics.report.wording import is_survival
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
    figure_roc: Path,
    figure_calibration: Path,
    figure_decision: Path,
    figure_kaplan_meier: Path,
    figure_centres: Path,
    figure_permutation: Path,
    figure_selection: Path,
    figure_controls: Path,
    endpoint: dict[str, Any],
    primary: dict[str, str],
) -> None:
    """Draw each figure as PNG and, beside it, SVG."""
    scores, null = _read(metrics), _read(permutation)
    people = pd.read_parquet(predictions)
    save(calibration_figure(_read(calibration), primary, endpoint, people), figure_calibration)
    save(decision_figure(_read(decision), primary), figure_decision)
    save(centres_figure(_read(centres), scores, primary, endpoint), figure_centres)
    save(permutation_figure(null, endpoint), figure_permutation)
    save(selection_figure(_read(selection)), figure_selection)
    save(controls_figure(scores, null, primary, endpoint), figure_controls)
    if is_survival(endpoint):
        curves = _read(kaplan_meier)
        save(
            kaplan_meier_figure(curves, scores, primary, endpoint["label"], endpoint["unit"]),
            figure_kaplan_meier,
        )
        save(not_applicable("No ROC curve: the endpoint is a time to an event."), figure_roc)
    else:
        save(roc_figure(_read(roc), scores, primary), figure_roc)
        save(not_applicable("No survival curve: the endpoint is not a time."), figure_kaplan_meier)
    log.info("8 figures for %s", endpoint["label"])


def _read(path: Path) -> pd.DataFrame:
    return typed(read_tsv(path))


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
