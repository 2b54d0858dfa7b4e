"""Our header index beside the crawler of med-imagetools and the preprocessing of pydicer.

Writes a folder of CT slices (own UIDs, noise as pixels), unless it is there, and indexes it: with
one and with several processes, from disk and from memory, and once more with nothing changed. The
peers live in environments of their own, since they want other versions of the same libraries:

    python -m benchmarks.indexing FOLDER --files 10000 --matrix 512 \
        --peer-python ENV1/bin/python --peer-python ENV2/bin/python

`cold` asks the system to forget the content of the files first (names and sizes stay known to
it); `warm` reads what it still holds. Peers are timed warm. A peer's `again` is its own way not to
start anew: med-imagetools then loads its last result without a look at the files, pydicer looks
for new names only. Neither digests the content of the files, as our index does.
"""

import argparse
import hashlib
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from rigoromics.read.fastparse import read_plain
from rigoromics.read.headers import index_headers
from rigoromics.read.parse import wanted_elements
from rigoromics.read.pixel_bytes import digest_pixels, find_pixels
from rigoromics.read.walk import walk

ROOT = "1.2.826.0.1.3680043.10.999"
SLICES = 100
# As wide for every slice.
FIRST_UID = b".7654321"
FIRST_PLACE = b"00000.0"
PEERS = {
    "imgtools": """
from imgtools.dicom.crawl import Crawler
def run(folder, work, processes, new):
    crawler = Crawler(folder, work, n_jobs=processes, force=new)
    crawler.crawl()
    series = crawler.crawl_db_raw.values()
    return sum(len(part["instances"]) for each in series for part in each.values())
""",
    "pydicer": """
from pydicer import PyDicer
def run(folder, work, processes, new):
    pydicer = PyDicer(work)
    pydicer.set_verbosity(0)
    pydicer.add_input(folder)
    pydicer.preprocess(force=new)
    return len(pydicer.preprocessed_data)
""",
}
# Its libraries are loaded before the clock starts, as ours are.
TIMED = """
import sys, time
from pathlib import Path
start = time.perf_counter()
count = run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "new")
print(count, time.perf_counter() - start)
"""
NAMES = {"imgtools": "med-imagetools", "pydicer": "pydicer"}


class Cost(NamedTuple):
    """Seconds by the clock, and of processor time on all cores."""

    seconds: float
    processor: float


def main() -> None:
    """Make the folder, time all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="new, or made by an earlier run")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--matrix", type=int, default=512, help="rows and columns; 64 for small")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=3, help="the quickest counts")
    parser.add_argument("--peer-python", type=Path, action="append", default=[])
    given = parser.parse_args()
    make(given.folder, given.files, given.matrix)
    size = sum(entry.size for entry in walk(given.folder).entries)
    print(
        f"{given.files:,} CT slices of {given.matrix} x {given.matrix} pixels, "
        f"{size / 1e9:.2f} GB, {os.cpu_count()} cores",
        flush=True,
    )
    rows = time_ours(given.folder, given.processes, given.repeats)
    for python in given.peer_python:
        for module in PEERS:
            rows += time_peer(python, module, given.folder, given.processes, given.repeats)
    table(rows, given.files, size, given.processes)
    shares(given.folder)


def make(folder: Path, files: int, matrix: int) -> None:
    """Write the slices, a hundred to a series."""
    if folder.is_dir():
        found = len(walk(folder).entries)
        if found != files:
            raise SystemExit(f"{folder} holds {found} files, not {files}: name another folder")
        return
    pixels = matrix * matrix
    noise = np.random.default_rng(1).integers(0, 4096, 2 * pixels, dtype="<u2").tobytes()
    for number in range(files):
        series, slice_ = divmod(number, SLICES)
        if slice_ == 0:
            place = folder / f"patient{series // 2:05d}" / f"series{series:05d}"
            place.mkdir(parents=True)
            front = front_of(header(series, matrix))
        first = 2 * ((37 * number) % pixels)
        own = front.replace(FIRST_UID, b".%d" % (int(FIRST_UID[1:]) + slice_))
        own = own.replace(FIRST_PLACE, b"%07.1f" % (2.5 * slice_))
        (place / f"{slice_ + 1:04d}.dcm").write_bytes(own + noise[first : first + 2 * pixels])


def front_of(data: FileDataset) -> bytes:
    """Return the first slice of a series up to its pixels, to be stamped for the others."""
    data.file_meta.MediaStorageSOPInstanceUID = data.SeriesInstanceUID + FIRST_UID.decode()
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    data.ImagePositionPatient = ["-250", "-250", FIRST_PLACE.decode()]
    data.SliceLocation = FIRST_PLACE.decode()
    data.PixelData = bytes(2 * data.Rows * data.Columns)
    buffer = BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()[: -len(data.PixelData)]


def header(series: int, matrix: int) -> FileDataset:
    """Return a header such as scanners write: about a hundred elements, some private."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    texts = {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SOPClassUID": CTImageStorage,
        "Modality": "CT",
        "Manufacturer": "Maker",
        "ManufacturerModelName": "Model 64",
        "InstitutionName": f"Hospital {series % 3}",
        "PatientID": f"P{series // 2:05d}",
        "PatientName": f"Name{series // 2}^Given",
        "PatientSex": "F",
        "StudyInstanceUID": f"{ROOT}.{series // 2 + 1}",
        "SeriesInstanceUID": f"{ROOT}.{series + 1}.1",
        "FrameOfReferenceUID": f"{ROOT}.{series + 1}.2",
        "StudyDescription": "CT thorax",
        "SeriesDescription": "Thorax 2.5 B30f",
        "ProtocolName": "Thorax routine",
        "ConvolutionKernel": "B30f",
        "ScanOptions": "HELICAL MODE",
        "PatientPosition": "HFS",
        "PhotometricInterpretation": "MONOCHROME2",
        "SoftwareVersions": "VB20",
        "ContrastBolusAgent": "agent",
        "RescaleType": "HU",
    }
    numbers = {
        "KVP": 120,
        "Exposure": 180,
        "ExposureTime": 500,
        "XRayTubeCurrent": 360,
        "SliceThickness": 2.5,
        "SpiralPitchFactor": 1.2,
        "GantryDetectorTilt": 0,
        "TableHeight": 150,
        "DataCollectionDiameter": 500,
        "ReconstructionDiameter": 400,
        "SeriesNumber": 3,
        "AcquisitionNumber": 1,
        "PixelSpacing": [0.78125, 0.78125],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "Rows": matrix,
        "Columns": matrix,
        "SamplesPerPixel": 1,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "WindowCenter": 40,
        "WindowWidth": 400,
    }
    for keyword, value in (texts | numbers).items():
        setattr(data, keyword, value)
    for moment in ("Study", "Series", "Acquisition", "Content"):
        setattr(data, f"{moment}Date", "20200101")
        setattr(data, f"{moment}Time", "101500.000")
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", "Thorax"
    data.ProcedureCodeSequence = [code]
    for group in (0x0019, 0x0021, 0x0043):
        block = data.private_block(group, "MAKER 01", create=True)
        for element in range(15):
            block.add_new(element, "LO", f"setting {element}")
    return data


def forget(folder: Path) -> None:
    """Ask the system to drop the content of the files from memory; no rights are needed."""
    os.sync()
    for entry in walk(folder).entries:
        file = os.open(folder / entry.path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def timed(work: Callable[[], Any]) -> tuple[Cost, Any]:
    """Return what a call costs, and what it gives."""
    before, start = processor_seconds(), time.perf_counter()
    result = work()
    return Cost(time.perf_counter() - start, processor_seconds() - before), result


def processor_seconds() -> float:
    """Return the processor time of this process and of those it waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def best(repeats: int, work: Callable[[], Any], before: Callable[[], None] | None = None) -> Cost:
    """Return the quickest of some runs, each after `before`."""
    costs = []
    for _ in range(repeats):
        if before is not None:
            before()
        costs.append(timed(work)[0])
    return min(costs)


def time_ours(folder: Path, processes: int, repeats: int) -> list[tuple[str, Cost | None]]:
    """Time the index in each way; tell its memory."""
    rows: list[tuple[str, Cost | None]] = []
    drop = partial(forget, folder)
    alone = partial(read_alone, folder, processes)
    rows.append((f"reading alone, {processes} processes, cold", best(repeats, alone, drop)))
    rows.append((f"reading alone, {processes} processes, warm", best(repeats, alone)))
    for threads in sorted({1, processes}):
        run = partial(index_headers, folder, threads=threads)
        rows.append((f"rigoromics, {threads} process(es), cold", best(repeats, run, drop)))
        rows.append((f"rigoromics, {threads} process(es), warm", best(repeats, run)))
    index = run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    with tempfile.TemporaryDirectory() as place:
        kept = Path(place) / "headers.parquet"
        index.table.to_parquet(kept, compression="zstd", index=False)

        def again() -> Any:
            return index_headers(folder, previous=pd.read_parquet(kept), threads=processes)

        rows.append(("rigoromics, nothing changed", best(repeats, again)))
        second = again()
        print(f"index on disk: {kept.stat().st_size / 1e6:.1f} MB")
    if second.reread or not second.table.equals(index.table):
        raise SystemExit("the index of an unchanged folder differs")
    columns = len(index.table.columns)
    print(f"{len(index.table):,} rows of {columns} columns; memory at most {peak:.0f} MB")
    return rows


def read_alone(folder: Path, processes: int) -> None:
    """Read all files and do nothing with them: what disk and system allow."""
    paths = [f"{folder}/{entry.path}" for entry in walk(folder).entries]
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(read, paths, chunksize=128))


def read(path: str) -> None:
    """Read one file."""
    with open(path, "rb", buffering=0) as stream:
        stream.read()


def time_peer(
    python: Path, module: str, folder: Path, processes: int, repeats: int
) -> list[tuple[str, Cost | None]]:
    """Time one peer in its own environment, new and again; nothing where it is not installed.

    Its processor time has the loading of its libraries in it, its seconds have not.
    """
    if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
        return []
    version = f"import importlib.metadata as m; print(m.version({NAMES[module]!r}))"
    number = subprocess.run([python, "-c", version], capture_output=True, text=True).stdout.strip()
    rows: list[tuple[str, Cost | None]] = []
    with tempfile.TemporaryDirectory() as place:
        for way in ("new", "again"):
            command = [python, "-c", PEERS[module] + TIMED, folder.resolve(), place]
            command += [str(processes), way]
            costs = []
            for _ in range(repeats):
                cost, done = timed(partial(subprocess.run, command, capture_output=True, text=True))
                said = (done.stderr if done.returncode else done.stdout).strip().splitlines()[-1]
                if done.returncode == 0:
                    costs.append(Cost(float(said.split()[1]), cost.processor))
            print(f"{NAMES[module]} {number}, {way}: {said} (files, seconds)")
            rows.append((f"{NAMES[module]} {number}, {way}", min(costs, default=None)))
    return rows


def table(rows: list[tuple[str, Cost | None]], files: int, size: int, processes: int) -> None:
    """Print seconds, rates and the ratio to our own warm run with all processes."""
    ours = dict(rows)[f"rigoromics, {processes} process(es), warm"]
    assert ours is not None
    print(f"| {'what':<36} | seconds | of processor | files/s |  MB/s | times ours |")
    print(f"|{'-' * 38}|--------:|-------------:|--------:|------:|-----------:|")
    for name, cost in rows:
        if cost is None:
            print(f"| {name:<36} | failed | | | | |")
            continue
        rate = files / cost.seconds
        print(
            f"| {name:<36} | {cost.seconds:>7.2f} | {cost.processor:>12.2f} | {rate:>7,.0f} | "
            f"{size / cost.seconds / 1e6:>5,.0f} | {cost.seconds / ours.seconds:>10.2f} |"
        )


def shares(folder: Path, sample: int = 2000) -> None:
    """Print what part of one warm process goes into reading, hashing and parsing."""
    entries = walk(folder).entries[:sample]
    wanted = wanted_elements()
    spent = np.zeros(4)
    for entry in entries:
        moments = [time.perf_counter()]
        content = (folder / entry.path).read_bytes()
        moments.append(time.perf_counter())
        hashlib.sha256(content).hexdigest()
        moments.append(time.perf_counter())
        plain = read_plain(content, wanted)
        moments.append(time.perf_counter())
        if plain is None:
            raise SystemExit("a file of the benchmark needs the general reader")
        digest_pixels(content, find_pixels(content, plain.position))
        moments.append(time.perf_counter())
        spent += np.diff(moments)
        # Its memory serves the next file, as it does in the index.
        del content
    names = ("reading", "SHA-256 of the file", "parsing", "digest of the pixels")
    parts = ", ".join(f"{n} {s / spent.sum():.0%}" for n, s in zip(names, spent, strict=True))
    print(f"one process, {1e3 * spent.sum() / len(entries):.2f} ms a file: {parts}")


if __name__ == "__main__":
    main()
