"""All ROIs of an image laid out together, so that one kernel serves them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rigoromics.extract.fast.layout import Layout
from rigoromics.extract.gpu.device import SHARED, Device
from rigoromics.grid import Region, Triple

# Voxels that one share of an ROI has about; more shares than these are of no use.
PER_SHARE, MOST_SHARES = 8192, 64


@dataclass(frozen=True)
class Lines:
    """The directions of all ROIs, one after the other.

    Attributes
    ----------
    owner
        (lines,) ROI of each; on the device.
    offset
        (lines,) from a cell to the next one along it; on the device.
    first
        (ROIs + 1,) where each ROI's lines begin.
    """

    owner: Any
    offset: Any
    first: npt.NDArray[np.int64]

    @property
    def owners(self) -> npt.NDArray[np.int64]:
        """(lines,) ROI of each line."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


class Batch:
    """Several ROIs on a device.

    Attributes
    ----------
    device, layouts
        The device, and each ROI's layout.
    first
        (ROIs + 1,) where each ROI's voxels begin; `first_on_device` is the same there.
    owner, cell, place
        (voxels,) ROI, cell, and place in the image of each voxel; on the device.
    cells
        The padded boxes of all ROIs, one after the other; 0 but for the ROIs' voxels.
    """

    def __init__(
        self, device: Device, layouts: Sequence[Layout], boxes: Sequence[Region], size: Triple
    ) -> None:
        self.device, self.layouts = device, list(layouts)
        self.first = starts([len(layout.places) for layout in layouts])
        begins = starts([int(np.prod(layout.padded)) for layout in layouts])
        owners = np.repeat(np.arange(len(layouts), dtype=np.int32), np.diff(self.first))
        cells = [layout.voxels + begin for layout, begin in zip(layouts, begins, strict=False)]
        places = [_places(*each, size) for each in zip(layouts, boxes, strict=True)]
        put = device.xp.asarray
        self.first_on_device = put(self.first)
        self.owner, self.cell = put(owners), put(np.concatenate(cells))
        self.place = put(np.concatenate(places))
        self.cells = device.xp.zeros(int(begins[-1]), np.int32)

    @property
    def voxels(self) -> int:
        """Number of voxels of all ROIs."""
        return int(self.first[-1])

    @property
    def shares(self) -> int:
        """Into how many shares the voxels of an ROI are dealt."""
        return int(np.clip(np.diff(self.first).max() // PER_SHARE, 1, MOST_SHARES))

    @cached_property
    def halves(self) -> Lines:
        """Directions to neighbours, one of each two opposite ones."""
        return self._lines([layout.halves for layout in self.layouts])

    @cached_property
    def lines(self) -> Lines:
        """Directions of runs."""
        return self._lines([layout.lines for layout in self.layouts])

    @property
    def scratch(self) -> int:
        """Bytes of shared memory with a number for each thread."""
        return 8 * self.device.threads

    def per_voxel(self, kernel: str, *arguments: Any, number: int | None = None) -> None:
        """Run a kernel that takes voxels, or so many other things, one by one."""
        blocks = -(-(self.voxels if number is None else number) // self.device.threads)
        self.device.launch(kernel, (min(blocks, 65535),), 0, *arguments)

    def _lines(self, offsets: Sequence[npt.NDArray[np.int64]]) -> Lines:
        first = starts([len(each) for each in offsets])
        owner = np.repeat(np.arange(len(offsets), dtype=np.int32), np.diff(first))
        put = self.device.xp.asarray
        return Lines(put(owner), put(np.concatenate(offsets)), first)


def starts(sizes: Sequence[int] | npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
    """Return where each of several parts of these sizes begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(np.asarray(sizes, np.int64))]).astype(np.int64)


def room_for_counts() -> int:
    """Return how many counts fit into a block's shared memory."""
    return SHARED // 4


def _places(layout: Layout, box: Region, size: Triple) -> npt.NDArray[np.int64]:
    """Return where the voxels of an ROI lie in a flat image of a size (x, y, z)."""
    z, y, x = np.unravel_index(layout.places, layout.inside.shape)
    left, front, low = box.lower
    found = ((z + low) * size[1] + y + front) * size[0] + x + left
    return np.asarray(found, dtype=np.int64)
