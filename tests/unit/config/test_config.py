import hashlib
import json
import re
import runpy
from pathlib import Path

import jsonschema
import pytest
import yaml

from rigoromics.config import load_study
from rigoromics.config.document import commented_yaml, json_schema, reference_page
from rigoromics.config.load import load_extraction
from rigoromics.errors import DataError


@pytest.fixture
def minimal():
    return {
        "name": "study",
        "paper": {"title": "A study"},
        "cohorts": {"dev": {"role": "development"}},
        "scans": {"ct": {"modality": "CT", "extraction": "config/extraction/ct.yaml"}},
        "rois": {"lesion": {"names": ["gtv"]}},
        "clinical": {"table": "clinical.csv", "predictors": {"age": {"type": "numeric"}}},
        "endpoints": {"m": {"type": "binary", "column": "m", "label": "metastasis"}},
    }


def all_configs(root: Path) -> list[Path]:
    return [root / "config/config.yaml", *sorted((root / "config/studies").glob("*.yaml"))]


def test_every_shipped_config_is_valid_and_agrees_with_the_schema(root):
    schema = json.loads((root / "config/schema.json").read_text())
    for path in all_configs(root):
        config = yaml.safe_load(path.read_text())
        study = load_study(config, str(path))
        jsonschema.validate(config, schema)
        for scan in study.scans.values():
            if scan.extraction:
                load_extraction(root / scan.extraction)


def test_generated_files_are_in_step_with_the_models(root):
    path = root / "config/config.yaml"
    study = load_study(yaml.safe_load(path.read_text()))
    assert path.read_text() == commented_yaml(study), "run `make config-docs`"
    assert (root / "config/schema.json").read_text() == json_schema(), "run `make config-docs`"
    page = (root / "docs/reference/config.md").read_text()
    assert page == reference_page(), "run `make config-docs`"


def test_commented_yaml_loads_to_the_same_study(minimal):
    study = load_study(minimal)
    assert load_study(yaml.safe_load(commented_yaml(study))) == study


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sead": 1}, "sead: unknown key; did you mean `seed`?"),
        ({"models": {"signaturs": []}}, "did you mean `signatures`?"),
        (
            {"endpoints": {"m": {"type": "binary", "colum": "m", "label": "x"}}},
            "endpoints.m.colum: unknown key; did you mean `column`?",
        ),
        ({"cohorts": {"c": {"role": "external"}}}, "no cohort has the role `development`"),
        ({"cohorts": {"c": {"role": "dev"}}}, "'development' or 'external'"),
        ({"reference_rater": "x", "raters": {"r1": {}}}, "'x' is not among the raters: r1"),
        ({"rois": {"lesion": {"names": ["("]}}}, "is not a regular expression"),
        (
            {"masks": {"pattern": "(?P<patient>x)", "labels": {"liver": 6}}},
            "labels: names 'liver', which is not among the rois: lesion",
        ),
        ({"scans": {"pt": {"modality": "PT"}}}, "'pt' needs `extraction`"),
        (
            {"scans": {"b": {"modality": "CT", "retest_of": "a"}}},
            "'b' is a retest of 'a', which is not among the scans",
        ),
        ({"harmonisation": {"covariates": ["sex"]}}, "'sex' is not among the clinical predictors"),
        ({"clinical": {"table": "t.csv"}}, "need `clinical: predictors:`"),
        (
            {"models": {"signatures": ["radiomics", "deep"]}},
            "deep need `clinical: scores:`",
        ),
        (
            {
                "clinical": {
                    "table": "t.csv",
                    "scores": ["cnn"],
                    "predictors": {"age": {"type": "numeric"}},
                }
            },
            "no signature uses",
        ),
        (
            {
                "models": {"signatures": ["radiomics", "deep_stacked"]},
                "clinical": {"table": "t.csv", "scores": ["cnn"], "describe": ["cnn"]},
            },
            "'cnn' is a score and also",
        ),
        ({"harmonisation": {"batch": ["dose"]}}, "names 'dose'; there are centre, manufacturer"),
        ({"harmonisation": {"batch": []}}, "names nothing that makes a batch"),
        ({"harmonisation": {"method": "covbat", "mean_only": True}}, "`mean_only` forbids"),
        (
            {
                "harmonisation": {
                    "batch": ["centre", "kernel"],
                    "order": "sequential",
                    "reference": "A",
                }
            },
            "every variable would need its own",
        ),
        ({"features": {"tables": []}}, "features.tables"),
        ({"lesions": {"compare": ["largest"]}}, "names a rule twice, or the study's own"),
        ({"lesions": {"compare": ["worst"]}}, "needs `worst_by`"),
        (
            {
                "cohorts": {
                    "a": {"role": "development", "centres": ["X"]},
                    "b": {"role": "external", "centres": ["X"]},
                }
            },
            "centre 'X' is in two cohorts",
        ),
    ],
)
def test_mistakes_are_said_in_words(minimal, change, words):
    with pytest.raises(DataError) as error:
        load_study({**minimal, **change})
    assert words in str(error.value)


def table_study(**changes):
    return {
        "name": "s",
        "paper": {"title": "T"},
        "features": {"tables": [{"path": "a.csv", "cohort": "c", "centre": "A"}], **changes},
        "cohorts": {"c": {"role": "development"}},
        "endpoints": {"m": {"type": "binary", "column": "m", "label": "m"}},
        "models": {"signatures": ["radiomics"]},
    }


def test_feature_tables_may_name_batch_variables_of_their_own():
    batch = {"harmonisation": {"batch": ["centre", "contrast"], "order": "sequential"}}
    study = load_study({**table_study(acquisition={"CE": "contrast"}), **batch})
    assert study.harmonisation.variables == ["centre", "contrast"]
    with pytest.raises(DataError, match="names 'contrast'; there are centre"):
        load_study({**table_study(), **batch})


def test_a_feature_table_has_its_centre_one_way_or_the_other():
    for centre in ({}, {"centre": "A", "centre_column": "Site"}):
        with pytest.raises(DataError, match="either `centre` or `centre_column`"):
            load_study(table_study(tables=[{"path": "a.csv", "cohort": "c", **centre}]))


def test_time_between_dates_has_a_known_unit():
    survival = {"type": "survival", "time": "t", "event": "e", "start": "s", "label": "OS"}
    study = {**table_study(), "endpoints": {"os": {**survival, "horizon": 2, "unit": "moons"}}}
    with pytest.raises(DataError, match="time between dates has the unit days"):
        load_study(study)


def test_missing_extraction_settings_name_those_that_exist(root):
    with pytest.raises(DataError, match=r"ct_demo\.yaml"):
        load_extraction(root / "config/extraction/no_such.yaml")


def test_conda_file_has_the_pins_of_the_lock(root):
    pins = {
        line.split()[0]
        for line in (root / "envs/requirements.lock").read_text().splitlines()
        if "==" in line
    }
    conda = yaml.safe_load((root / "envs/rigoromics.yaml").read_text())["dependencies"][-1]["pip"]
    deploy = (root / "envs/rigoromics.post-deploy.sh").read_text()
    assert pins - set(conda) == {"pyradiomics==3.0.1"}
    assert "pyradiomics==3.0.1" in deploy


def test_conda_file_and_container_recipe_are_made_from_the_lock(root):
    """Whoever changes the lock without `make lock` is told."""
    made = runpy.run_path(str(root / "envs/make_files.py"))
    lock = (root / "envs/requirements.lock").read_text()
    assert (root / "envs/rigoromics.yaml").read_text() == made["conda_file"](lock)
    recipe = (root / "envs/rigoromics.def").read_text()
    assert recipe == made["apptainer_recipe"](lock)
    digest = hashlib.sha256((root / "envs/requirements.lock").read_bytes()).hexdigest()
    assert f"lock {digest}" in recipe
    assert "--require-hashes" in recipe
    assert recipe != made["apptainer_recipe"](lock.replace("numpy==", "numpy==9"))


def test_all_environments_have_the_python_of_the_project(root):
    wanted = re.search(r'requires-python = ">=([\d.]+),', (root / "pyproject.toml").read_text())[1]
    conda = yaml.safe_load((root / "envs/rigoromics.yaml").read_text())["dependencies"]
    assert f"python={wanted}" in conda
    assert f"From: python:{wanted}-slim" in (root / "envs/rigoromics.def").read_text()
    assert f"--python-version {wanted} " in (root / "Makefile").read_text()
