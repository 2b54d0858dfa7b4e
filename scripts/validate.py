"""Apply the locked signatures to the external cohorts, once, as they were locked."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.errors import DataError
from rigoromics.model.locking import unlock
from rigoromics.model.outcome import Endpoint, Outcome
from rigoromics.model.signature import Signature
from rigoromics.model.tables import mean_over_repeats, prediction_rows, rows_of_role
from scripts.tables import write_parquet

log = logging.getLogger(__name__)


def main(
    *,
    table: Path,
    shuffled: Path,
    locks: Path,
    signatures: list[Path],
    oof: list[Path],
    predictions: Path,
    endpoint: dict[str, Any],
    policies: list[str],
) -> dict[str, float | str]:
    """Write predictions: external rows under each policy, and development rows out of fold.

    `signatures` and `oof` come in the same order. Development rows carry the policy `none`:
    their batches were seen in training, but for the folds' own exceptions.
    """
    target = Endpoint.from_dict(endpoint)
    recorded = pd.read_csv(locks, sep="\t", dtype=str)
    tables = {"": pd.read_parquet(table)}
    parts = []
    for path, out_of_fold in zip(signatures, oof, strict=True):
        signature = _locked(path, recorded)
        source = ""
        if signature.signature == "shuffled":
            source = "shuffled"
            tables.setdefault(source, pd.read_parquet(shuffled))
        rows = tables[source]
        external = rows_of_role(rows, "external", target)
        everyone = rows[rows["study.role"] == "external"].set_index("patient").sort_index()
        parts += [_external(signature, everyone, *external, policy) for policy in policies]
        development = rows_of_role(rows, "development", target)
        parts.append(_development(signature, *development, pd.read_parquet(out_of_fold)))
    result = pd.concat(parts, ignore_index=True)
    keys = ["signature", "model", "split", "policy", "patient"]
    result = result.sort_values(keys, ignore_index=True)
    write_parquet(result, predictions)
    count = result.loc[result["split"] == "external", "patient"].nunique()
    log.info("%d signatures applied to %d external patients.", len(signatures), count)
    return {"signatures": float(len(signatures)), "external_patients": float(count)}


def _locked(path: Path, recorded: pd.DataFrame) -> Signature:
    """Return a signature whose hash is among the recorded ones, under its own name."""
    content = path.read_bytes()
    name = path.parent.name
    rows = recorded[recorded["signature"] + "." + recorded["model"] == name]
    if len(rows) != 1:
        raise DataError(
            f"signature {name!r} is not among the locked ones",
            "lock it before it is validated",
            str(path),
        )
    return unlock(content, rows["sha256"].iloc[0])


def _external(
    signature: Signature, everyone: pd.DataFrame, X: pd.DataFrame, y: Outcome, policy: str
) -> pd.DataFrame:
    """Predict for all external patients, keep those of a known outcome: an unseen scanner is
    aligned by the features of everyone, whatever is known of them later.
    """
    if policy == "refuse":
        known = everyone["study.batch"].isin(signature.batches) | (not signature.batches)
        kept = X.index.isin(everyone.index[known])
        log.info("%d external patients of unseen batches are refused.", int((~kept).sum()))
        everyone, X, y = everyone[known], X[kept], y[kept]
    if X.empty:
        return pd.DataFrame()
    said = [signature.predict(everyone, policy), signature.survival(everyone, policy)]
    predicted = pd.concat(said, axis=1).loc[X.index]
    return prediction_rows(_names(signature), X, y, predicted, "external", policy)


def _development(
    signature: Signature, X: pd.DataFrame, y: Outcome, oof: pd.DataFrame
) -> pd.DataFrame:
    predicted = mean_over_repeats(oof).reindex(X.index)
    return prediction_rows(_names(signature), X, y, predicted, "development_cv", "none")


def _names(signature: Signature) -> tuple[str, str]:
    return signature.signature, signature.model


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
