import hashlib

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import SimpleITK as sitk

from rigoromics.errors import PROBLEM_COLUMNS, DataError
from scripts.extract import INDEX, main
from scripts.tables import read_tsv, write_tsv

QUICK = {
    "discretisation": {"bin_width": 25},
    "images": {"original": {}},
    "classes": {"shape": "all", "firstorder": "all", "glcm": ["Contrast"]},
}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def chunk(tmp_path):
    """Two patients of two raters; the first patient's second rater drew one voxel."""
    rng = np.random.default_rng(2)
    rows = []
    for patient in ("P-2", "P-1"):
        image = sitk.GetImageFromArray(rng.normal(0, 100, (16, 20, 20)).astype(np.int16))
        path = tmp_path / f"{patient}.nii.gz"
        sitk.WriteImage(image, path)
        for rater in ("R2", "R1"):
            inside = np.zeros((16, 20, 20), np.uint8)
            size = 1 if (patient, rater) == ("P-1", "R2") else 7
            inside[3 : 3 + size, 4 : 4 + size, 5 : 5 + size] = 1
            mask = sitk.GetImageFromArray(inside)
            mask.CopyInformation(image)
            mask_path = tmp_path / f"{patient}__{rater}.nii.gz"
            sitk.WriteImage(mask, mask_path)
            row = {"patient": patient, "cohort": "A", "timepoint": "baseline", "scan": "ct"}
            row |= {"roi": "lesion", "rater": rater, "image_path": path.name}
            row |= {"image_sha256": digest(path), "mask_path": mask_path.name}
            rows.append({**row, "mask_sha256": digest(mask_path)})
    index = tmp_path / "index.tsv"
    write_tsv(pd.DataFrame(rows), index)
    return index


def run(index, name="out", **changes):
    features = index.parent / f"{name}.parquet"
    problems = index.parent / f"{name}.tsv"
    arguments = {
        "settings": {"ct": QUICK},
        "controls": ["shuffled"],
        "perturbations": {"chains": [], "cohorts": [], "without": []},
        "reference_rater": "R1",
        "seed": 1,
        **changes,
    }
    metrics = main(index=index, features=features, problems=problems, **arguments)
    return pd.read_parquet(features), read_tsv(problems), metrics


def test_a_row_per_mask_and_one_for_the_control(chunk):
    table, problems, metrics = run(chunk)
    assert list(table.columns[:7]) == INDEX
    keys = list(table[["patient", "rater", "perturbation"]].itertuples(index=False, name=None))
    assert keys == [
        ("P-1", "R1", "none"),
        ("P-1", "R1", "shuffled"),
        ("P-2", "R1", "none"),
        ("P-2", "R1", "shuffled"),
        ("P-2", "R2", "none"),
    ]
    values = table.drop(columns=INDEX)
    assert (values.dtypes == "float64").all()
    assert list(values.columns) == sorted(values.columns)
    assert not values.isna().any().any()
    assert list(problems.columns) == PROBLEM_COLUMNS
    refused = problems.iloc[0]
    assert (refused["patient"], refused["rater"], refused["severity"]) == ("P-1", "R2", "refused")
    assert "1 voxel(s)" in refused["problem"]
    numbers = {"masks": 4.0, "rows": 5.0, "refused": 1.0}
    assert metrics == {**numbers, "engine": "pyradiomics", "device": "CPU"}


def test_shuffled_voxels_depend_on_seed_and_case_only(chunk):
    first, _, _ = run(chunk)
    alone = read_tsv(chunk)
    other = chunk.with_name("alone.tsv")
    write_tsv(alone[alone["patient"] == "P-2"], other)
    part, _, _ = run(other, "part")
    both = first[first["patient"] == "P-2"].reset_index(drop=True)
    pd.testing.assert_frame_equal(both, part, check_exact=True)
    reseeded, _, _ = run(chunk, "reseeded", seed=2)
    changed = (first != reseeded).any(axis=1)
    assert list(first["perturbation"][changed].unique()) == ["shuffled"]


def test_refused_mask_is_reported_once(chunk):
    table, problems, _ = run(chunk, reference_rater="R2")
    assert list(table["patient"][table["perturbation"] == "shuffled"]) == ["P-2"]
    assert len(problems) == 1


def test_same_bytes_again(chunk):
    run(chunk, "a")
    run(chunk, "b")
    for suffix in ("parquet", "tsv"):
        assert digest(chunk.with_name(f"a.{suffix}")) == digest(chunk.with_name(f"b.{suffix}"))


def test_without_control(chunk):
    table, _, _ = run(chunk, controls=[])
    assert set(table["perturbation"]) == {"none"}


def test_perturbations_of_some_cohorts_and_scans_only(chunk):
    chains = [{"volume": [0.2]}]
    cohort = read_tsv(chunk)["cohort"].iloc[0]
    asked = {"chains": chains, "cohorts": [cohort], "without": []}
    table, _, _ = run(chunk, controls=[], perturbations=asked)
    perturbed = table[table["perturbation"] == "volume+20"]
    assert len(perturbed)
    assert set(perturbed["rater"]) == {"R1"}
    for change in ({"cohorts": ["other"]}, {"without": ["ct"]}):
        table, _, _ = run(chunk, controls=[], perturbations=asked | change)
        assert set(table["perturbation"]) == {"none"}


def test_a_perturbation_that_fails_refuses_no_segmentation(chunk):
    cohort = read_tsv(chunk)["cohort"].iloc[0]
    asked = {"chains": [{"slice_mm": [0.01]}], "cohorts": [cohort], "without": []}
    _, plain, _ = run(chunk, controls=[])
    _, problems, metrics = run(chunk, controls=[], perturbations=asked)
    added = problems[problems["problem"].str.startswith("slice0.01: The scan's slices lie")]
    assert len(problems) == len(plain) + len(added) > len(plain)
    assert set(added["severity"]) == {"noted"}
    assert metrics["refused"] == (plain["severity"] == "refused").sum()


@pytest.mark.parametrize("name", ["P-1.nii.gz", "P-2__R1.nii.gz"])
def test_changed_file_stops_the_chunk(chunk, name):
    chunk.with_name(name).write_bytes(b"other")
    with pytest.raises(DataError, match=rf"{name} is missing or changed.*--forcerun images"):
        run(chunk)
    chunk.with_name(name).unlink()
    with pytest.raises(DataError, match="missing or changed"):
        run(chunk)


def test_scan_without_settings(chunk):
    with pytest.raises(DataError, match="no extraction settings for the scan 'ct'"):
        run(chunk, settings={"pet": QUICK})


def test_chunk_where_nothing_succeeds(chunk):
    rows = read_tsv(chunk)
    lost = chunk.with_name("lost.tsv")
    write_tsv(rows[(rows["patient"] == "P-1") & (rows["rater"] == "R2")], lost)
    table, problems, _ = run(lost, "lost")
    assert list(table.columns) == INDEX
    assert not len(table)
    assert len(problems) == 1
    assert pq.read_schema(chunk.with_name("lost.parquet")).names == INDEX


def test_unusable_image_refuses_all_its_masks(chunk):
    rows = read_tsv(chunk)
    image = sitk.Cast(sitk.ReadImage(chunk.with_name("P-2.nii.gz")), sitk.sitkFloat32)
    image[0, 0, 0] = float("nan")
    # Not NIfTI, whose reader turns what is no number into zeros without a word.
    path = chunk.with_name("P-2.nrrd")
    sitk.WriteImage(image, path)
    rows.loc[rows["patient"] == "P-2", ["image_path", "image_sha256"]] = [path.name, digest(path)]
    write_tsv(rows, chunk)
    table, problems, _ = run(chunk)
    assert set(table["patient"]) == {"P-1"}
    refused = problems[problems["patient"] == "P-2"]
    assert list(refused["rater"]) == ["R1", "R2"]
    assert refused["problem"].str.contains("not numbers").all()


def test_without_a_gpu_the_cpu_computes_and_says_so(chunk, monkeypatch):
    monkeypatch.setattr("rigoromics.extract.gpu.find_device", lambda: None)
    fast = {"settings": {"ct": {**QUICK, "engine": "fast"}}}
    features, _, metrics = run(chunk, **fast)
    again, _, on_gpu = run(chunk, name="again", gpu=True, **fast)
    assert metrics["device"] == on_gpu["device"] == "CPU"
    pd.testing.assert_frame_equal(features, again)
