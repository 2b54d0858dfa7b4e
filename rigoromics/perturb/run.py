"""One scan, all its masks as drawn, perturbed, and under negative-control images."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from rigoromics.errors import DataError
from rigoromics.extract import engine
from rigoromics.extract.engine import Extraction, Scan
from rigoromics.extract.rows import UNPERTURBED
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.perturb.controls import controlled
from rigoromics.perturb.images import changed_image
from rigoromics.perturb.masks import changed_mask, margin_mm
from rigoromics.perturb.variants import ImageChange, MaskChange, Variant, by_image
from rigoromics.preprocess import BoolArray

if TYPE_CHECKING:
    from rigoromics.extract.gpu import Device

# What is drawn, and the mask it is drawn for ("" for the whole image), to a seed.
SeedOf = Callable[[str, str], int]
# Between a variant's name and a mask's.
BETWEEN = "|"


def extractions(
    image: sitk.Image,
    masks: Mapping[str, sitk.Image],
    settings: ExtractionSettings,
    of: Collection[str],
    variants: Sequence[Variant],
    controls: Sequence[str],
    seed_of: SeedOf,
    device: Device | None = None,
) -> Iterator[tuple[str, Extraction]]:
    """Yield the features of all masks, then of some masks perturbed, then of controls.

    Variants that differ in the mask alone share one image: it is resampled and filtered once.

    Parameters
    ----------
    image, masks, settings
        See :func:`rigoromics.extract.engine.extract_scan`.
    of
        Names of the masks that are perturbed and controlled. One that is refused as it is drawn is
        left out.
    variants, controls
        What is done; see :mod:`rigoromics.perturb.variants` and :mod:`rigoromics.perturb.controls`.
    seed_of
        Gives the seed of what is drawn.
    device
        A GPU to compute on, with the fast engine.

    Yields
    ------
    str
        The variant's or control's name; the first is `UNPERTURBED`.
    Extraction
        By the masks' own names.

    Raises
    ------
    DataError
        The image itself cannot be used.
    """
    usable = {name: mask for name, mask in masks.items() if name in of}
    for change, group in by_image(variants).items():
        first = change == ImageChange()
        chosen = masks if first else usable
        if not chosen:
            continue
        try:
            changed = changed_image(image, change, seed_of(f"noise{change.noise}", ""))
        except DataError as error:
            yield from ((variant.name, _none_of(usable, error)) for variant in group)
            continue
        reach = _reach(chosen, group)
        scan = engine.prepare(changed, chosen, settings, change.pose, reach)
        found = _measured(scan, settings, usable, group, seed_of, device)
        yield from found.items()
        if first:
            drawn = found[UNPERTURBED].features
            usable = {name: mask for name, mask in usable.items() if name in drawn}
            for control in controls:
                yield control, _under_control(scan, settings, usable, control, seed_of, device)


def _measured(
    scan: Scan,
    settings: ExtractionSettings,
    usable: Collection[str],
    group: Sequence[Variant],
    seed_of: SeedOf,
    device: Device | None,
) -> dict[str, Extraction]:
    """Return the features of one image's variants, by their names."""
    results = {variant.name: Extraction() for variant in group}
    masks: dict[str, BoolArray] = {}
    for variant in group:
        for name, inside in scan.masks.items():
            if variant.name != UNPERTURBED and name not in usable:
                continue
            seed = seed_of(variant.name, name)
            try:
                changed = _changed(scan, inside, variant.mask, seed)
            except DataError as error:
                results[variant.name].refused[name] = error
            else:
                masks[variant.name + BETWEEN + name] = changed
        results[variant.name].refused.update(
            (name, error)
            for name, error in scan.refused.items()
            if variant.name == UNPERTURBED or name in usable
        )
    found = engine.extract(scan.with_masks(masks), settings, device=device)
    for part in ("features", "refused", "noted"):
        for key, value in getattr(found, part).items():
            variant_name, _, name = key.partition(BETWEEN)
            getattr(results[variant_name], part)[name] = value
    return results


def _under_control(
    scan: Scan,
    settings: ExtractionSettings,
    usable: Collection[str],
    control: str,
    seed_of: SeedOf,
    device: Device | None,
) -> Extraction:
    result = Extraction()
    for name in usable:
        mixed = controlled(scan, name, control, seed_of(control, name))
        found = engine.extract(mixed, settings, device=device)
        result.features.update(found.features)
        result.refused.update(found.refused)
        result.noted.update(found.noted)
    return result


def _changed(scan: Scan, inside: BoolArray, change: MaskChange, seed: int) -> BoolArray:
    return changed_mask(scan.image, inside, change, seed) if change != MaskChange() else inside


def _reach(masks: Mapping[str, sitk.Image], group: Sequence[Variant]) -> float:
    """Return how far beyond these masks any variant of them can reach, mm."""
    changes = [variant.mask for variant in group if variant.mask != MaskChange()]
    if not changes:
        return 0.0
    largest = max(
        np.count_nonzero(sitk.GetArrayViewFromImage(mask)) * math.prod(mask.GetSpacing())
        for mask in masks.values()
    )
    return max(margin_mm(largest, change) for change in changes)


def _none_of(masks: Collection[str], error: DataError) -> Extraction:
    return Extraction(refused=dict.fromkeys(masks, error))
