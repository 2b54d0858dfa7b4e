"""Judge which features survive a redrawn contour and a second scan."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.report.stability_figure import stability_figure
from rigoromics.report.style import save
from rigoromics.stability.table import stability_rules, stability_table
from scripts.tables import write_parquet, write_tsv

logger = logging.getLogger(__name__)


def main(
    *,
    repeats: Path,
    table: Path,
    table_tsv: Path,
    picture: Path,
    settings: dict[str, dict[str, Any]],
) -> dict[str, float | str]:
    """Write the stability table and its picture; count stable features per design."""
    judged = stability_table(pd.read_parquet(repeats), settings)
    write_parquet(judged, table)
    write_tsv(judged, table_tsv)
    save(stability_figure(judged, stability_rules(settings)), picture)
    metrics: dict[str, float | str] = {}
    if judged.empty:
        logger.info("No patient has a second contour or a second scan: nothing was judged.")
    for design, rows in judged.groupby("design"):
        metrics[f"stable_{design}"] = float(rows["stable"].sum())
        metrics[f"judged_{design}"] = float(len(rows))
        metrics[f"patients_{design}"] = float(rows["n"].max())
        logger.info("%s: %d of %d features are stable.", design, rows["stable"].sum(), len(rows))
    return metrics


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
