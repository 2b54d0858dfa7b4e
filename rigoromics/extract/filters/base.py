"""What all filters share: what they are asked, borders of the image, rotations, pooling."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rigoromics.grid import FloatArray, Triple

Boundary = Literal["zero", "nearest", "periodic", "mirror"]
Pooling = Literal["average", "max", "none"]
Dimensions = Literal[2, 3]
Spacing = tuple[float, float, float]
# One kernel along x, y and (in 3D) z.
Kernels = tuple[FloatArray, ...]

# What numpy calls the ways in which an image goes on beyond its border, and scipy.ndimage.
PADDING: dict[str, Literal["constant", "edge", "wrap", "symmetric"]] = {
    "zero": "constant",
    "nearest": "edge",
    "periodic": "wrap",
    "mirror": "symmetric",
}
EXTENSION = {"zero": "constant", "nearest": "nearest", "periodic": "wrap", "mirror": "reflect"}
# More voxels than any image has.
EVERYWHERE = 1_000_000


@dataclass(frozen=True)
class Filter(ABC):
    """A filter of arrays, with all that decides its response."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the image that it makes, without underscore or point."""

    @abstractmethod
    def reach(self, spacing: Spacing) -> Triple:
        """Return how many voxels around a voxel its response hangs on, along x, y and z.

        Parameters
        ----------
        spacing
            Voxel size (x, y, z), mm.

        Returns
        -------
        tuple of int
            `EVERYWHERE`, where the response hangs on all the image.
        """

    @abstractmethod
    def __call__(self, values: FloatArray, spacing: Spacing) -> FloatArray:
        """Return the response map.

        Parameters
        ----------
        values
            (slices, rows, columns) grey values, as floating-point numbers.
        spacing
            Voxel size (x, y, z), mm.

        Returns
        -------
        ndarray
            (slices, rows, columns).
        """


def convolve(values: FloatArray, kernels: Kernels, boundary: Boundary) -> FloatArray:
    """Return values convolved with one kernel along x, y and, if there is a third, z.

    The middle of a kernel of even length is the first after its half.
    """
    from scipy import ndimage

    result = values
    for axis, kernel in zip((2, 1, 0), kernels, strict=False):
        result = ndimage.convolve1d(
            result,
            kernel,
            axis=axis,
            mode=EXTENSION[boundary],
        )
    return np.asarray(result)


def rotations(kernels: Kernels) -> Iterator[Kernels]:
    """Yield separable kernels as seen after each rotation by right angles: 4 in 2D, 24 in 3D.

    A rotation swaps axes and turns some round; an odd number of both together is a reflection.
    """
    axes = range(len(kernels))
    for order in itertools.permutations(axes):
        swaps = sum(a > b for a, b in itertools.combinations(order, 2))
        for turned in itertools.product((False, True), repeat=len(kernels)):
            if (swaps + sum(turned)) % 2 == 0:
                yield tuple(
                    kernels[axis][::-1] if turn else kernels[axis]
                    for axis, turn in zip(order, turned, strict=True)
                )


def pool(responses: Iterable[FloatArray], pooling: Pooling) -> FloatArray:
    """Return the mean or the maximum of response maps, voxel by voxel; of one only: `none`."""
    result: FloatArray | None = None
    number = 0
    for response in responses:
        number += 1
        if result is None:
            result = response.copy()
        elif pooling == "max":
            np.maximum(result, response, out=result)
        else:
            result += response
    if result is None:
        raise ValueError("there is no response map to pool")
    return result / number if pooling == "average" else result


def number_in_name(value: float) -> str:
    """Return a number as it stands in names of images: a hyphen for the point, as PyRadiomics."""
    return str(float(value)).replace(".", "-")


def along(half: Sequence[float], dimensions: Dimensions) -> Triple:
    """Return a reach in whole voxels, none between slices in 2D."""
    x, y, z = (int(n) for n in half)
    return (x, y, z) if dimensions == 3 else (x, y, 0)
