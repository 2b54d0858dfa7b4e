"""What one signature adds to another: reclassification and discrimination improvement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from rigoromics.evaluate.estimate import Estimate, Floats, undefined
from rigoromics.evaluate.group import Endpoint, Group, Settings, same_patients
from rigoromics.evaluate.reclassification import (
    PARTS,
    categories,
    discrimination_improvement,
    discrimination_improvement_at,
    reclassification,
    reclassification_at,
)

RECLASSIFICATION = [
    *["endpoint", "cohort", "split", "policy", "a", "b", "metric", "part", "estimate", "lower"],
    *["upper", "method", "n", "events"],
]


def added_questions(primary: str) -> list[tuple[str, str]]:
    """Return who is asked what it adds to whom."""
    pairs = [(primary, "clinical"), (primary, "volume"), ("combined", "clinical")]
    return list(dict.fromkeys((a, b) for a, b in pairs if a != b))


def added_value(
    everything: list[Group],
    endpoint: Endpoint,
    primary: Mapping[str, str],
    settings: Settings,
    seed: int,
) -> pd.DataFrame:
    """Return NRI and IDI of the primary model's signatures, with bootstrap intervals.

    Categories are those of the settings or, without any, the two classes of the cut-offs that
    were locked with the signatures.

    Returns
    -------
    DataFrame
        Columns `RECLASSIFICATION`; ``metric`` is ``nri`` (categories), ``nri_continuous`` or
        ``idi``; ``part`` is ``events``, ``nonevents`` or ``total``.
    """
    own = [g for g in everything if g.key["model"] == primary["model"]]

    def place(group: Group) -> tuple[str, ...]:
        return tuple(group.key[name] for name in ("split", "cohort", "policy"))

    rows = []
    for _, members in groupby(sorted(own, key=place), key=place):
        by_name = {group.key["signature"]: group for group in members}
        for a, b in added_questions(primary["signature"]):
            if a in by_name and b in by_name:
                new, old = same_patients(by_name[a], by_name[b])
                rows += _rows(new, old, endpoint, settings, seed)
    return pd.DataFrame(rows, columns=RECLASSIFICATION)


def _rows(
    new: Group, old: Group, endpoint: Endpoint, settings: Settings, seed: int
) -> list[dict[str, float | str]]:
    measured = _measured(new, old, endpoint, settings, new.counts(settings, seed))
    where: dict[str, float | str] = {
        "endpoint": endpoint.name,
        **{name: new.key[name] for name in ("cohort", "split", "policy")},
        "a": f"{new.key['signature']}.{new.key['model']}",
        "b": f"{old.key['signature']}.{old.key['model']}",
        "n": len(new.table),
        "events": new.events(endpoint),
    }
    return [
        {
            **where,
            "metric": metric,
            "part": part,
            "estimate": found[part].value,
            "lower": found[part].lower,
            "upper": found[part].upper,
            "method": found[part].method,
        }
        for metric, found in measured.items()
        for part in PARTS
    ]


def _measured(
    new: Group, old: Group, endpoint: Endpoint, settings: Settings, counts: Floats
) -> dict[str, dict[str, Estimate]]:
    first, second = old.event_probability(endpoint), new.event_probability(endpoint)
    if settings.risk_categories:
        cuts = settings.risk_categories
        before, after = (_categories(values, cuts) for values in (first, second))
        name = f"NRI, risk categories cut at {', '.join(f'{cut:g}' for cut in cuts)}"
    else:
        before, after = old.column("cutoff_class"), new.column("cutoff_class")
        name = "NRI, classes of the locked cut-offs"
    continuous, alpha = "continuous NRI", settings.alpha
    if not endpoint.timed:
        y = new.column("y")
        return {
            "nri": reclassification(y, before, after, counts, name, alpha),
            "nri_continuous": reclassification(y, first, second, counts, continuous, alpha),
            "idi": discrimination_improvement(y, first, second, counts, alpha),
        }
    if endpoint.horizon is None:
        nothing = dict.fromkeys(PARTS, undefined("the endpoint has no horizon"))
        return dict.fromkeys(("nri", "nri_continuous", "idi"), nothing)
    time, event, at = new.column("time"), new.column("event"), endpoint.horizon
    return {
        "nri": reclassification_at(time, event, before, after, at, counts, name, alpha),
        "nri_continuous": reclassification_at(
            time, event, first, second, at, counts, continuous, alpha
        ),
        "idi": discrimination_improvement_at(time, event, first, second, at, counts, alpha),
    }


def _categories(probability: Floats, cuts: Sequence[float]) -> Floats:
    return np.where(np.isfinite(probability), categories(probability, cuts), np.nan)
