"""A feature-table study of each type of endpoint, run through the scripts themselves."""

import numpy as np
import pandas as pd

from scripts import evaluate, figures, fit, lock, permute, validate

ENDPOINTS = {
    "met": {"name": "met", "type": "binary", "label": "metastasis"},
    "stage": {
        "name": "stage",
        "type": "ordinal",
        "levels": ["F0", "F1", "F2", "F3"],
        "label": "fibrosis stage",
    },
    "type": {
        "name": "type",
        "type": "multiclass",
        "levels": ["luminal", "basal", "her2"],
        "label": "subtype",
    },
    "lesions": {"name": "lesions", "type": "count", "label": "new lesions"},
    "relapse": {
        "name": "relapse",
        "type": "survival",
        "horizon": 24.0,
        "unit": "months",
        "competing": [2],
        "label": "relapse",
    },
    "os": {
        "name": "os",
        "type": "survival",
        "horizon": 24.0,
        "unit": "months",
        "label": "overall survival",
    },
}
MODELS = {
    "met": ["gradient_boosting"],
    "stage": ["proportional_odds", "threshold_forest"],
    "type": ["multinomial_elastic_net", "multiclass_random_forest"],
    "lesions": ["poisson_elastic_net"],
    "relapse": ["cause_specific_cox"],
    "os": ["weibull_aft", "gradient_boosting_survival"],
}
SETTINGS = {
    "harmonisation": {"method": "combat", "batch": ["centre"], "unseen": "align"},
    "selection": {"redundancy": 0.9, "method": "mrmr", "max_features": "auto"},
    "models": {"trees": 5, "class_weight": "balanced"},
    "validation": {"outer_folds": 3, "inner_folds": 2, "repeats": 1, "one_standard_error": False},
    "clinical": {"age": "numeric"},
    "volume_feature": "original_shape_MeshVolume",
}


def study(folder, signal=3.0, patients=90, seed=1):
    """Write an analysis table with every type of endpoint, and empty repeats."""
    parts = []
    for first, role in (("D", "development"), ("E", "external")):
        rng = np.random.default_rng([seed, role == "external"])
        latent, other = rng.normal(size=(2, patients))
        values = rng.normal(size=(patients, 14))
        values[:, 0:3] += latent[:, None]
        values[:, 3:6] += other[:, None]
        names = [f"original_f{i:02d}" for i in range(14)]
        table = pd.DataFrame(values, columns=names)
        table["original_shape_MeshVolume"] = np.exp(rng.normal(size=patients))
        table.insert(0, "patient", [f"{first}{i:03d}" for i in range(patients)])
        table["study.cohort"] = role
        table["study.role"] = role
        table["study.centre"] = [f"{first}{i % 3}" for i in range(patients)]
        table["study.batch"] = table["study.centre"]
        table["clinical.age"] = rng.normal(60, 9, patients)
        for name, column in outcomes(latent * signal, other * signal, rng).items():
            table[f"endpoint.{name}"] = column
        table.loc[3, ["endpoint.stage", "endpoint.type", "endpoint.lesions"]] = np.nan
        parts.append(table)
    whole = pd.concat(parts, ignore_index=True)
    whole.to_parquet(folder / "table.parquet")
    pd.DataFrame({"patient": [], "design": [], "repeat": []}).to_parquet(folder / "repeats.parquet")
    return whole


def outcomes(latent, other, rng):
    """Return a column for every endpoint, driven by two latent variables."""
    n = len(latent)
    scores = np.column_stack([latent, other, -latent]) + rng.gumbel(size=(n, 3))
    one, two = rng.exponential(30 / np.exp(latent)), rng.exponential(50 / np.exp(other))
    end = rng.uniform(12, 70, n)
    time = np.minimum(np.minimum(one, two), end) + 0.01
    cause = np.select([one <= np.minimum(two, end), two <= end], [1.0, 2.0], 0.0)
    return {
        "met": (latent + rng.logistic(size=n) > 0) * 1.0,
        "stage": np.searchsorted([-1.2, 0.0, 1.2], latent + rng.logistic(size=n)) * 1.0,
        "type": scores.argmax(axis=1) * 1.0,
        "lesions": rng.poisson(np.exp(0.4 + 0.5 * latent)) * 1.0,
        "relapse.time": time,
        "relapse.event": cause,
        "os.time": time,
        "os.event": (cause > 0) * 1.0,
    }


def fit_and_validate(files, folder, endpoint, models, signatures=("radiomics", "volume")):
    """Fit, lock and validate; return the folders of the signatures."""
    targets = []
    for signature in signatures:
        for model in models:
            target = folder / f"{signature}.{model}"
            target.mkdir(parents=True)
            fit.main(
                table=files / "table.parquet",
                repeats=files / "repeats.parquet",
                shuffled=files / "table.parquet",
                oof=target / "oof.parquet",
                locked=target / "signature.skops",
                description=target / "signature.json",
                selection=target / "selection.tsv",
                tuning=target / "tuning.tsv",
                endpoint=endpoint,
                signature=signature,
                model=model,
                settings=SETTINGS,
                seed=5,
            )
            targets.append(target)
    signatures = [target / "signature.skops" for target in targets]
    lock.main(signatures=signatures, locks=folder / "locks.tsv")
    validate.main(
        table=files / "table.parquet",
        shuffled=files / "table.parquet",
        locks=folder / "locks.tsv",
        signatures=signatures,
        oof=[target / "oof.parquet" for target in targets],
        predictions=folder / "predictions.parquet",
        endpoint=endpoint,
        policies=["none", "align"],
    )
    return targets


def permuted(files, folder, endpoint, model, permutations=3):
    """Permute outcomes through the whole procedure; return what the script reports."""
    return permute.main(
        table=files / "table.parquet",
        repeats=files / "repeats.parquet",
        permutation=folder / "permutation.tsv",
        endpoint=endpoint,
        signature="radiomics",
        model=model,
        settings=SETTINGS,
        permutations=permutations,
        seed=5,
    )


TABLES = ["metrics", "comparisons", "roc", "calibration", "decision", "kaplan_meier", "centres",
          "reclassification", "recalibration", "precision_recall", "auc_over_time",
          "subgroups"]  # fmt: skip
FIGURES = ["roc", "calibration", "decision", "kaplan_meier", "centres", "permutation", "selection",
           "controls", "details", "precision_recall", "auc_over_time", "subgroups",
           "nomogram"]  # fmt: skip


def judged(folder, validation, endpoint, model):
    """Evaluate what was validated; return what the script reports."""
    outputs = {name: validation / f"{name}.tsv" for name in [*TABLES, "details"]}
    return evaluate.main(
        predictions=folder / "predictions.parquet",
        permutation=folder / "permutation.tsv",
        locks=folder / "locks.tsv",
        **outputs,
        verdict=validation / "verdict.json",
        endpoint=endpoint,
        primary={"signature": "radiomics", "model": model, "policy": "align"},
        settings={"bootstrap": 100},
        table=folder.parent / "table.parquet",
        by=[],
        seed=5,
    )


def drawn(folder, validation, pictures, endpoint, model):
    """Draw all figures of an endpoint."""
    pictures.mkdir(parents=True)
    tables = ["metrics", "roc", "calibration", "decision", "kaplan_meier", "centres", "details",
              "precision_recall", "auc_over_time", "subgroups"]  # fmt: skip
    figures.main(
        description=folder / f"radiomics.{model}" / "signature.json",
        **{name: validation / f"{name}.tsv" for name in tables},
        permutation=folder / "permutation.tsv",
        predictions=folder / "predictions.parquet",
        selection=folder / f"radiomics.{model}" / "selection.tsv",
        **{f"figure_{name}": pictures / f"{name}.png" for name in FIGURES},
        endpoint=endpoint,
        primary={"signature": "radiomics", "model": model, "policy": "align"},
    )
