"""The audit on public data: lung cancer CTs of several vendors, kernels and slice thicknesses."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rigoromics.audit.study import Audit, AuditSettings, audit_study

COLUMNS = {
    "Manufacturer": "manufacturer",
    "ConvolutionKernel": "kernel",
    "FilterType": "filter",
    "KVP": "kv",
    "XRayTubeCurrent": "tube_current",
    "Exposure": "exposure",
    "ReconstructionDiameter": "field_of_view",
    "SoftwareVersions": "software",
    "CE": "contrast",
    "ST": "slice_thickness",
}


def _first_sheet(path: Path) -> pd.DataFrame:
    """The first sheet of a workbook, as text; nothing that is installed reads this format."""
    with zipfile.ZipFile(path) as book:
        shared = book.read("xl/sharedStrings.xml").decode()
        cells = book.read("xl/worksheets/sheet1.xml").decode()
    texts = [
        "".join(re.findall(r"<t[^>]*>(.*?)</t>", item, re.DOTALL))
        for item in re.findall(r"<si>.*?</si>", shared, re.DOTALL)
    ]
    rows = []
    for row in re.findall(r"<row .*?</row>", cells, re.DOTALL):
        found = {}
        for place, kind, value in re.findall(
            r'<c r="([A-Z]+)\d+"([^>]*)><v>(.*?)</v></c>', row, re.DOTALL
        ):
            found[place] = texts[int(value)] if 't="s"' in kind else value
        rows.append(found)
    table = pd.DataFrame(rows[1:]).rename(columns=rows[0])
    return table.set_index(rows[0]["A"]).fillna("unknown")


@pytest.fixture(scope="module")
def lungs(shared_data: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features with survival, and acquisition, of the patients that have both."""
    folder = shared_data / "features" / "nsclc_radiogenomics"
    if not folder.is_dir():
        pytest.skip("needs features/nsclc_radiogenomics of the public reference data")
    acquired = _first_sheet(folder / "Sandy-CT-parameters.xlsx").rename(columns=COLUMNS)
    features = pd.read_csv(folder / "Sandy-Captk.csv", encoding="utf-8-sig", index_col=0)
    clinical = pd.read_csv(folder / "clinical-demographics.csv", index_col=0)
    known = features.index.intersection(acquired.index).intersection(clinical.index)
    table = features.loc[known].apply(pd.to_numeric, errors="coerce")
    beside = pd.DataFrame(
        {
            "study.cohort": "development",
            "study.role": "development",
            "endpoint.death.time": clinical.loc[known, "days"].astype(float),
            "endpoint.death.event": clinical.loc[known, "event"].astype(float),
        }
    )
    scans = acquired.loc[known, list(COLUMNS.values())].assign(
        timepoint="baseline", scan="ct", centre="unknown"
    )
    return beside.join(table), scans.rename_axis("patient").reset_index()


def _audit(table: pd.DataFrame, scans: pd.DataFrame, permutations: int = 199) -> Audit:
    endpoint = {"death": {"type": "survival", "horizon": 730.0, "label": "death"}}
    settings = AuditSettings(permutations=permutations)
    return audit_study(table, scans, endpoint, ["manufacturer"], settings, 3)


def test_features_go_with_acquisition_and_vendors_cannot_be_told_from_kernels(lungs) -> None:
    table, scans = lungs
    audit = _audit(table, scans, 999)
    judged = audit.factors.set_index("factor")
    print(judged[["status", "df", "affected_share", "alone_share", "p_adjusted", "alone_p_adjusted",
                  "changes_features", "note"]]
          .to_string())  # fmt: skip
    print(
        audit.batches[["batch", "levels", "too_small", "features_affected", "reason"]].to_string()
    )
    # Each vendor names its own kernels.
    assert (
        scans[scans["kernel"] != "unknown"].groupby("kernel")["manufacturer"].nunique().max() == 1
    )
    assert judged.loc["manufacturer", "status"] == "told by others"
    # An effect is there; here kernels, software, field of view and thickness go together, so that
    # one of them alone explains more than any does beyond the others.
    assert judged.loc["kernel", "changes_features"] in ("yes", "not told apart")
    assert judged.loc["kernel", "alone_share"] > 0.1
    assert audit.variance["partial_omega2"].between(-1, 1).all()


def test_acquisition_dealt_to_the_wrong_patients_changes_nothing(lungs) -> None:
    """The negative control: the same tables, patients mixed up; at most one in twenty is called."""
    table, scans = lungs
    rng = np.random.default_rng(8)
    called = 0
    repeats = 10
    for _ in range(repeats):
        mixed = scans.assign(patient=rng.permutation(scans["patient"].to_numpy()))
        called += _audit(table, mixed).factors["changes_features"].eq("yes").any()
    # Ten studies of a family-wise error of 0.05: three or more have a chance of about 1%.
    assert called <= 2
