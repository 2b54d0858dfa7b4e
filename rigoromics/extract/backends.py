"""What computes features of an image under masks; here PyRadiomics itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from rigoromics import preprocess
from rigoromics.extract.images import Source
from rigoromics.extract.roi import Roi
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.grid import Region

if TYPE_CHECKING:
    from rigoromics.extract.gpu import Device

Features = dict[str, float]
# An image's name, and the image in the form that the backend itself takes.
Picture = tuple[str, Any]


class Backend(ABC):
    """Features of images under masks.

    Attributes
    ----------
    settings
        PyRadiomics' settings.
    """

    def __init__(self, settings: ExtractionSettings) -> None:
        self._extractor = _extractor(settings)
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


def _extractor(settings: ExtractionSettings) -> RadiomicsFeatureExtractor:
    """Return PyRadiomics set up, without its check of settings that ours has done already.

    Its check takes longer than the features of a small ROI.
    """
    wanted = settings.to_pyradiomics(preprocessed=True)
    extractor = RadiomicsFeatureExtractor(**wanted["setting"])
    extractor.enabledImagetypes = wanted["imageType"]
    extractor.enabledFeatures = wanted["featureClass"]
    return extractor


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


def backend_of(settings: ExtractionSettings, device: Device | None = None) -> Backend:
    """Return what computes the features: of the engine that the settings name.

    Parameters
    ----------
    settings
        The extraction settings.
    device
        A GPU to compute on, with the fast engine.
    """
    if settings.engine == "pyradiomics":
        return PyRadiomics(settings)
    # Its compiler takes longer to load than a small ROI's features.
    from rigoromics.extract.fast_backend import Fast, FastOnDevice

    return Fast(settings) if device is None else FastOnDevice(settings, device)
