"""Remarks and refusals, which the readers of segmentations share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rigoromics.errors import DataError, Problem

STAGE = "images"
OUTSIDE_REFUSED = 0.1


def note(problem: str, remedy: str) -> Problem:
    """Return something a person should know that stops nothing."""
    return Problem(stage=STAGE, severity="noted", problem=problem, remedy=remedy)


@contextmanager
def damaged(problem: str, remedy: str, file: str = "") -> Iterator[None]:
    """Refuse a file in words, whatever a reader of DICOM raises inside.

    pydicom raises almost any exception on damaged files, and warns of harmless breaches of the
    standard by quoting values, which may identify patients.

    Raises
    ------
    DataError
        For any other exception; a DataError passes as it is.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(problem, remedy, file) from error


def outside_notes(outside: int, voxels: int) -> list[Problem]:
    """Say that part of a segmentation lies beyond its image, or refuse if that is much of it.

    Parameters
    ----------
    outside, voxels
        How many voxels of the segmentation lie outside the image, and how many it has.

    Raises
    ------
    DataError
        When more than a tenth lies outside: it was then hardly drawn on this image.
    """
    if outside > voxels * OUTSIDE_REFUSED:
        raise DataError(
            f"{outside} of the {voxels} voxels of the segmentation lie outside the image",
            "take the segmentation drawn on this series; if the scan was cropped or slices are "
            "missing, use the whole scan",
        )
    if not outside:
        return []
    return [
        note(
            f"{outside} of the {voxels} voxels of the segmentation lie outside the image and are "
            "cut off",
            "make sure that the scan is complete; look at the contact sheet",
        )
    ]


def nearest_notes(shift: float, allowed: float) -> list[Problem]:
    """Say that voxels lay between those of an image that was set upright after a gantry tilt."""
    if shift <= allowed:
        return []
    return [
        note(
            "the scan was set upright after a gantry tilt, and the segmentation lies on its slices "
            f"as scanned: up to {shift:.2f} voxels off; each voxel went to the nearest",
            "look at the contact sheet; contours as RTSTRUCT need no such shift",
        )
    ]


def check_frame_of_reference(segmentation: str, image: str) -> list[Problem]:
    """Compare the Frame of Reference UIDs of a segmentation and its image.

    Parameters
    ----------
    segmentation, image
        The UIDs; an empty image UID skips the check, an empty segmentation UID is noted.

    Raises
    ------
    DataError
        When they differ: the coordinates then mean different places.
    """
    if image and segmentation and image != segmentation:
        raise DataError(
            "the segmentation has another frame of reference than the image, so that its "
            "coordinates mean other places",
            "take the segmentation drawn on this series, or register it to the series and "
            "export it again",
        )
    if image and not segmentation:
        return [
            note(
                "the segmentation names no frame of reference; its coordinates were taken as the "
                "image's",
                "look at the contact sheet; export it again if it is in the wrong place",
            )
        ]
    return []
