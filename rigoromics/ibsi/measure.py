"""What an engine gives for one of IBSI's phantoms, under the names of IBSI's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from rigoromics import preprocess
from rigoromics.extract import engine
from rigoromics.extract.images import image_names
from rigoromics.extract.roi import cut_out
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.grid import FloatArray, Region, target_grid
from rigoromics.ibsi.reference import Reference
from rigoromics.preprocess import BoolArray

ROI = "roi"
TEXTURES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
# The classes whose matrices differ by direction, so that they can be merged.
DIRECTIONAL = ("glcm", "glrlm")


@dataclass(frozen=True)
class Phantom:
    """A phantom made ready for features, with the stages on the way.

    Attributes
    ----------
    settings
        What was done.
    image, mask
        As they were read; (slices, rows, columns) the mask.
    scan
        What the engine sees.
    whole
        The whole image on the feature grid.
    drawn, kept
        (slices, rows, columns) of the whole feature grid: the mask as drawn, and after
        resegmentation.
    """

    settings: ExtractionSettings
    image: sitk.Image
    mask: BoolArray
    scan: engine.Scan
    whole: sitk.Image
    drawn: BoolArray
    kept: BoolArray

    @property
    def grey(self) -> FloatArray:
        """Grey values that are kept: (voxels,)."""
        return np.asarray(sitk.GetArrayViewFromImage(self.whole)[self.kept], np.float64)


def prepare(image: sitk.Image, mask: sitk.Image, settings: ExtractionSettings) -> Phantom:
    """Return a phantom on the feature grid, with all its stages.

    Parameters
    ----------
    image, mask
        The phantom as it was read; the mask is 0 or 1.
    settings
        The processing configuration.

    Raises
    ------
    DataError
        The engine refuses the phantom.
    """
    scan = engine.prepare(image, {ROI: mask}, settings)
    for refusal in scan.refused.values():
        raise refusal
    whole = image
    how = settings.resampling
    if how is not None:
        grid = target_grid(image, how.spacing_mm, how.align)
        everything = Region((0, 0, 0), grid.size)
        whole = preprocess.resample_image(
            image, grid, everything, how.interpolator, how.round_intensities
        )
    _, left = cut_out(scan.image, scan.masks[ROI], settings)
    drawn, kept = np.zeros((2, *scan.whole[::-1]), dtype=bool)
    preprocess.part_of(drawn, scan.region)[...] = scan.masks[ROI]
    preprocess.part_of(kept, left.box.counted_outside(scan.region))[...] = left.inside
    inside = np.asarray(sitk.GetArrayViewFromImage(mask) == 1)
    return Phantom(settings, image, inside, scan, whole, drawn, kept)


def features(phantom: Phantom, references: Iterable[Reference]) -> dict[str, float]:
    """Return what the engine gives for IBSI's tags.

    Parameters
    ----------
    phantom
        The phantom.
    references
        What is to be judged; it decides which ways to make texture are run.

    Returns
    -------
    dict
        Tag to value; NaN where the engine fails, missing where it has no such feature.
    """
    found: dict[str, float] = {}
    runs: dict[str, dict[str, float]] = {}
    for reference in references:
        way = reference.way.setting if reference.way else phantom.settings.texture.aggregation
        if reference.ours is None or not can_make(phantom.settings, way):
            continue
        if way not in runs:
            runs[way] = _run(phantom, way)
        found[reference.tag] = runs[way].get(column(reference, phantom.settings), np.nan)
    return found


def column(reference: Reference, settings: ExtractionSettings) -> str:
    """Return our column that answers to a reference; empty where there is none."""
    if reference.ours is None:
        return ""
    feature_class, name = reference.ours
    image = "original" if feature_class == "shape" else image_names(settings)[0]
    return f"{image}_{feature_class}_{name}"


def can_make(settings: ExtractionSettings, way: str) -> bool:
    """Return whether the engine can make texture in a way: PyRadiomics averages no slices."""
    return settings.engine != "pyradiomics" or not way.startswith("2D")


def _run(phantom: Phantom, way: str) -> dict[str, float]:
    """Return the features of one way; what no way changes is computed with the settings' own."""
    settings = phantom.settings
    classes = set(DIRECTIONAL if way.endswith("merged") else TEXTURES)
    if way == settings.texture.aggregation:
        classes |= {"shape", "firstorder"}
    changed = ExtractionSettings.model_validate(
        {
            **settings.model_dump(exclude_unset=True),
            "texture": {"aggregation": way},
            "classes": dict.fromkeys(classes & settings.classes.model_fields_set, "all"),
        }
    )
    result = engine.extract(phantom.scan, changed)
    for refusal in result.refused.values():
        raise refusal
    return result.features[ROI]


def diagnostics(phantom: Phantom) -> dict[str, float]:
    """Return IBSI's diagnostic values by tag: sizes, grey values and voxels of every stage."""
    stages = {
        "init": (phantom.image, phantom.mask, phantom.mask),
        "interp": (phantom.whole, phantom.drawn, phantom.drawn),
        "reseg": (phantom.whole, phantom.kept, phantom.drawn),
    }
    found: dict[str, float] = {}
    for stage, (image, intensity, morphological) in stages.items():
        values = sitk.GetArrayViewFromImage(image)
        of_image = (
            _per_axis("img_dim_", image.GetSize())
            | _per_axis("vox_dim_", image.GetSpacing())
            | _statistics("", values)
        )
        of_mask = _per_axis("int_mask_dim_", intensity.shape[::-1])
        of_mask |= _statistics("int_mask_", values[intensity])
        for name, mask in (("int", intensity), ("morph", morphological)):
            of_mask[f"{name}_mask_vox_count"] = float(mask.sum())
            box = preprocess.bounding_box(mask)
            if box is not None:
                of_mask |= _per_axis(f"{name}_mask_bb_dim_", box.size)
        found |= {f"{tag}_{stage}_img": value for tag, value in of_image.items()}
        found |= {f"{tag}_{stage}_roi": value for tag, value in of_mask.items()}
    return found


def _per_axis(tag: str, values: Sequence[float]) -> dict[str, float]:
    return {f"{tag}{axis}": float(value) for axis, value in zip("xyz", values, strict=True)}


def _statistics(tag: str, values: npt.NDArray[Any]) -> dict[str, float]:
    return {
        f"{tag}mean_int": float(values.mean(dtype=np.float64)),
        f"{tag}min_int": float(values.min()),
        f"{tag}max_int": float(values.max()),
    }
