"""The sheet script on a simulated cohort: files, privacy, nothing rewritten without need."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.simulate import CohortSettings, simulate_cohort
from scripts import contours
from scripts.casesheet import CaseSheet
from scripts.contours import record_contours
from scripts.sheet import main

STUDY: dict[str, Any] = {
    "privacy": {"ids": "hashed"},
    "cohorts": {
        "development": {"role": "development", "centres": ["A", "B"]},
        "external": {"role": "external", "centres": ["C"]},
    },
    "centre": {"source": "clinical"},
    "scans": {
        "ct": {
            "modality": "CT",
            "timepoint": "baseline",
            "not_series": {"SeriesDescription": "retest"},
        },
        "ct_retest": {
            "modality": "CT",
            "timepoint": "baseline",
            "series": {"SeriesDescription": "retest"},
            "retest_of": "ct",
        },
    },
    "rois": {"lesion": {"names": ["^gtv", "tumou?r", "lesion"]}},
    "raters": {
        "r1": {"match": {"ROIName": "^gtv"}},
        "r2": {"match": {"ROIName": "tumou?r"}},
        "r3": {"match": {"Modality": "SEG"}},
    },
    "reference_rater": "r1",
    "clinical_id": "patient",
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("cohort")
    centres = {name: {"patients": 2} for name in "ABC"}
    settings = CohortSettings.from_dict({"centres": centres, "size": "tiny"})
    cohort = simulate_cohort(settings, 5, folder / "raw")
    cohort.clinical.to_csv(folder / "clinical.csv", index=False)
    return folder, cohort.identifiers


def _run(folder: Path, out: Path, **changes: Any) -> dict[str, float]:
    arguments: dict[str, Any] = {
        "raw": folder / "raw",
        "private": out / "private",
        "sheet": out / "sheet" / "cases.tsv",
        "problems": out / "sheet" / "problems.tsv",
        "acquisition": out / "sheet" / "acquisition.tsv",
        "study": STUDY,
        "clinical": folder / "clinical.csv",
        "threads": 1,
    }
    return main(**(arguments | changes))


def test_simulated_cohort_gives_a_clean_sheet(raw, tmp_path, capsys) -> None:
    folder, identifiers = raw
    metrics = _run(folder, tmp_path)
    cases = pd.read_csv(tmp_path / "sheet" / "cases.tsv", sep="\t")
    assert metrics["patients"] == cases["patient"].nunique() == 6
    assert metrics["problems"] == 0
    first = cases[cases["scan"] == "ct"]
    assert (first.groupby("patient")["rater"].apply(list).map(tuple) == ("r1", "r2", "r3")).all()
    assert cases.groupby("cohort")["patient"].nunique().to_dict() == {
        "development": 4,
        "external": 2,
    }
    said = capsys.readouterr().out
    assert "Next: review the sheet" in said
    shown = said + "".join(path.read_text() for path in (tmp_path / "sheet").iterdir())
    found = [text for text in identifiers if text.strip() and text in shown]
    assert not found


def test_second_run_writes_nothing(raw, tmp_path) -> None:
    folder, _ = raw
    _run(folder, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    _run(folder, tmp_path)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert before == after
    assert len(before) == 12


def test_roi_names_are_counted_in_public_and_listed_in_private(raw, tmp_path, root) -> None:
    folder, _ = raw
    table = root / "config" / "roi_synonyms.tsv"
    rois = {"lesion": {"names": ["@gtv"]}}
    _run(folder, tmp_path, study=STUDY | {"rois": rois}, synonyms=table)
    public = pd.read_csv(tmp_path / "sheet" / "roi_names.tsv", sep="\t")
    private = pd.read_csv(tmp_path / "private" / "roi_names.tsv", sep="\t", keep_default_na=False)
    assert list(public["roi"]) == ["lesion", "(none)"]
    assert (public["segmentations"] > 0).all()
    assert "BODY" in set(private.loc[private["roi"] == "", "name"])
    shown = (tmp_path / "sheet" / "roi_names.tsv").read_text()
    assert not [name for name in private["name"] if name in shown and name != "lesion"]
    with pytest.raises(DataError, match="did you mean '@gtv'"):
        _run(folder, tmp_path, study=STUDY | {"rois": {"a": {"names": ["@gtvx"]}}}, synonyms=table)
    with pytest.raises(DataError, match="table of ROI synonyms is missing"):
        _run(folder, tmp_path, synonyms=tmp_path / "none.tsv")


def test_private_files_are_named_by_the_contract(raw, tmp_path) -> None:
    folder, _ = raw
    _run(folder, tmp_path)
    cases = pd.read_csv(tmp_path / "sheet" / "cases.tsv", sep="\t")
    files = pd.read_parquet(tmp_path / "private" / "files.parquet")
    assert list(files.columns) == ["key", "path", "frame", "order"]
    assert set(cases["image"]) | set(cases["segmentation"]) == set(files["key"])
    assert all((folder / "raw" / path).is_file() for path in files["path"])
    segmentations = pd.read_csv(tmp_path / "private" / "segmentations.tsv", sep="\t")
    wanted = ["key", "path", "roi_name", "image_key", "patient_id"]
    assert list(segmentations.columns[:5]) == wanted
    assert (tmp_path / "private" / "salt.txt").stat().st_mode & 0o077 == 0


def test_contours_that_the_index_read_are_not_read_again(raw, tmp_path, monkeypatch) -> None:
    folder, _ = raw
    _run(folder, tmp_path)
    sheet, private = tmp_path / "sheet/cases.tsv", tmp_path / "private"
    chunks = CaseSheet(sheet, private / "segmentations.tsv", 1).segmentation_files
    before = (private / "contours.tsv").read_bytes()
    monkeypatch.setattr(contours, "file_sha256", lambda path: pytest.fail(f"{path} was read"))
    record_contours(chunks, folder / "raw", private / "contours.tsv", tmp_path / "contours")
    assert (private / "contours.tsv").read_bytes() == before
    written = " ".join(path.read_text() for path in (tmp_path / "contours").iterdir())
    assert set(pd.read_csv(sheet, sep="\t")["segmentation_digest"]) <= set(written.split())


def test_edits_of_a_person_survive_a_second_draft(raw, tmp_path) -> None:
    folder, _ = raw
    _run(folder, tmp_path)
    path = tmp_path / "sheet" / "cases.tsv"
    cases = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    cases.loc[2, ["include", "note"]] = ["no", "wrong side"]
    cases.to_csv(path, sep="\t", index=False)
    _run(folder, tmp_path)
    again = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(again, cases)


def test_mistakes_are_refused_in_words(raw, tmp_path) -> None:
    folder, _ = raw
    with pytest.raises(DataError, match="does not exist"):
        _run(folder, tmp_path, raw=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no DICOM"):
        _run(folder, tmp_path, raw=tmp_path / "empty")
    with pytest.raises(DataError, match="no column 'ID'"):
        _run(folder, tmp_path, study=STUDY | {"clinical_id": "ID"})
