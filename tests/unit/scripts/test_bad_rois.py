"""ROIs that few or no features can be had of, as files: a row, or a reason in plain words."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from rigoromics.extract.rows import INDEX
from scripts.extract import main
from scripts.hashing import file_sha256
from scripts.tables import read_tsv, write_tsv

ENGINES = ["pyradiomics", "fast"]
SIZE = (10, 12, 12)
CLASSES = ["shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]
SETTINGS = {
    "discretisation": {"bin_width": 25},
    "images": {"original": {}},
    "classes": dict.fromkeys(CLASSES, "all"),
}
NOT_NUMBERS = "not numbers"
OTHER_VALUES = "other values than 0 and 1"


def grey(size=SIZE, **changed):
    """Noise; `changed` sets boxes or voxels of it."""
    values = np.random.default_rng(3).normal(0, 100, size).astype(np.float32)
    for place, value in changed.values():
        values[place] = value
    return values


def box(*edges, size=SIZE):
    """A mask of 1 between the edges along slices, rows and columns."""
    inside = np.zeros(size, np.uint8)
    inside[tuple(slice(*edge) for edge in edges)] = 1
    return inside


GOOD = box((2, 8), (3, 9), (3, 9))
SLICE = box((4, 5), (2, 10), (2, 10))
LINE = box((4, 5), (6, 7), (0, 12))
POINT = box((4, 5), (6, 7), (6, 7))
WHOLE = np.ones(SIZE, np.uint8)


@dataclass(frozen=True)
class Case:
    """An image, a mask, where the mask lies, settings, and what is said (nothing: all is well)."""

    said: str = ""
    image: np.ndarray = field(default_factory=grey)
    mask: np.ndarray = field(default_factory=GOOD.copy)
    spacing: tuple[float, ...] = (1, 1, 1)
    origin: tuple[float, ...] = (0, 0, 0)
    settings: dict[str, Any] = field(default_factory=dict)


ANY_SIZE = {"smallest_roi": {"voxels": 1, "dimensions": 2}}

REFUSED = {
    "one voxel": Case(r"has 1 voxel\(s\)", mask=POINT),
    "one voxel, any size": Case("over 0 of 3 axes", mask=POINT, settings=ANY_SIZE),
    "one line": Case(r"has 12 voxel\(s\)", mask=LINE),
    "one line, any size": Case("over 1 of 3 axes", mask=LINE, settings=ANY_SIZE),
    "one slice": Case("over 2 of 3 axes", mask=SLICE),
    "flat": Case(r"the same grey value \(7\)", grey(box=(GOOD == 1, 7))),
    "flat to infinity": Case(NOT_NUMBERS, grey(box=(GOOD == 1, np.inf))),
    "two labels": Case(rf"{OTHER_VALUES} \(0, 1, 2\)", mask=GOOD + box((4, 6), (4, 6), (4, 6))),
    "another label": Case(rf"{OTHER_VALUES} \(0, 2\)", mask=2 * GOOD),
    "shares of voxels": Case(OTHER_VALUES, mask=GOOD.astype(np.float32) / 2),
    "NaN in the mask": Case(OTHER_VALUES, mask=np.where(GOOD, 1, np.nan).astype(np.float32)),
    "colour": Case("3 values a voxel", mask=np.stack([GOOD] * 3, axis=-1)),
    "empty": Case("mask is empty", mask=0 * GOOD),
    "elsewhere": Case("500 mm off the image", origin=(500, 0, 0)),
    "other spacing": Case("mm off the image", spacing=(1, 1, 3)),
    "larger than the image": Case(
        r"size \(24, 24, 10\) is not the image's \(12, 12, 10\)",
        mask=box((2, 8), (0, 24), (0, 24), size=(10, 24, 24)),
    ),
    "smaller than the image": Case(r"size \(9, 12, 10\) is not", mask=GOOD[..., :9]),
    "one picture": Case(r"size \(12, 12\) is not", mask=GOOD[4], spacing=(1, 1), origin=(0, 0)),
    "NaN in the ROI": Case(NOT_NUMBERS, grey(voxel=((5, 5, 5), np.nan))),
    "NaN outside the ROI": Case(NOT_NUMBERS, grey(voxel=((0, 0, 0), np.nan))),
    "infinite in the ROI": Case(NOT_NUMBERS, grey(voxel=((5, 5, 5), -np.inf))),
    "resegmented to nothing": Case(
        "No voxels are left", settings={"intensity": {"resegmentation": [5000, 6000]}}
    ),
    "resegmented to a few": Case(
        "after resegmentation, fewer than 27",
        grey(box=(box((2, 8), (3, 9), (3, 9)) == 1, 0), few=(box((4, 6), (4, 6), (4, 6)) == 1, 9)),
        settings={"intensity": {"resegmentation": [5, 6000]}},
    ),
    "coarse": Case(
        "on the feature grid", mask=POINT, settings={"resampling": {"spacing_mm": [5, 5, 5]}}
    ),
    "coarser than the image": Case(
        "on the feature grid", settings={"resampling": {"spacing_mm": [500, 500, 500]}}
    ),
}
MEASURED = {
    "whole image": Case(mask=WHOLE),
    "at the edge": Case(mask=box((0, 5), (0, 5), (7, 12))),
    "two parts": Case(mask=box((1, 4), (2, 10), (2, 10)) + box((6, 9), (2, 10), (2, 10))),
    "one slice, allowed": Case(mask=SLICE, settings=ANY_SIZE),
    "two grey values": Case(image=np.sign(grey())),
    "one voxel differs": Case(image=grey(box=(GOOD == 1, 7), voxel=((5, 5, 5), 90))),
    "in one bin": Case(image=1 + grey() / 1e4),
    "too thin for a filter": Case(
        r"the image is too small for log-sigma-1-0-mm-3D",
        grey((3, 12, 12)),
        box((0, 3), (3, 9), (3, 9), size=(3, 12, 12)),
        settings={"images": {"original": {}, "log": {"sigma_mm": [1]}}},
    ),
}


def write(folder, patient, scan, case):
    """Write a case's files; return its row of the index."""
    image = sitk.GetImageFromArray(case.image)
    mask = sitk.GetImageFromArray(case.mask, isVector=case.mask.ndim == 4)
    mask.SetSpacing(case.spacing)
    mask.SetOrigin(case.origin)
    row = {"patient": patient, "cohort": "A", "timepoint": "baseline", "scan": scan}
    row |= {"roi": "lesion", "rater": "R1"}
    # NIfTI files are read with zeros in place of what is not a number.
    for kind, made in (("image", image), ("mask", mask)):
        path = folder / f"{patient}-{kind}.nrrd"
        sitk.WriteImage(made, path)
        row |= {f"{kind}_path": path.name, f"{kind}_sha256": file_sha256(path)}
    return row


def extract(folder, case, engine):
    """Return table and problems of a chunk: the case is P-1, a good ROI P-2."""
    rows = [write(folder, "P-1", "odd", case), write(folder, "P-2", "ct", Case())]
    write_tsv(pd.DataFrame(rows), folder / "index.tsv")
    settings = {"odd": SETTINGS | case.settings, "ct": SETTINGS}
    main(
        index=folder / "index.tsv",
        features=folder / "features.parquet",
        problems=folder / "problems.tsv",
        settings={scan: {**values, "engine": engine} for scan, values in settings.items()},
        controls=[],
        perturbations={"chains": [], "cohorts": [], "without": []},
        reference_rater="R1",
        seed=1,
    )
    table = pd.read_parquet(folder / "features.parquet").set_index("patient")
    return table.drop(columns=INDEX[1:]), read_tsv(folder / "problems.tsv")


def by_both(folder, case):
    """Return what both engines give: the same words, and the same values."""
    (table, problems), (fast, said) = (extract(folder, case, engine) for engine in ENGINES)
    pd.testing.assert_frame_equal(problems, said)
    pd.testing.assert_frame_equal(table, fast, rtol=1e-9, atol=1e-9)
    return table, problems


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Features of the good ROI beside another good one."""
    table, problems = by_both(tmp_path_factory.mktemp("good"), Case())
    assert problems.empty
    assert len(table.columns) > 90
    assert np.isfinite(table).all(axis=None)
    return table.loc["P-2"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_roi_is_refused_with_a_reason_and_the_next_is_extracted(tmp_path, good, name):
    table, problems = by_both(tmp_path, REFUSED[name])
    assert list(table.index) == ["P-2"]
    pd.testing.assert_series_equal(table.loc["P-2"], good, check_exact=False, rtol=1e-9)
    row = problems.iloc[0]
    assert len(problems) == 1
    assert (row["severity"], row["patient"], row["scan"]) == ("refused", "P-1", "odd")
    assert row["file"] == "P-1-mask.nrrd"
    assert len(row["remedy"]) > 6
    assert problems["problem"].str.contains(REFUSED[name].said).all(), row["problem"]


@pytest.mark.parametrize("name", MEASURED)
def test_an_odd_roi_has_features_and_a_note_of_each_that_is_missing(tmp_path, good, name):
    case = MEASURED[name]
    table, problems = by_both(tmp_path, case)
    pd.testing.assert_series_equal(table.loc["P-2", good.index], good, rtol=1e-9)
    missing = sorted(set(good.index) - set(table.loc["P-1"].dropna().index))
    assert len(missing) < 10
    assert np.isfinite(table.loc["P-1"].dropna()).all()
    if not missing and not case.said:
        assert problems.empty
        return
    row = problems.iloc[0]
    assert len(problems) == 1
    assert (row["severity"], row["patient"], row["scan"]) == ("noted", "P-1", "odd")
    assert row["remedy"]
    assert problems["problem"].str.contains(case.said).all(), row["problem"]
    if missing:
        assert f"{len(missing)} feature(s) have no finite value" in row["problem"]
        assert all(feature in row["problem"] for feature in missing[:5])
