"""What a reader is told of one feature's stability, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

COLUMNS = ["feature", "sentence"]
# In the order of the sentence; {k} repeats, of which one is the scan as it is.
DESIGNS = {
    "raters": "between {k} raters",
    "retest": "test-retest",
    "perturbations": "over {others} perturbations",
}
# A second scan holds more of what will vary later than a second contour, and that more than a
# perturbation: the first design there is speaks for the variation within a patient.
VARIATION = ("retest", "raters", "perturbations")


def sentences_table(stability: pd.DataFrame, repeatability: pd.DataFrame) -> pd.DataFrame:
    """Return one sentence per feature.

    Parameters
    ----------
    stability
        What :func:`rigoromics.stability.table.stability_table` returns.
    repeatability
        What :func:`rigoromics.stability.measures.repeatability_table` returns.

    Returns
    -------
    pandas.DataFrame
        Columns feature and sentence, features in the order of `stability`.
    """
    if stability.empty:
        return pd.DataFrame(columns=COLUMNS)
    beside = ["feature", "design", "repeats", "within_cv"]
    both = stability.merge(repeatability[beside], on=["feature", "design"], how="left")
    found: dict[str, dict[str, dict[Any, Any]]] = {}
    for row in both.to_dict("records"):
        found.setdefault(str(row["feature"]), {})[str(row["design"])] = row
    rows = [(feature, sentence(designs)) for feature, designs in found.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def sentence(designs: Mapping[str, Mapping[Any, Any]]) -> str:
    """Return the sentence of one feature.

    Parameters
    ----------
    designs
        Design to its row: icc_type, icc, lower, upper, n, repeats, within_cv.

    Examples
    --------
    >>> row = {"icc_type": "ICC(A,1)", "icc": 0.912, "lower": 0.85, "upper": 0.951, "n": 40,
    ...        "repeats": 3, "within_cv": 0.061}
    >>> sentence({"raters": row})
    'ICC(A,1) between 3 raters 0.91 (95% CI 0.85 to 0.95, 40 patients); within-subject CV 6.1%.'
    """
    known = [design for design in DESIGNS if design in designs]
    known += sorted(set(designs) - set(DESIGNS))
    texts, form = [], ""
    for design in known:
        row = designs[design]
        # The form is said again only where it changes.
        shown = "" if row["icc_type"] == form else f"{row['icc_type']} "
        form = row["icc_type"]
        texts.append(shown + _of_design(design, row))
    variation = [design for design in VARIATION if design in designs]
    cv = float(designs[variation[0]]["within_cv"]) if variation else math.nan
    if math.isfinite(cv):
        whose = f" ({_name(variation[0], designs[variation[0]])})" if len(known) > 1 else ""
        texts.append(f"within-subject CV {100 * cv:.{0 if cv >= 0.1 else 1}f}%{whose}")
    return "; ".join(texts) + "."


def _of_design(design: str, row: Mapping[str, Any]) -> str:
    n = int(row["n"])
    patients = f"{n} patient{'' if n == 1 else 's'}"
    if not math.isfinite(row["icc"]):
        return f"{_name(design, row)} not estimable ({patients})"
    limits = f"95% CI {_fixed(row['lower'])} to {_fixed(row['upper'])}"
    return f"{_name(design, row)} {_fixed(row['icc'])} ({limits}, {patients})"


def _name(design: str, row: Mapping[str, Any]) -> str:
    k = int(row["repeats"])
    return DESIGNS.get(design, design).format(k=k, others=k - 1)


def _fixed(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")
