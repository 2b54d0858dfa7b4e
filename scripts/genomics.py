"""Features against a table of genes, mutations or pathway scores, on development patients."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.associate.genomics import associate, pairs
from rigoromics.errors import DataError
from rigoromics.read.keys import Keys
from rigoromics.report.genomics_figure import heat_map, sortable
from rigoromics.report.style import save
from rigoromics.table import numbers
from scripts.tables import ids, read_any, write_if_changed, write_tsv

log = logging.getLogger(__name__)


def main(
    *,
    table: Path,
    genes: Path,
    salt: list[Path],
    associations: Path,
    page: Path,
    picture: Path,
    settings: dict[str, Any],
    public: bool,
    seed: int,
) -> dict[str, float]:
    """Write the strongest pairs as a table and as a page that sorts, and the heat map.

    `salt` is empty in a study of feature tables.
    """
    everybody = pd.read_parquet(table).set_index("patient")
    X = everybody[everybody["study.role"] == "development"]
    values = read_any(genes, text=(settings["id"],))
    if settings["id"] not in values.columns:
        raise DataError(
            f"the gene table has no column {settings['id']!r}",
            "set `genomics: id:` to the column with the patient's ID",
            genes.name,
        )
    names = ids(values.pop(settings["id"]))
    keys = Keys(salt[0].read_text(encoding="utf-8").strip(), public) if salt else None
    known = [_key(str(name), keys, list(everybody.index)) for name in names.fillna("")]
    values = values.apply(lambda column: numbers(column, "the gene table"))
    values.index = pd.Index(known)
    twice = values.index[values.index.duplicated() & (values.index != "")]
    if len(twice):
        raise DataError(
            f"{len(twice)} patients stand in the gene table more than once",
            "keep one row per patient",
            genes.name,
        )
    covariates = X[[f"clinical.{name}" for name in settings["covariates"]]]
    found = associate(X, values[values.index != ""], covariates, settings["permutations"], seed)
    rows = pairs(found)
    write_tsv(rows, associations)
    about = (
        f"{found.patients} development patients, {len(found.features)} features, "
        f"{len(found.genes)} genes; {found.covariates} columns of covariates taken out; the "
        f"{len(rows)} strongest pairs. q: permutation false discovery rate, share of pairs without "
        f"association {found.null_share:.2f}. p_maxt: family-wise."
    )
    write_if_changed(page, sortable(rows, about).encode())
    save(heat_map(found, settings["alpha"]), picture)
    below = float((found.q < settings["alpha"]).sum())
    log.info("%s %d features and genes left out.", about, len(found.left_out))
    return {"patients": float(found.patients), "pairs": float(found.r.size), "below_alpha": below}


def _key(name: str, keys: Keys | None, patients: list[str]) -> str:
    """Return the study's name of a patient; empty if the study does not know the patient."""
    if keys is not None:
        return keys.patient(name) if name else ""
    fitting = [p for p in patients if p == name or p.endswith(f"-{name.zfill(4)}")]
    if len(fitting) > 1:
        raise DataError(
            f"the ID {name} of the gene table fits {len(fitting)} patients of the study "
            f"({fitting[0]}, {fitting[1]}, ...)",
            "write the study's own names of patients: cohort-centre-ID",
        )
    return fitting[0] if fitting and name else ""


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
