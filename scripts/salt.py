"""The secret of a study, from which its keys are made."""

import secrets
from pathlib import Path

from scripts.tables import write_if_changed


def study_salt(path: Path) -> str:
    """Return the study's salt; make it when it is asked for first."""
    if not path.is_file():
        write_if_changed(path, (secrets.token_hex(16) + "\n").encode())
        path.chmod(0o600)
    return path.read_text(encoding="utf-8").strip()
