"""Finding files: links, hidden files, what is passed over."""

from pathlib import Path

from rigoromics.read.walk import walk


def _paths(folder: Path) -> list[str]:
    return [entry.path for entry in walk(folder).entries]


def test_any_nesting_and_names_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b/x y/é.DCM", "a", "b/1", "c/d/e/f/g"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert _paths(tmp_path) == ["a", "b/1", "b/x y/é.DCM", "c/d/e/f/g"]


def test_hidden_dicomdir_and_empty_files_are_counted_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x").write_bytes(b"x")
    (tmp_path / "DICOMDIR").write_bytes(b"x")
    (tmp_path / "void").touch()
    (tmp_path / "kept").write_bytes(b"x")
    found = walk(tmp_path)
    assert [entry.path for entry in found.entries] == ["kept"]
    assert found.skipped == {"hidden": 1, "dicomdir": 1, "empty": 1}


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    raw, store = tmp_path / "raw", tmp_path / "store"
    raw.mkdir()
    store.mkdir()
    (store / "one").write_bytes(b"1")
    (raw / "all").symlink_to(store)
    (raw / "again").symlink_to(store / "one")
    (raw / "loop").symlink_to(raw)
    (raw / "gone").symlink_to(tmp_path / "nowhere")
    found = walk(raw)
    assert [entry.path for entry in found.entries] == ["again"]
    assert found.skipped == {"seen before": 1}
    assert found.broken == ["gone"]


def test_mask_images_are_told_by_name(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "B.NRRD", "c.mha", "d.dcm"):
        (tmp_path / name).write_bytes(b"x")
    assert [e.path for e in walk(tmp_path).entries if e.is_mask] == ["B.NRRD", "a.nii.gz", "c.mha"]
