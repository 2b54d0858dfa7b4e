"""Filters on a device, equal to the CPU's to the bit: Laplacian of Gaussian and wavelets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pywt

from rigoromics.extract.fast.recursive import Recursion, recursion
from rigoromics.extract.gpu.device import Device

# Blocks that a kernel over voxels or lines is cut into at most.
MOST_BLOCKS = 65535


def laplacian_of_gaussian(
    device: Device,
    values: npt.NDArray[Any],
    spacing: Sequence[float],
    sigma_mm: float,
    wanted: Sequence[slice],
) -> Any:
    """Return a part of the Laplacian of Gaussian, normalised across scales, on the device.

    Parameters
    ----------
    device
        Where to compute.
    values, spacing, sigma_mm, wanted
        See :func:`rigoromics.extract.fast.recursive.laplacian_of_gaussian`.
    """
    xp = device.xp
    given = xp.asarray(values.astype(np.result_type(values.dtype, np.float32), copy=False))
    total = xp.zeros([part.stop - part.start for part in wanted], np.float32)
    for axis in range(3):
        second = recursion(sigma_mm / spacing[axis], sigma_mm**2)
        part = _along(device, given, 2 - axis, second, wanted)
        for other in range(3):
            if other != axis:
                smooth = recursion(sigma_mm / spacing[other])
                part = _along(device, part, 2 - other, smooth, wanted)
        weight = np.float64(1.0 / (spacing[axis] * spacing[axis]))
        size = np.int64(total.size)
        device.launch("add_rounded", _grid(device, total.size), 0, total, part, weight, size)
    return total


def wavelets(
    device: Device, values: npt.NDArray[Any], name: str, level: int, axes: Sequence[int]
) -> Iterator[tuple[str, Any]]:
    """Yield the bands of an undecimated wavelet transform as PyRadiomics names them.

    Parameters
    ----------
    device
        Where to compute.
    values
        (slices, rows, columns) grey values; what they are the period of.
    name, level
        Wavelet, and levels; as in PyRadiomics, each takes the low band of the one before.
    axes
        Axes of the array to be filtered along, in order.
    """
    kind = np.float32 if values.dtype == np.float32 else np.float64
    padding = [(0, n % 2) for n in values.shape]
    kept = tuple(slice(0, n) for n in values.shape)
    low = device.xp.asarray(np.pad(values, padding, "wrap").astype(kind))
    taps = dict(zip("LH", map(device.xp.asarray, _taps(name, kind)), strict=True))
    for step in range(1, level + 1):
        bands = {"": low}
        for axis in axes:
            bands = {
                band + letter: _convolved(device, part, axis, filter_)
                for band, part in bands.items()
                for letter, filter_ in taps.items()
            }
        low = bands.pop("L" * len(axes))
        prefix = "wavelet" if step == 1 else f"wavelet{step}"
        for band, part in bands.items():
            yield f"{prefix}-{band}", part[kept]
    prefix = "wavelet" if level == 1 else f"wavelet{level}"
    yield f"{prefix}-{'L' * len(axes)}", low[kept]


def _taps(name: str, kind: type[np.floating[Any]]) -> Sequence[npt.NDArray[Any]]:
    """Return PyWavelets' low and high filter of a wavelet.

    Read off what it makes of a single one: for 32-bit numbers its own taps are not always those of
    64 bits, rounded.
    """
    length = pywt.Wavelet(name).dec_len
    one = np.zeros(2 * length + 2, kind)
    one[length] = 1
    return [np.roll(found, length // 2 - length)[:length] for found in pywt.swt(one, name, 1)[0]]


def _along(device: Device, values: Any, axis: int, how: Recursion, wanted: Sequence[slice]) -> Any:
    """Return values filtered along an axis, of which only what is wanted is kept."""
    xp, kept = device.xp, wanted[axis]
    outer, inner = (other for other in range(3) if other != axis)
    size = list(values.shape)
    size[axis] = kept.stop - kept.start
    found = xp.empty(size, np.float32)
    lines = values.shape[outer] * values.shape[inner]
    steps, found_steps = _steps(values), _steps(found)
    kernel = "recursive_double" if values.dtype == np.float64 else "recursive_float"
    device.launch(
        kernel,
        _grid(device, lines),
        0,
        values,
        *map(np.int64, (values.shape[axis], steps[axis], values.shape[inner], steps[inner])),
        *map(np.int64, (lines, steps[outer])),
        xp.asarray(np.concatenate(how)),
        *map(np.int64, (kept.start, kept.stop)),
        xp.empty((kept.stop - kept.start) * lines),
        found,
        *map(np.int64, (found_steps[axis], found_steps[inner], found_steps[outer])),
    )
    return found


def _convolved(device: Device, values: Any, axis: int, filter_: Any) -> Any:
    found = device.xp.empty(values.shape, values.dtype)
    kernel = "convolve_double" if values.dtype == np.float64 else "convolve_float"
    where = (np.int64(values.size), np.int64(values.shape[axis]), np.int64(_steps(values)[axis]))
    grid = _grid(device, values.size)
    device.launch(kernel, grid, 0, values, *where, filter_, np.int32(len(filter_)), found)
    return found


def _steps(values: Any) -> list[int]:
    """Return how far neighbours along each axis are apart in memory, in elements."""
    return [step // values.itemsize for step in values.strides]


def _grid(device: Device, number: int) -> tuple[int, ...]:
    return (min(-(-number // device.threads), MOST_BLOCKS),)
