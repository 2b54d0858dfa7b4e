"""The permuted-outcome control: what the whole procedure finds where there is nothing to find."""

from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.model.nested import permutation_p_value, permutation_statistics
from rigoromics.model.outcome import Endpoint
from rigoromics.model.settings import Procedure, Settings
from rigoromics.model.tables import rows_of_role
from scripts.tables import write_tsv


def main(
    *,
    table: Path,
    repeats: Path,
    permutation: Path,
    endpoint: dict[str, Any],
    signature: str,
    model: str,
    settings: dict[str, Any],
    permutations: int,
    seed: int,
    threads: int = 1,
) -> dict[str, float | str]:
    """Write the statistic of the observed outcomes (permutation -1) and of each permutation."""
    target = Endpoint.from_dict(endpoint)
    procedure = Procedure(signature, model, target, Settings.from_dict(settings), seed)
    X, y = rows_of_role(pd.read_parquet(table), "development", target)
    statistics = permutation_statistics(
        X, y, procedure, permutations, pd.read_parquet(repeats), threads
    )
    rows = pd.DataFrame({"permutation": range(-1, permutations), "statistic": statistics})
    write_tsv(rows, permutation)
    result: dict[str, float | str] = {"statistic": float(statistics[0])}
    if permutations:
        result["p"] = permutation_p_value(statistics)
    return result


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
