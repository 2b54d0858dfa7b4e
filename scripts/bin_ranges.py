"""The range of grey values of every ROI of a chunk, in every image that features come from."""

from pathlib import Path
from typing import Any

import pandas as pd
import SimpleITK as sitk

from rigoromics.errors import DataError
from rigoromics.extract import engine
from rigoromics.extract.bins import RANGE_COLUMNS, ranges_of
from rigoromics.extract.settings import ExtractionSettings
from scripts.tables import read_tsv, write_tsv


def main(
    *, index: Path, ranges: Path, settings: dict[str, dict[str, Any]], reference_rater: str
) -> dict[str, float]:
    """Write one row per ROI of the reference rater and image type.

    What cannot be read or used is left out here; extraction says so and why.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    masks = read_tsv(index).astype(str)
    masks = masks[masks["rater"] == reference_rater]
    known = {name: ExtractionSettings.model_validate(values) for name, values in settings.items()}
    rows: list[dict[str, Any]] = []
    for (_, _, name), scan in masks.groupby(["patient", "timepoint", "scan"], sort=True):
        if name in known:
            rows += _rows(index.parent, scan, known[name])
    write_tsv(pd.DataFrame(rows, columns=RANGE_COLUMNS), ranges)
    return {"rois": float(len(masks)), "rows": float(len(rows))}


def _rows(folder: Path, scan: pd.DataFrame, settings: ExtractionSettings) -> list[dict[str, Any]]:
    image = sitk.ReadImage(folder / scan["image_path"].iloc[0])
    masks = {str(n): sitk.ReadImage(folder / path) for n, path in scan["mask_path"].items()}
    try:
        found = ranges_of(engine.prepare(image, masks, settings), settings)
    except DataError:
        return []
    where = ["patient", "cohort", "timepoint", "scan", "roi"]
    return [{**scan.loc[int(row.pop("mask")), where].to_dict(), **row} for row in found]


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
