"""The registry, a stand-in for idc-index's client, and a zip file on a server of the test's own.

The stand-in has the columns and the call of idc-index 0.13.4; nothing here needs the network.
"""

import builtins
import hashlib
import importlib.util
import inspect
import io
import random
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from rigoromics.errors import DataError
from rigoromics.fetch import collections
from rigoromics.fetch.archive import ArchiveSource
from rigoromics.fetch.collections import IdcSource, Listed, idc_client, listed
from rigoromics.fetch.engine import Progress, Run
from rigoromics.fetch.query import Query, RemoteSeries
from rigoromics.fetch.retry import BrokenError, Patience
from scripts.tables import read_tsv
from tests.unit.fetch.conftest import SERIES, image_bytes

LINE = Listed("sarcoma", "IDC v25", "CC BY 3.0", "idc", "soft_tissue_sarcoma", "51", "1 GB", "x")


def test_the_registry_that_is_shipped_is_whole(root):
    table = read_tsv(root / "data/registry.tsv")
    assert list(table.columns) == list(collections.COLUMNS)
    assert table["collection"].is_unique
    assert list(table["collection"]) == sorted(table["collection"])
    for row in table.itertuples():
        assert row.how in collections.WAYS
        assert all((row.version, row.licence, row.where, row.citation))
        assert int(row.patients) > 0
        if row.how == "manual":
            with pytest.raises(DataError, match="by hand"):
                listed(table, row.collection)
        else:
            assert listed(table, row.collection).where == row.where
            assert row.size.endswith(" GB")


def test_mistakes_in_the_registry_have_words(root):
    table = read_tsv(root / "data/registry.tsv")
    with pytest.raises(DataError, match="soft_tissue_sarcoma"):
        listed(table, "soft_tisue_sarcomas")
    with pytest.raises(DataError, match="no column licence"):
        listed(table.drop(columns="licence"), "lidc_idri")
    with pytest.raises(DataError, match="'magic' under `how`"):
        listed(table.assign(how="magic"), "lidc_idri")


class Client:
    """As much of idc-index's client as is used."""

    def __init__(self, folder: Path, damage: str = "") -> None:
        self.folder, self.damage, self.calls = folder, damage, 0
        files = {uid: image_bytes(uid) for uid in ("1.1", "1.2")}
        for uid, content in files.items():
            (folder / f"{uid}.dcm").write_bytes(content)
        row = {
            "collection_id": "soft_tissue_sarcoma",
            "analysis_result_id": None,
            "PatientID": "Meyer",
            "StudyDate": "2020-01-02",
            "StudyInstanceUID": "1.2",
            "SeriesInstanceUID": "1.2.3",
            "Modality": "CT",
            "SeriesDescription": "thorax",
            "instanceCount": 2,
            "aws_bucket": "idc-open-data",
            "series_size_MB": sum(map(len, files.values())) / 1e6,
        }
        added = {"analysis_result_id": "more", "SeriesInstanceUID": "1.9", "Modality": "SEG"}
        other = {"collection_id": "other", "SeriesInstanceUID": "1.8", "SeriesDescription": None}
        self.index = pd.DataFrame([row, row | added, row | other])

    def get_idc_version(self) -> str:
        return "v25"

    def download_dicom_series(
        self,
        seriesInstanceUID,
        downloadDir,
        dry_run=False,
        quiet=True,
        show_progress_bar=True,
        use_s5cmd_sync=False,
        dirTemplate="%collection_id",
        source_bucket_location="aws",
    ) -> None:
        assert seriesInstanceUID == "1.2.3"
        assert dirTemplate is None
        self.calls += 1
        for file in sorted(self.folder.glob("*.dcm")):
            shutil.copy(file, downloadDir)
        if self.damage and self.calls == 1:
            victim = Path(downloadDir, "1.2.dcm")
            if self.damage == "missing":
                victim.unlink()
            elif self.damage == "cut":
                victim.write_bytes(victim.read_bytes()[:-200])
            else:
                raise ValueError("s5cmd said: Meyer/1.2.3")


def fetch(source, store):
    wanted = Query().select(source.find(Query()))
    progress = Progress(len(wanted), 2 * len(wanted), print)
    return Run(source, store, Patience(2, 0.001), progress).fetch(wanted)


def idc(tmp_path, damage="", there=True, line=LINE, **options):
    folder = tmp_path / "bucket"
    folder.mkdir(exist_ok=True)
    client = Client(folder, damage)
    return IdcSource(client, line, tmp_path / "staging", is_there=lambda url: there, **options)


@pytest.mark.parametrize("damage", ["", "missing", "cut", "error"])
def test_a_series_of_the_commons_comes_whole_whatever_happens_first(tmp_path, store, damage):
    source = idc(tmp_path, damage)
    assert fetch(source, store).whole == 1
    assert source._client.calls == (2 if damage else 1)
    for uid in ("1.1", "1.2"):
        path = store.manifest.raw / store.name_of(SERIES, uid)
        assert path.read_bytes() == image_bytes(uid)
    assert not list((tmp_path / "staging").rglob("*.dcm"))
    assert fetch(source, store).whole == 1
    assert source._client.calls == (2 if damage else 1), "nothing is asked for again"


def test_what_others_added_comes_only_where_it_is_wanted(tmp_path):
    found = idc(tmp_path).find(Query())
    assert found == [RemoteSeries("Meyer", "20200102", "1.2", "1.2.3", "CT", "thorax", 2)]
    more = idc(tmp_path, analysis_results=True).find(Query())
    assert {series.modality for series in more} == {"CT", "SEG"}


def test_no_network_is_said_before_the_client_tries_for_minutes(tmp_path, store):
    source = idc(tmp_path, there=False)
    result = fetch(source, store)
    assert (result.whole, result.broken) == (0, 1)
    assert "no network" in result.reason
    assert source._client.calls == 0


def test_an_address_that_does_not_answer(web):
    web.answer = lambda path, headers: (403, {}, b"")
    assert collections.answers(web.url)
    assert not collections.answers("http://127.0.0.1:1/")
    assert not collections.answers("http://bucket.invalid/")


def test_an_index_of_another_version_is_said(tmp_path):
    assert idc(tmp_path).notes == []
    older = Listed(**vars(LINE) | {"version": "IDC v19"})
    [note] = idc(tmp_path, line=older).notes
    assert "v19" in note
    assert "v25" in note


def test_a_collection_that_the_index_lacks(tmp_path):
    other = Listed(**vars(LINE) | {"where": "not_there"})
    with pytest.raises(DataError, match="no collection 'not_there'"):
        idc(tmp_path, line=other).find(Query())


def test_the_package_is_asked_for_in_words(monkeypatch):
    real = builtins.__import__

    def absent(name, *rest):
        if name.startswith("idc_index"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(collections.importlib, "import_module", absent)
    with pytest.raises(DataError, match=r"envs/fetch\.in"):
        idc_client()


def test_the_stand_in_has_the_call_of_the_real_client():
    if importlib.util.find_spec("idc_index") is None:
        pytest.skip("needs idc-index, which is installed for public collections only")
    real = importlib.import_module("idc_index.index").IDCClient.download_dicom_series
    own = set(inspect.signature(Client.download_dicom_series).parameters)
    assert own <= set(inspect.signature(real).parameters)


@pytest.fixture
def packed(web):
    """A zip file of two images and a text, on a server that can resume."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("read me.txt", random.Random(1).randbytes(300_000))
        for uid in ("1.1", "1.2"):
            archive.writestr(f"Meyer/../../../{uid}.dcm", image_bytes(uid))
    web.content = buffer.getvalue()
    web.cut = 0

    def answer(path, headers):
        start = int(headers.get("Range", "bytes=0-")[6:-1])
        if start >= len(web.content):
            return 416, {}, b""
        body = web.content[start:]
        status = {"Content-Length": str(len(body))}
        if web.cut:
            web.cut, body = 0, body[: web.cut]
        return (206 if start else 200), status, body

    web.answer = answer
    return web


def zipped(web, tmp_path, fragment=""):
    return ArchiveSource(web.url + "/a.zip" + fragment, tmp_path / "staging", Patience(3, 0.001), 5)


def test_a_zip_file_is_downloaded_once_and_unpacked(packed, tmp_path, store):
    source = zipped(packed, tmp_path, f"#sha256={hashlib.sha256(packed.content).hexdigest()}")
    assert fetch(source, store).whole == 1
    for uid in ("1.1", "1.2"):
        path = store.manifest.raw / store.name_of(SERIES, uid)
        assert path.read_bytes() == image_bytes(uid)
    assert fetch(zipped(packed, tmp_path), store).whole == 1
    assert len(packed.asked) == 1


def test_a_download_that_breaks_off_goes_on(packed, tmp_path, store):
    packed.cut = 250_000
    asked: list[str] = []
    answer = packed.answer

    def noted(path, headers):
        asked.append(headers.get("Range", ""))
        return answer(path, headers)

    packed.answer = noted
    assert fetch(zipped(packed, tmp_path), store).whole == 1
    assert asked[0] == ""
    assert 150_000 < int(asked[1].removeprefix("bytes=").removesuffix("-")) <= 250_000


def test_another_zip_file_than_the_registry_describes(packed, tmp_path, store):
    with pytest.raises(DataError, match="SHA-256 differs"):
        fetch(zipped(packed, tmp_path, "#sha256=" + "0" * 64), store)
    assert not list((tmp_path / "staging").glob("*.zip"))


def test_what_is_no_zip_file_and_what_is_damaged_inside(packed, tmp_path, store):
    good = packed.content
    packed.content = b"<html>Please log in</html>"
    with pytest.raises(DataError, match="no zip file"):
        fetch(zipped(packed, tmp_path), store)
    at = good.index(b"1.2.dcm") + 200
    packed.content = good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :]
    with pytest.raises(DataError, match="zip file"):
        fetch(zipped(packed, tmp_path), store)
    packed.content = good
    assert fetch(zipped(packed, tmp_path), store).whole == 1


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("http://127.0.0.1:1/a.zip", BrokenError, "nothing answers"),
        ("http://archive.invalid/a.zip", BrokenError, "no network"),
    ],
)
def test_no_way_to_the_zip_file(tmp_path, address, error, words):
    with pytest.raises(error, match=words):
        ArchiveSource(address, tmp_path, Patience(2, 0.001), 2).find(Query())


def test_a_zip_file_that_moved(web, tmp_path):
    web.answer = lambda path, headers: (404, {}, b"")
    with pytest.raises(DataError, match="not at the registry's address"):
        zipped(web, tmp_path).find(Query())
