"""Values that others computed: PyRadiomics' own baselines. IBSI's are in tests/unit/ibsi."""

import csv

import pytest

from rigoromics.extract import engine

from .conftest import CLASSES, make_settings

# PyRadiomics' test cases in our words; it adds 2000 to grey values in the plain case only.
BASELINES = {
    "": {"intensity": {"voxel_array_shift": 2000}},
    "_normalization": {"intensity": {"normalise": True}, "discretisation": {"bin_width": 5}},
    "_resegmentation": {"intensity": {"outlier_sigma": 3}},
    "_FBN": {"discretisation": {"bin_count": 64}},
    "_combined": {"texture": {"aggregation": "3D merged"}},
    "_2d": {"texture": {"aggregation": "2.5D average"}},
}
# Values that the baselines hold for each; where a class has none, it is not among them.
COMPARED = {
    "": 107,
    "_normalization": 93,
    "_resegmentation": 93,
    "_FBN": 75,
    "_combined": 40,
    "_2d": 75,
}
# Marching cubes changed a little since the shape baselines were made.
SHAPE_TOLERANCE = 1e-3


@pytest.mark.parametrize("case", ["brain1", "brain2", "breast1"])
@pytest.mark.parametrize("kind", BASELINES)
def test_pyradiomics_baselines(shared_data, real_case, case, kind):
    folder = shared_data / "pyradiomics_data" / "data" / "baseline"
    image, mask = real_case(case)
    result = engine.extract_scan(image, {"mask": mask}, make_settings(**BASELINES[kind]))
    compared = 0
    for feature_class in CLASSES:
        with (folder / f"baseline_{feature_class}.csv").open(newline="") as stream:
            rows = {row["featureName"]: row for row in csv.DictReader(stream)}
        tolerance = SHAPE_TOLERANCE if feature_class == "shape" else 1e-9
        for name, row in rows.items():
            if name.startswith("original") and row.get(case + kind):
                value = result.features["mask"][name]
                assert value == pytest.approx(float(row[case + kind]), rel=tolerance), name
                compared += 1
    print(case, kind, compared)
    assert compared == COMPARED[kind]
