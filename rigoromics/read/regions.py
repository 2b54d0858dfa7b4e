"""The regions of an ultrasound image: where on the screen the sound is, and its scale.

DICOM PS3.3 C.8.5.5: SequenceOfUltrasoundRegions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

_TISSUE = 1
_CM = 3
_MM_PER_CM = 10.0


@dataclass(frozen=True)
class Region:
    """A rectangle on the screen.

    Attributes
    ----------
    columns, rows
        First and last pixel, both inside.
    flat
        Whether it is a 2D picture of tissue or flow (no M-mode, spectrum or graph).
    spacing
        Distance between rows and between columns in mm; None where it is not given in cm.
    """

    columns: tuple[int, int]
    rows: tuple[int, int]
    flat: bool
    spacing: tuple[float, float] | None

    @property
    def area(self) -> int:
        """Number of pixels."""
        return (self.columns[1] - self.columns[0] + 1) * (self.rows[1] - self.rows[0] + 1)

    def fits(self, shape: tuple[int, int]) -> bool:
        """Whether the rectangle lies inside an image; one pixel too far counts as inside."""
        inside = self.columns[0] >= 0 and self.rows[0] >= 0
        return inside and self.rows[1] <= shape[0] and self.columns[1] <= shape[1]


def regions(data: Dataset) -> list[Region]:
    """Return the regions of an ultrasound file: the 2D pictures if there are any, or all.

    Regions without a place, or of no size, are left out.
    """
    found = [_region(item) for item in data.get("SequenceOfUltrasoundRegions") or []]
    known = [region for region in found if region is not None and region.area > 0]
    return [region for region in known if region.flat] or known


def _region(item: Dataset) -> Region | None:
    try:
        columns = (int(item.RegionLocationMinX0), int(item.RegionLocationMaxX1))
        rows = (int(item.RegionLocationMinY0), int(item.RegionLocationMaxY1))
    except (AttributeError, TypeError, ValueError):
        return None
    if columns[1] < columns[0] or rows[1] < rows[0]:
        return None
    return Region(columns, rows, item.get("RegionSpatialFormat") == _TISSUE, _spacing(item))


def _spacing(item: Dataset) -> tuple[float, float] | None:
    units = (item.get("PhysicalUnitsYDirection"), item.get("PhysicalUnitsXDirection"))
    deltas = (item.get("PhysicalDeltaY"), item.get("PhysicalDeltaX"))
    if units != (_CM, _CM) or None in deltas:
        return None
    # The sign says which way the axis runs.
    down, across = (abs(float(delta)) * _MM_PER_CM for delta in deltas)
    return (down, across) if np.isfinite([down, across]).all() and down > 0 and across > 0 else None


def inside(found: list[Region], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels of an image that lie in a region, shape (rows, columns)."""
    kept = np.zeros(shape, bool)
    for region in found:
        kept[region.rows[0] : region.rows[1] + 1, region.columns[0] : region.columns[1] + 1] = True
    return kept
