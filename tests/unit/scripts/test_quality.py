"""The quality step: what stands out across the cohort is refused, and pages say so."""

import re

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import PROBLEM_COLUMNS, Problem, problems_table
from rigoromics.quality.cohort import CHECK_COLUMNS
from rigoromics.quality.fingerprint import fingerprint
from rigoromics.quality.registry import CHECKS, Finding
from rigoromics.quality.tables import MASK, QUALITY_COLUMNS, quality_row
from scripts.image_tables import INDEX_COLUMNS
from scripts.quality import main
from scripts.tables import read_tsv, write_tsv

SETTINGS = {
    "name": "study",
    "retest_of": {"ct_retest": "ct"},
    "reference_rater": "r1",
    "quality": {},
}


class Cohort:
    """Tables of chunks, one patient each, as the images step writes them."""

    def __init__(self, folder, root):
        self.folder, self.root = folder, root
        self.patients, self.acquisition = [], []

    def patient(self, name, seed, raters=("r1",), cohort="dev", findings=(), problems=()):
        chunk = self.folder / "images" / name
        chunk.mkdir(parents=True)
        pixels = fingerprint(np.random.default_rng(seed).normal(size=(12, 5, 5)))
        where = {"patient": name, "cohort": cohort, "timepoint": "baseline", "scan": "ct"}
        masks = [
            dict.fromkeys(INDEX_COLUMNS, "1")
            | where
            | {"roi": "lesion", "rater": rater, "mask_sha256": f"{name}{rater}", "image": name}
            | {"volume_ml": 2.5 * (seed + 1), "spacing": "0.8 x 0.8 x 2 mm"}
            | {"image_voxels": pixels.volume, "image_slices": " ".join(pixels.slices)}
            for rater in raters
        ]
        checks = [
            quality_row({**where, "roi": roi, "rater": rater}, finding, severity)
            for roi, rater, finding, severity in findings
        ]
        write_tsv(pd.DataFrame(masks, columns=INDEX_COLUMNS), chunk / "index.tsv")
        write_tsv(pd.DataFrame(checks, columns=QUALITY_COLUMNS), chunk / "quality.tsv")
        write_tsv(problems_table(problems), chunk / "problems.tsv")
        (chunk / f"{name}_baseline_ct.png").write_bytes(b"")
        self.acquisition.append({**where, "image": name, "kernel": "B30f", "kv": "", "slices": 12})
        self.patients.append(chunk)

    def run(self, **settings):
        out = self.folder / "quality"
        out.mkdir(exist_ok=True)
        write_tsv(pd.DataFrame(self.acquisition), self.folder / "acquisition.tsv")
        files = {n: out / f"{n}.tsv" for n in ("checks", "problems", "refused")}
        metrics = main(
            indexes=[chunk / "index.tsv" for chunk in self.patients],
            chunk_checks=[chunk / "quality.tsv" for chunk in self.patients],
            chunk_problems=[chunk / "problems.tsv" for chunk in self.patients],
            acquisition=self.folder / "acquisition.tsv",
            cohort_template=self.root / "report/quality_cohort.html.j2",
            case_template=self.root / "report/quality_case.html.j2",
            stylesheet=self.root / "report/quality.css",
            cohort=out / "cohort.html",
            style=out / "quality.css",
            cases=out / "cases",
            settings={**SETTINGS, **settings},
            **files,
        )
        self.page = (out / "cohort.html").read_text(encoding="utf-8")
        return metrics, *(read_tsv(path) for path in files.values())

    def case(self, name):
        path = self.folder / "quality/cases" / f"{name}_baseline_ct.html"
        return path.read_text(encoding="utf-8")


@pytest.fixture
def cohort(tmp_path, root):
    return Cohort(tmp_path, root)


def test_a_patient_in_two_cohorts_is_refused_and_said_everywhere(cohort):
    cohort.patient("P1", 1, raters=("r1", "r2"))
    cohort.patient("P2", 1, cohort="external")
    cohort.patient("P3", 3)
    metrics, checks, problems, refused = cohort.run()
    assert metrics == {
        "scans": 3.0,
        "scans_refused": 2.0,
        "scans_noted": 0.0,
        "masks_left_out": 3.0,
    }
    assert list(checks.columns) == CHECK_COLUMNS
    assert list(problems.columns) == PROBLEM_COLUMNS
    assert refused[["patient", "rater"]].to_numpy().tolist() == [
        ["P1", "r1"],
        ["P1", "r2"],
        ["P2", "r1"],
    ]
    assert list(refused.columns) == MASK
    assert set(problems["stage"]) == {"quality"}
    assert problems[["patient", "file", "severity"]].to_numpy().tolist() == [
        ["P1", "P2", "refused"],
        ["P2", "P1", "refused"],
    ]
    assert "would be on both sides" in problems["problem"][0]
    assert "see P2" in cohort.case("P1")
    assert "0 of" in cohort.case("P1")
    assert "Nothing was refused" not in cohort.page
    assert cohort.page.index(">P1<") < cohort.page.index(">P3<")


def test_the_config_may_only_note_it(cohort):
    cohort.patient("P1", 1)
    cohort.patient("P2", 1)
    metrics, _, problems, refused = cohort.run(
        quality={"severity": {"pixels_two_patients": "noted"}}
    )
    assert metrics["masks_left_out"] == 0
    assert refused.empty
    assert set(problems["severity"]) == {"noted"}
    assert "Nothing was refused" in cohort.page


def test_pages_show_checks_values_limits_and_acquisition(cohort):
    bad = Finding("sphericity_low", 0.12345678, "at least 0.25", "it is <b>flat</b>")
    good = Finding("ct_not_hu", -1024.0, "less than 0")
    findings = [("", "", good, "refused"), ("lesion", "r2", bad, "refused")]
    where = {"patient": "P1", "timepoint": "baseline", "scan": "ct", "roi": "lesion"}
    problem = Problem("images", "refused", "It is <b>flat</b>", "redraw it", rater="r2", **where)
    cohort.patient("P1", 1, findings=findings, problems=[problem])
    _, checks, _, _ = cohort.run()
    assert checks.loc[checks["check"] == "sphericity_low", "value"].tolist() == ["0.123457"]
    case = cohort.case("P1")
    for text in ("0.1235", "at least 0.25", "-1024 HU", "B30f", "kernel", "redraw it"):
        assert text in case
    assert "<b>flat</b>" not in case + cohort.page
    assert "&lt;b&gt;flat" in case
    assert 'src="../../images/P1/P1_baseline_ct.png"' in case
    assert 'href="cases/P1_baseline_ct.html"' in cohort.page
    assert CHECKS["sphericity_low"].title in cohort.page


def test_a_scan_that_could_not_be_read_has_a_page_too(cohort):
    where = {"patient": "P1", "timepoint": "baseline", "scan": "ct"}
    cohort.patient("P2", 2)
    cohort.patient("P1", 1, raters=(), problems=[Problem("images", "refused", "A", "B", **where)])
    metrics, _, _, refused = cohort.run()
    assert metrics["scans_refused"] == 1
    assert refused.empty
    assert "No contact sheet" in cohort.case("P1") or "P1_baseline_ct.png" in cohort.case("P1")
    assert re.search(r"<td class=\"n\">1</td><td>A</td>", cohort.page)


def test_the_same_input_gives_the_same_bytes_and_old_pages_go(cohort):
    cohort.patient("P1", 1)
    cohort.patient("P2", 2)
    cohort.run()
    files = sorted((cohort.folder / "quality").rglob("*.*"))
    first = {path: path.read_bytes() for path in files if path.is_file()}
    (cohort.folder / "quality/cases/gone_baseline_ct.html").write_text("old")
    cohort.patients.reverse()
    cohort.run()
    files = sorted((cohort.folder / "quality").rglob("*.*"))
    assert {path: path.read_bytes() for path in files if path.is_file()} == first


def test_a_study_without_any_chunk(cohort):
    cohort.acquisition.append({"patient": "P1", "timepoint": "baseline", "scan": "ct"})
    metrics, checks, problems, refused = cohort.run()
    assert metrics["scans"] == 0
    assert checks.empty
    assert problems.empty
    assert refused.empty
    assert "No check found anything" in cohort.page
