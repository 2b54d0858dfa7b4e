"""The images that features are computed from, each made on what it needs and no more.

How much of the surroundings a filter needs
    The Laplacian of Gaussian is a recursive filter: what lies m Gaussian widths away counts by
    about exp(-1.3 m). At 24 widths that is below the last bit of its 32-bit result. A wavelet
    reaches exactly the filter's length a level; it wraps around at the image's borders, so an axis
    on which it would reach a border is not cropped at all. The gradient reaches one voxel. Square,
    square root, logarithm and exponential are scaled by the largest absolute value of the whole
    image, which they therefore see. Filters of arrays say themselves how far they reach.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pywt
import SimpleITK as sitk
from radiomics import imageoperations

from rigoromics import preprocess
from rigoromics.extract import image_settings
from rigoromics.extract.filters.base import EVERYWHERE, Filter
from rigoromics.extract.filters.gabor import Gabor
from rigoromics.extract.filters.laplacian import LaplacianOfGaussian
from rigoromics.extract.filters.laws import Laws
from rigoromics.extract.filters.lbp import LocalBinaryPattern
from rigoromics.extract.filters.mean import Mean
from rigoromics.extract.filters.riesz import Riesz
from rigoromics.extract.filters.simoncelli import Simoncelli
from rigoromics.extract.filters.wavelet import Wavelet
from rigoromics.extract.image_settings import Discretisation
from rigoromics.extract.settings import PYRADIOMICS, ExtractionSettings
from rigoromics.grid import Region, Triple, region_between

LOG_MARGIN_SIGMAS = 24
# Filters whose scale hangs on the whole image.
SCALED = ("square", "square_root", "logarithm", "exponential")
# The recursive Laplacian of Gaussian needs so many voxels along each axis.
LOG_LEAST = 4


class Source(ABC):
    """Where images of one kind come from.

    Attributes
    ----------
    names
        Their names, as they stand before those of features; never with an underscore.
    discretisation
        Bins of their own.
    """

    def __init__(self, names: Sequence[str], discretisation: Discretisation | None) -> None:
        self.names = list(names)
        self.discretisation = discretisation

    @abstractmethod
    def surroundings(self, box: Region, whole: Triple, spacing: Sequence[float]) -> Region:
        """Return what must be seen for the right values in a box.

        Parameters
        ----------
        box
            A box of the feature grid.
        whole
            Size of that grid.
        spacing
            Voxel size (x, y, z), mm.
        """

    @abstractmethod
    def make(self, image: sitk.Image) -> Iterator[tuple[str, sitk.Image]]:
        """Yield name and image, of the given image's size; none where that is too small."""


class FromPyRadiomics(Source):
    """Images that PyRadiomics makes itself.

    Attributes
    ----------
    kind
        PyRadiomics' word for them.
    reach, reach_mm
        How far around a box voxels count, in voxels and in mm.
    wraps
        Whether the image goes on periodically beyond its borders.
    options
        PyRadiomics' settings of the filter.
    """

    def __init__(
        self,
        kind: str,
        names: Sequence[str],
        discretisation: Discretisation | None = None,
        *,
        reach_mm: float = 0.0,
        reach: int = 0,
        wraps: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(names, discretisation)
        self.kind, self.options = kind, options
        self.reach_mm, self.reach, self.wraps = reach_mm, reach, wraps

    def surroundings(self, box: Region, whole: Triple, spacing: Sequence[float]) -> Region:
        """Return what must be seen; see :meth:`Source.surroundings`."""
        reach = [self.reach + math.ceil(self.reach_mm / size) for size in spacing]
        return _around(box, whole, reach, self.wraps)

    def make(self, image: sitk.Image) -> Iterator[tuple[str, sitk.Image]]:
        """Yield images; see :meth:`Source.make`."""
        make = getattr(imageoperations, f"get{self.kind}Image")
        for made, name, _ in make(image, None, **self.options):
            yield name, made


class Laplacians(FromPyRadiomics):
    """PyRadiomics' Laplacians of Gaussian."""

    def __init__(self, sigmas: Sequence[float], discretisation: Discretisation | None) -> None:
        self.sigmas = _log_names(sigmas, 3)
        reach_mm = LOG_MARGIN_SIGMAS * max(sigmas)
        super().__init__(
            "LoG", list(self.sigmas), discretisation, reach_mm=reach_mm, sigma=list(sigmas)
        )

    def possible(self, image: sitk.Image) -> dict[str, float]:
        """Return name and sigma, mm, of those that an image is large enough for."""
        return _large_enough(self.sigmas, image.GetSize(), image.GetSpacing())


class LogInSlices(Source):
    """The Laplacian of Gaussian that PyRadiomics takes, slice by slice."""

    def __init__(self, sigmas: Sequence[float], discretisation: Discretisation | None) -> None:
        self.sigmas = _log_names(sigmas, 2)
        super().__init__(list(self.sigmas), discretisation)

    def surroundings(self, box: Region, whole: Triple, spacing: Sequence[float]) -> Region:
        """Return what must be seen; see :meth:`Source.surroundings`."""
        far = LOG_MARGIN_SIGMAS * max(self.sigmas.values())
        x, y, _ = (math.ceil(far / size) for size in spacing)
        return _around(box, whole, [x, y, 0])

    def make(self, image: sitk.Image) -> Iterator[tuple[str, sitk.Image]]:
        """Yield images; see :meth:`Source.make`."""
        size, spacing = image.GetSize()[:2], image.GetSpacing()[:2]
        values = sitk.GetArrayViewFromImage(image)
        for name, sigma in _large_enough(self.sigmas, size, spacing).items():
            laplacian = sitk.LaplacianRecursiveGaussianImageFilter()
            laplacian.SetNormalizeAcrossScale(True)
            laplacian.SetSigma(sigma)
            made = []
            for values_of_slice in values:
                one = sitk.GetImageFromArray(values_of_slice)
                one.SetSpacing(spacing)
                made.append(sitk.GetArrayFromImage(laplacian.Execute(one)))
            yield name, preprocess.like(image, np.stack(made))


class FromArrays(Source):
    """Images that filters of arrays make."""

    def __init__(
        self, filters: Sequence[Filter], discretisation: Discretisation | None, *, wraps: bool
    ) -> None:
        super().__init__([one.name for one in filters], discretisation)
        self.filters, self.wraps = list(filters), wraps

    def surroundings(self, box: Region, whole: Triple, spacing: Sequence[float]) -> Region:
        """Return what must be seen; see :meth:`Source.surroundings`."""
        x, y, z = spacing
        reaches = [one.reach((x, y, z)) for one in self.filters]
        return _around(box, whole, [max(axis) for axis in zip(*reaches, strict=True)], self.wraps)

    def make(self, image: sitk.Image) -> Iterator[tuple[str, sitk.Image]]:
        """Yield images; see :meth:`Source.make`."""
        values = sitk.GetArrayViewFromImage(image).astype(np.float64)
        for one in self.filters:
            yield one.name, preprocess.like(image, one(values, image.GetSpacing()))


def sources(settings: ExtractionSettings) -> list[Source]:
    """Return where the images come from that features are computed from, in the settings' order."""
    found: list[Source] = []
    if settings.images.original is not None:
        found.append(FromPyRadiomics("Original", ["original"]))
    for key, own in settings.images.filters().items():
        bins = own.discretisation
        arrays = _array_filters(own)
        if arrays:
            wraps = getattr(own, "boundary", None) == "periodic"
            found.append(FromArrays(arrays, bins, wraps=wraps))
        elif isinstance(own, image_settings.LaplacianOfGaussian):
            found.append(_log(own))
        elif isinstance(own, image_settings.Wavelet):
            found.append(_wavelet(own, settings.texture.in_slices))
        else:
            reach = EVERYWHERE if key in SCALED else 1
            name = PYRADIOMICS[key].lower()
            found.append(FromPyRadiomics(PYRADIOMICS[key], [name], bins, reach=reach))
    return found


def image_names(settings: ExtractionSettings) -> list[str]:
    """Return the names of all images that features come from."""
    return [name for source in sources(settings) for name in source.names]


def _log(own: image_settings.LaplacianOfGaussian) -> Source:
    if own.dimensions == 2:
        return LogInSlices(own.sigma_mm, own.discretisation)
    return Laplacians(own.sigma_mm, own.discretisation)


def _log_names(sigmas: Sequence[float], dimensions: int) -> dict[str, float]:
    return {f"log-sigma-{str(s).replace('.', '-')}-mm-{dimensions}D": s for s in sigmas}


def _large_enough(
    sigmas: dict[str, float], size: Sequence[int], spacing: Sequence[float]
) -> dict[str, float]:
    """Return the Laplacians that PyRadiomics takes of an image of a size."""
    found = {}
    for name, sigma in sigmas.items():
        least = [max(LOG_LEAST, math.ceil(sigma / step) + 1) for step in spacing]
        if all(n >= m for n, m in zip(size, least, strict=True)):
            found[name] = sigma
    return found


def _wavelet(own: image_settings.Wavelet, in_slices: bool) -> Source:
    bands = [""]
    for _ in range(2 if in_slices else 3):
        bands = [band + part for band in bands for part in "HL"]
    low = "L" * len(bands[0])
    names = []
    for level in range(1, own.levels + 1):
        prefix = "wavelet-" if level == 1 else f"wavelet{level}-"
        names += [prefix + band for band in bands if level == own.levels or band != low]
    return FromPyRadiomics(
        "Wavelet",
        names,
        own.discretisation,
        reach=pywt.Wavelet(own.name).dec_len * own.levels,
        wraps=True,
        wavelet=own.name,
        level=own.levels,
        force2D=in_slices,
    )


def _array_filters(own: image_settings.Filtered) -> list[Filter]:
    """Return the filters of arrays that a section of the settings asks for; none if no such."""
    plain = _plain_filters(own)
    if isinstance(own, image_settings.Derived) and own.riesz is not None:
        x, y, z = own.riesz
        return [Riesz(one, (x, y, z)) for one in plain]
    return plain


def _plain_filters(own: image_settings.Filtered) -> list[Filter]:
    match own:
        case image_settings.LocalBinaryPattern():
            return [LocalBinaryPattern(own.radius, own.samples)]
        case image_settings.Mean():
            return [Mean(side, own.dimensions, own.boundary) for side in own.support]
        case image_settings.LogIbsi():
            how = (own.cutoff, own.dimensions, own.boundary)
            return [LaplacianOfGaussian(sigma, *how) for sigma in own.sigma_mm]
        case image_settings.Laws():
            return [Laws(k, own.pooling, own.energy, own.boundary) for k in own.kernels]
        case image_settings.Gabor():
            turn = (own.theta_degrees, own.step_degrees, own.pooling)
            return [
                Gabor(sigma, wavelength, own.gamma, *turn, own.dimensions, own.boundary)
                for sigma, wavelength in zip(own.sigma_mm, own.wavelength_mm, strict=True)
            ]
        case image_settings.WaveletIbsi():
            return [
                Wavelet(own.name, band, level, own.pooling, own.boundary)
                for level in own.levels
                for band in own.bands
            ]
        case image_settings.Simoncelli():
            return [Simoncelli(level, own.dimensions) for level in own.levels]
    return []


def _around(box: Region, whole: Triple, reach: Sequence[int], wraps: bool = False) -> Region:
    """Return a box grown by a filter's reach; the whole of an axis on which it wraps around."""
    grown = box.grown(reach, whole)
    if not wraps:
        return grown
    lower, upper = list(grown.lower), list(grown.upper)
    for axis in range(3):
        inner = box.lower[axis] >= reach[axis] and box.upper[axis] + reach[axis] < whole[axis]
        if not inner:
            lower[axis], upper[axis] = 0, whole[axis] - 1
    return region_between(lower, upper)
