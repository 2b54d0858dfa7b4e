"""Nested cross-validation of one signature, and the final one, ready to be locked."""

import json
import logging
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.model.concordance import pooled
from rigoromics.model.locking import lock, sha256
from rigoromics.model.nested import fit_all, nested_cross_validation
from rigoromics.model.outcome import Endpoint
from rigoromics.model.pipeline import WITH_IMAGES
from rigoromics.model.settings import Procedure, Settings
from rigoromics.model.signature import describe, make_signature
from rigoromics.model.tables import (
    candidates_of,
    out_of_fold,
    rows_of_role,
    selection_table,
    tuning_table,
)
from rigoromics.select.choose import check_limit
from scripts.tables import EXTRACTION, write_parquet, write_tsv

log = logging.getLogger(__name__)

STATISTICS = {
    "binary": "auc_oof",
    "ordinal": "ordinal_c_oof",
    "multiclass": "m_auc_oof",
    "count": "count_c_oof",
    "survival": "c_index_oof",
}
VERSIONS = ["rigoromics", "numpy", "pandas", "scikit-learn", "scikit-survival", "skops"]


def main(
    *,
    table: Path,
    repeats: Path,
    shuffled: Path,
    oof: Path,
    locked: Path,
    description: Path,
    selection: Path,
    tuning: Path,
    endpoint: dict[str, Any],
    signature: str,
    model: str,
    settings: dict[str, Any],
    seed: int,
    threads: int = 1,
) -> dict[str, float | str]:
    """Fit one signature with one model for one endpoint, on development patients alone.

    The `shuffled` signature takes its features from the shuffled-voxel table.
    """
    target = Endpoint.from_dict(endpoint)
    procedure = Procedure(signature, model, target, Settings.from_dict(settings), seed)
    everybody = pd.read_parquet(shuffled if signature == "shuffled" else table)
    X, y = rows_of_role(everybody, "development", target)
    plan = procedure.settings
    if signature in WITH_IMAGES:
        check_limit(y, plan.max_features, plan.explained, plan.exceed_cap)
    unknown = int((everybody["study.role"] == "development").sum()) - len(X)
    log.info("%d development patients, %d more without %s.", len(X), unknown, target.name)
    measured_again = pd.read_parquet(repeats)
    held_out = nested_cross_validation(X, y, procedure, measured_again, threads)
    final = fit_all(X, y, procedure, measured_again)
    # A signature of clinical predictors or scores alone knows no image.
    extraction = {} if signature in ("clinical", "deep") else everybody.attrs.get(EXTRACTION, {})
    result = make_signature(final, procedure, y, extraction)
    content = lock(result)
    words = describe(result, procedure, X, y)
    if words["exceeds_events_cap"]:
        log.warning(
            "The config allows %d features; the events carry %d.",
            result.configuration["k"],
            words["events_cap_on_features"],
        )
    write_parquet(out_of_fold(held_out, X.index, target), oof)
    locked.write_bytes(content)
    words |= {"sha256": sha256(content), "versions": {v: version(v) for v in VERSIONS}}
    description.write_text(json.dumps(words, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    fits = [part.fitted for part in held_out]
    candidates = candidates_of(X, fits) if signature in WITH_IMAGES else []
    frequency = selection_table(held_out, result, procedure, y, candidates)
    write_tsv(frequency, selection)
    tried = tuning_table(held_out, final)
    write_tsv(tried, tuning)
    return {
        STATISTICS[target.type]: pooled(part.pairs for part in held_out),
        "patients": float(len(y)),
        "events": float(result.events),
        "features": float(len(result.used)),
        "configurations_tried": float(len(tried)),
        "sha256": sha256(content),
    }


def version(package: str) -> str:
    """Return a package's version; Rigoromics itself may run from its folder, uninstalled."""
    if package == "rigoromics":
        from rigoromics import __version__

        return __version__
    return metadata.version(package)


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
