"""Each feature alone against one endpoint: tables of tests and cut-offs, and their picture."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.associate.univariate import Settings, external_table, univariate_table
from rigoromics.model.outcome import Endpoint, events
from rigoromics.model.tables import rows_of_role
from rigoromics.report.style import save
from rigoromics.report.univariate_figure import univariate_figure
from scripts.tables import write_tsv

log = logging.getLogger(__name__)


def main(
    *,
    table: Path,
    features: Path,
    external: Path,
    picture: Path,
    endpoint: dict[str, Any],
    settings: dict[str, Any],
    seed: int,
) -> dict[str, float]:
    """Choose on development patients; check cut-offs in each external cohort, as they are."""
    target = Endpoint.from_dict(endpoint)
    everybody = pd.read_parquet(table)
    X, y = rows_of_role(everybody, "development", target)
    asked = Settings(settings["bootstrap"], settings["permutations"], seed)
    found = univariate_table(X, y, target.type, asked)
    write_tsv(found, features)
    others, outcomes = rows_of_role(everybody, "external", target)
    parts = [
        external_table(found, others[rows], outcomes[rows.to_numpy()], target.type).assign(
            cohort=cohort
        )
        for cohort in sorted(others["study.cohort"].unique())
        for rows in [others["study.cohort"] == cohort]
    ]
    checked = pd.concat(parts) if parts else pd.DataFrame(columns=["cohort", "feature"])
    write_tsv(checked[["cohort", *(c for c in checked if c != "cohort")]], external)
    happened = events(y) if target.type == "binary" else None
    save(univariate_figure(found, X, happened, settings["top"]), picture)
    significant = int((found["q"] < 0.05).sum())
    log.info("%d features, %d with a false discovery rate below 5%%.", len(found), significant)
    return {"features": float(len(found)), "significant": float(significant)}


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
