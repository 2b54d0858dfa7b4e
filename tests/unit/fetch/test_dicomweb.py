"""What a real server cannot be made to do; tests/workflow/test_fetch.py has a real one."""

import json

import pytest

from rigoromics.config.fetch import DicomWeb
from rigoromics.errors import DataError
from rigoromics.fetch.dicomweb import DicomWebSource, Secrets
from rigoromics.fetch.query import Query
from rigoromics.fetch.retry import BrokenError, Patience
from tests.unit.fetch.conftest import SERIES, image_bytes

JSON = {"Content-Type": "application/dicom+json"}


def source(web, **secrets: str) -> DicomWebSource:
    return DicomWebSource(DicomWeb(url=web.url), Secrets(**secrets), Patience(3, 0.001), 5)


def study(number: int) -> dict[str, object]:
    return {"0020000D": {"Value": [f"1.{number}"]}, "00100020": {"Value": ["Meyer"]}}


def parts(*files: bytes) -> tuple[int, dict[str, str], bytes]:
    body = b"".join(
        b"--X\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n" for file in files
    )
    kind = 'multipart/related; type="application/dicom"; boundary=X'
    return 200, {"Content-Type": kind}, body + b"--X--\r\n"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "refuses what was asked"),
        (401, "RIGOROMICS_FETCH_USER"),
        (403, "does not let this user"),
        (404, "no DICOMweb service"),
        (413, "narrow the filters"),
    ],
)
def test_a_status_that_will_not_pass_is_said_at_once(web, status, words):
    web.answer = lambda path, headers: (status, {}, b"Meyer was here")
    with pytest.raises(DataError, match=words) as refusal:
        source(web).find(Query())
    assert "Meyer" not in str(refusal.value)
    assert len(web.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(web, status):
    answers = iter([(status, {}, b""), (status, {}, b""), (200, JSON, b"[]")])
    web.answer = lambda path, headers: next(answers)
    assert source(web).find(Query()) == []
    assert len(web.asked) == 3


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b'{"a": 1}', b"[1, 2]", b"\xff\xfe"])
def test_an_answer_that_is_not_dicomweb(web, body):
    web.answer = lambda path, headers: (200, JSON, body)
    with pytest.raises(BrokenError, match="not DICOMweb"):
        source(web).find(Query())


def test_a_server_without_pages_gives_each_study_once(web):
    def answer(path, headers):
        found = [study(1), study(2)] if path.startswith("/studies?") else []
        return 200, JSON, json.dumps(found).encode()

    web.answer = answer
    source(web).find(Query())
    assert sum(path.startswith("/studies?") for path in web.asked) == 2
    assert sum("/series" in path for path in web.asked) == 2


def test_a_server_with_small_pages_gives_all(web):
    def answer(path, headers):
        if not path.startswith("/studies?"):
            return 200, JSON, b"[]"
        offset = int(path.split("offset=")[1].split("&")[0])
        return 200, JSON, json.dumps([study(offset)] if offset < 3 else []).encode()

    web.answer = answer
    source(web).find(Query())
    assert sum("/series" in path for path in web.asked) == 3


def test_other_patients_that_a_pattern_brings_are_left_alone(web):
    def answer(path, headers):
        exact = "M%C3%BC+1" in path
        found = [] if exact else [study(1), study(2) | {"00100020": {"Value": ["Mü 1"]}}]
        return 200, JSON, json.dumps(found if path.startswith("/studies?") else []).encode()

    web.answer = answer
    source(web).find(Query(frozenset({"Mü 1"})))
    assert any("PatientID=M*1" in path for path in web.asked)
    assert [path for path in web.asked if "/studies/1.1" in path] == []
    assert [path for path in web.asked if "/studies/1.2" in path]


def test_a_token_goes_with_every_question_and_into_no_text(web, caplog):
    caplog.set_level(0)
    seen: list[str] = []

    def answer(path, headers):
        seen.append(headers["Authorization"])
        return 403, {}, b""

    web.answer = answer
    with pytest.raises(DataError) as refusal:
        source(web, token="t0ken", user="u", password="p").find(Query())
    assert seen == ["Bearer t0ken"]
    assert "t0ken" not in str(refusal.value) + caplog.text
    assert "t0ken" not in repr(Secrets(token="t0ken"))


def test_images_that_are_whole_come_in(web, store):
    files = [image_bytes(uid) for uid in ("1.1", "1.2")]
    web.answer = lambda path, headers: parts(*files)
    source(web).retrieve(SERIES, ["1.1", "1.2"], store)
    stored = [store.manifest.raw / store.name_of(SERIES, uid) for uid in ("1.1", "1.2")]
    assert [path.read_bytes() for path in stored] == files


def test_an_image_that_nobody_asked_for_stays_out(web, store):
    web.answer = lambda path, headers: parts(image_bytes("1.1"), image_bytes("6.6.6"))
    source(web).retrieve(SERIES, ["1.1"], store)
    assert ("1.1" in store.manifest, "6.6.6" in store.manifest) == (True, False)


@pytest.mark.parametrize("length", [0, 100, 300, 500, 700, -100, -1])
def test_an_image_that_is_cut_short_never_comes_in(web, store, length):
    """The answer is well-formed; the file in it ends early."""
    whole = image_bytes("1.2")
    web.answer = lambda path, headers: parts(image_bytes("1.1"), whole[:length])
    with pytest.raises(BrokenError, match="cut short"):
        source(web).retrieve(SERIES, ["1.1", "1.2"], store)
    assert ("1.1" in store.manifest, "1.2" in store.manifest) == (True, False)


def test_an_answer_that_breaks_off_is_broken(web, store):
    status, headers, body = parts(image_bytes("1.1"), image_bytes("1.2"))
    headers = headers | {"Content-Length": str(len(body) + 1000)}
    web.answer = lambda path, _: (status, headers, body[:-300])
    with pytest.raises(BrokenError):
        source(web).retrieve(SERIES, ["1.1", "1.2"], store)
    assert "1.2" not in store.manifest


def test_an_image_that_is_gone_is_passed_over(web, store):
    store.keep(SERIES, "1.1", [image_bytes("1.1")])

    def answer(path, headers):
        return (404, {}, b"") if "1.2" in path.split("/")[-1] else parts(image_bytes("1.3"))

    web.answer = answer
    source(web).retrieve(SERIES, ["1.2", "1.3"], store)
    assert ("1.2" in store.manifest, "1.3" in store.manifest) == (False, True)


def test_a_certificate_that_is_not_there(web):
    settings = DicomWeb(url=web.url, tls={"ca_file": "/no/such/authority.pem"})
    with pytest.raises(DataError, match=r"authority\.pem"):
        DicomWebSource(settings, Secrets(), Patience(1, 0.001)).find(Query())
