"""What computes features of an image under masks: PyRadiomics, and the fast engine (CPU, GPU)."""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from rigoromics import preprocess
from rigoromics.extract import fast, gpu
from rigoromics.extract.images import FromPyRadiomics, Laplacians, Source
from rigoromics.extract.options import Options
from rigoromics.extract.roi import Roi
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.grid import Region

Features = dict[str, float]
# An image's name, and the image in the form that the backend itself takes.
Picture = tuple[str, Any]
# Cells of ROIs' boxes that are on a device at the same time; each takes some thirty bytes.
CELLS_AT_ONCE = 100_000_000


class Backend(ABC):
    """Features of images under masks.

    Attributes
    ----------
    settings
        PyRadiomics' settings.
    """

    def __init__(self, settings: ExtractionSettings) -> None:
        self._extractor = _extractor(settings.model_dump_json())
        self.settings: dict[str, Any] = self._extractor.settings

    def images(self, source: Source, image: sitk.Image, inner: Region) -> Iterator[Picture]:
        """Yield the names of a source's images, and of each the part that features come from.

        Parameters
        ----------
        source
            Where the images come from.
        image
            What the source needs to see.
        inner
            Where on it the part lies.
        """
        for name, made in source.make(image):
            yield name, preprocess.crop(made, inner)

    @abstractmethod
    def shape(self, image: sitk.Image, roi: Roi) -> Features:
        """Return the shape features of an ROI as `original_shape_<Feature>`.

        Parameters
        ----------
        image
            The image, cropped to the ROI's box.
        roi
            The ROI as it was drawn.
        """

    @abstractmethod
    def features(
        self,
        image: Any,
        rois: Mapping[str, Roi],
        boxes: Mapping[str, Region],
        changed: dict[str, Any],
    ) -> Iterator[tuple[str, Features]]:
        """Yield each ROI's name and its features of one image as `<class>_<Feature>`.

        Parameters
        ----------
        image
            An image, filtered or not.
        rois
            ROIs by name.
        boxes
            Where the box of each lies on this image.
        changed
            PyRadiomics' settings with those of the image type.
        """


@functools.cache
def _extractor(settings: str) -> RadiomicsFeatureExtractor:
    """Return PyRadiomics set up; checking its settings takes as long as a small ROI's features."""
    plain = ExtractionSettings.model_validate_json(settings)
    return RadiomicsFeatureExtractor(plain.to_pyradiomics(preprocessed=True))


class PyRadiomics(Backend):
    """PyRadiomics itself, called once per image and mask."""

    def shape(self, image: sitk.Image, roi: Roi) -> Features:
        """Return shape features; see :meth:`Backend.shape`."""
        ends = np.array([[0, n - 1] for n in roi.box.size]).ravel()
        found = self._extractor.computeShape(image, roi.mask(image), ends, **self.settings)
        # Its eigenvalues of a ball may come out complex, by rounding.
        return {name: float(np.real(value)) for name, value in found.items()}

    def features(
        self,
        image: Any,
        rois: Mapping[str, Roi],
        boxes: Mapping[str, Region],
        changed: dict[str, Any],
    ) -> Iterator[tuple[str, Features]]:
        """Yield features; see :meth:`Backend.features`."""
        for name, roi in rois.items():
            part = preprocess.crop(image, boxes[name])
            found = self._extractor.computeFeatures(part, roi.mask(part), "image", **changed)
            yield name, {key.partition("_")[2]: float(value) for key, value in found.items()}


class Fast(Backend):
    """Our own kernels: PyRadiomics' values, to 1e-9."""

    def __init__(self, settings: ExtractionSettings) -> None:
        super().__init__(settings)
        self._wanted = settings.classes.to_pyradiomics()
        self._by_slice = settings.texture.by_slice
        # Of each ROI; what decides them is the same for all image types.
        self._layouts: dict[str, fast.Layout] = {}

    def images(self, source: Source, image: sitk.Image, inner: Region) -> Iterator[Picture]:
        """Yield images; see :meth:`Backend.images`."""
        if not isinstance(source, Laplacians):
            yield from super().images(source, image, inner)
            return
        values, part = sitk.GetArrayViewFromImage(image), preprocess.crop(image, inner)
        for name, sigma in source.possible(image).items():
            made = fast.laplacian_of_gaussian(values, image.GetSpacing(), sigma, inner.slices)
            yield name, preprocess.like(part, made)

    def shape(self, image: sitk.Image, roi: Roi) -> Features:
        """Return shape features; see :meth:`Backend.shape`."""
        if "shape" not in self._wanted:
            return {}
        found = fast.shape(roi.inside, image.GetSpacing(), self._wanted["shape"])
        return {f"original_shape_{name}": value for name, value in found.items()}

    def features(
        self,
        image: Any,
        rois: Mapping[str, Roi],
        boxes: Mapping[str, Region],
        changed: dict[str, Any],
    ) -> Iterator[tuple[str, Features]]:
        """Yield features; see :meth:`Backend.features`."""
        values, spacing = sitk.GetArrayViewFromImage(image), image.GetSpacing()
        options = _options(changed, self._by_slice)
        for name, roi in rois.items():
            layout = self._layouts.setdefault(name, fast.Layout.of(roi.inside, options))
            inside = preprocess.part_of(values, boxes[name]).ravel()[layout.places]
            yield name, fast.features(inside, layout, spacing, self._wanted, options)


class FastOnDevice(Fast):
    """The fast engine's filters, levels, matrices and sums on a GPU, for all ROIs at once.

    Texture of slices by themselves, and filters that the device does not have, stay on the CPU.
    """

    def __init__(self, settings: ExtractionSettings, device: gpu.Device) -> None:
        super().__init__(settings)
        self._device = device
        self._batches: dict[Region, list[tuple[list[str], gpu.Batch]]] = {}

    def images(self, source: Source, image: sitk.Image, inner: Region) -> Iterator[Picture]:
        """Yield images on the device; see :meth:`Backend.images`."""
        if self._by_slice:
            yield from super().images(source, image, inner)
            return
        for name, values in self._made(source, image, inner):
            yield name, OnDevice(values, image.GetSpacing())

    def _made(self, source: Source, image: sitk.Image, inner: Region) -> Iterator[tuple[str, Any]]:
        device, values = self._device, sitk.GetArrayViewFromImage(image)
        if isinstance(source, Laplacians):
            for name, sigma in source.possible(image).items():
                where = (image.GetSpacing(), sigma, inner.slices)
                yield name, gpu.laplacian_of_gaussian(device, values, *where)
        elif isinstance(source, FromPyRadiomics) and source.kind == "Wavelet":
            how = (source.options["wavelet"], source.options["level"])
            axes = [2, 1] if source.options["force2D"] else [2, 1, 0]
            for name, made in gpu.wavelets(device, values, *how, axes):
                yield name, made[inner.slices]
        else:
            for name, one in source.make(image):
                part = preprocess.part_of(sitk.GetArrayViewFromImage(one), inner)
                yield name, device.xp.asarray(np.ascontiguousarray(part))

    def features(
        self,
        image: Any,
        rois: Mapping[str, Roi],
        boxes: Mapping[str, Region],
        changed: dict[str, Any],
    ) -> Iterator[tuple[str, Features]]:
        """Yield features; see :meth:`Backend.features`."""
        if not isinstance(image, OnDevice):
            yield from super().features(image, rois, boxes, changed)
            return
        options = _options(changed, self._by_slice)
        for names, batch in self._batched(image, rois, boxes, options):
            found = gpu.features(batch, image.values, image.spacing, self._wanted, options)
            yield from zip(names, found, strict=True)

    def _batched(
        self,
        image: OnDevice,
        rois: Mapping[str, Roi],
        boxes: Mapping[str, Region],
        options: Options,
    ) -> list[tuple[list[str], gpu.Batch]]:
        """Return the ROIs in batches that the device has room for; the same for all images."""
        z, y, x = image.values.shape
        whole = Region((0, 0, 0), (x, y, z))
        if whole not in self._batches:
            layouts = {name: fast.Layout.of(roi.inside, options) for name, roi in rois.items()}
            groups: list[list[str]] = [[]]
            cells = 0
            for name, layout in layouts.items():
                cells += math.prod(layout.padded)
                if groups[-1] and cells > CELLS_AT_ONCE:
                    groups.append([])
                    cells = math.prod(layout.padded)
                groups[-1].append(name)
            self._batches[whole] = [
                (
                    names,
                    gpu.Batch(
                        self._device,
                        [layouts[name] for name in names],
                        [boxes[name] for name in names],
                        whole.size,
                    ),
                )
                for names in groups
            ]
        return self._batches[whole]


@dataclass(frozen=True)
class OnDevice:
    """An image on a GPU: (slices, rows, columns) values, and voxel size (x, y, z), mm."""

    values: Any
    spacing: Sequence[float]


def _options(settings: dict[str, Any], by_slice: bool) -> Options:
    """Return what PyRadiomics' settings say, and what it lacks; a bin number wins over a width."""
    count = settings.get("binCount")
    return Options(
        bin_width=None if count else settings["binWidth"],
        bin_count=count,
        distances=tuple(settings["distances"]),
        force_2d=settings["force2D"],
        merged=settings.get("weightingNorm") == "no_weighting",
        by_slice=by_slice,
        voxel_array_shift=settings["voxelArrayShift"],
    )


BACKENDS: dict[str, type[Backend]] = {"pyradiomics": PyRadiomics, "fast": Fast}
