"""What must be said of a confounded protocol before anything else."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from rigoromics.audit.differences import COHORTS, PREDICTS, SEPARATES

NAMES = {
    "kernel": "reconstruction kernel",
    "reconstruction_kind": "kind of reconstruction",
    "reconstruction_strength": "strength of iterative reconstruction",
    "reconstruction": "reconstruction method",
    "slice_thickness": "slice thickness",
    "spacing_between_slices": "slice spacing",
    "pixel_spacing": "pixel spacing",
    "field_of_view": "field of view",
    "kv": "tube voltage",
    "tube_current": "tube current",
    "exposure_time": "exposure time",
    "exposure": "exposure (mAs)",
    "scan_mode": "scan mode",
    "contrast": "contrast agent given",
    "contrast_agent": "class of contrast agent",
    "contrast_phase": "contrast phase",
    "field_strength": "field strength",
    "sequence": "sequence family",
    "sequence_name": "sequence",
    "dimensions": "2D or 3D acquisition",
    "echo_train": "echo train length",
    "k_space": "k-space filling",
    "parallel": "parallel imaging",
    "injected_dose": "injected dose",
    "time_per_bed": "time per bed",
    "psf": "point spread function",
    "model": "scanner model",
    "software": "scanner software",
    "target": "target material",
}
_SHOWN = 5


def factor_name(factor: str) -> str:
    """Return what a reader calls a factor."""
    return NAMES.get(factor, factor.replace("_", " "))


def shouts(
    differences: pd.DataFrame, name_scan: bool, labels: Mapping[str, str]
) -> tuple[str, ...]:
    """Return one sentence per comparison in which the protocol is confounded.

    Parameters
    ----------
    differences
        The table of differences.
    name_scan
        Whether sentences say which scan they are about.
    labels
        Endpoint to what the paper calls it.
    """
    said = []
    for (scan, comparison), rows in differences.groupby(["scan", "comparison"], sort=True):
        where = f" of scan “{scan}”" if name_scan else ""
        apart = _listed(rows[rows["finding"] == SEPARATES])
        strong = _listed(rows[rows["finding"] == PREDICTS])
        if comparison == COHORTS:
            said += [_cohorts(apart, where)] if apart else []
        elif str(comparison).endswith("(development)"):
            endpoint = str(comparison).removesuffix(" (development)")
            label = labels.get(endpoint, endpoint)
            said += [_outcome(label, apart, where, True)] if apart else []
            said += [_outcome(label, strong, where, False)] if strong else []
    return tuple(said)


def _cohorts(names: str, where: str) -> str:
    return (
        f"Confounded protocol: the cohorts{where} have no {names} in common. A difference in "
        "performance between cohorts cannot be told from this difference in acquisition."
    )


def _outcome(label: str, names: str, where: str, wholly: bool) -> str:
    how = "wholly separates" if wholly else "goes strongly with"
    return (
        f"Confounded protocol: in development patients the acquisition{where} {how} the outcome "
        f"{label}: {names}. A signature may have learned the scanner instead of the disease."
    )


def _listed(rows: pd.DataFrame) -> str:
    """Return the factors by name, the strongest first; one name per group of aliases."""
    ordered = rows.assign(effect=rows["effect"].astype(float).round(6))
    ordered = ordered.sort_values("effect", ascending=False, kind="stable")
    shown: list[str] = []
    seen: set[str] = set()
    for row in ordered.to_dict("records"):
        if row["factor"] in seen:
            continue
        same = [name for name in str(row["aliases"]).split(", ") if name]
        seen |= {row["factor"], *same}
        beside = f" (with it {', '.join(map(factor_name, same))})" if same else ""
        shown.append(factor_name(row["factor"]) + beside)
    more = [f"{len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
    words = [*shown[:_SHOWN], *more]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
