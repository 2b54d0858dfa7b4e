"""The fast engine as what computes features of an image under masks: on the CPU, and on a GPU."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from rigoromics import preprocess
from rigoromics.extract import fast, gpu
from rigoromics.extract.backends import Backend, Features, Picture
from rigoromics.extract.images import FromPyRadiomics, Laplacians, Source
from rigoromics.extract.options import Options
from rigoromics.extract.roi import Roi
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.grid import Region

# Cells of ROIs' boxes that are on a device at the same time; each takes some thirty bytes.
CELLS_AT_ONCE = 100_000_000


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
