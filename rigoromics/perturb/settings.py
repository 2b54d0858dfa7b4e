"""Which perturbations a study asks for."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from rigoromics.extract.settings import Section


class Chain(Section):
    """Perturbations done together: one variant for each combination of what is listed.

    `{rotate_deg: [-6, 6], volume: [-0.1, 0.1], contour: 2}` makes eight variants, each turned,
    grown or shrunk, and redrawn. Images are changed first: slice thickness, blur, noise; then the
    grid; then the mask.
    """

    slice_mm: list[PositiveFloat] = []
    """Slice thicknesses, mm: each slice becomes the mean of what lies within so much of it."""
    blur_mm: list[PositiveFloat] = []
    """Blurs within slices, full width at half maximum, mm: as a smoother kernel gives."""
    noise: PositiveInt | None = None
    """Repetitions with noise added, of the level that is in the image."""
    rotate_deg: list[Annotated[float, Field(ge=-45, le=45)]] = []
    """Angles by which voxels are turned about the slice axis, degrees."""
    translate: list[Annotated[float, Field(ge=0, lt=1)]] = []
    """Shares of a voxel by which voxels are shifted; every combination along the axes."""
    volume: list[Annotated[float, Field(gt=-1, le=1)]] = []
    """Shares of its volume by which the ROI grows, or shrinks where negative."""
    contour: PositiveInt | None = None
    """Repetitions with a contour redrawn along supervoxels."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not any(dict(self).values()):
            raise ValueError(f"name at least one of {', '.join(type(self).model_fields)}")
        return self
