"""How the verdict writes numbers and names, and what it says of small samples.

References
----------
Collins GS, Ogundimu EO, Altman DG. Sample size considerations for the external validation of a
multivariable prognostic model: a resampling study. Stat Med 2016;35:214 (at least 100 events).
Peduzzi P et al. A simulation study of the number of events per variable in logistic regression
analysis. J Clin Epidemiol 1996;49:1373.
"""

from __future__ import annotations

import math

import pandas as pd

FEW_EVENTS = 20
ADVISED_EVENTS = 100
ADVISED_PER_FEATURE = 10.0


def p_text(p: float) -> str:
    """Return ``p = 0.031`` or ``p < 0.001``; never a p rounded onto the other side of 0.05."""
    if math.isnan(p):
        return "p not estimable"
    if p < 0.001:
        return "p < 0.001"
    digits = 2 if p >= 0.0995 else 3
    text = f"{p:.{digits}f}"
    return f"p = {f'{p:.4f}' if text == '0.050' and p != 0.05 else text}"


def estimate_text(row: pd.Series, alpha: float) -> str:
    """Return ``0.71 (95% CI 0.58 to 0.81)``, with a third decimal where 0.50 would mislead."""
    value = float(row["estimate"] if "estimate" in row.index else row["difference"])
    limits = [float(row["lower"]), float(row["upper"])]
    if math.isnan(value):
        return "not estimable"
    near = any(abs(x - edge) < 0.01 for x in limits for edge in (0.0, 0.5))
    digits = 3 if near else 2
    if math.isnan(limits[0]):
        return f"{value:.{digits}f} (no interval)"
    lower, upper = (f"{limit:.{digits}f}" for limit in limits)
    return f"{value:.{digits}f} ({100 * (1 - alpha):g}% CI {lower} to {upper})"


def signature_words(signature: str) -> str:
    """Return a signature's name as the sentence says it."""
    return signature.replace("_", " ")


def model_words(model: str) -> str:
    """Return a model's name as the sentence says it."""
    return model.replace("_", " ").replace("cox", "Cox")


def scarcer(row: pd.Series, timed: bool) -> int:
    """Return the events, or for a binary outcome the size of the smaller class."""
    events, n = int(row["events"]), int(row["n"])
    return events if timed else min(events, n - events)


def small_sample_caveats(
    external: pd.Series | None,
    development: pd.Series | None,
    timed: bool,
    features: object = None,
    what: str = "",
) -> list[str]:
    """Return what the numbers of patients do not allow to be said.

    Parameters
    ----------
    external, development
        Rows of the metrics table, for ``n`` and ``events``.
    timed
        Whether the column ``events`` counts what is scarce, as for a survival endpoint; else the
        smaller of both classes does.
    features
        Number of features of the signature, where known.
    what
        What is counted, in words; by itself it follows from ``timed``.
    """
    what = what or ("events" if timed else "patients in the smaller outcome class")
    found = []
    if external is None:
        found.append("No external cohort: performance elsewhere is unknown.")
    else:
        count = scarcer(external, timed)
        advice = f"at least {ADVISED_EVENTS} are advised for an external validation"
        if count < FEW_EVENTS:
            found.append(
                f"Very small external sample: {count} {what}; {advice}. The result can neither"
                " confirm nor rule out a useful signature."
            )
        elif count < ADVISED_EVENTS:
            found.append(f"Small external sample: {count} {what}; {advice}.")
    if development is not None:
        count = scarcer(development, timed)
        if count < FEW_EVENTS:
            found.append(f"Very small development sample: {count} {what}.")
        if isinstance(features, int) and features > 0:
            ratio = count / features
            each = what if what.endswith(("level", "smallest class")) else "events"
            if ratio < ADVISED_PER_FEATURE:
                found.append(
                    f"{ratio:.1f} {each} per feature of the signature, fewer than"
                    f" {ADVISED_PER_FEATURE:g}, the usual minimum."
                )
    return found
