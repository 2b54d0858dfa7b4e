"""RTSTRUCT to mask: reference data, orientations, and everything that must be refused."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from rigoromics.errors import DataError
from rigoromics.read.series import read_series
from rigoromics.segment.polygons import polygon_area
from rigoromics.segment.rtstruct import (
    find_roi,
    list_rois,
    rasterise,
    read_contours,
    read_rtstruct,
)
from tests.unit.segment.shapes import FRAME, array, circle, grid, polygon, structure_set, to_mm


def stack(slices, x=20, y=17, radius=9.0):
    return [polygon(circle(x, y, radius), k) for k in slices]


def drawn(image, contours):
    return rasterise([to_mm(image, c) for c in contours], image)


def words(notes):
    return " ".join(note.problem for note in notes)


def test_ibsi_ct_phantom_rtstruct_is_the_published_mask_voxel_for_voxel(shared_data):
    folder = shared_data / "ibsi1_ct_phantom"
    image = read_series(sorted((folder / "dicom" / "image").iterdir()))
    truth = array(sitk.ReadImage(str(folder / "nifti" / "mask" / "mask.nii.gz")))
    mask, notes = read_rtstruct(folder / "dicom" / "mask" / "DCM_RS_00060.dcm", ["GTV-1"], image)
    assert truth.sum() == 125_256
    assert np.array_equal(array(mask), truth)
    assert notes == []


def test_sts_volumes_are_the_polygons_areas_times_thickness(shared_data):
    """One voxel count strays by chance from its polygon areas; together they must not."""
    ratios, voxels, areas = [], 0.0, 0.0
    folders = sorted((shared_data / "sts" / "dicom").glob("STS_0*/PET"))
    assert len(folders) == 24
    for folder in folders:
        image = read_series(sorted((folder / "image").iterdir()))
        dataset = pydicom.dcmread(folder / "mask" / "RS.dcm")
        roi = find_roi(dataset, list_rois(dataset)[0].name)
        points = read_contours(dataset, roi).points
        mask, _ = rasterise(points, image)
        # No ROI here has holes, so areas add up; all series are axial.
        area = sum(polygon_area(p[:, :2]) for p in points) / np.prod(image.GetSpacing()[:2])
        ratios.append(mask.sum() / area)
        voxels, areas = voxels + mask.sum(), areas + area
    assert voxels / areas == pytest.approx(1, abs=0.001)
    assert np.mean(ratios) == pytest.approx(1, abs=0.005)
    assert max(abs(ratio - 1) for ratio in ratios) < 0.025


@given(st.floats(-180, 180), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_the_orientation_of_the_grid_does_not_matter(degrees, seed):
    rng = np.random.default_rng(seed)
    contours = [
        polygon(circle(*rng.uniform(12, 20, 2), rng.uniform(2, 9), 30), k) for k in range(3, 9)
    ]
    straight, _ = drawn(grid(), contours)
    turned, notes = drawn(grid(degrees=degrees), contours)
    assert straight.any()
    assert np.array_equal(straight, turned)
    assert notes == []


def test_slices_stored_downwards_give_the_same_voxels_in_the_patient():
    up = grid()
    contours = [to_mm(up, c) for c in stack(range(3, 6), radius=6)]
    mask, _ = rasterise(contours, up)
    down = sitk.Flip(up, [False, False, True])
    flipped, _ = rasterise(contours, down)
    assert np.array_equal(flipped[::-1], mask)


@pytest.mark.parametrize(("shift", "slice_"), [(0.4, 5), (0.499, 5), (0.5, 6), (-0.5, 5)])
def test_a_contour_goes_to_the_nearest_slice_and_this_is_said(shift, slice_):
    mask, notes = drawn(grid(), stack([5 + shift]))
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [slice_]
    assert "between slices" in words(notes)


def test_planes_halfway_between_slices_stay_apart():
    mask, _ = drawn(grid(), stack(np.arange(2.5, 8)))
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("contours", "problem"),
    [
        (stack([3, 4, 12]), "1 of 3 contours lie outside"),
        (stack([-0.6, 0]), "1 of 2 contours lie outside"),
        (stack([3], x=90), "1 of 1 contours lie outside"),
        (stack([3, 3.3]), "another spacing"),
        ([np.array([[5, 5, 2], [20, 5, 3], [20, 20, 4.0]])], "planes of the image"),
    ],
)
def test_contours_of_another_series_are_refused(contours, problem):
    with pytest.raises(DataError, match=problem):
        drawn(grid(), contours)


def test_what_is_odd_but_usable_is_noted():
    contours = [*stack([3, 3, 5]), *stack([6], x=38), *stack([8]), *stack([8], x=26)]
    mask, notes = drawn(grid(), contours)
    said = words(notes)
    assert mask[3].any()
    for remark in ("beyond the image's edge", "drawn twice", "no contour", "overlap partly"):
        assert remark in said
    assert all(note.severity == "noted" and note.remedy for note in notes)


def test_points_and_open_lines_are_ignored_with_a_note(tmp_path):
    image = grid()
    path = structure_set(tmp_path / "a", [("GTV", [to_mm(image, stack([4])[0][:1])])], kind="POINT")
    mask, notes = read_rtstruct(path, ["GTV"], image)
    assert not array(mask).any()
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
    path = structure_set(tmp_path / "a", [("GTV", [to_mm(image, stack([4])[0])])], sop="1.2.3.4")
    assert read_rtstruct(path, ["GTV"], image, sop_uids={"1.2.3.4"})[1] == []
    _, notes = read_rtstruct(path, ["GTV"], image, sop_uids={"5.5"})
    assert "1 of the 1 slices" in words(notes)


def test_rt_utils_files_with_bad_references(shared_data):
    folder = shared_data / "dicom_seg" / "rt-utils_mock_data"
    image = read_series([folder / "ct_1.dcm", folder / "ct_2.dcm"])
    frame = str(pydicom.dcmread(folder / "ct_1.dcm").FrameOfReferenceUID)
    # A square from -51 to -27 mm on the slice at 60 mm, and one more contour there.
    mask, _ = read_rtstruct(folder / "rt.dcm", ["ROI-1"], image)
    assert array(mask)[0].any()
    assert not array(mask)[1].any()
    with pytest.raises(DataError, match="another frame of reference"):
        read_rtstruct(folder / "rt.dcm", ["ROI-1"], image, frame_of_reference=frame)


def test_a_file_that_is_no_dicom_is_refused(tmp_path):
    (tmp_path / "a").write_text("nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read_rtstruct(tmp_path / "a", ["GTV"], grid())
