import hashlib
import os
from pathlib import Path

import pytest

from scripts import contours
from scripts.contours import contour_record, record_contours
from scripts.tables import read_rows

CHUNKS = {"c1": {"S-1": "Doe^Jane/r1.dcm", "S-2": "Doe^Jane/r2.dcm"}, "c2": {"S-3": "P2/r1.dcm"}}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Study:
    """Three contours in two chunks, and which of the chunks' records a look wrote anew."""

    def __init__(self, folder: Path) -> None:
        self.raw, self.known, self.folder = folder / "raw", folder / "contours.tsv", folder / "c"
        for name in (name for files in CHUNKS.values() for name in files.values()):
            path = self.raw / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

    def look(self) -> set[str]:
        before = self.records()
        record_contours(CHUNKS, self.raw, self.known, self.folder)
        return {name for name, seen in self.records().items() if before.get(name) != seen}

    def records(self) -> dict[str, tuple[int, str]]:
        files = self.folder.glob("*") if self.folder.is_dir() else ()
        return {path.stem: (path.stat().st_mtime_ns, path.read_text()) for path in files}


@pytest.fixture
def study(tmp_path):
    made = Study(tmp_path)
    assert made.look() == {"c1", "c2"}
    return made


def test_a_record_has_the_digest_of_each_contour_and_no_path(study):
    text = Path(contour_record(study.folder, "c1")).read_text()
    assert text == f"{sha256('Doe^Jane/r1.dcm')}  S-1\n{sha256('Doe^Jane/r2.dcm')}  S-2\n"


def test_nothing_changed_nothing_written_and_nothing_read(study, monkeypatch):
    monkeypatch.setattr(contours, "file_sha256", lambda path: pytest.fail(f"{path} was read"))
    assert study.look() == set()


def test_a_redrawn_contour_writes_its_chunk_alone(study):
    (study.raw / "Doe^Jane/r2.dcm").write_text("another line")
    assert study.look() == {"c1"}
    assert sha256("another line") in Path(contour_record(study.folder, "c1")).read_text()


def test_new_content_under_an_older_date_is_seen(study):
    path = study.raw / "P2/r1.dcm"
    path.write_text("P2/rX.dcm")
    os.utime(path, (1, 1))
    assert study.look() == {"c2"}


def test_touched_files_are_read_once_and_change_nothing(study, monkeypatch):
    for path in study.raw.rglob("*.dcm"):
        os.utime(path)
    assert study.look() == set()
    monkeypatch.setattr(contours, "file_sha256", lambda path: pytest.fail(f"{path} was read"))
    assert study.look() == set()


def test_a_contour_that_is_gone_leaves_its_chunk(study):
    (study.raw / "Doe^Jane/r1.dcm").unlink()
    assert study.look() == {"c1"}
    assert "S-1" not in Path(contour_record(study.folder, "c1")).read_text()


def test_an_unreadable_contour_stops_nothing_and_is_not_remembered(study, monkeypatch):
    path = study.raw / "P2/r1.dcm"
    path.write_text("redrawn")
    whole = contours.file_sha256

    def refused(file: Path) -> str:
        if file == path:
            raise PermissionError
        return whole(file)

    with monkeypatch.context() as patched:
        patched.setattr(contours, "file_sha256", refused)
        assert study.look() == {"c2"}
    assert study.look() == {"c2"}
    assert sha256("redrawn") in Path(contour_record(study.folder, "c2")).read_text()


def test_a_spoilt_table_of_what_is_known_is_made_anew(study):
    whole = study.known.read_text()
    study.known.write_text("path\tsize\nDoe^Jane/r1.dcm\t7\n")
    assert study.look() == set()
    assert study.known.read_text() == whole


def test_what_the_sheet_knew_of_cases_left_out_stays_known(study):
    record_contours({"c2": CHUNKS["c2"]}, study.raw, study.known, study.folder)
    assert len(read_rows(study.known)) == 3
