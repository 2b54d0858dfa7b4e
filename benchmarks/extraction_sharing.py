"""What sharing between the masks of a scan saves, against PyRadiomics called once per mask.

The workload is the IBSI CT phantom (204 x 201 x 60 voxels, 0.98 x 0.98 x 3 mm) with its own mask
and grown and shrunk versions of it, as several raters would draw it. `--field 512` puts it into
air of a whole CT's size. Both sides compute the same features of the same resampled image, on one
thread; PyRadiomics is given the whole scan, resampled and filtered anew for each mask.

    python -m benchmarks.extraction_sharing ../shared/data --masks 5 --field 512

Prints one table: CPU seconds, ratios, and the largest relative difference of any value.
"""

import argparse
import time
from pathlib import Path

import SimpleITK as sitk
import yaml
from radiomics.featureextractor import RadiomicsFeatureExtractor

from rigoromics import preprocess
from rigoromics.extract import engine
from rigoromics.extract.settings import ExtractionSettings
from rigoromics.grid import Region, target_grid

# Voxels to grow by (x, y, z); negative numbers shrink.
VARIANTS = [(0, 0, 0), (1, 1, 0), (-1, -1, 0), (2, 2, 0), (2, 2, 1), (-2, -2, 0)]


def main() -> None:
    """Time both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with ibsi1_ct_phantom")
    parser.add_argument("--masks", type=int, default=3, help=f"1 to {len(VARIANTS)}")
    parser.add_argument("--settings", type=Path, default=Path("config/extraction/ct_demo.yaml"))
    parser.add_argument("--field", type=int, help="rows and columns of the scan, at least 204")
    given = parser.parse_args()
    settings = ExtractionSettings.model_validate(yaml.safe_load(given.settings.read_text()))
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    phantom = given.data / "ibsi1_ct_phantom" / "nifti"
    image = sitk.ReadImage(phantom / "image" / "phantom.nii.gz")
    drawn = sitk.ReadImage(phantom / "mask" / "mask.nii.gz", sitk.sitkUInt8)
    if given.field:
        image, drawn = padded(image, given.field, -1000), padded(drawn, given.field, 0)
    print(f"{image.GetSize()} voxels of {image.GetSpacing()} mm, {given.settings.stem}")
    with engine.one_quiet_thread():
        compare(image, {str(by): variant(drawn, by) for by in VARIANTS[: given.masks]}, settings)


def compare(image: sitk.Image, masks: dict[str, sitk.Image], settings: ExtractionSettings) -> None:
    """Time the shared pass, then PyRadiomics mask by mask, and print both."""
    start = time.process_time()
    shared = engine.extract_scan(image, masks, settings)
    cost = time.process_time() - start

    plain_cost, worst, identical, values = 0.0, 0.0, 0, 0
    print(f"{'mask':>12} {'voxels':>8} {'PyRadiomics s':>14} {'largest difference':>19}")
    for name, mask in masks.items():
        start = time.process_time()
        resampled, inside = resampled_alone(image, mask, settings)
        extractor = RadiomicsFeatureExtractor(settings.to_pyradiomics(preprocessed=True))
        plain = extractor.execute(resampled, inside)
        seconds = time.process_time() - start
        differences = [
            abs(shared.features[name][key] - float(value)) / max(abs(float(value)), 1e-12)
            for key, value in plain.items()
        ]
        plain_cost += seconds
        worst = max(worst, *differences)
        identical += differences.count(0.0)
        values += len(differences)
        voxels = int(sitk.GetArrayViewFromImage(inside).sum())
        print(f"{name:>12} {voxels:>8} {seconds:>14.2f} {max(differences):>19.1e}")
    print(f"{values} values, {identical} identical, largest relative difference {worst:.1e}")
    print(
        f"CPU s a mask: PyRadiomics {plain_cost / len(masks):.2f}, shared {cost / len(masks):.2f}, "
        f"ratio {plain_cost / cost:.1f}"
    )


def padded(image: sitk.Image, field: int, value: float) -> sitk.Image:
    """Return an image in the middle of a larger field, and of more slices."""
    x, y = ((field - n) // 2 for n in image.GetSize()[:2])
    lower, upper = [x, y, 20], [field - image.GetWidth() - x, field - image.GetHeight() - y, 20]
    return sitk.ConstantPad(image, lower, upper, value)


def variant(mask: sitk.Image, radius: tuple[int, int, int]) -> sitk.Image:
    """Return a mask grown, or shrunk where the radius is negative."""
    size = [abs(r) for r in radius]
    return sitk.BinaryErode(mask, size) if min(radius) < 0 else sitk.BinaryDilate(mask, size)


def resampled_alone(
    image: sitk.Image, mask: sitk.Image, settings: ExtractionSettings
) -> tuple[sitk.Image, sitk.Image]:
    """Return the whole scan and one mask, resampled: what PyRadiomics is given."""
    resampling = settings.resampling
    if resampling is None:
        return image, mask
    grid = target_grid(image, resampling.spacing_mm)
    whole = Region((0, 0, 0), grid.size)
    resampled = preprocess.resample_image(
        image, grid, whole, resampling.interpolator, resampling.round_intensities
    )
    inside = preprocess.resample_mask(
        sitk.GetArrayViewFromImage(mask) == 1,
        grid,
        whole,
        resampling.mask_interpolator,
        resampling.mask_threshold,
    )
    return resampled, preprocess.like(resampled, inside.astype("uint32"))


if __name__ == "__main__":
    main()
