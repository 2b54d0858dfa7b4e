"""The analysis table: features, clinical predictors and endpoints, one row per patient."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rigoromics import table as tables
from rigoromics.errors import DataError
from rigoromics.flow import exclusions, flow
from rigoromics.lesions import LesionRule
from rigoromics.longitudinal import case_days, incomplete, marker_changes
from scripts.tables import EXTRACTION, read_tsv, write_parquet, write_tsv

log = logging.getLogger(__name__)


def main(
    *,
    features: Path,
    clinical: Path,
    cases: Path,
    acquisition: Path,
    problems: list[Path],
    table: Path,
    shuffled: Path,
    repeats: Path,
    excluded: Path,
    flow_table: Path,
    settings: dict[str, Any],
) -> dict[str, float]:
    """Join everything known of each patient, and say who is missing and why."""
    long = pd.read_parquet(features)
    extraction = long.attrs.pop(EXTRACTION, {})
    sheet = read_tsv(cases)
    people = pd.read_parquet(clinical).set_index("patient")
    retest_of, rater = settings["retest_of"], settings["reference_rater"]
    first = long[~long["scan"].isin(retest_of)]
    lesions = LesionRule(volume_feature=settings["volume_feature"], **settings.get("lesions", {}))
    wide = tables.one_row_per_patient(first, rater, "none", lesions)
    days, late = _timepoints(first, people, rater, settings)
    wide = wide.drop(index=late["patient"], errors="ignore")

    included = sheet[sheet["include"].str.strip().str.lower() == "yes"]
    study = _study_columns(included, settings)
    joined = _join(study, people, wide, settings)
    joined = pd.concat([joined, days.reindex(joined.index)], axis=1)
    identified = _identified(read_tsv(acquisition), sheet, people)
    seen = pd.concat([*(read_tsv(path) for path in problems), late], ignore_index=True)
    left = exclusions(identified, list(included["patient"]), list(wide.index), seen)
    _stop_if_too_many_failed(left, included["patient"].nunique(), settings["max_failed"])

    development = joined.index[joined["study.role"] == "development"]
    again = tables.repeats(long, list(development), rater, retest_of, lesions)
    control = tables.one_row_per_patient(first, rater, "shuffled", lesions)
    known = {
        name: joined[tables.endpoint_columns(name, endpoint["type"])].notna().all(axis=1)
        for name, endpoint in settings["endpoints"].items()
    }
    for rows, path in (
        (joined, table),
        (_with_control(joined, control, list(wide.columns)), shuffled),
    ):
        flat = rows.reset_index()
        flat.attrs[EXTRACTION] = extraction
        write_parquet(flat, path)
    write_parquet(again, repeats)
    write_tsv(left, excluded)
    write_tsv(flow(identified, left, known), flow_table)
    log.info("%d patients, %d features, %d excluded", len(joined), wide.shape[1], len(left))
    return {"patients": len(joined), "features": wide.shape[1], "excluded": len(left)}


def _timepoints(
    first: pd.DataFrame, people: pd.DataFrame, rater: str, settings: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """When each case was imaged, and who is refused for want of a timepoint."""
    asked = settings.get("longitudinal")
    nobody = pd.DataFrame(columns=["patient", "stage", "severity", "problem"])
    if asked is None:
        return pd.DataFrame(), nobody
    counts = first[(first["rater"] == rater) & (first["perturbation"] == "none")]
    days = case_days(counts, people, asked)
    lacking = incomplete(days, [asked["baseline"], *asked["follow_up"]])
    if asked["missing"] == "impute":
        log.info("%d patients lack a timepoint; models impute their changes.", len(lacking))
        return days, nobody
    late = pd.DataFrame({"patient": lacking.index, "problem": lacking.to_numpy()})
    return days, late.assign(stage="extract", severity="refused")


def _study_columns(sheet: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    first = sheet[~sheet["scan"].isin(settings["retest_of"])]
    _check_cohorts(first, list(settings["cohorts"]))
    study = first.drop_duplicates("patient").set_index("patient")[["cohort", "centre"]]
    study["role"] = study["cohort"].map({k: v["role"] for k, v in settings["cohorts"].items()})
    study["batch"] = tables.join_batches(first, settings["batch"])
    variables = tables.batch_variables(first, settings.get("batch_variables", []))
    columns = ["cohort", "role", "centre", "batch", *variables.columns]
    return study.join(variables)[columns].add_prefix("study.")


def _check_cohorts(sheet: pd.DataFrame, known: list[str]) -> None:
    """Every patient is in one cohort, and the config knows it (rule of evidence 1)."""
    unknown = sorted(set(sheet["cohort"]) - set(known))
    if unknown:
        raise DataError(
            f"the case sheet names the cohort {unknown[0]!r}, which the config does not know",
            f"use one of: {', '.join(known)}",
        )
    cohorts = sheet.groupby("patient")["cohort"].nunique()
    if (cohorts > 1).any():
        raise DataError(
            f"patient {cohorts.index[cohorts > 1][0]} is in more than one cohort of the case sheet",
            "give all rows of the patient the same cohort, or exclude some",
        )


def _join(
    study: pd.DataFrame, people: pd.DataFrame, wide: pd.DataFrame, settings: dict[str, Any]
) -> pd.DataFrame:
    # Described variables stand beside the predictors; models take those that the config names.
    names = dict.fromkeys([*settings["predictors"], *settings["describe"]])
    predictors = people[list(names)].add_prefix("clinical.")
    if asked := settings.get("longitudinal"):
        predictors = predictors.join(marker_changes(people, asked).add_prefix("clinical."))
    for name, kind in settings["predictors"].items():
        if kind == "numeric":
            predictors[f"clinical.{name}"] = tables.numbers(people[name], "the clinical table")
    for name in settings.get("scores", []):
        predictors[f"clinical.{name}"] = tables.numbers(people[name], "the clinical table")
    endpoints = tables.endpoint_values(people, settings["endpoints"])
    beside = pd.concat([predictors, endpoints], axis=1)
    joined = study.join(beside, how="left").join(wide, how="inner")
    if not len(joined):
        raise DataError(
            "no patient has both features and a row on the case sheet",
            "look at the problems table for the reasons, case by case",
        )
    unmatched = ~joined.index.isin(people.index)
    if unmatched.all():
        raise DataError(
            "no patient of the images is in the clinical table",
            "check `clinical: id:` in the config: its values must equal the PatientID in DICOM",
        )
    joined = tables.standard_missing(joined).sort_index()
    _check_scores(joined, settings.get("scores", []))
    return joined


def _check_scores(joined: pd.DataFrame, scores: list[str]) -> None:
    """Every patient has every score: a filled one would be no word of the other model."""
    for name in scores:
        lacking = joined.index[~np.isfinite(joined[f"clinical.{name}"].to_numpy(dtype=float))]
        if len(lacking):
            raise DataError(
                f"{len(lacking)} patients have no value of the score {name!r} (first: "
                f"{lacking[0]})",
                "give every patient on the case sheet a score in the clinical table, or leave the "
                "patient out on the case sheet",
                "the clinical table",
            )


def _identified(
    acquisition: pd.DataFrame, sheet: pd.DataFrame, people: pd.DataFrame
) -> pd.DataFrame:
    imaged = pd.concat([sheet, acquisition], ignore_index=True)[["patient", "cohort"]]
    imaged = imaged.drop_duplicates("patient")
    alone = people.index.difference(imaged["patient"])
    only_clinical = pd.DataFrame({"patient": alone, "cohort": "clinical table only"})
    both = pd.concat([imaged, only_clinical], ignore_index=True)
    return both.sort_values("patient", ignore_index=True)


def _with_control(joined: pd.DataFrame, control: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The analysis table with the features of the shuffled voxels in place of the true ones."""
    beside = joined.drop(columns=names)
    return beside.join(control.reindex(columns=names), how="left")


def _stop_if_too_many_failed(left: pd.DataFrame, included: int, limit: float) -> None:
    failed = int((left["stage"] != "sheet").sum())
    if failed > limit * included:
        raise DataError(
            f"{failed} of {included} patients on the case sheet were refused, more than the "
            f"share of {limit:g} that `compute: max_failed` allows",
            "read features/problems.tsv, mend the data or leave these cases out on the case "
            "sheet, or raise the limit",
        )


if __name__ == "__main__":
    from scripts.runner import run

    run(main, snakemake)  # noqa: F821
