"""Read the header of one file into a flat row of strings."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from sys import intern
from typing import IO, Any, NamedTuple

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from rigoromics.read.fastparse import Wanted, read_plain
from rigoromics.read.keywords import (
    ALIASES,
    FUNCTIONAL_GROUPS,
    KEYWORDS,
    NESTED_SEQUENCES,
    TOP_LEVEL_ONLY,
)
from rigoromics.read.pixel_bytes import PixelBytes, digest_pixels, find_pixels, missing_bytes
from rigoromics.read.walk import Entry

_SEQUENCES = [
    "StructureSetROISequence",
    "ReferencedFrameOfReferenceSequence",
    "SegmentSequence",
    "ReferencedSeriesSequence",
]
# As much as nearly all slices have, so that one call reads them.
_AT_ONCE = 1 << 20

UNREADABLE = "unreadable"
TRUNCATED = "truncated"
OK = "ok"

Row = dict[str, str | int]


def parse_file(folder: Path, entry: Entry, extra: Sequence[str]) -> Row | None:
    """Read one file.

    Parameters
    ----------
    folder
        The folder that `entry.path` is relative to.
    entry
        The file.
    extra
        DICOM keywords to read beside :data:`rigoromics.read.keywords.KEYWORDS`.

    Returns
    -------
    dict or None
        The row of the header index; None where the file is neither DICOM nor a mask image. The
        column `status` is `ok`, `truncated` (fewer pixels than the header announces) or
        `unreadable`, and `detail` then says why.
    """
    row: Row = {"path": entry.path, "size": entry.size, "mtime_ns": entry.mtime_ns}
    row |= {"kind": "dicom", "status": OK, "detail": "", "sha256": "", "pixels": ""}
    row |= _blank(tuple(extra))
    try:
        with open(f"{folder}/{entry.path}", "rb", buffering=0) as stream:
            if entry.is_mask:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                return row | {"kind": "mask", "sha256": digest}
            content = _content(stream, entry.size)
    except OSError as error:
        return row | {"status": UNREADABLE, "detail": f"cannot be opened ({error.strerror})"}
    if content is None:
        return None
    row["sha256"] = hashlib.sha256(content).hexdigest()
    return row | parse_content(content, tuple(extra))


def _content(stream: IO[bytes], size: int) -> bytes | None:
    """Return the whole file; None, after a look at its front, where it is not DICOM."""
    content = stream.read(min(size, _AT_ONCE))
    if not _looks_like_dicom(content[:132]):
        return None
    # A network disk may return less than was asked for.
    while len(content) < size and (part := stream.read(size - len(content))):
        content += part
    return content


def _looks_like_dicom(start: bytes) -> bool:
    """Whether a file is DICOM, with its preamble or (old archives) without."""
    return start[128:132] == b"DICM" or (
        start[:2] in (b"\x08\x00", b"\x02\x00") and start[3:4] == b"\x00" and len(start) == 132
    )


def parse_content(content: bytes, extra: tuple[str, ...] = (), *, quick: bool = True) -> Row:
    """Read the header of a DICOM file that lies in memory.

    Parameters
    ----------
    content
        The whole file.
    extra
        Keywords to read beside the usual ones.
    quick
        Whether plain headers are read by :mod:`rigoromics.read.fastparse`; the row is the same.

    Returns
    -------
    dict
        The columns of the index that come from the content: keywords, rois, references, frames,
        pixels, and status and detail where the file is damaged.
    """
    wanted = wanted_elements(extra)
    try:
        header = (_read_quickly(content, wanted, extra) if quick else None) or _read_at_length(
            content, wanted, extra
        )
        short = missing_bytes(header.fields, header.pixels)
    except Exception as error:
        # pydicom raises almost any exception on damaged files; each means the same here.
        return {"status": UNREADABLE, "detail": f"damaged header ({type(error).__name__})"}
    fields = header.fields
    if not fields["SOPClassUID"] or not fields["SeriesInstanceUID"]:
        return {"status": UNREADABLE, "detail": "the header breaks off or names no series"}
    fields["pixels"] = digest_pixels(header.content, header.pixels)
    if short:
        fields |= {"status": TRUNCATED, "detail": f"{short} bytes of pixel data are missing"}
    return fields


class _Header(NamedTuple):
    """What was read, and in which bytes the pixels lie (elsewhere where the file is deflated)."""

    fields: Row
    content: bytes
    pixels: PixelBytes | None


@lru_cache(maxsize=8)
def wanted_elements(extra: tuple[str, ...] = ()) -> Wanted:
    """Return which elements fill the columns of the index, and where they may stand."""
    names = dict.fromkeys([*KEYWORDS, *extra, *ALIASES.values(), "BitsAllocated"])
    top = {_tag(name): name for name in names}
    return Wanted(
        top=top,
        nested={tag: name for tag, name in top.items() if name not in TOP_LEVEL_ONLY},
        sequences=tuple(map(_tag, NESTED_SEQUENCES)),
        coded=frozenset(tag for tag in top if dictionary_VR(tag) == "SQ"),
        general=frozenset(map(_tag, [*_SEQUENCES, *FUNCTIONAL_GROUPS])),
    )


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


def _read_quickly(content: bytes, wanted: Wanted, extra: tuple[str, ...]) -> _Header | None:
    plain = read_plain(content, wanted)
    if plain is None:
        return None
    fields = _merged(plain.top, plain.nested, extra)
    fields["rois"] = "[]"
    fields["references"] = _lies_in(plain.top.get("FrameOfReferenceUID", ""))
    return _Header(fields, content, find_pixels(content, plain.position))


@lru_cache(maxsize=1024)
def _lies_in(frame: str) -> str:
    """Return the references of a file that names none but its own frame of reference."""
    return json.dumps({"series": [], "instances": [], "frames": [frame] if frame else []})


def _read_at_length(content: bytes, wanted: Wanted, extra: tuple[str, ...]) -> _Header:
    with warnings.catch_warnings():
        # Values that break the standard's rules of form are common and do no harm here.
        warnings.simplefilter("ignore")
        return _read_with_pydicom(content, wanted, extra)


def _read_with_pydicom(content: bytes, wanted: Wanted, extra: tuple[str, ...]) -> _Header:
    stream = BytesIO(content)
    tags: list[Any] = [*wanted.top, *wanted.sequences, *wanted.general, "SpecificCharacterSet"]
    data = pydicom.dcmread(stream, stop_before_pixels=True, force=True, specific_tags=tags)
    top = {name: intern(_text(data, name)) for name in wanted.top.values()}
    fields = _merged(top, _nested_texts(data, wanted.nested.values()), extra)
    fields["rois"] = json.dumps(_rois(data), ensure_ascii=False)
    fields["references"] = json.dumps(_references(data))
    fields["frames"] = _frames(data)
    syntax = getattr(data, "file_meta", Dataset()).get("TransferSyntaxUID")
    if syntax is not None and syntax.is_deflated:
        value = pydicom.dcmread(BytesIO(content), force=True).get("PixelData") or b""
        return _Header(fields, value, PixelBytes(0, len(value), 0, False))
    little = data.original_encoding[1] is not False
    return _Header(fields, content, find_pixels(content, stream.tell(), little=little))


def _merged(top: Mapping[str, str], nested: Mapping[str, str], extra: tuple[str, ...]) -> Row:
    """Return each column's text: from the top level, an item, or its other name in them."""
    blank = _blank(extra)
    fields: Row = {**blank, **top}
    for name, text in nested.items():
        fields[name] = fields.get(name) or text
    for name, other in ALIASES.items():
        fields[name] = fields[name] or fields.get(other, "")
        if other not in blank:
            fields.pop(other, None)
    return fields


@lru_cache(maxsize=8)
def _blank(extra: tuple[str, ...]) -> Row:
    """Return a row without texts, to be copied."""
    return dict.fromkeys([*KEYWORDS, *extra, "BitsAllocated", "rois", "references", "frames"], "")


def _nested_texts(data: Dataset, names: Iterable[str]) -> dict[str, str]:
    """Return what the first items of the known sequences say; the first of them counts."""
    items = [item for word in NESTED_SEQUENCES for item in _first(data, word)]
    # The frames of a SEG are thousands, and lie where its image does.
    groups = FUNCTIONAL_GROUPS[:1] if data.get("Modality") == "SEG" else FUNCTIONAL_GROUPS
    for word in groups:
        for group in _first(data, word):
            items += [item for part in group if part.VR == "SQ" for item in part.value[:1]]
    texts: dict[str, str] = {}
    wanted = list(names)
    for item in items:
        for name in wanted:
            if name in item and name not in texts and (text := _text(item, name)):
                texts[name] = text
    return texts


def _first(data: Dataset, keyword: str) -> list[Dataset]:
    value = data.get(keyword)
    return list(value[:1]) if isinstance(value, pydicom.Sequence) else []


def _frames(data: Dataset) -> str:
    """Return the fields of each frame of an enhanced image as JSON; empty for other files."""
    if "PerFrameFunctionalGroupsSequence" not in data or data.get("Modality") == "SEG":
        return ""
    # Imported here: few files need it, and it brings the reading of pixels along.
    from rigoromics.read.frames import frame_fields

    return json.dumps(frame_fields(data), ensure_ascii=False)


def _text(data: Dataset, keyword: str) -> str:
    value = data.get(keyword)
    if value is None:
        return ""
    if isinstance(value, pydicom.Sequence):
        names = ("CodeMeaning", "CodeValue")
        meanings = [_text(item, name) for item in value[:1] for name in names]
        return next(filter(None, meanings), "")
    if isinstance(value, MultiValue | list):
        return "\\".join(str(part) for part in value)
    return str(value).strip("\x00 ")


def _rois(data: Dataset) -> list[dict[str, Any]]:
    """Return the ROIs of an RTSTRUCT or the segments of a SEG: number, name, description."""
    rois = [
        {
            "number": int(item.ROINumber),
            "name": str(item.get("ROIName") or "").strip(),
            "description": "",
            "frame": str(item.get("ReferencedFrameOfReferenceUID") or ""),
        }
        for item in data.get("StructureSetROISequence") or []
    ]
    rois += [
        {
            "number": int(item.SegmentNumber),
            "name": str(item.get("SegmentLabel") or "").strip(),
            "description": str(item.get("SegmentDescription") or "").strip(),
            "frame": "",
        }
        for item in data.get("SegmentSequence") or []
        if int(item.SegmentNumber) > 0
    ]
    return rois


def _references(data: Dataset) -> dict[str, list[str]]:
    """Return what an RTSTRUCT or SEG says it was drawn on: series, instances, frames."""
    series: list[Dataset] = list(data.get("ReferencedSeriesSequence") or [])
    frames = [_text(data, "FrameOfReferenceUID")]
    for frame in data.get("ReferencedFrameOfReferenceSequence") or []:
        frames.append(str(frame.get("FrameOfReferenceUID") or ""))
        for study in frame.get("RTReferencedStudySequence") or []:
            series += study.get("RTReferencedSeriesSequence") or []
    instances = [
        str(image.get("ReferencedSOPInstanceUID") or "")
        for item in series
        for name in ("ContourImageSequence", "ReferencedInstanceSequence")
        for image in item.get(name) or []
    ]
    return {
        "series": _unique(str(item.get("SeriesInstanceUID") or "") for item in series),
        "instances": _unique(instances),
        "frames": _unique(frames),
    }


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
