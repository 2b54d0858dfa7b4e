"""The end that images are sent to: a storage service (PS3.4, annex B) that takes what was asked."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Iterable

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from rigoromics.errors import DataError
from rigoromics.fetch.manifest import Store
from rigoromics.fetch.query import RemoteSeries

# PS3.4, B.2.3: what a storage service may answer.
TAKEN, NOT_ASKED_FOR, NO_ROOM = 0x0000, 0xC001, 0xA700

# Its messages may quote what a PACS sent.
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)


def no_delay(event: evt.Event) -> None:
    """Send small messages at once, and acknowledge the next ones at once.

    A request is several small messages, and an end that holds one back until it has heard of the
    last makes the other wait for 40 ms: more than an hour for 100,000 images.
    """
    connection = event.assoc.dul.socket
    if connection is None or connection.socket is None:
        return
    with contextlib.suppress(OSError):
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Linux only, and forgotten with each message that is sent.
        if hasattr(socket, "TCP_QUICKACK"):
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


PROMPT = [(evt.EVT_CONN_OPEN, no_delay), (evt.EVT_DATA_SENT, no_delay)]


class Receiver:
    """Takes the images that were asked for, and no others.

    An image that nobody asked for is refused, so that nobody in the network can slip one into
    the study.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expected: dict[str, tuple[RemoteSeries, Store]] = {}
        self._server: ThreadedAssociationServer | None = None
        self._trouble: DataError | None = None

    def expect(self, series: RemoteSeries, uids: Iterable[str], store: Store) -> None:
        """Let images of a series in, and name the store they go to."""
        with self._lock:
            self._expected |= dict.fromkeys(uids, (series, store))

    def listen(
        self, ae_title: str, address: str, port: int, tls: ssl.SSLContext | None, connections: int
    ) -> None:
        """Open the port that the PACS sends to, unless it is open already.

        Raises
        ------
        DataError
            The port is taken, or is not this user's to open.
        """
        with self._lock:
            if self._server is not None:
                return
            entity = AE(ae_title=ae_title)
            # A PACS may open several connections for one request.
            entity.maximum_associations = max(10, 4 * connections)
            entity.require_called_aet = True
            for context in AllStoragePresentationContexts:
                entity.add_supported_context(
                    context.abstract_syntax or "", [*ALL_TRANSFER_SYNTAXES]
                )
            entity.add_supported_context(Verification)
            try:
                self._server = entity.start_server(
                    (address, port),
                    block=False,
                    ssl_context=tls,
                    evt_handlers=[(evt.EVT_C_STORE, self.take), *PROMPT],
                )
            except OSError:
                raise DataError(
                    f"Port {port} of this computer, to which the PACS would send, cannot be opened",
                    "end the program that holds it, or agree on another `own_port` with the "
                    "PACS's administrator (ports below 1024 are the system's)",
                ) from None

    def take(self, event: evt.Event) -> int:
        """Answer one C-STORE request: keep the file as it was sent."""
        uid = str(event.request.AffectedSOPInstanceUID)  # type: ignore[union-attr]
        with self._lock:
            known = self._expected.get(uid)
        if known is None:
            return NOT_ASKED_FOR
        series, store = known
        try:
            if uid not in store.manifest:
                store.keep(series, uid, [event.encoded_dataset()])
        except DataError as error:
            self._trouble = error
            return NO_ROOM
        return TAKEN

    def check(self) -> None:
        """Raise what went wrong here while the PACS was sending."""
        if self._trouble is not None:
            raise self._trouble

    def close(self) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None
