"""Features of every scan of a chunk under all its masks, perturbed ones, and controls."""

import logging
import math
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk

from rigoromics.errors import PROBLEM_COLUMNS, DataError, Problem, problem_rows
from rigoromics.extract.engine import Extraction
from rigoromics.extract.rows import INDEX, UNPERTURBED, is_perturbation
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.perturb.run import extractions
from rigoromics.perturb.settings import Chain
from rigoromics.perturb.variants import variants_of
from rigoromics.seeds import derive_seed
from scripts.hashing import file_sha256
from scripts.tables import read_rows, write_rows, write_values

if TYPE_CHECKING:
    from rigoromics.extract.gpu import Device

log = logging.getLogger(__name__)

SCAN = ["patient", "timepoint", "scan"]
WHERE = [*SCAN, "roi", "rater"]
Row = dict[str, str]


def main(
    *,
    index: Path,
    features: Path,
    problems: Path,
    settings: dict[str, dict[str, Any]],
    controls: list[str],
    perturbations: dict[str, Any],
    reference_rater: str,
    seed: int,
    gpu: bool = False,
) -> dict[str, float | str]:
    """Extract one chunk.

    Parameters
    ----------
    index
        The chunk's `images/<chunk>/index.tsv`.
    features, problems
        Written: one row per mask and perturbation; what went wrong.
    settings
        Scan's name to the extraction settings of that scan.
    controls
        Negative-control images to add, for the reference rater's masks.
    perturbations
        `chains`: perturbations of the reference rater's masks; `cohorts`: in these cohorts;
        `without`: but not of these scans.
    reference_rater
        The rater whose masks the study is made on.
    seed
        The study's seed; what is drawn depends on it and on the case alone, so that another
        grouping into chunks gives the same values.
    gpu
        Compute on a GPU if there is one.
    """
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    masks = sorted(read_rows(index), key=_scan_of)
    _verify(index.parent, masks)
    known = {name: ExtractionSettings.model_validate(values) for name, values in settings.items()}
    device = _device() if gpu else None
    rows: list[dict[str, Any]] = []
    found: list[Problem] = []
    for (patient, _, name), group in groupby(masks, key=_scan_of):
        scan = list(group)
        if name not in known:
            raise DataError(
                f"There are no extraction settings for the scan {name!r}",
                f"name a file of config/extraction as `extraction` of {name!r} in the study config",
            )
        case = _Case(index.parent, scan, known[name], seed, device)
        wanted = _chains(perturbations, scan[0])
        rows += case.extract(wanted, controls, reference_rater)
        found += case.problems
        log.info("%s %s: %d masks", patient, name, len(scan))
    write_values(*_columns(rows), features)
    write_rows(problem_rows(found), PROBLEM_COLUMNS, problems)
    return {
        "masks": float(len(masks)),
        "rows": float(len(rows)),
        "refused": float(sum(problem.severity == "refused" for problem in found)),
        "engine": ", ".join(sorted({setting.engine for setting in known.values()})),
        "device": device.name if device else "CPU",
    }


def _scan_of(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in SCAN)


def _device() -> "Device | None":
    from rigoromics.extract.gpu import find_device

    return find_device()


def _chains(perturbations: dict[str, Any], first: Row) -> list[Chain]:
    """Return the perturbations of one scan: stability is judged on development patients only."""
    judged = first["cohort"] in perturbations["cohorts"]
    if not judged or first["scan"] in perturbations["without"]:
        return []
    return [Chain.model_validate(chain) for chain in perturbations["chains"]]


class _Case:
    """One scan with its masks: the files, their features, and the problems met."""

    def __init__(
        self,
        folder: Path,
        scan: list[Row],
        settings: ExtractionSettings,
        seed: int,
        device: "Device | None",
    ) -> None:
        self.folder = folder
        self.scan = scan
        self.settings = settings
        self.seed = seed
        self.device = device
        self.problems: list[Problem] = []

    def extract(self, chains: list[Chain], controls: list[str], rater: str) -> list[dict[str, Any]]:
        """Return a row per mask, and of the rater's masks one per perturbation and control."""
        dimensions = self.settings.smallest_roi.dimensions
        rows: list[dict[str, Any]] = []
        try:
            image = sitk.ReadImage(self.folder / self.scan[0]["image_path"])
            masks = {
                str(number): sitk.ReadImage(self.folder / row["mask_path"])
                for number, row in enumerate(self.scan)
            }
            reference = {str(n) for n, row in enumerate(self.scan) if row["rater"] == rater}
            for name, result in extractions(
                image,
                masks,
                self.settings,
                reference,
                variants_of(chains, dimensions),
                controls,
                self._seed,
                self.device,
            ):
                rows += self._rows(result, name)
        except DataError as error:
            for row in self.scan:
                self._note(row, "refused", error)
        return rows

    def _seed(self, drawn: str, number: str) -> int:
        """Return the seed of what is drawn for a mask, or, without one, for the scan."""
        row = self.scan[int(number or 0)]
        names = [*SCAN, "roi"] if number else SCAN
        return derive_seed(self.seed, drawn, *(row[name] for name in names))

    def _rows(self, result: Extraction, perturbation: str) -> list[dict[str, Any]]:
        # A segmentation is there whatever becomes of its perturbations.
        refused = "noted" if is_perturbation(perturbation) else "refused"
        for severity, errors in ((refused, result.refused), ("noted", result.noted)):
            for number, error in errors.items():
                self._note(self.scan[int(number)], severity, error, perturbation)
        rows = []
        for number, values in result.features.items():
            row = {name: self.scan[int(number)][name] for name in INDEX[:-1]}
            rows.append({**row, "perturbation": perturbation, **values})
        return rows

    def _note(
        self, row: Row, severity: Any, error: DataError, perturbation: str = UNPERTURBED
    ) -> None:
        what = error.problem
        if perturbation != UNPERTURBED:
            what = f"{perturbation}: {what}"
        where = {name: row[name] for name in WHERE}
        file = row["mask_path"]
        self.problems.append(Problem("extract", severity, what, error.remedy, file=file, **where))


def _verify(folder: Path, masks: list[Row]) -> None:
    """Raise if a file is not the one that the images stage made."""
    for kind in ("image", "mask"):
        files = {row[f"{kind}_path"]: row[f"{kind}_sha256"] for row in masks}
        for path, sha256 in files.items():
            file = folder / path
            if not file.is_file() or file_sha256(file) != sha256:
                raise DataError(
                    f"The {kind} {path} is missing or changed",
                    "rerun the images stage: snakemake --forcerun images",
                )


def _columns(
    rows: list[dict[str, Any]],
) -> tuple[dict[str, list[str]], dict[str, list[float]]]:
    """Return the rows sorted, by column: those of the index, and features by name."""
    rows = sorted(rows, key=lambda row: tuple(row[name] for name in INDEX))
    names = sorted({name for row in rows for name in row} - set(INDEX))
    text = {name: [row[name] for row in rows] for name in INDEX}
    return text, {name: [row.get(name, math.nan) for row in rows] for name in names}


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
