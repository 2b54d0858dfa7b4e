"""Attribution on images: kernel and slice thickness are planted, exposure stands in headers only.

Eight centres are the full factorial of a kernel (point spread function and edge enhancement), a
slice thickness and an exposure that the simulator writes into headers and does nothing with.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy.stats import beta

from rigoromics.audit.factors import Factor
from rigoromics.audit.model import build_model
from rigoromics.audit.study import AuditSettings, audit_study, patient_scans
from rigoromics.audit.variance import global_p, variance_explained
from rigoromics.config.load import load_extraction
from rigoromics.extract import engine
from rigoromics.read.headers import index_headers
from rigoromics.read.rules import study_keywords
from rigoromics.read.series import read_series
from rigoromics.read.sheet import draft
from rigoromics.segment.load import read_segmentation
from rigoromics.simulate import CohortSettings, simulate_cohort

PER_CENTRE = 7
KERNELS = {
    "B20f": {"blur_mm": 2.6, "sharpen": 0.0},
    "B60f": {"blur_mm": 1.7, "sharpen": 0.4},
}
STUDY = {
    "privacy": {"ids": "hashed"},
    "cohorts": {"development": {"role": "development", "centres": []}},
    "centre": {"source": "InstitutionName", "pattern": " ([A-Z])$"},
    "scans": {"ct": {"modality": "CT", "timepoint": "baseline"}},
    "rois": {"lesion": {"names": ["^gtv"]}},
    "raters": {},
    "reference_rater": "r1",
}


def _cohort(raw: Path) -> pd.DataFrame:
    """Simulate the factorial; return the outcome of each PatientID."""
    centres = {}
    for name, (kernel, thickness, exposure) in zip(
        "ABCDEFGH", product(KERNELS, (1.5, 6.0), (120, 240)), strict=True
    ):
        centres[name] = {
            "patients": PER_CENTRE, "kernel": kernel, "slice_thickness": thickness,
            "exposure_mas": exposure, **KERNELS[kernel],
        }  # fmt: skip
    settings = CohortSettings.from_dict(
        {
            "centres": centres,
            "size": "tiny",
            "coverage_mm": 68.0,
            "effect": 0.0,
            "retest_fraction": 0.0,
            "raters": {"R1": {"roi_name": "GTV"}},
        }
    )
    return simulate_cohort(settings, 31, raw, workers=2).clinical.set_index("patient")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, root: Path) -> dict[str, pd.DataFrame]:
    """The factorial from DICOM to features: analysis table, cases and acquisition."""
    raw = tmp_path_factory.mktemp("factorial") / "raw"
    clinical = _cohort(raw)
    sheet = draft(index_headers(raw, extra=study_keywords(STUDY)).table, STUDY, "salt")
    assert (sheet.cases["include"] == "yes").all()
    assert sheet.problems[sheet.problems["severity"] == "refused"].empty
    settings = load_extraction(root / "config/extraction/ct_quick.yaml")
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    rows = {}
    for case in sheet.cases.to_dict("records"):
        own = sheet.files[sheet.files["key"] == case["image"]].sort_values("order")
        series = read_series([raw / path for path in own["path"]])
        drawn = sheet.segmentations.set_index("key").loc[case["segmentation"]]
        mask, _ = read_segmentation(
            raw / drawn["path"],
            drawn["roi_name"],
            series.image,
            number=int(drawn["roi_number"]),
            frame_of_reference=series.frame_of_reference,
            sop_uids={source.sop_uid for source in series.slices},
            slices=series.slices,
        )
        found = engine.extract_scan(series.image, {"m": mask}, settings)
        rows[case["patient"]] = found.features["m"]
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("patient").sort_index()
    patient_id = sheet.patients.set_index("patient")["patient_id"]
    outcome = clinical.loc[patient_id[table.index], "metastasis"].to_numpy(float)
    beside = pd.DataFrame(
        {"study.cohort": "development", "study.role": "development", "endpoint.m": outcome},
        index=table.index,
    )
    return {
        "table": beside.join(table),
        "scans": patient_scans(sheet.cases, sheet.acquisition),
        "features": table,
    }


def test_effects_are_attributed_to_the_factors_that_were_planted(
    measured: dict[str, pd.DataFrame],
) -> None:
    endpoints = {"m": {"type": "binary", "label": "metastasis"}}
    audit = audit_study(
        measured["table"], measured["scans"], endpoints, ["centre"], AuditSettings(), 7
    )
    judged = audit.factors.set_index("factor")
    shown = judged[judged["status"] == "in the model"]
    print(shown[["affected_share", "median_omega2", "p", "p_adjusted"]].to_string())
    assert set(shown.index) == {"kernel", "slice_thickness", "exposure"}
    # The current is twice the exposure: whoever knows the one knows the other.
    assert judged.loc["tube_current", "note"] == "told by exposure"
    assert judged.loc["kernel", "changes_features"] == "yes"
    assert judged.loc["slice_thickness", "changes_features"] == "yes"
    assert judged.loc["exposure", "changes_features"] == "no"
    # Blur and edges are texture, not shape; what stands in headers only explains neither.
    shares = audit.variance.assign(family=audit.variance["feature"].str.split("_").str[1])
    print(shares.groupby(["factor", "family"])["partial_omega2"].median().unstack().to_string())
    median = shares.groupby(["factor", "family"])["partial_omega2"].median()
    assert median["kernel", "glcm"] > median["kernel", "shape"] + 0.1
    assert median["kernel", "glcm"] > median["slice_thickness", "glcm"] + 0.1
    assert median["slice_thickness", "glcm"] > median["exposure", "glcm"]
    assert abs(median["exposure"]).max() < 0.02
    assert not audit.shouts


def test_a_factor_that_means_nothing_is_called_at_the_stated_rate(
    measured: dict[str, pd.DataFrame],
) -> None:
    """Exposures dealt anew among patients of one kernel and thickness, two hundred times."""
    scans = measured["scans"].set_index("patient").loc[measured["features"].index]
    values = measured["features"].to_numpy(float)
    names = list(measured["features"].columns)
    planted = [
        Factor("kernel", scans["kernel"], False),
        Factor("slice_thickness", scans["slice_thickness"], False),
    ]
    cell = scans["kernel"] + scans["slice_thickness"]
    rng = np.random.default_rng(5)
    called = false = found = 0
    repeats = 200
    for seed in range(repeats):
        dealt = scans["exposure"].groupby(cell).transform(lambda own: rng.permutation(own))
        model = build_model([*planted, Factor("exposure", dealt, False)], 5)
        called += global_p(values, model, 99, seed)["exposure"] <= 0.05
        table = variance_explained(values, names, model)
        hits = table[table["p_adjusted"] <= 0.05]
        found += len(hits)
        false += int((hits["factor"] == "exposure").sum())
    low = 0.0 if called == 0 else float(beta.ppf(0.025, called, repeats - called + 1))
    high = float(beta.ppf(0.975, called + 1, repeats - called))
    print(f"called {called}/{repeats}, 95% interval {low:.3f} to {high:.3f}; "
          f"of {found} features found {false} by exposure")  # fmt: skip
    assert low <= 0.05 <= high
    assert false / found <= 0.05
