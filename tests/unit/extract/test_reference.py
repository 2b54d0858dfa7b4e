"""Values that others computed: PyRadiomics' own baselines and IBSI's digital phantom."""

import csv
import math

import pytest
import SimpleITK as sitk

from rigoromics.extract import engine
from rigoromics.extract.dictionary import facts

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


AGGREGATIONS = {
    "3D average": ("3D, averaged", "3D"),
    "3D merged": ("3D, merged", "3D"),
    "2.5D average": ("2.5D, direction-merged", "2.5D"),
    "2.5D merged": ("2.5D, merged", "2.5D"),
}
# PyRadiomics divides the covariance of voxel positions by n, IBSI by n - 1.
DEPARTURES = {"MinorAxisLength", "LeastAxisLength"}
# Where the table of values shortens IBSI's names.
SHORT = {
    "First measure of information correlation": "Information correlation 1",
    "Second measure of information correlation": "Information correlation 2",
    "Low grey level zone emphasis": "Low grey level emphasis",
    "High grey level zone emphasis": "High grey level emphasis",
    "Intensity histogram entropy": "Entropy",
    "Intensity histogram uniformity": "Uniformity",
}
MATCHES = {
    "shape": (9, 11),
    "firstorder": (16, 16),
    "glcm": (23, 23),
    "glrlm": (16, 16),
    "glszm": (16, 16),
    "gldm": (14, 14),
    "ngtdm": (5, 5),
}


def families(aggregation):
    directions, zones = AGGREGATIONS[aggregation]
    return {
        "shape": ["Morphology"],
        "firstorder": ["Statistics", "Intensity histogram"],
        "glcm": [f"Co-occurrence matrix ({directions})"],
        "glrlm": [f"Run length matrix ({directions})"],
        "glszm": [f"Size zone matrix ({zones})"],
        "gldm": [f"Neighbouring grey level dependence matrix ({zones})"],
        "ngtdm": [f"Neighbourhood grey tone difference matrix ({zones})"],
    }


@pytest.fixture(scope="module")
def phantom(shared_data):
    folder = shared_data / "ibsi1_digital_phantom" / "nifti"
    return (
        sitk.ReadImage(str(folder / "image" / "phantom.nii.gz")),
        sitk.ReadImage(str(folder / "mask" / "mask.nii.gz")),
    )


@pytest.fixture(scope="module")
def references(shared_data):
    file = shared_data / "ibsi1_reference_values" / "ibsi_1_reference_values_digital_phantom.csv"
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return {(row["family"], row["feature"]): row for row in csv.DictReader(stream)}


def agrees(value, row):
    """Within IBSI's tolerance, or within the rounding to three digits where that is zero."""
    reference = float(row["reference value"])
    digits = 2 - math.floor(math.log10(abs(reference)))
    return abs(value - reference) <= max(float(row["tolerance"]), 0.5001 * 10.0**-digits)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_ibsi_digital_phantom(phantom, references, aggregation):
    image, mask = phantom
    settings = make_settings(discretisation={"bin_width": 1}, texture={"aggregation": aggregation})
    values = engine.extract_scan(image, {"mask": mask}, settings).features["mask"]
    for feature_class, names in families(aggregation).items():
        met, departed = 0, set()
        for (known, name), fact in facts().items():
            label = SHORT.get(fact.ibsi_name, fact.ibsi_name)
            row = next((references[f, label] for f in names if (f, label) in references), None)
            if known != feature_class or not fact.ibsi_code or row is None:
                continue
            if agrees(values[f"original_{known}_{name}"], row):
                met += 1
            else:
                departed.add(name)
        assert departed == (DEPARTURES if feature_class == "shape" else set())
        assert (met, met + len(departed)) == MATCHES[feature_class]


def test_known_departures_are_of_the_size_expected(phantom, references):
    image, mask = phantom
    settings = make_settings(discretisation={"bin_width": 1})
    values = engine.extract_scan(image, {"mask": mask}, settings).features["mask"]
    for name, label in (
        ("MinorAxisLength", "Minor axis length"),
        ("LeastAxisLength", "Least axis length"),
    ):
        corrected = values[f"original_shape_{name}"] * math.sqrt(74 / 73)
        assert agrees(corrected, references["Morphology", label])
    excess = values["original_firstorder_Kurtosis"] - 3
    assert agrees(excess, references["Statistics", "(Excess) kurtosis"])
