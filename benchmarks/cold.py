"""What one small extraction job costs outside its arithmetic: loading, reading, writing.

Run ``python -m benchmarks.cold``. Each engine runs the script of the rule `extract`, in a process
of its own, on a made-up case of one mask (a ball of 500 voxels): once, then twice again. What a
repeated run takes is the arithmetic, with reading and writing; all the rest of the first process
was needed to get there. Processor seconds, beside a process that loads PyRadiomics alone.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5


def main() -> None:
    """Print the median of some runs of each engine."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(*one(given.one[0], Path(given.one[1])))
        return
    print("| what | before the job, s | first, s | again, s | outside arithmetic, s |")
    print("|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        make_case(Path(folder))
        bare = sorted(lone("import radiomics.featureextractor") for _ in range(RUNS))[RUNS // 2]
        print(f"| PyRadiomics loaded, no job | {bare:.2f} | | | {bare:.2f} |")
        for engine in ("pyradiomics", "fast"):
            runs = sorted((measured(engine, folder) for _ in range(RUNS)), key=outside)
            before, first, again = runs[RUNS // 2]
            whole = outside((before, first, again))
            print(f"| {engine} | {before:.2f} | {first:.2f} | {again:.2f} | {whole:.2f} |")


def outside(run: tuple[float, float, float]) -> float:
    """Return what a run took outside arithmetic."""
    before, first, again = run
    return before + first - again


def lone(code: str) -> float:
    """Return the processor seconds of a process that runs some code."""
    code += "; import time; print(time.process_time())"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout)


def measured(engine: str, folder: str) -> tuple[float, float, float]:
    """Return seconds until the job begins, of its first run, and of a later one."""
    command = [sys.executable, "-m", "benchmarks.cold", "--one", engine, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, first, again = map(float, done.stdout.split())
    return before, first, again


def make_case(folder: Path) -> None:
    """Write an image, a mask, and their index, as the images stage does."""
    import numpy as np
    import SimpleITK as sitk

    from scripts.hashing import file_sha256
    from scripts.tables import write_rows

    z, y, x = np.ogrid[:24, :48, :48]
    ball = ((z - 12) ** 2 + (y - 24) ** 2 + (x - 24) ** 2 <= 24).astype(np.uint8)
    values = np.random.default_rng(1).normal(50, 30, ball.shape).astype(np.int16)
    row = {"patient": "P-1", "cohort": "A", "timepoint": "baseline", "scan": "ct"}
    row |= {"roi": "lesion", "rater": "r1"}
    for kind, array in (("image", values), ("mask", ball)):
        file = folder / f"{kind}.nii.gz"
        sitk.WriteImage(sitk.GetImageFromArray(array), str(file))
        row |= {f"{kind}_path": file.name, f"{kind}_sha256": file_sha256(file)}
    write_rows([row], list(row), folder / "index.tsv")


def one(engine: str, folder: Path) -> tuple[float, float, float]:
    """Extract in this process, three times."""
    from scripts import extract, runner  # noqa: F401

    before = time.process_time()
    settings = {
        "engine": engine,
        "discretisation": {"bin_width": 25},
        "images": {"original": {}},
        "classes": dict.fromkeys(
            ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"), "all"
        ),
    }
    seconds = []
    for _ in range(3):
        start = time.process_time()
        extract.main(
            index=folder / "index.tsv",
            features=folder / "features.parquet",
            problems=folder / "problems.tsv",
            settings={"ct": settings},
            controls=[],
            perturbations={"chains": [], "cohorts": [], "without": []},
            reference_rater="r1",
            seed=1,
        )
        seconds.append(time.process_time() - start)
    return before, seconds[0], min(seconds[1:])


if __name__ == "__main__":
    main()
