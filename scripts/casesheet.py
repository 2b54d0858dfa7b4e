"""The reviewed case sheet as the rules need it: cases, chunks and what each chunk depends on."""

import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from scripts.tables import read_rows

# Two rules run by chunk: 512 jobs, and some thirty for all else. A scheduler shared with others
# takes that at a time, and each job of 10,000 patients is minutes of work, not seconds.
MOST_CHUNKS = 256


class CaseSheet:
    """Rows of `cases.tsv` that the person includes, grouped into chunks.

    Parameters
    ----------
    sheet
        The reviewed sheet; a sheet that is not there yet has no cases.
    segmentations
        The private table that says where each segmentation file lies.
    cases_per_chunk
        Cases that share a job; 1 gives each case its own chunk, named after it. `auto`: each its
        own up to `MOST_CHUNKS` cases, from there on so many that there are no more chunks.
    """

    COLUMNS = ("include", "patient", "timepoint", "scan", "roi", "rater", "segmentation")

    def __init__(
        self, sheet: Path, segmentations: Path, cases_per_chunk: int | Literal["auto"]
    ) -> None:
        self.exists = sheet.is_file()
        rows = read_rows(sheet, errors="replace") if self.exists else []
        self.problem = self._problem_of(sheet, segmentations, rows)
        included = [] if self.problem else rows
        self.rows = [row for row in included if row["include"].strip().lower() == "yes"]
        self._segmentations = segmentations
        self._cases_per_chunk = cases_per_chunk

    def _problem_of(self, sheet: Path, segmentations: Path, rows: list[dict[str, str]]) -> str:
        """What keeps the sheet from being used, in words; nothing where it is as it should be."""
        broken = [row for row in rows if any(row.get(name) is None for name in self.COLUMNS)]
        if broken:
            return (
                f"The case sheet {sheet} was saved in another format. Save it as text with tabs "
                "between columns, or move it away and run `snakemake sheet`."
            )
        if rows and not segmentations.is_file():
            return f"{segmentations} is missing. Run `snakemake sheet` again."
        return ""

    @cached_property
    def chunks(self) -> dict[str, list[dict[str, str]]]:
        """Rows of each chunk. Chunks of several cases are filled by a stable hash of the case,
        so that an added patient changes one chunk and no other.
        """
        cases = {(row["patient"], row["timepoint"]) for row in self.rows}
        auto = self._cases_per_chunk == "auto"
        alone = len(cases) <= MOST_CHUNKS if auto else self._cases_per_chunk == 1
        groups = MOST_CHUNKS if auto else _power_of_two(len(cases) / self._cases_per_chunk)
        chunks: dict[str, list[dict[str, str]]] = {}
        for row in self.rows:
            case = f"{row['patient']}_{row['timepoint']}"
            name = _file_name(case) if alone else f"chunk-{_stable_hash(case) % groups:04d}"
            chunks.setdefault(name, []).append(row)
        return dict(sorted(chunks.items()))

    def cases(self, chunk: str) -> int:
        """Number of cases of a chunk."""
        return len({(row["patient"], row["timepoint"]) for row in self.chunks[chunk]})

    def rows_of(self, chunk: str) -> list[dict[str, str]]:
        """Rows of a chunk without what no image depends on, or what is an input of its own."""
        left_out = {"note", "segmentation_digest"}
        return [
            {key: value for key, value in row.items() if key not in left_out}
            for row in self.chunks[chunk]
        ]

    @cached_property
    def segmentation_files(self) -> dict[str, dict[str, str]]:
        """Path of each segmentation, relative to the raw folder, by its key, of each chunk."""
        return {
            chunk: {
                key: self._paths[key]
                for key in sorted({row["segmentation"] for row in rows})
                if key in self._paths
            }
            for chunk, rows in self.chunks.items()
        }

    @cached_property
    def _paths(self) -> dict[str, str]:
        return {row["key"]: row["path"] for row in read_rows(self._segmentations, errors="replace")}


def _file_name(case: str) -> str:
    """A case's name without blanks and signs; told apart by a hash where any were there."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", case)
    return case if plain == case else f"{plain}-{_stable_hash(case) % 16**6:06x}"


def _stable_hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _power_of_two(number: float) -> int:
    """Round up to a power of two: the number of chunks seldom changes as a study grows."""
    groups = 1
    while groups < number:
        groups *= 2
    return groups
