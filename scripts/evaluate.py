"""Judge the locked signatures of one endpoint: all validation tables, and the verdict."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import parquet
from threadpoolctl import threadpool_limits

from rigoromics.errors import DataError
from rigoromics.evaluate.group import METRICS, Endpoint, Settings
from rigoromics.evaluate.study import Tables, evaluate
from rigoromics.evaluate.verdict import Verdict, decide
from scripts.tables import read_tsv, write_tsv

logger = logging.getLogger(__name__)


def main(
    *,
    predictions: Path,
    table: Path,
    permutation: Path | list[Path],
    locks: Path,
    metrics: Path,
    comparisons: Path,
    roc: Path,
    calibration: Path,
    decision: Path,
    kaplan_meier: Path,
    centres: Path,
    reclassification: Path,
    recalibration: Path,
    precision_recall: Path,
    auc_over_time: Path,
    subgroups: Path,
    verdict: Path,
    endpoint: dict[str, Any],
    primary: dict[str, Any],
    settings: dict[str, Any],
    by: list[str],
    seed: int,
    details: Path | None = None,
) -> dict[str, float | str]:
    """Write the validation tables and the verdict of one endpoint.

    Parameters
    ----------
    predictions
        Table of all predictions: every signature, cohort and policy.
    table
        The analysis table, for the variables of the subgroups.
    permutation
        Statistics under permuted outcomes; one table or several.
    locks
        The locked signatures; how many features the primary one uses decides a caveat.
    metrics, comparisons, roc, calibration, decision, kaplan_meier, centres
        Outputs. Tables that do not apply to the endpoint hold their header alone.
    reclassification, recalibration, precision_recall, auc_over_time, subgroups, verdict
        Outputs too.
    endpoint
        ``name``, ``type`` and, for survival, ``horizon``; ``levels`` or ``competing`` where it
        has any.
    primary
        ``signature``, ``model`` and ``policy`` that the verdict is about.
    settings
        Fields of :class:`~rigoromics.evaluate.group.Settings`; each may be left out.
    by
        Clinical columns, `batch` or `centre`: what makes subgroups; unknown ones are left out.
    seed
        Of the bootstrap.
    details
        Output: tables of levels, classes, counts and competing events, where a study has any.
    """
    target, chosen = Endpoint.from_dict(endpoint), replace(Settings(), **settings)
    people = variables(table, by)
    # Threads add floating-point sums in another order, and the last digits would tell.
    with threadpool_limits(1):
        tables = evaluate(pd.read_parquet(predictions), target, primary, chosen, seed, people)
    paths = {"metrics": metrics, "comparisons": comparisons, "roc": roc,
             "calibration": calibration, "decision": decision, "kaplan_meier": kaplan_meier,
             "centres": centres, "reclassification": reclassification,
             "recalibration": recalibration, "precision_recall": precision_recall,
             "auc_over_time": auc_over_time, "subgroups": subgroups,
             **({"details": details} if details else {})}  # fmt: skip
    for name, path in paths.items():
        write_tsv(getattr(tables, name), path)
    judged = {**primary, "n_features": _features_of(primary, read_tsv(locks))}
    permuted = read_permutations(permutation)
    found = decide(tables.metrics, tables.comparisons, permuted, target, judged, chosen.alpha)
    _write_verdict(found, verdict)
    return tracked(tables, found)


def _write_verdict(found: Verdict, path: Path) -> None:
    path.write_text(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    logger.info("%s: %s", found.level, found.sentence)


def variables(table: Path, by: list[str]) -> pd.DataFrame:
    """Return the variables of the subgroups, index the patient, as far as the study has them.

    Clinical columns are found whatever their letters' case.
    """
    there = {name.lower(): name for name in parquet.read_schema(table).names}
    found = {}
    for name in by:
        column = f"study.{name}" if name in ("batch", "centre") else f"clinical.{name}".lower()
        if column in there:
            found[name] = there[column]
        else:
            logger.info("No subgroups by %s: the study has no such column", name)
    rows = pd.read_parquet(table, columns=["patient", *found.values()])
    people = rows.assign(patient=rows["patient"].astype(str)).set_index("patient")
    return pd.DataFrame({name: people[column] for name, column in found.items()})


def _features_of(primary: dict[str, Any], locks: pd.DataFrame) -> int | None:
    """Return how many features the primary signature uses, where it is among the locked ones."""
    mine = (locks["signature"] == primary["signature"]) & (locks["model"] == primary["model"])
    return int(locks.loc[mine, "n_features"].iloc[0]) if mine.any() else None


def read_permutations(paths: Path | list[Path]) -> pd.DataFrame:
    """Return the permutation statistics of one table or several."""
    files = [paths] if isinstance(paths, Path) else list(paths)
    parts = [read_tsv(path) for path in files]
    for path, part in zip(files, parts, strict=True):
        if not {"permutation", "statistic"} <= set(part.columns):
            raise DataError(
                "a table of permutations lacks the columns permutation and statistic",
                "remake it with the step that permutes the outcomes",
                path.name,
            )
    filled = [part[["permutation", "statistic"]] for part in parts if len(part)]
    if not filled:
        return pd.DataFrame({"permutation": [], "statistic": []}, dtype=float)
    # An empty field is a permutation that gave no statistic; the verdict counts it.
    return pd.concat(filled, ignore_index=True).apply(pd.to_numeric)


def tracked(tables: Tables, verdict: Verdict) -> dict[str, float | str]:
    """Return what the tracking record keeps: discrimination everywhere, and the verdict."""
    found: dict[str, float | str] = {"verdict": verdict.level}
    for number in verdict.numbers:
        if isinstance(number["value"], float):
            found[str(number["name"])] = number["value"]
    rows = tables.metrics[tables.metrics["metric"].isin(METRICS.values())]
    rows = rows[rows["estimate"].notna()]
    for row in rows.to_dict("records"):
        place = ".".join(str(row[k]) for k in ("signature", "model", "split", "cohort", "policy"))
        found[f"{row['metric']}.{place.replace(' ', '_')}"] = float(row["estimate"])
    return found


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
