"""SHA-256 of files, and of several hashes together: one way for the whole workflow."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def joint_sha256(hashes: Iterable[str]) -> str:
    """Return the SHA-256 of several hashes in their order."""
    return text_sha256("".join(hashes))
