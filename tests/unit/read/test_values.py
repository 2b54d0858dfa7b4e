"""Stored to real-world values, against pydicom's own functions and by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

from rigoromics.errors import DataError
from rigoromics.read.frames import open_frames
from rigoromics.read.values import grey_values

STORED = np.array([[0, 1, 2], [100, 200, 255]], np.uint8)


def header(modality: str = "CT", **fields: Any) -> Dataset:
    data = Dataset()
    data.Modality, data.PhotometricInterpretation = modality, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8
    data.PixelRepresentation = 0
    for keyword, value in fields.items():
        setattr(data, keyword, value)
    return data


def item(**fields: Any) -> Dataset:
    data = Dataset()
    for keyword, value in fields.items():
        setattr(data, keyword, value)
    return data


def words(data: Dataset, stored: np.ndarray = STORED, frame: int = 0) -> str:
    return "; ".join(note.problem for note in grey_values(data, stored, frame)[1])


@given(slope=st.floats(0.001, 50), intercept=st.floats(-3000, 3000))
@settings(max_examples=25, deadline=None)
def test_rescale_equals_pydicom(slope: float, intercept: float) -> None:
    data = header(RescaleSlope=f"{slope:.6g}", RescaleIntercept=f"{intercept:.6g}")
    ours, notes = grey_values(data, STORED, 0)
    np.testing.assert_allclose(ours, apply_modality_lut(STORED, data), rtol=1e-12, atol=1e-9)
    assert notes == []


def test_whole_numbers_stay_whole() -> None:
    ours, _ = grey_values(header(RescaleSlope=1, RescaleIntercept=-1024), STORED, 0)
    assert ours.dtype == np.int64
    assert ours[0, 0] == -1024
    assert grey_values(header(), STORED, 0)[0].dtype == np.int64
    assert grey_values(header(RescaleSlope="0.5"), STORED, 0)[0].dtype == np.float64


@pytest.mark.parametrize("first", [0, 50, -3])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_lookup_table_equals_pydicom(tmp_path: Path, first: int, as_bytes: bool) -> None:
    entries = (np.arange(120) ** 2).astype("<u2")
    table = item(LUTDescriptor=[120, first, 16], ModalityLUTType="US")
    table.add_new(
        "LUTData", "OW" if as_bytes else "US", entries.tobytes() if as_bytes else entries.tolist()
    )
    data = header("CR", ModalityLUTSequence=[table])
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    stored = STORED.astype(np.int16)
    ours, _ = grey_values(data, stored, 0)
    np.testing.assert_array_equal(ours, apply_modality_lut(stored, data))


def test_each_frame_has_its_own_slope() -> None:
    """Enhanced objects: the frame's groups, then the shared ones, then the top level."""
    own = [
        item(PixelValueTransformationSequence=[item(RescaleSlope=slope, RescaleIntercept=1)])
        for slope in (2, 3)
    ]
    shared = item(PixelValueTransformationSequence=[item(RescaleSlope=5, RescaleIntercept=0)])
    data = header("MR", SharedFunctionalGroupsSequence=[shared], RescaleSlope=7)
    assert grey_values(data, STORED, 2)[0][1, 0] == 500
    data.PerFrameFunctionalGroupsSequence = own
    assert [int(grey_values(data, STORED, frame)[0][1, 0]) for frame in (1, 2)] == [201, 301]
    del data.PerFrameFunctionalGroupsSequence, data.SharedFunctionalGroupsSequence
    assert grey_values(data, STORED, 1)[0][1, 0] == 700


@pytest.mark.parametrize("signed", [0, 1])
def test_inverted_greys_of_projections_are_mirrored(signed: int) -> None:
    kind = np.int8 if signed else np.uint8
    stored = np.array([[0, 1, 100]], kind)
    data = header("DX", PhotometricInterpretation="MONOCHROME1", PixelRepresentation=signed)
    ours, _ = grey_values(data, stored, 0)
    # 0 to 255 becomes 255 to 0; -128 to 127 becomes 127 to -128.
    assert ours.tolist() == ([[-1, -2, -101]] if signed else [[255, 254, 155]])
    assert "mirrored" in words(data, stored)


def test_mirrored_image_equals_its_positive() -> None:
    data = header("MG", RescaleSlope="0.5", RescaleIntercept="-3")
    plain, _ = grey_values(data, STORED, 0)
    data.PhotometricInterpretation = "MONOCHROME1"
    np.testing.assert_allclose(grey_values(data, 255 - STORED, 0)[0], plain)


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "NM"])
def test_measured_values_are_neither_inverted_nor_coloured(modality: str) -> None:
    with pytest.raises(DataError, match="inverted"):
        grey_values(header(modality, PhotometricInterpretation="MONOCHROME1"), STORED, 0)
    with pytest.raises(DataError, match="colour"):
        grey_values(header(modality), np.zeros((2, 2, 3), np.uint8), 0)


def test_grey_pictures_in_colour_are_exact() -> None:
    data = header("US", PhotometricInterpretation="RGB")
    colour = np.repeat(STORED[..., None], 3, axis=2)
    ours, notes = grey_values(data, colour, 0)
    np.testing.assert_array_equal(ours, STORED)
    assert ours.dtype == np.int64
    assert notes == []


def test_luma_equals_pillow() -> None:
    colour = np.random.default_rng(1).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    data = header("US", PhotometricInterpretation="RGB")
    ours, _ = grey_values(data, colour, 0)
    # Pillow rounds to whole numbers.
    theirs = np.asarray(Image.fromarray(colour).convert("L")).astype(float)
    assert np.abs(ours - theirs).max() <= 0.51
    assert "luma" in words(data, colour)


def test_palette_of_a_real_image_gives_its_colours() -> None:
    (frame,) = open_frames([Path(get_testdata_file("examples_palette.dcm", download=False))])
    ours, _ = grey_values(frame.data, frame.stored(), 0)
    colours = pydicom.pixels.apply_color_lut(frame.stored(), frame.data) / 256
    assert colours.max() <= 255
    theirs = np.asarray(Image.fromarray(colours.astype(np.uint8)).convert("L")).astype(float)
    assert np.abs(ours / 256 - theirs).max() <= 1.01


def test_real_world_mapping_is_for_enhanced_pet_only() -> None:
    mapping = item(RealWorldValueSlope=3.0, RealWorldValueIntercept=1.0)
    data = header("MR", RealWorldValueMappingSequence=[mapping], RescaleSlope=2)
    assert grey_values(data, STORED, 0)[0][1, 0] == 200
    assert "real-world value mapping" in words(data)
    data.RescaleSlope, data.RescaleIntercept = 3, 1
    assert words(data) == ""
    enhanced = header(
        "PT", SharedFunctionalGroupsSequence=[item(RealWorldValueMappingSequence=[mapping])]
    )
    assert grey_values(enhanced, STORED, 1)[0][1, 0] == 301
    enhanced.Units = "BQML"
    assert grey_values(enhanced, STORED, 1)[0][1, 0] == 100


def test_private_scaling_of_philips_mr_is_left_alone() -> None:
    data = header("MR", RescaleSlope="2.5", RescaleIntercept="0", Manufacturer="Philips")
    block = data.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    block.add_new(0x0E, "FL", 0.0125)
    np.testing.assert_allclose(grey_values(data, STORED, 0)[0], apply_modality_lut(STORED, data))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"RescaleSlope": 0}, "slope from stored to real-world values is zero"),
        ({"PhotometricInterpretation": "HSV"}, "no grey value"),
        ({"PhotometricInterpretation": "PALETTE COLOR", "Modality": "US"}, "palette"),
        ({"ModalityLUTSequence": [item(LUTDescriptor=[4, 0, 16])]}, "lookup table"),
        ({"ModalityLUTSequence": [item(LUTDescriptor=[4, 0, 16], LUTData=[1, 2])]}, "lookup table"),
    ],
)
def test_what_cannot_be_mapped_is_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        grey_values(header(**{"modality": "CT", **fields}), STORED, 0)
    assert caught.value.remedy
