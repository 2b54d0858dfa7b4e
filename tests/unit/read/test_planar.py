"""2D images: valid DICOM to volumes of one slice per frame, spacing, refusals by name."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from rigoromics.errors import DataError
from rigoromics.read.grouping import group_series
from rigoromics.read.headers import index_headers
from rigoromics.read.planar import (
    NOT_IMAGES,
    is_planar,
    is_stack,
    pixel_spacing,
    refused_by_name,
)
from rigoromics.read.series import read_series
from tests.unit.read.flat import CLIP, CR, DX, IVOCT, MG, OPT, US, flat, region, saved

PLANE = np.arange(48, dtype=np.uint8).reshape(6, 8)
WHOLE = {"SequenceOfUltrasoundRegions": [region((0, 7), (0, 5))]}


def words(notes: list[Any]) -> str:
    return "; ".join(note.problem for note in notes)


def array(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def test_2d_ultrasound_is_a_volume_of_one_slice(tmp_path: Path) -> None:
    seen = read_series([saved(flat(PLANE, US, "US", **WHOLE), tmp_path)])
    np.testing.assert_array_equal(array(seen.image), PLANE[None])
    # 0.02 cm across, 0.01 cm down: SimpleITK counts columns first.
    np.testing.assert_allclose(seen.image.GetSpacing(), (0.2, 0.1, 1.0))
    assert seen.image.GetOrigin() == (0, 0, 0)
    assert seen.image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert (seen.planar, seen.units, seen.modality, seen.shifts) == (True, "stored", "US", None)
    assert [(each.sop_uid, each.frame) for each in seen.slices] == [("1.2.826.7.1", 0)]
    assert words(seen.notes) == "The image is 2D; it was given a nominal thickness of 1 mm"


def test_clip_has_a_slice_per_frame(tmp_path: Path) -> None:
    frames = np.stack([PLANE, PLANE + 50, PLANE + 100])
    seen = read_series([saved(flat(frames, CLIP, "US", FrameTime=40, **WHOLE), tmp_path)])
    np.testing.assert_array_equal(array(seen.image), frames)
    assert [each.frame for each in seen.slices] == [1, 2, 3]
    assert "3 frames of the series were stacked" in words(seen.notes)


def test_colour_becomes_luma(tmp_path: Path) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    seen = read_series([saved(flat(colour, US, "US", **WHOLE), tmp_path)])
    theirs = np.asarray(Image.fromarray(colour).convert("L")).astype(float)
    assert np.abs(array(seen.image)[0] - theirs).max() <= 0.51
    assert "luma" in words(seen.notes)


def test_surround_of_the_ultrasound_is_blanked(tmp_path: Path) -> None:
    part = {"SequenceOfUltrasoundRegions": [region((2, 5), (1, 4))]}
    seen = read_series([saved(flat(PLANE + 1, US, "US", **part), tmp_path)])
    expected = np.zeros_like(PLANE)
    expected[1:5, 2:6] = (PLANE + 1)[1:5, 2:6]
    np.testing.assert_array_equal(array(seen.image)[0], expected)
    assert "set to 0" in words(seen.notes)


def test_real_clip_in_compressed_colour_equals_pillows_luma() -> None:
    path = Path(get_testdata_file("examples_ybr_color.dcm", download=False))
    seen = read_series([path])
    assert seen.image.GetSize() == (320, 240, 30)
    colour = pydicom.dcmread(path).pixel_array[17]
    theirs = np.asarray(Image.fromarray(colour).convert("L")).astype(float)
    assert np.abs(array(seen.image)[17] - theirs).max() <= 0.51
    # Its file was made smaller than the scanner's image, without its regions.
    assert "cropped or resized" in words(seen.notes)


def test_real_radiograph(shared_data: Path) -> None:
    path = shared_data / "dicom_seg" / "highdicom_test_files" / "dx_image.dcm"
    seen = read_series([path])
    data = pydicom.dcmread(path)
    assert data.PhotometricInterpretation == "MONOCHROME1"
    np.testing.assert_array_equal(array(seen.image)[0], 255 - data.pixel_array.astype(int))
    np.testing.assert_allclose(seen.image.GetSpacing()[:2], (1.2012, 1.2), rtol=1e-6)
    assert "mirrored" in words(seen.notes)
    assert "that of the detector" in words(seen.notes)
    assert "For Presentation" in words(seen.notes)


def test_files_of_a_series_stack_by_number(tmp_path: Path) -> None:
    paths = [
        saved(flat(PLANE + n, OPT, "OPT", InstanceNumber=n, PixelSpacing=[1, 2]), tmp_path, str(n))
        for n in (10, 2, 1)
    ]
    seen = read_series(paths)
    assert array(seen.image)[:, 0, 0].tolist() == [1, 2, 10]
    paths.append(
        saved(flat(PLANE[:4], OPT, "OPT", InstanceNumber=4, PixelSpacing=[1, 2]), tmp_path, "4")
    )
    with pytest.raises(DataError, match="4 2D images of the series differ in size"):
        read_series(paths)
    paths[-1] = saved(flat(PLANE, OPT, "OPT", InstanceNumber=4, PixelSpacing=[1, 1]), tmp_path, "4")
    with pytest.raises(DataError, match="differ in pixel spacing"):
        read_series(paths)


def test_oct_takes_its_spacing_from_the_functional_groups(tmp_path: Path) -> None:
    measures, groups = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.004, 0.012], 0.12
    groups.PixelMeasuresSequence = [measures]
    frames = np.stack([PLANE, PLANE[::-1]])
    each = [Dataset(), Dataset()]
    for sop_class, modality in ((OPT, "OPT"), (IVOCT, "IVOCT")):
        data = flat(
            frames,
            sop_class,
            modality,
            SharedFunctionalGroupsSequence=[groups],
            PerFrameFunctionalGroupsSequence=each,
        )
        seen = read_series([saved(data, tmp_path)])
        np.testing.assert_array_equal(array(seen.image), frames)
        np.testing.assert_allclose(seen.image.GetSpacing(), (0.012, 0.004, 0.12))
        assert seen.notes == []
        (series,) = group_series(index_headers(tmp_path).table)
        assert series.refusal is None
        assert series.planar


def _radiograph(**fields: Any) -> Dataset:
    return flat(PLANE, DX, "DX", **fields)


@pytest.mark.parametrize(
    ("fields", "spacing", "note"),
    [
        # Calibrated: the spacing in the patient differs from that of the detector.
        ({"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.14, 0.14]}, (0.1, 0.1), ""),
        ({"ImagerPixelSpacing": [0.14, 0.2]}, (0.14, 0.2), "magnification is unknown"),
        (
            {"ImagerPixelSpacing": [0.14, 0.14], "EstimatedRadiographicMagnificationFactor": 1.4},
            (0.1, 0.1),
            "divided by the estimated",
        ),
        (
            {
                "PixelSpacing": [0.14, 0.14],
                "ImagerPixelSpacing": [0.14, 0.14],
                "EstimatedRadiographicMagnificationFactor": 1.4,
            },
            (0.1, 0.1),
            "divided by the estimated",
        ),
        ({"PixelSpacing": [0.3, 0.4]}, (0.3, 0.4), ""),
        ({"NominalScannedPixelSpacing": [0.5, 0.6]}, (0.5, 0.6), ""),
        ({}, (1, 1), "1 mm is assumed"),
        ({"PixelAspectRatio": [2, 1]}, (2, 1), "1 mm is assumed"),
        ({"PixelSpacing": [0, 0.4]}, (1, 1), "1 mm is assumed"),
    ],
)
def test_spacing_of_radiographs(fields, spacing, note) -> None:
    found, notes = pixel_spacing(_radiograph(**fields))
    assert found == pytest.approx(spacing)
    assert note in words(notes)
    assert bool(note) == bool(notes)


def test_spacing_of_ultrasound() -> None:
    both = [region((0, 3), (0, 3), cm=0.02), region((0, 7), (0, 5), cm=0.04)]
    found, notes = pixel_spacing(flat(PLANE, US, "US", SequenceOfUltrasoundRegions=both))
    assert found == pytest.approx((0.2, 0.4))
    assert "differ in scale" in words(notes)
    seconds = region((0, 7), (0, 5))
    seconds.PhysicalUnitsXDirection = 4
    data = flat(PLANE, US, "US", SequenceOfUltrasoundRegions=[seconds])
    assert "1 mm is assumed" in words(pixel_spacing(data)[1])
    data.PixelSpacing = [0.3, 0.3]
    assert pixel_spacing(data) == ((0.3, 0.3), [])


def test_views_are_series_parts_of_their_own_and_b_scans_one_stack(tmp_path: Path) -> None:
    for number in (1, 2):
        saved(flat(PLANE, MG, "MG", InstanceNumber=number), tmp_path / "mg", str(number))
        saved(flat(PLANE, OPT, "OPT", InstanceNumber=number), tmp_path / "oct", str(number))
        frames = np.stack([PLANE + number, PLANE])
        saved(flat(frames, IVOCT, "IVOCT", InstanceNumber=number), tmp_path / "iv", str(number))
    for name, files in (("mg", [1, 1]), ("oct", [2]), ("iv", [1, 1])):
        series = group_series(index_headers(tmp_path / name).table)
        assert [len(each.files) for each in series] == files
        assert all(each.refusal is None and each.planar for each in series)


def test_what_has_a_place_is_a_volume() -> None:
    assert is_planar("US", has_place=False)
    assert not is_planar("US", has_place=True)
    assert not is_planar("CT", has_place=False)
    assert is_stack("OPT")
    assert not is_stack("MG")


@pytest.mark.parametrize(
    ("sop_class", "modality", "name"),
    [
        ("1.2.840.10008.5.1.4.1.1.7", "CT", "a secondary capture"),
        ("1.2.840.10008.5.1.4.1.1.7.4", "US", "a secondary capture"),
        ("1.2.840.10008.5.1.4.1.1.4.2", "MR", "MR spectroscopy"),
        ("1.2.840.10008.5.1.4.1.1.88.67", "SR", "a radiation dose report"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "SR", "a structured report"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "DOC", "a PDF document"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "PR", "a presentation state"),
        ("1.2.840.10008.5.1.4.1.1.9.1.1", "ECG", "a waveform"),
        ("1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE", "a radiotherapy dose"),
        ("1.2.840.10008.5.1.4.1.1.77.1.6", "SM", "a whole-slide image"),
        ("1.2.840.10008.5.1.4.1.1.77.1.1.1", "ES", "a video"),
        ("1.2.3", "OT", "of no named kind"),
    ],
)
def test_refused_by_name(sop_class: str, modality: str, name: str) -> None:
    refusal = refused_by_name(sop_class, modality)
    assert refusal is not None
    assert f"The series is {name}" in refusal.problem
    assert refusal.remedy


def test_images_are_not_refused_by_name() -> None:
    """Every image class of the standard that holds measured values passes."""
    images = ["1", "1.1", "1.2", "1.1.1", "2", "2.1", "3.1", "4", "4.1", "6.1", "6.2", "12.1"]
    images += ["13.1.3", "14.1", "14.2", "20", "77.1.5.1", "77.1.5.4", "128", "130", "128.1"]
    for ending in images:
        assert refused_by_name(f"1.2.840.10008.5.1.4.1.1.{ending}", "CT") is None
    assert {"SR", "PR", "SC"} <= NOT_IMAGES
    assert not NOT_IMAGES & {"CT", "MR", "PT", "US", "MG", "OPT", "NM"}


@pytest.mark.parametrize("name", ["SC_rgb_jpeg", "rtdose", "test-SR", "waveform_ecg", "rtplan"])
def test_real_files_are_refused_by_name(name: str) -> None:
    data = pydicom.dcmread(get_testdata_file(f"{name}.dcm", download=False))
    assert refused_by_name(data.SOPClassUID, data.Modality) is not None


def test_secondary_capture_and_video_are_refused_in_words(tmp_path: Path) -> None:
    capture = flat(PLANE, "1.2.840.10008.5.1.4.1.1.7", "US")
    with pytest.raises(DataError, match="secondary capture"):
        read_series([saved(capture, tmp_path)])
    video = flat(np.stack([PLANE, PLANE]), CLIP, "US")
    video.file_meta.TransferSyntaxUID = pydicom.uid.MPEG4HP41
    video.PixelData = pydicom.encaps.encapsulate([b"\0\0\1\xb3" * 50])
    video["PixelData"].is_undefined_length = True
    with pytest.raises(DataError, match="stored as a video"):
        read_series([saved(video, tmp_path, "video")])


def test_files_of_this_test_are_valid_dicom(tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy (Debian: dicom3tools)")
    files = {
        "us": flat(PLANE, US, "US", **WHOLE),
        "clip": flat(
            np.stack([PLANE, PLANE]),
            CLIP,
            "US",
            FrameTime=40,
            FrameIncrementPointer=0x00181063,
            **WHOLE,
        ),
        "cr": flat(PLANE, CR, "CR", BodyPartExamined="CHEST", ViewPosition="PA", Laterality=None),
    }
    for name, data in files.items():
        path = saved(data, tmp_path, name)
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        errors = [line for line in said.stderr.splitlines() if line.startswith("Error")]
        assert errors == [], name
