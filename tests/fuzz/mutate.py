"""Spoil the bytes and the elements of a DICOM file by chance, as disks, networks and people do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from io import BytesIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

HEADER = 132
SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEG2000,
    RLELossless,
    "1.2.3.4",
    "",
]
TEXTS = ["", " ", "NaN", "inf", "-1", "0", "1e400", "1E-320", "99999999999", "a", "\\", "\\\\\\",
         "1\\2\\3", "-0.0\\0\\0\\0\\0\\0", "ä\u2028x", "x" * 3000, "\x00", "20201399"]  # fmt: skip
NUMBERS = [0, 1, 2, 7, 255, 256, 65535, -1, 2**31 - 1]


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Return the file's bytes with one to three faults."""
    for _ in range(chance.choice([1, 1, 2, 3])):
        fault = chance.choice(FAULTS)
        content = fault(content, chance)
    return content


def flip_bytes(content: bytes, chance: random.Random) -> bytes:
    """Change single bytes anywhere."""
    spoiled = bytearray(content)
    for _ in range(chance.randint(1, 20)):
        if spoiled:
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
    return bytes(spoiled)


def flip_header(content: bytes, chance: random.Random) -> bytes:
    """Change single bytes between the preamble and the first kilobyte."""
    spoiled = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        if len(spoiled) > HEADER + 8:
            end = min(len(spoiled), 1400)
            spoiled[chance.randrange(HEADER, end)] = chance.randrange(256)
    return bytes(spoiled)


def cut(content: bytes, chance: random.Random) -> bytes:
    """Break the file off."""
    return content[: chance.randint(0, len(content))]


def leave_out(content: bytes, chance: random.Random) -> bytes:
    """Lose a run of bytes."""
    first = chance.randint(0, len(content))
    return content[:first] + content[first + chance.randint(1, 200) :]


def put_in(content: bytes, chance: random.Random) -> bytes:
    """Add a run of bytes."""
    first = chance.randint(0, len(content))
    return content[:first] + chance.randbytes(chance.randint(1, 200)) + content[first:]


def blank_out(content: bytes, chance: random.Random) -> bytes:
    """Fill a run with zeros, as a sparse copy does."""
    first = chance.randint(0, len(content))
    size = min(chance.randint(1, 600), len(content) - first)
    return content[:first] + bytes(size) + content[first + size :]


def change_length(content: bytes, chance: random.Random) -> bytes:
    """Write an absurd number where a length may stand."""
    if len(content) < HEADER + 16:
        return content
    spoiled = bytearray(content)
    first = chance.randrange(HEADER, len(content) - 4)
    spoiled[first : first + 4] = chance.choice([b"\xff" * 4, b"\xff\xff\xff\x7f", bytes(4)])
    return bytes(spoiled)


def spoil_elements(content: bytes, chance: random.Random) -> bytes:
    """Delete, empty, exchange or overwrite elements at any depth, well-formed as DICOM."""
    try:
        data = pydicom.dcmread(BytesIO(content), force=True)
        for _ in range(chance.randint(1, 3)):
            _spoil_one(data, chance)
        return _written(data)
    except Exception:  # a file spoiled before may be beyond this; its bytes stay as they are
        return content


def change_syntax(content: bytes, chance: random.Random) -> bytes:
    """Name another transfer syntax than the one the file is written in."""
    try:
        data = pydicom.dcmread(BytesIO(content), force=True)
        plain = _written(data)
        old = str(data.file_meta.TransferSyntaxUID).encode()
        new = str(chance.choice(SYNTAXES)).encode()
        return plain.replace(old.ljust(len(old) + len(old) % 2, b"\0"), _fitted(new, len(old)), 1)
    except Exception:  # as above
        return content


def _fitted(text: bytes, size: int) -> bytes:
    return text[: size + size % 2].ljust(size + size % 2, b"\0")


def _written(data: Dataset) -> bytes:
    stream = BytesIO()
    pydicom.dcmwrite(stream, data, enforce_file_format=False)
    return stream.getvalue()


def _spoil_one(data: Dataset, chance: random.Random) -> None:
    where = chance.choice(list(_nested(data)))
    tags = [element.tag for element in where if element.tag.group > 2]
    if not tags:
        return
    tag = chance.choice(tags)
    what = chance.choice(["delete", "text", "number", "swap", "repeat"])
    element = where[tag]
    if what == "delete":
        del where[tag]
    elif what == "swap":
        other = where[chance.choice(tags)]
        element._value, other._value = other._value, element._value
    elif element.VR == "SQ":
        element.value = [] if what == "text" or not element.value else [*element.value] * 2
    elif element.VR in ("US", "SS", "UL", "SL"):
        element._value = chance.choice(NUMBERS[:7])
    elif element.VR in ("OB", "OW"):
        element._value = bytes(element.value)[: chance.randint(0, len(element.value)) // 2 * 2]
    else:
        element._value = chance.choice(TEXTS)


def _nested(data: Dataset) -> Iterator[Dataset]:
    yield data
    for element in data:
        if element.VR == "SQ":
            for item in element.value:
                yield from _nested(item)


Fault = Callable[[bytes, random.Random], bytes]
FAULTS: list[Fault] = [
    flip_bytes,
    flip_header,
    cut,
    leave_out,
    put_in,
    blank_out,
    change_length,
    spoil_elements,
    spoil_elements,
    spoil_elements,
    spoil_elements,
    change_syntax,
]
