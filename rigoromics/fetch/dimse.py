"""A PACS that speaks DIMSE: C-FIND to search, C-MOVE or C-GET to retrieve (PS3.4, annex C)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind as Find,
)
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelGet as Get,
)
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelMove as Move,
)

from rigoromics.config.fetch import Dimse, Tls
from rigoromics.errors import DataError
from rigoromics.fetch import dimse_words
from rigoromics.fetch.manifest import Store
from rigoromics.fetch.query import Query, RemoteSeries
from rigoromics.fetch.receiver import PROMPT, Receiver
from rigoromics.fetch.retry import BrokenError, Patience

PENDING = {0xFF00, 0xFF01}
# The sending went on, but not of every image; those are asked for again.
PARTLY = {0xB000, 0xB007}
# A list of UIDs must stay below the 65,534 bytes of one attribute.
UIDS_AT_ONCE = 200
UNCOMPRESSED = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
COMPRESSED = [
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
    JPEGBaseline8Bit,
]
# An association has up to 128 contexts (PS3.8, 9.3.2.2).
CLASSES_AT_ONCE = 127 // (1 + len(COMPRESSED))


class DimseSource:
    """Series of a PACS.

    Parameters
    ----------
    settings
        Where it is, and who we are to it.
    patience
        How failures of the search are borne.
    timeout_s
        Longest silence, s.
    connections
        How many series are retrieved at the same time.
    """

    threads_allowed = True

    def __init__(
        self, settings: Dimse, patience: Patience, timeout_s: float = 60.0, connections: int = 2
    ) -> None:
        self._settings = settings
        self._patience = patience
        self._timeout_s = timeout_s
        self._connections = connections
        self._receiver = Receiver()
        self._classes: dict[str, set[str]] = {}
        self._tls = _client_tls(settings.tls) if settings.tls else None

    def find(self, query: Query) -> list[RemoteSeries]:
        """Search the studies of each patient, then the series of each study."""
        people = [""] if query.patients is None else sorted(query.patients)
        return [
            series
            for person in people
            for series in self._patience.keep_trying(
                lambda person=person: self._find(person, query.date_range)  # type: ignore[misc]
            )
        ]

    def _find(self, patient: str, days: str) -> list[RemoteSeries]:
        series: list[RemoteSeries] = []
        with self._association([build_context(Find)]) as association:
            studies = _ask(
                association,
                QueryRetrieveLevel="STUDY",
                PatientID=patient,
                StudyDate=days,
                StudyInstanceUID="",
            )
            for study in studies:
                found = _ask(
                    association,
                    QueryRetrieveLevel="SERIES",
                    StudyInstanceUID=study.StudyInstanceUID,
                    SeriesInstanceUID="",
                    Modality="",
                    SeriesDescription="",
                    NumberOfSeriesRelatedInstances="",
                )
                series += [_series(study, item) for item in found]
        return series

    def images(self, series: RemoteSeries) -> list[str]:
        """Return the SOP Instance UIDs of a series."""
        with self._association([build_context(Find)]) as association:
            found = _ask(
                association,
                QueryRetrieveLevel="IMAGE",
                StudyInstanceUID=series.study_uid,
                SeriesInstanceUID=series.series_uid,
                SOPInstanceUID="",
                SOPClassUID="",
            )
        self._classes[series.series_uid] = {_text(i, "SOPClassUID") for i in found} - {""}
        return [_text(image, "SOPInstanceUID") for image in found]

    def retrieve(self, series: RemoteSeries, missing: Sequence[str] | None, store: Store) -> None:
        """Let the PACS send a series where nothing of it is here, else single images."""
        self._receiver.expect(series, missing or (), store)
        if not store.manifest.of_series(series.series_uid):
            self._send(series, {"QueryRetrieveLevel": "SERIES"})
            return
        for uids in _in_parts(missing or (), UIDS_AT_ONCE):
            self._send(series, {"QueryRetrieveLevel": "IMAGE", "SOPInstanceUID": uids})

    def _send(self, series: RemoteSeries, which: dict[str, Any]) -> None:
        asked = _identifier(
            **which, StudyInstanceUID=series.study_uid, SeriesInstanceUID=series.series_uid
        )
        if self._settings.retrieve == "move":
            self._move(asked)
        else:
            self._get(asked, sorted(self._classes.get(series.series_uid, ())))
        self._receiver.check()

    def _move(self, asked: Dataset) -> None:
        own = self._settings
        tls = _server_tls(own.tls) if own.tls and own.tls.certificate else None
        self._receiver.listen(
            own.own_ae_title, own.own_address, own.own_port, tls, self._connections
        )
        with self._association([build_context(Move)]) as association:
            _follow(association.send_c_move(asked, own.own_ae_title, Move), dimse_words.move)

    def _get(self, asked: Dataset, classes: Sequence[str]) -> None:
        for some in _in_parts(classes, CLASSES_AT_ONCE):
            contexts = [build_context(Get)]
            for name in some:
                # A context of its own for each compression: the PACS takes one of each.
                contexts += [build_context(name, [*UNCOMPRESSED])]
                contexts += [build_context(name, syntax) for syntax in COMPRESSED]
            roles = [build_role(name, scp_role=True) for name in some]
            handlers = [(evt.EVT_C_STORE, self._receiver.take)]
            with self._association(contexts, roles, handlers) as association:
                _follow(association.send_c_get(asked, Get), dimse_words.get)

    @contextmanager
    def _association(
        self,
        contexts: list[PresentationContext],
        roles: Sequence[Any] = (),
        handlers: Sequence[Any] = (),
    ) -> Iterator[Association]:
        """Open an association for a while; say in words why it did not come about."""
        own = self._settings
        entity = AE(ae_title=own.own_ae_title)
        entity.connection_timeout = entity.acse_timeout = self._timeout_s
        entity.dimse_timeout = entity.network_timeout = 10 * self._timeout_s
        opened: list[bool] = []
        notice = (evt.EVT_CONN_OPEN, lambda event: opened.append(True))
        try:
            association = entity.associate(
                own.host,
                own.port,
                contexts,
                own.ae_title,
                ext_neg=list(roles),
                tls_args=(self._tls, own.host) if self._tls else None,
                evt_handlers=[notice, *PROMPT, *handlers],
            )
        except socket.gaierror:
            raise BrokenError("there is no network, or nothing by the name in the config") from None
        except OSError:
            raise BrokenError("the network does not lead to it") from None
        if not association.is_established:
            raise _not_established(association, bool(opened), self._tls is not None)
        try:
            yield association
        except (RuntimeError, ValueError) as error:
            # pynetdicom's way to say that the other end has gone meanwhile.
            if isinstance(error, DataError):
                raise
            raise BrokenError("the connection broke off") from None
        finally:
            if association.is_established:
                association.release()

    def close(self) -> None:
        """Close the port that the PACS sends to."""
        self._receiver.close()


def _in_parts(items: Sequence[str], size: int) -> Iterator[list[str]]:
    """Cut a sequence into lists of at most so many items."""
    return (list(items[start : start + size]) for start in range(0, len(items), size))


def _identifier(**attributes: Any) -> Dataset:
    dataset = Dataset()
    for name, value in attributes.items():
        setattr(dataset, name, value)
    if not str(attributes.get("PatientID", "")).isascii():
        dataset.SpecificCharacterSet = "ISO_IR 192"
    return dataset


def _ask(association: Association, **attributes: Any) -> list[Dataset]:
    """Send a C-FIND request; return all answers."""
    answers: list[Dataset] = []
    for status, answer in association.send_c_find(_identifier(**attributes), Find):
        code = status.get("Status")
        if code is None:
            raise BrokenError(
                "it broke off the search or did not answer in time; where it always does, have "
                "its administrator enter `own_ae_title` with the right to query and retrieve"
            )
        if code in PENDING and answer is not None:
            answers.append(answer)
        elif code != 0 and code not in PENDING:
            raise dimse_words.find(code)
    return answers


def _follow(answers: Iterator[tuple[Dataset, Dataset | None]], refusal: Any) -> None:
    """Wait until the PACS has sent everything, or says that it will not."""
    for status, _ in answers:
        code = status.get("Status")
        if code is None:
            raise BrokenError("the connection broke off, or it did not answer in time")
        if code != 0 and code not in PENDING and code not in PARTLY:
            raise refusal(code)


def _series(study: Dataset, series: Dataset) -> RemoteSeries:
    images = _text(series, "NumberOfSeriesRelatedInstances")
    return RemoteSeries(
        _text(study, "PatientID"),
        _text(study, "StudyDate"),
        _text(study, "StudyInstanceUID"),
        _text(series, "SeriesInstanceUID"),
        _text(series, "Modality"),
        _text(series, "SeriesDescription"),
        int(images) if images.isdigit() else 0,
    )


def _text(data: Dataset, name: str) -> str:
    value = data.get(name)
    return "" if value is None else str(value).strip()


def _not_established(association: Association, opened: bool, encrypted: bool) -> Exception:
    primitive = association.acceptor.primitive
    if association.is_rejected and primitive is not None:
        return dimse_words.rejected(primitive.result, primitive.result_source, primitive.diagnostic)
    if association.rejected_contexts:
        return dimse_words.no_service()
    if not opened:
        also = ", or its certificate is not trusted" if encrypted else ""
        return BrokenError(f"nothing answers at the host and port in the config{also}")
    return BrokenError(
        "it ends the connection at once; often it does not know `own_ae_title` from this "
        "computer's address, or wants an encrypted connection (`tls`)"
    )


def _client_tls(tls: Tls) -> ssl.SSLContext:
    return _with_files(ssl.create_default_context(), tls)


def _server_tls(tls: Tls) -> ssl.SSLContext:
    context = _with_files(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls)
    if tls.ca_file:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _with_files(context: ssl.SSLContext, tls: Tls) -> ssl.SSLContext:
    try:
        if tls.ca_file:
            context.load_verify_locations(tls.ca_file)
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise DataError(
            "A certificate or key named under `fetch: dimse: tls` is not there or cannot be read",
            "correct its path, and see that it is a PEM file without a password",
            Path(tls.ca_file or tls.certificate or "").name,
        ) from error
    return context
