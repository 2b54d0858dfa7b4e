"""Who was identified, who left and why, who was analysed: the patients' flow diagram as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

_STAGES = ["sheet", "images", "quality", "extract"]
_WORDS = {
    "sheet": "no usable scan with segmentation found",
    "images": "scan or segmentation refused",
    "quality": "refused beside the rest of the cohort",
    "extract": "features could not be extracted",
}


def exclusions(
    identified: pd.DataFrame, sheet: Sequence[str], extracted: Sequence[str], problems: pd.DataFrame
) -> pd.DataFrame:
    """Return the patients that have no features, each with its first reason.

    Parameters
    ----------
    identified
        All patients known to the study; columns patient, cohort.
    sheet
        Patients with a row that the person includes on the case sheet.
    extracted
        Patients with features of the reference segmentation.
    problems
        Problems table of all stages.

    Returns
    -------
    pandas.DataFrame
        Columns patient, cohort, stage, reason.
    """
    refused = problems[problems["severity"] == "refused"]
    by_patient = dict(list(refused.groupby("patient")))
    there, included = set(extracted), set(sheet)
    rows = []
    for patient, cohort in zip(identified["patient"], identified["cohort"], strict=True):
        if patient in there:
            continue
        own = by_patient.get(patient, refused.iloc[:0])
        stages = [stage for stage in _STAGES if stage in set(own["stage"])]
        stage = stages[-1] if stages else "images" if patient in included else "sheet"
        reasons = own.loc[own["stage"] == stage, "problem"]
        reason = str(reasons.iloc[0]) if len(reasons) else _WORDS[stage]
        rows.append((patient, cohort, stage, reason))
    return pd.DataFrame(rows, columns=["patient", "cohort", "stage", "reason"])


def flow(
    identified: pd.DataFrame,
    excluded: pd.DataFrame,
    known: Mapping[str, pd.Series[bool]],
) -> pd.DataFrame:
    """Return the numbers of the flow diagram.

    Parameters
    ----------
    identified
        As in `exclusions`.
    excluded
        What `exclusions` returned.
    known
        For each endpoint, which patients of the analysis table have it; index patient.

    Returns
    -------
    pandas.DataFrame
        Columns cohort, step, n. Steps: identified; `excluded: <stage>`; with features;
        `analysed: <endpoint>`.
    """
    rows: list[tuple[str, str, int]] = []
    for cohort, group in identified.groupby("cohort", sort=True):
        out = excluded[excluded["cohort"] == cohort]
        rows.append((str(cohort), "identified", len(group)))
        rows += [
            (str(cohort), f"excluded: {_WORDS[stage]}", int((out["stage"] == stage).sum()))
            for stage in _STAGES
            if (out["stage"] == stage).any()
        ]
        rows.append((str(cohort), "with features", len(group) - len(out)))
        for endpoint, has in known.items():
            there = has.reindex(group["patient"], fill_value=False)
            rows.append((str(cohort), f"analysed: {endpoint}", int(there.sum())))
    return pd.DataFrame(rows, columns=["cohort", "step", "n"])
