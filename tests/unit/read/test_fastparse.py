"""The quick header reader gives what pydicom gives, letter for letter, or leaves the file to it."""

import io
import struct
from functools import partial
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    RLELossless,
)

from rigoromics.read.fastparse import read_plain
from rigoromics.read.keywords import ALIASES, KEYWORDS
from rigoromics.read.parse import parse_content, wanted_elements
from rigoromics.simulate import CohortSettings, simulate_cohort

IMAGES = {"CT", "MR", "PT", "US", "MG", "OPT", "OP"}
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


def is_plain(content: bytes) -> bool:
    return read_plain(content, wanted_elements()) is not None


def both_ways(content: bytes) -> dict:
    """Return the row, once it is the same by both readers."""
    row = parse_content(content)
    at_length = parse_content(content, quick=False)
    assert row == at_length
    return row


def dicom_files(folder: Path, step: int = 1) -> list[bytes]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    contents = (path.read_bytes() for path in paths[::step])
    return [content for content in contents if content[128:132] == b"DICM"]


@pytest.mark.parametrize(
    ("folder", "step"),
    [
        ("ibsi1_ct_phantom", 1),
        ("dicom_seg", 1),
        ("dicom_nifti_pairs", 1),
        ("sts", 7),
        pytest.param("sts", 1, marks=pytest.mark.slow),
    ],
)
def test_public_files_read_the_same_both_ways(shared_data: Path, folder: str, step: int) -> None:
    contents = dicom_files(shared_data / folder, step)
    assert contents
    rows = [both_ways(content) for content in contents]
    classic = [row["Modality"] in IMAGES and not row["frames"] for row in rows]
    images = [content for content, keep in zip(contents, classic, strict=True) if keep]
    # Nearly all images are plain; otherwise this test would compare pydicom with itself.
    assert sum(map(is_plain, images)) >= 0.95 * len(images)


@pytest.mark.parametrize(
    ("modality", "style"),
    [
        ("CT", "siemens_b30f"),
        ("MR", "ge_mr30"),
        ("PT", "philips_pet_cnts"),
        ("US", "us_cine"),
        ("MG", "mg_monochrome1"),
        ("OPT", "oct_a"),
    ],
)
def test_simulated_files_read_the_same_both_ways(tmp_path: Path, modality, style) -> None:
    cohort = CohortSettings.from_dict(
        {
            "modality": modality,
            "size": "tiny",
            "centres": {"A": {"patients": 1, "style": style}},
            "retest_fraction": 0,
        }
    )
    simulate_cohort(cohort, 3, tmp_path / "raw")
    rows = [both_ways(content) for content in dicom_files(tmp_path / "raw")]
    assert modality in {row["Modality"] for row in rows}


def image(**fields) -> Dataset:
    """Return an image of 2 x 2 pixels with the least it needs."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2", "1.2.3"
    data.Modality, data.PatientID = "CT", "P1"
    data.Rows = data.Columns = 2
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    for keyword, value in fields.items():
        setattr(data, keyword, value)
    data.add_new("PixelData", "OW", b"abcdefgh")
    return data


def saved(data: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    buffer = io.BytesIO()
    data["PixelData"].is_undefined_length = syntax.is_encapsulated
    pydicom.dcmwrite(buffer, data, enforce_file_format=True)
    return buffer.getvalue()


def tracer(undefined: bool) -> pydicom.Sequence:
    """Return the tracer of a PET scan, with a code in the item."""
    item, code = Dataset(), Dataset()
    code.CodeValue, code.CodeMeaning = "C-111A1", "^18^Fluorine"
    item.RadionuclideTotalDose, item.RadiopharmaceuticalStartTime = "370000000", "101500.0"
    item.RadionuclideCodeSequence = [code]
    item.RadionuclideHalfLife = "6586.2"
    item.is_undefined_length_sequence_item = undefined
    return pydicom.Sequence([item, Dataset()])


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined", [False, True])
def test_items_of_known_sequences_fill_the_columns(syntax, undefined: bool) -> None:
    data = image(RadiopharmaceuticalInformationSequence=tracer(undefined), Units="BQML")
    data["RadiopharmaceuticalInformationSequence"].is_undefined_length = undefined
    # A private sequence on the way, and one whose items are of no interest.
    data.private_block(0x0009, "MAKER", create=True).add_new(1, "SQ", tracer(undefined))
    data[0x00091001].is_undefined_length = undefined
    content = saved(data, syntax)
    assert is_plain(content)
    row = both_ways(content)
    assert (row["RadionuclideTotalDose"], row["RadionuclideHalfLife"]) == ("370000000", "6586.2")
    assert row["RadiopharmaceuticalStartTime"] == "101500.0"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_coded_agent_stands_for_an_unnamed_one(syntax) -> None:
    code = Dataset()
    code.CodeValue, code.CodeMeaning = "109218009", "Iohexol"
    coded = both_ways(saved(image(ContrastBolusAgentSequence=[code]), syntax))
    named = image(ContrastBolusAgentSequence=[code], ContrastBolusAgent="other")
    assert coded["ContrastBolusAgent"] == "Iohexol"
    assert both_ways(saved(named, syntax))["ContrastBolusAgent"] == "other"


@pytest.mark.parametrize(
    ("charset", "name", "plain"),
    [
        ("ISO_IR 100", "Universitätsspital", True),
        ("ISO_IR 192", "Universitätsspital 医院", True),
        ("ISO_IR 192", "plain", True),
        ("GB18030", "plain", True),
        ("GB18030", "医院", False),
        (["", "ISO 2022 IR 87"], "病院", False),
        ("ISO_IR 144", "Больница", False),
    ],
)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_letters_of_any_alphabet(syntax, charset, name: str, plain: bool) -> None:
    content = saved(image(SpecificCharacterSet=charset, InstitutionName=name), syntax)
    assert both_ways(content)["InstitutionName"] == name
    assert is_plain(content) is plain


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_transfer_syntaxes_are_left_to_pydicom(syntax) -> None:
    content = saved(image(), syntax)
    assert not is_plain(content)
    row = both_ways(content)
    # The same pixels have the same digest: deflating is undone, big endian is as it is stored.
    assert row["pixels"] == both_ways(saved(image()))["pixels"]
    assert (row["Rows"], row.get("status")) == ("2", None)


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, RLELossless])
@pytest.mark.parametrize(
    ("cut", "status"), [(0, None), (-8, None), (-9, "truncated"), (-14, "truncated")]
)
def test_compressed_pixels_that_break_off_are_told(syntax, cut: int, status: str | None) -> None:
    data = image()
    data.PixelData = pydicom.encaps.encapsulate([b"0123456789"])
    content = saved(data, syntax)
    assert is_plain(content)
    assert both_ways(content[: cut or None]).get("status") == status


# Raw elements, so that values may be of any form: (tag, VR, value).
TEXTS = st.binary(max_size=20) | st.from_regex(rb"[ A-Za-z0-9.\\^=+-]{0,24}\0?", fullmatch=True)
NUMBERS = st.from_regex(rb" ?[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE]-?[0-9])? ?", fullmatch=True)
LISTS = st.lists(NUMBERS, min_size=1, max_size=3).map(b"\\".join)
CODE_OF = {"US": "H", "FD": "d", "FL": "f", "SS": "h", "UL": "L"}
SHORT = ["Manufacturer", "ImageType", "KVP", "SliceThickness", "InstanceNumber", "StudyDate"]
SHORT += ["ConvolutionKernel", "SpiralPitchFactor", "ImagePositionPatient", "OperatorsName"]
SHORT += ["FrameOfReferenceUID", "DiffusionBValue", "TemporalPositionIdentifier", "PatientSex"]


def raw_file(implicit: bool, elements: list[tuple[int, str, bytes]]) -> bytes:
    """Return a DICOM file of exactly these elements, put behind those that it must have."""
    content = saved(image(), ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)
    marker = b"\x28\0\x02\0"  # SamplesPerPixel; whatever stands out of order is read all the same.
    place = content.index(marker)
    middle = b""
    for tag, vr, value in elements:
        padded = value + b" " * (len(value) % 2)
        size = struct.pack("<L", len(padded))
        head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        middle += head + (size if implicit else vr.encode() + size[:2]) + padded
    return content[:place] + middle + content[place:]


@st.composite
def elements(draw) -> tuple[int, str, bytes]:
    keyword = draw(st.sampled_from(SHORT))
    tag = pydicom.datadict.tag_for_keyword(keyword)
    vr = pydicom.datadict.dictionary_VR(tag)
    if vr in CODE_OF and draw(st.booleans()):
        count = draw(st.integers(0, 3))
        bound = 100 if vr != "SS" else -100
        numbers = [draw(st.integers(min(0, bound), max(0, bound))) for _ in range(count)]
        return tag, vr, struct.pack(f"<{count}{CODE_OF[vr]}", *numbers)
    return tag, vr, draw(LISTS if vr in ("DS", "IS") and draw(st.booleans()) else TEXTS)


@settings(max_examples=150, deadline=None)
@given(implicit=st.booleans(), made=st.lists(elements(), max_size=6))
def test_values_of_any_form_read_the_same_both_ways(implicit: bool, made) -> None:
    both_ways(raw_file(implicit, made))


@settings(max_examples=100, deadline=None)
@given(
    syntax=st.sampled_from(SYNTAXES),
    undefined=st.booleans(),
    cut=st.floats(0, 1),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=2),
)
def test_damaged_files_read_the_same_both_ways(syntax, undefined: bool, cut, damage) -> None:
    data = image(RadiopharmaceuticalInformationSequence=tracer(undefined), KVP="120")
    content = bytearray(saved(data, syntax))
    for place, value in damage:
        content[132 + int(place * (len(content) - 133))] = value
    both_ways(bytes(content[: 132 + int(cut * (len(content) - 132))]))


def test_every_keyword_is_one_of_the_standard() -> None:
    known = partial(pydicom.datadict.tag_for_keyword)
    assert [word for word in [*KEYWORDS, *ALIASES.values()] if known(word) is None] == []
    assert len(set(KEYWORDS)) == len(KEYWORDS)
    assert set(ALIASES) <= set(KEYWORDS)
