"""What nested cross-validation of a whole study costs, beside plain scikit-learn.

Run ``python -m benchmarks.modelling``. 300 patients of three batches and 1,200 features, 90 of them
measured twice; three signatures by three models; five repetitions of five outer folds, five inner
ones, and the final fit: what the rule `fit` does, one process a signature and model, as many at
once as there are cores. The baseline is a `GridSearchCV` in a `cross_val_predict` of the same
folds, over the same models and grids, with scaling and `SelectKBest` in the pipeline, on one core:
no harmonisation, no stability, no redundancy, no mRMR. ``--profile radiomics.elastic_net`` tells
instead where the time of one of them goes; ``--repeats 1`` is a fifth of the work.
"""

import argparse
import cProfile
import os
import platform
import pstats
import time
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from rigoromics.model.nested import fit_all, nested_cross_validation
from rigoromics.model.outcome import Endpoint
from rigoromics.model.pipeline import feature_numbers
from rigoromics.model.settings import GRIDS, Procedure, Settings
from rigoromics.select.choose import feature_cap

PATIENTS, FEATURES, TWICE = 300, 1_200, 90
# Features that measure the same thing, as those of filtered images do.
GROUP = 8
SIGNATURES = ("clinical", "radiomics", "combined")
MODELS = ("elastic_net", "random_forest", "gradient_boosting")
VOLUME = "original_shape_MeshVolume"
CLINICAL = {"age": "numeric", "marker": "numeric", "sex": "categorical"}
ENDPOINT = Endpoint("y", "binary")


def settings(repeats: int) -> Settings:
    """Return the default settings, with five inner folds and some repetitions of the outer ones."""
    return Settings.from_dict(
        {
            "harmonisation": {"method": "combat", "unseen": "align", "covariates": ["age", "sex"]},
            "stability": {"raters": {"icc": "ICC(A,1)", "threshold": 0.75, "bound": "lower"}},
            "models": {"class_weight": "balanced"},
            "validation": {"outer_folds": 5, "inner_folds": 5, "repeats": repeats},
            "clinical": CLINICAL,
            "volume_feature": VOLUME,
        }
    )


def study() -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Return analysis table, outcomes and repeated measurements of one made-up cohort."""
    rng = np.random.default_rng(1)
    groups = np.repeat(rng.normal(size=(PATIENTS, FEATURES // GROUP)), GROUP, axis=1)
    loadings = rng.uniform(0.6, 0.98, FEATURES)
    truth = loadings * groups + np.sqrt(1 - loadings**2) * rng.normal(size=groups.shape)
    batch = np.arange(PATIENTS) % 3
    shift, scale = rng.normal(size=(3, FEATURES)), rng.uniform(0.7, 1.4, (3, FEATURES))
    names = [f"original_glcm_f{k:04d}" for k in range(FEATURES)]
    shown = (truth + 0.1 * rng.normal(size=truth.shape)) * scale[batch] + shift[batch]
    table = pd.DataFrame(shown, columns=names)
    table[VOLUME] = np.exp(9 + rng.normal(size=PATIENTS))
    table["clinical.age"] = rng.normal(60, 10, PATIENTS)
    table["clinical.marker"] = rng.normal(size=PATIENTS)
    table["clinical.sex"] = rng.choice(["F", "M"], PATIENTS)
    table.insert(0, "study.batch", np.array(["A", "B", "C"])[batch])
    table.index = pd.Index([f"P{k:04d}" for k in range(PATIENTS)], name="patient")
    odds = 1.2 * groups[:, 0] - 0.8 * groups[:, GROUP] + 0.5 * table["clinical.marker"].to_numpy()
    y = (rng.random(PATIENTS) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    return table, y, measured_twice(table, truth, rng)


def measured_twice(
    table: pd.DataFrame, truth: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the features of some patients under a second rater's contour, and the first's."""
    patients = table.index[:TWICE]
    # Noise grows along the features: about a quarter are not stable.
    noise = np.linspace(0.1, 0.8, FEATURES)
    parts = []
    for rater in ("r1", "r2"):
        values = truth[:TWICE] + noise * rng.normal(size=(TWICE, FEATURES))
        part = pd.DataFrame(values, columns=[c for c in table if c.startswith("original_glcm")])
        part[VOLUME] = table[VOLUME].to_numpy()[:TWICE] * np.exp(0.05 * rng.normal(size=TWICE))
        part.insert(0, "patient", patients)
        part.insert(1, "design", "raters")
        part.insert(2, "repeat", rater)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def fit(name: str, repeats: int) -> float:
    """Return the seconds that nested cross-validation and final fit of one signature take."""
    signature, model = name.split(".")
    X, y, again = study()
    procedure = Procedure(signature, model, ENDPOINT, settings(repeats), seed=1)
    begun = time.perf_counter()
    nested_cross_validation(X, y, procedure, again)
    fit_all(X, y, procedure, again)
    return time.perf_counter() - begun


def plain(model: str, repeats: int) -> float:
    """Return the seconds that scikit-learn's tools take for one model on all features."""
    X, y, _ = study()
    features = X[[name for name in X if name.startswith("original_")]].to_numpy()
    grid = GRIDS[model]
    estimator, names = {
        "elastic_net": (
            LogisticRegression(solver="saga", max_iter=20_000, tol=1e-4, class_weight="balanced"),
            {"C": [1 / (alpha * 0.64 * PATIENTS) for alpha in grid.get("alpha", ())]},
        ),
        "random_forest": (
            RandomForestClassifier(100, class_weight="balanced", random_state=1),
            {"min_samples_leaf": list(grid.get("min_samples_leaf", ()))},
        ),
        "gradient_boosting": (
            GradientBoostingClassifier(n_estimators=100, random_state=1),
            {"max_depth": list(grid.get("depth", ()))},
        ),
    }[model]
    if "l1_ratio" in grid:
        names["l1_ratio"] = list(grid["l1_ratio"])
    steps = Pipeline([("scale", StandardScaler()), ("choose", SelectKBest()), ("model", estimator)])
    tried = {"choose__k": list(feature_numbers(feature_cap(y, "auto", 0.15)))}
    tried |= {f"model__{name}": values for name, values in names.items()}
    begun = time.perf_counter()
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=1)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inner = StratifiedKFold(5, shuffle=True, random_state=1)
        search = GridSearchCV(steps, tried, scoring="roc_auc", cv=inner, n_jobs=1)
        for train, test in folds.split(features, y):
            search.fit(features[train], y[train]).predict_proba(features[test])
        search.fit(features, y)
    return time.perf_counter() - begun


def all_of_them(names: Sequence[str], repeats: int) -> None:
    """Print a table: seconds of each signature and model, and of the baseline."""
    cores = len(os.sched_getaffinity(0))
    begun = time.perf_counter()
    spent = Parallel(n_jobs=cores)(delayed(fit)(name, repeats) for name in names)
    wall = time.perf_counter() - begun
    baseline = {model: plain(model, repeats) for model in MODELS}
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}")
    print(f"{PATIENTS} patients, {FEATURES} features, nested 5x5, {repeats} repetitions")
    print(f"{'':32}{'s':>9}{'plain s':>9}{'ratio':>7}")
    for name, seconds in zip(names, spent, strict=True):
        usual = baseline[name.split(".")[1]] if not name.startswith("clinical") else None
        beside = f"{usual:9.1f}{seconds / usual:7.2f}" if usual else ""
        print(f"{name:32}{seconds:9.1f}{beside}")
    print(f"{'all, one core each':32}{sum(spent):9.1f}")
    print(f"{'all, wall clock':32}{wall:9.1f}")


def main() -> None:
    """Time the whole study, or profile one signature."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="repetitions of the outer folds")
    parser.add_argument("--profile", help="signature.model to profile instead")
    options = parser.parse_args()
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(fit, options.profile, options.repeats)
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
        return
    names = [f"{signature}.{model}" for model in MODELS for signature in SIGNATURES]
    all_of_them(names, options.repeats)


if __name__ == "__main__":
    main()
