"""The report of ROI names: what fits, what does not, and nothing private in public."""

import json
from typing import Any

import pandas as pd
import pytest

from rigoromics.read.drawings import Drawing, contours, find_drawings
from rigoromics.read.roi_names import roi_name_tables

TERMS = {"spleen": ["^Spleen$", "^spleen(?:[ _.-]*[0-9])*$"], "gtv": ["^GTV"]}


def drawing(patient: str, *names: str) -> Drawing:
    rois = [{"number": n, "name": name, "description": ""} for n, name in enumerate(names, 1)]
    header = {"path": f"{patient}/rs.dcm", "kind": "dicom", "Modality": "RTSTRUCT"}
    return Drawing({**header, "rois": json.dumps(rois)}, patient)


@pytest.fixture
def tables(study: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    study["rois"]["liver"] = {"names": ["^liver$"]}
    files = [
        drawing("MUSTER", "GTV-1", "Milz Dr. Muster", "Spleeen"),
        drawing("MUSTER", "GTV-1", "Spleeen"),
        drawing("OTHER", "gtv left", "Tumour GTV", "Livver"),
    ]
    return roi_name_tables(files, study, TERMS)


def test_counts_are_public_and_names_are_not(tables: tuple[pd.DataFrame, ...]) -> None:
    public = tables[0]
    assert public.to_numpy().tolist() == [
        ["lesion", 3, 4, 2],
        ["liver", 0, 0, 0],
        ["(none)", 3, 4, 2],
    ]
    text = public.to_csv().casefold()
    for name in ("milz", "muster", "spleeen", "livver", "other", "left"):
        assert name not in text


def test_names_are_private_with_the_nearest_pattern(tables: tuple[pd.DataFrame, ...]) -> None:
    private = tables[1]
    assert private.to_numpy().tolist() == [
        ["", "Spleeen", 2, 1, "^Spleen$", "@spleen"],
        ["", "Livver", 1, 1, "liver", "liver"],
        ["", "Milz Dr. Muster", 1, 1, "", ""],
        ["lesion", "GTV-1", 2, 1, "", ""],
        ["lesion", "Tumour GTV", 1, 1, "", ""],
        ["lesion", "gtv left", 1, 1, "", ""],
    ]


def mask_headers(*paths: str) -> pd.DataFrame:
    columns = {"kind": "mask", "Modality": "", "status": "ok", "SOPInstanceUID": "", "rois": ""}
    return pd.DataFrame([{"path": path, "sha256": path, **columns} for path in paths])


def test_a_labelmap_gives_a_row_for_each_label(study: dict[str, Any]) -> None:
    study["rois"] = {"liver": {"names": ["^liver"]}, "lesion": {"names": ["^gtv", "tumou?r"]}}
    study["masks"] = {
        "pattern": r"(?P<patient>P\d)/(?:(?P<roi>tumou?r)|.*)\.(?:nii\.gz|png)$",
        "labels": {"liver": 6, "lesion": 2},
    }
    headers = mask_headers("P1/all.nii.gz", "P2/tumour.nii.gz", "P3/a.png", "x/shot.png", "x.nrrd")
    drawings, unexplained = find_drawings(headers, study)
    assert unexplained == ["x.nrrd"]
    rows = [
        (each.patient_id, one.roi, one.name, one.number, one.rater)
        for each in drawings
        for one in contours(study, each)
    ]
    assert rows == [
        ("P1", "liver", "liver", 6, "r1"),
        ("P1", "lesion", "lesion", 2, "r1"),
        ("P2", "lesion", "tumour", 0, "r1"),
        ("P3", "liver", "liver", 6, "r1"),
        ("P3", "lesion", "lesion", 2, "r1"),
    ]
    public, _ = roi_name_tables(drawings, study, {})
    assert public.to_numpy().tolist() == [
        ["liver", 1, 2, 2],
        ["lesion", 2, 3, 3],
        ["(none)", 0, 0, 0],
    ]


def test_a_number_tells_two_rois_of_one_name_apart(study: dict[str, Any]) -> None:
    twice = drawing("P1", "GTV", "Liver", "GTV")
    study["rois"] = {"lesion": {"names": ["^gtv$"]}}
    (both,) = contours(study, twice)
    assert (both.number, both.rivals) == (1, ("GTV",))
    study["rois"] = {"lesion": {"names": ["^gtv #3$"]}}
    (one,) = contours(study, twice)
    assert (one.number, one.name, one.rivals) == (3, "GTV", ())
