"""Public collections: the registry that lists them, and the Imaging Data Commons."""

from __future__ import annotations

import difflib
import importlib
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pydicom
import requests
from pydicom.errors import InvalidDicomError

from rigoromics.errors import DataError
from rigoromics.fetch.manifest import Store
from rigoromics.fetch.query import Query, RemoteSeries
from rigoromics.fetch.retry import BrokenError
from rigoromics.read.keys import Keys

COLUMNS = ("collection", "version", "licence", "how", "where", "patients", "size", "citation")
WAYS = ("idc", "dicomweb", "url", "manual")
# The index rounds a series' size; more than this is missing data.
SIZE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Listed:
    """One collection of the registry.

    Attributes
    ----------
    collection, version, licence, citation
        What it is called, which state of it, what may be done with it, how to cite it.
    how, where
        idc and its collection_id there; dicomweb and the service's address; url and the address
        of a zip file, `#sha256=...` behind it if known; manual and a page for people.
    patients, size
        How many patients and how large, for people.
    """

    collection: str
    version: str
    licence: str
    how: str
    where: str
    patients: str
    size: str
    citation: str


def listed(table: pd.DataFrame, name: str) -> Listed:
    """Return one collection of the registry.

    Parameters
    ----------
    table
        The registry, every value as text.
    name
        The collection's name.

    Raises
    ------
    DataError
        The registry lacks a column or the collection, or names a way that does not exist.
    """
    lacking = [column for column in COLUMNS if column not in table.columns]
    if lacking:
        raise DataError(
            f"The registry of collections has no column {', '.join(lacking)}",
            f"its columns are {', '.join(COLUMNS)}, with tabs between",
        )
    rows = table[table["collection"] == name]
    if rows.empty:
        known = sorted(table["collection"])
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
        raise DataError(
            f"The registry has no collection '{name}'",
            f"take one that it has ({', '.join(near)}), or add a line to it",
        )
    found = Listed(*(str(rows.iloc[0][column]) for column in COLUMNS))
    if found.how not in WAYS:
        raise DataError(
            f"The registry says '{found.how}' under `how` for {name}, which is no way to fetch",
            f"write one of {', '.join(WAYS)}",
        )
    if found.how == "manual":
        raise DataError(
            f"The collection {name} cannot be fetched by a program (licence: {found.licence})",
            f"get it by hand from {found.where} and put its files into the raw folder",
        )
    return found


def idc_client() -> Any:
    """Return the client of the Imaging Data Commons.

    Raises
    ------
    DataError
        Its package is not installed.
    """
    try:
        index = importlib.import_module("idc_index.index")
    except ImportError:
        raise DataError(
            "This collection comes from the Imaging Data Commons, and the package idc-index, which "
            "fetches from there, is not installed (it is large and few need it)",
            "run `.venv/bin/uv pip install --python .venv/bin/python -r envs/fetch.in "
            "-c envs/requirements.lock` once",
        ) from None
    # Its messages quote UIDs and paths.
    logging.getLogger("idc_index").setLevel(logging.CRITICAL)
    return index.IDCClient()


def answers(address: str) -> bool:
    """Say whether anything at all answers at an address."""
    try:
        requests.head(address, timeout=10)
    except requests.exceptions.SSLError:
        return True
    except (requests.exceptions.RequestException, OSError):
        return False
    return True


class IdcSource:
    """Series of the Imaging Data Commons, found in the index of its client.

    The client brings a series as a whole. It is laid down beside, counted and weighed, and only
    then goes to the store; a series that breaks off starts anew.

    Parameters
    ----------
    client
        An `idc_index.index.IDCClient`.
    collection
        The registry's line.
    staging
        Folder for series that are under way.
    analysis_results
        Whether to take also what others added to the collection later.
    is_there
        Says whether an address answers. The client itself tries for many minutes without a word.
    """

    # The client keeps one database connection and starts several downloads by itself.
    threads_allowed = False

    def __init__(
        self,
        client: Any,
        collection: Listed,
        staging: Path,
        analysis_results: bool = False,
        is_there: Callable[[str], bool] = answers,
    ) -> None:
        self._client = client
        self._collection = collection
        self._staging = staging
        self._analysis_results = analysis_results
        self._is_there = is_there
        self._rows: dict[str, Any] = {}
        self.notes = self._notes()

    def _notes(self) -> list[str]:
        registered = self._collection.version.removeprefix("IDC").strip()
        here = str(self._client.get_idc_version())
        if registered in ("", here):
            return []
        return [
            f"The registry describes version {registered} of the Imaging Data Commons, and the "
            f"installed index is {here}: numbers of patients and images may differ."
        ]

    def find(self, query: Query) -> list[RemoteSeries]:
        """Read the collection's series from the index; no network is needed."""
        table = self._client.index
        table = table[table["collection_id"] == self._collection.where]
        if not self._analysis_results and "analysis_result_id" in table.columns:
            table = table[table["analysis_result_id"].isna()]
        if table.empty:
            raise DataError(
                f"The installed index of the Imaging Data Commons has no collection "
                f"'{self._collection.where}'",
                "update idc-index, or correct the registry's column `where`",
            )
        found = [_series(row) for row in table.to_dict("records")]
        wanted = {item.series_uid for item in found if query.wants(item)}
        self._rows = {
            str(row["SeriesInstanceUID"]): row
            for row in table.to_dict("records")
            if str(row["SeriesInstanceUID"]) in wanted
        }
        return found

    def images(self, series: RemoteSeries) -> None:
        """The index counts images and does not list them."""

    def retrieve(self, series: RemoteSeries, missing: Sequence[str] | None, store: Store) -> None:
        """Bring a whole series, check number and size of its files, hand them over."""
        row = self._rows[series.series_uid]
        if not self._is_there(f"https://{row['aws_bucket']}.s3.amazonaws.com/"):
            raise BrokenError("there is no network, or a firewall keeps the archive's store away")
        folder = self._staging / Keys("", public=False).file("series", series.series_uid)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            self._client.download_dicom_series(
                seriesInstanceUID=series.series_uid,
                downloadDir=str(folder),
                quiet=True,
                show_progress_bar=False,
                dirTemplate=None,
            )
            files = dict(_dicom_files(folder))
            size = sum(path.stat().st_size for path in files.values())
            expected = float(row["series_size_MB"]) * 1e6
            if len(files) != series.images or abs(size - expected) > SIZE_TOLERANCE * expected:
                raise BrokenError("a series came with files missing or cut short")
            for uid, path in files.items():
                if uid not in store.manifest:
                    store.take(series, uid, path)
        except (DataError, BrokenError):
            raise
        except Exception:
            # Its errors are of many kinds, and their text holds paths and UIDs.
            raise BrokenError("its client idc-index could not download a series") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Nothing is held open."""


def _series(row: dict[str, Any]) -> RemoteSeries:
    return RemoteSeries(
        _word(row["PatientID"]),
        _word(row["StudyDate"]).replace("-", ""),
        _word(row["StudyInstanceUID"]),
        _word(row["SeriesInstanceUID"]),
        _word(row["Modality"]),
        _word(row["SeriesDescription"]),
        int(row["instanceCount"]),
    )


def _word(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _dicom_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                data = pydicom.dcmread(path, specific_tags=["SOPInstanceUID"])
            except InvalidDicomError:
                continue
            yield str(data.SOPInstanceUID), path
