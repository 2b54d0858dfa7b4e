import shutil
from itertools import pairwise

import pydicom
import pytest

from rigoromics.errors import DataError
from rigoromics.simulate import DAMAGES, damage


@pytest.fixture
def raw(simulated, tmp_path):
    return shutil.copytree(simulated.raw, tmp_path / "raw")


def contents(raw):
    return {path: path.read_bytes() for path in raw.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", sorted(DAMAGES))
def test_changes_one_file_of_that_patient_only(raw, kind):
    before = contents(raw)
    (changed,) = damage(raw, kind, "SIM-B-0001")
    after = contents(raw)
    assert {path for path in before if after.get(path) != before[path]} == {changed}
    assert set(after) <= set(before)


def test_truncated_slice_has_no_full_image(raw):
    (path,) = damage(raw, "truncated_slice", "SIM-A-0002")
    image = pydicom.dcmread(path, force=True)
    assert len(image.get("PixelData", b"")) < 2 * image.Rows * image.Columns


def test_missing_slice_leaves_a_gap_in_the_first_scan(raw):
    (gone,) = damage(raw, "missing_slice", "SIM-A-0002")
    assert not gone.exists()
    heights = sorted(
        float(image.ImagePositionPatient[2])
        for image in (pydicom.dcmread(path) for path in raw.rglob("*") if path.is_file())
        if image.PatientID == "SIM-A-0002" and image.Modality == "CT" and image.SeriesNumber == 2
    )
    gaps = [round(b - a, 3) for a, b in pairwise(heights)]
    assert sorted(gaps)[-2:] == [3.0, 6.0]


def test_empty_mask_keeps_names_but_no_contours(raw):
    (path,) = damage(raw, "empty_mask", "SIM-C-0001")
    plan = pydicom.dcmread(path)
    assert plan.StructureSetLabel == "R1"
    assert [roi.ROIName for roi in plan.StructureSetROISequence] == ["GTV", "BODY"]
    assert not any("ContourSequence" in roi for roi in plan.ROIContourSequence)


def test_wrong_frame_of_reference_matches_no_image(raw):
    (path,) = damage(raw, "wrong_frame_of_reference", "SIM-A-0001")
    plan = pydicom.dcmread(path)
    frames = {
        pydicom.dcmread(other, stop_before_pixels=True).FrameOfReferenceUID
        for other in raw.rglob("*")
        if other.is_file() and other != path
    }
    named = plan.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID
    assert named not in frames
    assert plan.StructureSetROISequence[0].ReferencedFrameOfReferenceUID == named


def test_refuses_what_it_cannot_do(raw):
    with pytest.raises(DataError, match="no kind of damage"):
        damage(raw, "burnt", "SIM-A-0001")
    with pytest.raises(DataError, match="no file of patient"):
        damage(raw, "missing_slice", "SIM-Z-0001")
