"""ComBat of a whole feature table, beside the least squares that any ComBat has to solve.

Run ``python -m benchmarks.combat``. The baseline is one least-squares fit of all features on batch
and covariate, and the residuals' standard deviations by batch: no empirical Bayes, no checks, no
table in, no table out. Ours has all that.
"""

import argparse
import os
import platform

import numpy as np
import pandas as pd

from benchmarks.timing import seconds
from rigoromics.harmonise.combat import ComBat

SIZES = {120: 1_200, 1_000: 1_200, 5_000: 1_200}
BATCHES = 3


def table(patients: int, features: int) -> pd.DataFrame:
    """Return patients by features of shifted and scaled batches, with age."""
    rng = np.random.default_rng(1)
    batch = np.arange(patients) % BATCHES
    values = rng.normal(size=(patients, features)) * (1 + batch[:, None] / 4) + batch[:, None]
    made = pd.DataFrame(values, columns=[f"ct_original_glcm_F{k}" for k in range(features)])
    return made.assign(
        **{"study.batch": batch.astype(str), "clinical.age": rng.normal(size=patients)}
    )


def least_squares(data: pd.DataFrame) -> np.ndarray:
    """Return every batch's residual standard deviation of every feature."""
    values = data.filter(like="glcm").to_numpy()
    batch = data["study.batch"].to_numpy().astype(int)
    design = np.column_stack([np.eye(BATCHES)[batch], data["clinical.age"]])
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return np.array([left[batch == k].std(axis=0) for k in range(BATCHES)])


def main() -> None:
    """Print the times and their ratio by number of patients."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print("| patients | features | least squares, s | ComBat, s | ratio |")
    print("|--:|--:|--:|--:|--:|")
    for patients, features in SIZES.items():
        data = table(patients, features)
        bare = seconds(lambda data=data: least_squares(data))
        whole = ComBat(covariates=("clinical.age",))
        ours = seconds(lambda data=data, whole=whole: whole.fit(data).transform(data))
        print(f"| {patients:,} | {features:,} | {bare:.4f} | {ours:.4f} | {ours / bare:.1f} |")


if __name__ == "__main__":
    main()
