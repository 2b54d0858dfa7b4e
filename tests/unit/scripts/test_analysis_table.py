"""A simulated delta study of several lesions and a blood marker, from tables to one row each."""

import numpy as np
import pandas as pd
import pytest

from rigoromics.errors import DataError
from scripts import analysis_table, import_features

VOLUME, PEAK = "original_shape_MeshVolume", "original_firstorder_Maximum"
LONGITUDINAL = {
    "baseline": "baseline",
    "follow_up": {"week6": {"days": 42.0, "column": None}},
    "follows": {},
    "values": ["baseline", "relative"],
    "near_zero": 0.05,
    "missing": "impute",
    "markers": {"ldh": {"baseline": "ldh", "week6": "ldh6"}},
}


def write_tables(folder, patients=12):
    """Two timepoints of one to three lesions each; patient 2 has no second scan."""
    rng = np.random.default_rng(5)
    paths = []
    people = pd.DataFrame({"id": [f"{i:04d}" for i in range(patients)]})
    people["response"] = np.arange(patients) % 2
    people["ldh"] = 200.0 + 10 * np.arange(patients)
    people["ldh6"] = people["ldh"] * (1 + 0.1 * people["response"])
    for time in ("baseline", "week6"):
        rows = people.loc[people.index.repeat(1 + np.arange(patients) % 3)].copy()
        rows[VOLUME] = rng.uniform(1, 9, len(rows))
        rows[PEAK] = rng.uniform(2, 20, len(rows))
        if time == "week6":
            rows = rows[rows["id"] != "0002"]
        paths.append(folder / f"{time}.csv")
        rows.to_csv(paths[-1], index=False)
    return paths


def run(folder, lesions=None, scores=(), **longitudinal):
    """Both scripts; returns the table and who left."""
    paths = write_tables(folder)
    entry = {"cohort": "dev", "centre": "A"}
    where = {
        "features": folder / "features.parquet",
        "clinical": folder / "clinical.parquet",
        "cases": folder / "cases.tsv",
        "acquisition": folder / "acquisition.tsv",
    }
    import_features.main(
        tables=paths,
        **where,
        problems=folder / "problems.tsv",
        settings={
            "tables": [entry | {"timepoint": "baseline"}, entry | {"timepoint": "week6"}],
            "id": "id",
            "columns": "^original",
            "exclude": None,
            "several_lesions": True,
        },
        columns=["response", "ldh", "ldh6"],
        reference_rater="r1",
    )
    analysis_table.main(
        **where,
        problems=[folder / "problems.tsv"],
        table=folder / "table.parquet",
        shuffled=folder / "shuffled.parquet",
        repeats=folder / "repeats.parquet",
        excluded=folder / "excluded.tsv",
        flow_table=folder / "flow.tsv",
        settings={
            "reference_rater": "r1",
            "retest_of": {},
            "volume_feature": VOLUME,
            "batch": ["centre"],
            "cohorts": {"dev": {"role": "development"}},
            "predictors": {"ldh": "numeric"},
            "describe": [],
            "endpoints": {
                "response": {"type": "binary", "column": "response", "positive": 1, "label": "r"}
            },
            "max_failed": 0.5,
            "longitudinal": LONGITUDINAL | longitudinal,
            **({"lesions": lesions} if lesions else {}),
            **({"scores": list(scores)} if scores else {}),
        },
    )
    found = pd.read_parquet(folder / "table.parquet").set_index("patient")
    return found, pd.read_csv(folder / "excluded.tsv", sep="\t")


def test_a_delta_study_of_several_lesions_becomes_one_row_per_patient(tmp_path):
    table, excluded = run(tmp_path)
    assert len(table) == 12
    assert excluded.empty
    name = f"baseline.table.table:{VOLUME}"
    own = pd.read_csv(tmp_path / "baseline.csv", dtype={"id": str}).groupby("id")[VOLUME].max()
    np.testing.assert_array_equal(table[name], own)
    days = table["study.days.week6.table.table"]
    assert days.isna().sum() == 1
    assert days.dropna().eq(42).all()
    change = table["clinical.ldh@relative.week6"]
    np.testing.assert_allclose(change, 0.1 * table["endpoint.response"], atol=1e-12)


def test_the_lesion_rule_of_the_config_counts(tmp_path):
    table, _ = run(tmp_path, lesions={"rule": "worst", "worst_by": PEAK})
    own = pd.read_csv(tmp_path / "baseline.csv", dtype={"id": str})
    worst = own.loc[own.groupby("id")[PEAK].idxmax(), VOLUME]
    np.testing.assert_array_equal(table[f"baseline.table.table:{VOLUME}"], worst)


def test_a_patient_without_a_timepoint_can_be_refused_with_the_reason(tmp_path):
    table, excluded = run(tmp_path, missing="refuse")
    assert len(table) == 11
    assert excluded["patient"].tolist() == ["dev-A-0002"]
    assert excluded["reason"].tolist() == ["no usable scan at timepoint week6"]


def test_every_patient_needs_the_score_of_the_other_model(tmp_path, monkeypatch):
    table, _ = run(tmp_path, scores=["ldh6"])
    expected = (200.0 + 10 * np.arange(12)) * (1 + 0.1 * (np.arange(12) % 2))
    np.testing.assert_allclose(table["clinical.ldh6"], expected)

    def lacking(folder):
        paths = original(folder)
        for path in paths:
            rows = pd.read_csv(path, dtype={"id": str})
            rows.loc[rows["id"].isin(["0003", "0007"]), "ldh6"] = np.nan
            rows.to_csv(path, index=False)
        return paths

    original = write_tables
    monkeypatch.setitem(run.__globals__, "write_tables", lacking)
    with pytest.raises(DataError, match=r"2 patients .* score 'ldh6' \(first: dev-A-0003\)"):
        run(tmp_path, scores=["ldh6"])
    # As a marker alone it may be missing.
    assert len(run(tmp_path)[0]) == 12


def test_lesions_of_one_patient_cannot_have_two_outcomes(tmp_path, monkeypatch):
    def differing(folder):
        paths = original(folder)
        rows = pd.read_csv(paths[0], dtype={"id": str})
        rows.loc[rows["id"] == "0001", "response"] = [0, 1]
        rows.to_csv(paths[0], index=False)
        return paths

    original = write_tables
    monkeypatch.setitem(run.__globals__, "write_tables", differing)
    with pytest.raises(DataError, match="dev-A-0001 has different values of 'response'"):
        run(tmp_path)
