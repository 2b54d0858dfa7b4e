"""RTSTRUCT to mask: reference data, orientations, and everything that must be refused."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from rigoromics.errors import DataError
from rigoromics.read.image import SliceSource
from rigoromics.read.series import read_series
from rigoromics.segment.load import read_segmentation
from rigoromics.segment.planes import rasterise
from rigoromics.segment.rtstruct import list_rois, read_rtstruct
from tests.unit.segment.shapes import (
    FRAME,
    array,
    circle,
    ct_series,
    grid,
    polygon,
    structure_set,
    to_mm,
    volume,
    words,
)


def stack(slices, x=20, y=17, radius=9.0):
    return [polygon(circle(x, y, radius), k) for k in slices]


def drawn(image, contours):
    return rasterise([to_mm(image, c) for c in contours], image)


def test_ibsi_ct_phantom_rtstruct_is_the_published_mask_voxel_for_voxel(shared_data):
    folder = shared_data / "ibsi1_ct_phantom"
    image = volume((folder / "dicom" / "image").iterdir())
    truth = array(sitk.ReadImage(str(folder / "nifti" / "mask" / "mask.nii.gz")))
    mask, notes = read_rtstruct(folder / "dicom" / "mask" / "DCM_RS_00060.dcm", ["GTV-1"], image)
    assert truth.sum() == 125_256
    assert np.array_equal(array(mask), truth)
    assert notes == []


@pytest.mark.parametrize("kind", ["POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"])
def test_an_roi_of_points_or_open_lines_is_refused(tmp_path, kind):
    image = grid()
    path = structure_set(tmp_path / "a", [("GTV", [to_mm(image, stack([4])[0][:5])])], kind=kind)
    with pytest.raises(DataError, match="encloses no area: its 1 items are points"):
        read_rtstruct(path, ["GTV"], image)


def test_points_among_closed_contours_are_left_out_with_a_note(tmp_path):
    image = grid()
    closed, mark = to_mm(image, stack([4])[0]), to_mm(image, stack([5])[0][:1])
    path = structure_set(tmp_path / "a", [("GTV", [closed, mark])])
    data = pydicom.dcmread(path)
    data.ROIContourSequence[0].ContourSequence[1].ContourGeometricType = "POINT"
    data.save_as(path)
    mask, notes = read_rtstruct(path, ["GTV"], image)
    assert np.array_equal(array(mask), drawn(image, stack([4]))[0])
    assert "1 items of the ROI are points" in words(notes)


def test_several_rois_are_united_and_written_numbers_are_read_back(tmp_path):
    image = grid(degrees=25)
    parts = {"one": stack([3, 4], x=12, radius=5), "two": stack([6], x=25, radius=5)}
    path = structure_set(
        tmp_path / "a", [(n, [to_mm(image, c) for c in cs]) for n, cs in parts.items()]
    )
    mask, _ = read_rtstruct(path, list(parts), image, frame_of_reference=FRAME)
    expected, _ = drawn(image, parts["one"] + parts["two"])
    assert np.array_equal(array(mask), expected)
    assert [roi.name for roi in list_rois(pydicom.dcmread(path))] == ["one", "two"]


@pytest.mark.parametrize(
    ("rois", "frame", "problem"),
    [
        ([("other", [0])], FRAME, "none of them under the name"),
        ([("GTV", [])], FRAME, "empty"),
        ([("GTV", [0]), ("GTV", [0])], FRAME, "share the same name"),
        ([("GTV", [0])], "9.9", "another frame of reference"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, rois, frame, problem):
    image = grid()
    contour = to_mm(image, stack([4])[0])
    path = structure_set(tmp_path / "a", [(n, [contour for _ in cs]) for n, cs in rois], frame)
    with pytest.raises(DataError, match=problem):
        read_rtstruct(path, ["GTV"], image, frame_of_reference=FRAME)


def test_a_structure_set_without_a_frame_is_noted(tmp_path):
    image = grid()
    path = structure_set(tmp_path / "a", [("GTV", [to_mm(image, stack([4])[0])])], frame="")
    _, notes = read_rtstruct(path, ["GTV"], image, frame_of_reference=FRAME)
    assert "names no frame of reference" in words(notes)


def test_slices_that_are_not_in_the_series_are_noted(tmp_path):
    image = grid()
    path = structure_set(tmp_path / "a", [("GTV", [to_mm(image, stack([4])[0])])], sop=["1.2.3.4"])
    assert read_rtstruct(path, ["GTV"], image, sop_uids={"1.2.3.4"})[1] == []
    _, notes = read_rtstruct(path, ["GTV"], image, sop_uids={"5.5"})
    assert "1 of the 1 slices" in words(notes)


CORNERS = [(-10, 20), (5, 20), (5, 40), (-10, 40)]
PLAIN = [f"{n:.1f}" for corner in CORNERS for n in (*corner, 60)]


@pytest.mark.parametrize(
    "spelt",
    [
        [f"{float(n):.6e}" for n in PLAIN],
        [f" {n} " for n in PLAIN],
        [f"+{n}".replace("+-", "-") for n in PLAIN],
        [n.replace(".0", ".") for n in PLAIN],
        [*PLAIN, ""],
    ],
)
def test_numbers_may_be_spelt_in_any_legal_way(tmp_path, spelt):
    image = grid()
    expected, _ = rasterise([np.array(PLAIN, dtype=float).reshape(-1, 3)], image)
    path = structure_set(tmp_path / "a", [("GTV", [spelt])])
    mask, notes = read_rtstruct(path, ["GTV"], image)
    assert expected.any()
    assert np.array_equal(array(mask), expected)
    assert notes == []


@pytest.mark.parametrize("wrong", ["nan", "inf", "-inf", "1e400", "", "1,5", "12 34"])
def test_what_is_no_number_is_refused(tmp_path, wrong):
    path = structure_set(tmp_path / "a", [("GTV", [["0.0", "0.0", "0.0"] * 4])])
    raw = "\\".join([*PLAIN[:4], wrong, *PLAIN[5:]]).encode()
    data = pydicom.dcmread(path)
    item = data.ROIContourSequence[0].ContourSequence[0]
    # As raw bytes: pydicom itself will not write such values.
    item._dict[pydicom.tag.Tag("ContourData")] = pydicom.dataelem.RawDataElement(
        pydicom.tag.Tag("ContourData"), "DS", len(raw), raw, 0, False, True
    )
    pydicom.dcmwrite(path, data)
    with pytest.raises(DataError, match="something other than triples of numbers"):
        read_rtstruct(path, ["GTV"], grid())


def test_a_contour_cut_short_is_refused_and_a_wrong_count_is_said(tmp_path):
    path = structure_set(tmp_path / "a", [("GTV", [PLAIN[:-1]])])
    with pytest.raises(DataError, match="triples of numbers"):
        read_rtstruct(path, ["GTV"], grid())
    path = structure_set(tmp_path / "b", [("GTV", [PLAIN])])
    data = pydicom.dcmread(path)
    data.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 9
    data.save_as(path)
    assert "another number of points" in words(read_rtstruct(path, ["GTV"], grid())[1])


def test_two_rois_of_one_name_are_told_apart_by_number(tmp_path):
    image = grid()
    parts = [stack([3], x=12, radius=5), stack([6], x=25, radius=5)]
    rois = [("GTV", [to_mm(image, c) for c in part]) for part in parts]
    path = structure_set(tmp_path / "a", [*rois, ("GTV", [])])
    for number, part in enumerate(parts, start=1):
        mask, _ = read_segmentation(path, "GTV", image, number=number)
        assert np.array_equal(array(mask), drawn(image, part)[0])
    with pytest.raises(DataError, match="2 ROIs of one structure set share the same name"):
        read_segmentation(path, "GTV", image)
    with pytest.raises(DataError, match="empty"):
        read_segmentation(path, "GTV", image, number=3)
    # A number of another ROI is no reason to take it: the file was replaced.
    with pytest.raises(DataError, match="none of them under the name"):
        read_segmentation(path, "CTV", image, number=1)


def test_contours_that_lie_off_the_slice_they_name_are_noted(tmp_path):
    image = grid()
    slices = [SliceSource(f"1.2.{k}", 0) for k in range(12)]
    near = structure_set(tmp_path / "a", [("GTV", [to_mm(image, stack([4])[0])])], sop=["1.2.4"])
    far = structure_set(tmp_path / "b", [("GTV", [to_mm(image, stack([4])[0])])], sop=["1.2.7"])
    assert read_segmentation(near, "GTV", image, slices=slices)[1] == []
    notes = read_segmentation(far, "GTV", image, slices=slices)[1]
    assert "1 contours lie up to 3 slices away from the slice they refer to" in words(notes)


def test_contours_of_a_tilted_scan_stay_on_what_they_were_drawn_on(tmp_path):
    """Contours and the scan set upright both lie in the patient: there is nothing to shift."""
    k, j, i = np.indices((12, 40, 40))
    x, y = 1.5 * i, 1.5 * j + 0.7 * k  # 19 degrees, half a pixel from slice to slice
    distance = np.hypot(x - 27, y - 30) - 12
    values = np.clip(50 - 50 * distance, 0, 100).astype(int)  # a rod along the patient
    series = read_series(ct_series(tmp_path / "ct", values, tilt=0.7))
    rod = [np.column_stack([circle(27, 30, 12), np.full(200, 2.0 * n)]) for n in range(12)]
    path = structure_set(tmp_path / "rs", [("rod", rod)])
    mask, notes = read_segmentation(
        path, "rod", series.image, shifts=series.shifts, slices=series.slices
    )
    assert series.shifts is not None
    assert notes == []
    bright = sitk.GetArrayFromImage(series.image) > 50
    inside = array(mask)
    assert 2 * (inside & bright).sum() / (inside.sum() + bright.sum()) > 0.98
    # Had the slices not been moved, the rod would wander by eight millimetres.
    rows = [[np.argwhere(plane)[:, 0].mean() for plane in rod] for rod in (bright, values > 50)]
    assert np.ptp(rows[0]) < 0.2
    assert np.ptp(rows[1]) == pytest.approx(11 * 0.7 / 1.5, abs=0.2)


def test_contours_have_no_place_on_a_2d_image(tmp_path):
    path = structure_set(tmp_path / "a", [("GTV", [PLAIN])])
    with pytest.raises(DataError, match="no place in the patient"):
        read_segmentation(path, "GTV", grid(), planar=True)


def test_rt_utils_files_with_bad_references(shared_data):
    folder = shared_data / "dicom_seg" / "rt-utils_mock_data"
    files = [folder / "ct_1.dcm", folder / "ct_2.dcm"]
    image = volume(files)
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    frame, uids = str(headers[0].FrameOfReferenceUID), {str(h.SOPInstanceUID) for h in headers}
    # A square from -51 to -27 mm on the slice at 60 mm, and one more contour there.
    mask, _ = read_rtstruct(folder / "rt.dcm", ["ROI-1"], image, sop_uids=uids)
    assert array(mask)[0].any()
    assert not array(mask)[1].any()
    with pytest.raises(DataError, match="another frame of reference"):
        read_rtstruct(folder / "rt.dcm", ["ROI-1"], image, frame_of_reference=frame)
    # The others know of slices that are not there: at 70 mm, above the two that are.
    for name in ("invalid_reference_rt.dcm", "non_existent_reference_rt.dcm"):
        rois = list_rois(pydicom.dcmread(folder / name))
        assert [roi.name for roi in rois] == ["ROI-1", "ROI-2", "ROI-3", "ROI-4"]
        for roi in rois:
            with pytest.raises(DataError) as caught:
                read_rtstruct(
                    folder / name, [roi.name], image, frame_of_reference=frame, sop_uids=uids
                )
            assert caught.value.problem.startswith("1 of 3 contours lie outside the image")
            assert caught.value.problem.endswith(
                "; 1 of the 3 slices that the contours refer to are not in this series"
            )
            assert "use the whole scan" in caught.value.remedy


def test_a_file_that_is_no_dicom_is_refused(tmp_path):
    (tmp_path / "a").write_text("nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read_rtstruct(tmp_path / "a", ["GTV"], grid())
