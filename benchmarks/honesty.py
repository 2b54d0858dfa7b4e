"""How often the verdict is false, how often the interval holds the truth, and what power is left.

    python -m benchmarks.honesty             # goes on where it was stopped
    python -m benchmarks.honesty --summary   # table and picture of what is there

`honesty.tsv` beside this file is the record of the cohorts that ran; without it all run anew.

Simulated studies of feature tables go through the default procedure: three development centres, two
external ones that training never saw, each with a shift and scale of its own in every feature, and
with an outcome that is more frequent at some centres than at others. Three kinds of cohort:

null
    nothing predicts the outcome; any "weak" or "evidence" is false;
planted
    a latent variable, carried by five of 300 features, predicts it;
volume
    volume predicts it, and forty features go with volume; "evidence" is false, since radiomics
    has nothing of its own.

The level of the verdict is that of the whole default study with its controls (permuted outcomes,
volume alone, shuffled voxels), but for 20 permutations instead of 50. What cannot change the level
any more is left out: controls are run only where the external interval lies above 0.5. Shuffled
voxels are features whose values are dealt out anew among the patients of a centre; volume stays.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from rigoromics.evaluate.discrimination import auc, delong_paired
from rigoromics.evaluate.estimate import wilson
from rigoromics.evaluate.group import Endpoint as Judged
from rigoromics.evaluate.group import Settings as Judging
from rigoromics.evaluate.study import evaluate
from rigoromics.evaluate.verdict import decide
from rigoromics.model.nested import fit_all, permutation_statistics
from rigoromics.model.outcome import Endpoint
from rigoromics.model.settings import Procedure, Settings
from rigoromics.model.signature import Signature, make_signature
from rigoromics.report.style import COLOURS, new_figure, style
from rigoromics.seeds import derive_seed

Array = npt.NDArray[np.float64]

COHORTS = {"null": 200, "planted": 100, "volume": 60}
# Development and external patients.
SIZES = ((60, 40), (120, 80), (240, 160))
FEATURES = 300
CARRIERS = 5
FOLLOWERS = 40
VOLUME = "original_shape_MeshVolume"
PREVALENCE = {"A": 0.35, "B": 0.5, "C": 0.6, "X": 0.45, "Y": 0.45}
DEVELOPMENT, EXTERNAL = ("A", "B", "C"), ("X", "Y")
# Log odds per standard deviation of what predicts.
EFFECT = 1.5
FURTHER = 4000
PERMUTATIONS = 20
ENDPOINT = Endpoint("y", "binary")
MODEL = "elastic_net"
POLICY = "align"
DEFAULTS = Settings.from_dict(
    {
        "harmonisation": {"method": "combat", "unseen": POLICY},
        "models": {"class_weight": "balanced"},
        "volume_feature": VOLUME,
    }
)
COLUMNS = [
    *("kind", "number", "development", "external", "auc", "lower", "upper", "truth", "level"),
    *("permutation_p", "oracle_auc", "oracle_found"),
]


@dataclass(frozen=True)
class World:
    """One made-up disease and its scanners: what every patient of a cohort has in common."""

    kind: str
    loadings: Array
    shift: dict[str, Array]
    scale: dict[str, Array]


@dataclass(frozen=True)
class Patients:
    """Analysis table, outcomes, and what only the oracle knows."""

    table: pd.DataFrame
    y: npt.NDArray[np.int64]
    oracle: Array


def world(kind: str, rng: np.random.Generator) -> World:
    """Return a world: features in correlated groups, and each centre's shift and scale."""
    centres = [*DEVELOPMENT, *EXTERNAL]
    return World(
        kind,
        rng.uniform(0.4, 0.9, FEATURES),
        {name: rng.normal(0, 1, FEATURES) for name in centres},
        {name: rng.uniform(0.7, 1.4, FEATURES) for name in centres},
    )


def patients(
    place: World, centres: tuple[str, ...], n: int, first: str, rng: np.random.Generator
) -> Patients:
    """Return n patients of some centres, in turn."""
    centre = np.array(centres)[np.arange(n) % len(centres)]
    groups = np.repeat(rng.normal(size=(n, FEATURES // 10)), 10, axis=1)
    values = place.loadings * groups + np.sqrt(1 - place.loadings**2) * rng.normal(
        size=groups.shape
    )
    latent, size = rng.normal(size=n), rng.normal(size=n)
    # One carrier in each of the first groups, so that they are not one feature five times.
    carriers = np.arange(CARRIERS) * 10
    values[:, carriers] = 0.7 * latent[:, None] + np.sqrt(0.51) * rng.normal(size=(n, CARRIERS))
    followers = FEATURES - 1 - np.arange(FOLLOWERS)
    values[:, followers] = 0.8 * size[:, None] + 0.6 * rng.normal(size=(n, FOLLOWERS))
    oracle = values[:, carriers].sum(axis=1)
    cause = {"null": 0.0 * latent, "planted": latent, "volume": size}[place.kind]
    odds = np.log([PREVALENCE[c] / (1 - PREVALENCE[c]) for c in centre])
    y = (rng.random(n) < 1 / (1 + np.exp(-odds - EFFECT * cause))).astype(np.int64)
    shown = values * np.array([place.scale[c] for c in centre])
    shown += np.array([place.shift[c] for c in centre])
    table = pd.DataFrame(shown, columns=[f"original_glcm_f{k:03d}" for k in range(FEATURES)])
    table[VOLUME] = np.exp(9 + size)
    table.index = pd.Index([f"{first}{k:05d}" for k in range(n)], name="patient")
    table.insert(0, "study.batch", centre)
    return Patients(table, y, oracle)


def study(kind: str, number: int) -> dict[str, Any]:
    """Return one row: a cohort of this kind, judged by the default procedure."""
    seed = derive_seed(1, "honesty", kind, str(number))
    rng = np.random.default_rng(seed)
    place = world(kind, rng)
    size = SIZES[number % len(SIZES)]
    inside = patients(place, DEVELOPMENT, size[0], "D", rng)
    outside = patients(place, EXTERNAL, size[1], "E", rng)
    further = patients(place, EXTERNAL, FURTHER, "F", rng)
    procedure = Procedure("radiomics", MODEL, ENDPOINT, DEFAULTS, seed)
    signature = fitted(inside, procedure)
    risk = signature.predict(outside.table, POLICY)["risk"]
    found = auc(outside.y, risk)
    level, p = "none", float("nan")
    if found.lower > 0.5:
        level, p = judged(inside, outside, signature, procedure, rng)
    known = auc(outside.y, outside.oracle)
    against = delong_paired(outside.y, outside.oracle, np.log(outside.table[VOLUME]))
    return {
        "kind": kind,
        "number": number,
        "development": size[0],
        "external": size[1],
        "auc": found.value,
        "lower": found.lower,
        "upper": found.upper,
        # Nothing ranks patients of a null cohort; else a large sample says how well it is done.
        "truth": 0.5
        if kind == "null"
        else auc(further.y, signature.predict(further.table, POLICY)["risk"]).value,
        "level": level,
        "permutation_p": p,
        "oracle_auc": known.value,
        "oracle_found": int(known.lower > 0.5 and against.difference > 0 and against.p < 0.05),
    }


def fitted(inside: Patients, procedure: Procedure) -> Signature:
    """Return the signature that the procedure makes of development patients."""
    return make_signature(fit_all(inside.table, inside.y, procedure), procedure, inside.y)


def judged(
    inside: Patients,
    outside: Patients,
    signature: Signature,
    procedure: Procedure,
    rng: np.random.Generator,
) -> tuple[str, float]:
    """Return the verdict's level with all its controls, and the p-value of permuted outcomes."""
    volume = fitted(inside, Procedure("volume", MODEL, ENDPOINT, DEFAULTS, procedure.seed))
    noise = [without_texture(part, rng) for part in (inside, outside)]
    control = fitted(noise[0], Procedure("shuffled", MODEL, ENDPOINT, DEFAULTS, procedure.seed))
    rows = [
        predicted(signature, outside),
        predicted(volume, outside),
        predicted(control, noise[1]),
    ]
    target = Judged("y", "binary", None, "the outcome")
    primary = {"signature": "radiomics", "model": MODEL, "policy": POLICY}
    # The verdict needs AUCs only, whose intervals need no bootstrap.
    tables = evaluate(pd.concat(rows), target, primary, Judging(bootstrap=20), procedure.seed)
    statistics = permutation_statistics(inside.table, inside.y, procedure, PERMUTATIONS)
    permuted = pd.DataFrame({"permutation": range(-1, PERMUTATIONS), "statistic": statistics})
    verdict = decide(tables.metrics, tables.comparisons, permuted, target, primary)
    p = (1 + int((statistics[1:] >= statistics[0] - 1e-12).sum())) / (1 + PERMUTATIONS)
    return verdict.level, p


def without_texture(part: Patients, rng: np.random.Generator) -> Patients:
    """Return the patients with features that say nothing but the scanner; volume stays."""
    table = part.table.copy()
    names = [name for name in table if name.startswith("original_glcm")]
    for _, rows in table.groupby("study.batch").groups.items():
        block = table.loc[rows, names].to_numpy()
        table.loc[rows, names] = rng.permuted(block, axis=0)
    return Patients(table, part.y, part.oracle)


def predicted(signature: Signature, outside: Patients) -> pd.DataFrame:
    """Return predictions as `rigoromics.evaluate.study.evaluate` wants them."""
    told = signature.predict(outside.table, POLICY)
    return pd.DataFrame(
        {
            "patient": told.index,
            "cohort": "external",
            "centre": outside.table["study.batch"],
            "role": "external",
            "split": "external",
            "signature": signature.signature,
            "model": signature.model,
            "policy": POLICY,
            "risk": told["risk"],
            "probability": told["probability"],
            "cutoff_class": told["high"],
            "y": outside.y,
        }
    ).reset_index(drop=True)


def plan() -> Iterator[tuple[str, int]]:
    """Yield kind and number of all cohorts: the cheap null ones first, then what shows power."""
    for kind, cohorts in COHORTS.items():
        yield from ((kind, number) for number in range(cohorts))


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return by kind and size: coverage, verdicts and power, each with Wilson's interval."""
    rows = []
    sizes = [(None, found), *found.groupby("development")]
    for size, part in sizes:
        for kind, own in part.groupby("kind"):
            # A signature that the penalty left without any feature has no interval.
            told = own["lower"].notna()
            covered = (own["lower"] <= own["truth"]) & (own["truth"] <= own["upper"])
            counts = {
                "coverage": covered[told],
                "no signature": ~told,
                "evidence": own["level"] == "evidence",
                "weak or evidence": own["level"].isin(["weak", "evidence"]),
                "oracle": own["oracle_found"] == 1,
            }
            for what, hits in counts.items():
                n, count = len(hits), int(hits.sum())
                share = wilson(count, n)
                row = (kind, size or "all", what, n, count, share.value, share.lower, share.upper)
                rows.append(row)
    names = ["kind", "development", "what", "n", "count", "share", "lower", "upper"]
    return pd.DataFrame(rows, columns=names)


def picture(table: pd.DataFrame) -> Figure:
    """Return shares of verdicts and coverage, by kind and size, with their intervals."""
    figure = new_figure(7.2, 2.8)
    axes = figure.subplots(1, 3, sharex=True)
    kinds = [kind for kind in COHORTS if kind in set(table["kind"])]
    colours = {"null": COLOURS["shuffled"], "planted": COLOURS["radiomics"]}
    panels = {
        "coverage": ("The interval holds the truth", 0.95),
        "evidence": ('Verdict "evidence"', 0.05),
        "oracle": ("The oracle would find it", None),
    }
    sizes = ["all", *(size for size, _ in SIZES)]
    for panel, (what, (title, line)) in zip(axes, panels.items(), strict=True):
        for offset, kind in enumerate(kinds):
            own = table[(table["kind"] == kind) & (table["what"] == what)]
            own = own.set_index("development").reindex(sizes)
            x = np.arange(len(sizes)) + 0.22 * (offset - 1)
            spread = [own["share"] - own["lower"], own["upper"] - own["share"]]
            colour = colours.get(kind, COLOURS["volume"])
            panel.errorbar(x, own["share"], yerr=spread, fmt="o", ms=4, color=colour, label=kind)
        if line is not None:
            panel.axhline(line, color="0.6", linewidth=0.8, linestyle="--", zorder=0)
        panel.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        panel.set(title=title, xlim=(-0.5, len(sizes) - 0.5), ylim=(-0.03, 1.03))
    axes[1].set_xlabel("development patients")
    axes[0].set_ylabel("share of studies")
    drawn = axes[0].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside upper center", ncols=len(kinds))
    return figure


def main() -> None:
    """Run what is not there yet, or summarise what is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--table", type=Path, default=Path(__file__).with_suffix(".tsv"))
    parser.add_argument("--limit", type=int, default=10**6, help="cohorts to add at most")
    parser.add_argument("--summary", action="store_true", help="only table and picture")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/honesty.png"))
    options = parser.parse_args()
    if not options.summary:
        run(options.table, options.limit)
    table = summary(read(options.table))
    print(table.to_string(index=False, float_format="{:.3f}".format))
    with style():
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        picture(table).savefig(options.picture, dpi=130, metadata={"Software": None})


def read(path: Path) -> pd.DataFrame:
    """Return the rows that are there; `null` is a kind of cohort, not a missing value."""
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["nan", ""])


def run(path: Path, limit: int) -> None:
    """Append a row per cohort that the file does not have yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.is_file()
    done: set[tuple[str, int]] = set()
    if not new:
        there = read(path)
        done = set(zip(there["kind"], there["number"], strict=True))
    left = [job for job in plan() if job not in done][:limit]
    with path.open("a", encoding="utf-8", newline="") as file, threadpool_limits(1):
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        if new:
            writer.writeheader()
        for kind, number in left:
            begun = time.perf_counter()
            row = study(kind, number)
            writer.writerow(row)
            file.flush()
            spent = time.perf_counter() - begun
            print(f"{kind} {number}: {row['level']}, {spent:.1f} s", flush=True)


if __name__ == "__main__":
    main()
