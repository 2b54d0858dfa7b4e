"""The images step: chunks of scans, one failure at a time, nothing private, same bytes."""

import gzip
import hashlib
import re

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from PIL import Image

from rigoromics.quality.registry import CHECKS
from rigoromics.quality.tables import QUALITY_COLUMNS
from rigoromics.read.series import read_series
from scripts.image_tables import AGREEMENT_COLUMNS, INDEX_COLUMNS
from scripts.images import main
from scripts.tables import read_tsv, write_parquet, write_tsv
from tests.unit.segment.shapes import circle, ct_series, polygon, structure_set, to_mm

TABLES = ("index", "problems", "agreement", "quality")
SETTINGS = {"min_voxels": 27, "seg_threshold": 0.5, "contact_sheet": True}


class Study:
    """Raw and private folders of a small study, written as the sheet step would."""

    def __init__(self, folder):
        self.raw, self.private, self.out = (folder / n for n in ("raw", "private", "out"))
        for path in (self.private, self.out):
            path.mkdir()
        self.files, self.segmentations, self.rows = [], [], []

    def patient(self, name, raters=("r1", "r2"), radius=8.0, values=None, **header):
        rng = np.random.default_rng(len(self.rows))
        if values is None:
            # Tissue and, as in any CT, air.
            values = rng.normal(40, 40, (8, 32, 36)).astype(int)
            values[:, :4] = rng.normal(-990, 40, (8, 4, 36)).astype(int)
        files = ct_series(self.raw / name, values, spacing=header.get("spacing", (2.0, 1.5, 1.5)))
        frame = header.get("frame", "1.2.826.0.1.1")
        image, key = read_series(files).image, f"CT-{name}"
        self.files += [
            {"key": key, "path": str(path.relative_to(self.raw)), "order": k, "frame": 0}
            for k, path in enumerate(files)
        ]
        hashes = "".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
        for n, rater in enumerate(raters):
            contours = [to_mm(image, polygon(circle(18, 16, radius + n), k)) for k in range(2, 6)]
            path = structure_set(self.raw / f"{name}-{rater}", [(f"GTV {rater}", contours)], frame)
            seg = f"RTSTRUCT-{name}-{rater}"
            where = {"roi": "lesion", "rater": rater}
            self.segmentations.append(
                {"key": seg, "path": path.name, "roi_name": f"GTV {rater}", "image_key": key}
                | {"patient_id": "HIDDEN-1", **where, "roi_number": 1}
            )
            self.rows.append(
                {"include": "yes", "patient": name, "cohort": "dev", "timepoint": "baseline"}
                | {"scan": "ct", **where, "image": key, "segmentation": seg, "modality": "CT"}
                | {"image_digest": hashlib.sha256(hashes.encode()).hexdigest()}
            )

    def run(self, settings=SETTINGS):
        write_parquet(pd.DataFrame(self.files), self.private / "files.parquet")
        write_tsv(pd.DataFrame(self.segmentations), self.private / "segmentations.tsv")
        tables = {n: self.out / f"{n}.tsv" for n in TABLES}
        metrics = main(
            **tables, raw=self.raw, private=self.private, rows=self.rows, settings=settings
        )
        self.quality = read_tsv(tables.pop("quality"))
        return metrics, *(read_tsv(path) for path in tables.values())


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_chunk_gives_images_masks_sheets_and_tables(study):
    study.patient("P-a")
    study.patient("P-b", raters=("r1",))
    metrics, index, problems, agreement = study.run()
    assert metrics == {"masks": 3.0, "refused": 0.0}
    assert list(index.columns) == INDEX_COLUMNS
    assert list(agreement.columns) == AGREEMENT_COLUMNS
    assert problems.empty
    assert index[["patient", "rater"]].to_numpy().tolist() == [
        ["P-a", "r1"],
        ["P-a", "r2"],
        ["P-b", "r1"],
    ]
    for row in index.to_dict("records"):
        for kind in ("image", "mask"):
            data = (study.out / row[f"{kind}_path"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == row[f"{kind}_sha256"]
        image = sitk.ReadImage(str(study.out / row["image_path"]))
        mask = sitk.ReadImage(str(study.out / row["mask_path"]))
        original = read_series(sorted((study.raw / row["patient"]).iterdir())).image
        assert np.array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(original))
        assert image.GetPixelID() == sitk.sitkInt16
        assert mask.GetPixelID() == sitk.sitkUInt8
        assert mask.GetOrigin() == image.GetOrigin()
        assert int(sitk.GetArrayFromImage(mask).sum()) == int(row["voxels"])
        assert float(row["volume_ml"]) == pytest.approx(int(row["voxels"]) * 4.5e-3)
        assert row["spacing"] == "1.5 x 1.5 x 2 mm"
    assert Image.open(study.out / "P-a_baseline_ct.png").width == 1600
    # Two discs of radius 8 and 9 voxels: Dice 2 * 64 / (64 + 81), the rims 1.5 mm apart.
    assert float(agreement.loc[0, "dice"]) == pytest.approx(128 / 145, abs=0.01)
    assert float(agreement.loc[0, "hausdorff95_mm"]) == pytest.approx(1.5, abs=0.7)


def test_the_same_input_gives_the_same_bytes_and_old_files_go(study):
    study.patient("P-a")
    study.run()
    first = content(study.out)
    (study.out / "P-gone_baseline_ct.nii.gz").write_bytes(b"old")
    (study.out / "P-gone_baseline_ct.png").write_bytes(b"old")
    study.run()
    assert content(study.out) == first


def test_nothing_that_identifies_leaves_the_raw_folder(study):
    study.patient("P-a")
    study.patient("P-b", raters=("r1",), frame="9.9")
    _, _, problems, _ = study.run()
    assert len(problems) == 1
    for name, data in content(study.out).items():
        text = gzip.decompress(data) if name.endswith(".gz") else data
        for hidden in (b"HIDDEN", b"GTV", b"1.2.3", str(study.raw).encode()):
            assert hidden not in text, (name, hidden)


def one_problem(problems, severity="refused"):
    rows = problems[problems["severity"] == severity].to_dict("records")
    assert len(rows) == 1
    assert rows[0]["stage"] == "images"
    assert rows[0]["remedy"]
    return rows[0]


def test_a_changed_slice_leaves_out_its_scan_only(study):
    study.patient("P-a")
    study.patient("P-b")
    with (study.raw / "P-a" / "3.dcm").open("ab") as file:
        file.write(b"\0\0")
    _, index, problems, _ = study.run()
    row = one_problem(problems)
    assert "changed since the sheet was drafted" in row["problem"]
    assert "snakemake sheet" in row["remedy"]
    assert (row["patient"], row["roi"], row["file"]) == ("P-a", "", "CT-P-a")
    assert set(index["patient"]) == {"P-b"}
    assert not list(study.out.glob("P-a*"))


def test_a_missing_slice_is_said(study):
    study.patient("P-a")
    (study.raw / "P-a" / "3.dcm").unlink()
    _, index, problems, _ = study.run()
    assert "1 of the 8 files of the series cannot be found" in one_problem(problems)["problem"]
    assert index.empty


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: structure_set(path, [("other", [])]), "none of them under the name"),
        (lambda path: structure_set(path, [("GTV r2", [])]), "empty"),
        (lambda path: path.write_bytes(b"x" * 300), "cannot be read"),
        (lambda path: path.unlink(), "missing"),
    ],
)
def test_a_bad_segmentation_leaves_out_its_rater_only(study, damage, words):
    study.patient("P-a", raters=("r1", "r2", "r3"))
    damage(study.raw / "P-a-r2")
    _, index, problems, agreement = study.run()
    row = one_problem(problems)
    assert words in row["problem"]
    assert (row["rater"], row["file"]) == ("r2", "RTSTRUCT-P-a-r2")
    assert index["rater"].tolist() == ["r1", "r3"]
    assert len(agreement) == 1


def test_a_redrawn_contour_needs_no_new_sheet(study):
    study.patient("P-a")
    before = study.run()[1]
    image = read_series(sorted((study.raw / "P-a").iterdir())).image
    contours = [to_mm(image, polygon(circle(18, 16, 5), k)) for k in range(2, 6)]
    structure_set(study.raw / "P-a-r2", [("GTV r2", contours)])
    after = study.run()[1]
    assert before.loc[0].equals(after.loc[0])
    assert before.loc[1, "mask_sha256"] != after.loc[1, "mask_sha256"]


def test_small_masks_are_refused_by_the_configs_number(study):
    study.patient("P-a", raters=("r1",), radius=1.2)
    _, index, problems, _ = study.run()
    assert re.search(r"has \d+ voxels, fewer than the 27", one_problem(problems)["problem"])
    assert index.empty


def test_two_segmentations_of_one_rater_and_two_series_of_one_scan_are_refused(study):
    study.patient("P-a", raters=("r1",))
    study.rows.append(dict(study.rows[0]))
    _, index, problems, _ = study.run()
    assert "two segmentations" in one_problem(problems)["problem"]
    assert len(index) == 1
    study.rows[1]["image"] = "CT-other"
    _, index, problems, _ = study.run()
    assert "more than one series" in one_problem(problems)["problem"]
    assert index.empty


def test_what_was_not_foreseen_is_a_problem_too_and_quotes_nothing(study, monkeypatch, caplog):
    study.patient("P-a", raters=("r1",))
    study.patient("P-b", raters=("r1",))

    secret = "^".join(["HIDDEN", "NAME"])  # tracebacks quote the line that raises

    def fail(path, *args, **kwargs):
        if "P-a" in str(path):
            raise RuntimeError(f"cannot read {path} of {secret}")
        return original(path, *args, **kwargs)

    from scripts import images

    original = images.read_segmentation
    monkeypatch.setattr(images, "read_segmentation", fail)
    _, index, problems, _ = study.run()
    assert "unexpected failure (RuntimeError)" in one_problem(problems)["problem"]
    assert "HIDDEN" not in caplog.text
    assert "RuntimeError" in caplog.text
    assert index["patient"].tolist() == ["P-b"]


def test_odd_public_patient_ids_become_safe_file_names(study):
    study.patient("P a", raters=("r1",))
    study.patient("P-a", raters=("r1",))
    for row in study.rows[:1]:
        row["patient"] = "P/a"
    _, index, _, _ = study.run({**SETTINGS, "contact_sheet": False})
    assert index["image_path"].nunique() == 2
    assert not index["image_path"].str.contains("/").any()
    assert not list(study.out.glob("*.png"))


def outcomes(study, patient, rater):
    rows = study.quality[(study.quality["patient"] == patient) & (study.quality["rater"] == rater)]
    return dict(zip(rows["check"], rows["outcome"], strict=True))


def test_every_check_of_images_and_masks_is_in_the_table(study):
    study.patient("P-a")
    study.run()
    levels = {name: check.level for name, check in CHECKS.items()}
    assert list(study.quality.columns) == QUALITY_COLUMNS
    for rater, level in (("", "image"), ("r1", "mask"), ("r2", "mask")):
        found = outcomes(study, "P-a", rater)
        assert set(found) == {name for name, kind in levels.items() if kind == level}
        assert set(found.values()) <= {"passed", "not applicable"}
    volume = study.quality[(study.quality["check"] == "mesh_volume")]
    assert (volume["unit"] == "ml").all()
    assert volume["value"].astype(float).between(2, 5).all()


def as_mask(study, patient, values):
    """Put a mask file in the place of the patient's first segmentation."""
    image = read_series(sorted((study.raw / patient).iterdir())).image
    mask = sitk.GetImageFromArray(values.astype(np.uint8))
    mask.CopyInformation(image)
    sitk.WriteImage(mask, str(study.raw / f"{patient}.nii.gz"))
    entry = next(s for s in study.segmentations if patient in s["key"])
    entry |= {"path": f"{patient}.nii.gz", "roi_name": "1", "roi_number": 0}


def outline():
    values = np.zeros((8, 32, 36), bool)
    for x, y in np.rint(circle(18, 16, 9)).astype(int):
        values[2:6, y, x] = True
    return values


def test_a_mask_of_contour_points_is_refused_unless_the_config_says_otherwise(study):
    study.patient("P-a", raters=("r1", "r2"))
    as_mask(study, "P-a", outline())
    _, index, problems, _ = study.run()
    assert index["rater"].tolist() == ["r2"]
    refused = problems[problems["severity"] == "refused"]
    assert any("holds outlines, not bodies" in text for text in refused["problem"])
    assert set(refused["rater"]) == {"r1"}
    assert outcomes(study, "P-a", "r1")["contour_only"] == "refused"
    assert not list(study.out.glob("*r1*"))
    # A person must see what was refused, even if nothing else is there to see.
    study.rows.pop()
    _, index, _, _ = study.run()
    assert index.empty
    assert [path.name for path in study.out.glob("*.png")] == ["P-a_baseline_ct.png"]
    study.rows.append({**study.rows[0], "rater": "r2", "segmentation": "RTSTRUCT-P-a-r2"})

    noted = {"contour_only": "noted", "sphericity_low": "off", "hollow": "off"}
    _, index, problems, _ = study.run({**SETTINGS, "quality": {"severity": noted}})
    assert index["rater"].tolist() == ["r1", "r2"]
    assert "holds outlines" in one_problem(problems, "noted")["problem"]
    found = outcomes(study, "P-a", "r1")
    assert found["contour_only"] == "noted"
    assert "sphericity_low" not in found


def test_an_image_that_fails_a_check_takes_its_masks_along(study):
    rng = np.random.default_rng(1)
    study.patient("P-a", values=rng.normal(1100, 40, (8, 32, 36)).astype(int))
    study.patient("P-b", raters=("r1",))
    _, index, problems, _ = study.run()
    row = one_problem(problems)
    assert "not Hounsfield units" in row["problem"]
    assert (row["patient"], row["roi"], row["file"]) == ("P-a", "", "CT-P-a")
    assert index["patient"].tolist() == ["P-b"]
    assert outcomes(study, "P-a", "r1") == {}


def test_a_volume_outside_the_configs_range_is_refused(study):
    study.patient("P-a", raters=("r1",))
    _, index, problems, _ = study.run({**SETTINGS, "volume_ml": {"lesion": [10.0, 50.0]}})
    assert "the config gives this ROI 10 to 50 ml" in one_problem(problems)["problem"]
    assert index.empty


def test_a_chunk_without_rows_gives_empty_tables(study):
    study.patient("P-a")
    study.rows.clear()
    metrics, index, problems, agreement = study.run()
    assert metrics == {"masks": 0.0, "refused": 0.0}
    assert index.empty
    assert problems.empty
    assert agreement.empty
    assert study.quality.empty


def test_the_same_voxels_have_the_same_fingerprint_under_other_headers(study):
    values = np.random.default_rng(1).normal(0, 300, (8, 32, 36)).astype(int)
    study.patient("P-a", raters=("r1",), values=values)
    study.patient("P-b", raters=("r1",), values=values, spacing=(2.0, 1.0, 1.0))
    study.patient("P-c", raters=("r1",))
    _, index, _, _ = study.run()
    assert index["image_voxels"].nunique() == index["image_slices"].nunique() == 2
    assert index["image_sha256"].nunique() == 3
