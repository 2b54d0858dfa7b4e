"""One case under 31 masks: the engines beside PyRadiomics called once per mask.

    python -m benchmarks.extraction ../shared/data            # all three cases
    python -m benchmarks.extraction ../shared/data --cases brain1 --plain 5

The original image, three Laplacians of Gaussian and eight wavelets, all classes, one core. A case
and its 31 masks: as drawn, and thirty redrawn by moving the contour up to two voxels in and out at
random. PyRadiomics is timed on `--plain` of the masks (it takes minutes) and its cost per mask is
what the others are compared with. Seconds are of processor time, but those of a GPU (`--ways fast
gpu`), which are by the clock. Prints, per case, cost per mask,
the ratio, how many values are identical, the largest relative difference, and peak memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from rigoromics import preprocess
from rigoromics.extract import engine
from rigoromics.extract.fast.warm import warm
from rigoromics.extract.gpu import find_device
from rigoromics.extract.settings import ExtractionSettings

MASKS = 31
# The CT phantom was cut out of a scan; rows and columns of the scan, slices added at each end.
FIELD, SLICES = 512, 20
CLASSES = ["shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]
SETTINGS = {
    "discretisation": {"bin_width": 25},
    "images": {"original": {}, "log": {"sigma_mm": [1.5, 3.0, 5.0]}, "wavelet": {}},
    "classes": dict.fromkeys(CLASSES, "all"),
}
ORIGINAL = {**SETTINGS, "images": {"original": {}}}
CASES = ["brain1", "ct", "large"]
WAYS = ["plain", "pyradiomics", "fast"]
GPU = "gpu"


def main() -> None:
    """Run every way in a process of its own, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with pyradiomics_data, ibsi1_ct_phantom")
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES)
    parser.add_argument("--masks", type=int, default=MASKS)
    parser.add_argument("--plain", type=int, default=3, help="masks that PyRadiomics is timed on")
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=[*WAYS[1:], GPU])
    parser.add_argument("--one", nargs=2, metavar=("CASE", "WAY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        json.dump(run(given.data, *given.one, given.masks, given.plain), sys.stdout)
        return
    print("| case | voxels | way | s per mask | ratio | identical | largest difference | MB |")
    print("|---|--:|---|--:|--:|--:|--:|--:|")
    for case in given.cases:
        found = {way: in_own_process(given, case, way) for way in ["plain", *given.ways]}
        base = found["plain"]
        for way, result in found.items():
            same, worst = compare(base["features"], result["features"])
            print(
                f"| {case} | {result['voxels']:,} | {way} | {result['seconds']:.3f} | "
                f"{base['seconds'] / result['seconds']:.1f} | {same:.1%} | {worst:.1e} | "
                f"{result['megabytes']:.0f} |",
                flush=True,
            )


def in_own_process(given: argparse.Namespace, case: str, way: str) -> dict:
    """Return what `run` returns, with the peak memory of that alone."""
    command = [sys.executable, "-m", "benchmarks.extraction", str(given.data), "--one", case, way]
    command += ["--masks", str(given.masks), "--plain", str(given.plain)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run(data: Path, case: str, way: str, number: int, plain: int) -> dict:
    """Time one way on one case."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    image, mask = read(data, case)
    masks = redrawn(mask, number)
    warm()
    settings = ExtractionSettings.model_validate(
        {**SETTINGS, "engine": {"plain": "pyradiomics", GPU: "fast"}.get(way, way)}
    )
    device = find_device() if way == GPU else None
    if device is not None:
        # What is compiled once for all jobs, and found again by the next process.
        engine.extract_scan(image, dict(list(masks.items())[:2]), settings, device)
    # A GPU's time is not the processor's.
    clock = time.perf_counter if way == GPU else time.process_time
    start = clock()
    if way == "plain":
        masks = dict(list(masks.items())[:plain])
        with engine.one_quiet_thread():
            extractor = RadiomicsFeatureExtractor(settings.to_pyradiomics())
            features = {
                name: {key: float(value) for key, value in extractor.execute(image, one).items()}
                for name, one in masks.items()
            }
    else:
        features = engine.extract_scan(image, masks, settings, device).features
    seconds = (clock() - start) / len(masks)
    return {
        "seconds": seconds,
        "voxels": int(sitk.GetArrayViewFromImage(mask).sum()),
        "features": {name: features[name] for name in list(features)[:plain]},
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def read(data: Path, case: str) -> tuple[sitk.Image, sitk.Image]:
    """Return a case's image and mask."""
    if case == "brain1":
        folder = data / "pyradiomics_data" / "data"
        mask = sitk.ReadImage(folder / "brain1_label.nrrd")
        return sitk.ReadImage(folder / "brain1_image.nrrd"), sitk.Cast(mask == 1, sitk.sitkUInt8)
    folder = data / "ibsi1_ct_phantom" / "nifti"
    image = sitk.ReadImage(folder / "image" / "phantom.nii.gz")
    mask = sitk.ReadImage(folder / "mask" / "mask.nii.gz", sitk.sitkUInt8)
    if case == "large":
        mask = grown_to(mask, 500_000)
    return in_field(image, -1000), in_field(mask, 0)


def in_field(image: sitk.Image, value: float) -> sitk.Image:
    """Return an image as a scanner gives it: 512 by 512 voxels a slice, and more slices."""
    x, y = ((FIELD - n) // 2 for n in image.GetSize()[:2])
    upper = [FIELD - image.GetWidth() - x, FIELD - image.GetHeight() - y, SLICES]
    return sitk.ConstantPad(image, [x, y, SLICES], upper, value)


def grown_to(mask: sitk.Image, voxels: int) -> sitk.Image:
    """Return a mask grown evenly to a number of voxels."""
    away = sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
    values = sitk.GetArrayFromImage(away)
    limit = np.partition(values.ravel(), voxels - 1)[voxels - 1]
    return preprocess.like(mask, (values <= limit).astype(np.uint8))


def redrawn(mask: sitk.Image, number: int) -> dict[str, sitk.Image]:
    """Return the mask, and others whose contour wanders around it, by up to two voxels."""
    away = sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
    distance = sitk.GetArrayFromImage(away)
    masks = {"drawn": mask}
    step = min(mask.GetSpacing())
    for seed in range(number - 1):
        noise = np.random.default_rng(seed).normal(size=distance.shape)
        smooth = sitk.GetArrayFromImage(
            sitk.SmoothingRecursiveGaussian(preprocess.like(mask, noise), 4 * step)
        )
        limit = 2 * step * smooth / np.abs(smooth).max()
        masks[f"redrawn{seed}"] = preprocess.like(mask, (distance <= limit).astype(np.uint8))
    return masks


def compare(base: dict, other: dict) -> tuple[float, float]:
    """Return the share of values that are identical, and the largest relative difference."""
    differences = np.array(
        [
            abs(other[mask][name] - value) / max(abs(value), 1e-9)
            for mask, values in base.items()
            for name, value in values.items()
        ]
    )
    return float((differences == 0).mean()), float(differences.max())


if __name__ == "__main__":
    main()
