"""Treatment by risk group of the locked primary signature: effects, interaction, curves."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from rigoromics.errors import DataError
from rigoromics.evaluate.survival import KAPLAN_MEIER_COLUMNS
from rigoromics.evaluate.treatment import COLUMNS, curves_by_arm, treatment_effects
from rigoromics.report.style import not_applicable, save
from rigoromics.report.treatment_figure import treatment_figure
from scripts.tables import write_tsv

log = logging.getLogger(__name__)

EMPTY = [*COLUMNS, "split"]
NOT_RANDOMISED = (
    "; treatment was not allocated at random: this describes, and proves nothing about treatment"
)


def main(
    *,
    predictions: Path,
    table: Path,
    effects: Path,
    curves: Path,
    picture: Path,
    endpoint: dict[str, Any],
    primary: dict[str, Any],
    treatment: dict[str, Any],
) -> dict[str, float]:
    """Write the effect of treatment in each risk group: development out of fold, and external.

    Endpoints that are neither binary nor times to an event get a header alone. Risk groups
    are those of the cut-off that was locked (external) or learned inside each fold
    (development); nothing is fitted to find them here.
    """
    rows = _with_treatment(pd.read_parquet(predictions), pd.read_parquet(table), primary, treatment)
    survival = endpoint["type"] == "survival"
    if not survival and endpoint["type"] != "binary":
        rows = rows.iloc[:0]
    arms = (str(treatment["reference"]), str(treatment["treated"]))
    found, drawn = [], []
    for split, group in rows.groupby("split", sort=True):
        outcome = group["event" if survival else "y"]
        time = group["time"] if survival else None
        groups = group["treated"], group["cutoff_class"]
        found.append(treatment_effects(outcome, *groups, time).assign(split=split))
        if survival:
            curve = curves_by_arm(group["time"], outcome, *groups, arms)
            drawn.append(curve.assign(split=split))
    every = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=EMPTY)
    if not treatment["randomised"]:
        every["method"] += NOT_RANDOMISED
    lines = pd.DataFrame(columns=["group", "arm", *KAPLAN_MEIER_COLUMNS, "split"])
    lines = pd.concat(drawn, ignore_index=True) if drawn else lines
    write_tsv(every, effects)
    write_tsv(lines, curves)
    figure = not_applicable("Curves belong to survival endpoints")
    if survival:
        figure = treatment_figure(lines, every, arms, endpoint["label"], endpoint["unit"])
    save(figure, picture)
    log.info("%d patients with one of the two treatments", len(rows))
    both = every[every["contrast"] == "interaction"].set_index("split")["p_lr"].dropna()
    return {f"interaction_p.{split}": float(p) for split, p in both.items()}


def _with_treatment(
    predictions: pd.DataFrame,
    table: pd.DataFrame,
    primary: dict[str, Any],
    treatment: dict[str, Any],
) -> pd.DataFrame:
    mine = predictions[
        (predictions["signature"] == primary["signature"])
        & (predictions["model"] == primary["model"])
        & ((predictions["policy"] == primary["policy"]) | (predictions["split"] != "external"))
    ]
    given = table.set_index("patient")[f"clinical.{treatment['column']}"]
    if pd.api.types.is_numeric_dtype(given):
        # A column of 0 and 1 with an empty cell is read as 0.0 and 1.0.
        given = given.map("{:g}".format, na_action="ignore")
    given = given.where(given.isna(), given.astype(str))
    levels = {str(treatment["reference"]): 0, str(treatment["treated"]): 1}
    absent = [name for name in levels if not (given == name).any()]
    if absent:
        known = ", ".join(sorted(set(given.dropna()))[:8])
        raise DataError(
            f"no patient has the treatment {absent[0]!r} in column {treatment['column']!r}",
            f"correct `treatment:` in the config; the column holds: {known}",
        )
    rows = mine.assign(treated=mine["patient"].map(given).map(levels))
    left = int(rows["treated"].isna().sum())
    if left:
        log.info("%d predictions of patients with another or no treatment are left out", left)
    return rows[rows["treated"].notna()]


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
