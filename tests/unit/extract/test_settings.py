from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from radiomics.featureextractor import RadiomicsFeatureExtractor

from rigoromics.extract.backends import PyRadiomics
from rigoromics.extract.engine import one_quiet_thread
from rigoromics.extract.settings import ExtractionSettings

SMALL = {
    "discretisation": {"bin_width": 25},
    "images": {"original": {}},
    "classes": {"firstorder": "all"},
}
PRESETS = ["ct", "ct_demo", "ct_quick", "pet", "mr", "mr_demo", "us", "mg", "oct", "ssf"]


def made(**changes):
    return ExtractionSettings.model_validate({**SMALL, **changes})


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_here_and_in_pyradiomics(root: Path, name: str):
    text = (root / "config" / "extraction" / f"{name}.yaml").read_text()
    settings = ExtractionSettings.model_validate(yaml.safe_load(text))
    with one_quiet_thread():
        extractor = RadiomicsFeatureExtractor(settings.to_pyradiomics())
    assert extractor.settings["resampledPixelSpacing"] == settings.resampling.spacing_mm


@pytest.mark.parametrize("name", PRESETS)
def test_pyradiomics_is_set_up_as_by_its_own_parameter_dictionary(root: Path, name: str):
    text = (root / "config" / "extraction" / f"{name}.yaml").read_text()
    settings = ExtractionSettings.model_validate(yaml.safe_load(text))
    with one_quiet_thread():
        its = RadiomicsFeatureExtractor(settings.to_pyradiomics(preprocessed=True))
        ours = PyRadiomics(settings)._extractor
    assert vars(ours) == vars(its)


def test_every_preset_is_tested(root: Path):
    found = {path.stem for path in (root / "config" / "extraction").glob("*.yaml")}
    assert found == set(PRESETS)


def test_parameters_in_pyradiomics_words():
    settings = made(
        resampling={"spacing_mm": [1, 1, 0], "interpolator": "linear"},
        intensity={"normalise": True, "normalise_limit": 3, "outlier_sigma": 2.5},
        discretisation={"bin_count": 32},
        texture={"distances": [1, 2], "aggregation": "2.5D merged"},
        images={"log": {"sigma_mm": [2]}, "wavelet": {"name": "db2", "levels": 2}},
        classes={"glcm": ["Contrast"]},
        smallest_roi={"voxels": 10, "dimensions": 2},
    )
    assert settings.to_pyradiomics() == {
        "setting": {
            "label": 1,
            "additionalInfo": False,
            "minimumROIDimensions": 2,
            "minimumROISize": 9,
            "binCount": 32,
            "distances": [1, 2],
            "force2D": True,
            "weightingNorm": "no_weighting",
            "voxelArrayShift": 0,
            "resegmentRange": [-2.5, 2.5],
            "resegmentMode": "sigma",
            "normalize": True,
            "normalizeScale": 100.0,
            "removeOutliers": 3.0,
            "resampledPixelSpacing": [1.0, 1.0, 0.0],
            "interpolator": "sitkLinear",
            "padDistance": 100_000,
        },
        "imageType": {"LoG": {"sigma": [2.0]}, "Wavelet": {"wavelet": "db2", "level": 2}},
        "featureClass": {"glcm": ["Contrast"], "shape": ["MeshVolume", "VoxelVolume"]},
    }


def test_preprocessed_leaves_out_what_is_done():
    settings = made(resampling={"spacing_mm": [2, 2, 2]}, intensity={"normalise": True})
    setting = settings.to_pyradiomics(preprocessed=True)["setting"]
    assert not {"normalize", "resampledPixelSpacing", "padDistance"} & set(setting)


def test_volume_is_always_there():
    assert made(classes={"shape": ["Sphericity"]}).to_pyradiomics()["featureClass"]["shape"] == [
        "MeshVolume",
        "Sphericity",
        "VoxelVolume",
    ]
    assert made(classes={"shape": "all"}).to_pyradiomics()["featureClass"]["shape"] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"discretisation": {}}, "either `bin_width` or `bin_count`"),
        ({"discretisation": {"bin_width": 5, "bin_count": 5}}, "either"),
        ({"texture": {"aggregation": "2D merged"}}, "say `engine: fast`, or take 2.5D"),
        ({"images": {}}, "at least one"),
        ({"images": {"wavelet": {"name": "coif99"}}}, "no wavelet is called 'coif99'"),
        ({"classes": {"glcm": ["Contrst"]}}, "glcm has no feature Contrst"),
        ({"resampling": {"spacing_mm": [1, 1, 1], "interpolater": "linear"}}, "Extra inputs"),
        (
            {
                "discretisation": {"bin_count": 32},
                "images": {"log": {"sigma_mm": [1], "discretisation": {"bin_width": 5}}},
            },
            "cannot have `bin_width`",
        ),
    ],
)
def test_mistakes_are_named(changes, words):
    with pytest.raises(ValidationError, match=words):
        made(**changes)
