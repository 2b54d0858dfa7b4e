"""The control of random features: what the procedure finds with features drawn blindly."""

from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.model.outcome import Endpoint
from rigoromics.model.random_features import random_feature_statistics
from rigoromics.model.settings import Procedure, Settings
from rigoromics.model.tables import rows_of_role
from scripts.tables import write_tsv


def main(
    *,
    table: Path,
    repeats: Path,
    random: Path,
    endpoint: dict[str, Any],
    signature: str,
    model: str,
    settings: dict[str, Any],
    draws: int,
    seed: int,
    threads: int = 1,
) -> dict[str, float | str]:
    """Write the statistic of the signature (draw -1) and of each draw of features."""
    target = Endpoint.from_dict(endpoint)
    procedure = Procedure(signature, model, target, Settings.from_dict(settings), seed)
    X, y = rows_of_role(pd.read_parquet(table), "development", target)
    statistics = random_feature_statistics(
        X, y, procedure, draws, pd.read_parquet(repeats), threads
    )
    write_tsv(pd.DataFrame({"draw": range(-1, draws), "statistic": statistics}), random)
    beaten = float((statistics[1:] < statistics[0]).sum())
    return {"statistic": float(statistics[0]), "beaten": beaten}


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
