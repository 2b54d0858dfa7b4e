"""Compare the installed engines with IBSI's reference values.

Writes `conformance.tsv`, every value beside its reference, and `conformance.md`, the counts and
each mismatch with its reason. The exit status is 0 if every mismatch is a known and proven
departure, 1 if one is not, 2 if there is nothing to compare with.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import SimpleITK as sitk
import yaml

from rigoromics.errors import DataError
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.ibsi import summary
from rigoromics.ibsi.compare import Row, judge
from rigoromics.ibsi.measure import diagnostics, features, prepare
from rigoromics.ibsi.reference import GET, read_references
from scripts.tables import write_if_changed, write_tsv

SETTINGS = Path(__file__).resolve().parents[1] / "config/extraction/ibsi"
ENGINES = ("pyradiomics", "fast")
# Table of reference values, and the phantom that they are of.
TABLES = {
    "ibsi_1_reference_values_digital_phantom.csv": "ibsi1_digital_phantom",
    **{f"ibsi_1_reference_values_config_{name}.csv": "ibsi1_ct_phantom" for name in "ABCDE"},
    "ibsi_2_reference_values.csv": "ibsi1_ct_phantom",
}


def conformance(data: Path, engine: str) -> list[Row]:
    """Return what became of every reference value.

    Raises
    ------
    DataError
        A table or a phantom is not there.
    """
    return [row for table in TABLES for row in of_table(data, table, engine)]


def of_table(data: Path, table: str, engine: str) -> list[Row]:
    """Return what became of the values of one table; see :func:`conformance`."""
    references = read_references(data / "ibsi1_reference_values" / table)
    images = read_phantom(data / TABLES[table])
    rows: list[Row] = []
    for dataset, group in groupby(references, lambda reference: reference.dataset):
        wanted = list(group)
        phantom = prepare(*images, settings_of(dataset, engine))
        rows += judge(wanted, features(phantom, wanted) | diagnostics(phantom), phantom)
    return rows


def settings_of(dataset: str, engine: str) -> ExtractionSettings:
    """Return the settings of one of IBSI's datasets, from the file of its name."""
    file = SETTINGS / f"{dataset.lower().replace(' ', '_').replace('.', '')}.yaml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    return ExtractionSettings.model_validate({**settings, "engine": engine})


def read_phantom(folder: Path) -> tuple[sitk.Image, sitk.Image]:
    """Return a phantom's image and mask.

    Raises
    ------
    DataError
        They are not there.
    """
    files = [folder / "nifti/image/phantom.nii.gz", folder / "nifti/mask/mask.nii.gz"]
    for file in files:
        if not file.is_file():
            raise DataError(f"There is no {file.relative_to(folder.parent)}", GET)
    image, mask = (sitk.ReadImage(str(file)) for file in files)
    return image, mask


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison, write table and page, print the counts; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.ibsi",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shown = "(default: %(default)s)"
    add = parser.add_argument
    add("--data", type=Path, default=Path("../shared/data"), help=f"IBSI's data sets {shown}")
    add("--out", type=Path, default=Path("results/ibsi"), help=f"folder for results {shown}")
    add("--engine", choices=[*ENGINES, "both"], default="both", help=f"what to compare {shown}")
    chosen = parser.parse_args(arguments)
    engines = ENGINES if chosen.engine == "both" else (chosen.engine,)
    try:
        if not chosen.data.is_dir():
            raise DataError(f"There is no folder {chosen.data}", f"{GET}, and name it with --data")
        runs = {engine: conformance(chosen.data, engine) for engine in engines}
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    write_tsv(summary.table(runs), chosen.out / "conformance.tsv")
    write_if_changed(chosen.out / "conformance.md", summary.page(runs).encode())
    for engine, rows in runs.items():
        print(
            f"Engine {engine}: matched / computed / in the reference by family, then by dataset\n"
        )
        print(f"{summary.by_family(rows)}\n\n{summary.by_dataset(rows)}\n")
    print(f"Every value: {chosen.out}/conformance.tsv; what is off, and why: conformance.md")
    return int(any(row.outcome == "unexplained" for rows in runs.values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
