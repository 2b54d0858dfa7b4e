"""What two common mistakes do to the AUC of data without any signal.

    python -m benchmarks.leakage

Null cohorts: features of several centres, each with its own shift and scale, and an outcome tossed
by coin. The cross-validated AUC of a logistic signature of ten features should be 0.5. It is
measured in five ways: ComBat and the choice of features inside each fold; the choice outside, on
all patients; ComBat on all patients, blind to the outcome; ComBat on all patients with the outcome
"preserved" as a covariate; the mistakes together. Everything is drawn from seeds: the table and the
picture come out the same again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from rigoromics.harmonise.combat import ComBat
from rigoromics.report.style import new_figure, style
from rigoromics.seeds import derive_seed

Array = npt.NDArray[np.float64]

FEATURES = 500
CHOSEN = 10
FOLDS = 5
# Patients per centre: few centres of many, and many of few.
CENTRES = {
    "3 centres of 40": [40] * 3,
    "15 centres of 8": [8] * 15,
    "30 centres of 4": [4] * 30,
}
WAYS = {
    "both inside the fold": ("inside", "inside"),
    "ComBat on all, blind to the outcome": ("all", "inside"),
    "choice of features outside": ("inside", "outside"),
    "ComBat on all, outcome preserved": ("outcome", "inside"),
    "both mistakes": ("outcome", "outside"),
}
# A column by which the outcome enters ComBat; the library refuses it under its own name.
LEAK = "clinical.leak"


@dataclass(frozen=True)
class Cohort:
    """One null cohort: features and centre of every patient, and a tossed outcome."""

    table: pd.DataFrame
    y: npt.NDArray[np.int64]


def cohort(sizes: list[int], seed: int) -> Cohort:
    """Return patients of centres of these sizes; nothing predicts the outcome."""
    rng = np.random.default_rng(seed)
    centre = np.repeat(np.arange(len(sizes)), sizes)
    common = rng.normal(size=(len(centre), FEATURES // 10))
    values = rng.normal(size=(len(centre), FEATURES)) + np.repeat(common, 10, axis=1)
    values = values * rng.uniform(0.6, 1.6, (len(sizes), FEATURES))[centre]
    values += rng.normal(0, 1, (len(sizes), FEATURES))[centre]
    table = pd.DataFrame(values, columns=[f"f{k:03d}" for k in range(FEATURES)])
    table["study.batch"] = [f"centre {k:02d}" for k in centre]
    y = rng.permutation(np.arange(len(centre)) % 2)
    table[LEAK] = y.astype(float)
    return Cohort(table, y)


def auc(patients: Cohort, combat: str, choice: str, seed: int) -> float:
    """Return the mean AUC of the held-out folds, one way of doing it.

    Parameters
    ----------
    patients
        The cohort.
    combat
        `inside`: learned on each fold's training patients; `all`: on everybody, blind to the
        outcome; `outcome`: on everybody, the outcome preserved.
    choice
        `inside` each fold, or `outside`, on everybody.
    seed
        Seed of the folds.
    """
    names = [name for name in patients.table if name.startswith("f")]
    table = patients.table
    if combat != "inside":
        covariates = (LEAK,) if combat == "outcome" else ()
        table = ComBat(covariates=covariates, features=names).fit_transform(table)
    chosen = strongest(table[names].to_numpy(), patients.y) if choice == "outside" else None
    found = []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(table, patients.y):
        rows = table
        if combat == "inside":
            rows = ComBat(features=names).fit(table.iloc[train]).transform(table)
        values = rows[names].to_numpy()
        columns = strongest(values[train], patients.y[train]) if chosen is None else chosen
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
        model.fit(values[train][:, columns], patients.y[train])
        score = model.decision_function(values[test][:, columns])
        found.append(roc_auc_score(patients.y[test], score))
    return float(np.mean(found))


def strongest(values: Array, y: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Return the features with the largest t statistics between the outcomes."""
    one, other = values[y == 1], values[y == 0]
    spread = np.sqrt(one.var(axis=0, ddof=1) / len(one) + other.var(axis=0, ddof=1) / len(other))
    t = np.abs(one.mean(axis=0) - other.mean(axis=0)) / spread
    return np.argsort(-t, kind="stable")[:CHOSEN]


def measure(cohorts: int) -> Iterator[tuple[str, str, int, float]]:
    """Yield centres, way, cohort and AUC."""
    for centres, sizes in CENTRES.items():
        for number in range(cohorts):
            seed = derive_seed(1, "leakage", centres, str(number))
            patients = cohort(sizes, seed)
            for way, (combat, choice) in WAYS.items():
                yield centres, way, number, auc(patients, combat, choice, seed)


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return the mean AUC by centres and way, its standard error, and the middle 95%."""
    grouped = found.groupby(["centres", "way"], sort=False)["auc"]
    return pd.DataFrame(
        {
            "mean": grouped.mean(),
            "standard_error": grouped.sem(),
            "lower": grouped.quantile(0.025),
            "upper": grouped.quantile(0.975),
        }
    ).reset_index()


def picture(table: pd.DataFrame, cohorts: int) -> Figure:
    """Return the mean AUCs of null data, with the range of 95% of the cohorts."""
    figure = new_figure(8.6, 2.9)
    axes = figure.subplots(1, len(CENTRES), sharex=True, sharey=True)
    for panel, centres in zip(axes, CENTRES, strict=True):
        own = table[table["centres"] == centres].set_index("way").loc[list(WAYS)]
        place = np.arange(len(own))[::-1]
        spread = [own["mean"] - own["lower"], own["upper"] - own["mean"]]
        wrong = np.array([i != "both inside the fold" and "blind" not in i for i in own.index])
        for mask, colour in ((wrong, "#D55E00"), (~wrong, "#0072B2")):
            kept = [part[mask] for part in spread]
            panel.errorbar(
                own["mean"][mask], place[mask], xerr=kept, fmt="o", color=colour, capsize=2
            )
        for value, y in zip(own["mean"], place, strict=True):
            panel.annotate(
                f"{value:.2f}", (value, y), (0, 5), textcoords="offset points", ha="center"
            )
        panel.axvline(0.5, color="0.6", linewidth=0.8, linestyle="--", zorder=0)
        panel.set(title=centres, xlabel="cross-validated AUC", xlim=(0.3, 1.03))
        panel.set_yticks(place, list(own.index))
        panel.set_ylim(-0.6, len(own) - 0.3)
    figure.suptitle(f"{cohorts} cohorts without any signal each: the truth is 0.50", fontsize=9)
    return figure


def main() -> None:
    """Measure, print the table, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cohorts", type=int, default=40, help="null cohorts of each kind")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/leakage.png"))
    options = parser.parse_args()
    # One thread: small problems, and the last digits depend on the number.
    with threadpool_limits(1):
        rows = list(measure(options.cohorts))
    table = summary(pd.DataFrame(rows, columns=["centres", "way", "cohort", "auc"]))
    print("| centres | ComBat and choice | mean AUC | standard error | 95% of cohorts |")
    print("|---|---|--:|--:|--:|")
    for row in table.to_dict("records"):
        print(
            f"| {row['centres']} | {row['way']} | {row['mean']:.3f} | "
            f"{row['standard_error']:.3f} | {row['lower']:.2f} to {row['upper']:.2f} |"
        )
    with style():
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        figure = picture(table, options.cohorts)
        figure.savefig(options.picture, metadata={"Software": None})


if __name__ == "__main__":
    main()
