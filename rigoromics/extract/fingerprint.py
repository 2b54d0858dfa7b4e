"""A fingerprint of extraction settings, by which a signature knows its own features again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rigoromics.errors import DataError

Fingerprints = dict[str, str]

# The engines give the same values, so which one ran is no difference.
NO_DIFFERENCE = ("engine",)


def fingerprints(settings: Mapping[str, Mapping[str, Any]]) -> Fingerprints:
    """Return the SHA-256 of each scan's extraction settings.

    Parameters
    ----------
    settings
        Scan to its settings, as plain types.

    Examples
    --------
    >>> one = fingerprints({"ct": {"engine": "fast", "smallest_roi": {"voxels": 27}}})
    >>> one == fingerprints({"ct": {"smallest_roi": {"voxels": 27}, "engine": "pyradiomics"}})
    True
    >>> one == fingerprints({"ct": {"smallest_roi": {"voxels": 64}}})
    False
    """
    return {scan: _fingerprint(own) for scan, own in sorted(settings.items())}


def refuse_other_settings(wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Refuse features that were extracted with other settings than a signature's.

    Parameters
    ----------
    wanted
        Fingerprints that the signature was built with; empty if it never knew any.
    found
        Fingerprints of the features at hand. The only scan may have another name.

    Raises
    ------
    DataError
        If the settings of a scan differ, or are not known.
    """
    if not wanted:
        return
    if not found:
        raise DataError(
            "nothing says with which settings these features were extracted, and the signature "
            f"needs those with the fingerprints {_words(wanted)}",
            "hand in features.parquet or table.parquet as Rigoromics wrote it; if you are sure "
            "that the settings are the same, say so with `--settings-unchecked`",
        )
    if len(wanted) == len(found) == 1:
        same = list(wanted.values()) == list(found.values())
    else:
        same = all(found.get(scan) == value for scan, value in wanted.items())
    if not same:
        raise DataError(
            "the features were extracted with other settings than the signature's: fingerprints "
            f"{_words(found)}, needed {_words(wanted)}",
            "extract them again with the extraction file of the study that made the signature",
        )


def _fingerprint(settings: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in settings.items() if name not in NO_DIFFERENCE}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _words(prints: Mapping[str, str]) -> str:
    return ", ".join(f"{scan} {value[:12]}" for scan, value in prints.items())
