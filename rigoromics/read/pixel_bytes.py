"""Where the pixels of a DICOM file lie in its bytes, and whether all of them are there."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

_LONG_FORM = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN")
_UNDEFINED = 0xFFFFFFFF
_ITEM = (0xFFFE, 0xE000)
_DELIMITER = (0xFFFE, 0xE0DD)


@dataclass(frozen=True)
class PixelBytes:
    """The value of the element with the pixels.

    Attributes
    ----------
    start, end
        Its place in the file, as far as it is there. For compressed pixels: the items with their
        tags, without the delimiter behind the last (DICOM PS3.5, A.4).
    missing
        How many bytes it announces that the file does not have.
    encapsulated
        Whether the pixels are compressed.
    """

    start: int
    end: int
    missing: int
    encapsulated: bool


def find_pixels(content: bytes, position: int, *, little: bool = True) -> PixelBytes | None:
    """Return the place of the pixels, given where their element begins; None where there is none.

    Parameters
    ----------
    content
        The whole file.
    position
        Offset of the tag of PixelData, FloatPixelData or DoubleFloatPixelData; -1 for none.
    little
        Whether numbers are little endian.
    """
    order = "<" if little else ">"
    # A length in implicit VR is even, and no even number looks like one of these names.
    size = 12 if content[position + 4 : position + 6] in _LONG_FORM else 8
    if position < 0 or position + size > len(content):
        return None
    start = position + size
    (length,) = struct.unpack_from(order + "L", content, start - 4)
    if length == _UNDEFINED:
        return _encapsulated(content, start, order)
    end = min(start + length, len(content))
    return PixelBytes(start, end, start + length - end, False)


def _encapsulated(content: bytes, start: int, order: str) -> PixelBytes:
    item = struct.Struct(order + "HHL")
    place = start
    while place + item.size <= len(content):
        group, element, length = item.unpack_from(content, place)
        if (group, element) != _ITEM or length == _UNDEFINED:
            return PixelBytes(start, place, 0 if (group, element) == _DELIMITER else 1, True)
        place += item.size + length
    # Some writers forget the delimiter: then whole items are all there is to know.
    end = min(place, len(content))
    return PixelBytes(start, end, place - end, True)


def digest_pixels(content: bytes, pixels: PixelBytes | None) -> str:
    """Return a hexadecimal digest of the pixels as stored; empty where there are none.

    SHA-1 is the quickest digest at hand that never meets itself by chance. It tells equal pixels
    from others; nothing here relies on it against forgery.
    """
    if pixels is None or pixels.end == pixels.start:
        return ""
    part = memoryview(content)[pixels.start : pixels.end]
    return hashlib.sha1(part, usedforsecurity=False).hexdigest()


def missing_bytes(header: Mapping[str, str | int], pixels: PixelBytes | None) -> int:
    """Return by how many bytes the pixels of an image fall short of what its header announces.

    Parameters
    ----------
    header
        Rows, Columns, SamplesPerPixel, NumberOfFrames, BitsAllocated and
        PhotometricInterpretation as text.
    pixels
        What :func:`find_pixels` found.

    Raises
    ------
    ValueError
        A number of the header is none.
    """
    if not header["Rows"] or not header["BitsAllocated"]:
        return 0
    if pixels is None:
        pixels = PixelBytes(0, 0, 0, False)
    if pixels.encapsulated:
        return max(pixels.missing, pixels.end == pixels.start)
    # Chroma may be stored for every second pixel only.
    if str(header["PhotometricInterpretation"]).endswith(("422", "420")):
        return pixels.missing
    bits = 1
    for name in ("Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated"):
        bits *= int(float(header[name] or 1))
    return max(pixels.missing, -(-bits // 8) - (pixels.end - pixels.start))
