"""Codes of PS3.4 and PS3.8 and their words; tests/workflow/test_fetch.py has a real PACS."""

import pytest

from rigoromics.config.fetch import Dimse
from rigoromics.errors import DataError
from rigoromics.fetch import dimse_words
from rigoromics.fetch.dimse import DimseSource
from rigoromics.fetch.receiver import NO_ROOM, NOT_ASKED_FOR, TAKEN, Receiver
from rigoromics.fetch.retry import BrokenError, Patience
from tests.unit.fetch.conftest import SERIES, image_bytes


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        # PS3.8, table 9-21: result, source, reason.
        (dimse_words.rejected(1, 1, 7), DataError, "does not go by the AE title"),
        (dimse_words.rejected(1, 1, 3), DataError, "does not know this computer's AE title"),
        (dimse_words.rejected(1, 1, 1), DataError, "does not accept a connection"),
        (dimse_words.rejected(2, 3, 2), BrokenError, "too many connections"),
        (dimse_words.no_service(), DataError, "query or retrieve"),
        # PS3.4, C.4.1.1.4 and C.4.2.1.5.
        (dimse_words.find(0xA700), BrokenError, "no resources"),
        (dimse_words.find(0xC001), DataError, "refuses the search"),
        (dimse_words.move(0xA801), DataError, "does not know where to send"),
        (dimse_words.move(0xA702), BrokenError, "firewall"),
        (dimse_words.move(0x0124), DataError, "does not let this AE title retrieve"),
        (dimse_words.get(0xA702), BrokenError, "could not send"),
    ],
)
def test_codes_have_words_and_say_whether_to_try_again(error, kind, words):
    assert isinstance(error, kind)
    with pytest.raises(kind, match=words):
        raise error


class Event:
    """A C-STORE request as pynetdicom hands it over."""

    def __init__(self, uid: str) -> None:
        self.uid = uid
        self.request = self
        self.AffectedSOPInstanceUID = uid

    def encoded_dataset(self) -> bytes:
        return image_bytes(self.uid)


def test_only_what_was_asked_for_is_let_in(store):
    receiver = Receiver()
    receiver.expect(SERIES, ["1.1"], store)
    assert receiver.take(Event("6.6.6")) == NOT_ASKED_FOR
    assert receiver.take(Event("1.1")) == TAKEN
    assert len(store.manifest) == 1
    assert receiver.take(Event("1.1")) == TAKEN, "a PACS may send twice"
    receiver.check()


def test_a_full_disk_is_told_to_the_pacs_and_to_the_person(store, monkeypatch):
    receiver = Receiver()
    receiver.expect(SERIES, ["1.1"], store)

    def full(*args: object) -> None:
        raise DataError("The disk with the raw images is full", "make room")

    monkeypatch.setattr(store, "keep", full)
    assert receiver.take(Event("1.1")) == NO_ROOM
    with pytest.raises(DataError, match="full"):
        receiver.check()


def test_a_certificate_that_is_not_there():
    tls = {"certificate": "/no/such/own.pem"}
    settings = Dimse(host="pacs", port=104, ae_title="PACS", tls=tls)
    with pytest.raises(DataError, match=r"own\.pem"):
        DimseSource(settings, Patience())
