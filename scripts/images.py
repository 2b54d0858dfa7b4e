"""Images, masks and contact sheets of one chunk: from DICOM and contours to files for features."""

import hashlib
import logging
import re
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import SimpleITK as sitk

from rigoromics.errors import DataError, Problem, Severity, problems_table
from rigoromics.read.series import read_series
from rigoromics.segment.checks import (
    Agreement,
    check_mask,
    disagreement_notes,
    volume_ml,
)
from rigoromics.segment.checks import agreement as compare
from rigoromics.segment.contact_sheet import Drawing, draw_contact_sheet
from rigoromics.segment.load import read_segmentation
from scripts.tables import read_tsv, write_tsv

log = logging.getLogger(__name__)

Row = dict[str, str]
WHO = ["patient", "cohort", "timepoint", "scan", "roi", "rater"]
FILES = ["image_path", "image_sha256", "mask_path", "mask_sha256"]
INDEX_COLUMNS = [*WHO, *FILES, "voxels", "volume_ml", "spacing"]
SCAN = ["patient", "timepoint", "scan"]
AGREEMENT_COLUMNS = [*SCAN, "roi", "rater_a", "rater_b", "dice", "hausdorff95_mm"]


def main(
    *,
    index: Path,
    problems: Path,
    agreement: Path,
    raw: Path,
    private: Path,
    rows: list[Row],
    settings: dict[str, Any],
    threads: int = 1,
) -> dict[str, float]:
    """Make the images of one chunk; a scan or mask that fails is left out and says why.

    Parameters
    ----------
    index, problems, agreement
        Tables to write; images, masks and contact sheets go beside the index.
    raw, private
        The study's folders of raw data and of what may identify patients.
    rows
        The chunk's rows of the case sheet.
    settings
        `min_voxels`, `seg_threshold`, `contact_sheet`; if given, `reference_rater` comes first
        on contact sheets.
    threads
        Threads of SimpleITK.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    _remove_former_files(index.parent)
    source = Source(Path(raw), Path(private), rows)
    scans = [
        ScanJob(list(group), source, index.parent, settings)
        for _, group in groupby(sorted(rows, key=_scan_of), key=_scan_of)
    ]
    for number, scan in enumerate(scans, start=1):
        scan.make()
        log.info("%d of %d scans: %s, %d masks", number, len(scans), scan.stem, len(scan.index))
    found = [problem for scan in scans for problem in scan.problems]
    listed = [row for scan in scans for row in scan.index]
    pairs = [row for scan in scans for row in scan.agreement_rows()]
    write_tsv(pd.DataFrame(listed, columns=INDEX_COLUMNS), index)
    write_tsv(pd.DataFrame(pairs, columns=AGREEMENT_COLUMNS), agreement)
    write_tsv(problems_table(found), problems)
    return {
        "masks": float(len(listed)),
        "refused": float(sum(problem.severity == "refused" for problem in found)),
    }


def _scan_of(row: Row) -> tuple[str, str, str]:
    return row["patient"], row["timepoint"], row["scan"]


def _remove_former_files(folder: Path) -> None:
    for pattern in ("*.nii.gz", "*.png"):
        for path in folder.glob(pattern):
            path.unlink()


class Source:
    """Where the files of a chunk lie, and what each segmentation's ROI is called in its file."""

    def __init__(self, raw: Path, private: Path, rows: Sequence[Row]) -> None:
        self._raw = raw
        keys = {row["image"] for row in rows}
        files = pd.read_parquet(private / "files.parquet", filters=[("key", "in", keys)])
        self._files = files.sort_values(["key", "order", "path"])
        self._segmentations = read_tsv(private / "segmentations.tsv").astype(str)

    def image_files(self, row: Row) -> list[Path]:
        """Return the files of the row's series, unchanged since the sheet was drafted.

        Raises
        ------
        DataError
            When a file is missing or its content is another.
        """
        chosen = self._files[self._files["key"] == row["image"]]
        files = [self._raw / path for path in chosen["path"]]
        missing = sum(not path.is_file() for path in files)
        if missing or not files:
            raise DataError(
                f"{missing or 'all'} files of the series are missing",
                "put them back, or run `snakemake sheet` if they were removed on purpose",
            )
        if _digest(files) != row["image_digest"]:
            raise DataError(
                "the files of the series changed since the sheet was drafted",
                "run `snakemake sheet` and look at the new sheet",
            )
        return files

    def segmentation(self, row: Row) -> tuple[Path, str]:
        """Return the file of the row's segmentation and the ROI's name in it."""
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
        return self._raw / found["path"], found["roi_name"]


@dataclass
class ScanJob:
    """One scan with its segmentations: makes its files and collects rows and problems."""

    rows: list[Row]
    source: Source
    folder: Path
    settings: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    index: list[dict[str, Any]] = field(default_factory=list)
    agreements: dict[tuple[str, str, str], Agreement] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """Front of the names of the scan's files."""
        return "_".join(_file_name(part) for part in _scan_of(self.rows[0]))

    def make(self) -> None:
        """Write image, masks and contact sheet, or say why not."""
        first = self.rows[0]
        blank = {**first, "roi": "", "rater": ""}
        with Refusing(self, blank, first["image"]):
            if len({row["image"] for row in self.rows}) > 1:
                raise DataError(
                    "the sheet gives this scan more than one series",
                    "set include to no for all but one of them in cases.tsv",
                )
            files = self.source.image_files(first)
            image = _storable(read_series(files))
            drawings = self._drawings(image, *_identity(files))
            if drawings:
                self._write(image, drawings)

    def _drawings(
        self, image: sitk.Image, frame: str, sop_uids: set[str]
    ) -> list[tuple[Row, Drawing]]:
        """Return the masks that can be used, the reference rater's first."""
        reference = self.settings.get("reference_rater", "")
        ordered = sorted(self.rows, key=lambda r: (r["roi"], r["rater"] != reference, r["rater"]))
        usable: list[tuple[Row, Drawing]] = []
        for row in ordered:
            with Refusing(self, row, row["segmentation"]):
                if any((d.roi, d.rater) == (row["roi"], row["rater"]) for _, d in usable):
                    raise DataError(
                        "the sheet gives this rater two segmentations of the same ROI",
                        "set include to no for one of them in cases.tsv",
                    )
                path, name = self.source.segmentation(row)
                mask, notes = read_segmentation(
                    path,
                    name,
                    image,
                    threshold=self.settings["seg_threshold"],
                    frame_of_reference=frame,
                    sop_uids=sop_uids,
                )
                notes += check_mask(mask, min_voxels=self.settings["min_voxels"])
                self.note(row, row["segmentation"], notes)
                if not any(remark.severity == "refused" for remark in notes):
                    usable.append((row, Drawing(row["roi"], row["rater"], mask)))
        return usable

    def note(self, row: Row, file: str, notes: Sequence[Problem]) -> None:
        """Keep problems, with the place they belong to."""
        for remark in notes:
            self.problems.append(
                replace(
                    remark,
                    problem=remark.problem[:1].upper() + remark.problem[1:],
                    patient=row["patient"],
                    timepoint=row["timepoint"],
                    scan=row["scan"],
                    roi=row["roi"],
                    rater=row["rater"],
                    file=file,
                )
            )

    def _write(self, image: sitk.Image, drawings: list[tuple[Row, Drawing]]) -> None:
        image_path = self.folder / f"{self.stem}.nii.gz"
        image_hash = _write_image(image, image_path)
        spacing = " x ".join(f"{value:.6g}" for value in image.GetSpacing())
        for row, drawing in drawings:
            name = "__".join([self.stem, *(_file_name(row[n]) for n in ("roi", "rater"))])
            mask_path = self.folder / f"{name}.nii.gz"
            self.index.append(
                {column: row[column] for column in WHO}
                | {
                    "image_path": image_path.name,
                    "image_sha256": image_hash,
                    "mask_path": mask_path.name,
                    "mask_sha256": _write_image(drawing.mask, mask_path),
                    "voxels": int(sitk.GetArrayViewFromImage(drawing.mask).sum()),
                    "volume_ml": volume_ml(drawing.mask),
                    "spacing": f"{spacing} mm",
                }
            )
        self._compare(drawings)
        if self.settings["contact_sheet"]:
            first = self.rows[0]
            draw_contact_sheet(
                self.folder / f"{self.stem}.png",
                image,
                [drawing for _, drawing in drawings],
                title="   ".join(_scan_of(first)),
                modality=first["modality"],
                agreements=self.agreements,
            )

    def _compare(self, drawings: list[tuple[Row, Drawing]]) -> None:
        for (_, a), (row, b) in combinations(drawings, 2):
            if a.roi == b.roi:
                pair = compare(a.mask, b.mask)
                self.agreements[a.roi, a.rater, b.rater] = pair
                notes = disagreement_notes(b.mask, a.mask, pair.dice, a.rater)
                self.note(row, row["segmentation"], notes)

    def agreement_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row per pair of raters of one ROI."""
        scan = dict(zip(SCAN, _scan_of(self.rows[0]), strict=True))
        for (roi, a, b), pair in self.agreements.items():
            yield {**scan, "roi": roi, "rater_a": a, "rater_b": b} | {
                "dice": pair.dice,
                "hausdorff95_mm": pair.hausdorff95_mm,
            }


class Refusing:
    """Turn what goes wrong inside into a problem of one scan or mask; the rest goes on."""

    def __init__(self, job: ScanJob, row: Row, file: str) -> None:
        self._job, self._row, self._file = job, row, file

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        """Keep an error as a problem, and go on."""
        if not isinstance(error, Exception):
            return False
        severity: Severity = "refused"
        problem, remedy = f"an unexpected failure ({kind.__name__})", "report it with the log file"
        if isinstance(error, DataError):
            problem, remedy = error.problem, error.remedy
        else:
            # Without the message, which may quote a patient's file or header.
            where = "".join(traceback.format_tb(trace))
            log.error("%s: unexpected %s\n%s", self._job.stem, kind.__name__, where)
        self._job.note(self._row, self._file, [Problem("images", severity, problem, remedy)])
        return True


def _digest(files: Sequence[Path]) -> str:
    """Return the hash of the files' hashes, in order, as the sheet has it."""
    hashes = []
    for path in files:
        with path.open("rb") as content:
            hashes.append(hashlib.file_digest(content, "sha256").hexdigest())
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _identity(files: Sequence[Path]) -> tuple[str, set[str]]:
    """Return the Frame of Reference UID and the SOP Instance UIDs of a series."""
    tags: list[Any] = ["FrameOfReferenceUID", "SOPInstanceUID"]
    headers = [
        pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags, force=True)
        for path in files
    ]
    frame = str(headers[0].get("FrameOfReferenceUID", ""))
    return frame, {str(header.get("SOPInstanceUID", "")) for header in headers}


def _storable(image: sitk.Image) -> sitk.Image:
    """Return the image as int16 where that is exact, else as float32."""
    values = sitk.GetArrayViewFromImage(image)
    limits = np.iinfo(np.int16)
    fits = limits.min <= values.min() and values.max() <= limits.max
    if fits and np.array_equal(values, np.rint(values)):
        return sitk.Cast(image, sitk.sitkInt16)
    return sitk.Cast(image, sitk.sitkFloat32)


def _write_image(image: sitk.Image, path: Path) -> str:
    """Write NIfTI without any metadata but the grid, and return the file's SHA-256."""
    bare = sitk.GetImageFromArray(sitk.GetArrayViewFromImage(image))
    bare.SetSpacing(image.GetSpacing())
    bare.SetOrigin(image.GetOrigin())
    bare.SetDirection(image.GetDirection())
    sitk.WriteImage(bare, str(path), useCompression=True)
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _file_name(text: str) -> str:
    """Return a text as part of a file name; public patient IDs may hold any character."""
    clean = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)
    return text if clean == text else f"{clean}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
