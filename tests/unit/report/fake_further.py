"""Further validation tables of a made-up study, in the columns of the real ones."""

import numpy as np
import pandas as pd

from rigoromics.evaluate.added import RECLASSIFICATION
from rigoromics.evaluate.over_time import AUC_OVER_TIME
from rigoromics.evaluate.recalibration import RECALIBRATION
from rigoromics.evaluate.study import PRECISION_RECALL
from rigoromics.evaluate.subgroups import HETEROGENEITY, SUBGROUPS


def places(external: bool) -> list[dict[str, str]]:
    """Return the pooled cohorts of a study."""
    found = [{"cohort": "development", "split": "development_cv", "policy": "none"}]
    if external:
        found += [
            {"cohort": "all external", "split": "external", "policy": policy}
            for policy in ("align", "none")
        ]
    return found


def reclassification(name: str, model: str, external: bool) -> pd.DataFrame:
    """Return NRI and IDI against clinical variables and volume."""
    rows = [
        {
            "endpoint": name, **place, "a": f"radiomics.{model}", "b": f"{other}.{model}",
            "metric": metric, "part": part, "estimate": 0.12, "lower": -0.04, "upper": 0.28,
            "method": "NRI, classes of the locked cut-offs; percentile interval", "n": 40,
            "events": 18,
        }
        for place in places(external)
        for other in ("clinical", "volume")
        for metric in ("nri", "nri_continuous", "idi")
        for part in ("events", "nonevents", "total")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=RECLASSIFICATION)


def recalibration(name: str, model: str, external: bool) -> pd.DataFrame:
    """Return calibration outside, as locked and recalibrated."""
    rows = [
        {
            "endpoint": name, "signature": "radiomics", "model": model, **place,
            "recalibration": variant, "metric": metric, "estimate": value, "lower": value - 0.2,
            "upper": value + 0.2, "method": "made up", "n": 40, "events": 18,
        }
        for place in places(external)[1:]
        for variant, value in (("untouched", 0.61), ("intercept", 0.62),
                               ("intercept and slope", 0.97))
        for metric in ("calibration_slope", "scaled_brier")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=RECALIBRATION)


def precision_recall(name: str, model: str, external: bool) -> pd.DataFrame:
    """Return a falling curve."""
    rows = [
        {"signature": "radiomics", "model": model, **place, "recall": recall,
         "precision": 1.0 - 0.5 * recall, "threshold": 1.0 - recall}
        for place in places(external)
        for recall in np.linspace(0.1, 1.0, 10)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=PRECISION_RECALL)


def auc_over_time(name: str, model: str, external: bool) -> pd.DataFrame:
    """Return two signatures over time."""
    rows = [
        {"signature": signature, "model": model, **place, "time": time, "auc": value,
         "lower": value - 0.1, "upper": value + 0.1}
        for place in places(external)
        for signature, value in (("clinical", 0.6), ("radiomics", 0.75))
        for time in (6.0, 12.0, 24.0)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=AUC_OVER_TIME)


def subgroups(name: str, model: str, external: bool) -> pd.DataFrame:
    """Return two sexes, one of them too small, and the test between them."""
    metric = "c_index" if model.startswith("cox") else "auc"
    levels = (("female", 0.71, 24, 11), ("male", np.nan, 6, 2), (HETEROGENEITY, 1.2, 30, 13))
    rows = [
        {"endpoint": name, "signature": "radiomics", "model": model, **place, "variable": "sex",
         "level": level, "metric": metric, "estimate": value, "lower": value - 0.1,
         "upper": value + 0.1, "method": "made up", "n": n, "events": events,
         "p": 0.27 if level == HETEROGENEITY else np.nan,
         "p_adjusted": 0.27 if level == HETEROGENEITY else np.nan}
        for place in places(external)
        for level, value, n, events in levels
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=SUBGROUPS)


def tables(name: str, model: str, external: bool) -> dict[str, pd.DataFrame]:
    """Return all of them by file name."""
    makers = (reclassification, recalibration, precision_recall, auc_over_time, subgroups)
    return {make.__name__: make(name, model, external) for make in makers}
