import errno
import hashlib

import pytest

from rigoromics.errors import DataError
from rigoromics.fetch.manifest import Manifest, Store, disk_trouble
from rigoromics.fetch.query import RemoteSeries
from rigoromics.read.keys import Keys
from tests.unit.fetch.conftest import SERIES


def again(store: Store) -> Manifest:
    return Manifest(store.manifest.path, store.manifest.raw)


def test_a_file_has_a_name_that_says_nothing_and_is_recorded(store):
    store.keep(SERIES, "1.9", [b"ab", b"c"])
    [path] = [path for path in store.manifest.raw.rglob("*") if path.is_file()]
    assert path.read_bytes() == b"abc"
    name = str(path.relative_to(store.manifest.raw))
    # The patient's folder has the key that stands on the case sheet.
    assert name.startswith(Keys("salt", public=False).patient("Meyer") + "/CT-")
    assert "Meyer" not in name
    assert "1.9" not in name
    fresh = again(store)
    assert "1.9" in fresh
    assert fresh.of_series("1.2.3") == 1
    line = store.manifest.path.read_text().splitlines()[1].split("\t")
    assert line == ["1.9", "1.2.3", "1.2", name, "3", hashlib.sha256(b"abc").hexdigest()]


def test_other_salt_other_names():
    keys = [Keys(salt, public=False).patient("Meyer") for salt in ("salt", "pepper")]
    assert keys[0] != keys[1]


def test_what_breaks_off_leaves_nothing(store):
    def pieces():
        yield b"ab"
        raise RuntimeError("the other end has gone")

    with pytest.raises(RuntimeError):
        store.keep(SERIES, "1.9", pieces())
    assert not [path for path in store.manifest.raw.rglob("*") if path.is_file()]
    assert "1.9" not in again(store)


def test_verify_finds_other_content_other_size_and_nothing(store):
    for uid in ("1", "2", "3", "4"):
        store.keep(SERIES, uid, [b"content " + uid.encode()])
    paths = {uid: store.manifest.raw / store.name_of(SERIES, uid) for uid in "1234"}
    paths["1"].write_bytes(b"Content 1")
    paths["2"].write_bytes(b"con")
    paths["3"].unlink()
    quick = again(store)
    assert quick.verify("size") == 2, "same size, other content"
    assert "1" in quick
    fresh = again(store)
    assert fresh.verify() == 1
    assert [uid for uid in "1234" if uid in fresh] == ["4"]
    assert not paths["1"].exists(), "a damaged file must not reach the sheet"
    assert fresh.of_series("1.2.3") == 1
    assert "4" in again(store)
    assert len(again(store)) == 1


def test_a_manifest_that_was_cut_off_keeps_its_whole_lines(store):
    for uid in ("1", "2"):
        store.keep(SERIES, uid, [b"x"])
    content = store.manifest.path.read_bytes()
    for length in range(0, len(content), 5):
        store.manifest.path.write_bytes(content[:length])
        whole = content[:length].count(b"\n") - 1
        assert len(again(store)) == max(whole, 0)
    store.manifest.path.write_bytes(content[:-9] + b"\xff\xfe\n" + b"a\tb\n" + content)
    assert len(again(store)) == 2


def test_only_the_owner_may_read_the_manifest(store):
    store.keep(SERIES, "1", [b"x"])
    again(store)
    assert store.manifest.path.stat().st_mode & 0o077 == 0


def test_a_modality_cannot_lead_out_of_the_folder(store):
    series = RemoteSeries("p", "", "1", "2", "../../x")
    assert ".." not in store.name_of(series, "3")


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "disk .* is full"), (errno.EACCES, "Permission denied")]
)
def test_a_disk_that_does_not_take_it_is_said_without_the_path(code, words):
    error = disk_trouble(OSError(code, "text", "/raw/Meyer/1.dcm"))
    assert isinstance(error, DataError)
    assert "Meyer" not in str(error)
    with pytest.raises(DataError, match=words):
        raise error
