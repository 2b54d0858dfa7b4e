"""The files: valid, seeded, nested, and telling the truth about geometry."""

import hashlib
import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import replace
from datetime import date

import highdicom
import numpy as np
import pydicom
import pytest

from rigoromics.errors import DataError
from rigoromics.simulate import make_patient, places, scan_patient, simulate_cohort
from rigoromics.simulate.raters import true_mask
from tests.unit.simulate.conftest import SEED


def files(raw):
    return sorted(path for path in raw.rglob("*") if path.is_file())


def digests(raw):
    return {
        str(path.relative_to(raw)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files(raw)
    }


@pytest.fixture(scope="module")
def datasets(simulated):
    return [pydicom.dcmread(path) for path in files(simulated.raw)]


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def scans(simulated):
    """Yield every first scan: truth row, its grid, the true mask on it."""
    for place in places(simulated.settings):
        patient = make_patient(simulated.settings, place, SEED)
        scan, phantom = scan_patient(simulated.settings, patient, "test")
        yield place.patient_id, scan, true_mask(phantom.lesion_in_world, scan.grid)


def polygons(plan, name):
    (number,) = [r.ROINumber for r in plan.StructureSetROISequence if r.ROIName == name]
    (roi,) = [r for r in plan.ROIContourSequence if r.ReferencedROINumber == number]
    return [np.array(c.ContourData, dtype=float).reshape(-1, 3) for c in roi.ContourSequence]


def of(datasets, patient, modality, label=""):
    return [
        d
        for d in datasets
        if d.PatientID == patient
        and d.Modality == modality
        and d.get("StructureSetLabel", d.get("ContentLabel", "")).startswith(label)
        and d.SeriesNumber in (2, 302, 402)
    ]


def test_every_kind_of_file_passes_dciodvfy(simulated):
    if shutil.which("dciodvfy") is None:
        pytest.skip("needs dciodvfy (Debian: dicom3tools)")
    sample = {}
    for path in files(simulated.raw):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        sample[header.SeriesInstanceUID, header.Modality] = path
    assert {kind for _, kind in sample} == {"CT", "RTSTRUCT", "SEG"}
    for path in sample.values():
        said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        lines = (said.stdout + said.stderr).splitlines()
        assert [line for line in lines if line.startswith("Error")] == [], path


def test_same_seed_same_bytes_on_any_number_of_workers(simulated, tmp_path):
    again = simulate_cohort(simulated.settings, SEED, tmp_path / "raw", workers=2)
    assert digests(tmp_path / "raw") == digests(simulated.raw)
    assert again.clinical.equals(simulated.cohort.clinical)
    assert again.truth.equals(simulated.cohort.truth)
    assert again.identifiers == simulated.cohort.identifiers


def test_null_cohort_has_the_same_images_and_more_patients_change_none(simulated, tmp_path):
    first = simulated.settings.centres[0]
    settings = replace(
        simulated.settings, effect=0.0, centres=(replace(first, patients=first.patients + 1),)
    )
    other = simulate_cohort(settings, SEED, tmp_path / "raw")
    before, after = digests(simulated.raw), digests(tmp_path / "raw")
    mine = {path: digest for path, digest in before.items() if path in after}
    assert len(mine) > 30
    assert all(after[path] == digest for path, digest in mine.items())
    same = ["patient", "latent", "volume_ml"]
    assert other.truth[same].iloc[:2].equals(simulated.cohort.truth[same].iloc[:2])


def test_another_seed_makes_other_patients(simulated, tmp_path):
    settings = replace(
        simulated.settings, centres=(replace(simulated.settings.centres[0], patients=1),)
    )
    other = simulate_cohort(settings, SEED + 1, tmp_path / "raw")
    assert other.truth["latent"][0] != simulated.cohort.truth["latent"][0]
    assert not set(digests(tmp_path / "raw").values()) & set(digests(simulated.raw).values())


def test_no_file_tells_the_day_it_was_written(datasets):
    today = date.today().strftime("%Y%m%d")
    for dataset in datasets:
        assert today not in str(dataset.file_meta) + str(dataset)


def test_files_are_not_in_order_and_identifiers_unique(datasets, simulated):
    assert len({d.SOPInstanceUID for d in datasets}) == len(datasets) == simulated.cohort.files
    by_series = defaultdict(list)
    for dataset in datasets:
        if dataset.Modality == "CT":
            by_series[dataset.SeriesInstanceUID].append(float(dataset.ImagePositionPatient[2]))
    assert all(heights != sorted(heights) for heights in by_series.values())
    for heights in by_series.values():
        gaps = np.diff(sorted(heights))
        assert np.allclose(gaps, gaps[0], atol=1e-3)


def test_refuses_a_folder_with_files(simulated):
    with pytest.raises(DataError, match="not empty"):
        simulate_cohort(simulated.settings, SEED, simulated.raw)


def test_hounsfield_units_are_those_of_tissues(simulated, datasets):
    for patient, scan, true in scans(simulated):
        images = sorted(of(datasets, patient, "CT"), key=lambda d: float(d.ImagePositionPatient[2]))
        volume = np.stack([d.pixel_array for d in images]) + float(images[0].RescaleIntercept)
        shift = scan.centre.shift_hu
        assert volume[true].mean() == pytest.approx(60 + shift, abs=20)
        assert 5 < volume[true].std() < 60
        assert np.median(volume[-1]) > -200


def test_volume_of_polygons_is_the_true_volume(simulated, datasets):
    truth = simulated.cohort.truth.set_index("patient")["volume_ml"]
    for patient, scan, _ in scans(simulated):
        (plan,) = of(datasets, patient, "RTSTRUCT", "R1")
        area = 0.0
        for points in polygons(plan, "GTV"):
            x, y = points[:, 0], points[:, 1]
            area += abs(0.5 * (x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
        volume = area * scan.grid.spacing[2] / 1000
        assert volume == pytest.approx(truth[patient], rel=0.25)


def test_contours_lie_on_slices_and_reference_them(simulated, datasets):
    for patient, _, _ in scans(simulated):
        height = {
            d.SOPInstanceUID: float(d.ImagePositionPatient[2]) for d in of(datasets, patient, "CT")
        }
        for plan in of(datasets, patient, "RTSTRUCT"):
            for roi in plan.ROIContourSequence:
                for contour in roi.ContourSequence:
                    z = np.array(contour.ContourData, dtype=float)[2::3]
                    named = contour.ContourImageSequence[0].ReferencedSOPInstanceUID
                    assert np.allclose(z, height[named], atol=1e-3)
                    assert contour.NumberOfContourPoints == len(z) >= 16


def test_raters_agree_as_people_do(simulated, datasets):
    from matplotlib.path import Path as WitnessPath

    seen = []
    for patient, scan, true in scans(simulated):
        grid = scan.grid
        x, y = np.meshgrid(grid.x, grid.y)
        spots = np.stack([x.ravel(), y.ravel()], axis=1)
        masks = [seg_mask(of(datasets, patient, "SEG")[0], grid)]
        for label, name in (("R1", "GTV"), ("R2", "Tumor_R2")):
            (plan,) = of(datasets, patient, "RTSTRUCT", label)
            mask = np.zeros(grid.shape, dtype=bool)
            for points in polygons(plan, name):
                index = int(np.argmin(np.abs(grid.z - points[0, 2])))
                inside = WitnessPath(points[:, :2]).contains_points(spots)
                mask[index] = inside.reshape(mask[index].shape)
            masks.append(mask)
        seen += [dice(mask, true) for mask in masks]
        seen += [dice(masks[i], masks[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(seen) > 0.75
    assert max(seen) < 0.98
    assert 0.84 < np.mean(seen) < 0.95


def seg_mask(seg, grid):
    """Read a SEG with highdicom, and place its frames by their own positions."""
    made = highdicom.seg.Segmentation.from_dataset(seg)
    volume = made.get_volume(combine_segments=True)
    mask = np.zeros(grid.shape, dtype=bool)
    rows, columns, slices = np.nonzero(np.moveaxis(volume.array, 0, 2))
    at = volume.affine @ np.stack([slices, rows, columns, np.ones(len(rows))])
    # highdicom's affine maps indices to the same LPS positions as the images'.
    index = [
        np.rint((at[axis] - grid.origin[axis]) / grid.spacing[axis]).astype(int)
        for axis in range(3)
    ]
    mask[index[2], index[1], index[0]] = True
    return mask


def test_seg_is_aligned_with_its_image(simulated, datasets):
    for patient, scan, true in scans(simulated):
        (seg,) = of(datasets, patient, "SEG")
        assert dice(seg_mask(seg, scan.grid), true) > 0.75
        assert seg.SegmentSequence[0].SegmentLabel == "lesion"
        assert seg.FrameOfReferenceUID == of(datasets, patient, "CT")[0].FrameOfReferenceUID


def test_retest_is_the_same_patient_seen_again(simulated, datasets):
    truth = simulated.cohort.truth
    twice = {d.PatientID for d in datasets if "RETEST" in d.SeriesDescription}
    assert twice == set(truth.loc[truth["retest"], "patient"])
    assert twice == {"SIM-A-0002", "SIM-B-0002"}
    for patient in twice:
        ct = [d for d in datasets if d.PatientID == patient and d.Modality == "CT"]
        assert len({d.SeriesInstanceUID for d in ct}) == 2
        assert len({d.StudyInstanceUID for d in ct}) == 1
        first = np.stack([d.pixel_array for d in ct if d.SeriesNumber == 2])
        second = np.stack([d.pixel_array for d in ct if d.SeriesNumber == 5])
        assert first.shape == second.shape
        assert not np.array_equal(first, second)
        plans = [d for d in datasets if d.PatientID == patient and d.Modality == "RTSTRUCT"]
        assert sum(d.SeriesNumber == 305 for d in plans) == 1


def test_planted_identifiers_are_in_the_headers(simulated, datasets):
    content = b"".join(path.read_bytes() for path in files(simulated.raw)).decode("latin-1")
    planted = simulated.cohort.identifiers
    missing = [text for text in planted if text not in content]
    # Birth dates are listed in ISO form too, as a study might print them.
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", text) for text in missing)
    for dataset in datasets:
        for value in (
            dataset.PatientName,
            dataset.PatientBirthDate,
            dataset.AccessionNumber,
            dataset.StudyInstanceUID,
            dataset.SeriesInstanceUID,
            dataset[0x0011, 0x1001].value,
        ):
            text = value.decode().strip() if isinstance(value, bytes) else str(value)
            assert text in planted


def test_tables_hold_every_patient_once(simulated):
    clinical, truth = simulated.cohort.clinical, simulated.cohort.truth
    ids = [place.patient_id for place in places(simulated.settings)]
    assert list(clinical["patient"]) == list(truth["patient"]) == ids
    assert not {"latent", "probability", "marker"} & set(clinical.columns)
    assert clinical["metastasis"].isin([0, 1]).all()
    assert (clinical["time_months"] > 0).all()
