"""IBSI 2, phase 2: intensity statistics of filtered images of the lung cancer CT, 324 values."""

import csv

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics import preprocess
from rigoromics.extract import engine
from rigoromics.extract.backends import Backend

from ..conftest import make_settings

# A: 2D on the scan's own grid. B: 3D on voxels of 1 mm.
TURNED = {"theta_degrees": 0, "step_degrees": 22.5, "pooling": "average"}
GABOR = {"sigma_mm": [5], "wavelength_mm": [2], "gamma": 1.5, **TURNED}
FILTERS = {
    "1.A": {"original": {}},
    "1.B": {"original": {}},
    "2.A": {"mean": {"support": [5], "dimensions": 2}},
    "2.B": {"mean": {"support": [5]}},
    "3.A": {"log_ibsi": {"sigma_mm": [1.5], "dimensions": 2}},
    "3.B": {"log_ibsi": {"sigma_mm": [1.5]}},
    "4.A": {"laws": {"kernels": ["L5E5"], "pooling": "max", "energy": 7}},
    "4.B": {"laws": {"kernels": ["L5E5E5"], "pooling": "max", "energy": 7}},
    "5.A": {"gabor": {**GABOR, "dimensions": 2}},
    "5.B": {"gabor": {**GABOR, "dimensions": 3}},
    "6.A": {"wavelet_ibsi": {"name": "db3", "bands": ["LH"], "levels": [1]}},
    "6.B": {"wavelet_ibsi": {"name": "db3", "bands": ["LLH"], "levels": [1]}},
    "7.A": {"wavelet_ibsi": {"name": "db3", "bands": ["HH"], "levels": [2]}},
    "7.B": {"wavelet_ibsi": {"name": "db3", "bands": ["HHH"], "levels": [2]}},
    "8.A": {"simoncelli": {"levels": [1], "dimensions": 2}},
    "8.B": {"simoncelli": {"levels": [1]}},
    "9.A": {"simoncelli": {"levels": [2], "dimensions": 2}},
    "9.B": {"simoncelli": {"levels": [2]}},
}
GRIDS = {
    "A": {},
    "B": {
        "resampling": {"spacing_mm": [1, 1, 1], "align": "centre", "round_intensities": True},
    },
}


class Statistics(Backend):
    """IBSI's intensity statistics (UHIW) of every image; PyRadiomics lacks three of them."""

    def shape(self, image, roi):
        return {}

    def features(self, image, rois, boxes, changed):
        values = sitk.GetArrayViewFromImage(image)
        for name, roi in rois.items():
            yield name, statistics(preprocess.part_of(values, boxes[name])[roi.inside])


def statistics(x):
    x = x.astype(float)
    p10, p25, median, p75, p90 = np.percentile(x, [10, 25, 50, 75, 90])
    off = x - x.mean()
    variance = (off**2).mean()
    core = x[(x >= p10) & (x <= p90)]
    return {
        "stat_mean": x.mean(),
        "stat_var": variance,
        "stat_skew": (off**3).mean() / variance**1.5,
        "stat_kurt": (off**4).mean() / variance**2 - 3,
        "stat_median": median,
        "stat_min": x.min(),
        "stat_p10": p10,
        "stat_p90": p90,
        "stat_max": x.max(),
        "stat_iqr": p75 - p25,
        "stat_range": np.ptp(x),
        "stat_mad": np.abs(off).mean(),
        "stat_rmad": np.abs(core - core.mean()).mean(),
        "stat_medad": np.abs(x - median).mean(),
        "stat_cov": np.sqrt(variance) / x.mean(),
        "stat_qcod": (p75 - p25) / (p75 + p25),
        "stat_energy": (x**2).sum(),
        "stat_rms": np.sqrt((x**2).mean()),
    }


@pytest.fixture(scope="module")
def references(shared_data):
    file = shared_data / "ibsi1_reference_values" / "ibsi_2_reference_values.csv"
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    assert len(rows) == 324
    return {
        (row["filter_id"], row["feature_tag"]): (
            float(row["consensus_value"]),
            float(row["tolerance"]),
        )
        for row in rows
        # Of one value IBSI found no consensus.
        if row["consensus_value"]
    }


@pytest.fixture(scope="module")
def phantom(shared_data):
    folder = shared_data / "ibsi1_ct_phantom" / "nifti"
    image = sitk.ReadImage(str(folder / "image" / "phantom.nii.gz"))
    mask = sitk.ReadImage(str(folder / "mask" / "mask.nii.gz"))
    mask = sitk.Cast(mask == 1, sitk.sitkUInt8)
    mask.CopyInformation(image)
    return image, mask


def departures(phantom, references, test):
    """Features out of tolerance, with value, reference and tolerance."""
    image, mask = phantom
    settings = make_settings(
        images=FILTERS[test],
        intensity={"resegmentation": [-1000, 400]},
        **GRIDS[test[-1]],
    )
    scan = engine.prepare(image, {"lesion": mask}, settings)
    found = engine.extract(scan, settings, Statistics).features["lesion"]
    by_tag = {key[key.index("_") + 1 :]: value for key, value in found.items()}
    known = {tag: value for (name, tag), value in references.items() if name == test}
    assert len(known) == (17 if test == "8.B" else 18)
    return {
        tag: (by_tag[tag], reference, tolerance)
        for tag, (reference, tolerance) in known.items()
        if not abs(by_tag[tag] - reference) <= tolerance
    }


# In 3D the scan is resampled to 7 million voxels.
HEAVY = [pytest.param(test, marks=pytest.mark.slow) for test in FILTERS if test.endswith("B")]


@pytest.mark.parametrize("test", [*(test for test in FILTERS if test.endswith("A")), *HEAVY])
def test_statistics_of_filtered_images(phantom, references, test):
    assert departures(phantom, references, test) == {}


def test_a_wrong_width_departs(phantom, references, monkeypatch):
    monkeypatch.setitem(FILTERS, "3.A", {"log_ibsi": {"sigma_mm": [1.6], "dimensions": 2}})
    assert len(departures(phantom, references, "3.A")) > 9
