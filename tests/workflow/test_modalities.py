"""Every simulated modality from raw DICOM to the table of features, as a user would run it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml

from tests.workflow.project import ROOT, Project, new_project

PATIENTS = 4
# Every study takes minutes: one in three dimensions and one in two are enough between changes.
STUDIES = [
    "petct",
    "us",
    *(pytest.param(study, marks=pytest.mark.slow) for study in ("mr", "mg", "oct")),
]
# Studies are grouped, so that each is run once.
every_study = pytest.mark.parametrize("study", STUDIES, indirect=True, scope="module")
ultrasound = pytest.mark.parametrize("study", ["us"], indirect=True, scope="module")
mammography = pytest.mark.parametrize("study", STUDIES[3:4], indirect=True, scope="module")


@pytest.fixture(scope="module")
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A ready study on a handful of tiny patients, run up to its features."""
    project = new_project(tmp_path_factory.mktemp(request.param) / "project")
    ready = yaml.safe_load((ROOT / f"config/studies/sim_{request.param}.yaml").read_text())
    ready["simulation"]["size"] = "tiny"
    for centre in ready["simulation"]["centres"].values():
        centre["patients"] = PATIENTS
    if request.param == "us":
        ready["simulation"]["centres"]["A"]["style"] = "us_cine"
    (project.folder / "quick.yaml").write_text(yaml.safe_dump(ready, sort_keys=False))
    for scan in ready["scans"].values():
        _without_filters(project.folder / scan["extraction"])
    project.snakemake("--", "simulate")
    project.snakemake("--", "sheet")
    project.snakemake("--", str(features(project).relative_to(project.folder)))
    return project


def _without_filters(path: Path) -> None:
    settings = yaml.safe_load(path.read_text())
    settings["images"] = {"original": {}}
    settings["classes"] = {"shape": ["MeshVolume"], "firstorder": "all", "glcm": "all"}
    path.write_text(yaml.safe_dump(settings))


def features(project: Project) -> Path:
    return project.results / "features/features.parquet"


def table(project: Project) -> pd.DataFrame:
    return pd.read_parquet(features(project)).reset_index()


def images(project: Project) -> pd.DataFrame:
    found = sorted(project.results.glob("images/*/index.tsv"))
    parts = [pd.read_csv(path, sep="\t").assign(folder=path.parent) for path in found]
    return pd.concat(parts, ignore_index=True)


def volume(row: pd.Series, column: str) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(row["folder"] / row[column]))


def modality(project: Project) -> str:
    return yaml.safe_load((project.folder / project.config).read_text())["simulation"]["modality"]


@every_study
def test_every_patient_has_finite_features_from_every_rater(study):
    values = table(study)
    plain = values[values["perturbation"] == "none"]
    assert plain["patient"].nunique() == 2 * PATIENTS
    assert set(plain["rater"]) == {"r1", "r2", "r3"}
    scans = 2 if modality(study) == "MR" else 1
    assert plain["scan"].nunique() == scans
    assert len(plain) == 2 * PATIENTS * 3 * scans
    numbers = plain.filter(like="original_")
    assert numbers.shape[1] > 40
    assert np.isfinite(numbers.to_numpy()).all()


@every_study
def test_nothing_is_refused(study):
    for path in ("sheet/problems.tsv", "features/problems.tsv"):
        problems = pd.read_csv(study.results / path, sep="\t", dtype=str, keep_default_na=False)
        refused = problems[problems["severity"] == "refused"]
        assert refused.empty, refused[["problem", "remedy"]].to_string()


@every_study
def test_volumes_are_the_true_ones(study):
    values = table(study)
    truth = pd.read_parquet(study.folder / "data" / study.name / "truth.parquet")
    keys = pd.read_csv(study.folder / "data" / study.name / "private/patients.tsv", sep="\t")
    known = keys.merge(truth, left_on="patient_id", right_on="patient", suffixes=("", "_id"))
    mine = values[(values["rater"] == "r1") & (values["perturbation"] == "none")]
    mine = mine.merge(known, on="patient")
    ratio = mine["original_shape_MeshVolume"] / 1000 / mine["volume_ml"]
    if modality(study) == "OPT":
        # The truth is that of 1 mm; one B-scan is 0.12 mm thick, seven are 0.84 mm.
        ratio /= np.where(mine["centre"] == "A", 0.12, 7 * 0.12)
    assert ratio.between(0.65, 1.35).all(), ratio.to_string()


@every_study
def test_grey_values_are_what_they_say(study):
    kind = modality(study)
    values = table(study)
    plain = values[(values["rater"] == "r1") & (values["perturbation"] == "none")]
    mean = plain["original_firstorder_Mean"]
    if kind == "PT":
        truth = pd.read_parquet(study.folder / "data" / study.name / "truth.parquet")
        keys = pd.read_csv(study.folder / "data" / study.name / "private/patients.tsv", sep="\t")
        known = keys.merge(truth, left_on="patient_id", right_on="patient", suffixes=("", "_id"))
        suv = plain.merge(known, on="patient")
        # The rim of a lesion is blurred away: a fifth at most.
        assert (suv["original_firstorder_Mean"] / suv["lesion_mean"]).between(0.7, 1.05).all()
    elif kind == "MR":
        by_scan = plain.groupby("scan")["original_firstorder_Mean"].median()
        # Normalised by the whole image: the lesion is dark on T1, bright on T2.
        assert by_scan["t2"] > by_scan["t1"]
    else:
        assert mean.between(0, 4095).all()


@ultrasound
def test_text_around_ultrasound_is_gone(study):
    shown = images(study).drop_duplicates("image_path")
    assert len(shown) == 2 * PATIENTS
    for _, row in shown.iterrows():
        pixels = volume(row, "image_path")
        # The banner with the name is 46 rows high, the scale beside the picture 74 columns wide.
        assert pixels[:, :46].max() == 0
        assert pixels[:, :, -74:].max() == 0
        assert pixels[:, 60:-30, 60:-90].mean() > 30
    problems = (study.results / "features/problems.tsv").read_text()
    assert "burnt" in problems


@mammography
def test_mammograms_are_bright_where_the_mass_is(study):
    for _, row in images(study).query("rater == 'r1'").iterrows():
        pixels, mask = volume(row, "image_path"), volume(row, "mask_path") > 0
        assert pixels[mask].mean() > np.median(pixels[:, :, -5:]) + 500
