"""The header of 3D Slicer's .seg.nrrd: which layer and label value a named segment has."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rigoromics.errors import DataError


def segment_layer(metadata: Mapping[str, str], name: str, number: int = 0) -> tuple[int, int]:
    """Return (layer, label value) of the one segment of that name or identifier.

    Parameters
    ----------
    metadata
        The file's header fields; `Segment<n>_Name`, `_ID`, `_LabelValue` and `_Layer` count.
    name
        The segment's name; empty where the file holds one segment only.
    number
        Its label value, where the config names it; 0 where the name decides.

    Raises
    ------
    DataError
        When no segment, or more than one, has that name.
    """
    segments = sorted(
        int(match.group(1))
        for key in metadata
        if (match := re.fullmatch(r"Segment(\d+)_LabelValue", key))
    )
    wanted = name.strip()
    chosen = [
        n
        for n in segments
        if wanted in (metadata.get(f"Segment{n}_Name", ""), metadata.get(f"Segment{n}_ID", ""))
    ]
    if number:
        chosen = [n for n in segments if metadata[f"Segment{n}_LabelValue"] == str(number)]
    if not wanted and len(segments) == 1:
        chosen = segments
    if len(chosen) != 1:
        raise DataError(
            f"the file holds {len(segments)} segments, {len(chosen) or 'none'} of them under the "
            f"{'label in the config' if number else 'name in the sheet'}",
            "run `snakemake sheet` if the file was replaced, or give every segment its own name",
        )
    number = chosen[0]
    layer = int(metadata.get(f"Segment{number}_Layer", "0"))
    return layer, int(metadata[f"Segment{number}_LabelValue"])
