"""MR series of five vendors against NIfTI files that dicom2nifti's authors made (icometrix, MIT).

Every voxel of ours must lie on a voxel of the truth, one to one, and have its value. The truth
comes twice: along the scanner's axes and turned to standard ones; both must fit, as all that
differs is which way the axes of the array run, and the affine says which.

None of these series is tilted, uneven or doubled, so nothing may be repaired. The one difference
there is, is explained at its test: a truth that is stored in double precision.
"""

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from rigoromics.read.grouping import group_series
from rigoromics.read.headers import index_headers
from rigoromics.read.series import read_series

PAIRS = [
    "ge/001",
    "ge/001_implicit",
    "ge/001_single_slice",
    "generic/001",
    "generic/001_implicit",
    "generic/002_non_isotropic",
    "hitachi/001",
    "hitachi/001_implicit",
    "philips/001",
    "philips/001_implicit",
    "siemens/001",
    "siemens/001_implicit",
]
SCALED = "generic/002_non_isotropic"
TRUTHS = ["ground_truth", "ground_truth_reoriented"]
# NIfTI keeps its affine in single precision; coordinates here reach some 100 mm.
AWAY_MM = 1e-4


@pytest.fixture(scope="module")
def pairs(shared_data: Path) -> Path:
    return shared_data / "dicom_nifti_pairs"


def matrix_of(image: sitk.Image) -> np.ndarray:
    return np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())


def matched(ours: sitk.Image, truth: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """Values of all voxels of ours, and of the truth at the same places, one to one."""
    values = sitk.GetArrayFromImage(ours)
    index = np.indices(values.shape)[::-1].reshape(3, -1).T
    world = index @ matrix_of(ours).T + np.array(ours.GetOrigin())
    there = (world - np.array(truth.GetOrigin())) @ np.linalg.inv(matrix_of(truth)).T
    nearest = np.rint(there).astype(int)
    off = np.linalg.norm((there - nearest) @ matrix_of(truth).T, axis=1)
    assert off.max() < AWAY_MM
    assert sorted(ours.GetSize()) == sorted(truth.GetSize())
    assert (nearest >= 0).all()
    assert (nearest < np.array(truth.GetSize())).all()
    flat = np.ravel_multi_index(tuple(nearest.T), truth.GetSize())
    assert (np.bincount(flat, minlength=values.size) == 1).all()
    theirs = sitk.GetArrayFromImage(truth)[tuple(nearest[:, ::-1].T)]
    return values.ravel(), theirs


@pytest.mark.parametrize("kind", TRUTHS)
@pytest.mark.parametrize("name", PAIRS)
def test_every_voxel_equals_its_nifti(pairs: Path, name: str, kind: str) -> None:
    series = read_series(sorted((pairs / name).iterdir()))
    truth = sitk.ReadImage(str(pairs / f"{name}_{kind}.nii.gz"))
    ours, theirs = matched(series.image, truth)
    assert ours.std() > 0
    if name == SCALED:
        # The truth keeps stored value x slope + intercept in double, ours rounds it to single.
        assert truth.GetPixelID() == sitk.sitkFloat64
        np.testing.assert_array_equal(ours, theirs.astype(np.float32))
    else:
        np.testing.assert_array_equal(ours, theirs)
    assert series.notes == []
    assert series.units == "stored"
    assert np.linalg.det(matrix_of(series.image)) > 0


def test_one_pair_has_a_slope_for_each_slice(pairs: Path) -> None:
    """So that equality above proves that slopes are applied slice by slice."""
    files = sorted((pairs / SCALED).iterdir())
    assert len({float(pydicom.dcmread(path).RescaleSlope) for path in files}) == len(files)


@pytest.mark.parametrize("name", PAIRS)
def test_the_sheet_says_what_reading_does(pairs: Path, name: str) -> None:
    (series,) = group_series(index_headers(pairs / name).table)
    assert series.refusal is None
    assert series.repairs == ()
    image = read_series([pairs / name / path for path in series.ordered["path"]]).image
    assert image.GetSize() == series.geometry.size
    np.testing.assert_allclose(image.GetOrigin(), series.geometry.origin)
    np.testing.assert_allclose(image.GetSpacing(), series.geometry.spacing)
