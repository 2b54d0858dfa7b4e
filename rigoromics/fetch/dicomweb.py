"""An archive that speaks DICOMweb: QIDO-RS to search, WADO-RS to retrieve (PS3.18, 10)."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar, cast

import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.errors import InvalidDicomError

from rigoromics.config.fetch import DicomWeb
from rigoromics.errors import DataError
from rigoromics.fetch.manifest import Store
from rigoromics.fetch.query import Query, RemoteSeries
from rigoromics.fetch.retry import BrokenError, Patience

# Any transfer syntax: images come as the archive has them, compressed ones too.
AS_STORED = (("application/dicom", "*"),)
PAGE = 500
# Too many requests, and what gateways say while a server starts or is busy.
PASSING = {408, 425, 429, 500, 502, 503, 504}
GONE = {404, 410}
# Attributes as DICOM JSON names them.
STUDY_DATE, MODALITY, SERIES_DESCRIPTION = "00080020", "00080060", "0008103E"
PATIENT_ID, STUDY_UID, SERIES_UID, SOP_UID = "00100020", "0020000D", "0020000E", "00080018"
IMAGES_OF_SERIES = "00201209"
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData", "PixelDataProviderURL")
UNDEFINED_LENGTH = 0xFFFFFFFF

Answer = dict[str, Any]

Result = TypeVar("Result")

# Their messages quote addresses with PatientIDs in them.
for _name in ("dicomweb_client", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Secrets:
    """What proves who asks; comes from the environment, and never goes into text.

    Attributes
    ----------
    user, password
        For HTTP basic authentication.
    token
        A bearer token; goes before user and password.
    """

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class DicomWebSource:
    """Series of a DICOMweb server.

    Parameters
    ----------
    settings
        Where it is.
    secrets
        Who asks.
    patience
        How failures of the search are borne.
    timeout_s
        Longest silence of the server, s.
    """

    threads_allowed = True

    def __init__(
        self, settings: DicomWeb, secrets: Secrets, patience: Patience, timeout_s: float = 60.0
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._patience = patience
        self._timeout_s = timeout_s
        self._own = threading.local()

    def find(self, query: Query) -> list[RemoteSeries]:
        """Search study by study: not every server finds series across studies (PS3.18, 10.6)."""
        days = {"StudyDate": query.date_range} if query.date_range else {}
        if query.patients is None:
            studies = self._studies(days)
        else:
            studies = [s for person in sorted(query.patients) for s in self._of(person, days)]
        each = {_text(study, STUDY_UID): study for study in studies}
        return [series for study in each.values() for series in self._series_of(study)]

    def _of(self, patient: str, days: dict[str, str]) -> list[Answer]:
        """Return a patient's studies."""
        found = self._studies(days | {"PatientID": patient})
        # Orthanc's older plugins take %20 for three characters. A `*` needs no percent sign.
        pattern = re.sub(r"[^A-Za-z0-9._~-]+", "*", patient)
        if not found and pattern not in (patient, "*"):
            found = self._studies(days | {"PatientID": pattern})
        return [study for study in found if _text(study, PATIENT_ID) == patient]

    def _studies(self, filters: dict[str, str]) -> list[Answer]:
        fields = ["PatientID", "StudyDate"]
        return self._patience.keep_trying(
            lambda: self._pages(
                lambda client, offset: client.search_for_studies(
                    limit=PAGE, offset=offset, search_filters=filters, fields=fields
                ),
                must_exist=True,
            )
        )

    def _series_of(self, study: Answer) -> list[RemoteSeries]:
        uid = _text(study, STUDY_UID)
        fields = ["SeriesDescription", "NumberOfSeriesRelatedInstances"]
        found = self._patience.keep_trying(
            lambda: self._pages(
                lambda client, offset: client.search_for_series(
                    uid, limit=PAGE, offset=offset, fields=fields
                )
            )
        )
        return [
            RemoteSeries(
                _text(study, PATIENT_ID),
                _text(study, STUDY_DATE),
                uid,
                _text(series, SERIES_UID),
                _text(series, MODALITY),
                _text(series, SERIES_DESCRIPTION),
                _number(series, IMAGES_OF_SERIES),
            )
            for series in found
        ]

    def images(self, series: RemoteSeries) -> list[str]:
        """Return the SOP Instance UIDs of a series."""
        found = self._pages(
            lambda client, offset: client.search_for_instances(
                series.study_uid, series.series_uid, limit=PAGE, offset=offset
            )
        )
        return [_text(image, SOP_UID) for image in found]

    def retrieve(self, series: RemoteSeries, missing: Sequence[str] | None, store: Store) -> None:
        """Retrieve a series in one answer where nothing of it is here, else image by image."""
        study, uid = series.study_uid, series.series_uid
        wanted = set(missing or ())

        def whole(client: DICOMwebClient) -> None:
            for data in client.iter_series(study, uid, media_types=AS_STORED):
                _keep(data, series, wanted, store)

        def one(client: DICOMwebClient, image: str) -> None:
            data = client.retrieve_instance(study, uid, image, media_types=AS_STORED)
            _keep(data, series, {image}, store)

        if not store.manifest.of_series(uid):
            self._ask(whole)
            return
        for image in missing or ():
            self._ask(partial(one, image=image))

    def _pages(self, search: Callable[..., list[Answer]], must_exist: bool = False) -> list[Answer]:
        """Return all pages of a search, also of a server that knows no pages."""
        found: list[Answer] = []
        while True:
            offset = len(found)
            page = self._ask(partial(search, offset=offset), must_exist)
            if not page or (found and page[0] == found[0]):
                return found
            if not all(isinstance(item, dict) for item in page):
                raise BrokenError("its answer is not DICOMweb")
            found += page

    def _ask(
        self, request: Callable[[DICOMwebClient], Result], must_exist: bool = False
    ) -> Result | None:
        """Send a request; None where the server has no such thing.

        Raises
        ------
        BrokenError
            No answer, a cut or senseless one, or a busy server.
        DataError
            The server refuses, or nothing like it is at the address.
        """
        try:
            return request(self._client())
        except DataError:
            raise
        except requests.exceptions.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in GONE and not must_exist:
                return None
            raise _refused(status) from None
        except requests.exceptions.SSLError:
            raise _untrusted() from None
        except requests.exceptions.InvalidURL:
            raise _refused(404) from None
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, InvalidDicomError):
            # Among them the errors of the parsers of JSON, of multipart messages and of DICOM.
            raise BrokenError("its answer was cut short or is not DICOMweb") from None
        except (requests.exceptions.RequestException, OSError) as error:
            raise BrokenError(_why(error)) from None

    def _client(self) -> DICOMwebClient:
        """Return this thread's client: sessions are not safe to share."""
        if not hasattr(self._own, "client"):
            client = DICOMwebClient(
                self._settings.url.rstrip("/"),
                session=_session(self._settings, self._secrets),
                qido_url_prefix=self._settings.qido_prefix,
                wado_url_prefix=self._settings.wado_prefix,
                timeout=(self._timeout_s, self._timeout_s * 10),
                permissive_uid=True,
            )
            client.set_http_retry_params(retry=False)
            self._own.client = client
        return cast(DICOMwebClient, self._own.client)

    def close(self) -> None:
        """Sessions end with their threads."""


class _Session(requests.Session):
    """Leaves `*` as it is, which a query may hold (RFC 3986, 3.4); the client escapes it.

    And lets the config's authority go before the one that the environment names for all.
    """

    def get(self, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a GET request."""
        if isinstance(self.verify, str):
            options.setdefault("verify", self.verify)
        return super().get(str(url).replace("%2A", "*"), **options)


def _session(settings: DicomWeb, secrets: Secrets) -> requests.Session:
    session = _Session()
    if secrets.token:
        session.headers["Authorization"] = f"Bearer {secrets.token}"
        # Else a password file in the home folder would go before the token.
        session.auth = lambda request: request
    elif secrets.user:
        session.auth = (secrets.user, secrets.password)
    tls = settings.tls
    for file in filter(None, (tls.ca_file, tls.certificate, tls.key)):
        if not Path(file).is_file():
            raise DataError(
                "A certificate file named under `fetch: dicomweb: tls` is not there",
                "correct its path in the config",
                Path(file).name,
            )
    if tls.ca_file:
        session.verify = tls.ca_file
    if tls.certificate:
        session.cert = (tls.certificate, tls.key) if tls.key else tls.certificate
    return session


def _keep(data: Dataset, series: RemoteSeries, wanted: set[str], store: Store) -> None:
    """Put an image into the store, as it came, if it is whole and was asked for."""
    uid = str(data.get("SOPInstanceUID", ""))
    if _is_cut_short(data):
        raise BrokenError("an image came cut short")
    if uid in wanted and uid not in store.manifest:
        buffer = BytesIO()
        # Elements nobody has looked into are written with the bytes they came with.
        data.save_as(buffer, enforce_file_format=True)
        store.keep(series, uid, [buffer.getvalue()])


def _is_cut_short(data: Dataset) -> bool:
    """Tell a file that ends early, which pydicom reads without a word."""
    if "SOPInstanceUID" not in data:
        return True
    if "Rows" in data and not any(name in data for name in PIXELS):
        return True
    last = data.get_item(max(data.keys()))
    if not isinstance(last, RawDataElement) or last.length == UNDEFINED_LENGTH:
        return False
    return last.length != len(last.value or b"")


def _text(answer: Answer, tag: str) -> str:
    """Return the first value of an attribute in DICOM JSON (PS3.18, F.2), as text."""
    values = (answer.get(tag) or {}).get("Value") or [""]
    return str(values[0]).strip()


def _number(answer: Answer, tag: str) -> int:
    text = _text(answer, tag)
    return int(text) if text.isdigit() else 0


def _refused(status: int) -> Exception:
    """Say what an HTTP status means here, and what to do."""
    if status in PASSING:
        return BrokenError(f"it is busy or failed (HTTP status {status})")
    if status == 401:
        return DataError(
            "The DICOMweb server wants to know who asks, or does not accept what was given "
            "(HTTP status 401)",
            "set RIGOROMICS_FETCH_USER and RIGOROMICS_FETCH_PASSWORD, or RIGOROMICS_FETCH_TOKEN, "
            "in the environment; never in the config",
        )
    if status == 403:
        return DataError(
            "The DICOMweb server does not let this user search or retrieve (HTTP status 403)",
            "ask its administrator for the right to read by QIDO-RS and WADO-RS",
        )
    if status in GONE:
        return DataError(
            f"There is no DICOMweb service at the address in the config (HTTP status {status})",
            "correct `fetch: dicomweb: url`; it often ends in /dicom-web or /dicomweb, and some "
            "servers need `qido_prefix` and `wado_prefix` too",
        )
    return DataError(
        f"The DICOMweb server refuses what was asked (HTTP status {status})",
        "ask its administrator which searches it allows, or narrow the filters under `fetch`",
    )


def _untrusted() -> DataError:
    return DataError(
        "The DICOMweb server's certificate is not trusted, or it wants one of yours",
        "name the authority's certificate under `fetch: dicomweb: tls: ca_file`, and your own "
        "under `certificate` and `key`",
    )


def _why(error: Exception) -> str:
    """Say why there was no answer; the error's own text would quote the address."""
    if isinstance(error, requests.exceptions.Timeout):
        return "it did not answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy on the way does not let the request through"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    text = str(error)
    if "resolve" in text or "Name or service" in text:
        return "there is no network, or nothing by the name in the config"
    if "refused" in text:
        return "nothing answers at the address in the config"
    return "the connection broke off"
