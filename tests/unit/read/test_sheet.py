"""The draft: rows, problems in words, privacy, edits. One fault per test, the rest stays."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pydicom
import pytest

from rigoromics.errors import DataError
from rigoromics.read.headers import index_headers
from rigoromics.read.rules import study_keywords
from rigoromics.read.sheet import Sheet, draft, merge_edits


@pytest.fixture
def cohort(tmp_path, slices_of, write, rtstruct_on, volume) -> Path:
    """Three patients: CT and RTSTRUCT each; the third of the external centre."""
    for number, centre in enumerate(["Hospital A", "Hospital A", "Hospital B"], 1):
        slices = slices_of(
            volume + number,
            series=f"1.2.{number}",
            patient=f"PAT-{number}",
            InstitutionName=centre,
        )
        write(slices, tmp_path / f"p{number}" / "ct")
        write(
            [rtstruct_on(slices, ["GTV", "Heart"], f"1.5.{number}")], tmp_path / f"p{number}" / "rt"
        )
    return tmp_path


def _draft(raw: Path, study: dict[str, Any], **options: Any) -> Sheet:
    return draft(index_headers(raw, extra=study_keywords(study)).table, study, "salt", **options)


def _change(path: Path, **fields: Any) -> None:
    data = pydicom.dcmread(path)
    for keyword, value in fields.items():
        setattr(data, keyword, value)
    data.save_as(path)


def _included(sheet: Sheet) -> int:
    return int((sheet.cases["include"] == "yes").sum())


def _only_problem(sheet: Sheet, severity: str = "refused") -> pd.Series:
    found = sheet.problems[sheet.problems["severity"] == severity]
    assert len(found) == 1, found["problem"].tolist()
    return found.iloc[0]


def test_clean_cohort_has_all_rows_and_no_problem(cohort: Path, study: dict) -> None:
    sheet = _draft(cohort, study)
    assert sheet.problems.empty
    assert list(sheet.cases["include"]) == ["yes"] * 3
    assert sorted(sheet.cases["cohort"]) == ["development", "development", "external"]
    row = sheet.cases.iloc[0]
    assert (row["scan"], row["roi"], row["rater"], row["image_files"]) == (
        "ct",
        "lesion",
        "r1",
        "5",
    )
    files = sheet.files.groupby("key")["order"].apply(list)
    assert files[row["image"]] == [0, 1, 2, 3, 4]
    assert files[row["segmentation"]] == [0]
    assert list(sheet.segmentations["roi_name"]) == ["GTV"] * 3
    assert sorted(sheet.patients["patient_id"]) == ["PAT-1", "PAT-2", "PAT-3"]
    acquired = sheet.acquisition.iloc[0]
    assert (acquired["slices"], acquired["spacing_between_slices"]) == ("5", "2")
    assert acquired["pixel_spacing"] == "0.75 x 0.5"


def test_same_pixels_under_two_patient_ids_are_refused_on_both_sides(
    cohort, study, slices_of, write, rtstruct_on, volume
) -> None:
    # The first patient again: another name, number and file order, the same pixels.
    slices = slices_of(volume + 1, series="1.2.9", patient="PAT-9", InstitutionName="Hospital A")
    write(slices[::-1], cohort / "p9" / "ct")
    write([rtstruct_on(slices, ["GTV"], "1.5.9")], cohort / "p9" / "rt")
    sheet = _draft(cohort, study)
    key = sheet.patients.set_index("patient_id")["patient"]
    refused = sheet.cases[sheet.cases["include"] == "no"]
    assert set(refused["patient"]) == {key["PAT-1"], key["PAT-9"]}
    assert (refused["note"] == "auto: The same pixels stand under another PatientID").all()
    assert (sheet.problems["problem"] == "The same pixels stand under another PatientID").all()
    assert "PAT-" not in sheet.problems.to_csv()
    private = sheet.problems_private["problem"].str.cat(sep=" ")
    assert "PAT-1" in private
    assert "PAT-9" in private
    for path in (cohort / "p9" / "ct").iterdir():
        _change(path, InstitutionName="Hospital B")
    assert (_draft(cohort, study).problems["problem"].str.endswith("and in two cohorts")).all()


def test_same_pixels_within_one_patient_are_no_problem(
    cohort, study, slices_of, write, volume
) -> None:
    study["scans"]["late"] = {
        "modality": "CT", "timepoint": "late", "series": {"SeriesDescription": "follow"}
    }  # fmt: skip
    write(slices_of(volume + 1, series="1.8", SeriesDescription="follow up"), cohort / "x")
    assert not _draft(cohort, study).problems["problem"].str.contains("pixels").any()


def test_public_tables_give_nothing_away(cohort: Path, study: dict) -> None:
    _change(cohort / "p1" / "rt" / "000", FrameOfReferenceUID="1.99")
    (cohort / "p2" / "ct" / "002").unlink()
    sheet = _draft(cohort, study, clinical_ids=["PAT-1", "PAT-9"])
    text = "".join(table.to_csv() for table in (sheet.cases, sheet.acquisition, sheet.problems))
    assert len(sheet.problems) >= 3
    for secret in ("PAT-", "1.2.1", "1.2.2", "1.5.", "p1", "p2", "rt/", "GTV", "thorax", "Heart"):
        assert secret not in text, secret
    assert "PAT-9" in sheet.problems_private.to_csv()


def test_keys_depend_on_the_salt_and_public_ids_stand(cohort: Path, study: dict) -> None:
    table = index_headers(cohort).table
    one, two = draft(table, study, "a"), draft(table, study, "b")
    assert not set(one.cases["patient"]) & set(two.cases["patient"])
    assert not set(one.cases["image"]) & set(two.cases["image"])
    study["privacy"]["ids"] = "public"
    assert set(draft(table, study, "a").cases["patient"]) == {"PAT-1", "PAT-2", "PAT-3"}


def test_unnamed_centres_are_hashed(cohort: Path, study: dict) -> None:
    study["cohorts"]["development"]["centres"] = []
    sheet = _draft(cohort, study)
    hashed = set(sheet.cases.loc[sheet.cases["cohort"] == "development", "centre"])
    assert len(hashed) == 1
    assert hashed.pop().startswith("centre-")
    assert set(sheet.cases.loc[sheet.cases["cohort"] == "external", "centre"]) == {"Hospital B"}


def test_row_order_of_the_index_does_not_matter(cohort: Path, study: dict) -> None:
    table = index_headers(cohort).table
    one = draft(table, study, "salt")
    two = draft(table.sample(frac=1, random_state=1), study, "salt")
    for name in ("cases", "acquisition", "problems", "files", "segmentations"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))


def test_digests_follow_the_content(cohort: Path, study: dict) -> None:
    before = _draft(cohort, study).cases.set_index("patient")
    _change(cohort / "p1" / "ct" / "003", RescaleIntercept=-1024)
    after = _draft(cohort, study).cases.set_index("patient")
    changed = before["image_digest"] != after["image_digest"]
    assert changed.sum() == 1
    assert (before["segmentation_digest"] == after["segmentation_digest"]).all()


def _cut(cohort: Path) -> None:
    path = cohort / "p1" / "ct" / "002"
    path.write_bytes(path.read_bytes()[:-40])


def _lose(cohort: Path) -> None:
    (cohort / "p1" / "ct" / "002").unlink()


def _move_frame(cohort: Path) -> None:
    path = cohort / "p1" / "rt" / "000"
    data = pydicom.dcmread(path)
    data.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "1.99"
    data.save_as(path)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (_cut, "cut short"),
        (_lose, "1 slice of the series is missing"),
        (_move_frame, "frame of ref"),
    ],
)
def test_one_damaged_patient_is_refused_in_words_and_the_rest_stays(
    cohort: Path, study: dict, fault: Any, words: str
) -> None:
    fault(cohort)
    sheet = _draft(cohort, study)
    problem = _only_problem(sheet)
    assert words in problem["problem"]
    assert problem["remedy"]
    refused = sheet.cases[sheet.cases["include"] == "no"]
    assert list(refused["patient"]) == [problem["patient"]]
    assert refused["note"].iloc[0].startswith("auto: ")
    assert _included(sheet) == 2
    assert sheet.problems_private["file"].str.startswith("p1/").all()


def test_unreadable_file_names_no_patient_but_a_key(cohort: Path, study: dict) -> None:
    (cohort / "bad").write_bytes(b"\0" * 128 + b"DICM" + b"\xfe" * 300)
    sheet = _draft(cohort, study)
    assert _only_problem(sheet)["file"].startswith("FILE-")
    assert list(sheet.problems_private["file"]) == ["bad"]
    assert _included(sheet) == 3


def test_series_that_fits_no_scan_is_noted_with_its_description_in_private(
    cohort, study, slices_of, write, volume
) -> None:
    write(slices_of(volume, series="1.7", SeriesDescription="thorax lung"), cohort / "x")
    sheet = _draft(cohort, study)
    assert "1 CT series fit no scan" in _only_problem(sheet, "noted")["problem"]
    assert "thorax lung" in sheet.problems_private["problem"].iloc[0]


def test_of_two_series_the_drawn_one_is_taken(cohort, study, slices_of, write, volume) -> None:
    write(slices_of(volume, series="1.1"), cohort / "x")
    sheet = _draft(cohort, study)
    assert "segmentations are drawn on it only" in _only_problem(sheet, "noted")["problem"]
    assert _included(sheet) == 3


@pytest.fixture
def two_series(cohort, slices_of, write, rtstruct_on, volume) -> Path:
    slices = slices_of(volume[:4], series="1.1", SeriesDate="19990101", StudyDate="19990101")
    write(slices, cohort / "x")
    write([rtstruct_on(slices, ["GTV"], "1.5.77")], cohort / "xrt")
    return cohort


def test_two_drawn_series_of_one_scan_are_refused(two_series: Path, study: dict) -> None:
    sheet = _draft(two_series, study)
    assert "2 series fit the scan" in _only_problem(sheet)["problem"]
    assert (_included(sheet), len(sheet.cases)) == (2, 4)


@pytest.mark.parametrize(("pick", "files"), [("most_slices", "5"), ("latest", "4"), ("first", "5")])
def test_pick_rules(two_series: Path, study: dict, pick: str, files: str) -> None:
    study["scans"]["ct"]["pick"] = pick
    sheet = _draft(two_series, study)
    key = sheet.patients.set_index("patient_id").loc["PAT-1", "patient"]
    assert list(sheet.cases.loc[sheet.cases["patient"] == key, "image_files"]) == [files]
    assert _included(sheet) == 3


def test_series_that_fits_two_scans_is_refused(cohort: Path, study: dict) -> None:
    study["scans"]["again"] = {"modality": "CT", "timepoint": "baseline"}
    sheet = _draft(cohort, study)
    assert (
        sheet.problems["problem"].str.contains(r"several scans of the study \(ct, again\)")
    ).any()
    assert sheet.cases.empty


def test_segmentation_of_a_missing_series(cohort: Path, study: dict) -> None:
    for path in (cohort / "p1" / "ct").iterdir():
        path.unlink()
    sheet = _draft(cohort, study)
    assert "not among the files" in _only_problem(sheet)["problem"]
    assert _included(sheet) == 2


def test_segmentation_without_reference_goes_by_its_frame(cohort: Path, study: dict) -> None:
    path = cohort / "p1" / "rt" / "000"
    data = pydicom.dcmread(path)
    del data.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence
    data.save_as(path)
    sheet = _draft(cohort, study)
    assert "only scan in its frame of reference" in _only_problem(sheet, "noted")["problem"]
    assert _included(sheet) == 3

    data.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "1.99"
    data.save_as(path)
    refused = _draft(cohort, study).problems.query("severity == 'refused'")["problem"]
    assert refused.str.contains("does not say which series").any()


def test_segmentation_under_another_patient_id(cohort: Path, study: dict) -> None:
    _change(cohort / "p1" / "rt" / "000", PatientID="PAT-2")
    problems = _draft(cohort, study).problems.query("severity == 'refused'")["problem"]
    assert problems.str.contains("another PatientID").any()
    assert problems.str.contains("no segmentation that can be used").any()


def test_unmatched_roi_names_are_listed_in_private_only(cohort, study) -> None:
    study["rois"]["lesion"]["names"] = ["liver"]
    sheet = _draft(cohort, study)
    assert sheet.cases.empty
    assert sheet.problems["problem"].str.contains("None of the 2 ROI names").sum() == 3
    assert "GTV, Heart" in sheet.problems_private.to_csv()
    assert "GTV" not in sheet.problems.to_csv()


def test_two_names_for_one_roi_are_refused(cohort: Path, study: dict) -> None:
    study["rois"]["lesion"]["names"] = ["gtv|heart"]
    sheet = _draft(cohort, study)
    assert sheet.problems["problem"].str.startswith("2 ROIs of one segmentation").sum() == 3
    assert _included(sheet) == 0


def test_roi_that_a_rater_left_out_is_noted(cohort: Path, study: dict) -> None:
    study["rois"]["kidney"] = {"names": ["kidney"]}
    sheet = _draft(cohort, study)
    assert set(sheet.problems["roi"]) == {"kidney"}
    assert _included(sheet) == 3


def test_raters_of_one_file_and_of_several(cohort, study, rtstruct_on, slices_of, volume, write):
    study["raters"] = {
        "ann": {"match": {"ROIName": "^gtv"}},
        "ben": {"match": {"ROIName": "heart"}},
        "cat": {"match": {"StructureSetLabel": "third"}},
    }
    study["rois"]["lesion"]["names"] = ["^gtv", "heart", "tumor"]
    slices = slices_of(volume, series="1.2.1")
    write([rtstruct_on(slices, ["Tumor"], "1.5.8", StructureSetLabel="Third")], cohort / "more")
    sheet = _draft(cohort, study)
    assert sheet.problems.empty
    assert sorted(sheet.cases["rater"]) == ["ann"] * 3 + ["ben"] * 3 + ["cat"]
    again = rtstruct_on(slices, ["Tumor"], "1.5.9", StructureSetLabel="unknown")
    write([again], cohort / "most")
    sheet = _draft(cohort, study)
    assert "no rater" in _only_problem(sheet)["problem"]
    assert _included(sheet) == 7


def test_same_segmentation_twice_is_refused_unless_an_exact_copy(
    cohort, study, rtstruct_on, slices_of, volume, write
) -> None:
    slices = slices_of(volume, series="1.2.1")
    write([rtstruct_on(slices, ["GTV", "Heart"], "1.5.1", SeriesDescription="b")], cohort / "again")
    sheet = _draft(cohort, study)
    assert "2 segmentations are the same ROI" in _only_problem(sheet)["problem"]
    assert sheet.cases["segmentation"].is_unique
    assert _included(sheet) == 2
    (cohort / "again" / "000").write_bytes((cohort / "p1" / "rt" / "000").read_bytes())
    assert _included(_draft(cohort, study)) == 3


def test_patient_in_two_cohorts_is_refused(cohort, study, slices_of, write, volume) -> None:
    study["scans"]["late"] = {
        "modality": "CT", "timepoint": "late", "series": {"SeriesDescription": "follow"}
    }  # fmt: skip
    extra = slices_of(
        volume, series="1.8", SeriesDescription="follow up", InstitutionName="Hospital B"
    )
    write(extra, cohort / "x")
    sheet = _draft(cohort, study)
    row = sheet.problems[sheet.problems["problem"].str.contains("different cohorts")]
    assert len(row) == 1
    assert set(sheet.cases.loc[sheet.cases["include"] == "no", "patient"]) == set(row["patient"])


def test_centre_outside_all_cohorts_is_refused(cohort: Path, study: dict) -> None:
    study["cohorts"]["external"]["centres"] = ["Hospital Z"]
    sheet = _draft(cohort, study)
    assert "belongs to no cohort" in _only_problem(sheet)["problem"]
    assert _included(sheet) == 2


def test_centres_from_the_clinical_table(cohort: Path, study: dict) -> None:
    study["centre"] = {"source": "clinical"}
    centres = {"PAT-1": "Hospital A", "PAT-2": "Hospital B", "PAT-3": "Hospital B"}
    sheet = _draft(cohort, study, clinical_ids=list(centres), clinical_centres=centres)
    assert sheet.problems.empty
    assert sorted(sheet.cases["cohort"]) == ["development", "external", "external"]


def test_clinical_table_and_images_are_compared(cohort: Path, study: dict) -> None:
    sheet = _draft(cohort, study, clinical_ids=["PAT-1", "PAT-2", "PAT-4"])
    assert sheet.kinds == {"no images": 1, "not in clinical table": 1}


def test_no_patient_id_is_refused(cohort: Path, study: dict) -> None:
    for path in (cohort / "p1").rglob("0*"):
        _change(path, PatientID="")
    sheet = _draft(cohort, study)
    assert sheet.problems["problem"].str.contains("no PatientID").all()
    assert _included(sheet) == 2


def test_mask_images_by_their_path(cohort: Path, study: dict) -> None:
    (cohort / "masks").mkdir()
    for name in ("PAT-1_gtv_ann.nii.gz", "PAT-2_gtv_ann.nii.gz", "readme.nrrd"):
        (cohort / "masks" / name).write_bytes(name.encode())
    unexplained = _draft(cohort, study)
    assert "3 mask image(s)" in _only_problem(unexplained, "noted")["problem"]
    study["masks"] = {"pattern": r"masks/(?P<patient>[^_/]+)_(?P<roi>[^_]+)_(?P<rater>\w+)\.nii"}
    sheet = _draft(cohort, study)
    masks = sheet.cases[sheet.cases["rater"] == "ann"]
    assert len(masks) == 2
    assert masks["segmentation"].str.startswith("MASK-").all()
    assert (masks["include"] == "yes").all()


def test_nothing_at_all_gives_empty_tables(study: dict, tmp_path: Path) -> None:
    sheet = _draft(tmp_path, study)
    assert sheet.cases.empty
    assert sheet.cases.columns[0] == "include"
    assert sheet.problems.empty


def test_person_edits_survive_and_repairs_come_back(cohort: Path, study: dict) -> None:
    content = (cohort / "p1" / "ct" / "002").read_bytes()
    _lose(cohort)
    sheet = merge_edits(None, _draft(cohort, study).cases)
    healthy = sheet.index[sheet["include"] == "yes"]
    refused = sheet.index[sheet["include"] == "no"][0]
    edited = sheet.copy()
    edited.loc[healthy[0], ["include", "note"]] = ["no", "motion"]
    edited.loc[healthy[1], "note"] = "checked"

    (cohort / "p1" / "ct" / "002").write_bytes(content)
    merged = merge_edits(edited, _draft(cohort, study).cases)
    assert merged.loc[healthy[0], ["include", "note"]].tolist() == ["no", "motion"]
    assert merged.loc[healthy[1], ["include", "note"]].tolist() == ["yes", "checked"]
    assert merged.loc[refused, ["include", "note"]].tolist() == ["yes", ""]


def test_person_may_overrule_the_draft(cohort: Path, study: dict) -> None:
    _lose(cohort)
    drafted = _draft(cohort, study).cases
    refused = drafted.index[drafted["include"] == "no"][0]
    edited = drafted.copy()
    edited.loc[refused, "include"] = "yes"
    merged = merge_edits(edited, drafted)
    assert merged.loc[refused, "include"] == "yes"


def test_new_fault_overrules_an_unedited_row(cohort: Path, study: dict) -> None:
    before = _draft(cohort, study).cases
    _lose(cohort)
    assert (merge_edits(before, _draft(cohort, study).cases)["include"] == "no").sum() == 1


def test_sheet_that_lost_a_column_is_refused(cohort: Path, study: dict) -> None:
    cases = _draft(cohort, study).cases
    with pytest.raises(DataError, match="lost its column note"):
        merge_edits(cases.drop(columns="note"), cases)


def test_sts_is_read_whole(shared_data: Path, study: dict) -> None:
    study |= {
        "privacy": {"ids": "public"},
        "cohorts": {"development": {"role": "development", "centres": []}},
        "scans": {"pet": {"modality": "PT", "timepoint": "baseline"}},
        "rois": {"lesion": {"names": ["GTV_Mass_PET"]}},
    }
    sheet = _draft(shared_data / "sts", study)
    assert _included(sheet) == len(sheet.cases) == 24
    assert not (sheet.problems["severity"] == "refused").any()


def test_seg_and_odd_references_of_real_files(shared_data: Path, study: dict) -> None:
    study |= {
        "privacy": {"ids": "public"},
        "cohorts": {"development": {"role": "development", "centres": []}},
        "scans": {
            "ct": {"modality": "CT", "timepoint": "baseline"},
            "adc": {"modality": "MR", "timepoint": "baseline"},
        },
        "rois": {"lesion": {"names": ["^lesion", "roi-1"]}, "gland": {"names": ["^prostate$"]}},
    }
    sheet = _draft(shared_data / "dicom_seg", study)
    prostate = sheet.cases[sheet.cases["patient"] == "PCAMPMRI-00001"]
    assert sorted(prostate["roi"]) == ["gland", "lesion"]
    assert (prostate["include"] == "yes").all()
    numbers = sheet.segmentations[sheet.segmentations["patient_id"] == "PCAMPMRI-00001"]
    assert dict(zip(numbers["roi_name"], numbers["roi_number"], strict=True)) == {
        "Lesion": 3,
        "Prostate": 4,
    }
    phantom = sheet.problems[sheet.problems["patient"] == "PHANTOM_EXAMPLE"]["problem"]
    assert phantom.str.contains("another frame of reference").any()
    assert phantom.str.contains("only scan in its frame").any()
    assert json.dumps(sheet.kinds)
