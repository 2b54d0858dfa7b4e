"""Text burnt into pixels: who was examined may stand in the picture, where no header rule reaches.

Nothing here reads text. It says where text may be: the header says so (BurnedInAnnotation, DICOM
PS3.3 C.7.6.1); the picture is a capture of a screen; or marks that look like lines of letters lie
outside the regions of an ultrasound image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy import ndimage

from rigoromics.errors import Problem
from rigoromics.read.regions import inside, regions
from rigoromics.read.uptake import noted, repaired

ULTRASOUND = frozenset({"US", "IVUS"})
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_LOOK = "look at the pictures before they, or the contact sheet, leave the hospital"
_LETTER_HEIGHT = (5, 60)
_LETTER_WIDTH = (1, 60)
_FEWEST_LETTERS = 4
_INK = 0.25


def findings(data: Dataset, plane: NDArray[Any]) -> list[Problem]:
    """Say where text may be burnt into an image.

    Parameters
    ----------
    data
        Header of the file.
    plane
        Grey values, shape (rows, columns), before :func:`blank`.

    Returns
    -------
    list of Problem
        Severity `noted`; empty where nothing points to text.
    """
    notes = []
    if str(data.get("BurnedInAnnotation") or "").upper() == "YES":
        notes.append(
            noted(
                "The header says that text, perhaps the patient's name, is burnt into the pixels",
                _LOOK,
            )
        )
    sop_class = str(data.get("SOPClassUID") or "")
    if sop_class == _CAPTURE or sop_class.startswith(f"{_CAPTURE}."):
        notes.append(
            noted("The image is a capture of a screen, where text is usually burnt in", _LOOK)
        )
    if str(data.get("Modality") or "") not in ULTRASOUND:
        return notes
    usable = _usable(data, plane)
    if usable is None:
        notes.append(
            noted(
                "The ultrasound image names no usable region of the screen, so that burnt-in text "
                "cannot be told from tissue",
                _LOOK,
            )
        )
    elif looks_like_text(plane, ~usable):
        notes.append(
            noted(
                "Marks that look like text are burnt in outside the ultrasound region",
                f"{_LOOK}; the volume and its contact sheet have them blanked",
            )
        )
    return notes


def blank(data: Dataset, plane: NDArray[Any]) -> tuple[NDArray[Any], list[Problem]]:
    """Set to 0 what lies outside the regions of an ultrasound image.

    Parameters
    ----------
    data
        Header of the file. Other modalities pass unchanged, as do images without usable regions.
    plane
        Grey values, shape (rows, columns).

    Returns
    -------
    plane
        A copy where anything was blanked.
    notes
        That it was (severity `repaired`).
    """
    usable = _usable(data, plane)
    if usable is None or not plane[~usable].any():
        return plane, []
    note = repaired(
        "What lies outside the ultrasound regions (text, scales, logos) was set to 0",
        "nothing; draw no region of interest there",
    )
    return np.where(usable, plane, np.zeros((), plane.dtype)), [note]


def _usable(data: Dataset, plane: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return the pixels inside the regions; None without regions, or where they do not fit."""
    if str(data.get("Modality") or "") not in ULTRASOUND:
        return None
    shape = (plane.shape[0], plane.shape[1])
    found = regions(data)
    if not found or not all(region.fits(shape) for region in found):
        return None
    return inside(found, shape)


def looks_like_text(plane: NDArray[Any], where: NDArray[np.bool_]) -> bool:
    """Whether marks in a part of an image stand in a line like letters.

    Marks stand out from the most frequent value by a quarter of the image's range. Letters are
    at least four marks of 5 to 60 pixels height, of about the same height and on the same line,
    with gaps no wider than two heights. Bright flecks within tissue can look the same, so ask
    only about the surround.

    Parameters
    ----------
    plane
        Grey values, shape (rows, columns).
    where
        The part looked at, same shape.
    """
    if not where.any():
        return False
    values = plane.astype(np.float64)
    span = values.max() - values.min()
    levels, counts = np.unique(values[where], return_counts=True)
    if span == 0:
        return False
    ink = where & (np.abs(values - levels[counts.argmax()]) > _INK * span)
    labels, _ = ndimage.label(ink, np.ones((3, 3)))
    boxes = [
        (rows.start, rows.stop, columns.start, columns.stop)
        for rows, columns in ndimage.find_objects(labels)
        if _LETTER_HEIGHT[0] <= rows.stop - rows.start <= _LETTER_HEIGHT[1]
        and _LETTER_WIDTH[0] <= columns.stop - columns.start <= _LETTER_WIDTH[1]
    ]
    # Sorted from left to right: top, bottom, left, right.
    letters = np.array(sorted(boxes, key=lambda box: box[2]), dtype=np.int64).reshape(-1, 4)
    return any(_longest_run(letters, letter) >= _FEWEST_LETTERS for letter in letters)


def _longest_run(letters: NDArray[np.int64], letter: NDArray[np.int64]) -> int:
    """Return how many letters stand on the line of one, at most without a wide gap."""
    height = letter[1] - letter[0]
    heights = letters[:, 1] - letters[:, 0]
    alike = (heights >= 0.6 * height) & (heights <= 1.7 * height)
    line = letters[alike & (np.abs(letters[:, 1] - letter[1]) <= 0.35 * height)]
    wide = np.flatnonzero(line[1:, 2] - line[:-1, 3] > 2 * height)
    ends = np.concatenate([[-1], wide, [len(line) - 1]])
    return int(np.diff(ends).max())
