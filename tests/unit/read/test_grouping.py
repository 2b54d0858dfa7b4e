"""Files to series: splitting, copies, early refusals."""

from pathlib import Path

import pytest

from rigoromics.read.grouping import Series, group_series
from rigoromics.read.headers import index_headers


def _group(folder: Path) -> list[Series]:
    return group_series(index_headers(folder).table)


def test_whole_series_in_order_along_the_normal(tmp_path, slices_of, write, volume) -> None:
    write(slices_of(volume)[::-1], tmp_path)
    (series,) = _group(tmp_path)
    assert series.refusal is None
    assert list(series.ordered["path"]) == ["004", "003", "002", "001", "000"]
    assert list(series.ordered["order"]) == [0, 1, 2, 3, 4]


def test_localiser_and_captures_inside_do_not_break_the_volume(
    tmp_path, slices_of, write, volume
) -> None:
    write(slices_of(volume), tmp_path / "a")
    scout = slices_of(volume[:1], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    capture = slices_of(volume[:1, :2, :2])
    del capture[0].ImagePositionPatient
    del capture[0].ImageOrientationPatient
    for number, (name, data) in enumerate([("scout", scout), ("capture", capture)]):
        data[0].SOPInstanceUID = f"1.2.3.90{number}"
        write(data, tmp_path / name)
    main, *lesser = _group(tmp_path)
    assert main.main
    assert main.refusal is None
    assert (len(main.files), main.rest, main.identity) == (5, 2, "1.2.3")
    assert [(part.main, len(part.files)) for part in lesser] == [(False, 1), (False, 1)]
    assert len({part.identity for part in [main, *lesser]}) == 3


def test_rounded_orientations_stay_one_series(tmp_path, slices_of, write, volume) -> None:
    slices = slices_of(volume)
    slices[3].ImageOrientationPatient = [1, 0.0004, 0, 0, 1, -0.0003]
    write(slices, tmp_path)
    (series,) = _group(tmp_path)
    assert series.refusal is None


@pytest.mark.parametrize("keyword", ["EchoTime", "DiffusionBValue", "AcquisitionNumber"])
def test_phases_of_one_series_become_parts(tmp_path, slices_of, write, volume, keyword) -> None:
    for number in (1, 2, 3):
        phase = slices_of(volume, **{keyword: number})
        for data in phase:
            data.SOPInstanceUID = f"{data.SOPInstanceUID}.{number}"
        write(phase, tmp_path / str(number))
    parts = _group(tmp_path)
    assert [len(part.files) for part in parts] == [5, 5, 5]
    assert all(part.refusal is None for part in parts)
    assert [part.part for part in parts] == [
        f"{keyword} {value}" for value in sorted(p.header[keyword] for p in parts)
    ]


def test_doubled_positions_that_nothing_tells_apart_are_refused(
    tmp_path, slices_of, write, volume
) -> None:
    write(slices_of(volume), tmp_path / "a")
    again = slices_of(volume + 1)
    for data in again:
        data.SOPInstanceUID = f"{data.SOPInstanceUID}.7"
    write(again, tmp_path / "b")
    (series,) = _group(tmp_path)
    assert "5 slices of the series lie where another slice lies, with other pixels" in str(
        series.refusal
    )


def test_doubled_slices_of_equal_pixels_count_once_and_it_is_said(
    tmp_path, slices_of, write, volume
) -> None:
    write(slices_of(volume), tmp_path / "a")
    again = slices_of(volume)
    for data in again:
        data.SOPInstanceUID = f"{data.SOPInstanceUID}.7"
    write(again, tmp_path / "b")
    (series,) = _group(tmp_path)
    assert series.refusal is None
    assert list(series.ordered["path"]) == [f"a/00{number}" for number in range(5)]
    (repair,) = series.repairs
    assert "5 slices of the series lie where another slice lies and equal it" in repair.problem


def test_echoes_of_time_points_are_told_apart_by_both(tmp_path, slices_of, write, volume) -> None:
    for number, (echo, time) in enumerate([(10, 1), (10, 2), (80, 1), (80, 2)]):
        phase = slices_of(volume, EchoTime=echo, TemporalPositionIdentifier=time)
        for data in phase:
            data.SOPInstanceUID = f"{data.SOPInstanceUID}.{number}"
        write(phase, tmp_path / str(number))
    parts = _group(tmp_path)
    headers = [part.header for part in parts]
    found = [(h["TemporalPositionIdentifier"], float(h["EchoTime"])) for h in headers]
    assert found == [("1", 10), ("1", 80), ("2", 10), ("2", 80)]
    assert parts[0].part.startswith("TemporalPositionIdentifier 1, EchoTime 10")
    assert {(part.volumes, part.told_by) for part in parts} == {
        (4, "TemporalPositionIdentifier, EchoTime")
    }
    assert all(part.refusal is None and len(part.files) == 5 for part in parts)


def test_magnitude_and_phase_of_one_series_are_told_apart(
    tmp_path, slices_of, write, volume
) -> None:
    for kind in ("M", "P"):
        images = slices_of(volume, Modality="MR", ImageType=["ORIGINAL", "PRIMARY", kind])
        for data in images:
            data.SOPInstanceUID = f"{data.SOPInstanceUID}.{ord(kind)}"
        write(images, tmp_path / kind)
    parts = _group(tmp_path)
    assert [part.told_by for part in parts] == ["ImageType", "ImageType"]
    assert [part.header["path"][0] for part in parts] == ["M", "P"]


def test_2d_images_of_one_series_stand_alone_and_b_scans_do_not(
    tmp_path, slices_of, write, volume
) -> None:
    for modality in ("US", "MG", "OPT"):
        images = slices_of(volume[:3], series=f"1.2.{len(modality)}.{ord(modality[0])}")
        for data in images:
            del data.ImagePositionPatient
            del data.ImageOrientationPatient
            data.Modality = modality
        write(images, tmp_path / modality)
    parts = _group(tmp_path)
    found = [(part.modality, part.part, len(part.files)) for part in parts]
    expected = [(kind, f"InstanceNumber {n}", 1) for kind in ("US", "MG") for n in (1, 2, 3)]
    assert sorted(found) == sorted([*expected, ("OPT", "", 3)])
    assert all(part.planar and part.refusal is None and part.geometry is None for part in parts)
    assert all(list(part.ordered["order"]) == list(range(len(part.files))) for part in parts)


@pytest.mark.parametrize(
    "fields", [{"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, {"Modality": "SC"}]
)
def test_secondary_capture_is_refused_by_name(tmp_path, slices_of, write, volume, fields) -> None:
    write(slices_of(volume[:1], **fields), tmp_path)
    (series,) = _group(tmp_path)
    assert "secondary capture" in series.refusal.problem


def test_capture_among_slices_of_one_size_is_left_out(tmp_path, slices_of, write, volume) -> None:
    slices = slices_of(volume)
    capture = slices_of(volume[:1], SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    capture[0].SOPInstanceUID = "1.2.3.99"
    write([*slices, *capture], tmp_path)
    main, lesser = _group(tmp_path)
    assert (main.refusal, len(main.files), main.rest) == (None, 5, 1)
    assert "secondary capture" in lesser.refusal.problem


def test_exact_copies_count_once(tmp_path, slices_of, write, volume) -> None:
    write(slices_of(volume), tmp_path / "a")
    write(slices_of(volume), tmp_path / "b")
    (series,) = _group(tmp_path)
    assert (len(series.files), series.doubled, series.refusal) == (5, 5, None)


def test_cut_slice_refuses_the_series_and_names_the_file(
    tmp_path, slices_of, write, volume
) -> None:
    paths = write(slices_of(volume), tmp_path)
    paths[1].write_bytes(paths[1].read_bytes()[:-30])
    (series,) = _group(tmp_path)
    assert "1 of the 5 files of the series is cut short" in str(series.refusal)
    assert series.refusal.file == "001"


def test_unreadable_end_slice_refuses_the_series_beside_it(
    tmp_path, slices_of, write, volume
) -> None:
    paths = write(slices_of(volume), tmp_path / "a")
    write(slices_of(volume, series="1.2.4"), tmp_path / "b")
    paths[-1].write_bytes(paths[-1].read_bytes()[:300])
    hurt, whole = _group(tmp_path)
    assert "may be slices of it" in str(hurt.refusal)
    assert whole.refusal is None


def test_two_patients_under_one_series_uid_stay_apart(tmp_path, slices_of, write, volume) -> None:
    write(slices_of(volume), tmp_path / "a")
    write(slices_of(volume, patient="PAT-2"), tmp_path / "b")
    one, two = _group(tmp_path)
    assert {one.patient_id, two.patient_id} == {"PAT-1", "PAT-2"}
    assert one.identity != two.identity


def test_order_of_files_does_not_matter(tmp_path, slices_of, write, volume) -> None:
    write(slices_of(volume), tmp_path)
    table = index_headers(tmp_path).table
    (one,) = group_series(table)
    (two,) = group_series(table.sample(frac=1, random_state=3))
    assert one.ordered.equals(two.ordered)
