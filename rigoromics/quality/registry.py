"""Every quality check: what it measures, how grave it is unless the config says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["image", "mask", "cohort"]
Severity = Literal["refused", "noted", "off"]
Outcome = Literal["passed", "noted", "refused", "not applicable"]

_REDRAW = "redraw the ROI, or set include to no in cases.tsv"
_LOOK = "look at the contact sheet; redraw the ROI if it is wrong"
_EXPORT = "export the original series again, or set include to no in cases.tsv"
_COPY = "find out whose scan it is, and set include to no in cases.tsv for the copy"

_SHAPE = "IBSI reference manual, morphological features"
_HU = "DICOM PS3.3 C.8.2.1 (CT Image Module)"
_SUV = "DICOM PS3.3 C.8.9.1 (PET Series Module)"
_OWN = "arithmetic"
_EVIDENCE = "rule of evidence 1: patients, not rows, are split"


@dataclass(frozen=True)
class Check:
    """One quality check.

    Attributes
    ----------
    id
        Its name in the config and in tables.
    title
        What it looks for, as a heading.
    level
        What it judges: an image, a mask, or scans and masks beside those of the whole cohort.
    severity
        What a failure means by default: the scan or mask is refused, or noted.
    measures
        What the value is.
    unit
        Of the value; empty for a pure number.
    limit
        When it fails, in words; a name in brackets is a key of `quality: limits:`.
    remedy
        What a person can do.
    source
        Where the limit comes from.
    """

    id: str
    title: str
    level: Level
    severity: Severity
    measures: str
    unit: str
    limit: str
    remedy: str
    source: str


@dataclass(frozen=True)
class Finding:
    """What one check found on one image or mask.

    Attributes
    ----------
    check
        The check's id.
    value
        What was measured; none where the check does not apply.
    limit
        The limit that counted, as text.
    problem
        What is wrong, as a sentence without its full stop; empty if nothing is.
    """

    check: str
    value: float | None
    limit: str = ""
    problem: str = ""

    def outcome(self, severity: Severity) -> Outcome:
        """Return what comes of it under a severity other than off."""
        if self.value is None:
            return "not applicable"
        if not self.problem or severity == "off":
            return "passed"
        return severity


_IMAGE = [
    Check(
        "not_finite", "Values that are no numbers", "image", "refused",
        "voxels that are NaN or infinite", "voxels", "more than 0", _EXPORT, _OWN,
    ),
    Check(
        "constant_image", "An image of one value", "image", "refused",
        "range of all grey values", "grey values", "0", _EXPORT, _OWN,
    ),
    Check(
        "ct_not_hu", "CT that is not in Hounsfield units", "image", "refused",
        "lowest value that is not padding", "HU", "0 or more: air and fat lie below",
        "export the series with its rescale slope and intercept", _HU,
    ),
    Check(
        "ct_grey_levels", "CT with the grey levels of a picture", "image", "noted",
        "different grey values, counted up to the limit", "values",
        "`grey_levels` or fewer, and close together: an 8-bit picture",
        "export the original series, not a picture of it", _HU,
    ),
]  # fmt: skip

_MASK = [
    Check(
        "one_slice", "One slice of a 3D scan", "mask", "refused",
        "slices that hold the ROI", "slices", "1, in a scan of several slices", _REDRAW, _SHAPE,
    ),
    Check(
        "contour_only", "Outlines instead of bodies", "mask", "refused",
        "voxels enclosed by the mask (seen from left, right, front and back within the slice), "
        "itself included, over its voxels", "times",
        "`enclosed_ratio` or more, with fewer than `core_share` of its voxels inside it",
        "fill the contours: export closed contours (CLOSED_PLANAR) or a filled mask", _SHAPE,
    ),
    Check(
        "hollow", "Holes that are larger than the walls", "mask", "noted",
        "voxels once closed holes are filled slice by slice, over voxels", "times",
        "`hollow_ratio` or more", _LOOK, _SHAPE,
    ),
    Check(
        "empty_slices", "Empty slices inside", "mask", "noted",
        "slices without the ROI between its first and last", "slices", "more than 0", _LOOK, _OWN,
    ),
    Check(
        "separate_parts", "Several parts", "mask", "noted",
        "parts that touch at no face, edge or corner", "parts", "more than 1", _LOOK, _OWN,
    ),
    Check(
        "specks", "Disconnected specks", "mask", "noted",
        "parts of at most `speck_voxels` voxels beside the largest part", "parts",
        "more than 0", "remove the specks, or redraw the ROI", _OWN,
    ),
    Check(
        "border", "Cut off by the image's border", "mask", "noted",
        "sides of the image that the ROI touches", "sides", "more than 0",
        "make sure that the scan holds the whole ROI", _OWN,
    ),
    Check(
        "volume_range", "A volume that this ROI cannot have", "mask", "refused",
        "volume: voxels times voxel size", "ml", "outside `rois: <roi>: volume_ml:`",
        "look at the contact sheet; redraw the ROI, or widen volume_ml", "the study's config",
    ),
    Check(
        "image_share", "The whole image", "mask", "refused",
        "share of the image's voxels in the ROI", "", "more than `image_share`",
        "make sure that the mask is not inverted, and that its label is the right one", _OWN,
    ),
    Check(
        "mesh_volume", "A mesh that encloses nothing", "mask", "refused",
        "signed volume of the surface mesh (IBSI RNU0)", "ml", "0 or less", _REDRAW, _SHAPE,
    ),
    Check(
        "sphericity_low", "Less compact than any solid", "mask", "refused",
        "sphericity of the surface mesh (IBSI QCFX)", "",
        "less than `sphericity`: a disc 30 times as wide as thick has 0.25, masks of contour "
        "points have 0.21 and less", _REDRAW, _SHAPE,
    ),
    Check(
        "sphericity_high", "Rounder than a sphere", "mask", "refused",
        "sphericity of the surface mesh (IBSI QCFX)", "", "more than 1", _REDRAW, _SHAPE,
    ),
    Check(
        "constant_roi", "One grey value in the whole ROI", "mask", "refused",
        "range of grey values in the ROI", "grey values", "0",
        "make sure that the mask lies on its own image", _OWN,
    ),
    Check(
        "ct_range", "CT values that no tissue has", "mask", "refused",
        "share of the ROI's voxels outside `ct_hu`", "", "more than `ct_share`",
        "make sure that the ROI lies inside the scanned field, and that the values are HU", _HU,
    ),
    Check(
        "suv_range", "An uptake that no lesion has", "mask", "refused",
        "highest SUV in the ROI", "SUV", "outside `suv`",
        "check weight, dose and units of the PET series", _SUV,
    ),
    Check(
        "pet_negative", "Negative uptake", "mask", "noted",
        "share of the ROI's voxels below 0", "", "more than `negative_share`",
        "check units and rescale slope of the PET series", _SUV,
    ),
    Check(
        "clipped", "Clipped grey values", "mask", "noted",
        "share of the ROI's voxels at the image's lowest or highest value", "",
        "more than `clipped_share`", "export the series with its full range of values", _OWN,
    ),
]  # fmt: skip

_COHORT = [
    Check(
        "pixels_two_patients", "The same pixels under two patients", "cohort", "refused",
        "share of the scan's sampled slices found in another patient of the same cohort", "",
        "`shared_slices` or more", _COPY, _EVIDENCE,
    ),
    Check(
        "pixels_two_cohorts", "One patient in two cohorts", "cohort", "refused",
        "share of the scan's sampled slices found in a patient of another cohort", "",
        "`shared_slices` or more", _COPY, _EVIDENCE,
    ),
    Check(
        "pixels_retest", "A retest that is the test", "cohort", "refused",
        "share of the retest's sampled slices found in the scan it repeats", "",
        "`shared_slices` or more",
        "take the second scan as retest, or set include to no for it in cases.tsv",
        "rule of evidence 4: stability is judged on repeated scans",
    ),
    Check(
        "pixels_two_scans", "Two scans of a patient with the same pixels", "cohort", "noted",
        "share of the scan's sampled slices found in another scan of the patient", "",
        "`shared_slices` or more", "check which series belongs to which scan and timepoint", _OWN,
    ),
    Check(
        "raters_identical", "Raters identical to the bit", "cohort", "refused",
        "raters of the ROI with exactly the same voxels", "raters", "more than 1",
        "ask for the other rater's own contours; a copy says nothing about agreement",
        "rule of evidence 4: stability is judged on independent contours",
    ),
    Check(
        "mask_two_rois", "One mask for two ROIs", "cohort", "noted",
        "ROIs of the rater with exactly the same voxels", "ROIs", "more than 1",
        "check the names under `rois`, and the contours", _OWN,
    ),
    Check(
        "mask_two_patients", "One mask for two patients", "cohort", "noted",
        "patients with exactly the same mask on the same grid", "patients", "more than 1",
        "make sure that each mask belongs to its patient", _OWN,
    ),
    Check(
        "spacing_outlier", "Voxels unlike the cohort's", "cohort", "noted",
        "slice distance or pixel size over the median of the same scan, whichever is further off",
        "times", "more than `spacing_ratio`, or less than 1 / `spacing_ratio`",
        "look at the acquisition table; resample, or set include to no", _OWN,
    ),
]  # fmt: skip

CHECKS: dict[str, Check] = {check.id: check for check in [*_IMAGE, *_MASK, *_COHORT]}
RANK: dict[str, int] = {"refused": 0, "noted": 1, "passed": 2, "not applicable": 3}
"""Outcomes from the worst to the best."""


def reference_page() -> str:
    """Return the Markdown page that lists every check."""
    lines = [
        "# Quality checks",
        "",
        "Made from `rigoromics/quality/registry.py`; a test keeps this page in step with it.",
        "",
        "Each check has a severity: `refused` leaves the scan or mask out and says why in the",
        "problems table, `noted` says it and goes on, `off` does not look. The config changes it",
        "under `quality: severity:`, and the limits under `quality: limits:`. Results lie in",
        "`results/<study>/quality/`: `cohort.html` to read first, a page per scan under `cases/`,",
        "and every measured value in `checks.tsv`.",
    ]
    titles = {
        "image": "Of each image",
        "mask": "Of each mask",
        "cohort": "Across the cohort",
    }
    for level, title in titles.items():
        lines += ["", f"## {title}", ""]
        lines += ["| check | looks for | severity | measures | fails at | remedy | source |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for check in CHECKS.values():
            if check.level == level:
                unit = f" ({check.unit})" if check.unit else ""
                cells = [f"`{check.id}`", check.title, check.severity, check.measures + unit]
                cells += [check.limit, check.remedy, check.source]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", _NOTES])


_NOTES = """\
## Why these limits

**Sphericity.** A solid body may be flat or long, but not without end: a disc 30 times as wide as
thick, and a rod 140 times as long as wide, have a sphericity of 0.25. Marching cubes add some 9%
of area to a round body. The lowest of the 605 lung tumours in the three cohorts of Hosny 2018 has
0.34. Masks that hold only the points of contours have published sphericities of 0.21 and less, and
shells of one voxel measured here have 0.12 to 0.21.

**Mesh volume.** PyRadiomics' mesh closes around any solid. Around voxels that touch by edges
only, it does not: what it encloses may come out below zero, and changes with the crop. The number
here is PyRadiomics' own, on the box around the mask.

**Outlines.** A voxel lies inside the mask if its four neighbours in the slice belong to it.
In a solid most do; in an outline none. Walls (bladder, myocardium) are outlines only if they are
one or two voxels thin; thicker ones are noted as `hollow`.

**Pixels.** Each scan has a hash of all voxel values, and hashes of eight of its slices, chosen
by the hashes themselves: the same slices are chosen wherever they turn up, so that a copy is
found under other headers, with slices missing, or in reverse order. A copy with changed
values is not found. Nothing is compared in pairs; ten thousand patients take seconds.
"""
