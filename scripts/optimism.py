"""The bootstrap .632+ of the primary signature: what its apparent AUC is worth."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rigoromics.evaluate.optimism import auc_632plus
from rigoromics.model.nested import fit_all
from rigoromics.model.outcome import Endpoint
from rigoromics.model.settings import Procedure, Settings
from rigoromics.model.tables import rows_of_role
from rigoromics.model.tuning import risk_of
from scripts.tables import write_tsv

log = logging.getLogger(__name__)

METHOD = "bootstrap .632+ (Efron and Tibshirani 1997); Newcombe's interval at this AUC"


def main(
    *,
    table: Path,
    repeats: Path,
    optimism: Path,
    endpoint: dict[str, Any],
    signature: str,
    model: str,
    settings: dict[str, Any],
    samples: int,
    seed: int,
) -> dict[str, float | str]:
    """Write one row: the .632+ AUC on development patients, and what it was made of.

    All that learns (harmonisation, stability, selection, tuning, model) learns in each sample
    anew. A patient drawn twice stays in one inner fold.
    """
    target = Endpoint.from_dict(endpoint)
    procedure = Procedure(signature, model, target, Settings.from_dict(settings), seed)
    X, y = rows_of_role(pd.read_parquet(table), "development", target)
    measured_again = pd.read_parquet(repeats)

    def learn(rows: pd.DataFrame, outcomes: Any) -> Callable[[pd.DataFrame], Any]:
        pipeline = fit_all(rows, outcomes.astype(np.int64), procedure, measured_again).pipeline
        return lambda new: risk_of(pipeline, new)

    found = auc_632plus(learn, X, y, samples, seed)
    row = {
        "metric": "auc",
        "estimate": found.value,
        "lower": found.lower,
        "upper": found.upper,
        "apparent": found.apparent,
        "left_out": found.left_out,
        "weight": found.weight,
        "samples": samples,
        "n": len(y),
        "events": int(y.sum()),
        "method": METHOD,
    }
    write_tsv(pd.DataFrame([row]), optimism)
    log.info("Apparent AUC %.3f, .632+ %.3f.", found.apparent, found.value)
    return {"apparent": found.apparent, "auc_632plus": found.value}


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
