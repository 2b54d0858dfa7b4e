"""Where the files of a chunk lie, unchanged since the sheet was drafted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from rigoromics.errors import DataError
from scripts.hashing import file_sha256, joint_sha256
from scripts.tables import read_tsv

Row = dict[str, str]


@dataclass(frozen=True)
class SeriesFiles:
    """The files of one series in their order, and which frame of each is meant (0: no frames)."""

    paths: list[Path]
    frames: list[int]


@dataclass(frozen=True)
class SegmentationFile:
    """A segmentation's file, and by which name and number the ROI is found in it."""

    path: Path
    name: str
    number: int


class Source:
    """The private tables of a study, for the rows of one chunk."""

    def __init__(self, raw: Path, private: Path, rows: Sequence[Row]) -> None:
        self._raw = raw
        # A person may have excluded every row; a filter for no key at all is an error.
        keys = {row["image"] for row in rows} or {""}
        files = pd.read_parquet(private / "files.parquet", filters=[("key", "in", keys)])
        if "frame" not in files:
            files = files.assign(frame=0)
        self._files = files.sort_values(["key", "order", "path", "frame"])
        self._segmentations = read_tsv(private / "segmentations.tsv").astype(str)

    def series(self, row: Row) -> SeriesFiles:
        """Return the files of the row's series.

        Raises
        ------
        DataError
            When a file is missing or its content is another.
        """
        chosen = self._files[self._files["key"] == row["image"]]
        paths = [self._raw / path for path in chosen["path"]]
        missing = sum(not path.is_file() for path in set(paths))
        if missing or not paths:
            raise DataError(
                f"{missing or 'all'} of the {len(set(paths))} files of the series cannot be found",
                "put them back, or run `snakemake sheet` if they were removed on purpose",
            )
        # A multi-frame file comes once for each frame, and is read once.
        hashes = {path: file_sha256(path) for path in dict.fromkeys(paths)}
        if joint_sha256(hashes[path] for path in paths) != row["image_digest"]:
            raise DataError(
                "the files of the series changed since the sheet was drafted",
                "run `snakemake sheet` and look at the new sheet",
            )
        return SeriesFiles(paths, [int(frame) for frame in chosen["frame"]])

    def segmentation(self, row: Row) -> SegmentationFile:
        """Return the file of the row's segmentation, and how the ROI is called in it.

        Raises
        ------
        DataError
            When the private table does not have just one entry for the row.
        """
        table = self._segmentations
        chosen = table[
            (table["key"] == row["segmentation"])
            & (table["image_key"] == row["image"])
            & (table["roi"] == row["roi"])
            & (table["rater"] == row["rater"])
        ]
        if len(chosen) != 1:
            raise DataError(
                f"the private table of segmentations has {len(chosen)} entries for this row "
                "instead of one",
                "run `snakemake sheet` again",
            )
        found = chosen.iloc[0]
        path = self._raw / found["path"]
        return SegmentationFile(path, found["roi_name"], int(found["roi_number"] or 0))
