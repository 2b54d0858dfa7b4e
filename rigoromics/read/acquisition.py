"""How each scan was acquired, from its headers."""

from __future__ import annotations

from collections import Counter
from statistics import median

import pandas as pd

from rigoromics.read.scans import Scan

ACQUISITION_COLUMNS = [
    "patient",
    "cohort",
    "centre",
    "timepoint",
    "scan",
    "image",
    "modality",
    "manufacturer",
    "model",
    "software",
    "kernel",
    "kv",
    "exposure",
    "slice_thickness",
    "spacing_between_slices",
    "pixel_spacing",
    "rows",
    "columns",
    "slices",
    "contrast",
]
_LONGEST = 64


def acquisition_row(cohort: str, scan: Scan) -> dict[str, str]:
    """Return the acquisition of one scan; empty where the headers are silent.

    Slice values that vary (exposure under modulation) stand as their median. The gap between
    slices is the one measured from their positions. Free text stays out: contrast is yes or
    empty.
    """
    files = scan.series.files
    geometry = scan.series.geometry
    gap = geometry.spacing[2] if geometry is not None and len(files) > 1 else None
    return {
        "patient": scan.patient,
        "cohort": cohort,
        "centre": scan.centre,
        "timepoint": scan.timepoint,
        "scan": scan.name,
        "image": scan.key,
        "modality": scan.series.modality,
        "manufacturer": usual(files, "Manufacturer"),
        "model": usual(files, "ManufacturerModelName"),
        "software": usual(files, "SoftwareVersions"),
        "kernel": usual(files, "ConvolutionKernel"),
        "kv": _middle(files, "KVP"),
        "exposure": _middle(files, "Exposure"),
        "slice_thickness": _middle(files, "SliceThickness"),
        "spacing_between_slices": "" if gap is None else _number(gap),
        "pixel_spacing": _pixel_spacing(usual(files, "PixelSpacing")),
        "rows": usual(files, "Rows"),
        "columns": usual(files, "Columns"),
        "slices": str(len(files)),
        "contrast": "yes" if usual(files, "ContrastBolusAgent") else "",
    }


def usual(files: pd.DataFrame, keyword: str) -> str:
    """Return the most frequent value of a header field, in one short line."""
    counts = Counter(files[keyword].tolist())
    value = min(counts, key=lambda text: (-counts[text], text))
    return " ".join(str(value).split())[:_LONGEST]


def _middle(files: pd.DataFrame, keyword: str) -> str:
    try:
        values = [float(text) for text in files[keyword].tolist() if text]
    except ValueError:
        return ""
    return _number(median(values)) if values else ""


def _pixel_spacing(text: str) -> str:
    try:
        return " x ".join(_number(float(part)) for part in text.split("\\"))
    except ValueError:
        return ""


def _number(value: float) -> str:
    return f"{value:.6g}"
