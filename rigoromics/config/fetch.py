"""Config of `snakemake fetch`: which archive holds the images, and which of them to ask for."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from rigoromics.config.data import Regex
from rigoromics.extract.settings import Section

# PS3.5, 6.2: an application entity title has up to 16 characters and no backslash.
AeTitle = Annotated[str, Field(pattern=r"^[^\\\s]([^\\]{0,14}[^\\\s])?$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Tls(Section):
    """Certificates for an encrypted connection, as PEM files."""

    ca_file: str | None = None
    """Certificates that the server's one is checked against; none: those this machine trusts."""
    certificate: str | None = None
    """Own certificate, where the server asks for one."""
    key: str | None = None
    """Private key of `certificate`; none: it stands in the same file."""

    @model_validator(mode="after")
    def _key_needs_certificate(self) -> Self:
        if self.key and not self.certificate:
            raise ValueError("`key` needs `certificate`")
        return self


class DicomWeb(Section):
    """A server that speaks DICOMweb: QIDO-RS to search, WADO-RS to retrieve (PS3.18)."""

    url: str
    """Root of the service: `https://pacs.example.org/dicom-web`. Passwords never stand here."""
    qido_prefix: str | None = None
    """Path of QIDO-RS below `url`, where the server has one."""
    wado_prefix: str | None = None
    """Path of WADO-RS below `url`, where the server has one."""
    tls: Tls = Tls()
    """Certificates for https."""

    # A check of the whole section: a message on the field alone would show what was given.
    @model_validator(mode="after")
    def _plain_address(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("`url` begins with http:// or https:// and a server's name")
        if "@" in parts.netloc or parts.query:
            raise ValueError(
                "`url` holds a user, a password or a token; take it out, and set "
                "RIGOROMICS_FETCH_USER and RIGOROMICS_FETCH_PASSWORD, or RIGOROMICS_FETCH_TOKEN, "
                "in the environment"
            )
        return self


class Dimse(Section):
    """A PACS that speaks DIMSE: C-FIND to search, C-MOVE or C-GET to retrieve (PS3.4, annex C)."""

    host: str
    """Name or number of the PACS in the network."""
    port: Port
    """Its DICOM port."""
    ae_title: AeTitle
    """Its application entity (AE) title."""
    own_ae_title: AeTitle = "RIGOROMICS"
    """AE title of this computer; the PACS must know it."""
    retrieve: Literal["move", "get"] = "move"
    """move: the PACS connects to `own_port` of this computer and sends. get: it answers on the
    connection it was asked on; many do not offer that."""
    own_port: Port = 11112
    """move: port of this computer to which the PACS sends; it must know it too."""
    own_address: str = ""
    """move: address of this computer to listen at; empty: all."""
    tls: Tls | None = None
    """Certificates for DICOM over TLS; none: not encrypted."""


class Collection(Section):
    """A public collection out of data/registry.tsv."""

    name: str
    """Its name in the registry's first column."""
    analysis_results: bool = False
    """Imaging Data Commons: also contours and measurements that others added to it later."""


class Fetch(Section):
    """Where `snakemake fetch` retrieves raw images from, and which."""

    dicomweb: DicomWeb | None = None
    dimse: Dimse | None = None
    collection: Collection | None = None
    patients: Literal["clinical", "all"] = "clinical"
    """clinical: those of the clinical table. all: every patient the other filters leave."""
    modalities: list[Annotated[str, Field(pattern=r"^[A-Z]{2,16}$")]] = []
    """DICOM modalities to ask for, RTSTRUCT and SEG included; empty: all."""
    first_date: date | None = None
    """Studies of this day and later: 2015-01-31."""
    last_date: date | None = None
    """Studies of this day and earlier."""
    series: dict[str, Regex] = {}
    """Modality to regular expression that its SeriesDescription must hold, upper and lower case
    alike; modalities not named here come whole."""
    not_series: dict[str, Regex] = {}
    """Modality to regular expression; a series whose SeriesDescription holds it stays away."""
    max_series: PositiveInt | None = None
    """No more series than this, the first by patient and date; none: no limit."""
    connections: Annotated[int, Field(ge=1, le=16)] = 2
    """Series retrieved at the same time."""
    attempts: PositiveInt = 4
    """How often in a row one request may fail before its series is left for the next run."""
    wait_s: PositiveFloat = 2.0
    """Pause after the first failure, s; it doubles with each further one."""
    timeout_s: PositiveFloat = 60.0
    """How long the server may stay silent, s; ten times that while it brings images."""
    verify: Literal["content", "size"] = "content"
    """How files from earlier runs are checked: by SHA-256, or quickly by their size alone."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        named = [n for n in ("dicomweb", "dimse", "collection") if getattr(self, n) is not None]
        if len(named) != 1:
            given = " and ".join(named) or "none"
            raise ValueError(
                f"name one source, `dicomweb`, `dimse` or `collection` (given: {given})"
            )
        if self.first_date and self.last_date and self.first_date > self.last_date:
            raise ValueError("`first_date` is after `last_date`")
        if self.collection is None and self.patients == "all" and not self.first_date:
            raise ValueError(
                "`patients: all` would ask a hospital's archive for everybody; "
                "give `first_date`, or take the patients of the clinical table"
            )
        return self
