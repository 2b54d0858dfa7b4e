"""Images, masks and contact sheets of one chunk: from DICOM and contours to files for features."""

import logging
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from rigoromics.errors import DataError, Problem, Severity, problems_table
from rigoromics.quality.fingerprint import fingerprint
from rigoromics.quality.images import GreyValues, check_image, check_roi
from rigoromics.quality.masks import check_mask_shape
from rigoromics.quality.registry import CHECKS, Finding
from rigoromics.quality.settings import Quality
from rigoromics.quality.tables import QUALITY_COLUMNS, quality_row
from rigoromics.read.image import ReadOptions, SeriesImage
from rigoromics.read.series import read_series
from rigoromics.segment.agreement import Agreement
from rigoromics.segment.agreement import agreement as compare
from rigoromics.segment.checks import check_mask, disagreement_notes, volume_ml
from rigoromics.segment.contact_sheet import Drawing, draw_contact_sheet
from rigoromics.segment.load import read_segmentation
from scripts.hashing import file_sha256
from scripts.image_source import Row, Source
from scripts.image_tables import AGREEMENT_COLUMNS, INDEX_COLUMNS, SCAN, WHO
from scripts.names import mask_stem, scan_stem
from scripts.storage import is_storage_failure, write_whole
from scripts.tables import write_tsv

log = logging.getLogger(__name__)

STAGE = "images"


def main(
    *,
    index: Path,
    problems: Path,
    agreement: Path,
    quality: Path,
    raw: Path,
    private: Path,
    rows: list[Row],
    settings: dict[str, Any],
    threads: int = 1,
) -> dict[str, float]:
    """Make the images of one chunk; a scan or mask that fails is left out and says why.

    Parameters
    ----------
    index, problems, agreement, quality
        Tables to write; images, masks and contact sheets go beside the index.
    raw, private
        The study's folders of raw data and of what may identify patients.
    rows
        The chunk's rows of the case sheet.
    settings
        `min_voxels`, `seg_threshold`, `contact_sheet`; if given, `reference_rater` comes first
        on contact sheets, `suv` and `volume_ml` are by scan and by ROI, and `uneven_slices`,
        `contour_gaps` and `quality` are as in the config.
    threads
        Threads of SimpleITK.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    _remove_former_files(index.parent)
    source = Source(Path(raw), Path(private), rows)
    checks = Quality.model_validate(settings.get("quality", {}))
    scans = [
        ScanJob(list(group), source, index.parent, settings, checks)
        for _, group in groupby(sorted(rows, key=_scan_of), key=_scan_of)
    ]
    for number, scan in enumerate(scans, start=1):
        scan.make()
        log.info("%d of %d scans: %s, %d masks", number, len(scans), scan.stem, len(scan.index))
    found = [problem for scan in scans for problem in scan.problems]
    listed = [row for scan in scans for row in scan.index]
    pairs = [row for scan in scans for row in scan.agreement_rows()]
    checked = [row for scan in scans for row in scan.checked]
    write_tsv(pd.DataFrame(listed, columns=INDEX_COLUMNS), index)
    write_tsv(pd.DataFrame(pairs, columns=AGREEMENT_COLUMNS), agreement)
    write_tsv(pd.DataFrame(checked, columns=QUALITY_COLUMNS), quality)
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


@dataclass
class ScanJob:
    """One scan with its segmentations: makes its files and collects rows and problems."""

    rows: list[Row]
    source: Source
    folder: Path
    settings: dict[str, Any]
    quality: Quality
    problems: list[Problem] = field(default_factory=list)
    index: list[dict[str, Any]] = field(default_factory=list)
    checked: list[Row] = field(default_factory=list)
    agreements: dict[tuple[str, str, str], Agreement] = field(default_factory=dict)
    rejected: list[Drawing] = field(default_factory=list)

    @property
    def stem(self) -> str:
        """Front of the names of the scan's files."""
        return scan_stem(*_scan_of(self.rows[0]))

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
            files = self.source.series(first)
            series = read_series(files.paths, frames=files.frames, options=self._options())
            self.note(blank, first["image"], series.notes)
            series = replace(series, image=_storable(series.image))
            values = GreyValues.of(series.image, series.modality, series.units)
            found = check_image(values, self.quality.limits)
            if self.judge(blank, first["image"], found):
                drawings = self._drawings(series, values)
                if drawings:
                    self._write(series, drawings)
                if self.settings["contact_sheet"] and (drawings or self.rejected):
                    self._draw(series, [drawing for _, drawing in drawings])

    def _options(self) -> ReadOptions:
        scan = self.rows[0]["scan"]
        return ReadOptions(
            suv=self.settings.get("suv", {}).get(scan, "bw"),
            uneven_slices=self.settings.get("uneven_slices", "refuse"),
        )

    def _drawings(self, series: SeriesImage, values: GreyValues) -> list[tuple[Row, Drawing]]:
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
                mask = self._mask(row, series)
                if mask is None:
                    continue
                drawing = Drawing(row["roi"], row["rater"], mask)
                if self._is_sound(row, mask, series, values):
                    usable.append((row, drawing))
                else:
                    # Left out of the study, but shown: a person must see what was refused.
                    self.rejected.append(replace(drawing, rater=f"{row['rater']} (refused)"))
        return usable

    def _mask(self, row: Row, series: SeriesImage) -> sitk.Image | None:
        """Return a mask with voxels enough to be judged, or none."""
        file = self.source.segmentation(row)
        mask, notes = read_segmentation(
            file.path,
            file.name,
            series.image,
            number=file.number,
            threshold=self.settings["seg_threshold"],
            contour_gaps=self.settings.get("contour_gaps", "keep"),
            frame_of_reference=series.frame_of_reference,
            sop_uids={source.sop_uid for source in series.slices},
            slices=series.slices,
            planar=series.planar,
            shifts=series.shifts,
        )
        notes = [*notes, *check_mask(mask, min_voxels=self.settings["min_voxels"])]
        self.note(row, row["segmentation"], notes)
        return None if any(remark.severity == "refused" for remark in notes) else mask

    def _is_sound(
        self, row: Row, mask: sitk.Image, series: SeriesImage, values: GreyValues
    ) -> bool:
        limits = self.quality.limits
        shape = check_mask_shape(
            mask,
            limits=limits,
            planar=series.planar,
            volume_ml=self.settings.get("volume_ml", {}).get(row["roi"]),
        )
        grey = check_roi(values, sitk.GetArrayViewFromImage(mask) > 0, limits)
        return self.judge(row, row["segmentation"], [*shape, *grey])

    def judge(self, row: Row, file: str, findings: Sequence[Finding]) -> bool:
        """Keep what checks found, by the severity that the config gives them; pass or refuse."""
        passed = True
        for finding in findings:
            severity = self.quality.severity_of(finding.check)
            if severity == "off":
                continue
            self.checked.append(quality_row(row, finding, severity))
            if finding.problem:
                remedy = CHECKS[finding.check].remedy
                self.note(row, file, [Problem(STAGE, severity, finding.problem, remedy)])
                passed = passed and severity != "refused"
        return passed

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

    def _write(self, series: SeriesImage, drawings: list[tuple[Row, Drawing]]) -> None:
        image = series.image
        image_path = self.folder / f"{self.stem}.nii.gz"
        image_hash = _write_image(image, image_path)
        pixels = fingerprint(sitk.GetArrayViewFromImage(image))
        spacing = " x ".join(f"{value:.6g}" for value in image.GetSpacing())
        for row, drawing in drawings:
            mask_path = self.folder / f"{mask_stem(row)}.nii.gz"
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
                    "image": row["image"],
                    "modality": series.modality,
                    "image_voxels": pixels.volume,
                    "image_slices": " ".join(pixels.slices),
                }
            )
        self._compare(drawings)

    def _draw(self, series: SeriesImage, drawings: list[Drawing]) -> None:
        draw_contact_sheet(
            self.folder / f"{self.stem}.png",
            series.image,
            [*drawings, *self.rejected],
            title="   ".join(_scan_of(self.rows[0])),
            modality=series.modality,
            agreements=self.agreements,
            planar=series.planar,
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
            yield {**scan, "roi": roi, "rater_a": a, "rater_b": b} | asdict(pair)


class Refusing:
    """Turn what goes wrong inside into a problem of one scan or mask; the rest goes on."""

    def __init__(self, job: ScanJob, row: Row, file: str) -> None:
        self._job, self._row, self._file = job, row, file

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        """Keep an error as a problem, and go on."""
        if not isinstance(error, Exception) or is_storage_failure(error):
            return False
        severity: Severity = "refused"
        problem, remedy = f"an unexpected failure ({kind.__name__})", "report it with the log file"
        if isinstance(error, DataError):
            problem, remedy = error.problem, error.remedy
        else:
            # Without the message, which may quote a patient's file or header.
            where = "".join(traceback.format_tb(trace))
            log.error("%s: unexpected %s\n%s", self._job.stem, kind.__name__, where)
        self._job.note(self._row, self._file, [Problem(STAGE, severity, problem, remedy)])
        return True


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
    write_whole(path, lambda part: sitk.WriteImage(bare, str(part), useCompression=True))
    return file_sha256(path)


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
