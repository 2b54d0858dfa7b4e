"""How the cost of extraction grows with voxels, masks and grey levels.

    python -m benchmarks.extraction_growth ../shared/data

The IBSI CT phantom, original image, all classes, one core; processor seconds of the quicker of two
runs. Voxels: balls of the phantom's centre. Masks: the first so many of 31 redrawn. Levels: bin
widths that give about so many. PyRadiomics itself is called once a mask.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor

from benchmarks.extraction import ORIGINAL, read, redrawn
from rigoromics.extract import engine
from rigoromics.extract.fast.warm import warm
from rigoromics.extract.settings import ExtractionSettings

VOXELS = [1_000, 10_000, 100_000, 1_000_000]
MASKS = [1, 3, 10, 31]
LEVELS = [8, 32, 128, 256]
WAYS = ["PyRadiomics", "pyradiomics", "fast"]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with ibsi1_ct_phantom")
    given = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    warm()
    image, drawn = read(given.data, "ct")
    print(f"| what | how many | {' | '.join(WAYS)} |")
    print("|---|--:|--:|--:|--:|")
    for number in VOXELS:
        line("voxels", number, image, [ball(drawn, number)], 25.0)
    small = ball(drawn, 10_000)
    redone = list(redrawn(small, max(MASKS)).values())
    for number in MASKS:
        line("masks of 10,000 voxels", number, image, redone[:number], 25.0)
    values = sitk.GetArrayViewFromImage(image)[sitk.GetArrayViewFromImage(small) > 0]
    spread = float(np.ptp(values))
    for number in LEVELS:
        line("grey levels, 10,000 voxels", number, image, [small], spread / number)


def line(what: str, number: int, image: sitk.Image, masks: list[sitk.Image], width: float) -> None:
    """Print a row."""
    seconds = [f"{cost(way, image, masks, width):.3f}" for way in WAYS]
    print(f"| {what} | {number:,} | {' | '.join(seconds)} |", flush=True)


def cost(way: str, image: sitk.Image, masks: list[sitk.Image], width: float) -> float:
    """Return processor seconds."""
    settings = ExtractionSettings.model_validate(
        {
            **ORIGINAL,
            "engine": "pyradiomics" if way == "PyRadiomics" else way,
            "discretisation": {"bin_width": width},
        }
    )
    found = []
    for _ in range(2):
        start = time.process_time()
        if way == "PyRadiomics":
            with engine.one_quiet_thread():
                extractor = RadiomicsFeatureExtractor(settings.to_pyradiomics())
                for mask in masks:
                    extractor.execute(image, mask)
        else:
            named = {str(k): mask for k, mask in enumerate(masks)}
            assert len(engine.extract_scan(image, named, settings).features) == len(masks)
        found.append(time.process_time() - start)
    return min(found)


def ball(mask: sitk.Image, voxels: int) -> sitk.Image:
    """Return the so many voxels of an image that are nearest to a mask's centre, in voxels."""
    inside = sitk.GetArrayViewFromImage(mask)
    centre = [int(places.mean()) for places in np.nonzero(inside)]
    far = sum(
        (axis - c) ** 2 for axis, c in zip(np.ogrid[*map(slice, inside.shape)], centre, strict=True)
    )
    chosen = np.zeros(inside.size, np.uint8)
    chosen[np.argsort(far, axis=None, kind="stable")[:voxels]] = 1
    made = sitk.GetImageFromArray(chosen.reshape(inside.shape))
    made.CopyInformation(mask)
    return made


if __name__ == "__main__":
    main()
