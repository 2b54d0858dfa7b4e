"""Variants of a scan and its ROI: what each perturbation changes, and what it is called."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rigoromics.extract.rows import UNPERTURBED
from rigoromics.grid import IDENTITY, Pose
from rigoromics.perturb.settings import Chain


@dataclass(frozen=True)
class ImageChange:
    """What is done to a scan before its ROIs are looked at.

    Attributes
    ----------
    slice_mm, blur_mm
        See :class:`rigoromics.perturb.settings.Chain`; None: as it is.
    noise
        Number of the repetition; None: no noise.
    pose
        Where the feature grid lies.
    """

    slice_mm: float | None = None
    blur_mm: float | None = None
    noise: int | None = None
    pose: Pose = IDENTITY


@dataclass(frozen=True)
class MaskChange:
    """What is done to an ROI on the feature grid.

    Attributes
    ----------
    volume
        Share of its volume by which it grows.
    contour
        Number of the repetition; None: the contour as it is.
    """

    volume: float = 0.0
    contour: int | None = None


@dataclass(frozen=True)
class Variant:
    """One perturbed measurement: its name stands in the feature table's column `perturbation`."""

    name: str
    image: ImageChange = ImageChange()
    mask: MaskChange = MaskChange()


AS_IT_IS = Variant(UNPERTURBED)


def variants_of(chains: Iterable[Chain], dimensions: int = 3) -> list[Variant]:
    """Return every variant that chains ask for, each once, in their order.

    Parameters
    ----------
    chains
        What the study asks for.
    dimensions
        3, or 2 for scans whose slices are measured one by one: nothing then moves across slices.
    """
    found: dict[str, Variant] = {}
    for chain in chains:
        for variant in _combinations(chain, dimensions):
            found.setdefault(variant.name, variant)
    # What changes nothing, such as a shift by nothing, is no perturbation.
    return [variant for variant in found.values() if variant.name]


def by_image(variants: Iterable[Variant]) -> dict[ImageChange, list[Variant]]:
    """Return variants grouped by the image they are measured on, the scan as it is first."""
    groups: dict[ImageChange, list[Variant]] = {ImageChange(): [AS_IT_IS]}
    for variant in variants:
        groups.setdefault(variant.image, []).append(variant)
    return groups


def _combinations(chain: Chain, dimensions: int) -> Iterable[Variant]:
    choices = itertools.product(
        _or_none(chain.slice_mm),
        _or_none(chain.blur_mm),
        _numbers(chain.noise),
        chain.rotate_deg or [0.0],
        _shifts(chain.translate, dimensions),
        chain.volume or [0.0],
        _numbers(chain.contour),
    )
    for slice_mm, blur_mm, noise, angle, shift, volume, contour in choices:
        parts = [
            f"slice{slice_mm:g}" if slice_mm else "",
            f"blur{blur_mm:g}" if blur_mm else "",
            f"noise{noise}" if noise else "",
            f"rotate{angle:+g}" if angle else "",
            "shift" + "x".join(f"{share:g}" for share in shift) if any(shift) else "",
            f"volume{100 * volume:+g}" if volume else "",
            f"contour{contour}" if contour else "",
        ]
        yield Variant(
            "_".join(part for part in parts if part),
            ImageChange(slice_mm, blur_mm, noise, Pose(shift, angle)),
            MaskChange(volume, contour),
        )


def _or_none(values: Sequence[float]) -> Sequence[float | None]:
    return values or [None]


def _numbers(repetitions: int | None) -> Sequence[int | None]:
    return [None] if repetitions is None else range(1, repetitions + 1)


def _shifts(shares: Sequence[float], dimensions: int) -> list[tuple[float, float, float]]:
    along = list(shares) or [0.0]
    across = along if dimensions == 3 else [0.0]
    return list(itertools.product(along, along, across))
