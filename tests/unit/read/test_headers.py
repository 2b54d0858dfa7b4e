"""The header index: what it holds, damaged files, reuse, any number of processes."""

import hashlib
import json
import os
from pathlib import Path

import pandas as pd
import pydicom
import pytest
from pydicom.dataset import Dataset

from rigoromics.errors import DataError
from rigoromics.read import headers
from rigoromics.read.headers import index_headers


@pytest.fixture
def raw(tmp_path, slices_of, write, rtstruct_on, volume) -> Path:
    slices = slices_of(volume)
    write(slices, tmp_path / "raw" / "some where")
    write([rtstruct_on(slices, ["GTV", "Lunge"])], tmp_path / "raw" / "rt")
    (tmp_path / "raw" / "notes.txt").write_text("n" * 500)
    return tmp_path / "raw"


def _row(table: pd.DataFrame, path: str) -> pd.Series:
    return table.set_index("path").loc[path]


def test_index_holds_headers_references_and_digests(raw: Path) -> None:
    index = index_headers(raw, extra=["BodyPartExamined", "path", "SeriesDescription"])
    assert index.skipped == {"not DICOM": 1}
    assert list(index.table["status"].unique()) == ["ok"]
    image = _row(index.table, "some where/001")
    assert image["ImagePositionPatient"] == "-10.0\\20.0\\-28.0"
    assert image["Rows"] == "4"
    assert image["sha256"] == hashlib.sha256((raw / "some where/001").read_bytes()).hexdigest()
    assert image["BodyPartExamined"] == ""
    drawing = _row(index.table, "rt/000")
    assert [roi["name"] for roi in json.loads(drawing["rois"])] == ["GTV", "Lunge"]
    references = json.loads(drawing["references"])
    assert references["series"] == ["1.2.3"]
    assert references["instances"] == [f"1.2.3.{number}" for number in range(1, 6)]


def test_patient_names_and_birth_dates_are_not_indexed(raw: Path) -> None:
    path = raw / "some where" / "001"
    data = pydicom.dcmread(path)
    data.PatientName, data.PatientBirthDate = "Planted^Name", "19440506"
    data.save_as(path)
    text = index_headers(raw).table.to_csv()
    assert "Planted" not in text
    assert "19440506" not in text


def test_nothing_but_the_listed_fields_gets_in(raw: Path) -> None:
    path = raw / "some where" / "001"
    data = pydicom.dcmread(path)
    item = Dataset()
    item.PatientName, item.ImageComments, item.CodeMeaning = "CANARY^1", "CANARY 2", "CANARY 3"
    item.RadionuclideTotalDose = "370"
    item.private_block(0x0011, "CANARY 4", create=True).add_new(1, "LO", "CANARY 5")
    data.RadiopharmaceuticalInformationSequence = [item]
    data.RequestAttributesSequence = [item]
    data.ImageComments = data.AccessionNumber = "CANARY 6"
    data.private_block(0x0013, "CANARY 7", create=True).add_new(1, "LO", "CANARY 8")
    data.save_as(path)
    index = index_headers(raw)
    assert "CANARY" not in index.table.to_csv()
    assert _row(index.table, "some where/001")["RadionuclideTotalDose"] == "370"


def test_pixels_have_a_digest_of_their_own(raw: Path) -> None:
    data = pydicom.dcmread(raw / "some where" / "001")
    data.PatientID, data.SOPInstanceUID = "ANOTHER", "1.9.9"
    data.save_as(raw / "copy")
    data.PixelData = data.PixelData[:-1] + b"!"
    data.save_as(raw / "other")
    table = index_headers(raw).table
    digest = hashlib.sha1(pydicom.dcmread(raw / "copy").PixelData).hexdigest()
    assert _row(table, "copy")["pixels"] == digest
    assert _row(table, "some where/001")["pixels"] == digest
    assert _row(table, "other")["pixels"] != digest
    assert _row(table, "rt/000")["pixels"] == ""


def test_enhanced_files_fill_the_same_columns(raw: Path) -> None:
    data = pydicom.dcmread(raw / "some where" / "001")
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(data, keyword)
    measures, timing, echo = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.75], 3
    timing.RepetitionTime, timing.FlipAngle = 500, 70
    echo.EffectiveEchoTime = 12.5
    shared = Dataset()
    shared.PixelMeasuresSequence, shared.MREchoSequence = [measures], [echo]
    shared.MRTimingAndRelatedParametersSequence = [timing]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = []
    for number in range(2):
        place, frame = Dataset(), Dataset()
        place.ImagePositionPatient = [0, 0, 3 * number]
        frame.PlanePositionSequence = [place]
        data.PerFrameFunctionalGroupsSequence.append(frame)
    data.NumberOfFrames, data.PixelData = 2, 2 * data.PixelData
    data.save_as(raw / "enhanced")
    table = index_headers(raw).table
    row = _row(table, "enhanced")
    assert (row["PixelSpacing"], row["EchoTime"]) == ("0.5\\0.75", "12.5")
    assert (row["RepetitionTime"], row["FlipAngle"]) == ("500.0", "70.0")
    assert row["ImagePositionPatient"] == "0.0\\0.0\\0.0"
    frames = json.loads(row["frames"])
    assert [frame["ImagePositionPatient"] for frame in frames] == ["0.0\\0.0\\0.0", "0.0\\0.0\\3.0"]
    assert set(table.loc[table["path"] != "enhanced", "frames"]) == {""}


def test_same_table_for_any_number_of_processes(
    tmp_path, slices_of, write, volume, monkeypatch
) -> None:
    for number in range(20):
        write(slices_of(volume, series=f"1.{number + 1}"), tmp_path / "raw" / str(number))
    one = index_headers(tmp_path / "raw", threads=1)
    monkeypatch.setattr(headers, "_BATCH", 7)
    two = index_headers(tmp_path / "raw", threads=2)
    assert two.reread == 100
    pd.testing.assert_frame_equal(one.table, two.table)


def test_a_process_that_is_killed_is_told_in_words(raw: Path, monkeypatch) -> None:
    monkeypatch.setattr(headers, "_BATCH", 2)
    monkeypatch.setattr(headers, "parse_file", lambda *_: os._exit(9))
    with pytest.raises(DataError, match="ended from outside"):
        index_headers(raw, threads=2)


def test_unchanged_files_are_not_read_again(raw: Path, slices_of, write, volume) -> None:
    first = index_headers(raw)
    (raw / "some where" / "000").chmod(0o600)
    again = index_headers(raw, previous=first.table)
    assert again.reread == 1  # The text file, whose first bytes are looked at each time.
    pd.testing.assert_frame_equal(first.table, again.table)

    write(slices_of(volume, RescaleIntercept=-1024)[:1], raw / "some where")
    changed = index_headers(raw, previous=again.table)
    assert changed.reread == 2
    pd.testing.assert_frame_equal(changed.table, index_headers(raw).table)


def test_files_that_went_or_came_are_known(raw: Path) -> None:
    first = index_headers(raw)
    (raw / "some where" / "003").unlink()
    (raw / "some where" / "000").rename(raw / "zz")
    index = index_headers(raw, previous=first.table)
    assert index.reread == 2
    pd.testing.assert_frame_equal(index.table, index_headers(raw).table)


def test_index_of_another_version_is_made_anew(raw: Path) -> None:
    first = index_headers(raw)
    index = index_headers(raw, previous=first.table.assign(version=headers.INDEX_VERSION - 1))
    assert index.reread == 7


def test_index_with_other_keywords_is_made_anew(raw: Path) -> None:
    first = index_headers(raw)
    index = index_headers(raw, extra=["ProtocolName"], previous=first.table)
    assert index.reread == 7


def test_index_survives_parquet(raw: Path, tmp_path: Path) -> None:
    index = index_headers(raw)
    index.table.to_parquet(tmp_path / "headers.parquet")
    kept = pd.read_parquet(tmp_path / "headers.parquet")
    assert index_headers(raw, previous=kept).reread == 1


@pytest.mark.parametrize(
    ("keep", "status"),
    [
        (-2, "truncated"),
        (-20, "truncated"),
        (-40, "truncated"),
        (400, "unreadable"),
        (150, "unreadable"),
    ],
)
def test_cut_files_are_told(raw: Path, keep: int, status: str) -> None:
    path = raw / "some where" / "002"
    path.write_bytes(path.read_bytes()[:keep])
    row = _row(index_headers(raw).table, "some where/002")
    assert row["status"] == status
    assert row["detail"]


def test_garbage_behind_a_dicom_front_is_unreadable_not_fatal(raw: Path) -> None:
    (raw / "bad").write_bytes(b"\0" * 128 + b"DICM" + bytes(range(256)) * 4)
    assert _row(index_headers(raw).table, "bad")["status"] == "unreadable"


def test_dicom_without_preamble_is_read(raw: Path) -> None:
    path = raw / "some where" / "002"
    path.write_bytes(path.read_bytes()[132:])
    row = _row(index_headers(raw).table, "some where/002")
    assert (row["status"], row["SOPInstanceUID"]) == ("ok", "1.2.3.3")


def test_mask_images_are_noted_with_digest(raw: Path) -> None:
    (raw / "mask.nii.gz").write_bytes(b"anything")
    row = _row(index_headers(raw).table, "mask.nii.gz")
    assert (row["kind"], len(row["sha256"])) == ("mask", 64)


def test_progress_ends_with_all_files(raw: Path) -> None:
    calls: list[tuple[int, int]] = []
    index_headers(raw, progress=lambda done, total, rate: calls.append((done, total)), every=0)
    assert calls[-1] == (7, 7)


def test_missing_folder_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        index_headers(tmp_path / "raw")
