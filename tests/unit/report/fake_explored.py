"""What a made-up study explores beside its signatures, written by the scripts themselves."""

from pathlib import Path

import numpy as np
import pandas as pd

from rigoromics.evaluate.alternatives import alternatives_table
from rigoromics.evaluate.group import Endpoint, Settings
from scripts import genomics, treatment, univariate
from tests.unit.report.fake_study import MODELS

UNIVARIATE = {"bootstrap": 40, "permutations": 60, "top": 4}
TREATMENT = {"column": "arm", "reference": "control", "treated": "drug", "randomised": False}


def explore(folder: Path, config: dict) -> None:
    """Test features one by one, against genes, and treatment by risk group; change the config."""
    table = folder / "model/table.parquet"
    people = pd.read_parquet(table)
    rng = np.random.default_rng(5)
    people["clinical.arm"] = rng.choice(["control", "drug"], len(people))
    people.to_parquet(table)
    gene_table = {"table": str(folder / "genes.tsv"), "id": "patient", "covariates": ["age"],
                  "permutations": 20, "alpha": 0.05}  # fmt: skip
    config["lesions"] = {"rule": "largest", "worst_by": "original_firstorder_90Percentile",
                         "compare": ["mean", "worst"]}  # fmt: skip
    config |= {"univariate": UNIVARIATE, "treatment": TREATMENT, "genomics": gene_table}
    for name, endpoint in config["endpoints"].items():
        out = folder / "univariate" / name
        out.mkdir(parents=True, exist_ok=True)
        univariate.main(
            table=table, features=out / "features.tsv", external=out / "external.tsv",
            picture=out / "univariate.png", endpoint={"name": name, **endpoint},
            settings=UNIVARIATE, seed=3,
        )  # fmt: skip
        tables = folder / "validation" / name
        # The made-up predictions stand once per cohort and pool; real ones once.
        predictions = pd.read_parquet(tables / "predictions.parquet")
        once = predictions[predictions["cohort"] != "all external"]
        once.to_parquet(folder / "once.parquet")
        treatment.main(
            predictions=folder / "once.parquet", table=table,
            effects=tables / "treatment.tsv", curves=folder / "treatment_curves.tsv",
            picture=tables / "treatment.png", endpoint=endpoint, treatment=TREATMENT,
            primary={"signature": "radiomics", "model": MODELS[endpoint["type"]][0],
                     "policy": "align"},
        )  # fmt: skip
        _lesions(once, name, endpoint, folder / "model" / name / "lesions.tsv")
    # As scripts/optimism.py writes it; binary endpoints alone have one.
    row = {"metric": "auc", "estimate": 0.71, "lower": 0.57, "upper": 0.83, "apparent": 0.93,
           "left_out": 0.68, "weight": 0.7, "samples": 40, "n": 56, "events": 24}  # fmt: skip
    path = folder / "model/metastasis/optimism.tsv"
    pd.DataFrame([row]).to_csv(path, sep="\t", index=False)
    _genes(folder, people)
    (folder / "genomics").mkdir()
    genomics.main(
        table=table, genes=folder / "genes.tsv", salt=[],
        associations=folder / "genomics/associations.tsv",
        page=folder / "genomics/associations.html", picture=folder / "genomics/heat_map.png",
        settings=gene_table, public=True, seed=4,
    )  # fmt: skip


def _genes(folder: Path, people: pd.DataFrame) -> None:
    rng = np.random.default_rng(6)
    genes = pd.DataFrame({f"GENE{i}": rng.normal(size=len(people)) for i in range(8)})
    genes["KRAS"] = rng.integers(0, 2, len(people))
    genes["GENE0"] += people["original_glcm_JointEntropy"].rank().to_numpy() / 20
    genes.insert(0, "patient", people["patient"].to_numpy())
    genes.to_csv(folder / "genes.tsv", sep="\t", index=False)


def _lesions(predictions: pd.DataFrame, name: str, endpoint: dict, path: Path) -> None:
    """Hold the radiomics signature against two others, as if these came of other lesions."""
    rules = {"radiomics": "largest", "combined": "mean", "clinical": "worst"}
    rows = predictions[
        (predictions["split"] == "development_cv")
        & predictions["signature"].isin(rules)
        & (predictions["model"] == MODELS[endpoint["type"]][0])
    ]
    rows = rows.assign(signature=rows["signature"].map(rules))
    judged = Endpoint.from_dict({"name": name, **endpoint})
    table = alternatives_table(rows, "largest", judged, Settings(bootstrap=40), 1)
    table.to_csv(path, sep="\t", index=False)
