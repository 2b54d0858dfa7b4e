"""How many grey levels each bin setting gives in each cohort, before anything is learned."""

from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.errors import DataError
from rigoromics.extract.bins import advice, bins_table, chosen_bins
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.report.bins_figure import bins_figure
from rigoromics.report.style import save
from scripts.tables import read_tsv, write_tsv

NUMBERS = ["voxels", "minimum", "maximum", "iqr"]


def main(
    *, ranges: list[Path], table: Path, picture: Path, settings: dict[str, dict[str, Any]]
) -> dict[str, float]:
    """Write the table and its picture, and say which settings do not suit."""
    rows = pd.concat([read_tsv(path) for path in ranges], ignore_index=True)
    if not len(rows):
        raise DataError(
            "no ROI could be used, so there is nothing to choose bins for",
            "read images/*/problems.tsv for the reasons, case by case",
        )
    rows[NUMBERS] = rows[NUMBERS].astype(float)
    chosen = {
        (scan, image_type): own
        for scan, values in settings.items()
        for image_type, own in chosen_bins(ExtractionSettings.model_validate(values)).items()
    }
    found = bins_table(rows, chosen)
    write_tsv(found, table)
    save(bins_figure(found), picture)
    sentences = advice(found)
    for sentence in sentences:
        print(sentence)
    print(f"The table is {table}, the picture {picture}.")
    return {"rois": float(len(rows)), "unsuitable": float(len(sentences))}


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
