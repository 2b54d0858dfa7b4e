"""Judge which features survive a redrawn contour, a second scan and perturbations."""

import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.report.family_figures import family_figures
from rigoromics.report.stability_figure import stability_figure
from rigoromics.report.style import save
from rigoromics.stability.measures import bland_altman_table, repeatability_table
from rigoromics.stability.sentences import sentences_table
from rigoromics.stability.survivors import overlap_table, size_table, survivors_table
from rigoromics.stability.table import stability_rules, stability_table
from scripts.tables import write_parquet, write_tsv

logger = logging.getLogger(__name__)


def main(
    *,
    repeats: Path,
    table: Path,
    table_tsv: Path,
    repeatability: Path,
    bland_altman: Path,
    survivors: Path,
    overlap: Path,
    sizes: Path,
    sentences: Path,
    picture: Path,
    families: Path,
    settings: dict[str, dict[str, Any]],
    volume_feature: str,
) -> dict[str, float | str]:
    """Write the tables of stability and their pictures; count stable features per design.

    Parameters
    ----------
    repeats
        Repeated measurements of the development patients.
    table, table_tsv
        Written: ICC and verdict of every feature under every design.
    repeatability, bland_altman
        Written: concordance, within-subject variation, and limits of agreement.
    survivors, overlap, sizes
        Written: what is stable, by family and filter, by design, and by size of the ROI.
    sentences
        Written: one sentence per feature.
    picture, families
        Written: the picture of all features; the folder of a picture per family.
    settings
        Rule of each design, as in the config.
    volume_feature
        The feature that stands for volume.
    """
    measured = pd.read_parquet(repeats)
    judged = stability_table(measured, settings)
    spread = repeatability_table(measured)
    write_parquet(judged, table)
    write_tsv(judged, table_tsv)
    write_tsv(spread, repeatability)
    write_tsv(bland_altman_table(measured), bland_altman)
    write_tsv(survivors_table(judged), survivors)
    write_tsv(overlap_table(judged), overlap)
    write_tsv(size_table(measured, settings, volume_feature), sizes)
    write_tsv(sentences_table(judged, spread), sentences)
    save(stability_figure(judged, stability_rules(settings)), picture)
    _draw_families(judged, families)
    metrics: dict[str, float | str] = {}
    if judged.empty:
        logger.info("Nothing was measured twice: nothing was judged.")
    for design, rows in judged.groupby("design"):
        metrics[f"stable_{design}"] = float(rows["stable"].sum())
        metrics[f"judged_{design}"] = float(len(rows))
        metrics[f"patients_{design}"] = float(rows["n"].max())
        logger.info("%s: %d of %d features are stable.", design, rows["stable"].sum(), len(rows))
    return metrics


def _draw_families(judged: pd.DataFrame, folder: Path) -> None:
    # Families of a former run must not stay.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, figure in family_figures(judged).items():
        save(figure, folder / f"{name}.png")


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
