"""What the codes of DIMSE and of association control mean, and what to do about them."""

from __future__ import annotations

from rigoromics.errors import DataError
from rigoromics.fetch.retry import BrokenError

# Result, source and reason of a rejected association: PS3.8, 9.3.4.
TRANSIENT, BY_USER = 2, 1
CALLING_UNKNOWN, CALLED_UNKNOWN = 3, 7
# PS3.4, C.4.1.1.4, C.4.2.1.5 and C.4.3.1.4.
OUT_OF_RESOURCES = {0xA700, 0xA701, 0xA702}
DESTINATION_UNKNOWN = 0xA801
NOT_AUTHORISED = 0x0124


def rejected(result: int | None, source: int | None, reason: int | None) -> Exception:
    """Say why a PACS rejects an association."""
    if source == BY_USER and reason == CALLED_UNKNOWN:
        return DataError(
            "The server at the host and port in the config does not go by the AE title in the "
            "config",
            "correct `fetch: dimse: ae_title` (upper and lower case count), or the port",
        )
    if source == BY_USER and reason == CALLING_UNKNOWN:
        return DataError(
            "The PACS does not know this computer's AE title",
            "have the PACS's administrator enter `fetch: dimse: own_ae_title` with this "
            "computer's address and `own_port`",
        )
    if result == TRANSIENT:
        return BrokenError("it has too many connections just now")
    return DataError(
        "The PACS does not accept a connection from here",
        "have its administrator enter `fetch: dimse: own_ae_title` with this computer's address "
        "and `own_port`, with the right to query and retrieve",
    )


def no_service() -> DataError:
    """Say that a PACS accepts the connection, but not what it is for."""
    return DataError(
        "The PACS does not let this AE title query or retrieve in the Study Root model",
        "ask its administrator for the right to C-FIND and C-MOVE; where it lacks "
        "`retrieve: get`, use `retrieve: move`",
    )


def find(status: int) -> Exception:
    """Say why a PACS does not search."""
    if status in OUT_OF_RESOURCES:
        return BrokenError("it has no resources for a search just now")
    return DataError(
        f"The PACS refuses the search (status 0x{status:04X})",
        "ask its administrator for the right to C-FIND; a limit on the number of results asks "
        "for narrower filters under `fetch`",
    )


def move(status: int) -> Exception:
    """Say why a PACS does not send by C-MOVE."""
    if status == DESTINATION_UNKNOWN:
        return DataError(
            "The PACS does not know where to send: it has no address for this computer's AE title",
            "have its administrator enter `fetch: dimse: own_ae_title` with this computer's "
            "address and `own_port`",
        )
    if status == NOT_AUTHORISED:
        return get(status)
    return BrokenError(
        f"it could not send (status 0x{status:04X}); often because a firewall closes `own_port`, "
        "or because the PACS has no address, or another address or port, for `own_ae_title`"
    )


def get(status: int) -> Exception:
    """Say why a PACS does not send by C-GET."""
    if status == NOT_AUTHORISED:
        return DataError(
            "The PACS does not let this AE title retrieve",
            "ask its administrator for the right to C-MOVE or C-GET",
        )
    return BrokenError(f"it could not send (status 0x{status:04X})")
