"""Many patients with one spoiled file each, written as bytes from one pattern."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom

from tests.bad_input import patients as made
from tests.bad_input.patients import Patient
from tests.fuzz.mutate import mutate

NUMBER = 1_000_000
NAME = f"F{NUMBER}"
TURN = ("slice", "rtstruct", "seg")


@dataclass(frozen=True)
class Pattern:
    """The files of one sound patient, whose number stands in them as text of fixed width."""

    files: dict[str, bytes]

    @classmethod
    def of(cls, folder: Path, drawing: str) -> Pattern:
        """Return the pattern with contours as `rtstruct` or `seg`."""
        patient = Patient(NAME, NUMBER - 1)
        patient.slices = made.series(patient)
        patient.drawings["R1"] = (
            made.structures(patient) if drawing == "rtstruct" else made.segments(patient)
        )
        written = patient.write(folder)
        return cls({path.name: path.read_bytes() for path in sorted(written.iterdir())})

    def patient(self, number: int) -> dict[str, bytes]:
        """Return the files of another patient: other IDs, and one other voxel a slice."""
        old, new = str(NUMBER).encode(), str(NUMBER + number).encode()
        files = {name: content.replace(old, new) for name, content in self.files.items()}
        mark = (number % 60_000).to_bytes(2, "little")
        return {
            name: content[:-2] + mark if name.startswith("im") else content
            for name, content in files.items()
        }


def write_fuzzed(raw: Path, numbers: range, seed: int) -> Iterator[tuple[str, str]]:
    """Write patients, one spoiled file each; yield PatientID and what was spoiled.

    The files of patient n are the same in any range and on any machine.
    """
    patterns = {kind: Pattern.of(raw / "pattern", kind) for kind in ("rtstruct", "seg")}
    for path in sorted((raw / "pattern").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (raw / "pattern").rmdir()
    for number in numbers:
        chance = random.Random(f"{seed} {number}")
        turn = TURN[number % len(TURN)]
        files = patterns["seg" if turn == "seg" or number % 2 else "rtstruct"].patient(number)
        if turn == "rtstruct":
            files = patterns["rtstruct"].patient(number)
        name = f"im{chance.randrange(made.SHAPE[0]):02d}" if turn == "slice" else "seg-R1"
        files[name] = mutate(files[name], chance)
        folder = raw / f"F{NUMBER + number}"
        folder.mkdir(parents=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        yield folder.name, turn


def is_sound(content: bytes) -> bool:
    """Whether pydicom reads the whole file, for counting only."""
    try:
        pydicom.dcmread(BytesIO(content)).walk(lambda *_: None)
    except Exception:  # whatever it is, the file is not sound
        return False
    return True
