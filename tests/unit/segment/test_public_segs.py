"""A folder of public SEG and RTSTRUCT files from headers to masks, as a study would take it."""

import re

import numpy as np
import pytest
import SimpleITK as sitk

from rigoromics.quality.registry import CHECKS
from scripts.images import main as make_images
from scripts.sheet import main as make_sheet
from scripts.tables import read_tsv

SERIES = {
    "ct3": r"10\.23430\.1$",
    "c23": "9050794718$",
    "c24": "2700569139$",
    "adc": "3484927387$",
    "rt": r"471\.893\.88$",
    "single": r"2730\.12322$",
}
NAMES = ["Liver", "ROI-1", "ROI-2", "DARK_BLUE", "GREEN", "LIGHT_BLUE", "ORANGE", "PURPLE"]
NAMES += ["Lesion", "Normal", "Peripheral zone of the prostate", "Prostate", "first segment"]
NRRD = {
    ("ct3", "Liver"): ("liver_seg.nrrd", 1),
    ("ct3", "GREEN"): ("partial_overlaps-1.nrrd", 1),
    ("ct3", "ORANGE"): ("partial_overlaps-2.nrrd", 2),
    ("ct3", "PURPLE"): ("partial_overlaps-3.nrrd", 3),
    ("ct3", "LIGHT_BLUE"): ("partial_overlaps-1.nrrd", 4),
    ("ct3", "DARK_BLUE"): ("partial_overlaps-1.nrrd", 5),
    ("c23", "Liver"): ("23x38x3/nrrd/label.nrrd", 1),
}


def roi(name):
    return re.sub(r"\W+", "_", name)


@pytest.fixture(scope="module")
def made(shared_data, tmp_path_factory):
    """The sheet, the index and problems of the images step, and the images' folder."""
    out = tmp_path_factory.mktemp("public")
    scans = {
        name: {
            "modality": "MR" if name == "adc" else "CT",
            "timepoint": "baseline",
            "series": {"SeriesInstanceUID": uid},
            "retest_of": None,
        }
        for name, uid in SERIES.items()
    }
    study = {
        "privacy": {"ids": "hashed"},
        "cohorts": {"all": {"role": "development", "centres": []}},
        "centre": {"source": "InstitutionName", "pattern": None},
        "scans": scans,
        "rois": {roi(name): {"names": [f"^{re.escape(name)}$"]} for name in NAMES},
        "raters": {},
        "reference_rater": "r1",
    }
    raw = shared_data / "dicom_seg"
    make_sheet(
        raw=raw,
        private=out / "private",
        sheet=out / "cases.tsv",
        problems=out / "problems.tsv",
        acquisition=out / "acquisition.tsv",
        study=study,
    )
    sheet = read_tsv(out / "cases.tsv")
    tables = {n: out / "images" / f"{n}.tsv" for n in ("index", "problems", "agreement", "quality")}
    tables["index"].parent.mkdir()
    # Toy masks on toy images fail the checks of sense; here only reading is judged.
    quality = {"severity": {name: "off" for name in CHECKS}}
    make_images(
        **tables,
        raw=raw,
        private=out / "private",
        rows=sheet.to_dict("records"),
        settings={
            "min_voxels": 1,
            "seg_threshold": 0.5,
            "contact_sheet": False,
            "quality": quality,
        },
    )
    return sheet, read_tsv(tables["index"]), read_tsv(tables["problems"]), out / "images"


def test_every_seg_with_its_series_becomes_a_mask(made, shared_data):
    _, index, _, folder = made
    got = {(row.scan, row.roi): row for row in index.itertuples()}
    segs = {(scan, roi(name)) for scan, name in NRRD} | {("c24", "Liver")}
    segs |= {("adc", roi(name)) for name in NAMES[8:12]} | {("single", "first_segment")}
    assert set(got) == segs
    for (scan, name), (file, value) in NRRD.items():
        truth = sitk.ReadImage(str(shared_data / "dicom_seg" / "dcmqi_segmentations" / file))
        mask = sitk.ReadImage(str(folder / got[scan, roi(name)].mask_path))
        assert np.array_equal(sitk.GetArrayFromImage(mask), sitk.GetArrayFromImage(truth) == value)


def test_structure_sets_with_bad_references_get_the_right_sentence(made):
    sheet, _, problems, _ = made
    refused = problems[(problems["severity"] == "refused") & (problems["scan"] == "rt")]
    said = refused["problem"].str.replace(r" \(512 x.*\) mm\)", "", regex=True).value_counts()
    assert said.to_dict() == {
        "1 of 3 contours lie outside the image; 1 of the 3 slices that the contours refer to are "
        "not in this series": 4,
        "The segmentation has another frame of reference than the image, so that its coordinates "
        "mean other places": 1,
    }
    notes = sheet.loc[sheet["scan"] == "rt", "note"]
    assert notes.str.contains("drawn in another frame of reference than the scan").sum() == 1
