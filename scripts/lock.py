"""Record the hash of every signature before anybody looks at an external cohort."""

from pathlib import Path

import pandas as pd

from rigoromics.model.locking import sha256, unlock
from scripts.tables import write_tsv


def main(*, signatures: list[Path], locks: Path) -> dict[str, float | str]:
    """Write the table of locks: signature, model, sha256, number of features in use."""
    rows = []
    for path in signatures:
        content = path.read_bytes()
        signature = unlock(content, sha256(content))
        rows.append(
            {
                "signature": signature.signature,
                "model": signature.model,
                "sha256": sha256(content),
                "n_features": len(signature.used),
            }
        )
    table = pd.DataFrame(rows).sort_values(["signature", "model"])
    write_tsv(table, locks)
    return {"signatures": float(len(table))}


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
