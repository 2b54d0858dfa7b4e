"""What every step of a study costs at many patients: real rules, scripts and tables, made-up cases.

    python -m benchmarks.enlarged results/demo --patients 1000 10000

Takes a study that ran (`make demo`) and deals its cases out to so many patients: the headers of
their files, the clinical table and what images and extraction left, with every feature a little
changed. Only digesting files, reading images and extracting features are left out; all else is
computed, on tables of the real size, with fewer models and permutations. Prints seconds of the
processor and the largest memory of each rule.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import pandas as pd

from rigoromics.read.keys import Keys
from scripts.jobs import jobs_of
from scripts.tables import read_tsv, write_tsv
from tests.workflow.project import Project, new_project

# Stands in for images and extraction: the rows of each patient's twin in the study that ran.
SCRIPT = """
import hashlib
import numpy as np
import pandas as pd
from pathlib import Path
from scripts.tables import read_tsv, write_tsv
HASHES = {"image_sha256", "mask_sha256", "image_voxels", "image_slices"}
template = Path("template")
twins = read_tsv(template / "twins.tsv").set_index("patient")["twin"]

def other(patient, key):
    return hashlib.sha256(f"{patient}{key}".encode()).hexdigest()[: len(key)]

def rows_of(table, patients):
    own = twins.loc[patients].rename("twin").reset_index()
    rows = own.merge(table.rename(columns={"patient": "twin"}), on="twin").drop(columns="twin")
    # Twins must not pass for one patient's images given twice.
    for name in HASHES.intersection(rows):
        rows[name] = [
            " ".join(other(patient, key) for key in keys.split())
            for patient, keys in zip(rows["patient"], rows[name])
        ]
    return rows[list(table.columns)]

if snakemake.rule == "images":
    patients = sorted({row["patient"] for row in snakemake.params.rows})
    for name in ("index", "problems", "agreement", "quality"):
        rows = rows_of(read_tsv(template / f"{name}.tsv"), patients)
        write_tsv(rows, Path(snakemake.output[name]))
else:
    patients = sorted(set(read_tsv(Path(snakemake.input.index))["patient"]))
    rows = rows_of(pd.read_parquet(template / "features.parquet"), patients)
    names = rows.select_dtypes("number").columns
    seed = int(hashlib.sha256(" ".join(patients).encode()).hexdigest()[:8], 16)
    noise = np.random.default_rng(seed).normal(0, 0.02, (len(rows), len(names)))
    rows[names] = rows[names].to_numpy() * (1 + noise)
    rows.to_parquet(snakemake.output.features, index=False)
    write_tsv(read_tsv(template / "problems.tsv").iloc[:0], Path(snakemake.output.problems))
"""
# Columns of the headers that hold what twins must not share.
UIDS = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
    "rois",
    "references",
    "frames",
)
DIGESTS = ("sha256", "pixels")
UID = r"2\.25\.\d+"
CHUNK_TABLES = ("index", "problems", "agreement", "quality")


def main() -> None:
    """Print a table of rules, by size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("study", type=Path, help="results of the study that ran")
    parser.add_argument("--patients", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="leave the projects in this folder")
    given = parser.parse_args()
    columns = {}
    for patients in given.patients:
        with tempfile.TemporaryDirectory() as temporary:
            folder = (given.keep or Path(temporary)) / str(patients)
            project = enlarged(given.study, folder, patients)
            project.run(given.cores)
            columns[patients] = measured(project.results)
            print(pd.concat(columns, axis=1).fillna("").to_string(), flush=True)


def measured(results: Path) -> pd.DataFrame:
    """Return jobs, seconds of the processor and largest memory of each rule."""
    rows = pd.DataFrame([vars(job) for job in jobs_of(results)])
    rules = rows.groupby("rule", sort=False)
    table = rules.agg(jobs=("name", "size"), cpu_s=("cpu_s", "sum"), mb=("used_mb", "max"))
    return table.round({"cpu_s": 1, "mb": 0})


def enlarged(results: Path, folder: Path, patients: int) -> Project:
    """Return a project whose study has so many patients, twins of those of a study that ran."""
    project = new_project(folder)
    source = results.parents[1]
    data, own = source / "data" / results.name, folder / "data" / results.name
    shutil.copy(source / "config/config.yaml", folder / project.config)
    project.edit_config(
        compute={"cases_per_chunk": "auto"},
        models={
            "signatures": ["clinical", "volume", "radiomics", "combined"],
            "binary": ["elastic_net"],
            "survival": ["cox_elastic_net"],
        },
        controls={"permutations": 1},
    )
    for script in ("images", "extract"):
        (folder / f"scripts/{script}.py").write_text(SCRIPT)
    private = own / "private"
    private.mkdir(parents=True)
    shutil.copy(data / "private/salt.txt", private)
    keys = Keys((private / "salt.txt").read_text().strip(), False)
    clinical, twins = _people(pd.read_csv(data / "clinical.csv", dtype=str), patients, keys)
    clinical.to_csv(own / "clinical.csv", index=False)
    _template(results, folder / "template", twins)
    _headers(data / "private/headers.parquet", own, list(clinical["patient"]))
    return project


def _people(clinical: pd.DataFrame, patients: int, keys: Keys) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the clinical table of so many patients, and whose twin each of them is."""
    times = -(-patients // len(clinical))
    # Dealt out in turn, so that every size has patients of all centres.
    mixed = clinical.sample(frac=1, random_state=1)
    many = pd.concat([mixed] * times, ignore_index=True).iloc[:patients]
    own = many["patient"] + "-" + (many.index // len(clinical)).astype(str)
    twins = pd.DataFrame(
        {
            "patient": [keys.patient(name) for name in own],
            "twin": [keys.patient(name) for name in many["patient"]],
        }
    )
    return many.assign(patient=own), twins


def _template(results: Path, folder: Path, twins: pd.DataFrame) -> None:
    """Write what images and extraction left of the study that ran, in one table each."""
    folder.mkdir()
    write_tsv(twins, folder / "twins.tsv")
    for name in CHUNK_TABLES:
        parts = [read_tsv(path) for path in sorted(results.glob(f"images/*/{name}.tsv"))]
        write_tsv(pd.concat(parts, ignore_index=True), folder / f"{name}.tsv")
    pd.read_parquet(results / "features/features.parquet").to_parquet(folder / "features.parquet")


def _headers(found: Path, data: Path, patients: list[str]) -> None:
    """Write the headers of all patients, and files that look as if these were read from them."""
    known = pd.read_parquet(found)
    wanted = pd.Series(patients).str.rsplit("-", n=1, expand=True)
    parts = []
    for number, names in wanted.groupby(1)[0]:
        part = known[known["PatientID"].isin(names)].copy()
        for name in UIDS:
            part[name] = part[name].str.replace(UID, rf"\g<0>{number}", regex=True)
        for name in DIGESTS:
            part[name] = part[name].where(
                part[name] == "", f"{int(number):04x}" + part[name].str[4:]
            )
        parts.append(
            part.assign(
                path=f"{number}/" + part["path"], PatientID=part["PatientID"] + f"-{number}"
            )
        )
    headers = pd.concat(parts, ignore_index=True)
    headers.to_parquet(data / "private/headers.parquet", index=False)
    for path, size, time in zip(
        *(headers[name] for name in ("path", "size", "mtime_ns")), strict=True
    ):
        file = data / "raw" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.truncate(file, size)
        os.utime(file, ns=(time, time))


if __name__ == "__main__":
    main()
