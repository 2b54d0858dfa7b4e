"""The primary signature with each rule for several lesions, compared in cross-validation."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from rigoromics import table as tables
from rigoromics.evaluate.alternatives import alternatives_table
from rigoromics.evaluate.group import Endpoint, Settings
from rigoromics.lesions import LesionRule
from rigoromics.model import outcome
from rigoromics.model import tables as predictions
from rigoromics.model.nested import nested_cross_validation
from rigoromics.model.settings import Procedure
from rigoromics.model.settings import Settings as Plan
from scripts.tables import write_tsv

log = logging.getLogger(__name__)


def main(
    *,
    features: Path,
    table: Path,
    comparison: Path,
    endpoint: dict[str, Any],
    signature: str,
    model: str,
    settings: dict[str, Any],
    lesions: dict[str, Any],
    segmentations: dict[str, Any],
    evaluation: dict[str, Any],
    seed: int,
    threads: int = 1,
) -> dict[str, float | str]:
    """Write how the primary signature does with each rule, on development patients.

    Parameters
    ----------
    features
        Feature table, long in lesions.
    table
        The analysis table: patients, predictors and outcomes are its own under every rule.
    comparison
        Output.
    endpoint, signature, model, settings, seed
        As of the fit of the primary signature: folds are the same, and so is the study's own
        rule's result.
    lesions
        Keys rule, worst_by and compare of the config.
    segmentations
        Keys reference_rater and retest_of.
    evaluation
        Fields of :class:`~rigoromics.evaluate.group.Settings`.
    """
    target = outcome.Endpoint.from_dict(endpoint)
    procedure = Procedure(signature, model, target, Plan.from_dict(settings), seed)
    everybody, long = pd.read_parquet(table), pd.read_parquet(features)
    X, y = predictions.rows_of_role(everybody, "development", target)
    # Stability is judged on all development patients, whether their outcome is known or not.
    development = list(everybody.loc[everybody["study.role"] == "development", "patient"])
    rater, retest_of = segmentations["reference_rater"], segmentations["retest_of"]
    first = long[~long["scan"].isin(retest_of)]
    parts = []
    for name in [lesions["rule"], *lesions["compare"]]:
        rule = LesionRule(name, procedure.settings.volume_feature, lesions["worst_by"])
        wide = tables.one_row_per_patient(first, rater, "none", rule).reindex(X.index)
        rows = pd.concat([X.drop(columns=wide.columns), wide], axis=1)
        again = tables.repeats(long, development, rater, retest_of, rule)
        held_out = nested_cross_validation(rows[X.columns], y, procedure, again, threads)
        oof = predictions.out_of_fold(held_out, X.index, target)
        predicted = predictions.mean_over_repeats(oof).reindex(X.index)
        names = (name, model)
        parts.append(predictions.prediction_rows(names, X, y, predicted, "development_cv", "none"))
    judged = Endpoint.from_dict(endpoint)
    # Threads add floating-point sums in another order, and the last digits would tell.
    with threadpool_limits(1):
        found = alternatives_table(
            pd.concat(parts, ignore_index=True),
            lesions["rule"],
            judged,
            replace(Settings(), **evaluation),
            seed,
        )
    write_tsv(found, comparison)
    keys = ["patient", "timepoint", "scan", "roi"]
    counted = first[(first["rater"] == rater) & (first["perturbation"] == "none")]
    counted = counted[counted["patient"].isin(X.index)]
    several = counted.loc[counted.duplicated(keys), "patient"].nunique()
    log.info("%d of %d patients have several lesions in a scan.", several, len(X))
    return {"patients_with_several": float(several)} | {
        f"{row.metric}.{row.alternative}": float(row.estimate) for row in found.itertuples()
    }


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
