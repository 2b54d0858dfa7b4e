"""The script: files in, files out, the same bytes twice."""

import json

import pandas as pd
import pytest

from rigoromics.errors import DataError
from scripts.evaluate import main, read_permutations

TABLES = ["metrics", "comparisons", "roc", "calibration", "decision", "kaplan_meier", "centres",
          "reclassification", "recalibration", "precision_recall", "auc_over_time",
         "subgroups"]  # fmt: skip


def run(folder, predictions, permutation, kind="binary"):
    folder.mkdir()
    predictions.to_parquet(folder / "predictions.parquet")
    people = predictions[["patient", "centre"]].drop_duplicates("patient")
    people = people.assign(**{"clinical.Age": range(len(people))})
    people.rename(columns={"centre": "study.centre"}).to_parquet(folder / "table.parquet")
    middle = len(permutation) // 2
    parts = [permutation.iloc[:middle], permutation.iloc[middle:]]
    files = [folder / "permutation_1.tsv", folder / "permutation_2.tsv"]
    for part, file in zip(parts, files, strict=True):
        part.to_csv(file, sep="\t", index=False)
    outputs = {name: folder / f"{name}.tsv" for name in TABLES}
    model = predictions["model"].iloc[0]
    locks = pd.DataFrame({"signature": ["radiomics"], "model": [model], "n_features": [40]})
    locks.to_csv(folder / "locks.tsv", sep="\t", index=False)
    metrics = main(
        predictions=folder / "predictions.parquet",
        table=folder / "table.parquet",
        permutation=files,
        locks=folder / "locks.tsv",
        **outputs,
        verdict=folder / "verdict.json",
        endpoint={"name": "outcome", "type": kind, "horizon": 3.0 if kind == "survival" else None},
        primary={"signature": "radiomics", "model": model, "policy": "none"},
        settings={"bootstrap": 30, "thresholds": [0.2, 0.5]},
        by=["sex", "age", "centre"],
        seed=5,
    )
    return metrics, {**outputs, "verdict": folder / "verdict.json"}


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_tables_verdict_and_the_same_bytes_twice(
    kind, tmp_path, make_predictions, make_permutations
):
    predictions = make_predictions(kind, {"radiomics": 2.0, "combined": 2.0})
    permutation = make_permutations(0.9)
    metrics, first = run(tmp_path / "a", predictions, permutation, kind)
    again, second = run(tmp_path / "b", predictions, permutation, kind)
    assert metrics == again
    for name, path in first.items():
        assert path.read_bytes() == second[name].read_bytes(), name
    verdict = json.loads(first["verdict"].read_text())
    assert verdict["level"] == metrics["verdict"] == "evidence"
    assert {"criterion", "met", "text"} <= set(verdict["reasons"][0])
    assert any("per feature" in caveat for caveat in verdict["caveats"])
    empty = first["kaplan_meier" if kind == "binary" else "roc"].read_text()
    assert empty.startswith("signature\tmodel\tcohort\tsplit\tpolicy\t")
    assert empty.count("\n") == 1
    parts = pd.read_csv(first["subgroups"], sep="\t")
    assert set(parts["variable"]) == {"age", "centre"}
    decision = pd.read_csv(first["decision"], sep="\t")
    assert set(decision["threshold"]) == {0.2, 0.5}


def test_no_permutations_and_wrong_tables(tmp_path):
    header = tmp_path / "none.tsv"
    header.write_text("permutation\tstatistic\n")
    assert read_permutations(header).empty
    header.write_text("permutation\tauc\n1\t2\n")
    with pytest.raises(DataError, match="lacks the columns"):
        read_permutations([header])
