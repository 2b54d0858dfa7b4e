"""Measure how much of the features is scanner, before and after harmonisation."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from rigoromics.harmonise.batch_effect import (
    EFFECT_COLUMNS,
    FEATURE_COLUMNS,
    batch_effect,
    measured_batches,
    principal_plane,
)
from rigoromics.harmonise.confounding import refuse_confounded_outcome
from rigoromics.harmonise.sequential import BATCH, METHODS, VARIABLE, Harmoniser, harmoniser
from rigoromics.report.harmonisation_figure import (
    Batches,
    Plane,
    harmonisation_figure,
    nothing_to_harmonise,
)
from rigoromics.report.style import save
from scripts.tables import write_tsv

logger = logging.getLogger(__name__)


def main(
    *,
    table: Path,
    effect: Path,
    features: Path,
    picture: Path,
    settings: dict[str, Any],
    seed: int,
) -> dict[str, float | str]:
    """Write the batch effect, its share in every feature, and the picture."""
    everyone = pd.read_parquet(table)
    development = everyone[everyone["study.role"] == "development"]
    external = everyone[everyone["study.role"] != "development"]
    harmonise = settings.get("method", "combat") in METHODS
    # Halves and pictures refuse nobody: what a refused patient looks like is of interest too.
    shown = "none" if settings.get("unseen") == "refuse" else settings.get("unseen", "none")
    asked = {**settings, "unseen": shown} | ({} if harmonise else {"method": "combat"})
    combat = harmoniser(asked, development)
    labels = development[BATCH].astype(str)
    measured = pd.DataFrame(columns=EFFECT_COLUMNS), pd.DataFrame(columns=FEATURE_COLUMNS)
    if labels.nunique() < 2:
        logger.info("All development patients are of one batch: there is nothing to harmonise.")
        drawn = nothing_to_harmonise(labels.iloc[0])
    else:
        if harmonise:
            refuse_outcomes(development)
        if len(measured_batches(labels)) < 2:
            logger.info("Too few patients per batch to measure the batch effect.")
        else:
            measured = batch_effect(development, combat, seed, after=harmonise)
        drawn = draw(development, external, combat, settings.get("method", "combat"), measured)
    for frame, path in zip(measured, (effect, features), strict=True):
        write_tsv(frame, path)
    save(drawn, picture)
    return {
        f"{row['measure']}_{row['stage']}": float(row["value"])
        for row in measured[0].to_dict("records")
    }


def refuse_outcomes(development: pd.DataFrame) -> None:
    """Raise a DataError if the batch, or one of its variables, gives away an endpoint."""
    batches = [name for name in development.columns if name.startswith(VARIABLE)] or [BATCH]
    for name in development.columns:
        if name.startswith("endpoint.") and not name.endswith(".time"):
            for batch in batches:
                refuse_confounded_outcome(
                    development[batch], development[name], name.removeprefix("endpoint.")
                )


def draw(
    development: pd.DataFrame,
    external: pd.DataFrame,
    combat: Harmoniser,
    method: str,
    measured: tuple[pd.DataFrame, pd.DataFrame],
) -> Figure:
    """Return the picture; ComBat, if any, learns on the development patients alone."""
    columns = combat.feature_columns(development)
    stages = [("Features as they are", development, external)]
    if method != "none":
        combat.fit(development)
        unseen = set(external[BATCH].dropna().astype(str)) - set(development[BATCH].astype(str))
        name = "CovBat" if method == "covbat" else "ComBat"
        title = f"After {name} (unseen batch: {combat.unseen})" if unseen else f"After {name}"
        stages.append((title, combat.transform(development), combat.transform(external)))
    planes = [
        Plane(title, *principal_plane(learned[columns].to_numpy(), others[columns].to_numpy()))
        for title, learned, others in stages
    ]
    batches = Batches(
        development[BATCH].astype(str).tolist(),
        external[BATCH].astype(object).where(external[BATCH].notna(), "no batch").tolist(),
    )
    return harmonisation_figure(planes, batches, *measured)


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
