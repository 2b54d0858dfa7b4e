"""Enhanced multi-frame files: the same volume as classic files, by other readers' word too."""

import json
import shutil
import subprocess
from pathlib import Path

import highdicom
import numpy as np
import pandas as pd
import pydicom
import pytest
import SimpleITK as sitk
from highdicom.legacy import (
    LegacyConvertedEnhancedCTImage,
    LegacyConvertedEnhancedMRImage,
    LegacyConvertedEnhancedPETImage,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLosslessSV1, RLELossless
from scipy.spatial.transform import Rotation

from rigoromics.errors import DataError
from rigoromics.read import decode
from rigoromics.read.frames import expand_frames, frame_fields, open_frames
from rigoromics.read.grouping import group_series
from rigoromics.read.headers import index_headers
from rigoromics.read.image import SliceSource
from rigoromics.read.series import read_series
from rigoromics.read.sheet import draft
from tests.unit.read.enhanced import item, make_enhanced

MODALITIES = ["CT", "MR", "PT"]


def save(data: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path


def same_image(one: sitk.Image, other: sitk.Image) -> None:
    np.testing.assert_array_equal(sitk.GetArrayFromImage(one), sitk.GetArrayFromImage(other))
    assert one.GetPixelID() == other.GetPixelID()
    for ask in (sitk.Image.GetOrigin, sitk.Image.GetSpacing, sitk.Image.GetDirection):
        assert ask(one) == pytest.approx(ask(other), abs=1e-9)


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_test_objects_are_valid(tmp_path: Path, volume: np.ndarray, modality: str) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy (Debian: dicom3tools)")
    path = save(make_enhanced(volume, modality=modality), tmp_path / "x")
    said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    assert [x for x in (said.stdout + said.stderr).splitlines() if x.startswith("Error")] == []


@given(
    modality=st.sampled_from(MODALITIES),
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_frames_of_one_file_equal_files_of_one_frame(
    tmp_path_factory, slices_of, write, modality, angles, seed
) -> None:
    rng = np.random.default_rng(seed)
    volume = rng.integers(0, 3000, (4, 3, 5))
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    slopes = [0.5, 0.25, 2.0, 1.5] if modality == "PT" else [1, 1, 1, 1]
    intercept = -1000 if modality == "CT" else 0
    folder = tmp_path_factory.mktemp("frames")
    classic = slices_of(
        volume, direction=rotation, Modality=modality, RescaleIntercept=intercept, Units="GML"
    )
    for data, slope in zip(classic, slopes, strict=True):
        data.RescaleSlope = slope
    files = write(classic, folder / "classic")
    order = rng.permutation(4)
    enhanced = make_enhanced(
        volume[order],
        modality=modality,
        direction=rotation,
        slope=[slopes[n] for n in order],
        intercept=intercept,
        positions=[classic[n].ImagePositionPatient for n in order],
    )
    one = read_series(files)
    path = save(enhanced, folder / "enhanced" / "x")
    many = read_series([path])
    same_image(one.image, many.image)
    assert (one.units, one.modality) == (many.units, many.modality)
    assert [s.frame - 1 for s in many.slices] == list(np.argsort(order))
    assert [s.frame for s in one.slices] == [0] * 4
    chosen = [1, 2, 3, 4] if seed % 2 else [3, 1, 4, 2]
    same_image(read_series([path] * 4, frames=chosen).image, one.image)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_other_readers_see_the_same_in_the_file(tmp_path, volume, modality) -> None:
    rotation = Rotation.from_euler("xyz", (20, -30, 70), degrees=True).as_matrix()
    path = save(make_enhanced(volume, modality=modality, direction=rotation), tmp_path / "x")
    ours = read_series([path]).image
    same_image(sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkInt16), ours)
    theirs = highdicom.imread(path).get_volume()
    # highdicom's affine maps (slice, row, column); its slices may run the other way.
    size = ours.GetSize()
    for k, i, j in [(0, 0, 0), (4, 3, 5), (2, 1, 4)]:
        index = np.linalg.solve(theirs.affine, [*ours.TransformIndexToPhysicalPoint((j, i, k)), 1])[
            :3
        ]
        nearest = np.rint(index).astype(int)
        np.testing.assert_allclose(index, nearest, atol=1e-6)
        assert theirs.array[tuple(nearest)] == ours[j, i, k]
    assert sorted(theirs.array.shape) == sorted(size)


def test_converted_real_series_reads_as_its_classic_files(shared_data: Path) -> None:
    """Made by PixelMed from the very files beside it (DCMTK and dcmqi's test data)."""
    for name in ("23x38x3", "24x38x3"):
        folder = shared_data / "dicom_seg" / "dcmqi_segmentations" / name
        classic = read_series(sorted((folder / "image").iterdir()))
        enhanced = read_series([folder / "multiframe" / "mf.dcm"])
        same_image(classic.image, enhanced.image)
        assert enhanced.units == "HU"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_series_that_highdicom_converts_read_the_same(shared_data: Path, tmp_path: Path) -> None:
    cases = [
        ("ibsi1_ct_phantom/dicom/image", LegacyConvertedEnhancedCTImage),
        ("dicom_nifti_pairs/siemens/001", LegacyConvertedEnhancedMRImage),
        ("sts/dicom/STS_001/PET/image", LegacyConvertedEnhancedPETImage),
    ]
    for folder, convert in cases:
        files = sorted((shared_data / folder).iterdir())[:12]
        made = convert(
            [pydicom.dcmread(path) for path in files],
            series_instance_uid="1.2.9",
            series_number=9,
            sop_instance_uid="1.2.9.1",
            instance_number=1,
        )
        path = tmp_path / convert.__name__
        made.save_as(path)
        same_image(read_series([path]).image, read_series(files).image)


def test_ibsi_digital_phantom_is_read_from_its_enhanced_mr(shared_data: Path) -> None:
    """The NIfTI twin has the same voxels, laid along other axes: DICOM's slices are its rows."""
    folder = shared_data / "ibsi1_digital_phantom"
    series = read_series([folder / "dicom_seg" / "image" / "phantom.dcm"])
    truth = sitk.ReadImage(str(next((folder / "nifti" / "image").iterdir())))
    ours = sitk.GetArrayFromImage(series.image)
    theirs = sitk.GetArrayFromImage(truth)
    np.testing.assert_array_equal(ours, theirs.transpose(1, 0, 2))
    assert series.modality == "MR"


def test_only_the_wanted_frame_is_decoded(tmp_path, volume, monkeypatch) -> None:
    path = save(make_enhanced(volume), tmp_path / "x")
    seen = []
    decoded = decode._decoded
    monkeypatch.setattr(
        decode, "_decoded", lambda data, index: seen.append(index) or decoded(data, index)
    )
    read_series([path, path], frames=[2, 3])
    assert sorted(seen) == [1, 2]
    opened = []
    read = pydicom.dcmread
    monkeypatch.setattr(pydicom, "dcmread", lambda *a, **k: opened.append(a) or read(*a, **k))
    open_frames([path] * 3, [1, 2, 3])
    assert len(opened) == 1


def test_compressed_frames(tmp_path: Path, volume: np.ndarray) -> None:
    plain = read_series([save(make_enhanced(volume), tmp_path / "plain")])
    data = make_enhanced(volume)
    data.compress(RLELossless)
    packed = read_series([save(data, tmp_path / "rle")])
    same_image(plain.image, packed.image)


def test_lossless_jpeg_goes_to_gdcm_frame_by_frame_without_its_scaling(tmp_path: Path) -> None:
    """pydicom alone cannot decode lossless JPEG; GDCM writes one here, as a witness."""
    rng = np.random.default_rng(4)
    volume = rng.integers(0, 4000, (3, 8, 8)).astype(np.uint16)
    frames = []
    for number, plane in enumerate(volume):
        image = sitk.GetImageFromArray(plane[None])
        writer = sitk.ImageFileWriter()
        writer.SetUseCompression(True)
        writer.SetFileName(str(tmp_path / f"{number}.dcm"))
        writer.SetImageIO("GDCMImageIO")
        writer.SetCompressor("JPEG")
        writer.Execute(image)
        written = pydicom.dcmread(tmp_path / f"{number}.dcm")
        if written.file_meta.TransferSyntaxUID != JPEGLosslessSV1:
            pytest.skip("this SimpleITK writes no lossless JPEG")
        frames += list(pydicom.encaps.generate_frames(written.PixelData, number_of_frames=1))
    data = make_enhanced(volume, modality="CT", slope=2, intercept=-1000)
    data.PixelRepresentation = 0
    data.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    data.PixelData = encapsulate(frames)
    data["PixelData"].is_undefined_length = True
    series = read_series([save(data, tmp_path / "x")])
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(series.image), volume.astype(float) * 2 - 1000
    )


def test_fields_of_frames_are_those_of_the_functional_groups(volume: np.ndarray) -> None:
    more = [
        {
            "MREchoSequence": item(EffectiveEchoTime=80.0),
            "MRDiffusionSequence": item(
                DiffusionBValue=800.0,
                DiffusionGradientDirectionSequence=[
                    item(DiffusionGradientOrientation=[1.0, 0.0, 0.0])
                ],
            ),
            "CardiacSynchronizationSequence": item(NominalCardiacTriggerDelayTime=12.5),
        }
    ] * 5
    fields = frame_fields(make_enhanced(volume, modality="MR", per_frame=more))
    assert len(fields) == 5
    first = {name: value for name, value in fields[1].items() if value}
    assert first == {
        "ImagePositionPatient": "-10.0\\20.0\\-28.0",
        "ImageOrientationPatient": "1.0\\0.0\\0.0\\0.0\\1.0\\0.0",
        "PixelSpacing": "0.75\\0.5",
        "SliceThickness": "2.0",
        "SpacingBetweenSlices": "2.0",
        "TemporalPositionIdentifier": "1",
        "DiffusionBValue": "800.0",
        "DiffusionGradientOrientation": "1.0\\0.0\\0.0",
        "EchoTime": "80.0",
        "TriggerTime": "12.5",
        "StackID": "1",
        "ImageType": "DERIVED\\PRIMARY\\VOLUME\\NONE",
    }


def test_expanding_leaves_classic_rows_alone() -> None:
    table = pd.DataFrame(
        {
            "path": ["a", "b"],
            "frames": ["", json.dumps([{"EchoTime": "1", "StackID": "7"}, {"EchoTime": "2"}])],
            "EchoTime": ["9", "8"],
        }
    )
    rows = expand_frames(table)[["path", "frame", "EchoTime", "StackID"]].to_numpy().tolist()
    assert rows == [["a", 0, "9", ""], ["b", 1, "1", "7"], ["b", 2, "2", ""]]


def _dynamic(volume: np.ndarray, keyword: str, sequence: str, values: list[object]) -> Dataset:
    """A file with the volume once for each value, frames of all volumes interleaved."""
    count = len(volume)
    order = [(phase, n) for n in range(count) for phase in range(len(values))]
    frames = np.stack([volume[n] + 1000 * phase for phase, n in order])
    groups = []
    for phase, _ in order:
        inner = Dataset()
        setattr(inner, keyword, values[phase])
        groups.append({sequence: inner})
    return make_enhanced(
        frames,
        modality="MR",
        intercept=0,
        per_frame=groups,
        positions=[(-10.0, 20.0, -30.0 + 2 * n) for _, n in order],
    )


@pytest.mark.parametrize(
    ("keyword", "sequence", "values", "told_by"),
    [
        ("TemporalPositionIndex", "FrameContentSequence", [1, 2, 3], "TemporalPositionIdentifier"),
        ("DiffusionBValue", "MRDiffusionSequence", [0.0, 50.0, 800.0], "DiffusionBValue"),
        ("EffectiveEchoTime", "MREchoSequence", [10.0, 80.0], "EchoTime"),
        (
            "NominalCardiacTriggerDelayTime",
            "CardiacSynchronizationSequence",
            [0.0, 40.0],
            "TriggerTime",
        ),
        ("StackID", "FrameContentSequence", ["1", "2"], "StackID"),
    ],
)
def test_volumes_of_one_file_are_told_apart(
    tmp_path, volume, keyword, sequence, values, told_by
) -> None:
    path = save(_dynamic(volume, keyword, sequence, values), tmp_path / "raw" / "x")
    with pytest.raises(DataError, match=r"lies? where another slice lies"):
        read_series([path])
    parts = group_series(index_headers(tmp_path / "raw").table)
    assert len(parts) == len(values)
    for phase, part in enumerate(parts):
        assert part.refusal is None
        assert (part.volumes, part.told_by) == (len(values), told_by)
        rows = part.ordered
        series = read_series([path] * len(rows), frames=list(rows["frame"]))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(series.image), volume + 1000 * phase)
        assert series.slices == tuple(SliceSource("1.2.5.1", f) for f in rows["frame"])
        assert series.image.GetSize() == part.geometry.size
    assert len({part.identity for part in parts}) == len(values)


def test_localiser_frame_inside_a_file_is_left_out(tmp_path, volume) -> None:
    data = make_enhanced(np.concatenate([volume, volume[:1]]), modality="MR", intercept=0)
    data.PerFrameFunctionalGroupsSequence[5].PlaneOrientationSequence = [
        item(ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    ]
    path = save(data, tmp_path / "raw" / "x")
    main, lesser = group_series(index_headers(tmp_path / "raw").table)
    assert (len(main.files), main.rest, main.main, main.refusal) == (5, 1, True, None)
    assert (len(lesser.files), lesser.main) == (1, False)
    rows = main.ordered
    image = read_series([path] * 5, frames=list(rows["frame"])).image
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), volume)


def test_frames_that_do_not_add_up_are_refused(tmp_path, volume) -> None:
    data = make_enhanced(volume)
    data.NumberOfFrames = 4
    path = save(data, tmp_path / "raw" / "x")
    with pytest.raises(DataError, match="another number of frames than it announces"):
        read_series([path])
    table = index_headers(tmp_path / "raw").table
    assert table["status"].tolist() == ["unreadable"]
    assert group_series(table) == []


def test_a_frame_that_is_not_there_is_refused(tmp_path, volume) -> None:
    path = save(make_enhanced(volume), tmp_path / "x")
    with pytest.raises(DataError, match=r"has 5 frame\(s\), not 6"):
        read_series([path], frames=[6])


def test_announced_frames_never_fill_the_memory(tmp_path, slices_of, write, volume) -> None:
    slices = slices_of(volume[:1], NumberOfFrames=2_000_000_000, Modality="US")
    with pytest.raises(DataError, match="announces more frames than it has pixels"):
        read_series(write(slices, tmp_path))


def test_the_sheet_names_file_and_frame_of_each_slice(tmp_path, volume, study, rtstruct_on) -> None:
    data = make_enhanced(volume[::-1], positions=[(-10, 20, -22 - 2 * n) for n in range(5)])
    data.InstitutionName = "Hospital A"
    save(data, tmp_path / "image")
    save(rtstruct_on([data], ["GTV-1"]), tmp_path / "contours")
    drafted = draft(index_headers(tmp_path).table, study, "salt")
    assert drafted.cases["include"].tolist() == ["yes"]
    key = drafted.cases["image"][0]
    rows = drafted.files[drafted.files["key"] == key]
    assert rows["path"].tolist() == ["image"] * 5
    assert rows["frame"].tolist() == [5, 4, 3, 2, 1]
    assert rows["order"].tolist() == [0, 1, 2, 3, 4]
    image = read_series([tmp_path / "image"] * 5, frames=rows["frame"].tolist()).image
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), volume - 1000)


def test_the_sheet_says_repairs_and_splits(tmp_path, slices_of, write, study) -> None:
    volume = np.zeros((4, 3, 5), int)
    slices = slices_of(volume)
    for number, data in enumerate(slices):
        data.ImagePositionPatient = [-10, 20 + number, -30 + 2 * number]
    write(slices, tmp_path / "tilted")
    phases = [slices_of(volume, series="1.2.8", patient="PAT-2", EchoTime=n) for n in (1, 2)]
    for number, phase in enumerate(phases):
        for data in phase:
            data.SOPInstanceUID = f"{data.SOPInstanceUID}.{number}"
        write(phase, tmp_path / f"echo{number}")
    study["scans"]["ct"]["series"]["EchoTime"] = "^(1|1.0)?$"
    drafted = draft(index_headers(tmp_path, extra=["EchoTime"]).table, study, "salt")
    told = drafted.problems[["severity", "problem"]].to_numpy().tolist()
    assert any(s == "repaired" and "stacked obliquely, by 26.6 degrees" in p for s, p in told)
    assert any(s == "noted" and "holds 2 images, told apart by EchoTime" in p for s, p in told)
