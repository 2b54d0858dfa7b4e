"""One peer, in its own environment: features of one ROI, and what they cost.

    <peer's python> benchmarks/peer.py <name> case.npz answer.json

Run by `benchmarks.peers`. Needs numpy and the peer alone. The case holds `image` (whole numbers;
the ROI's least value is 0), `mask`, both (slices, rows, columns), `spacing` (x, y, z) and the
`width` of bins.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FAMILIES = ["morphology", "statistics", "cm", "rlm", "szm", "ngtdm", "ngldm"]


def fastrad(image, mask, spacing, width):
    """Return fastrad's features, by PyRadiomics' names."""
    import torch
    from fastrad import FeatureExtractor, FeatureSettings, Mask, MedicalImage

    torch.set_num_threads(1)
    steps = tuple(spacing[::-1])
    settings = FeatureSettings(bin_width=width, device="cpu", spacing=steps)
    given = MedicalImage(torch.from_numpy(image.astype(np.float32)), steps)
    roi = Mask(torch.from_numpy(mask.astype(np.float32)), steps)
    return FeatureExtractor(settings).extract(given, roi)


def mirp(image, mask, spacing, width):
    """Return MIRP's features, by its own names."""
    from mirp import extract_features

    with tempfile.TemporaryDirectory() as folder:
        files = as_files(Path(folder), image, mask, spacing)
        table = extract_features(
            image=files[0],
            mask=files[1],
            image_modality="ct",
            base_feature_families=FAMILIES,
            base_discretisation_method="fixed_bin_size",
            base_discretisation_bin_width=width,
            glcm_spatial_method="3d_average",
            glrlm_spatial_method="3d_average",
            resegmentation_intensity_range=[0.0, float(image[mask].max())],
            num_cpus=1,
        )[0]
    return {name: table[name].iloc[0] for name in table.columns}


def nyxus(image, mask, spacing, width):
    """Return Nyxus' features, by its own names; it knows a number of levels only."""
    from nyxus import Nyxus3D

    levels = int(image[mask].max() // width) + 1
    program = Nyxus3D(["*3D_ALL*"], n_feature_calc_threads=1, coarse_gray_depth=levels, ibsi=True)
    with tempfile.TemporaryDirectory() as folder:
        files = as_files(Path(folder), image, mask, spacing)
        table = program.featurize_files([files[0]], [files[1]], False)
    return {name: table[name].iloc[0] for name in table.columns}


def zrad(image, mask, spacing, width):
    """Return Z-Rad's features, by its own names."""
    from zrad.image import Image
    from zrad.preprocessing import IntensityMaskBuilder, RoiData
    from zrad.preprocessing.discretization import TextureDiscretizer
    from zrad.preprocessing.resegmentation import RangeResegmenter
    from zrad.radiomics import Radiomics

    with tempfile.TemporaryDirectory() as folder:
        files = as_files(Path(folder), image, mask, spacing)
        given = Image.from_nifti(files[0])
        roi = Image.from_nifti_mask(files[1], reference=given)
    data = IntensityMaskBuilder().apply(RoiData(image=given, morphological_mask=roi))
    data = RangeResegmenter([0, float(image[mask].max())]).apply(data)
    data = TextureDiscretizer(bin_size=width).apply(data)
    families = ["intensity_statistics", "glcm", "glrlm", "glszm", "ngtdm", "ngldm"]
    return Radiomics().extract_features(roi_data=data, families=["morphology", *families])


def as_files(folder, image, mask, spacing):
    """Return image and mask as NIfTI files."""
    import SimpleITK as sitk

    files = []
    for name, values in (("image", image.astype(np.int16)), ("mask", mask.astype(np.uint8))):
        made = sitk.GetImageFromArray(values)
        made.SetSpacing(spacing)
        files.append(str(folder / f"{name}.nii.gz"))
        sitk.WriteImage(made, files[-1])
    return files


def main(name, case, answer):
    """Extract twice, the first time with all that is loaded and compiled at first."""
    given = np.load(case)
    spacing, width = given["spacing"].tolist(), float(given["width"])
    extract, mask = globals()[name], given["mask"] > 0
    measure(lambda: extract(given["image"], mask, spacing, width), answer)


def measure(extract, answer):
    """Write the values that a program finds, what two runs of it take, and its peak memory."""
    seconds = []
    for _ in range(2):
        start = time.process_time()
        found = extract()
        seconds.append(time.process_time() - start)
    values = {}
    for key, value in found.items():
        try:
            values[key] = float(value)
        except (TypeError, ValueError):
            continue
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Path(answer).write_text(json.dumps({"seconds": seconds, "peak": peak, "values": values}))


if __name__ == "__main__":
    main(*sys.argv[1:])
