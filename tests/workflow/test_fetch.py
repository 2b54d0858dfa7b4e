"""Images come from a real PACS as they are in it, once, whole, and without a name in any log."""

import hashlib
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
import requests
import yaml
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless, generate_uid

from rigoromics.errors import DataError
from rigoromics.fetch.manifest import Store
from scripts.fetch import main
from tests.workflow.certificates import EncryptedDoor, write_certificate
from tests.workflow.pacs import OWN, Pacs
from tests.workflow.project import new_project

pytestmark = pytest.mark.workflow

# Patients as hospitals write them: a leading zero, a blank, letters that are not ASCII.
PATIENTS = ["00712345678", "AB 12", "Ö-9"]
IMAGES = 6
WAYS = ["dicomweb", "move", "get"]


def image(patient: str, series: str, number: int, compressed: bool) -> bytes:
    """One small CT image, as the bytes of its file."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = CTImageStorage
    data.SOPInstanceUID = generate_uid(entropy_srcs=[patient, series, str(number)])
    data.StudyInstanceUID = generate_uid(entropy_srcs=[patient])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[patient, series])
    data.PatientID, data.PatientName = patient, f"Geheim^{patient}"
    data.StudyDate = f"2020010{1 + PATIENTS.index(patient)}"
    data.Modality, data.SeriesDescription = "CT", series
    data.InstanceNumber = number
    data.Rows = data.Columns = 64
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelRepresentation, data.SamplesPerPixel = 0, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    random = np.random.default_rng(int.from_bytes(data.SOPInstanceUID.encode()[-6:], "big"))
    data.PixelData = random.integers(0, 4096, (64, 64), dtype=np.uint16).tobytes()
    data.add_new(0x00091010, "LO", "a private value")
    data.add_new(0x00090010, "LO", "MAKER")
    if compressed:
        data.compress(RLELossless)
    buffer = pydicom.filebase.DicomBytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def originals() -> dict[str, Dataset]:
    """What is in the PACS, by SOP Instance UID: two series of each patient, one compressed."""
    files = [
        image(patient, series, number, compressed=series == "abdomen RLE")
        for patient in PATIENTS
        for series in ("thorax", "abdomen RLE")
        for number in range(IMAGES)
    ]
    read = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(content)) for content in files]
    return {data.SOPInstanceUID: data for data in read}


@pytest.fixture(scope="module")
def pacs(tmp_path_factory, originals):
    """A PACS that holds them."""
    server = Pacs(tmp_path_factory.mktemp("pacs"))
    server.start()
    for data in originals.values():
        buffer = pydicom.filebase.DicomBytesIO()
        data.save_as(buffer, enforce_file_format=True)
        server.push(buffer.getvalue())
    yield server
    server.stop(kill=True)


class Fetching:
    """A study's folders, and `main` with its settings."""

    def __init__(self, folder: Path, pacs: Pacs) -> None:
        self.raw, self.private, self.pacs = folder / "raw", folder / "private", pacs
        folder.mkdir(exist_ok=True)
        self.table = folder / "clinical.csv"
        pd.DataFrame({"patient": [*PATIENTS[:2], "nobody"]}).to_csv(self.table, index=False)

    def source(self, way: str) -> dict[str, object]:
        """The config's section for one way to fetch."""
        if way == "dicomweb":
            return {"dicomweb": {"url": self.pacs.web}}
        port = {"own_port": self.pacs.own, "own_address": "127.0.0.1"}
        peer = {"host": "127.0.0.1", "port": self.pacs.dicom, "ae_title": "PACS"}
        return {"dimse": {**peer, **port, "retrieve": way}}

    def __call__(self, way: str, list_only: bool = False, **settings: object) -> dict[str, float]:
        """Fetch; nested settings of the source go by its name."""
        source = self.source(way)
        for name in source:
            source[name] |= settings.pop(name, {})
        quick = {"attempts": 2, "wait_s": 0.05, "timeout_s": 5}
        return main(
            raw=self.raw,
            private=self.private,
            archive=source | quick | settings,
            registry="data/registry.tsv",
            clinical=self.table,
            list_only=list_only,
        )

    @property
    def files(self) -> list[Path]:
        """The fetched files."""
        return sorted(path for path in self.raw.rglob("*") if path.is_file())

    def manifest(self) -> pd.DataFrame:
        """What the private manifest says."""
        return pd.read_csv(self.private / "fetch/manifest.tsv", sep="\t", dtype=str)


@pytest.fixture
def fetching(tmp_path, pacs):
    return Fetching(tmp_path, pacs)


@pytest.mark.parametrize("way", WAYS)
def test_images_come_as_they_are_and_nobody_is_named(fetching, originals, way, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    figures = fetching(way)
    mine = {uid: data for uid, data in originals.items() if data.PatientID in PATIENTS[:2]}
    assert figures["images_new"] == figures["images"] == len(mine) == 4 * IMAGES
    assert figures["patients"] == 2
    arrived = [pydicom.dcmread(path) for path in fetching.files]
    assert {data.SOPInstanceUID for data in arrived} == set(mine)
    for data in arrived:
        original = mine[data.SOPInstanceUID]
        assert np.array_equal(data.pixel_array, original.pixel_array)
        for element in original:
            if element.keyword != "PixelData" and element.tag.element != 0:
                assert data[element.tag].value == element.value, element
    if way != "get":
        kept = {data.file_meta.TransferSyntaxUID for data in arrived}
        assert kept == {ExplicitVRLittleEndian, RLELossless}
    manifest = fetching.manifest()
    for row in manifest.itertuples():
        content = (fetching.raw / row.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row.sha256
        assert len(content) == int(row.bytes)
    assert stat_mode(fetching.private / "fetch/manifest.tsv") == 0o600
    secret = [*PATIENTS, "Geheim", *originals, *{d.SeriesInstanceUID for d in mine.values()}]
    said = caplog.text + capsys.readouterr().out + " ".join(map(str, fetching.files))
    assert "All 4 series are here" in said
    assert [word for word in secret if word in said] == []
    assert (fetching.private / "fetch/patients_without_series.txt").read_text() == "nobody\n"


def stat_mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("way", ["dicomweb", "move"])
def test_goes_on_after_the_server_died(fetching, pacs, originals, way, monkeypatch):
    keep, count = Store.keep, 0

    def keep_until_the_power_fails(self, series, uid, content):
        nonlocal count
        count += 1
        keep(self, series, uid, content)
        if count == 8:
            pacs.stop(kill=True)

    monkeypatch.setattr(Store, "keep", keep_until_the_power_fails)
    try:
        with pytest.raises(DataError, match="run `snakemake fetch` again") as refusal:
            fetching(way, connections=1)
    finally:
        pacs.start()
    assert "broke off" in str(refusal.value)
    before = {path: path.stat().st_mtime_ns for path in fetching.files}
    assert 8 <= len(before) < 4 * IMAGES
    assert len(fetching.manifest()) == len(before)

    figures = fetching(way)
    assert figures["images_new"] == 4 * IMAGES - len(before)
    assert figures["series_whole"] == 4
    assert {path: path.stat().st_mtime_ns for path in before} == before
    for path in fetching.files:
        data = pydicom.dcmread(path)
        assert np.array_equal(data.pixel_array, originals[data.SOPInstanceUID].pixel_array)


@pytest.mark.parametrize("way", WAYS)
def test_brings_again_only_what_is_gone_or_damaged(fetching, way, capsys):
    fetching(way)
    before = {path: path.read_bytes() for path in fetching.files}
    flipped, gone, cut, *_ = before
    content = bytearray(before[flipped])
    content[-1] ^= 1
    flipped.write_bytes(content)
    gone.unlink()
    cut.write_bytes(before[cut][:-100])
    # What a killed run leaves: a half-written file, and a line of the manifest that is cut short.
    half = gone.with_name(f".{gone.name}.part")
    half.write_bytes(b"half")
    with (fetching.private / "fetch/manifest.tsv").open("a") as file:
        file.write("1.2.3\t1.2\t1")
    capsys.readouterr()
    assert fetching(way)["images_new"] == 3
    assert "3 of them are gone or damaged" in capsys.readouterr().out
    # A file may carry who sent it last, so its content is compared, not its bytes.
    assert {p: pydicom.dcmread(p) for p in fetching.files} == {
        path: pydicom.dcmread(pydicom.filebase.DicomBytesIO(content))
        for path, content in before.items()
    }
    assert not half.exists()
    assert "1.2.3" not in set(fetching.manifest()["sop_uid"])
    assert fetching(way)["images_new"] == 0


def test_filters_and_the_listing_that_retrieves_nothing(fetching):
    def found(**settings: object) -> set[tuple[str, str]]:
        fetching("dicomweb", list_only=True, **settings)
        table = pd.read_csv(fetching.private / "fetch/series.tsv", sep="\t", dtype=str)
        return set(zip(table["patient"], table["description"], strict=True))

    everyone = {"patients": "all", "first_date": "2020-01-01"}
    whole = {(patient, series) for patient in PATIENTS for series in ("thorax", "abdomen RLE")}
    assert found(**everyone) == whole
    assert found() == {pair for pair in whole if pair[0] != PATIENTS[2]}
    assert found(series={"CT": "^THOR"}) == {(p, "thorax") for p in PATIENTS[:2]}
    assert found(not_series={"CT": "thorax"}) == {(p, "abdomen RLE") for p in PATIENTS[:2]}
    assert {p for p, _ in found(**everyone | {"first_date": "2020-01-02"})} == set(PATIENTS[1:])
    assert {p for p, _ in found(**everyone, last_date="2020-01-01")} == {PATIENTS[0]}
    assert len(found(**everyone, max_series=3)) == 3
    with pytest.raises(DataError, match="no series that the config asks for"):
        found(modalities=["MR"])
    assert not fetching.raw.exists()


REFUSALS = {
    "wrong title of the PACS": ("move", {"ae_title": "OTHER"}, "does not go by the AE title"),
    "own title unknown": ("move", {"own_ae_title": "NOBODY"}, "enter `own_ae_title`"),
    "sent elsewhere": ("move", {"own_ae_title": "ELSEWHERE"}, "firewall closes `own_port`"),
    "no PACS": ("move", {"port": 1}, "nothing answers at the host and port"),
    "no such host": ("move", {"host": "pacs.invalid"}, "there is no network, or nothing by"),
    "no web server": ("dicomweb", {"url": "http://127.0.0.1:1/dicom-web"}, "nothing answers at"),
    "no such web host": ("dicomweb", {"url": "http://pacs.invalid/web"}, "there is no network"),
    "wrong root": ("dicomweb", {"url": "ROOT/dicomweb"}, "There is no DICOMweb service"),
    "no encryption": ("dicomweb", {"url": "https://127.0.0.1:PORT/dicom-web"}, "certificate"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_name_cause_and_remedy(fetching, pacs, case):
    way, change, words = REFUSALS[case]
    root = pacs.web.removesuffix("/dicom-web")
    known = {
        key: value.replace("ROOT", root).replace("PORT", str(pacs.http))
        if isinstance(value, str)
        else value
        for key, value in change.items()
    }
    with pytest.raises(DataError, match=words) as refusal:
        fetching(way, **{"dicomweb" if way == "dicomweb" else "dimse": known})
    assert "What to do: " in str(refusal.value)
    assert "Traceback" not in str(refusal.value)
    assert fetching.files == []


def test_port_of_ones_own_that_is_taken(fetching, pacs):
    with pytest.raises(DataError, match="cannot be opened"):
        fetching("move", dimse={"own_port": pacs.http})


@pytest.fixture
def closed_pacs(tmp_path, pacs):
    """A second PACS: with passwords, and everything encrypted."""
    folder = tmp_path / "closed"
    folder.mkdir()
    certificate = write_certificate(folder)
    server = Pacs(folder)
    trusted = {"AET": OWN, "Host": "127.0.0.1", "Port": server.own, "UseDicomTls": True}
    server.start(
        AuthenticationEnabled=True,
        RegisteredUsers={"reader": "s3cret-pass"},
        DicomTlsEnabled=True,
        DicomTlsCertificate=str(folder / "certificate.pem"),
        DicomTlsPrivateKey=str(folder / "key.pem"),
        DicomTlsTrustedCertificates=str(folder / "certificate.pem"),
        DicomTlsRemoteCertificateRequired=False,
        DicomModalities={"us": trusted},
        DicomAlwaysAllowFind=True,
        DicomAlwaysAllowMove=True,
    )
    server.push(image(PATIENTS[0], "thorax", 1, compressed=False), auth=("reader", "s3cret-pass"))
    server.door = EncryptedDoor(certificate, server.http)
    yield server
    server.door.close()
    server.stop(kill=True)


def test_passwords_come_from_the_environment_and_lines_are_encrypted(
    tmp_path, closed_pacs, monkeypatch, capsys, caplog
):
    caplog.set_level(logging.DEBUG)
    fetching = Fetching(tmp_path, closed_pacs)
    tls = {"ca_file": str(closed_pacs.folder / "certificate.pem")}
    url = f"https://127.0.0.1:{closed_pacs.door.port}/dicom-web"
    with pytest.raises(DataError, match="certificate is not trusted"):
        fetching("dicomweb", dicomweb={"url": url})
    with pytest.raises(DataError, match="401"):
        fetching("dicomweb", dicomweb={"url": url, "tls": tls})
    monkeypatch.setenv("RIGOROMICS_FETCH_USER", "reader")
    monkeypatch.setenv("RIGOROMICS_FETCH_PASSWORD", "s3cret-pass")
    assert fetching("dicomweb", dicomweb={"url": url, "tls": tls})["images_new"] == 1

    shutil.rmtree(fetching.raw)
    own = {
        "certificate": str(closed_pacs.folder / "certificate.pem"),
        "key": str(closed_pacs.folder / "key.pem"),
    }
    with pytest.raises(DataError, match="encrypted connection"):
        fetching("move", attempts=1, timeout_s=1)
    with pytest.raises(DataError, match="the PACS has no address"):
        fetching("move", dimse={"tls": tls, "own_ae_title": "NOBODY"})
    assert fetching("move", dimse={"tls": tls | own})["images_new"] == 1
    written = [p.read_bytes() for p in fetching.private.rglob("*") if p.is_file()]
    assert b"s3cret-pass" not in b"".join(written)
    assert "s3cret-pass" not in capsys.readouterr().out + caplog.text


def test_real_images_of_several_vendors(tmp_path, pacs, shared_data):
    """Headers and pixels that nobody here made, compressed ones among them."""
    found = sorted(p for p in (shared_data / "dicom_nifti_pairs").rglob("*") if p.is_file())
    files = [path for path in found if pydicom.misc.is_dicom(path)][::6]
    own = {}
    for path in files:
        data = pydicom.dcmread(path)
        own[data.SOPInstanceUID] = data
        pacs.push(path.read_bytes())
    people = {str(data.PatientID) for data in own.values()}
    for way in ("dicomweb", "move"):
        fetching = Fetching(tmp_path / way, pacs)
        pd.DataFrame({"patient": sorted(people)}).to_csv(fetching.table, index=False)
        fetching(way)
        arrived = {d.SOPInstanceUID: d for d in map(pydicom.dcmread, fetching.files)}
        assert set(arrived) == set(own)
        for uid, data in arrived.items():
            assert np.array_equal(data.pixel_array, own[uid].pixel_array)
            assert data.get("ImagePositionPatient") == own[uid].get("ImagePositionPatient")
            assert data.file_meta.TransferSyntaxUID == own[uid].file_meta.TransferSyntaxUID


def test_as_a_person_types_it(tmp_path, pacs):
    project = new_project(tmp_path / "project")
    data = project.folder / "data/quick"
    data.mkdir(parents=True)
    pd.DataFrame({"patient": PATIENTS[:2]}).to_csv(data / "clinical.csv", index=False)
    project.edit_config(fetch={"dicomweb": {"url": pacs.web}})
    done = project.snakemake("--", "fetch")
    assert "All 4 series are here. Next: `snakemake sheet`." in done.stdout + done.stderr
    assert len(list((data / "raw").rglob("*.dcm"))) == 4 * IMAGES
    results = [p for p in project.results.rglob("*") if p.is_file()]
    assert {"all.log", "all.json"} <= {path.name for path in results}
    text = " ".join(path.read_text() for path in results)
    for word in (*PATIENTS, "Geheim", str(pacs.http)):
        assert word not in text
    config = yaml.safe_load((project.folder / project.config).read_text())
    assert "simulation" in config
    assert os.environ.get("RIGOROMICS_FETCH_TOKEN") is None
    assert requests.get(pacs.web + "/studies", timeout=5).ok
