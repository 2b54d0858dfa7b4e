"""How many grey levels a bin width gives, and how wide bins of a fixed number are, ROI by ROI.

Texture depends on the number of grey levels more than on most else, and a width that suits a CT
gives one level in another image, or a thousand. This looks at grey values only, never at outcomes,
so that the choice can be made, and written down, before anything is learned.

What is a good number? Tixier et al. (J Nucl Med 2012;53:693-700) found 32 or more to keep the
information of FDG uptake, PyRadiomics' documentation names 16 to 128 as what studies used with good
reproducibility. Here `FEWEST` to `MOST` counts as suitable.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from rigoromics import preprocess
from rigoromics.extract import engine
from rigoromics.extract.backends import Backend, Features
from rigoromics.extract.images import sources
from rigoromics.extract.roi import Roi
from rigoromics.extract.settings import Discretisation, ExtractionSettings
from rigoromics.grid import Region

if TYPE_CHECKING:
    import pandas as pd

FEWEST, MOST = 16, 128
# Bin numbers that candidate widths are to cover, around the suitable ones.
COVERED = (8, 256)
NICE = (1.0, 2.0, 2.5, 5.0)
KEYS = ["cohort", "scan", "image_type"]
RANGE_COLUMNS = [
    "patient", "cohort", "timepoint", "scan", "roi", "image_type",
    "voxels", "minimum", "maximum", "iqr",
]  # fmt: skip
COLUMNS = [
    *KEYS, "setting", "chosen", "rois", "levels_p5", "levels_median", "levels_p95",
    "width_median", "suitable",
]  # fmt: skip


class _Ranges(Backend):
    """In place of features, the range of grey values."""

    def shape(self, image: sitk.Image, roi: Roi) -> Features:
        """Return nothing; see :meth:`Backend.shape`."""
        return {}

    def features(
        self,
        image: sitk.Image,
        rois: Mapping[str, Roi],
        boxes: Mapping[str, Region],
        changed: dict[str, Any],
    ) -> Iterator[tuple[str, Features]]:
        """Yield what :func:`roi_range` returns; see :meth:`Backend.features`."""
        values = sitk.GetArrayViewFromImage(image)
        for name, roi in rois.items():
            yield name, roi_range(preprocess.part_of(values, boxes[name])[roi.inside])


def ranges_of(scan: engine.Scan, settings: ExtractionSettings) -> list[dict[str, Any]]:
    """Return the range of grey values of every mask in every image that features come from.

    Parameters
    ----------
    scan, settings
        What :func:`rigoromics.extract.engine.prepare` returned, and was given.

    Returns
    -------
    list of dict
        `mask`, `image_type`, and what :func:`roi_range` returns. Masks that are refused are left
        out: extraction says why.
    """
    rows: list[dict[str, Any]] = []
    for mask, found in engine.extract(scan, settings, _Ranges).features.items():
        by_image: dict[str, dict[str, Any]] = {}
        for key, value in found.items():
            image_type, _, name = key.rpartition("_")
            by_image.setdefault(image_type, {"mask": mask, "image_type": image_type})[name] = value
        rows += by_image.values()
    return rows


def chosen_bins(settings: ExtractionSettings) -> dict[str, Discretisation]:
    """Return the discretisation of each image type, as the settings have it."""
    return {
        name: source.discretisation or settings.discretisation
        for source in sources(settings)
        for name in source.names
    }


def roi_range(values: npt.NDArray[Any]) -> dict[str, float]:
    """Return what the number of grey levels hangs on, of one ROI in one image.

    Parameters
    ----------
    values
        (voxels,) grey values inside the ROI.
    """
    low, q1, q3, high = np.percentile(values, [0, 25, 75, 100])
    return {
        "voxels": float(values.size),
        "minimum": float(low),
        "maximum": float(high),
        "iqr": float(q3 - q1),
    }


def levels_of_width(
    minimum: npt.ArrayLike, maximum: npt.ArrayLike, width: float
) -> npt.NDArray[np.float64]:
    """Return the number of levels that a bin width gives; edges are multiples of it (IBSI 2.7).

    Parameters
    ----------
    minimum, maximum
        Least and greatest value of each ROI; same shape.
    width
        Bin width, in grey values.

    Examples
    --------
    >>> levels_of_width([0.0, -10.0], [99.0, 100.0], 25)
    array([4., 6.])
    """
    first = np.floor(np.asarray(minimum, dtype=np.float64) / width)
    last = np.floor(np.asarray(maximum, dtype=np.float64) / width)
    return np.asarray(last - first + 1)


def candidate_widths(spans: npt.ArrayLike) -> list[float]:
    """Return round widths (1, 2, 2.5, 5 times a power of ten) worth looking at.

    Parameters
    ----------
    spans
        Greatest less least value of each ROI.

    Returns
    -------
    list of float
        Descending: from the one that gives the median ROI some 8 levels to some 256. Empty where
        ROIs are flat.

    Examples
    --------
    >>> candidate_widths([300.0, 500.0, 700.0])
    [50.0, 25.0, 20.0, 10.0, 5.0, 2.5, 2.0]
    """
    middle = float(np.median(np.asarray(spans, dtype=np.float64)))
    if not middle > 0:
        return []
    lowest, highest = middle / COVERED[1], middle / COVERED[0]
    powers = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    widths = [step * 10.0**power for power in powers for step in NICE]
    return sorted((w for w in widths if lowest <= w <= highest), reverse=True)


def bins_table(ranges: pd.DataFrame, chosen: dict[tuple[str, str], Discretisation]) -> pd.DataFrame:
    """Return the number of grey levels per cohort, image type and bin setting.

    Parameters
    ----------
    ranges
        One row per ROI and image type, columns `RANGE_COLUMNS`.
    chosen
        What the settings say, by scan and image type.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`: 5th, 50th and 95th percentile of the number of levels over ROIs, the
        median width of a bin, and the share of ROIs with `FEWEST` to `MOST` levels. `chosen` marks
        the settings' own row. Of a fixed bin number the levels are that number, and the width is
        what to look at.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    # One set of widths per image, so that cohorts stand beside each other.
    for (scan, image_type), own in chosen.items():
        image = ranges[(ranges["scan"] == scan) & (ranges["image_type"] == image_type)]
        if image.empty:
            continue
        widths = candidate_widths(image["maximum"] - image["minimum"])
        for cohort, group in image.groupby("cohort", sort=True):
            where = {"cohort": cohort, "scan": scan, "image_type": image_type}
            rows += [{**where, **row} for row in _settings_rows(group, own, widths)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _settings_rows(
    group: pd.DataFrame, own: Discretisation, widths: Sequence[float]
) -> Iterable[dict[str, Any]]:
    low, high = group["minimum"].to_numpy(float), group["maximum"].to_numpy(float)
    if own.bin_count is not None:
        levels = np.full(len(group), float(own.bin_count))
        yield _row(f"{own.bin_count} bins", True, levels, (high - low) / own.bin_count)
    every = sorted({*widths, *([own.bin_width] if own.bin_width else [])}, reverse=True)
    for width in every:
        levels = levels_of_width(low, high, width)
        yield _row(f"width {width:g}", width == own.bin_width, levels, np.full(len(group), width))


def _row(
    setting: str, chosen: bool, levels: npt.NDArray[np.float64], widths: npt.NDArray[np.float64]
) -> dict[str, Any]:
    p5, median, p95 = np.percentile(levels, [5, 50, 95])
    return {
        "setting": setting,
        "chosen": chosen,
        "rois": len(levels),
        "levels_p5": p5,
        "levels_median": median,
        "levels_p95": p95,
        "width_median": float(np.median(widths)),
        "suitable": float(((levels >= FEWEST) & (levels <= MOST)).mean()),
    }


def advice(table: pd.DataFrame) -> list[str]:
    """Return a sentence per image type whose own setting does not suit most ROIs.

    Parameters
    ----------
    table
        What :func:`bins_table` returns.
    """
    sentences = []
    for (cohort, scan, image_type), rows in table.groupby(KEYS, sort=False):
        own = rows[rows["chosen"]].iloc[0]
        if own["suitable"] >= 0.5:
            continue
        best = rows.sort_values("suitable", kind="stable", ascending=False).iloc[0]
        sentence = (
            f"{cohort}, {scan}, {image_type}: {own['setting']} gives {own['levels_p5']:g} to "
            f"{own['levels_p95']:g} levels (5th to 95th percentile of {own['rois']} ROIs), and "
            f"{own['suitable']:.0%} of ROIs have {FEWEST} to {MOST}"
        )
        if best["suitable"] > own["suitable"]:
            sentence += f"; {best['setting']} would suit {best['suitable']:.0%}"
        sentences.append(sentence + ".")
    return sentences
