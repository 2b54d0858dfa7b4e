"""Further validation tables of a made-up study, in the columns of the real ones."""

import pandas as pd

from rigoromics.evaluate.added import RECLASSIFICATION
from rigoromics.evaluate.recalibration import RECALIBRATION


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


def tables(name: str, model: str, external: bool) -> dict[str, pd.DataFrame]:
    """Return all of them by file name."""
    makers = {"reclassification": reclassification, "recalibration": recalibration}
    return {key: make(name, model, external) for key, make in makers.items()}
