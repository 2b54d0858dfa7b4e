"""Features of one scan under all its masks, in one pass.

The definition of every value is PyRadiomics' own ``RadiomicsFeatureExtractor.execute`` on the
whole resampled scan and one mask. This module gives the same values for all masks together and
sooner: the scan is resampled once, cropped to the masks and what the filters need around them, and
filtered once.
"""

from __future__ import annotations

import functools
import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from threadpoolctl import threadpool_limits

from rigoromics import preprocess
from rigoromics.errors import DataError
from rigoromics.extract.backends import Backend, backend_of
from rigoromics.extract.images import image_names, sources
from rigoromics.extract.roi import Roi, cut_out, read_mask
from rigoromics.extract.settings import ExtractionSettings, Resampling
from rigoromics.grid import IDENTITY, Pose, Region, Triple, target_grid
from rigoromics.preprocess import BoolArray

if TYPE_CHECKING:
    from rigoromics.extract.gpu import Device


@dataclass(frozen=True)
class Scan:
    """A scan and its masks, ready for features.

    Attributes
    ----------
    image
        The scan on the feature grid, cropped to `region`.
    region
        Where `image` lies on the whole feature grid.
    whole
        Size of the whole feature grid (x, y, z).
    masks
        Mask's name to (slices, rows, columns) of `image`; shape is measured on these.
    refused
        Masks that cannot be used, and why.
    """

    image: sitk.Image
    region: Region
    whole: Triple
    masks: dict[str, BoolArray]
    refused: dict[str, DataError]

    def with_masks(self, masks: Mapping[str, BoolArray]) -> Scan:
        """Return the same image with other masks, (slices, rows, columns) of `image`."""
        return replace(self, masks=dict(masks), refused={})

    def with_image(self, image: sitk.Image) -> Scan:
        """Return the same masks on another image of the same grid."""
        return replace(self, image=image)


@dataclass(frozen=True)
class Extraction:
    """What came out of one scan.

    Attributes
    ----------
    features
        Mask's name to feature's name to value. Every value is finite.
    refused
        Masks without features, and why.
    noted
        Masks with some features missing, and why.
    """

    features: dict[str, dict[str, float]] = field(default_factory=dict)
    refused: dict[str, DataError] = field(default_factory=dict)
    noted: dict[str, DataError] = field(default_factory=dict)


def extract_scan(
    image: sitk.Image,
    masks: Mapping[str, sitk.Image],
    settings: ExtractionSettings,
    device: Device | None = None,
) -> Extraction:
    """Return the features of a scan under every mask.

    Parameters
    ----------
    image
        The scan.
    masks
        Mask's name to mask on the scan's grid; 0 is outside, 1 inside.
    settings
        What decides the values.
    device
        A GPU to compute on, with the fast engine.

    Raises
    ------
    DataError
        The image itself cannot be used.
    """
    return extract(prepare(image, masks, settings), settings, device=device)


def prepare(
    image: sitk.Image,
    masks: Mapping[str, sitk.Image],
    settings: ExtractionSettings,
    pose: Pose = IDENTITY,
    margin_mm: float = 0.0,
) -> Scan:
    """Return a scan and its masks on the feature grid, cropped to what features need.

    Parameters
    ----------
    image, masks, settings
        See :func:`extract_scan`.
    pose
        How the feature grid is moved; without `resampling` in the settings, the scan is resampled
        onto moved voxels of its own size.
    margin_mm
        How far beyond these masks others may reach that the image is to be used for.

    Raises
    ------
    DataError
        The image is not 3D, or holds values that are no numbers.
    """
    _check_image(image)
    refused: dict[str, DataError] = {}
    inside: dict[str, BoolArray] = {}
    boxes: dict[str, Region] = {}
    for name, mask in masks.items():
        try:
            inside[name], boxes[name] = read_mask(image, mask)
        except DataError as error:
            refused[name] = error
    if not boxes:
        return Scan(image, Region((0, 0, 0), image.GetSize()), image.GetSize(), {}, refused)
    if settings.intensity.normalise:
        image = preprocess.normalise(
            image, settings.intensity.normalise_scale, settings.intensity.normalise_limit
        )
    resampling = settings.resampling or Resampling(spacing_mm=[0, 0, 0])
    grid = target_grid(image, resampling.spacing_mm, resampling.align, pose)
    region = _union(grid.covering(box) for box in boxes.values())
    spacing = [s * step for s, step in zip(image.GetSpacing(), grid.step, strict=True)]
    if margin_mm:
        region = region.grown([math.ceil(margin_mm / s) + 2 for s in spacing], grid.size)
    region = _union(
        [source.surroundings(region, grid.size, spacing) for source in sources(settings)]
    )
    if grid.is_original:
        image = preprocess.crop(image, region)
        cut = {name: preprocess.part_of(values, region).copy() for name, values in inside.items()}
    else:
        image = preprocess.resample_image(
            image, grid, region, resampling.interpolator, resampling.round_intensities
        )
        cut = {
            name: preprocess.resample_mask(
                values, grid, region, resampling.mask_interpolator, resampling.mask_threshold
            )
            for name, values in inside.items()
        }
    return Scan(image, region, grid.size, cut, refused)


def extract(
    scan: Scan,
    settings: ExtractionSettings,
    measure: type[Backend] | None = None,
    device: Device | None = None,
) -> Extraction:
    """Return the features of a prepared scan under every mask.

    Each filtered image is made once, used for all masks, and dropped.

    Parameters
    ----------
    scan, settings
        What :func:`prepare` returned, and was given.
    measure
        What else to compute of each image and mask in place of features.
    device
        A GPU to compute on, with the fast engine.
    """
    result = Extraction(refused=dict(scan.refused))
    with one_quiet_thread():
        backend = measure(settings) if measure else backend_of(settings, device)
        rois: dict[str, Roi] = {}
        for name, inside in scan.masks.items():
            try:
                drawn, rois[name] = cut_out(scan.image, inside, settings)
            except DataError as error:
                result.refused[name] = error
                continue
            result.features[name] = backend.shape(preprocess.crop(scan.image, drawn.box), drawn)
        made = _textures(scan, rois, backend, settings, result.features) if rois else set()
    for name in rois:
        _note_missing(result, name, made, settings)
    return result


def _check_image(image: sitk.Image) -> None:
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise DataError(
            "The image is not a 3D image of grey values", "convert one series at a time"
        )
    values = sitk.GetArrayViewFromImage(image)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(
            "The image holds values that are not numbers (NaN or infinite)",
            "convert the series anew, or replace them before the study",
        )


def _union(regions: Iterable[Region]) -> Region:
    return functools.reduce(Region.union, regions)


def _textures(
    scan: Scan,
    rois: Mapping[str, Roi],
    backend: Backend,
    settings: ExtractionSettings,
    features: dict[str, dict[str, float]],
) -> set[str]:
    """Add the features of all image types to `features`; return the image types that were made."""
    made: set[str] = set()
    boxes = {name: roi.box.counted_outside(scan.region) for name, roi in rois.items()}
    every = _union(boxes.values())
    within = {mask: box.counted_inside(every) for mask, box in boxes.items()}
    for source in sources(settings):
        region = source.surroundings(every, scan.whole, scan.image.GetSpacing())
        part = preprocess.crop(scan.image, region.counted_inside(scan.region))
        bins = source.discretisation
        changed = backend.settings | (bins.to_pyradiomics() if bins is not None else {})
        for name, image in backend.images(source, part, every.counted_inside(region)):
            made.add(name)
            for mask, found in backend.features(image, rois, within, changed):
                features[mask].update({f"{name}_{key}": value for key, value in found.items()})
    return made


def _note_missing(
    result: Extraction, mask: str, made: set[str], settings: ExtractionSettings
) -> None:
    """Take out values that are not finite, and say which, and which images were not made."""
    values = result.features[mask]
    bad = sorted(name for name, value in values.items() if not math.isfinite(value))
    for name in bad:
        del values[name]
    skipped = [name for name in image_names(settings) if name not in made]
    reasons = []
    if bad:
        reasons.append(f"{len(bad)} feature(s) have no finite value: {', '.join(bad[:5])}")
    if skipped:
        reasons.append(f"the image is too small for {', '.join(skipped)}")
    if reasons:
        result.noted[mask] = DataError(
            "; ".join(reasons), "nothing, if few; they count as missing in the analysis"
        )


@contextmanager
def one_quiet_thread() -> Iterator[None]:
    """Run PyRadiomics without its warnings, which repeat settings per matrix, and on one thread.

    Its matrices are small: more threads for their eigenvalues cost several times the CPU time and
    may change the last bit. Failures of single features come out as missing values.
    """
    logger = logging.getLogger("radiomics")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with threadpool_limits(1), warnings.catch_warnings():
            # PyRadiomics' checker of parameters loads its schema in a way that Python 3.12 drops.
            warnings.filterwarnings("ignore", "the load_module", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
