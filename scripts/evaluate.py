"""Judge the locked signatures of one endpoint: all validation tables, and the verdict."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from rigoromics.errors import DataError
from rigoromics.evaluate.group import Endpoint, Settings
from rigoromics.evaluate.study import Tables, evaluate
from rigoromics.evaluate.verdict import Verdict, decide
from scripts.tables import read_tsv, write_tsv

logger = logging.getLogger(__name__)


def main(
    *,
    predictions: Path,
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
    verdict: Path,
    endpoint: dict[str, Any],
    primary: dict[str, Any],
    settings: dict[str, Any],
    seed: int,
) -> dict[str, float | str]:
    """Write the validation tables and the verdict of one endpoint.

    Parameters
    ----------
    predictions
        Table of all predictions: every signature, cohort and policy.
    permutation
        Statistics under permuted outcomes; one table or several.
    locks
        The locked signatures; how many features the primary one uses decides a caveat.
    metrics, comparisons, roc, calibration, decision, kaplan_meier, centres
        Outputs. Tables that do not apply to the endpoint hold their header alone.
    reclassification, recalibration, precision_recall, verdict
        Outputs too.
    endpoint
        ``name``, ``type`` and, for survival, ``horizon``.
    primary
        ``signature``, ``model`` and ``policy`` that the verdict is about.
    settings
        Fields of :class:`~rigoromics.evaluate.group.Settings`; each may be left out.
    seed
        Of the bootstrap.
    """
    target = Endpoint(
        str(endpoint["name"]),
        str(endpoint["type"]),
        endpoint.get("horizon"),
        str(endpoint.get("label", "")),
    )
    chosen = replace(Settings(), **settings)
    # Threads add floating-point sums in another order, and the last digits would tell.
    with threadpool_limits(1):
        tables = evaluate(pd.read_parquet(predictions), target, primary, chosen, seed)
    paths = {
        "metrics": metrics,
        "comparisons": comparisons,
        "roc": roc,
        "calibration": calibration,
        "decision": decision,
        "kaplan_meier": kaplan_meier,
        "centres": centres,
        "reclassification": reclassification,
        "recalibration": recalibration,
        "precision_recall": precision_recall,
    }
    for name, path in paths.items():
        write_tsv(getattr(tables, name), path)
    permuted = read_permutations(permutation)
    judged = {**primary, "n_features": _features_of(primary, read_tsv(locks))}
    found = decide(tables.metrics, tables.comparisons, permuted, target, judged, chosen.alpha)
    verdict.write_text(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    logger.info("%s: %s", found.level, found.sentence)
    return tracked(tables, found)


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
    rows = tables.metrics[tables.metrics["metric"].isin(["auc", "c_index"])]
    rows = rows[rows["estimate"].notna()]
    for row in rows.to_dict("records"):
        place = ".".join(str(row[k]) for k in ("signature", "model", "split", "cohort", "policy"))
        found[f"{row['metric']}.{place.replace(' ', '_')}"] = float(row["estimate"])
    return found


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
