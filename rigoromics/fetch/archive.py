"""A collection that is one zip file behind a web address."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urldefrag

import pydicom
import requests
from pydicom.errors import InvalidDicomError

from rigoromics.errors import DataError
from rigoromics.fetch.manifest import Store, disk_trouble, sha256_of
from rigoromics.fetch.query import Query, RemoteSeries
from rigoromics.fetch.retry import BrokenError, Patience

HEADER = [
    "PatientID",
    "StudyDate",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "Modality",
    "SeriesDescription",
]
CHUNK = 1 << 16


class ArchiveSource:
    """Series in a zip file, which is downloaded once and kept.

    Parameters
    ----------
    address
        Its web address; `#sha256=<hex>` behind it is what the file is checked against.
    staging
        Folder for the zip file.
    patience
        How a broken download is borne; it goes on where it broke off.
    timeout_s
        Longest silence of the server, s.
    say
        Takes a line of text on the download's progress.
    """

    threads_allowed = False

    def __init__(
        self,
        address: str,
        staging: Path,
        patience: Patience,
        timeout_s: float = 60.0,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._address, fragment = urldefrag(address)
        self._sha256 = fragment.removeprefix("sha256=").lower()
        name = hashlib.sha256(self._address.encode()).hexdigest()[:16]
        self._path = staging / f"{name}.zip"
        self._patience = patience
        self._timeout_s = timeout_s
        self._say = say
        self._members: dict[str, dict[str, str]] = {}
        self.notes: list[str] = []

    def find(self, query: Query) -> list[RemoteSeries]:
        """Download the zip file, unless it is here, and read the headers in it."""
        if not self._path.is_file():
            self._patience.keep_trying(self._download)
        series: dict[str, RemoteSeries] = {}
        try:
            with zipfile.ZipFile(self._path) as archive:
                for name in sorted(archive.namelist()):
                    self._read_header(archive, name, series)
        except (zipfile.BadZipFile, EOFError):
            self._path.unlink(missing_ok=True)
            raise DataError(
                "What the registry names under `where` is no zip file, or arrived damaged",
                "run `snakemake fetch` again; if it stays so, correct the registry's address",
            ) from None
        return [
            RemoteSeries(
                found.patient,
                found.date,
                found.study_uid,
                found.series_uid,
                found.modality,
                found.description,
                len(self._members[uid]),
            )
            for uid, found in series.items()
        ]

    def _read_header(
        self, archive: zipfile.ZipFile, name: str, series: dict[str, RemoteSeries]
    ) -> None:
        if name.endswith("/"):
            return
        with archive.open(name) as file:
            try:
                head = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=[*HEADER])
            except InvalidDicomError:
                return
        values = {key: str(head.get(key, "") or "").strip() for key in HEADER}
        uid = values["SeriesInstanceUID"]
        if not values["SOPInstanceUID"]:
            return
        self._members.setdefault(uid, {})[values["SOPInstanceUID"]] = name
        series[uid] = RemoteSeries(
            values["PatientID"],
            values["StudyDate"],
            values["StudyInstanceUID"],
            uid,
            values["Modality"],
            values["SeriesDescription"],
        )

    def images(self, series: RemoteSeries) -> list[str]:
        """Return the SOP Instance UIDs of a series."""
        return list(self._members[series.series_uid])

    def retrieve(self, series: RemoteSeries, missing: Sequence[str] | None, store: Store) -> None:
        """Copy images out of the zip file; each carries a checksum there, which is checked."""
        members = self._members[series.series_uid]
        with zipfile.ZipFile(self._path) as archive:
            for uid in missing or ():
                try:
                    content = archive.read(members[uid])
                except zipfile.BadZipFile:
                    self._path.unlink(missing_ok=True)
                    raise DataError(
                        "The downloaded zip file is damaged",
                        "run `snakemake fetch` again: it is downloaded anew, and images that are "
                        "here stay",
                    ) from None
                store.keep(series, uid, [content])

    def _download(self) -> None:
        """Download the zip file, from where an earlier try broke off (RFC 9110, 14)."""
        part = self._path.with_suffix(".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        here = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={here}-"} if here else {}
        try:
            with requests.get(
                self._address, headers=headers, stream=True, timeout=self._timeout_s
            ) as answer:
                if answer.status_code != 416:
                    self._check(answer)
                    _append(answer, part, resume=answer.status_code == 206, say=self._say)
        except requests.exceptions.RequestException:
            raise BrokenError(
                "there is no network, nothing answers at the registry's address, or the "
                "connection broke off"
            ) from None
        if self._sha256 and sha256_of(part) != self._sha256:
            part.unlink()
            raise DataError(
                "The downloaded zip file is not the one the registry describes: its SHA-256 "
                "differs",
                "run `snakemake fetch` again; if it stays so, the collection was changed at its "
                "source: see what changed, then correct the registry",
            )
        part.replace(self._path)

    def _check(self, answer: requests.Response) -> None:
        status = answer.status_code
        if status >= 500 or status == 429:
            raise BrokenError(f"its server is busy or failed (HTTP status {status})")
        if status >= 400:
            raise DataError(
                f"The collection is not at the registry's address (HTTP status {status})",
                "correct the column `where` in the registry",
            )

    def close(self) -> None:
        """Nothing is held open."""


def _append(
    answer: requests.Response, part: Path, resume: bool, say: Callable[[str], None]
) -> None:
    done = part.stat().st_size if resume else 0
    whole = done + int(answer.headers.get("Content-Length", 0))
    said = done
    try:
        with part.open("ab" if resume else "wb") as file:
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if done - said >= 100_000_000:
                    said = done
                    of = f" of {whole / 1e6:,.0f}" if whole > done else ""
                    say(f"Downloading the collection: {done / 1e6:,.0f}{of} MB")
    except requests.exceptions.RequestException:
        raise
    except OSError as error:
        raise disk_trouble(error) from error
