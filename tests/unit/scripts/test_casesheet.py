from pathlib import Path

import pytest

from scripts.casesheet import CaseSheet

COLUMNS = ["include", "patient", "timepoint", "scan", "roi", "rater", "segmentation"]


def write(folder: Path, patients: list[str], include: str = "yes") -> CaseSheet:
    rows = [
        [include, p, "baseline", "ct", "lesion", rater, f"SEG-{p}-{rater}"]
        for p in patients
        for rater in ("r1", "r2")
    ]
    sheet = folder / "cases.tsv"
    sheet.write_text("\n".join("\t".join([*row, "a note"]) for row in [COLUMNS, *rows]))
    text = sheet.read_text().replace("segmentation\ta note", "segmentation\tnote")
    sheet.write_text(text)
    paths = [["key", "path"], *([r[6], f"{r[1]}/{r[5]}.dcm"] for r in rows)]
    (folder / "segmentations.tsv").write_text("\n".join("\t".join(row) for row in paths))
    return CaseSheet(sheet, folder / "segmentations.tsv", 1)


def grouped(folder: Path, patients: list[str], size: int | str) -> CaseSheet:
    write(folder, patients)
    return CaseSheet(folder / "cases.tsv", folder / "segmentations.tsv", size)


def test_one_case_a_chunk_by_default(tmp_path):
    sheet = write(tmp_path, ["P-2", "P-1"])
    assert list(sheet.chunks) == ["P-1_baseline", "P-2_baseline"]


def test_auto_gives_each_its_own_chunk_until_there_are_too_many_for_a_scheduler(tmp_path):
    few = grouped(tmp_path, [f"P-{i}" for i in range(256)], size="auto")
    assert len(few.chunks) == 256
    assert few.cases("P-7_baseline") == 1
    many = grouped(tmp_path, [f"P-{i}" for i in range(10_000)], size="auto")
    assert len(many.chunks) == 256
    sizes = [many.cases(chunk) for chunk in many.chunks]
    assert sum(sizes) == 10_000
    # Hashes are even: no job is twice another's.
    assert max(sizes) < 2 * 10_000 / 256


def test_each_chunk_has_the_paths_of_its_segmentations(tmp_path):
    sheet = write(tmp_path, ["P-2", "P-1"])
    assert sheet.segmentation_files["P-1_baseline"] == {
        "SEG-P-1-r1": "P-1/r1.dcm",
        "SEG-P-1-r2": "P-1/r2.dcm",
    }
    # A row without a known file is left out here: it says so itself when it is read.
    path = tmp_path / "segmentations.tsv"
    path.write_text(path.read_text().replace("SEG-P-2-r1", "SEG-other"))
    again = CaseSheet(tmp_path / "cases.tsv", path, 1)
    assert again.segmentation_files["P-2_baseline"] == {"SEG-P-2-r2": "P-2/r2.dcm"}


def test_notes_of_the_reviewer_do_not_rerun_a_chunk(tmp_path):
    assert all("note" not in row for row in write(tmp_path, ["P-1"]).rows_of("P-1_baseline"))


@pytest.mark.parametrize("word", ["no", "No", "", "later"])
def test_only_included_rows_count(tmp_path, word):
    assert write(tmp_path, ["P-1"], include=word).chunks == {}


def test_an_added_patient_changes_one_chunk_of_many(tmp_path):
    patients = [f"P-{i}" for i in range(100)]
    before = grouped(tmp_path, patients, size=10).chunks
    after = grouped(tmp_path, [*patients, "P-new"], size=10).chunks
    changed = [name for name in after if after[name] != before.get(name)]
    assert len(changed) == 1
    assert len(before) <= 16


def test_a_missing_sheet_has_no_cases(tmp_path):
    sheet = CaseSheet(tmp_path / "no.tsv", tmp_path / "no2.tsv", 1)
    assert not sheet.exists
    assert sheet.chunks == {}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("\t", ",", "another format"), ("include", "\ufeffinclude", "")],
    ids=["commas", "byte order mark"],
)
def test_what_spreadsheets_do_to_the_sheet(tmp_path, old, new, words):
    write(tmp_path, ["P-1"])
    path = tmp_path / "cases.tsv"
    path.write_text(path.read_text().replace(old, new), encoding="utf-8")
    sheet = CaseSheet(path, tmp_path / "segmentations.tsv", 1)
    assert words in sheet.problem
    assert bool(sheet.chunks) == (not words)


def test_ids_with_blanks_make_usable_chunk_names(tmp_path):
    names = list(write(tmp_path, ["LUNG1 001", "LUNG1-001"]).chunks)
    assert len(names) == 2
    assert all(" " not in name for name in names)
