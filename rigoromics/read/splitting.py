"""Tell apart what one image series mixes: orientations, localisers, stacks, phases, echoes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from rigoromics.read.keywords import DYNAMIC
from rigoromics.read.not_images import refused_by_name

_COARSE = 0.05
_TELLING = (*DYNAMIC, "DiffusionGradientOrientation", "ImageType")
_AT_MOST_TOGETHER = 3


def numbers_of(text: str, count: int) -> list[float]:
    r"""Return the numbers of a text of the header index, which has `\` between them.

    Raises
    ------
    ValueError
        Another count of numbers, or none.
    """
    values = [float(part) for part in text.split("\\")]
    if len(values) != count:
        raise ValueError(text)
    return values


def looks_of(files: pd.DataFrame) -> list[str]:
    """Name the orientation, size and kind of each row; slices of one volume share the name."""
    orientations = _orientation_classes(sorted(set(files["ImageOrientationPatient"])))
    columns = ("ImageOrientationPatient", "Rows", "Columns", "ImageType", "SOPClassUID", "Modality")
    return [
        f"{orientations[orientation]} {rows}x{width}"
        + (" localiser" if "LOCALIZER" in kind.upper() else "")
        + (" no image" if refused_by_name(sop_class, modality) else "")
        for orientation, rows, width, kind, sop_class, modality in zip(
            *(files[c] for c in columns), strict=True
        )
    ]


def _orientation_classes(texts: Sequence[str]) -> dict[str, str]:
    """Give orientations that are the same but for rounding the same name."""
    classes: dict[str, str] = {}
    known: list[tuple[np.ndarray[tuple[int], np.dtype[np.float64]], str]] = []
    for text in texts:
        try:
            cosines = np.array(numbers_of(text, 6))
        except ValueError:
            classes[text] = "nowhere"
            continue
        for other, name in known:
            if np.abs(cosines - other).max() <= _COARSE:
                classes[text] = name
                break
        else:
            classes[text] = f"orientation {text}"
            known.append((cosines, classes[text]))
    return classes


def phases_of(
    files: pd.DataFrame, *, apart: bool = False
) -> tuple[str, list[tuple[str, pd.DataFrame]]]:
    """Split slices into volumes: stacks, and what shares positions.

    Stacks are told apart by StackID of multi-frame files. Slices that share a position are told
    apart by time point, b-value, echo time, trigger time, acquisition number, gradient direction
    or kind of image: by the first of these, or the first two or three together, that gives
    volumes of equally many slices, each position once.

    Parameters
    ----------
    files
        Rows of the header index, one for each slice.
    apart
        Whether they are 2D images, each file of which stands for itself.

    Returns
    -------
    told_by
        The header fields that tell the volumes apart; empty where there is one volume.
    volumes
        For each volume what tells it apart, in words, and its rows.
    """
    if apart:
        return _images_apart(files)
    stacks = _stacks(files)
    if len(stacks) == 1:
        return _by_position(files)
    volumes: list[tuple[str, pd.DataFrame]] = []
    fields = ["StackID"]
    for stack, members in stacks:
        told_by, inner = _by_position(members)
        fields += [told_by] * (told_by != "")
        volumes += [(f"{stack} {phase}".strip(), rows) for phase, rows in inner]
    return ", ".join(dict.fromkeys(fields)), volumes


def _images_apart(files: pd.DataFrame) -> tuple[str, list[tuple[str, pd.DataFrame]]]:
    """Split 2D images by file; the frames of a clip stay together."""
    images = [rows for _, rows in files.groupby("path", sort=True)]
    if len(images) == 1:
        return "", [("", files)]
    numbers = [str(rows["InstanceNumber"].iloc[0]) for rows in images]
    field = "InstanceNumber"
    if "" in numbers or len(set(numbers)) < len(numbers):
        field, numbers = "file", [str(number) for number in range(1, len(images) + 1)]
    named = [f"{field} {number}" for number in numbers]
    return field, list(zip(named, images, strict=True))


def _stacks(files: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    if "StackID" not in files.columns or files["StackID"].nunique() < 2:
        return [("", files)]
    stacks = [(f"StackID {value}".strip(), rows) for value, rows in files.groupby("StackID")]
    # Some scanners number slices, not stacks.
    return stacks if all(len(rows) > 1 for _, rows in stacks) else [("", files)]


def _by_position(files: pd.DataFrame) -> tuple[str, list[tuple[str, pd.DataFrame]]]:
    """Split slices that share positions, if header fields tell them apart."""
    positions = files["ImagePositionPatient"]
    most = max(Counter(positions.tolist()).values())
    if most == 1 or set(positions) == {""}:
        return "", [("", files)]
    known = [name for name in _TELLING if name in files.columns and files[name].nunique() > 1]
    for together in range(1, _AT_MOST_TOGETHER + 1):
        for fields in combinations(known, together):
            groups = list(files.groupby(list(fields), sort=True))
            sizes = {len(rows) for _, rows in groups}
            unique = all(not rows["ImagePositionPatient"].duplicated().any() for _, rows in groups)
            if len(groups) == most and len(sizes) == 1 and unique:
                named = [(_named(fields, values), rows) for values, rows in groups]
                return ", ".join(fields), named
    return "", [("", files)]


def _named(fields: Sequence[str], values: Sequence[Hashable]) -> str:
    return ", ".join(f"{field} {value}" for field, value in zip(fields, values, strict=True))
