"""Names of files that are made of patient, timepoint, scan, ROI and rater."""

import re
from collections.abc import Mapping

from scripts.hashing import text_sha256


def scan_stem(patient: str, timepoint: str, scan: str) -> str:
    """Return the front of the names of a scan's files."""
    return "_".join(safe(part) for part in (patient, timepoint, scan))


def mask_stem(row: Mapping[str, str]) -> str:
    """Return the front of the name of a mask's file."""
    stem = scan_stem(row["patient"], row["timepoint"], row["scan"])
    return "__".join([stem, safe(row["roi"]), safe(row["rater"])])


def safe(text: str) -> str:
    """Return a text as part of a file name; public patient IDs may hold any character."""
    clean = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)
    return text if clean == text else f"{clean}-{text_sha256(text)[:6]}"
