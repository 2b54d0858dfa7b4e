"""Checks of scans and masks beside those of the whole cohort, joined by hashes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pandas as pd

from rigoromics.quality.registry import CHECKS, Finding
from rigoromics.quality.settings import Limits, Quality
from rigoromics.quality.tables import MASK, QUALITY_COLUMNS, quality_row, records

SCAN = ["patient", "timepoint", "scan"]
WITH = "with"
CHECK_COLUMNS = [*QUALITY_COLUMNS, WITH]


def check_cohort(
    index: pd.DataFrame, quality: Quality, retest_of: Mapping[str, str], reference_rater: str
) -> pd.DataFrame:
    """Return what the checks across the cohort find, a row per check and scan or mask.

    Every join is by hash, so that time grows with the number of masks, not with its square.

    Parameters
    ----------
    index
        Rows of all chunks' `index.tsv`, as text.
    quality
        The study's severities and limits.
    retest_of
        Retest scan to the scan it repeats.
    reference_rater
        Of raters with the same mask, this one's is kept; else the first by name.

    Returns
    -------
    pandas.DataFrame
        Columns `CHECK_COLUMNS`; `with` names the patient, scan, ROI or rater on the other side.
    """
    masks = index.sort_values(MASK, ignore_index=True)
    scans = masks.drop_duplicates(SCAN, ignore_index=True).assign(roi="", rater="")
    found = [
        *_pixels(scans, quality.limits, retest_of),
        *_spacings(scans, quality.limits),
        *_raters(masks, reference_rater),
        *_same_mask(
            masks,
            "mask_two_rois",
            [*SCAN, "rater", "mask_sha256"],
            "roi",
            "the rater's mask of another ROI of the scan has exactly the same voxels",
        ),
        *_same_mask(
            masks,
            "mask_two_patients",
            ["mask_sha256"],
            "patient",
            "another patient's mask has exactly the same voxels",
        ),
    ]
    rows = [
        quality_row(where, finding, quality.severity_of(finding.check)) | {WITH: other}
        for where, finding, other in found
        if quality.severity_of(finding.check) != "off"
    ]
    return pd.DataFrame(rows, columns=CHECK_COLUMNS)


_Found = tuple[dict[str, Any], Finding, str]


def _pixels(scans: pd.DataFrame, limits: Limits, retest_of: Mapping[str, str]) -> list[_Found]:
    """Look for each scan's sampled slices, or else its whole volume, in other scans."""
    keys = scans["image_slices"].where(scans["image_slices"] != "", scans["image_voxels"])
    long = scans.assign(key=keys.str.split()).explode("key", ignore_index=True)
    count = long.groupby(SCAN, sort=False)["key"].transform("size")
    long["weight"] = 1.0 / count
    twice = long[long.duplicated("key", keep=False)]
    shared = _shared(twice, retest_of)
    found: list[_Found] = []
    for row in records(scans):
        own = shared.get(tuple(row[name] for name in SCAN), {})
        for check, problem in _SAME_PIXELS.items():
            if check == "pixels_retest" and row["scan"] not in retest_of:
                found.append((row, Finding(check, None), ""))
                continue
            share, other = own.get(check, (0.0, ""))
            failed = share >= limits.shared_slices
            limit = f"less than {limits.shared_slices:g}"
            finding = Finding(check, share, limit, problem if failed else "")
            found.append((row, finding, other if failed else ""))
    return found


_SAME_PIXELS = {
    "pixels_two_patients": "the scan has the same pixels as the scan of another patient",
    "pixels_two_cohorts": "the scan has the same pixels as the scan of a patient in another "
    "cohort: one patient would be on both sides",
    "pixels_retest": "the retest has the same pixels as the scan it repeats",
    "pixels_two_scans": "the scan has the same pixels as another scan of the patient",
}


def _shared(
    twice: pd.DataFrame, retest_of: Mapping[str, str]
) -> dict[tuple[str, ...], dict[str, tuple[float, str]]]:
    """Return, for each scan and check, the share of slices found elsewhere, and where.

    Parameters
    ----------
    twice
        One row per scan and sampled slice, of slices that several scans have.
    retest_of
        Retest scan to the scan it repeats.
    """
    shared: dict[tuple[str, ...], dict[str, tuple[float, str]]] = {}
    for _, group in twice.groupby("key", sort=True):
        rows = records(group)
        owners = _Owners(rows, retest_of)
        for row in rows:
            own = shared.setdefault(tuple(row[name] for name in SCAN), {})
            for check, other in owners.beside(row).items():
                share, first = own.get(check, (0.0, other))
                own[check] = (share + row["weight"], first)
    return shared


class _Owners:
    """The scans that have one slice in common; says who else has it without comparing pairs."""

    def __init__(self, rows: list[dict[str, Any]], retest_of: Mapping[str, str]) -> None:
        self._retest_of = retest_of
        self._by_cohort: dict[str, tuple[str, str]] = {}
        self._by_patient: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in rows:
            cohort, patient = row["cohort"], row["patient"]
            low, high = self._by_cohort.get(cohort, (patient, patient))
            self._by_cohort[cohort] = (min(low, patient), max(high, patient))
            self._by_patient[patient].append((row["timepoint"], row["scan"]))
        self._cohorts = (min(self._by_cohort), max(self._by_cohort))

    def beside(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return, for each check that it matters to, one other scan that has the slice too."""
        low, high = self._by_cohort[row["cohort"]]
        first, last = self._cohorts
        other = last if row["cohort"] == first else first
        found = {
            "pixels_two_patients": high if row["patient"] == low else low,
            "pixels_two_cohorts": self._by_cohort[other][0],
        }
        if low == high:
            del found["pixels_two_patients"]
        if first == last:
            del found["pixels_two_cohorts"]
        for timepoint, scan in self._by_patient[row["patient"]]:
            if (timepoint, scan) != (row["timepoint"], row["scan"]):
                check = self._pair(row["scan"], scan)
                if check:
                    found.setdefault(check, f"{timepoint} {scan}")
        return found

    def _pair(self, one: str, other: str) -> str:
        if self._retest_of.get(one) == other:
            return "pixels_retest"
        # The scan that a retest repeats is the one to keep: nothing is said of it.
        return "" if self._retest_of.get(other) == one else "pixels_two_scans"


def _raters(masks: pd.DataFrame, reference_rater: str) -> list[_Found]:
    """Of raters with the same mask of an ROI, judge all but one as copies."""
    ordered = masks.assign(second=masks["rater"] != reference_rater)
    ordered = ordered.sort_values([*SCAN, "roi", "second", "rater"], ignore_index=True)
    by = [*SCAN, "roi", "mask_sha256"]
    several = ordered.groupby([*SCAN, "roi"])["rater"].transform("size") > 1
    raters = ordered.groupby(by, sort=False)["rater"].transform("size")
    first = ordered.groupby(by, sort=False)["rater"].transform("first")
    found: list[_Found] = []
    for row, applies, count, original in zip(records(ordered), several, raters, first, strict=True):
        copied = bool(row["rater"] != original)
        text = f"the segmentation equals that of rater {original} to the last voxel"
        value = (float(count) if copied else 1.0) if applies else None
        finding = Finding("raters_identical", value, "1", text if copied else "")
        found.append((row, finding, str(original) if copied else ""))
    return found


def _same_mask(
    masks: pd.DataFrame, check: str, by: list[str], what: str, problem: str
) -> list[_Found]:
    """Judge masks that are the same within a group for several values of a column."""
    groups = masks.groupby(by, sort=False)[what]
    found: list[_Found] = []
    for row, count, first, last in zip(
        records(masks),
        groups.transform("nunique"),
        groups.transform("min"),
        groups.transform("max"),
        strict=True,
    ):
        finding = Finding(check, float(count), "1", problem if count > 1 else "")
        other = last if row[what] == first else first
        found.append((row, finding, str(other) if count > 1 else ""))
    return found


def _spacings(scans: pd.DataFrame, limits: Limits) -> list[_Found]:
    """Compare each scan's voxel size with the median of all scans of its name."""
    numbers = scans["spacing"].str.removesuffix(" mm").str.split(" x ", expand=True)
    sizes = numbers.reindex(columns=range(3)).astype(float)
    ratios = sizes / sizes.groupby(scans["scan"]).transform("median")
    # The one further from 1, whichever way.
    off = ratios.where(ratios >= 1, 1 / ratios).to_numpy(dtype=float)
    worst = off.argmax(axis=1) if len(off) else []
    values, lengths = ratios.to_numpy(dtype=float), sizes.to_numpy(dtype=float)
    names = ("pixel size", "pixel size", "slice distance")
    found: list[_Found] = []
    for number, (row, axis) in enumerate(zip(records(scans), worst, strict=True)):
        ratio = float(values[number, axis])
        size = float(lengths[number, axis])
        text = (
            f"the {names[axis]} of the scan, {size:.3g} mm, is {ratio:.2g} times the median of "
            "the cohort"
        )
        failed = off[number, axis] > limits.spacing_ratio
        limit = f"{1 / limits.spacing_ratio:.3g} to {limits.spacing_ratio:g}"
        found.append((row, Finding("spacing_outlier", ratio, limit, text if failed else ""), ""))
    return found


def refused_masks(index: pd.DataFrame, checks: pd.DataFrame) -> pd.DataFrame:
    """Return the masks that cohort checks refuse: columns patient, timepoint, scan, roi, rater.

    A refused scan takes all its masks with it.
    """
    refused = checks[checks["outcome"] == "refused"]
    levels = refused["check"].map({name: check.level for name, check in CHECKS.items()})
    refused = refused[levels == "cohort"]
    scans = refused.loc[refused["roi"] == "", SCAN].drop_duplicates()
    whole = index[MASK].merge(scans, on=SCAN)
    single = index[MASK].merge(refused.loc[refused["roi"] != "", MASK].drop_duplicates(), on=MASK)
    both = pd.concat([whole, single], ignore_index=True).drop_duplicates()
    return both.sort_values(MASK, ignore_index=True)
