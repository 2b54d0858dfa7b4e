"""From the config to the archive it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from rigoromics.config.fetch import DicomWeb, Fetch
from rigoromics.errors import DataError
from rigoromics.fetch.archive import ArchiveSource
from rigoromics.fetch.collections import IdcSource, Listed, idc_client, listed
from rigoromics.fetch.dicomweb import DicomWebSource, Secrets
from rigoromics.fetch.dimse import DimseSource
from rigoromics.fetch.engine import Source
from rigoromics.fetch.query import Query
from rigoromics.fetch.retry import Patience

VARIABLES = {
    "user": "RIGOROMICS_FETCH_USER",
    "password": "RIGOROMICS_FETCH_PASSWORD",
    "token": "RIGOROMICS_FETCH_TOKEN",
}


def secrets_of(environment: Mapping[str, str]) -> Secrets:
    """Return what proves who asks; there may be nothing."""
    return Secrets(**{key: environment.get(name, "") for key, name in VARIABLES.items()})


def query_of(settings: Fetch, patients: list[str] | None) -> Query:
    """Return what the config asks for, of these patients."""
    if settings.patients == "clinical" and patients is None:
        raise DataError(
            "The config asks for the patients of the clinical table, and there is none",
            "name it under `clinical: table:`, or say `fetch: patients: all`",
        )
    return Query(
        None if settings.patients == "all" or patients is None else frozenset(patients),
        frozenset(settings.modalities),
        settings.first_date,
        settings.last_date,
        settings.series,
        settings.not_series,
        settings.max_series,
    )


def open_source(
    settings: Fetch,
    registry: Callable[[], pd.DataFrame],
    secrets: Secrets,
    staging: Path,
    patience: Patience,
    say: Callable[[str], None],
) -> Source:
    """Return the archive that the config names; no word goes over the network yet.

    Parameters
    ----------
    settings
        The config's section.
    registry
        Reads the registry of collections, if it is needed.
    secrets
        Who asks, for DICOMweb.
    staging
        Private folder for downloads under way.
    patience
        How failures are borne.
    say
        Takes a line of text for the person.
    """
    seconds = settings.timeout_s
    if settings.dimse is not None:
        return DimseSource(settings.dimse, patience, seconds, settings.connections)
    if settings.dicomweb is not None:
        if settings.dicomweb.url.startswith("http:") and (secrets.user or secrets.token):
            say("The address begins with http: the password travels for everyone to read.")
        return DicomWebSource(settings.dicomweb, secrets, patience, seconds)
    if settings.collection is None:
        raise ValueError("a validated config names one source")
    found = listed(registry(), settings.collection.name)
    say(_terms(found))
    if found.how == "dicomweb":
        # What proves who asks is meant for the hospital's server, never for this one.
        return DicomWebSource(_public_server(found.where), Secrets(), patience, seconds)
    if found.how == "url":
        return ArchiveSource(found.where, staging, patience, seconds, say)
    source = IdcSource(idc_client(), found, staging, settings.collection.analysis_results)
    for note in source.notes:
        say(note)
    return source


def _public_server(address: str) -> DicomWeb:
    try:
        return DicomWeb(url=address)
    except ValidationError:
        raise DataError(
            "The registry's address of the collection is not a plain web address",
            "correct its column `where`: https:// and the root of the DICOMweb service",
        ) from None


def _terms(found: Listed) -> str:
    size = f", {found.size}" if found.size else ""
    return (
        f"Collection {found.collection} ({found.version}): {found.patients} patients{size}; "
        f"licence: {found.licence}. Please cite: {found.citation}"
    )
