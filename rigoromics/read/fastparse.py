"""Read the wanted elements of a plain DICOM header from its bytes, or say that pydicom must.

Nearly all files of a hospital are explicit or implicit VR little endian (DICOM PS3.5, 7.1) with
values in plain letters. For these a walk over the element headers is an order of magnitude
quicker than a general reader. The walk is strict: at anything unusual it gives up, and the caller
asks pydicom. What it returns is, letter for letter, what pydicom would have given.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_VR

from rigoromics.read.keywords import CODE_TAGS

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = frozenset(
    "1.2.840.10008.1.2" + end
    for end in (".1", ".5", *(f".4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)))
)

_CHARSET = 0x00080005
_SYNTAX = 0x00020010
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_SHORT_FORM = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG_FORM = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_DEEPEST = 8
_KEPT = 50_000

_explicit = struct.Struct("<HH2sH").unpack_from
_implicit = struct.Struct("<HHL").unpack_from
_long = struct.Struct("<L").unpack_from

_NUMBER = re.compile(rb"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][+-]?\d{1,2})?")
_WHOLE = re.compile(rb"[+-]?\d{1,9}")
_BINARY = {b"US": "H", b"SS": "h", b"UL": "L", b"SL": "l", b"FL": "f", b"FD": "d"}
_SINGLE = frozenset([b"ST", b"LT", b"UT"])
_TEXT = frozenset([b"LO", b"SH", b"UC"])
_NAMED = _SINGLE | _TEXT | {b"PN"}
_PLAIN = frozenset([b"CS", b"AS", b"DA", b"TM", b"DT", b"PN"])
_CODECS = {"ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8"}

Raw = tuple[bytes, bytes]
"""VR and value of an element, as stored."""


class Unusual(Exception):  # noqa: N818 (it is no error: pydicom takes over)
    """The header is not of the plain kind that is read here."""


class _Note(Enum):
    """What is done at an element of the top level."""

    VALUE, SEQUENCE, GENERAL, PIXELS = range(4)


@dataclass(frozen=True)
class Wanted:
    """What to look for.

    Attributes
    ----------
    top
        Tag to keyword at the top level.
    nested
        Tag to keyword inside the first item of `sequences`.
    sequences
        Tags of the sequences to look into; the first that says a thing counts.
    coded
        Tags of `top` that name sequences; the coded meaning of the first item is their text.
    general
        Tags of which the mere presence asks for the general reader.
    """

    top: Mapping[int, str]
    nested: Mapping[int, str]
    sequences: tuple[int, ...]
    coded: frozenset[int]
    general: frozenset[int]

    @cached_property
    def noted(self) -> dict[int, _Note]:
        """What is done at which tag."""
        noted = dict.fromkeys([*self.top, _CHARSET], _Note.VALUE)
        noted |= dict.fromkeys([*self.sequences, *self.coded], _Note.SEQUENCE)
        noted |= dict.fromkeys([*self.general, _ITEM, _ITEM_END, _SEQUENCE_END], _Note.GENERAL)
        return noted | dict.fromkeys(_PIXELS, _Note.PIXELS)


@dataclass(frozen=True)
class Plain:
    """A header that was read: keyword to text, from the top level and from nested items.

    `position` is the offset of the element with the pixels, -1 where there is none.
    """

    top: dict[str, str]
    nested: dict[str, str]
    position: int


def read_plain(content: bytes, wanted: Wanted) -> Plain | None:
    """Read a header.

    Parameters
    ----------
    content
        The whole file.
    wanted
        Which elements to read.

    Returns
    -------
    Plain or None
        None where pydicom is to read the file: another transfer syntax, no preamble, letters
        beyond ASCII in other sets than Latin-1 and UTF-8, a value of another form than its VR
        allows, a header that breaks off, elements of `wanted.general`.
    """
    if content[128:132] != b"DICM":
        return None
    try:
        start, implicit = _meta(content)
        found: dict[int, Raw] = {}
        items: dict[int, tuple[int, int]] = {}
        walk = _Walk(content, implicit, wanted)
        position = walk.top_level(start, found, items)
        walk.codec = _codec(found.pop(_CHARSET, (b"", b""))[1])
        top = {wanted.top[tag]: _convert(raw, walk.codec) for tag, raw in found.items()}
        nested: dict[str, str] = {}
        for tag in wanted.coded & items.keys():
            top[wanted.top[tag]] = walk.first_item(*items[tag])[0]
        for tag in wanted.sequences:
            if tag in items:
                inside = walk.first_item(*items[tag])[1]
                nested = {name: text for name, text in inside.items() if text} | nested
    except (Unusual, struct.error, UnicodeDecodeError):
        return None
    return Plain(top, nested, position)


def _codec(charset: bytes) -> str:
    """Return what text is decoded with; all of the standard's sets agree on ASCII (PS3.3 C.12)."""
    names = charset.decode("latin-1").strip("\0 ").split("\\")
    if not all(name.strip() in python_encoding for name in names):
        raise Unusual
    return _CODECS.get(names[0], "ascii") if len(names) == 1 else "ascii"


def _meta(content: bytes) -> tuple[int, bool]:
    """Return where the data set begins, and whether it is implicit VR."""
    place, syntax, end = 132, "", len(content) - 8
    while place <= end:
        group, element, vr, length = _explicit(content, place)
        if group != 2:
            break
        size = 8
        if vr in _LONG_FORM:
            (length,) = _long(content, place + 8)
            size = 12
        elif vr not in _SHORT_FORM:
            raise Unusual
        place += size
        if element == 0x10:
            syntax = content[place : place + length].rstrip(b"\0 ").decode("latin-1")
        place += length
    if syntax == IMPLICIT:
        # Some writers say implicit and write explicit; pydicom looks, and so it shall.
        if content[place + 4 : place + 6].isalpha():
            raise Unusual
        return place, True
    if syntax not in EXPLICIT:
        raise Unusual
    return place, False


class _Walk:
    """Steps over the elements of one file."""

    def __init__(self, content: bytes, implicit: bool, wanted: Wanted) -> None:
        self.content = content
        self.implicit = implicit
        self.wanted = wanted
        self.codec = "ascii"

    def element(self, place: int) -> tuple[int, bytes, int, int]:
        """Return tag, VR (empty where implicit), start and length of the element at `place`."""
        if self.implicit:
            group, element, length = _implicit(self.content, place)
            return group << 16 | element, b"", place + 8, length
        group, element, vr, length = _explicit(self.content, place)
        if vr in _SHORT_FORM:
            return group << 16 | element, vr, place + 8, length
        if vr in _LONG_FORM:
            return group << 16 | element, vr, place + 12, _long(self.content, place + 8)[0]
        if group == 0xFFFE:
            return group << 16 | element, b"", place + 8, _long(self.content, place + 4)[0]
        raise Unusual

    def top_level(
        self, place: int, found: dict[int, Raw], items: dict[int, tuple[int, int]]
    ) -> int:
        """Fill in wanted elements and the places of wanted sequences; return where pixels begin."""
        content, end, noted = self.content, len(self.content), self.wanted.noted
        while place < end:
            tag, vr, start, length = self.element(place)
            stop = start + length
            if length == _UNDEFINED:
                if tag in _PIXELS:
                    return place
                stop = self.sequence_end(tag, vr, start, length)
            if tag in noted:
                note = noted[tag]
                if note is _Note.PIXELS:
                    return place
                if note is _Note.GENERAL or (note is _Note.SEQUENCE and vr not in (b"SQ", b"")):
                    raise Unusual
                if note is _Note.SEQUENCE:
                    items[tag] = (start, stop)
                else:
                    found[tag] = (vr or _vr_of(tag), content[start:stop])
            if stop > end:
                raise Unusual
            place = stop
        return -1

    def sequence_end(self, tag: int, vr: bytes, start: int, length: int, depth: int = 0) -> int:
        """Return the offset behind a sequence."""
        if length != _UNDEFINED:
            return start + length
        known = vr == b"SQ" or (vr == b"" and (tag >> 16 & 1 or _vr_of(tag) == b"SQ"))
        if not known or depth > _DEEPEST:
            raise Unusual
        place = start
        while True:
            item, length = self.item(place)
            place += 8
            if item == _SEQUENCE_END:
                return place
            if length == _UNDEFINED:
                place = self.item_end(place, depth)
            else:
                place += length

    def item(self, place: int) -> tuple[int, int]:
        """Return tag and length of an item or of the delimiter behind the last."""
        group, element, length = _implicit(self.content, place)
        tag = group << 16 | element
        if tag not in (_ITEM, _SEQUENCE_END):
            raise Unusual
        return tag, length

    def item_end(self, place: int, depth: int) -> int:
        """Return the offset behind an item without length."""
        while True:
            tag, vr, start, length = self.element(place)
            if tag == _ITEM_END:
                return start
            if length == _UNDEFINED:
                place = self.sequence_end(tag, vr, start, length, depth + 1)
            else:
                place = start + length

    def first_item(self, place: int, stop: int) -> tuple[str, dict[str, str]]:
        """Return the coded meaning of a sequence's first item, and its wanted elements as text."""
        texts: dict[str, str] = {}
        code = {"CodeMeaning": "", "CodeValue": ""}
        if place + 8 > stop:
            return "", texts
        tag, length = self.item(place)
        place += 8
        end = stop if length == _UNDEFINED else place + length
        while tag != _SEQUENCE_END and place < end:
            inner, vr, start, length = self.element(place)
            if inner == _ITEM_END:
                break
            if inner == _CHARSET:
                raise Unusual
            place = self.sequence_end(inner, vr, start, length)
            keyword = self.wanted.nested.get(inner) or CODE_TAGS.get(inner)
            if keyword and (vr or _vr_of(inner)) == b"SQ":
                texts[keyword] = self.first_item(start, place)[0]
            elif keyword:
                text = _convert((vr or _vr_of(inner), self.content[start:place]), self.codec)
                (code if inner in CODE_TAGS else texts)[keyword] = text
        if place > stop:
            raise Unusual
        return code["CodeMeaning"] or code["CodeValue"], texts


_vrs: dict[int, bytes] = {}


def _vr_of(tag: int) -> bytes:
    """Return the VR that the dictionary (PS3.6) gives a tag."""
    if tag not in _vrs:
        try:
            _vrs[tag] = dictionary_VR(tag).encode()
        except KeyError:
            _vrs[tag] = b"UN"
    return _vrs[tag]


_texts: dict[str, dict[Raw, str]] = defaultdict(dict)


def _convert(raw: Raw, codec: str) -> str:
    """Return a value as text; slices share most of theirs, so each is worked out once."""
    known = _texts[codec]
    text = known.get(raw)
    if text is None:
        if len(known) >= _KEPT:
            known.clear()
        text = known[raw] = _text(*raw, codec)
    return text


def _text(vr: bytes, value: bytes, codec: str) -> str:
    if vr in _BINARY:
        return _binary(_BINARY[vr], value)
    if not value.isascii() and (vr not in _NAMED or codec == "ascii"):
        raise Unusual
    if b"\x1b" in value:
        raise Unusual
    if vr == b"DS":
        return _numbers(value.strip(), _NUMBER)
    if vr == b"IS":
        return _numbers(value, _WHOLE)
    text = value.decode(codec).rstrip("\0 ")
    if vr in _SINGLE:
        return text.strip("\0 ")
    parts = text.split("\\")
    if vr in _TEXT:
        parts = [part.rstrip("\0 ") for part in parts]
    elif vr == b"UI":
        parts = [part.strip() for part in parts]
    elif vr not in _PLAIN or (vr == b"PN" and "=" in text):
        raise Unusual
    return "\\".join(parts) if len(parts) > 1 else parts[0].strip("\0 ")


def _numbers(value: bytes, form: re.Pattern[bytes]) -> str:
    """Return decimal or integer strings (DS, IS) as they were written, without blanks."""
    if not value:
        return ""
    parts = [part.strip(b" ") for part in value.rstrip(b"\0 ").split(b"\\")]
    if not all(form.fullmatch(part) for part in parts):
        raise Unusual
    return b"\\".join(parts).decode("ascii")


def _binary(code: str, value: bytes) -> str:
    width = struct.calcsize("<" + code)
    if len(value) % width:
        raise Unusual
    numbers = struct.unpack(f"<{len(value) // width}{code}", value)
    return "\\".join(str(number) for number in numbers)
