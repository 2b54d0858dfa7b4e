"""IBSI 2, phase 1: response maps of the phantoms, at IBSI's tolerance of 1% of the map's range."""

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics.extract.filters.gabor import Gabor
from rigoromics.extract.filters.laplacian import LaplacianOfGaussian
from rigoromics.extract.filters.laws import Laws
from rigoromics.extract.filters.mean import Mean
from rigoromics.extract.filters.riesz import Riesz
from rigoromics.extract.filters.simoncelli import Simoncelli
from rigoromics.extract.filters.wavelet import Wavelet

TOLERANCE = 0.01
SPACING = (2.0, 2.0, 2.0)
ONE_WAY = {"pooling": "none", "dimensions": 2}
MAPS = {
    "1_a_1": ("checkerboard", Mean(15, boundary="zero")),
    "1_a_2": ("checkerboard", Mean(15, boundary="nearest")),
    "1_a_3": ("checkerboard", Mean(15, boundary="periodic")),
    "1_a_4": ("checkerboard", Mean(15, boundary="mirror")),
    "1_b_1": ("impulse", Mean(15, 2, "zero")),
    "2_a": ("impulse", LaplacianOfGaussian(3, boundary="zero")),
    "2_b": ("checkerboard", LaplacianOfGaussian(5)),
    "2_c": ("checkerboard", LaplacianOfGaussian(5, dimensions=2)),
    "3_a_1": ("impulse", Laws("E5L5S5", "none", None, "zero")),
    "3_a_2": ("impulse", Laws("E5L5S5", "max", None, "zero")),
    "3_a_3": ("impulse", Laws("E5L5S5", "max", 7, "zero")),
    "3_b_1": ("checkerboard", Laws("E3W5R5", "none", None)),
    "3_b_2": ("checkerboard", Laws("E3W5R5", "max", None)),
    "3_b_3": ("checkerboard", Laws("E3W5R5", "max", 7)),
    "3_c_1": ("checkerboard", Laws("L5S5", "none", None)),
    "3_c_2": ("checkerboard", Laws("L5S5", "max", None)),
    "3_c_3": ("checkerboard", Laws("L5S5", "max", 7)),
    "4_a_1": ("impulse", Gabor(10, 4, 0.5, 60, boundary="zero", **ONE_WAY)),
    "4_a_2": ("impulse", Gabor(10, 4, 0.5, step=45, boundary="zero")),
    "4_b_1": ("sphere", Gabor(20, 8, 2.5, 225, **ONE_WAY)),
    "4_b_2": ("sphere", Gabor(20, 8, 2.5, step=22.5)),
    "5_a_1": ("impulse", Wavelet("db2", "LHL", 1, "none", "zero")),
    "5_a_2": ("impulse", Wavelet("db2", "LHL", 1, "average", "zero")),
    "6_a_1": ("sphere", Wavelet("coif1", "HHL", 1, "none", "periodic")),
    "6_a_2": ("sphere", Wavelet("coif1", "HHL", 1, "average", "periodic")),
    "7_a_1": ("checkerboard", Wavelet("haar", "LLL", 2)),
    "7_a_2": ("checkerboard", Wavelet("haar", "HHH", 2)),
    "8_a_1": ("checkerboard", Simoncelli(1)),
    "8_a_2": ("checkerboard", Simoncelli(2)),
    "8_a_3": ("checkerboard", Simoncelli(3)),
    "9_a": ("impulse", Riesz(LaplacianOfGaussian(3, boundary="zero"), (1, 0, 0))),
    "9_b_1": ("sphere", Riesz(LaplacianOfGaussian(3, boundary="zero"), (0, 2, 0))),
    "10_b_1": ("pattern_1", Riesz(Simoncelli(1), (0, 2, 0))),
}
FEW = ["1_a_4", "2_c", "3_a_3", "4_a_1", "5_a_2", "6_a_1", "7_a_2", "8_a_2", "9_a"]


@pytest.fixture(scope="module")
def folder(shared_data):
    return shared_data / "ibsi2_phantoms"


def worst(folder, name):
    """The largest difference between map and reference, as a share of the reference's range."""
    phantom, chosen = MAPS[name]
    image = read(folder / "nifti" / phantom / "image" / f"{phantom}.nii.gz")
    reference = read(folder / "reference_response_maps" / f"{name}-ValidCRM.nii.gz")
    return np.abs(chosen(image, SPACING) - reference).max() / np.ptp(reference)


def read(file):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(file))).astype(np.float64)


@pytest.mark.parametrize("name", FEW)
def test_a_map_of_each_filter(folder, name):
    assert worst(folder, name) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MAPS if name not in FEW])
def test_all_other_maps(folder, name):
    assert worst(folder, name) < TOLERANCE


def test_every_reference_map_is_among_them(folder):
    found = (folder / "reference_response_maps").glob("*-ValidCRM.nii.gz")
    assert {file.name.partition("-")[0] for file in found} == set(MAPS)
