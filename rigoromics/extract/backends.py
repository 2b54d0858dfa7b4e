"""The two programs that compute features of an image under masks: PyRadiomics, and the fast one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from rigoromics import preprocess
from rigoromics.extract import fast
from rigoromics.extract.images import Laplacians, Source
from rigoromics.extract.options import Options
from rigoromics.extract.roi import Roi
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.grid import Region

Features = dict[str, float]


class Backend(ABC):
    """Features of images under masks.

    Attributes
    ----------
    settings
        PyRadiomics' settings.
    """

    def __init__(self, settings: ExtractionSettings) -> None:
        self._extractor = RadiomicsFeatureExtractor(settings.to_pyradiomics(preprocessed=True))
        self.settings: dict[str, Any] = self._extractor.settings

    def images(
        self, source: Source, image: sitk.Image, inner: Region
    ) -> Iterator[tuple[str, sitk.Image]]:
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
        image: sitk.Image,
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
        image: sitk.Image,
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

    def images(
        self, source: Source, image: sitk.Image, inner: Region
    ) -> Iterator[tuple[str, sitk.Image]]:
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
        image: sitk.Image,
        rois: Mapping[str, Roi],
        boxes: Mapping[str, Region],
        changed: dict[str, Any],
    ) -> Iterator[tuple[str, Features]]:
        """Yield features; see :meth:`Backend.features`."""
        values = sitk.GetArrayViewFromImage(image)
        options = _options(changed, self._by_slice)
        for name, roi in rois.items():
            part = preprocess.part_of(values, boxes[name])
            yield (
                name,
                fast.features(part, roi.inside, image.GetSpacing(), self._wanted, options),
            )


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
