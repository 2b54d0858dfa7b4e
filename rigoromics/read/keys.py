"""Keys that stand for patients, series and files without giving them away."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Keys:
    """Makes the keys of one study.

    Parameters
    ----------
    salt
        Secret of the study; without it nobody can look a known PatientID up.
    public
        Whether PatientIDs are public already and stand for themselves.

    Examples
    --------
    >>> keys = Keys("salt", public=False)
    >>> keys.patient("17") == keys.patient("17"), keys.patient("17").startswith("P-")
    (True, True)
    >>> Keys("salt", public=True).patient("STS_001")
    'STS_001'
    """

    salt: str
    public: bool

    @classmethod
    def of_study(cls, study: Mapping[str, Any], salt: str) -> Keys:
        """Return the keys as the study's privacy settings ask."""
        return cls(salt, (study.get("privacy") or {}).get("ids", "hashed") == "public")

    def _digest(self, text: str, length: int) -> str:
        return hashlib.sha256((self.salt + text).encode()).hexdigest()[:length]

    def patient(self, patient_id: str) -> str:
        """Return the key of a patient."""
        return patient_id if self.public else "P-" + self._digest(patient_id, 10)

    def file(self, kind: str, identity: str) -> str:
        """Return the key of a series or file: its kind (modality) and its salted identity."""
        return f"{kind or 'FILE'}-{self._digest(identity, 10)}"

    def centre(self, name: str) -> str:
        """Return the key of a centre that the config does not name."""
        return "centre-" + self._digest(name, 6)
