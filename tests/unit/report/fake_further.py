"""Further validation tables of a made-up study, in the columns of the real ones."""

import pandas as pd

from rigoromics.evaluate.added import RECLASSIFICATION


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
