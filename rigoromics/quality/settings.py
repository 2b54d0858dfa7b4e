"""Config of the quality checks: how grave each is, and where each fails."""

from __future__ import annotations

import difflib
from typing import Annotated

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveFloat

from rigoromics.extract.settings import Section
from rigoromics.quality.registry import CHECKS, Severity


def _known(check: str) -> str:
    if check not in CHECKS:
        near = difflib.get_close_matches(check, CHECKS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"there is no quality check {check!r}{hint} The checks are: {', '.join(CHECKS)}"
        )
    return check


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] >= limits[1]:
        raise ValueError(f"the lower limit {limits[0]:g} is not below the upper {limits[1]:g}")
    return limits


CheckId = Annotated[str, AfterValidator(_known)]
Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Share = Annotated[float, Field(ge=0, le=1)]


class Limits(Section):
    """Where the quality checks fail."""

    enclosed_ratio: PositiveFloat = 1.5
    """Outlines: what the mask encloses over what it holds, from which on it is one."""
    core_share: Share = 0.2
    """Outlines: a mask with at least this share of voxels inside it is none."""
    hollow_ratio: PositiveFloat = 1.5
    """Volume with closed holes filled over volume without."""
    speck_voxels: NonNegativeInt = 8
    """A part of at most so many voxels is a speck."""
    image_share: Share = 0.95
    """Largest share of the image that an ROI may take."""
    sphericity: Share = 0.25
    """Lowest sphericity of a solid."""
    ct_hu: Range = (-1100.0, 4000.0)
    """CT values that an ROI may have, HU."""
    ct_share: Share = 0.01
    """Share of an ROI's voxels that may lie outside `ct_hu`."""
    grey_levels: NonNegativeInt = 256
    """A CT with at most so many different values is a picture of one."""
    suv: Range = (0.05, 200.0)
    """The highest SUV of an ROI must lie between these."""
    negative_share: Share = 0.01
    """PET: share of an ROI's voxels that may be negative."""
    clipped_share: Share = 0.05
    """Share of an ROI's voxels that may have the image's lowest or highest value."""
    shared_slices: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of sampled slices from which on two scans have the same pixels."""
    spacing_ratio: Annotated[float, Field(gt=1)] = 3.0
    """Largest ratio between a scan's voxel size and the cohort's median."""


class Quality(Section):
    """Checks of images and masks; each is listed in docs/reference/quality.md."""

    severity: dict[CheckId, Severity] = Field(default={})
    """Check to `refused` (left out), `noted` (said, and kept) or `off`, where the default does
    not suit."""
    limits: Limits = Limits()

    def severity_of(self, check: str) -> Severity:
        """Return how grave a failure of a check is in this study."""
        return self.severity.get(check, CHECKS[check].severity)
