"""What reading an image series gives, and what may be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import SimpleITK as sitk
from numpy.typing import NDArray

from rigoromics.errors import Problem


@dataclass(frozen=True)
class ReadOptions:
    """How a series is read where there is a choice.

    Attributes
    ----------
    suv
        What PET uptake is divided by: `bw` body weight, `lbm` lean body mass, `bsa` body
        surface area.
    uneven_slices
        What happens to slices at uneven distances, or with one missing: `refuse` them, or
        `resample` them onto an even grid by linear interpolation between neighbours.
    """

    suv: Literal["bw", "lbm", "bsa"] = "bw"
    uneven_slices: Literal["refuse", "resample"] = "refuse"


@dataclass(frozen=True)
class SliceSource:
    """Where one slice of a volume came from.

    Attributes
    ----------
    sop_uid
        SOPInstanceUID of the file: keep it out of results.
    frame
        Number of the frame in a multi-frame file, from 1; 0 for a classic single-frame file.
    """

    sop_uid: str
    frame: int


@dataclass(frozen=True)
class SeriesImage:
    """An image series as a volume, and what was done to make it one.

    Attributes
    ----------
    image
        Always 3D, in LPS and mm. A 2D image has one slice, a cine clip one slice per frame.
    notes
        Repairs (`repaired`) and assumptions (`noted`), in words that carry no identifier.
    modality
        As in the header: CT, MR, PT, US ...
    units
        Of the values: `HU`, `SUVbw`, `SUVlbm`, `SUVbsa`; `stored` where the header names none.
    frame_of_reference
        FrameOfReferenceUID; empty where there is none. Keep it out of results.
    slices
        The source of each slice along the third axis; of a resampled volume the nearest.
    planar
        True for a 2D image without a place in the patient (ultrasound, mammography, OCT ...):
        its origin is 0 and its direction the identity.
    shifts
        Gantry tilt: how far the slices, as scanned, lie shifted within their planes: from the
        volume's first voxel of each slice to the first pixel that was scanned, along the row and
        down the column (mm), shape (slices, 2). The slices were moved back by resampling, so that
        every voxel lies where it was in the patient. None where nothing was moved.
    """

    image: sitk.Image
    notes: list[Problem]
    modality: str
    units: str
    frame_of_reference: str
    slices: tuple[SliceSource, ...]
    planar: bool
    shifts: NDArray[Any] | None
