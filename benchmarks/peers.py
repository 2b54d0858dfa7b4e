"""Plain features of one ROI: our engines beside PyRadiomics and beside its peers.

    python -m benchmarks.peers ../shared/data --peer fastrad=PYTHON --peer mirp=PYTHON

The original image, all classes, bins of 25, one mask, one core. Each peer runs with the Python of
an environment of its own, into which `pip install fastrad`, `mirp SimpleITK`, `nyxus SimpleITK` or
`z-rad` was done. Prints processor seconds of the first extraction (with all that is imported and
compiled then) and of the second, peak memory, the number of values, how many of them PyRadiomics
has too, and how many of these agree to 1e-6 (fastrad: 1e-5, as it reckons partly in 32 bits).

Grey values are shifted so that the ROI's least is 0: all programs' bins then begin at the same
place. Values are matched by name (fastrad) or by IBSI code (MIRP, Z-Rad). Nyxus names features in
its own way and knows a number of bins only; its values are not compared.
"""

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from benchmarks.extraction import CASES, CLASSES, ORIGINAL, read
from benchmarks.peer import measure
from rigoromics.extract.dictionary import facts
from rigoromics.ibsi.reference import codes as codes_by_tag

WIDTH = 25.0
OURS = ["PyRadiomics", "pyradiomics", "fast"]
PEERS = ["fastrad", "mirp", "nyxus", "zrad"]
NEAR = {"fastrad": 1e-5}
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run everything on every case, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with pyradiomics_data, ibsi1_ct_phantom")
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--limit", type=float, default=600, help="seconds that a peer may take")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        ours(*given.one)
        return
    peers = dict(text.split("=", 1) for text in given.peer)
    print("| case | voxels | program | first, s | then, s | MB | values | compared | agree |")
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|")
    for case in given.cases:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "case.npz"
            voxels = save(given.data, case, file)
            reference: dict[str, float] = {}
            for name in [*OURS, *peers]:
                found = answer(name, peers, file, given.limit)
                reference = reference or found.get("values", {})
                print(f"| {case} | {voxels:,} | {name} | {row(name, found, reference)}", flush=True)


def save(data: Path, case: str, file: Path) -> int:
    """Write a case cropped to the ROI and five voxels around it; return its voxels."""
    image, mask = read(data, case)
    inside = sitk.GetArrayFromImage(mask) > 0
    values = np.rint(sitk.GetArrayFromImage(image)).astype(int)
    values = np.clip(values - values[inside].min(), 0, None)
    box = tuple(slice(max(places.min() - 5, 0), places.max() + 6) for places in np.nonzero(inside))
    np.savez(file, image=values[box], mask=inside[box], spacing=image.GetSpacing(), width=WIDTH)
    return int(inside.sum())


def answer(name: str, peers: dict[str, str], case: Path, limit: float) -> dict:
    """Return what a program found, or why it did not."""
    target = case.with_name(f"{name}.json")
    if name in peers:
        command = [peers[name], str(ROOT / "benchmarks" / "peer.py"), name, str(case), str(target)]
    else:
        command = [sys.executable, "-m", "benchmarks.peers", ".", "--one", name, str(case)]
        command.append(str(target))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"why": f"not done after {limit:.0f} s"}
    if not target.exists():
        return {"why": (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]}
    return json.loads(target.read_text())


def ours(name: str, case: str, target: str) -> None:
    """Extract twice with PyRadiomics itself or one of our engines."""
    given = np.load(case)
    image = sitk.GetImageFromArray(given["image"].astype(np.int32))
    mask = sitk.GetImageFromArray(given["mask"].astype(np.uint8))
    for one in (image, mask):
        one.SetSpacing(given["spacing"].tolist())
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    measure(lambda: extracted(name, image, mask), target)


def extracted(name: str, image: sitk.Image, mask: sitk.Image) -> dict[str, float]:
    """Return the features of one ROI as `<class>_<Feature>`."""
    from rigoromics.extract import engine
    from rigoromics.extract.settings import ExtractionSettings

    settings = ExtractionSettings.model_validate(
        {
            **ORIGINAL,
            "engine": "pyradiomics" if name == "PyRadiomics" else name,
            "discretisation": {"bin_width": WIDTH},
        }
    )
    if name == "PyRadiomics":
        from radiomics.featureextractor import RadiomicsFeatureExtractor

        with engine.one_quiet_thread():
            found = RadiomicsFeatureExtractor(settings.to_pyradiomics()).execute(image, mask)
    else:
        found = engine.extract_scan(image, {"roi": mask}, settings).features["roi"]
    return {key.removeprefix("original_"): float(value) for key, value in found.items()}


def row(name: str, found: dict, reference: dict[str, float]) -> str:
    """Return a program's cells of the table."""
    if "why" in found:
        return f"{found['why']} | | | | | |"
    first, then = found["seconds"]
    pairs = matched(name, found["values"], reference)
    near = NEAR.get(name, 1e-6)
    agree = sum(math.isclose(a, b, rel_tol=near, abs_tol=1e-9) for a, b in pairs)
    share = f"{agree / len(pairs):.0%}" if pairs else ""
    size = f"{found['peak']:.0f} | {len(found['values'])} | {len(pairs)}"
    return f"{first:.2f} | {then:.3f} | {size} | {share} |"


def matched(name: str, values: dict[str, float], reference: dict[str, float]) -> list[tuple]:
    """Return pairs of a program's value and PyRadiomics'."""
    if name in OURS:
        return [(values[key], value) for key, value in reference.items()]
    if name == "fastrad":
        known = {plain(key): value for key, value in reference.items()}
        return [(v, known[plain(k)]) for k, v in values.items() if plain(k) in known]
    tags = codes_by_tag()
    codes = {}
    for (group, feature), fact in facts().items():
        key = f"{group}_{feature}"
        if fact.ibsi_code and key in reference:
            codes.setdefault((group in CLASSES[2:], fact.ibsi_code), reference[key])
    pairs = []
    for key, value in values.items():
        tag = next((tag for tag in sorted(tags, key=len, reverse=True) if key.startswith(tag)), "")
        texture = tag.startswith(("cm_", "rlm_", "szm_", "ngl_", "ngt_"))
        if tag and (texture, tags[tag]) in codes and not math.isnan(value):
            pairs.append((value, codes[texture, tags[tag]]))
    return pairs


def plain(name: str) -> str:
    """Return a name as letters and digits only: `firstorder:10th_percentile` for 10Percentile."""
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("10th", "10").replace("90th", "90"))


if __name__ == "__main__":
    main()
