"""Simulated analysis tables for the tests of selection and models."""

import numpy as np
import pandas as pd

from rigoromics.model.outcome import Endpoint, survival_outcome
from rigoromics.model.settings import Procedure, Settings

BINARY = Endpoint("met", "binary")
SURVIVAL = Endpoint("os", "survival", 24.0)
STABILITY = {
    "raters": {"icc": "ICC(A,1)", "threshold": 0.75, "bound": "estimate"},
    "retest": {"icc": "ICC(A,1)", "threshold": 0.75, "bound": "estimate"},
}


def cohort(seed=0, patients=60, features=80, signal=1.5, batches=2, first="P"):
    """Return a table, a latent variable's binary outcome, survival outcome, and repeats.

    Features 0 to 4 carry the latent variable; features come in correlated groups of four; each
    batch shifts and scales all of them; every fifth feature is unstable between raters.
    """
    rng = np.random.default_rng(seed)
    index = pd.Index([f"{first}{i:04d}" for i in range(patients)], name="patient")
    latent = rng.normal(size=patients)
    groups = rng.normal(size=(patients, -(-features // 4)))
    base = np.repeat(groups, 4, axis=1)[:, :features] + rng.normal(size=(patients, features)) * 0.7
    base[:, :5] = latent[:, None] * 1.2 + rng.normal(size=(patients, 5)) * 0.6
    batch = np.arange(patients) % batches
    shift = rng.normal(size=(batches, features)) * 2
    scale = rng.uniform(0.7, 1.5, size=(batches, features))
    values = base * scale[batch] + shift[batch] + 10
    names = [f"original_f{i:03d}" for i in range(features)]
    table = pd.DataFrame(values, index=index, columns=names)
    table["original_shape_MeshVolume"] = np.exp(rng.normal(size=patients) + 0.3 * latent)
    table.iloc[rng.integers(0, patients, 5), rng.integers(5, features, 5)] = np.nan
    table["original_constant"] = 3.0
    table.insert(0, "study.batch", [f"scanner{b}" for b in batch])
    table.insert(1, "clinical.age", rng.normal(60, 10, patients) + 4 * latent)
    table.insert(2, "clinical.sex", rng.choice(["F", "M"], patients))
    table.loc[index[3], "clinical.age"] = np.nan
    table.loc[index[4], "clinical.sex"] = None
    y = (rng.random(patients) < 1 / (1 + np.exp(-signal * latent))).astype(np.int64)
    time = rng.exponential(30 / np.exp(signal * 0.7 * latent)) + 0.1
    censor = rng.uniform(10, 70, patients)
    survival = survival_outcome(time <= censor, np.minimum(time, censor))
    return table, y, survival, repeats_of(table, rng)


def repeats_of(table, rng):
    """Return three raters of all patients and a retest of a third of them."""
    features = [name for name in table if name.startswith("original_")]
    values = table[features].fillna(10.0).to_numpy()
    spread = values.std(axis=0)
    spread = spread * np.where(np.arange(len(features)) % 5 == 4, 2.0, 0.15)
    parts = []
    for design, repeat, keep in (
        ("raters", "r1", slice(None)),
        ("raters", "r2", slice(None)),
        ("raters", "r3", slice(None)),
        ("retest", "test", slice(None, None, 3)),
        ("retest", "retest", slice(None, None, 3)),
    ):
        noise = 0 if repeat in ("r1", "test") else rng.normal(size=values.shape) * spread
        part = pd.DataFrame(values + noise, columns=features)
        part.insert(0, "patient", table.index.to_numpy())
        part.insert(1, "design", design)
        part.insert(2, "repeat", repeat)
        parts.append(part.iloc[keep])
    return pd.concat(parts, ignore_index=True)


def procedure(signature="radiomics", model="elastic_net", seed=1, **settings):
    """Return a small procedure."""
    chosen = {
        "harmonisation": {"method": "combat", "covariates": ["age"], "unseen": "align"},
        "stability": STABILITY,
        "clinical": {"age": "numeric", "sex": "categorical"},
        "trees": 10,
        "outer_folds": 4,
        "inner_folds": 3,
    }
    endpoint = BINARY if model in ("elastic_net", "random_forest") else SURVIVAL
    return Procedure(signature, model, endpoint, Settings(**{**chosen, **settings}), seed)
