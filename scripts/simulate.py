"""Simulate a multi-centre cohort: raw DICOM, clinical table, truth, salt, planted identifiers."""

import logging
import shutil
from pathlib import Path
from typing import Any

from rigoromics.errors import DataError
from rigoromics.simulate import CohortSettings, simulate_cohort, simulated_salt

logger = logging.getLogger(__name__)

# Stands in a raw folder that this script filled, and says with how many files.
MARKER = "SIMULATED"


def main(
    *,
    raw: Path,
    clinical: Path,
    truth: Path,
    salt: Path,
    planted: Path,
    settings: dict[str, Any],
    seed: int,
    threads: int,
) -> dict[str, float | str]:
    """Write a simulated cohort.

    Parameters
    ----------
    raw
        Folder for the DICOM files, new or empty.
    clinical
        Table of covariates and outcomes (CSV).
    truth
        Table of what no study may know (TSV; Parquet where the name ends so).
    salt
        Salt of the study's keys.
    planted
        Identifying texts in the headers, one a line.
    settings
        The study config's ``simulate`` section as a plain dictionary.
    seed
        The study's seed.
    threads
        Processes to use.
    """
    if not settings:
        raise DataError(
            "the study has no `simulation` section", "only a study that has one can be simulated"
        )
    made = CohortSettings.from_dict(settings)
    _make_room(raw)
    logger.info("simulating %d patients", sum(centre.patients for centre in made.centres))
    cohort = simulate_cohort(made, seed, raw, threads)
    (raw / MARKER).write_text(f"{cohort.files}\n", encoding="utf-8")
    for path in (clinical, truth, salt, planted):
        path.parent.mkdir(parents=True, exist_ok=True)
    cohort.clinical.to_csv(clinical, index=False, lineterminator="\n")
    if truth.suffix == ".parquet":
        cohort.truth.to_parquet(truth, index=False, compression="zstd")
    else:
        cohort.truth.to_csv(truth, sep="\t", index=False, lineterminator="\n")
    salt.write_text(simulated_salt(seed) + "\n", encoding="utf-8")
    planted.write_text("\n".join(cohort.identifiers) + "\n", encoding="utf-8")
    return {
        "patients": float(len(cohort.clinical)),
        "files": float(cohort.files),
        "metastases": float(cohort.clinical["metastasis"].sum()),
        "events": float(cohort.clinical["event"].sum()),
    }


def _make_room(raw: Path) -> None:
    """Remove an earlier simulation, and nothing else: real data are never touched."""
    files = sum(path.is_file() for path in raw.rglob("*")) if raw.is_dir() else 0
    if files == 0:
        return
    marker = raw / MARKER
    if not marker.is_file() or files != int(marker.read_text()) + 1:
        raise DataError(
            f"the raw folder {raw.parent.name}/{raw.name} holds files that no simulation wrote",
            "move them away, or give the study another `name`",
        )
    shutil.rmtree(raw)


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
